//! One entry of `statuses[]`.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::errors::reported;
use super::fields::{id, text, time, word};
use super::item::{Item, What};
use super::phone::phone_variants;
use super::sender::Person;

/// Whether a status is about a message. Payments and calls have statuses of the same form, whose
/// `failed` must not fail the message they came with.
pub(super) fn is_of_a_message(status: &Value) -> bool {
    word(status, "type").is_none_or(|word| word == "message")
}

/// The item of a status; `None` when it does not say of which message or what.
pub(super) fn read(status: &Value, raw: Value) -> Option<Item> {
    let wamid = id(status, "id")?;
    let says = id(status, "status")?.to_lowercase();
    let recipient = Person::recipient(status);
    Some(Item {
        phone_variants: recipient
            .phone
            .as_deref()
            .map(phone_variants)
            .unwrap_or_default(),
        bsuid: recipient.bsuid,
        phone: recipient.phone,
        wamid: Some(wamid),
        at: time(status, "timestamp"),
        callback: text(status, "biz_opaque_callback_data"),
        status: Some(says),
        errors: reported(status),
        pricing: status.get("pricing").filter(|p| p.is_object()).cloned(),
        metadata: metadata(status),
        ..Item::new(What::Status, raw)
    })
}

fn metadata(status: &Value) -> Map<String, Value> {
    let mut kept = Map::new();
    let conversation = status.get("conversation").filter(|c| c.is_object());
    kept.extend(conversation.map(|c| ("conversation".to_owned(), c.clone())));
    let free_until =
        free_entry_until(status).map(|at| ("free_entry_until".to_owned(), at.to_string().into()));
    kept.extend(free_until);
    if word(status, "recipient_type").as_deref() == Some("group") {
        kept.extend(id(status, "recipient_id").map(|id| ("group_id".to_owned(), id.into())));
    }
    kept
}

/// Until when everything is free, because the person came by an ad or a page's button and was answered. Other windows
/// have an end as well, in the webhooks of older versions.
fn free_entry_until(status: &Value) -> Option<Timestamp> {
    let conversation = status.get("conversation")?;
    let says = |part: Option<&Value>, key: &str, value: &str| {
        part.and_then(|part| word(part, key)).as_deref() == Some(value)
    };
    let is_free = says(status.get("pricing"), "type", "free_entry_point")
        || says(conversation.get("origin"), "type", "referral_conversion");
    is_free.then(|| time(conversation, "expiration_timestamp"))?
}
