//! What is no message: a reaction, a read mark, that somebody types.

use serde_json::{Value, json};

use super::Envelope;

/// A reaction to a message; no emoji takes it off again.
pub fn reaction(envelope: &Envelope<'_>, wamid: &str, emoji: Option<&str>) -> Value {
    let part = json!({"message_id": wamid, "emoji": emoji.unwrap_or_default()});
    envelope.around("reaction", part, None)
}

/// Marks a received message, and so all before it, as read.
pub fn mark_read(wamid: &str) -> Value {
    json!({"messaging_product": "whatsapp", "status": "read", "message_id": wamid})
}

/// Shows for up to 25 seconds that somebody types an answer to a received message. It marks the message as read, too.
pub fn typing(wamid: &str) -> Value {
    let mut body = mark_read(wamid);
    body["typing_indicator"] = json!({"type": "text"});
    body
}
