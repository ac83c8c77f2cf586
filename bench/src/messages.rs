//! Messages that people write, in Meta's shape and as the worker hands them to the database.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use chat_rules::whatsapp::{cut_runs, parse};
use local_stack::graph::wire;
use serde_json::{Value, json};

/// The number they write to; `sql/path/ours.sql` has confirmed it.
pub const PHONE_NUMBER_ID: &str = "106540352242922";
/// Its account.
pub const WABA_ID: &str = "102290129340398";

/// One text of one person.
#[derive(Clone, Debug)]
pub struct Message {
    /// Which person, from 0.
    pub person: usize,
    /// The name they gave themselves.
    pub name: String,
    /// What they wrote.
    pub text: String,
    /// Meta's id of it.
    pub wamid: String,
    phone: String,
}

/// A message of ours that reached a phone.
#[derive(Clone, Debug)]
pub struct Delivered {
    /// Meta's id of it.
    pub wamid: String,
    /// Whom it reached.
    pub phone: String,
    /// What was given with the send.
    pub callback: String,
}

impl Message {
    /// The `number`-th message of a run of the program, by a person.
    pub fn new(number: usize, person: usize) -> Self {
        let phone = phone_of(person);
        Self {
            person,
            name: format!("Person {person}"),
            text: format!("Message {number}: is the blue one still there, and can it be sent?"),
            wamid: format!("wamid.HBgL{phone}FQIAEhggQUM2RjE5QzY{number:012}AA=="),
            phone,
        }
    }

    /// What the worker hands to `chat_receive_whatsapp` after Meta posted it alone.
    pub fn run(&self) -> Result<Value> {
        runs(std::slice::from_ref(self))?
            .pop()
            .context("a message makes a run")
    }
}

/// What the worker makes of one webhook body with these messages.
pub fn runs(messages: &[Message]) -> Result<Vec<Value>> {
    let items = parse(&body(messages, &[])?)?;
    Ok(cut_runs(items)
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<_, _>>()?)
}

/// The bytes that Meta posts for these messages, and for messages of ours that were delivered.
pub fn body(messages: &[Message], delivered: &[Delivered]) -> Result<Vec<u8>> {
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)?
        .as_secs()
        .to_string();
    let contacts: Value = messages
        .iter()
        .map(|m| json!({"wa_id": m.phone, "user_id": user_of(m.person), "profile": {"name": m.name}}))
        .collect();
    let texts: Value = messages
        .iter()
        .map(|m| {
            json!({"from": m.phone, "from_user_id": user_of(m.person), "id": m.wamid, "timestamp": now, "type": "text",
                "text": {"body": m.text}})
        })
        .collect();
    let mut value = json!({
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": PHONE_NUMBER_ID},
    });
    if !messages.is_empty() {
        value["contacts"] = contacts;
        value["messages"] = texts;
    }
    if !delivered.is_empty() {
        value["statuses"] = delivered
            .iter()
            .map(|d| {
                json!({"id": d.wamid, "status": "delivered", "timestamp": now, "recipient_id": d.phone,
                    "biz_opaque_callback_data": d.callback})
            })
            .collect();
    }
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{"id": WABA_ID, "changes": [{"field": "messages", "value": value}]}],
    });
    Ok(wire(&body))
}

/// The digits of a person's phone: one of the numbers kept free for fiction, and on.
pub fn phone_of(person: usize) -> String {
    format!("1555{:07}", 100_000 + person)
}

/// A person's business-scoped user id.
fn user_of(person: usize) -> String {
    format!("US.13491208655302741{person:06}")
}
