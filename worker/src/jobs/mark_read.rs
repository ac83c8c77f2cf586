//! `whatsapp.mark_read`: blue ticks for what an agent has read. Repeating it does no harm.

use super::{Context, GraphPayload, Outcome};
use crate::{db::ClaimedJob, queue::lease::Lease};
use chat_rules::whatsapp::outgoing;
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Payload {
    wamid: String,
    #[serde(flatten)]
    graph: GraphPayload,
}

/// Marks one message and all before it.
pub async fn run(context: &Context, job: &ClaimedJob, lease: Lease) -> Outcome {
    mark(context, job, lease)
        .await
        .unwrap_or_else(|ended| ended)
}

async fn mark(context: &Context, job: &ClaimedJob, lease: Lease) -> Result<Outcome, Outcome> {
    let payload: Payload = super::payload(job)?;
    let token = super::token(context, job, &payload.graph)?;
    let caller = super::caller(
        &context.graph,
        &lease,
        payload.graph.graph_version.as_deref(),
        &token.secret,
    );
    match context
        .graph
        .signal(
            caller,
            &payload.graph.phone_number_id,
            &outgoing::mark_read(&payload.wamid),
        )
        .await
    {
        Ok(_) => Ok(Outcome::Done),
        Err(error) => Err(super::of_call_error(job, &error)),
    }
}
