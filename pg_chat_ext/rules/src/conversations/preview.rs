//! The line the inbox shows under a name.

use super::kinds::Kind;

/// Characters (Unicode scalar values, as Postgres' `left` counts them) of a preview.
const PREVIEW_CHARS: usize = 200;

/// The first 200 characters of what a message says.
///
/// Empty where it says nothing readable: the client then shows the kind in its own language. A
/// location's content is JSON, so its name or address is shown.
pub fn preview_text(kind: &str, content: Option<&str>) -> String {
    let content = content.unwrap_or_default();
    if Kind::of_word(kind) == Some(Kind::Location) {
        return first_chars(&place_of(content));
    }
    first_chars(content)
}

fn first_chars(text: &str) -> String {
    text.chars().take(PREVIEW_CHARS).collect()
}

/// The name of a place, else its address, else nothing. A content that is no JSON object is a text
/// that a person typed for the place.
fn place_of(content: &str) -> String {
    match serde_json::from_str::<serde_json::Value>(content) {
        Ok(serde_json::Value::Object(place)) => ["name", "address"]
            .iter()
            .filter_map(|key| place.get(*key)?.as_str())
            .find(|text| !text.is_empty())
            .unwrap_or_default()
            .to_owned(),
        _ => content.to_owned(),
    }
}
