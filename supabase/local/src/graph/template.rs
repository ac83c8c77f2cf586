//! Template messages: their shape, and their fit with the templates that exist.

use serde_json::Value;

use super::validate::{Address, Outgoing, fields, object, required};
use super::{Refusal, Template, TemplateStatus};

/// What a `template` object names, and how a phone shows it.
pub(super) struct Named {
    pub name: String,
    pub language: String,
    pub shown: String,
}

/// Checks the shape of a `template` object.
pub(super) fn read(template: &Value) -> Result<Named, Refusal> {
    let name = required(template, "template", "name", 512)?;
    let language = required(object(template, "language")?, "language", "code", 64)?;
    let mut shown = format!("template {name} ({language})");
    for component in components(template) {
        required(component, "component", "type", 64)?;
        for parameter in parameters(component) {
            if let Some((_, value)) = fields(parameter).find(|(key, _)| *key == "text") {
                shown.push_str(" · ");
                shown.push_str(
                    &value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned),
                );
            }
        }
    }
    Ok(Named {
        name: name.to_owned(),
        language: language.to_owned(),
        shown,
    })
}

/// Holds a message against the templates that exist. `Ok(None)`: it is no template, or
/// any name goes because none is listed.
pub(super) fn known<'a>(
    templates: &'a [Template],
    outgoing: &Outgoing,
) -> Result<Option<&'a Template>, Refusal> {
    let Some((name, language)) = &outgoing.template else {
        return Ok(None);
    };
    if templates.is_empty() {
        return Ok(None);
    }
    let template = templates
        .iter()
        .find(|known| known.name == *name && known.language == *language)
        .ok_or_else(|| {
            Refusal::of(132_001).with_details(format!(
                "template name ({name}) does not exist in {language}"
            ))
        })?;
    if template.status == TemplateStatus::Paused {
        return Err(Refusal::of(132_015));
    }
    if template.category == "authentication" && matches!(outgoing.to, Address::User(_)) {
        return Err(Refusal::of(131_062));
    }
    check_parameters(template, &outgoing.body["template"])?;
    Ok(Some(template))
}

fn check_parameters(template: &Template, sent: &Value) -> Result<(), Refusal> {
    let body: Vec<&Value> = components(sent)
        .filter(|component| component["type"] == "body")
        .flat_map(parameters)
        .collect();
    if body.len() != template.body_parameters {
        return Err(Refusal::of(132_000).with_details(format!(
            "body: number of localizable_params ({}) does not match the expected number of \
             params ({})",
            body.len(),
            template.body_parameters
        )));
    }
    let named = |parameter: &&Value| parameter["parameter_name"].is_string();
    if template.named && !body.iter().all(named) {
        return Err(Refusal::of(100).with_details("Parameter name is missing or empty".to_owned()));
    }
    Ok(())
}

fn components(template: &Value) -> impl Iterator<Item = &Value> {
    template["components"].as_array().into_iter().flatten()
}

fn parameters(component: &Value) -> impl Iterator<Item = &Value> {
    component["parameters"].as_array().into_iter().flatten()
}
