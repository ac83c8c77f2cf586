//! Messages that people write, in Meta's shape and as the worker hands them to the database.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use chat_rules::whatsapp::{cut_runs, parse};
use serde_json::{Value, json};

/// The number they write to; `sql/path/ours.sql` has confirmed it.
const PHONE_NUMBER_ID: &str = "106540352242922";
const WABA_ID: &str = "102290129340398";

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
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)?
        .as_secs()
        .to_string();
    let contacts: Vec<_> = messages
        .iter()
        .map(|m| json!({"wa_id": m.phone, "user_id": user_of(m.person), "profile": {"name": m.name}}))
        .collect();
    let texts: Vec<_> = messages
        .iter()
        .map(|m| {
            json!({"from": m.phone, "from_user_id": user_of(m.person), "id": m.wamid, "timestamp": now, "type": "text",
                "text": {"body": m.text}})
        })
        .collect();
    let value = json!({
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": PHONE_NUMBER_ID},
        "contacts": contacts,
        "messages": texts,
    });
    let body = json!({
        "object": "whatsapp_business_account",
        "entry": [{"id": WABA_ID, "changes": [{"field": "messages", "value": value}]}],
    });
    let items = parse(body.to_string().as_bytes())?;
    Ok(cut_runs(items)
        .iter()
        .map(serde_json::to_value)
        .collect::<Result<_, _>>()?)
}

/// The digits of a person's phone: one of the numbers kept free for fiction, and on.
pub fn phone_of(person: usize) -> String {
    format!("1555{:07}", 100_000 + person)
}

/// A person's business-scoped user id.
fn user_of(person: usize) -> String {
    format!("US.13491208655302741{person:06}")
}
