//! The fields about one business number. All but one name it by its display number alone; it is looked up among the
//! numbers of the account that Meta named, never among others.

use serde_json::{Value, json};

use super::{capitals, facts, text, told};
use crate::whatsapp::fields::{id, object, word};
use crate::whatsapp::item::{About, Item};
use crate::whatsapp::phone::plain;

/// Flagged, upgraded, or allowed to write to more people.
pub(super) fn quality(value: &Value) -> Option<Item> {
    let event = capitals(value, "event")?;
    let limit = text(value, "max_daily_conversations_per_business");
    let details = facts([
        ("quality_event", Some(json!(event))),
        (
            "messaging_limit",
            limit.or_else(|| text(value, "current_limit")),
        ),
        (
            "throughput",
            (event == "THROUGHPUT_UPGRADE").then(|| json!({"level": "HIGH"})),
        ),
    ]);
    of(value, Some(event), details)
}

/// What people see as its name was approved or not.
pub(super) fn name(value: &Value) -> Option<Item> {
    let decision = capitals(value, "decision")?;
    let wanted = text(value, "requested_verified_name");
    let approved = decision == "APPROVED";
    let details = facts([
        ("name_status", Some(json!(decision))),
        ("verified_name", wanted.clone().filter(|_| approved)),
        ("requested_verified_name", wanted),
        ("name_rejection_reason", text(value, "rejection_reason")),
    ]);
    of(value, Some(decision), details)
}

/// The number's own user name.
pub(super) fn username(value: &Value) -> Option<Item> {
    let status = capitals(value, "status").or_else(|| capitals(value, "event"));
    let details = facts([
        ("username", text(value, "username")),
        ("username_status", status.clone().map(Value::String)),
    ]);
    (!details.is_empty()).then(|| of(value, status, details))?
}

/// Its two-step PIN was changed, or somebody asked for that.
pub(super) fn security(value: &Value) -> Option<Item> {
    let event = capitals(value, "event")?;
    let details = facts([
        ("security_event", Some(json!(event))),
        ("security_requester", text(value, "requester")),
    ]);
    of(value, Some(event), details)
}

/// Settings of calls and the like, as Meta names them.
pub(super) fn settings(value: &Value) -> Option<Item> {
    let mut settings = object(value, "phone_number_settings")?.clone();
    settings.remove("phone_number_id");
    let details = facts([("settings", Some(settings.into()))]);
    let number = id(&value["phone_number_settings"], "phone_number_id")?;
    Some(Item {
        phone_number_id: Some(number),
        ..told(
            About::Number,
            None,
            facts([("details", Some(details.into()))]),
        )
    })
}

fn of(
    value: &Value,
    event: Option<String>,
    details: serde_json::Map<String, Value>,
) -> Option<Item> {
    let number = plain(&word(value, "display_phone_number")?);
    let facts = facts([
        ("display_number", Some(json!(number))),
        ("details", Some(details.into())),
    ]);
    Some(told(About::Number, event, facts))
}
