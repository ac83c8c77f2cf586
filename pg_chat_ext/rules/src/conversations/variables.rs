//! Ready answers with places to fill in: `Hello {{visitor.name|there}}`.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// A ready answer with its places filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Filled {
    /// The words to send.
    pub content: String,
    /// Names that are known but empty here and have no default: they left a hole.
    pub missing: BTreeSet<String>,
    /// Names nobody knows: they still stand in the words, braces and all.
    pub unknown: BTreeSet<String>,
}

impl Filled {
    /// `{"content", "missing": [name], "unknown": [name]}`
    pub fn to_json(&self) -> Value {
        json!({"content": self.content, "missing": self.missing, "unknown": self.unknown})
    }
}

/// Fills `{{name}}` and `{{name|default}}` from `known`, `{name: text or null}`.
///
/// Blanks around name and default do not count. A value that is empty, blank or null gives the default, or
/// nothing. What is filled in is never looked at again, so a visitor who is named `{{agent.email}}`
/// learns nothing. Braces that are not closed on the same line, and a place whose name nobody knows, stay as they are.
pub fn fill_variables(template: &str, known: &Map<String, Value>) -> Filled {
    let mut filled = Filled {
        content: String::with_capacity(template.len()),
        missing: BTreeSet::new(),
        unknown: BTreeSet::new(),
    };
    let mut rest = template;
    while let Some((before, place, after)) = next_place(rest) {
        filled.content.push_str(before);
        let (name, default) = match place.split_once('|') {
            Some((name, default)) => (name.trim(), Some(default.trim())),
            None => (place.trim(), None),
        };
        match known.get(name) {
            None => {
                filled.unknown.insert(name.to_owned());
                filled.content.push_str("{{");
                filled.content.push_str(place);
                filled.content.push_str("}}");
            }
            Some(value) => {
                let value = value.as_str().map(str::trim).filter(|v| !v.is_empty());
                if value.or(default).is_none() {
                    filled.missing.insert(name.to_owned());
                }
                filled
                    .content
                    .push_str(value.or(default).unwrap_or_default());
            }
        }
        rest = after;
    }
    filled.content.push_str(rest);
    filled
}

/// [`fill_variables`] over the JSON text of `known`, giving [`Filled`] as JSON text.
///
/// # Errors
/// When the text is not a JSON object.
pub fn fill_variables_json(template: &str, known: &str) -> Result<String, serde_json::Error> {
    let known = serde_json::from_str(known)?;
    Ok(fill_variables(template, &known).to_json().to_string())
}

/// The first place of a text: what stands before it, what stands in its braces, and what comes after.
fn next_place(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    while let Some(length) = text[from..].find("}}") {
        let close = from + length;
        // The innermost opening: in `{{ {{visitor.name}}` only the second begins a place.
        if let Some(open) = text[from..close].rfind("{{")
            && !text[from + open..close].contains('\n')
        {
            let open = from + open;
            return Some((&text[..open], &text[open + 2..close], &text[close + 2..]));
        }
        from = close + 2;
    }
    None
}
