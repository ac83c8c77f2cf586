//! Webhook bodies in Meta's exact shapes, for contacts and messages that are new
//! each time.

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::keys::random_hex;
use crate::stack::cast::{BUSINESS_ACCOUNT_ID, DISPLAY_PHONE_NUMBER, PHONE_NUMBER_ID};

/// Every contact of the play has a number that begins so.
pub(super) const PHONE_PREFIX: &str = "49155501";

/// A person with a phone nobody had before.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub(super) name: &'static str,
    pub(super) phone: String,
}

impl Contact {
    pub(super) fn new(name: &'static str) -> Self {
        Self {
            name,
            phone: format!("{PHONE_PREFIX}{:05}", rand::random::<u16>()),
        }
    }
}

/// A message id as Meta's look.
pub(super) fn new_wamid() -> String {
    format!("wamid.{}", random_hex::<16>().to_uppercase())
}

/// A text message.
pub(super) fn text(from: &Contact, wamid: &str, body: &str) -> Value {
    message(from, wamid, "text", json!({ "body": body }))
}

/// An image with a caption.
pub(super) fn image(from: &Contact, wamid: &str, caption: &str) -> Value {
    let image = json!({
        "caption": caption,
        "mime_type": "image/jpeg",
        "sha256": "SfInY0gGKTsJlUWbwxC1k+FAD0FZHvzwfpvO0zX0GUI=",
        "id": "1003383421387256",
    });
    message(from, wamid, "image", image)
}

/// A status of a message sent to `to`.
pub(super) fn status(to: &Contact, wamid: &str, word: &str) -> Value {
    body(json!({
        "statuses": [{ "id": wamid, "status": word, "timestamp": now(), "recipient_id": to.phone }],
    }))
}

fn message(from: &Contact, wamid: &str, kind: &str, content: Value) -> Value {
    let mut message = json!({ "from": from.phone, "id": wamid, "timestamp": now(), "type": kind });
    message[kind] = content;
    body(json!({
        "contacts": [{ "profile": { "name": from.name }, "wa_id": from.phone }],
        "messages": [message],
    }))
}

/// The envelope around what one change reports.
fn body(reported: Value) -> Value {
    let digits: String = DISPLAY_PHONE_NUMBER
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": { "display_phone_number": digits, "phone_number_id": PHONE_NUMBER_ID },
    });
    if let (Some(value), Value::Object(reported)) = (value.as_object_mut(), reported) {
        value.extend(reported);
    }
    json!({
        "object": "whatsapp_business_account",
        "entry": [{ "id": BUSINESS_ACCOUNT_ID, "changes": [{ "value": value, "field": "messages" }] }],
    })
}

fn now() -> String {
    Timestamp::now().as_second().to_string()
}
