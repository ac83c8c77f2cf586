//! The fields about an account as a whole.

use serde_json::{Value, json};

use super::{capitals, facts, text, told};
use crate::whatsapp::fields::{id, list, word};
use crate::whatsapp::item::{About, Item};

/// Verified, restricted, disabled, deleted, shared with a partner …
pub(super) fn update(value: &Value) -> Option<Item> {
    let event = capitals(value, "event")?;
    let restrictions: Vec<Value> = list(value, "restriction_info")
        .iter()
        .map(|one| {
            facts([
                ("type", capitals(one, "restriction_type").map(Value::String)),
                ("until", text(one, "expiration")),
            ])
            .into()
        })
        .collect();
    let ban = &value["ban_info"];
    let details = facts([
        ("event", Some(json!(event))),
        (
            "restrictions",
            (!restrictions.is_empty()).then(|| json!(restrictions)),
        ),
        (
            "ban_state",
            capitals(ban, "waba_ban_state").map(Value::String),
        ),
        ("ban_date", text(ban, "waba_ban_date")),
        (
            "violation",
            capitals(&value["violation_info"], "violation_type").map(Value::String),
        ),
        (
            "disconnected",
            capitals(&value["disconnection_info"], "reason").map(Value::String),
        ),
    ]);
    // Of an account shared with a partner, the entry is the partner's.
    Some(Item {
        waba_id: id(&value["waba_info"], "waba_id"),
        ..of(Some(event), details)
    })
}

/// Meta looked at the business.
pub(super) fn review(value: &Value) -> Option<Item> {
    let decision = capitals(value, "decision")?;
    let details = facts([("review", Some(json!(decision)))]);
    Some(of(Some(decision), details))
}

/// Something somebody should see; of one number where Meta says so.
pub(super) fn alert(value: &Value) -> Option<Item> {
    // Some send the parts beside, some within.
    let info = value.get("alert_info").unwrap_or(value);
    let kind = capitals(info, "alert_type")?;
    let alert = facts([
        ("type", Some(json!(kind))),
        (
            "severity",
            capitals(info, "alert_severity").map(Value::String),
        ),
        ("status", capitals(info, "alert_status").map(Value::String)),
        ("description", text(info, "alert_description")),
    ]);
    let details = facts([("alert", Some(alert.into()))]);
    if capitals(value, "entity_type").as_deref() == Some("PHONE_NUMBER") {
        return Some(Item {
            phone_number_id: id(value, "entity_id"),
            ..told(
                About::Number,
                Some(kind),
                facts([("details", Some(details.into()))]),
            )
        });
    }
    Some(of(Some(kind), details))
}

/// To how many people it may write a day, and how many numbers it may have.
pub(super) fn capability(value: &Value) -> Option<Item> {
    let limit = word(value, "max_daily_conversations_per_business")
        .or_else(|| word(value, "max_daily_conversation_per_phone"));
    let details = facts([
        ("messaging_limit", limit.map(Value::String)),
        (
            "max_phone_numbers",
            value.get("max_phone_numbers_per_waba").cloned(),
        ),
    ]);
    (!details.is_empty()).then(|| of(None, details))
}

fn of(event: Option<String>, details: serde_json::Map<String, Value>) -> Item {
    told(
        About::Account,
        event,
        facts([("details", Some(details.into()))]),
    )
}
