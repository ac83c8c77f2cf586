//! The envelope of Meta's webhooks.

use serde_json::{Value, json};

use super::Number;
use super::phones::Phone;

/// One message or status on its way to the subscribed apps.
#[derive(Debug, Clone)]
pub(super) struct Update {
    pub phone_number_id: String,
    /// In two words, for the log of deliveries.
    pub says: String,
    /// `messages` or `statuses`.
    pub list: &'static str,
    pub item: Value,
    pub contact: Option<Value>,
}

/// A body with one change for each update; all are of numbers of `waba_id`.
pub(super) fn body<'a>(
    waba_id: &str,
    updates: impl IntoIterator<Item = (&'a Number, &'a Update)>,
) -> Value {
    let changes: Vec<Value> = updates
        .into_iter()
        .map(|(n, update)| change(n, update))
        .collect();
    json!({
        "object": "whatsapp_business_account",
        "entry": [{"id": waba_id, "changes": changes}],
    })
}

fn change(number: &Number, update: &Update) -> Value {
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": {
            "display_phone_number": number.digits(),
            "phone_number_id": number.phone_number_id,
        },
    });
    if let Some(contact) = &update.contact {
        value["contacts"] = json!([contact]);
    }
    value[update.list] = json!([update.item]);
    json!({"value": value, "field": "messages"})
}

/// The entry of `contacts` for a phone: its profile and the ids it shows.
pub(super) fn contact(key: &str, phone: &Phone) -> Value {
    let mut contact = json!({});
    let mut profile = json!({});
    if let Some(name) = &phone.name {
        profile["name"] = json!(name);
    }
    if let Some(username) = &phone.username {
        profile["username"] = json!(username);
    }
    if profile != json!({}) {
        contact["profile"] = profile;
    }
    if let Some(wa_id) = phone.wa_id(key) {
        contact["wa_id"] = json!(wa_id);
    }
    if let Some(user_id) = &phone.user_id {
        contact["user_id"] = json!(user_id);
    }
    contact
}
