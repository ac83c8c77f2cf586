//! A place: `metadata.location`, else LC-05's JSON in the content, as received ones have it.

use serde_json::{Map, Value};

use super::Message;
use super::check::Refused;
use super::field::Field;

/// Longest name and address, in characters.
const WORDS: usize = 1_000;

/// A place that was read.
pub(super) struct Place(Map<String, Value>);

impl Place {
    /// Meta's object.
    pub(super) fn part(self) -> Value {
        self.0.into()
    }

    /// The form that received locations have in their content.
    pub(super) fn in_words(self) -> Option<String> {
        super::super::content::place(&self.part())
    }
}

pub(super) fn read(message: &Message<'_>) -> Result<Place, Refused> {
    let own = message
        .metadata
        .get("location")
        .filter(|own| !own.is_null());
    let written;
    let place = match own {
        Some(place) => Field::root("metadata.location", place),
        None => {
            written =
                serde_json::from_str(message.content.unwrap_or_default()).unwrap_or(Value::Null);
            let content = Field::root("content", &written);
            if !written.is_object() {
                return Err(content.wrong(
                    "of a location is {\"latitude\": …, \"longitude\": …}, unless metadata.location says where",
                ));
            }
            content
        }
    };
    place.object()?;
    let mut part = Map::new();
    let latitude = place.get("latitude").number(-90.0..=90.0)?;
    let longitude = place.get("longitude").number(-180.0..=180.0)?;
    part.insert("latitude".to_owned(), latitude);
    part.insert("longitude".to_owned(), longitude);
    for key in ["name", "address"] {
        if let Some(words) = place.get(key).text_if_any(WORDS)? {
            part.insert(key.to_owned(), words.into());
        }
    }
    Ok(Place(part))
}
