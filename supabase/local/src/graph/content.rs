//! The content of a message: the object that is named like its `type`.

use serde_json::Value;

use super::validate::{object, optional, required};
use super::{Refusal, interactive};

/// Checks the object named like the type; answers with what a phone shows of it.
pub(super) fn read(body: &Value, kind: &str) -> Result<String, Refusal> {
    match kind {
        "text" => {
            let text = required(object(body, kind)?, kind, "body", 4096)?;
            if text.trim().is_empty() {
                return Err(Refusal::invalid("text[\"body\"] must not be empty."));
            }
            Ok(text.to_owned())
        }
        "image" | "video" | "document" | "audio" | "sticker" => media(object(body, kind)?, kind),
        "location" => location(object(body, kind)?),
        "contacts" => contacts(body),
        "reaction" => {
            let reaction = object(body, kind)?;
            required(reaction, kind, "message_id", 512)?;
            Ok(required(reaction, kind, "emoji", 64)?.to_owned())
        }
        "interactive" => interactive::read(object(body, kind)?),
        "pin" => object(body, kind).map(|_| "pinned a message".to_owned()),
        _ => Err(Refusal::of(131_051)),
    }
}

fn media(media: &Value, kind: &str) -> Result<String, Refusal> {
    let known = |key: &&String| match key.as_str() {
        "id" | "link" | "provider" => true,
        "caption" => !matches!(kind, "audio" | "sticker"),
        "filename" => kind == "document",
        "voice" => kind == "audio",
        _ => false,
    };
    if let Some(key) = media
        .as_object()
        .and_then(|m| m.keys().find(|key| !known(key)))
    {
        return Err(Refusal::parameter(&format!(
            "Unexpected key \"{key}\" on param \"{kind}\"."
        )));
    }
    let id = optional(media, "id", 512)?;
    let link = optional(media, "link", 2048)?;
    if id.is_none() && link.is_none() {
        return Err(Refusal::missing(&format!(
            "{kind}[\"id\"] or {kind}[\"link\"]"
        )));
    }
    let caption = optional(media, "caption", 1024)?;
    let name = optional(media, "filename", 240)?;
    Ok([caption, name]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" · "))
}

fn location(location: &Value) -> Result<String, Refusal> {
    for key in ["latitude", "longitude"] {
        let number = match location.get(key) {
            Some(Value::Number(_)) => true,
            Some(Value::String(text)) => text.parse::<f64>().is_ok(),
            _ => false,
        };
        if !number {
            return Err(Refusal::missing(&format!("location[\"{key}\"]")));
        }
    }
    let name = optional(location, "name", 1000)?;
    Ok(name.unwrap_or_else(|| format!("{}, {}", location["latitude"], location["longitude"])))
}

fn contacts(body: &Value) -> Result<String, Refusal> {
    let cards = body
        .get("contacts")
        .and_then(Value::as_array)
        .filter(|cards| !cards.is_empty())
        .ok_or_else(|| Refusal::missing("contacts"))?;
    let mut names = Vec::with_capacity(cards.len());
    for card in cards {
        let name = card.get("name").unwrap_or(&Value::Null);
        names.push(required(
            name,
            "contacts[\"name\"]",
            "formatted_name",
            1000,
        )?);
    }
    Ok(names.join(", "))
}
