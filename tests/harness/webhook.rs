//! What Meta would post, and taking it as the worker does.

use anyhow::Result;
use chat_rules::whatsapp::{cut_runs, parse};
use jiff::Timestamp;
use serde_json::{Value, json};
use sqlx::types::Json;

use crate::{Number, TestDb};

/// A webhook body of messages (as Meta's `messages[]`), each with the contact of its sender.
pub fn body_of_messages(number: &Number, messages: &[Value]) -> Value {
    let contacts: Vec<_> = messages
        .iter()
        .map(|message| {
            let name = format!("Phone {}", message["from"].as_str().unwrap_or("hidden"));
            json!({"wa_id": message["from"], "profile": {"name": name}})
        })
        .collect();
    body(number, json!({"contacts": contacts, "messages": messages}))
}

/// A webhook body of statuses (as Meta's `statuses[]`).
pub fn body_of_statuses(number: &Number, statuses: &[Value]) -> Value {
    body(number, json!({"statuses": statuses}))
}

/// A webhook body of any field that carries the number's metadata.
pub fn body_of(number: &Number, field: &str, value: Value) -> Value {
    let mut body = body(number, value);
    body["entry"][0]["changes"][0]["field"] = json!(field);
    body
}

fn body(number: &Number, mut value: Value) -> Value {
    value["messaging_product"] = json!("whatsapp");
    value["metadata"] =
        json!({"display_phone_number": "15550100001", "phone_number_id": number.phone_number_id});
    json!({
        "object": "whatsapp_business_account",
        "entry": [{"id": number.waba_id, "changes": [{"field": "messages", "value": value}]}],
    })
}

/// A text from a phone, written now.
pub fn text(from: &str, wamid: &str, words: &str) -> Value {
    json!({"from": from, "id": wamid, "timestamp": now(), "type": "text", "text": {"body": words}})
}

/// An image with a caption from a phone, written now.
pub fn image(from: &str, wamid: &str, caption: &str) -> Value {
    let image = json!({"id": format!("media-{wamid}"), "mime_type": "image/jpeg", "sha256": "c2hh", "caption": caption});
    json!({"from": from, "id": wamid, "timestamp": now(), "type": "image", "image": image})
}

/// A status of a message that was sent to a phone: sent, delivered, read, failed, …
pub fn status(to: &str, wamid: &str, word: &str, callback: &str) -> Value {
    json!({
        "id": wamid, "recipient_id": to, "status": word, "timestamp": now(), "biz_opaque_callback_data": callback,
    })
}

fn now() -> String {
    Timestamp::now().as_second().to_string()
}

/// Takes a body as the worker does after its signature: parsed, cut into runs, a transaction a run.
/// Gives what the database answered to each.
pub async fn take(db: &TestDb, number: &Number, body: &Value) -> Result<Vec<Value>> {
    let mut answers = Vec::new();
    for run in cut_runs(parse(&serde_json::to_vec(body)?)?) {
        let answer = sqlx::query_scalar("select public.chat_receive_whatsapp($1, $2)")
            .bind(number.app)
            .bind(Json(run))
            .fetch_one(db.as_worker())
            .await?;
        answers.push(answer);
    }
    Ok(answers)
}

/// Takes one body of these messages.
pub async fn receive(db: &TestDb, number: &Number, messages: &[Value]) -> Result<Vec<Value>> {
    take(db, number, &body_of_messages(number, messages)).await
}
