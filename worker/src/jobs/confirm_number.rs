//! `whatsapp.confirm_number`: is the number really the site's? Graph answers for it only to a token that may use it,
//! so a site that merely names another's number gets nowhere.

use super::{Context, GraphPayload, Outcome};
use crate::{db::ClaimedJob, queue::lease::Lease};
use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

#[derive(Debug, Deserialize)]
struct Payload {
    number: Uuid,
    #[serde(flatten)]
    graph: GraphPayload,
}

/// Asks Graph with the site's own token and hands the answer to the database.
pub async fn run(context: &Context, job: &ClaimedJob, lease: Lease) -> Outcome {
    confirm(context, job, lease)
        .await
        .unwrap_or_else(|ended| ended)
}

async fn confirm(context: &Context, job: &ClaimedJob, lease: Lease) -> Result<Outcome, Outcome> {
    let payload: Payload = super::payload(job)?;
    let token = super::token(context, job, &payload.graph)?;
    let caller = super::caller(
        &context.graph,
        &lease,
        payload.graph.graph_version.as_deref(),
        &token.secret,
    );
    let asked = &payload.graph.phone_number_id;
    let answer = context
        .graph
        .number(caller, asked)
        .await
        .map_err(|error| super::of_call_error(job, &error))?;
    if answer.body.get("id").and_then(Value::as_str) != Some(asked.as_str()) {
        return Err(Outcome::Dead {
            why: "Graph answered for another number than the one asked for".to_owned(),
        });
    }
    let confirmed = super::persist(lease.until, || {
        context.db.confirm_number(payload.number, &answer.body)
    })
    .await
    .map_err(|error| Outcome::Lost {
        why: error.to_string(),
    })?;
    if confirmed.confirmed {
        return Ok(Outcome::Done);
    }
    Err(Outcome::Dead {
        why: confirmed
            .why
            .unwrap_or_else(|| "the database did not confirm it".to_owned()),
    })
}
