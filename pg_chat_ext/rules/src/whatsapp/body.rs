//! One webhook body: entries, their changes, and what each change holds.

use std::borrow::Cow;

use serde_json::Value;

use super::escapes::{Bad, without_bad_escapes};
use super::fields::{id, list, word};
use super::item::{Item, What};
use super::{Error, message, sender, status};

/// The `object` of the bodies that are ours to read.
const OUR_OBJECT: &str = "whatsapp_business_account";

/// Everything one webhook body says, in its order, one item each.
///
/// # Errors
/// [`Error::NotJson`] when the body is no JSON. Nothing else is an error: what is missing, odd or
/// new becomes an item that says so.
pub fn parse(body: &[u8]) -> Result<Vec<Item>, Error> {
    // Half a character in one message must not cost the others of its body.
    let body = String::from_utf8_lossy(body);
    let body = body.strip_prefix('\u{feff}').unwrap_or(&body);
    let clean = without_bad_escapes(body, Bad::AsReplacement);
    let read: Value = serde_json::from_str(&clean).map_err(Error::NotJson)?;
    let shown = match clean {
        Cow::Borrowed(_) => None,
        Cow::Owned(_) => {
            let literal = without_bad_escapes(body, Bad::AsLiteral);
            Some(serde_json::from_str(&literal).map_err(Error::NotJson)?)
        }
    };
    let mut reading = Reading {
        shown,
        items: Vec::new(),
    };
    reading.body(&read);
    Ok(reading.items)
}

struct Reading {
    /// The body with bad escapes as literal text, if it has any.
    shown: Option<Value>,
    items: Vec<Item>,
}

/// Where an item was found.
struct Change<'a> {
    /// JSON pointer to the change.
    path: String,
    value: &'a Value,
    waba_id: Option<String>,
    phone_number_id: Option<String>,
    field: Option<String>,
}

impl Change<'_> {
    fn says(&self, item: Item) -> Item {
        Item {
            waba_id: self.waba_id.clone(),
            phone_number_id: self.phone_number_id.clone(),
            field: self.field.clone(),
            ..item
        }
    }

    fn leftover(&self, reason: &'static str, raw: Value) -> Item {
        self.says(Item {
            reason: Some(reason),
            ..Item::new(What::Field, raw)
        })
    }
}

impl Reading {
    fn body(&mut self, body: &Value) {
        if body.get("object").and_then(Value::as_str) != Some(OUR_OBJECT) {
            let item = Item {
                field: word(body, "object"),
                reason: Some("other_object"),
                ..Item::new(What::Field, self.raw("", body))
            };
            self.items.push(item);
            return;
        }
        for (e, entry) in list(body, "entry").iter().enumerate() {
            for (c, change) in list(entry, "changes").iter().enumerate() {
                let value = change.get("value").unwrap_or(&Value::Null);
                let metadata = value.get("metadata").unwrap_or(&Value::Null);
                let found = Change {
                    path: format!("/entry/{e}/changes/{c}"),
                    value,
                    waba_id: id(entry, "id"),
                    phone_number_id: id(metadata, "phone_number_id"),
                    field: id(change, "field"),
                };
                self.change(change, &found);
            }
        }
    }

    fn change(&mut self, change: &Value, found: &Change<'_>) {
        let says = |key: &&str| found.value.get(*key).is_some_and(|list| !list.is_null());
        let is_ours = found.field.as_deref() == Some("messages")
            && ["messages", "statuses", "errors"].iter().any(says);
        let reason = match found.value {
            Value::Object(_) if is_ours => None,
            Value::Object(_) => Some("field_not_handled"),
            _ => Some("no_value"),
        };
        if let Some(reason) = reason {
            let raw = self.raw(&found.path, change);
            self.items.push(found.leftover(reason, raw));
            return;
        }
        let contacts = sender::contacts(found.value);
        self.each(found, "messages", |entry, raw| {
            message::read(entry, contacts, raw).ok_or("not_readable")
        });
        self.each(found, "statuses", |entry, raw| {
            if status::is_of_a_message(entry) {
                status::read(entry, raw).ok_or("not_readable")
            } else {
                Err("other_status")
            }
        });
        let errors = found.value.get("errors").unwrap_or(&Value::Null);
        if !errors.is_null() && errors.as_array().is_none_or(|errors| !errors.is_empty()) {
            let raw = self.raw(&found.path, change);
            self.items.push(found.leftover("account_errors", raw));
        }
    }

    /// Reads every entry of one list of a change; what `read` refuses is kept with its reason.
    fn each(
        &mut self,
        found: &Change<'_>,
        key: &str,
        read: impl Fn(&Value, Value) -> Result<Item, &'static str>,
    ) {
        let path = format!("{}/value/{key}", found.path);
        let Some(entries) = found.value.get(key).filter(|list| !list.is_null()) else {
            return;
        };
        let Some(entries) = entries.as_array() else {
            let raw = self.raw(&path, entries);
            self.items.push(found.leftover("not_a_list", raw));
            return;
        };
        for (n, entry) in entries.iter().enumerate() {
            let raw = self.raw(&format!("{path}/{n}"), entry);
            let item = match read(entry, raw.clone()) {
                Ok(item) => found.says(item),
                Err(reason) => found.leftover(reason, raw),
            };
            self.items.push(item);
        }
    }

    /// A part of the body as it was received.
    fn raw(&self, path: &str, read: &Value) -> Value {
        let shown = self.shown.as_ref().and_then(|body| body.pointer(path));
        shown.unwrap_or(read).clone()
    }
}
