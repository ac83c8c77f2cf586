//! A template as Graph lists it.

use serde::Serialize;
use serde_json::Value;

use crate::whatsapp::fields::{id, word};

/// What is kept of a template.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Row {
    /// Meta's id.
    pub meta_id: Option<String>,
    /// Its name; with the language its key within the account.
    pub name: String,
    /// Its language code, `en_US`.
    pub language: String,
    /// `MARKETING`, `UTILITY` or `AUTHENTICATION`.
    pub category: Option<String>,
    /// `APPROVED` may be sent, nothing else.
    pub status: String,
    /// `GREEN`, `YELLOW`, `RED` or `UNKNOWN`.
    pub quality: Option<String>,
    /// `POSITIONAL` or `NAMED`.
    pub parameter_format: Option<String>,
    /// As Graph gave them.
    pub components: Value,
    /// Why it was rejected.
    pub rejected_reason: Option<String>,
}

/// One entry of `message_templates`; `None` without a name and a language.
pub fn of_graph(node: &Value) -> Option<Row> {
    let capitals = |key: &str| word(node, key).map(|word| word.to_uppercase());
    let quality = &node["quality_score"];
    Some(Row {
        meta_id: id(node, "id"),
        name: id(node, "name")?,
        language: id(node, "language")?,
        category: capitals("category"),
        status: capitals("status").unwrap_or_else(|| "UNKNOWN".to_owned()),
        quality: word(quality, "score").or_else(|| word(node, "quality_score")),
        parameter_format: capitals("parameter_format"),
        components: match &node["components"] {
            components @ Value::Array(_) => components.clone(),
            _ => Value::Array(Vec::new()),
        },
        rejected_reason: reason(node, "rejected_reason"),
    })
}

/// Meta writes NONE where there is none.
pub(in crate::whatsapp) fn reason(from: &Value, key: &str) -> Option<String> {
    word(from, key).filter(|reason| !reason.eq_ignore_ascii_case("none"))
}
