//! Template messages: their shape, and their fit with the templates that exist.

use std::collections::BTreeSet;

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
    match template.status {
        TemplateStatus::Paused => return Err(Refusal::of(132_015)),
        TemplateStatus::Disabled => return Err(Refusal::of(132_016)),
        TemplateStatus::Rejected => return Err(Refusal::of(132_001)),
        TemplateStatus::Approved | TemplateStatus::HeldForQualityAssessment => {}
    }
    if template.category == "authentication" && matches!(outgoing.to, Address::User(_)) {
        return Err(Refusal::of(131_062));
    }
    check_parameters(template, &outgoing.body["template"])?;
    Ok(Some(template))
}

/// Header and body want a parameter for each of their places, a file for a file; a button whose address ends in a place
/// wants that end.
fn check_parameters(template: &Template, sent: &Value) -> Result<(), Refusal> {
    for part in ["HEADER", "BODY"] {
        let known = template
            .components
            .iter()
            .find(|known| known["type"] == part);
        let given: Vec<&Value> = components(sent)
            .filter(|component| is(component, part))
            .flat_map(parameters)
            .collect();
        let file = known
            .and_then(|known| known["format"].as_str())
            .filter(|format| *format != "TEXT");
        let expected = file.map_or_else(|| places(known), |_| 1);
        if given.len() != expected {
            return Err(mismatch(&part.to_lowercase(), given.len(), expected));
        }
        if let Some(file) = file
            && !given
                .iter()
                .all(|parameter| parameter["type"] == file.to_lowercase())
        {
            return Err(Refusal::of(132_012).with_details(format!("header: expected {file}")));
        }
        let named = |parameter: &&Value| parameter["parameter_name"].is_string();
        if template.named && file.is_none() && !given.iter().all(named) {
            return Err(
                Refusal::of(100).with_details("Parameter name is missing or empty".to_owned())
            );
        }
    }
    let buttons = template
        .components
        .iter()
        .filter(|known| known["type"] == "BUTTONS");
    let buttons = buttons.flat_map(|known| known["buttons"].as_array().into_iter().flatten());
    for (n, button) in buttons.enumerate() {
        let expected = button["url"]
            .as_str()
            .map_or(0, |url| url.matches("{{").count());
        let given = components(sent)
            .filter(|component| is(component, "BUTTON") && index(component) == Some(n))
            .filter(|component| is_word(&component["sub_type"], "URL"))
            .flat_map(parameters)
            .count();
        if given != expected {
            return Err(mismatch(&format!("button {n}"), given, expected));
        }
    }
    Ok(())
}

fn mismatch(part: &str, given: usize, expected: usize) -> Refusal {
    Refusal::of(132_000).with_details(format!(
        "{part}: number of localizable_params ({given}) does not match the expected number of params ({expected})"
    ))
}

/// How many different places the text of a part has.
fn places(known: Option<&Value>) -> usize {
    let text = known
        .and_then(|known| known["text"].as_str())
        .unwrap_or_default();
    let names = text
        .split("{{")
        .skip(1)
        .filter_map(|rest| rest.split_once("}}"));
    names
        .map(|(name, _)| name.trim())
        .collect::<BTreeSet<_>>()
        .len()
}

fn is(component: &Value, kind: &str) -> bool {
    is_word(&component["type"], kind)
}

fn is_word(value: &Value, word: &str) -> bool {
    value
        .as_str()
        .is_some_and(|value| value.eq_ignore_ascii_case(word))
}

fn index(component: &Value) -> Option<usize> {
    match &component["index"] {
        Value::String(index) => index.parse().ok(),
        index => usize::try_from(index.as_u64()?).ok(),
    }
}

fn components(template: &Value) -> impl Iterator<Item = &Value> {
    template["components"].as_array().into_iter().flatten()
}

fn parameters(component: &Value) -> impl Iterator<Item = &Value> {
    component["parameters"].as_array().into_iter().flatten()
}
