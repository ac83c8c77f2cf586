//! SQL as one would type it: what a call says must be fit to be pasted into psql.

use serde_json::Value;

/// A text as a literal. Whatever a terminal would hide or turn round is written as an escape.
pub fn quote(text: &str) -> String {
    let plain = text
        .chars()
        .all(|c| c != '\\' && (c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric()));
    if plain {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("E'");
    for c in text.chars() {
        match c {
            '\\' => quoted.push_str("\\\\"),
            '\'' => quoted.push_str("''"),
            c if c.is_ascii_graphic() || c == ' ' || c.is_alphanumeric() => quoted.push(c),
            c => quoted.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    quoted.push('\'');
    quoted
}

/// A JSON value as a literal.
pub fn json(value: &Value) -> String {
    quote(&value.to_string())
}

/// An array of ids or words without commas as a literal.
pub fn array(words: &[String]) -> String {
    quote(&format!("{{{}}}", words.join(",")))
}
