//! Reading what somebody wants sent, with refusals that name the field.

use std::ops::RangeInclusive;

use serde_json::{Map, Value};

use super::check::{OutgoingRefusal, Refused};

/// A value and where it stands, such as `metadata.interactive.action.buttons[1].reply.title`.
#[derive(Debug, Clone)]
pub(super) struct Field<'a> {
    path: String,
    value: &'a Value,
}

impl<'a> Field<'a> {
    pub(super) fn root(path: &str, value: &'a Value) -> Self {
        let path = path.to_owned();
        Self { path, value }
    }

    /// The field of this name; null when it is not there.
    pub(super) fn get(&self, key: &str) -> Self {
        Self {
            path: format!("{}.{key}", self.path),
            value: self.value.get(key).unwrap_or(&Value::Null),
        }
    }

    pub(super) fn value(&self) -> &'a Value {
        self.value
    }

    pub(super) fn is_there(&self) -> bool {
        !self.value.is_null()
    }

    /// An object that has to be there.
    pub(super) fn object(&self) -> Result<&'a Map<String, Value>, Refused> {
        match self.value {
            Value::Object(object) => Ok(object),
            Value::Null => Err(self.missing()),
            _ => Err(self.wrong("is an object")),
        }
    }

    /// A text of 1 to `most` characters that has to be there.
    pub(super) fn text(&self, most: usize) -> Result<&'a str, Refused> {
        self.text_if_any(most)?.ok_or_else(|| self.missing())
    }

    /// The same that may be absent; blank is absent.
    pub(super) fn text_if_any(&self, most: usize) -> Result<Option<&'a str>, Refused> {
        let text = match self.value {
            Value::String(text) if text.trim().is_empty() => return Ok(None),
            Value::String(text) => text.as_str(),
            Value::Null => return Ok(None),
            _ => return Err(self.wrong("is a text")),
        };
        let length = text.chars().count();
        if length > most {
            return Err(Refused::new(
                OutgoingRefusal::FieldLength,
                format!(
                    "{} has at most {most} characters, this one {length}",
                    self.path
                ),
                "make it shorter",
            ));
        }
        Ok(Some(text))
    }

    /// The entries of a list that has so many.
    pub(super) fn list(&self, count: RangeInclusive<usize>) -> Result<Vec<Self>, Refused> {
        let entries = match self.value {
            Value::Array(entries) => entries,
            Value::Null => return Err(self.missing()),
            _ => return Err(self.wrong("is a list")),
        };
        if !count.contains(&entries.len()) {
            return Err(self.count(&count, entries.len()));
        }
        let one = |(place, value)| Self {
            path: format!("{}[{place}]", self.path),
            value,
        };
        Ok(entries.iter().enumerate().map(one).collect())
    }

    /// True or false; absent is false.
    pub(super) fn flag(&self) -> Result<bool, Refused> {
        match self.value {
            Value::Null => Ok(false),
            Value::Bool(flag) => Ok(*flag),
            _ => Err(self.wrong("is true or false")),
        }
    }

    /// A number within bounds, written as one or as text.
    pub(super) fn number(&self, bounds: RangeInclusive<f64>) -> Result<Value, Refused> {
        let read = match self.value {
            Value::Number(number) => number.as_f64().map(|_| self.value.clone()),
            Value::String(text) => text.trim().parse::<f64>().ok().map(Value::from),
            Value::Null => return Err(self.missing()),
            _ => None,
        };
        read.filter(|value| {
            value
                .as_f64()
                .is_some_and(|number| bounds.contains(&number))
        })
        .ok_or_else(|| {
            self.wrong(&format!(
                "is a number from {} to {}",
                bounds.start(),
                bounds.end()
            ))
        })
    }

    /// An address that Meta can read.
    pub(super) fn address(&self, most: usize) -> Result<&'a str, Refused> {
        let address = self.text(most)?;
        if address.starts_with("https://") || address.starts_with("http://") {
            return Ok(address);
        }
        Err(self.wrong("is an address that begins with https://"))
    }

    pub(super) fn missing(&self) -> Refused {
        Refused::new(
            OutgoingRefusal::FieldMissing,
            format!("{} is missing", self.path),
            "fill it in; docs/whatsapp.md shows each kind of message",
        )
    }

    /// `says`: what it is when it is right.
    pub(super) fn wrong(&self, says: &str) -> Refused {
        Refused::new(
            OutgoingRefusal::FieldValue,
            format!("{} {says}", self.path),
            "docs/whatsapp.md shows each kind of message",
        )
    }

    pub(super) fn count(&self, count: &RangeInclusive<usize>, has: usize) -> Refused {
        Refused::new(
            OutgoingRefusal::FieldCount,
            format!(
                "{} has {} to {} entries, this one {has}",
                self.path,
                count.start(),
                count.end()
            ),
            "leave some out, or send several messages",
        )
    }
}
