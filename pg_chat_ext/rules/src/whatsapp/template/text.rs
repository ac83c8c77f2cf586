//! Values that stand in a text: of the body, of a header that is text.

use serde_json::{Value, json};

use super::Problem;
use super::stored::places;

/// Longest value of one place, in characters.
const LONGEST: usize = 1_024;

/// The values of a text's places: what is sent, and how each reads.
#[derive(Default)]
pub(super) struct Values {
    pub parameters: Vec<Value>,
    shown: Vec<(String, String)>,
}

impl Values {
    /// How a place reads.
    pub fn shown(&self, place: &str) -> Option<String> {
        let shown = self.shown.iter().find(|(name, _)| name == place);
        shown.map(|(_, value)| value.clone())
    }

    /// Holds what was given against the places of `text`, which is the `part` of a template.
    pub fn read(
        part: &str,
        text: &str,
        named: bool,
        given: Option<&Value>,
        problems: &mut Vec<Problem>,
    ) -> Self {
        let places = places(text);
        let at = |place: &str| format!("{part} {{{{{place}}}}}");
        let mut values = Self::default();
        if named && places.len() > 1 && matches!(given, Some(Value::Array(_))) {
            problems.push(Problem::wrong(
                part,
                &format!("has names: give an object of {}", places.join(", ")),
            ));
            return values;
        }
        for (n, place) in places.iter().enumerate() {
            let value = given.and_then(|given| match given {
                Value::Array(list) => list.get(n),
                Value::Object(map) if !is_parameter(given) => map.get(*place),
                only if n == 0 => Some(only),
                _ => None,
            });
            match value.filter(|value| !value.is_null()).map(read) {
                None => problems.push(Problem::missing(
                    &at(place),
                    &format!(
                        "its value, which stands in \u{201c}{}\u{201d}",
                        around(text, place)
                    ),
                )),
                Some(Err(why)) => problems.push(Problem::wrong(&at(place), why)),
                Some(Ok((mut parameter, shown))) => {
                    if named {
                        parameter["parameter_name"] = json!(place);
                    }
                    values.parameters.push(parameter);
                    values.shown.push(((*place).to_owned(), shown));
                }
            }
        }
        let left_over: Vec<String> = match given {
            Some(Value::Array(list)) => (places.len()..list.len())
                .map(|n| at(&(n + 1).to_string()))
                .collect(),
            Some(given @ Value::Object(map)) if !is_parameter(given) => map
                .keys()
                .filter(|key| !places.contains(&key.as_str()))
                .map(|key| at(key))
                .collect(),
            Some(_) if places.is_empty() => vec![part.to_owned()],
            _ => Vec::new(),
        };
        problems.extend(left_over.iter().map(|place| {
            let has = match places.len() {
                0 => format!("the {part} of this template is always the same"),
                1 => format!("the {part} has one value"),
                count => format!("the {part} has {count} values"),
            };
            Problem::superfluous(place, &has)
        }));
        values
    }
}

/// A parameter in Meta's own form.
fn is_parameter(value: &Value) -> bool {
    value["type"].is_string()
}

/// A value as it is sent, and as it reads.
fn read(value: &Value) -> Result<(Value, String), &'static str> {
    let parameter = match value["type"].as_str() {
        Some("text") => return text(&value["text"]),
        Some(kind @ ("currency" | "date_time")) => kind,
        Some(_) => return Err("is of a kind that cannot stand in a text: give a text"),
        None => return text(value),
    };
    let shown = value[parameter]["fallback_value"].as_str();
    let shown = shown.ok_or("has no fallback_value, which is shown: give one")?;
    let sent = json!({"type": parameter, parameter: value[parameter]});
    Ok((sent, shown.to_owned()))
}

fn text(value: &Value) -> Result<(Value, String), &'static str> {
    let text = plain(value)?;
    Ok((json!({"type": "text", "text": text}), text))
}

/// A text that Meta takes as a parameter.
pub(super) fn plain(value: &Value) -> Result<String, &'static str> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(flag) => flag.to_string(),
        _ => return Err("is no text: give a text or a number"),
    };
    if text.trim().is_empty() {
        return Err("is empty: give it a value, WhatsApp takes no empty ones");
    }
    if text.chars().count() > LONGEST {
        return Err("has more than 1024 characters: make it shorter");
    }
    if text.contains(['\n', '\r', '\t']) || text.contains("     ") {
        return Err(
            "has line breaks, tabs or more than four blanks in a row, which WhatsApp refuses: write it in one line",
        );
    }
    Ok(text)
}

/// The words around a place, so that people find it.
fn around(text: &str, place: &str) -> String {
    let spelled = [format!("{{{{{place}}}}}"), format!("{{{{ {place} }}}}")];
    let found = spelled
        .iter()
        .find_map(|place| Some((text.find(place.as_str())?, place.len())));
    let Some((start, length)) = found else {
        return text.chars().take(60).collect();
    };
    let last_words = text[..start]
        .split_inclusive(' ')
        .rev()
        .take(3)
        .collect::<Vec<_>>();
    let before: String = last_words.into_iter().rev().collect();
    let after: String = text[start + length..]
        .split_inclusive(' ')
        .take(3)
        .collect();
    format!("{before}{{{{{place}}}}}{after}")
        .replace('\n', " ")
        .trim()
        .to_owned()
}
