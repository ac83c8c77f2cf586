//! A template: `metadata.template`, `{name, language, components}`. A header whose file stands as `{"path": …}` has the
//! row's own file, which is handed to Meta before.

use serde_json::{Map, Value, json};

use super::Message;
use super::check::{OutgoingRefusal, Refused};
use super::field::Field;
use super::media::Media;

const NAME: usize = 512;
const LANGUAGE: usize = 64;
/// Header, body, carousel, offer, and a button each.
const COMPONENTS: usize = 32;

/// Meta's object. The language is a code, or Meta's own object; components go as they are, and none are left out.
/// Whether they fit the template that Meta has is asked of that template, not here.
pub(super) fn part(metadata: &Field<'_>) -> Result<Value, Refused> {
    let template = metadata.get("template");
    template.object()?;
    let mut part = Map::new();
    part.insert("name".to_owned(), json!(template.get("name").text(NAME)?));
    let language = template.get("language");
    let spoken = if language.value().is_object() {
        language.get("code").text(LANGUAGE)?;
        language.value().clone()
    } else {
        json!({"code": language.text(LANGUAGE)?})
    };
    part.insert("language".to_owned(), spoken);
    let components = template.get("components");
    if components.is_there() {
        for component in components.list(0..=COMPONENTS)? {
            component.get("type").text(64)?;
        }
        part.insert("components".to_owned(), components.value().clone());
    }
    Ok(part.into())
}

/// The same, ready to go: the header's path is what Meta knows the file as.
pub(super) fn sent(
    message: &Message<'_>,
    metadata: &Field<'_>,
    media: Option<&Media>,
) -> Result<Value, Refused> {
    let mut part = part(metadata)?;
    let name = message.file_name;
    if let Some((kind, file)) = part.get_mut("components").and_then(header_file) {
        let named = match media {
            Some(Media::Id(id)) => ("id", id),
            Some(Media::Link(link)) => ("link", link),
            None => return Err(no_file()),
        };
        file.remove("path");
        file.insert(named.0.to_owned(), json!(named.1));
        if let Some(name) = name.filter(|_| kind == "document") {
            file.entry("filename").or_insert_with(|| json!(name));
        }
    }
    Ok(part)
}

/// Refuses a template that names a path and whose row has no file.
pub(super) fn check(metadata: &Field<'_>, has_file: bool) -> Result<(), Refused> {
    let part = part(metadata)?;
    if !has_file && file_kind(&part).is_some() {
        return Err(no_file());
    }
    Ok(())
}

/// The kind of file that a template's header takes from the row: `image`, `video` or `document`.
pub(super) fn file_kind(template: &Value) -> Option<&'static str> {
    let mut components = template.get("components")?.clone();
    header_file(&mut components).map(|(kind, _)| kind)
}

fn header_file(components: &mut Value) -> Option<(&'static str, &mut Map<String, Value>)> {
    let header = components.as_array_mut()?.iter_mut().find(|component| {
        let kind = component["type"].as_str();
        kind.is_some_and(|kind| kind.eq_ignore_ascii_case("header"))
    })?;
    let parameter = header.get_mut("parameters")?.get_mut(0)?;
    let kind = ["image", "video", "document"]
        .into_iter()
        .find(|kind| parameter[kind].get("path").is_some())?;
    Some((kind, parameter.get_mut(kind)?.as_object_mut()?))
}

fn no_file() -> Refused {
    Refused::new(
        OutgoingRefusal::FileMissing,
        "the template's header names a path, and the message has no file",
        "give the same path as file_url",
    )
}
