//! `whatsapp.send_test`: a template to a phone of the person who tries a number. That it is being sent is noted before
//! it is, so whoever finds it noted does not send it again.

use super::{Context, GraphPayload, Outcome};
use crate::{
    apis::graph::{Accepted, CallError},
    db::ClaimedJob,
    queue::lease::Lease,
};
use chat_rules::whatsapp::errors;
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

#[derive(Debug, Deserialize)]
struct Payload {
    number: Uuid,
    to: String,
    template: String,
    language: String,
    #[serde(flatten)]
    graph: GraphPayload,
}

/// Sends it once, and tells the database how that ended.
pub async fn run(context: &Context, job: &ClaimedJob, lease: Lease) -> Outcome {
    send(context, job, lease)
        .await
        .unwrap_or_else(|ended| ended)
}

async fn send(context: &Context, job: &ClaimedJob, lease: Lease) -> Result<Outcome, Outcome> {
    let payload: Payload = super::payload(job)?;
    let token = super::token(context, job, &payload.graph)?;
    let note = async |result: Value| {
        super::persist(lease.until, || {
            context.db.note_test_send(payload.number, &result)
        })
        .await
        .map_err(|error| Outcome::Lost {
            why: error.to_string(),
        })
    };
    if !note(json!({"state": "sending"})).await? {
        // Another lease began it and did not end it; or the number was disconnected.
        note(json!({"state": "unknown", "title": "Nobody knows whether the test message left"}))
            .await?;
        return Ok(Outcome::Done);
    }
    let body = json!({
        "messaging_product": "whatsapp", "recipient_type": "individual", "to": payload.to, "type": "template",
        "template": {"name": payload.template, "language": {"code": payload.language}},
    });
    let caller = super::caller(
        &context.graph,
        &lease,
        payload.graph.graph_version.as_deref(),
        &token.secret,
    );
    let answer = context
        .graph
        .send(caller, &payload.graph.phone_number_id, &body)
        .await;
    note(result(answer)).await?;
    Ok(Outcome::Done)
}

fn result(answer: Result<Accepted, CallError>) -> Value {
    match answer {
        Ok(accepted) => json!({"state": "sent", "wamid": accepted.wamid}),
        Err(CallError::NotSent(why)) => {
            json!({"state": "failed", "title": "WhatsApp could not be reached", "details": why})
        }
        Err(CallError::Unclear(why)) => {
            json!({"state": "unknown", "title": "Nobody knows whether the test message left", "details": why})
        }
        Err(CallError::Refused(refusal)) => {
            let code = super::effective_code(&refusal);
            let known = errors::explain(code.unwrap_or_default());
            json!({
                "state": "failed", "code": code, "title": code.map_or(refusal.title.as_str(), |_| known.title),
                "details": refusal.details, "advice": code.map(|_| known.advice),
            })
        }
    }
}
