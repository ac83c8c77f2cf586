//! One webhook body: entries, their changes, and what each change holds.

use std::borrow::Cow;

use jiff::Timestamp;
use serde_json::Value;

use super::escapes::{Bad, without_bad_escapes};
use super::fields::{id, list, time, word};
use super::item::{Item, What};
use super::phone::plain;
use super::sender::Person;
use super::{Error, coexistence, message, sender, status, told};

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
    /// The digits of the business's number.
    business: Option<String>,
    field: Option<String>,
    /// When Meta sent it; the only time that fields about accounts have.
    at: Option<Timestamp>,
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

    /// What a field says of a row of ours; where it names account, number or time itself, that counts.
    fn tells(&self, item: Item, raw: Value) -> Item {
        Item {
            waba_id: item.waba_id.or_else(|| self.waba_id.clone()),
            phone_number_id: item
                .phone_number_id
                .or_else(|| self.phone_number_id.clone()),
            field: self.field.clone(),
            at: item.at.or(self.at),
            raw,
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
                    business: id(metadata, "display_phone_number").map(|id| plain(&id)),
                    field: id(change, "field"),
                    at: time(entry, "time"),
                };
                self.change(change, &found);
            }
        }
    }

    fn change(&mut self, change: &Value, found: &Change<'_>) {
        let says = |key: &&str| found.value.get(*key).is_some_and(|list| !list.is_null());
        let is_ours = found.field.as_deref() == Some("messages")
            && ["messages", "statuses", "errors"].iter().any(says);
        if self.coexistence(found) {
            self.account_errors(change, found);
            return;
        }
        if !is_ours {
            let raw = self.raw(&found.path, change);
            let told = found.field.as_deref().filter(|_| found.value.is_object());
            let reason = match told.and_then(|field| told::read(field, found.value)) {
                Some(Ok(items)) => {
                    let items = items.into_iter().map(|item| found.tells(item, raw.clone()));
                    self.items.extend(items);
                    return;
                }
                Some(Err(reason)) => reason,
                None if found.value.is_object() => "field_not_handled",
                None => "no_value",
            };
            self.items.push(found.leftover(reason, raw));
            return;
        }
        let contacts = sender::contacts(found.value);
        self.each(found, "messages", |entry, raw| {
            let sender = Person::sender(entry, contacts);
            message::read(entry, sender, raw).ok_or("not_readable")
        });
        self.each(found, "statuses", |entry, raw| {
            if status::is_of_a_message(entry) {
                status::read(entry, raw).ok_or("not_readable")
            } else {
                Err("other_status")
            }
        });
        self.account_errors(change, found);
    }

    /// What went wrong with the account, beside whatever else a change says.
    fn account_errors(&mut self, change: &Value, found: &Change<'_>) {
        let errors = found.value.get("errors").unwrap_or(&Value::Null);
        if !errors.is_null() && errors.as_array().is_none_or(|errors| !errors.is_empty()) {
            let raw = self.raw(&found.path, change);
            self.items.push(found.leftover("account_errors", raw));
        }
    }

    /// Reads what numbers tell that the business uses in its phone as well, and of groups; true when there was any.
    fn coexistence(&mut self, found: &Change<'_>) -> bool {
        let contacts = sender::contacts(found.value);
        let business = found.business.as_deref();
        let before = self.items.len();
        match found.field.as_deref() {
            Some("smb_message_echoes") => self.each(found, "message_echoes", |entry, raw| {
                coexistence::echo(entry, contacts, business, raw).ok_or("not_readable")
            }),
            Some("smb_app_state_sync") => self.each(found, "state_sync", |entry, raw| {
                coexistence::contact(entry, raw).ok_or("not_readable")
            }),
            Some(
                "group_lifecycle_update"
                | "group_participants_update"
                | "group_settings_update"
                | "group_status_update",
            ) => self.each(found, "groups", |entry, raw| {
                coexistence::group(entry, raw).ok_or("not_readable")
            }),
            Some("history") => {
                for (h, part) in list(found.value, "history").iter().enumerate() {
                    self.part_of_history(found, &format!("{}/value/history/{h}", found.path), part);
                }
                // Files of the past follow by themselves.
                self.each(found, "messages", |entry, raw| {
                    coexistence::past(entry, None, contacts, business, raw).ok_or("not_readable")
                });
            }
            _ => {}
        }
        self.items.len() > before
    }

    /// One part of a number's past: its messages, and how far that is.
    fn part_of_history(&mut self, found: &Change<'_>, path: &str, part: &Value) {
        let contacts = sender::contacts(found.value);
        let before = self.items.len();
        for (t, thread) in list(part, "threads").iter().enumerate() {
            let path = format!("{path}/threads/{t}/messages");
            self.each_of(found, &path, thread.get("messages"), |entry, raw| {
                coexistence::past(
                    entry,
                    Some(thread),
                    contacts,
                    found.business.as_deref(),
                    raw,
                )
                .ok_or("not_readable")
            });
        }
        let read_any = self.items.len() > before;
        let mut rest = self.raw(path, part);
        if let Some(rest) = rest.as_object_mut().filter(|_| read_any) {
            // Told message by message already.
            rest.remove("threads");
        }
        match coexistence::progress(part, rest.clone()) {
            Some(item) => self.items.push(found.says(item)),
            None if read_any => {}
            None => self.items.push(found.leftover("not_readable", rest)),
        }
    }

    /// Reads every entry of one list of a change.
    fn each(
        &mut self,
        found: &Change<'_>,
        key: &str,
        read: impl Fn(&Value, Value) -> Result<Item, &'static str>,
    ) {
        let path = format!("{}/value/{key}", found.path);
        self.each_of(found, &path, found.value.get(key), read);
    }

    /// Reads every entry of a list at a path; what `read` refuses is kept with its reason.
    fn each_of(
        &mut self,
        found: &Change<'_>,
        path: &str,
        entries: Option<&Value>,
        read: impl Fn(&Value, Value) -> Result<Item, &'static str>,
    ) {
        let Some(entries) = entries.filter(|list| !list.is_null()) else {
            return;
        };
        let Some(entries) = entries.as_array() else {
            let raw = self.raw(path, entries);
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
