//! The four fields about templates.

use serde_json::{Map, Value, json};

use super::{capitals, facts, meta_id, text, told};
use crate::whatsapp::fields::{id, list, time, word};
use crate::whatsapp::item::{About, Item};
use crate::whatsapp::template::graph::reason;

/// Approved, rejected, paused, gone …
///
/// FLAGGED and LOCKED are warnings: the template can be sent as before. REINSTATED and UNARCHIVED make it what it was.
pub(super) fn status(value: &Value) -> Option<Item> {
    let event = capitals(value, "event")?;
    let status = match event.as_str() {
        "FLAGGED" | "LOCKED" => None,
        "REINSTATED" | "UNARCHIVED" => Some("APPROVED"),
        event => Some(event),
    };
    let rejection = &value["rejection_info"];
    let why = reason(value, "reason").or_else(|| word(rejection, "reason"));
    let other = &value["other_info"];
    let note = [
        word(other, "title"),
        word(other, "description"),
        word(&value["disable_info"], "disable_date"),
        word(rejection, "recommendation"),
    ];
    let note: Vec<String> = note.into_iter().flatten().collect();
    let mut facts = facts([
        ("status", status.map(Value::from)),
        (
            "category",
            capitals(value, "message_template_category").map(Value::String),
        ),
        ("note", (!note.is_empty()).then(|| json!(note.join(": ")))),
    ]);
    if status.is_some() {
        // Null, too: what was rejected once has no reason any more when it is approved.
        facts.insert("rejected_reason".to_owned(), json!(why));
    }
    of(value, Some(event), facts)
}

/// How people like it.
pub(super) fn quality(value: &Value) -> Option<Item> {
    let score = capitals(value, "new_quality_score")?;
    of(
        value,
        Some(score.clone()),
        facts([("quality", Some(json!(score)))]),
    )
}

/// Meta holds it for another category: at once, or, when `correct_category` is there, soon.
pub(super) fn category(value: &Value) -> Option<Item> {
    let now = capitals(value, "new_category")?;
    let next = capitals(value, "correct_category").filter(|next| *next != now);
    let at = time(value, "category_update_timestamp").filter(|_| next.is_some());
    let event = next.as_ref().map_or("CHANGED", |_| "IMPENDING").to_owned();
    let mut facts = facts([("category", Some(json!(now)))]);
    facts.insert("next_category".to_owned(), json!(next));
    facts.insert(
        "next_category_at".to_owned(),
        json!(at.map(|at| at.to_string())),
    );
    of(value, Some(event), facts)
}

/// Somebody edited it.
pub(super) fn components(value: &Value) -> Option<Item> {
    let mut parts = Vec::new();
    if let Some(text) = word(value, "message_template_title") {
        parts.push(json!({"type": "HEADER", "format": "TEXT", "text": text}));
    }
    if let Some(text) = value["message_template_element"].as_str() {
        parts.push(json!({"type": "BODY", "text": text}));
    }
    if let Some(text) = word(value, "message_template_footer") {
        parts.push(json!({"type": "FOOTER", "text": text}));
    }
    let buttons: Vec<Value> = list(value, "message_template_buttons")
        .iter()
        .map(|button| {
            let fields = [
                (
                    "type",
                    capitals(button, "message_template_button_type").map(Value::String),
                ),
                ("text", text(button, "message_template_button_text")),
                ("url", text(button, "message_template_button_url")),
                (
                    "phone_number",
                    text(button, "message_template_button_phone_number"),
                ),
            ];
            facts(fields).into()
        })
        .collect();
    if !buttons.is_empty() {
        parts.push(json!({"type": "BUTTONS", "buttons": buttons}));
    }
    of(
        value,
        None,
        facts([("components", (!parts.is_empty()).then(|| json!(parts)))]),
    )
}

/// With the key of the template; none without a name and a language.
fn of(value: &Value, event: Option<String>, mut facts: Map<String, Value>) -> Option<Item> {
    facts.insert(
        "name".to_owned(),
        json!(id(value, "message_template_name")?),
    );
    // Webhooks write en-US here and there; Graph's key is en_US.
    let language = id(value, "message_template_language")?.replace('-', "_");
    facts.insert("language".to_owned(), json!(language));
    facts.extend(meta_id(value, "message_template_id").map(|id| ("meta_id".to_owned(), id)));
    Some(told(About::Template, event, facts))
}
