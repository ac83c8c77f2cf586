//! `whatsapp.typing`: the person sees that somebody types. Of no use later, so it is tried once and its end is no fault.

use super::{Context, GraphPayload, Outcome};
use crate::{db::ClaimedJob, queue::lease::Lease};
use chat_rules::{Timestamp, whatsapp::outgoing};
use serde::Deserialize;
use tracing::debug;

#[derive(Debug, Deserialize)]
struct Payload {
    wamid: String,
    /// Until when it is worth showing, in seconds since 1970.
    until: i64,
    #[serde(flatten)]
    graph: GraphPayload,
}

/// Shows it, unless it is too late.
pub async fn run(context: &Context, job: &ClaimedJob, lease: Lease) -> Outcome {
    let shown = show(context, job, lease)
        .await
        .unwrap_or_else(|ended| ended);
    if let Outcome::Dead { why } | Outcome::Retry { why, .. } | Outcome::Unknown { why } = &shown {
        debug!(
            job = job.job_id,
            why, "nobody was shown that somebody types"
        );
    }
    Outcome::Done
}

async fn show(context: &Context, job: &ClaimedJob, lease: Lease) -> Result<Outcome, Outcome> {
    let payload: Payload = super::payload(job)?;
    if Timestamp::now().as_second() > payload.until {
        return Ok(Outcome::Done);
    }
    let token = super::token(context, job, &payload.graph)?;
    let version = payload.graph.graph_version.as_deref();
    let caller = super::caller(&context.graph, &lease, version, &token.secret);
    let number = &payload.graph.phone_number_id;
    let body = outgoing::typing(&payload.wamid);
    match context.graph.signal(caller, number, &body).await {
        Ok(_) => Ok(Outcome::Done),
        Err(error) => Err(super::of_call_error(job, &error)),
    }
}
