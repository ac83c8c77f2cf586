//! The fields about a person: what they want of us, and under which ids they are known.

use serde_json::{Value, json};

use super::{facts, text, told};
use crate::whatsapp::fields::{id, list, time, word};
use crate::whatsapp::item::{About, Item};
use crate::whatsapp::phone::{phone_variants, plain};

/// Whether they want marketing messages: `stop`, `resume` or `signup`.
pub(super) fn preferences(value: &Value) -> Result<Vec<Item>, &'static str> {
    each(value, "user_preferences", |entry| {
        let wish = word(entry, "value")?.to_lowercase();
        let facts = facts([
            ("category", text(entry, "category")),
            ("detail", text(entry, "detail")),
        ]);
        Some(Item {
            bsuid: id(entry, "user_id"),
            ..told(About::Preference, Some(wish), facts)
        })
    })
}

/// Their business-scoped id changed.
pub(super) fn new_ids(value: &Value) -> Result<Vec<Item>, &'static str> {
    each(value, "user_id_update", |entry| {
        let ids = &entry["user_id"];
        Some(Item {
            bsuid: id(ids, "previous"),
            new_bsuid: Some(id(ids, "current")?),
            ..told(
                About::Person,
                None,
                facts([("detail", Some(json!(word(entry, "detail"))))]),
            )
        })
    })
}

/// An item for each entry, with who it is about.
fn each(
    value: &Value,
    key: &str,
    read: impl Fn(&Value) -> Option<Item>,
) -> Result<Vec<Item>, &'static str> {
    let entries = list(value, key);
    if entries.is_empty() {
        return Err("not_readable");
    }
    entries
        .iter()
        .map(|entry| {
            let item = read(entry)?;
            let phone = id(entry, "wa_id").map(|id| plain(&id));
            let named = phone.is_some() || item.bsuid.is_some();
            named.then(|| Item {
                phone_variants: phone.as_deref().map(phone_variants).unwrap_or_default(),
                phone,
                at: time(entry, "timestamp"),
                ..item
            })
        })
        .collect::<Option<Vec<_>>>()
        .ok_or("not_readable")
}
