//! `whatsapp.send_reaction`: an agent's emoji on a message, or its removal. Repeating it does no harm.

use super::{Context, GraphPayload, Outcome};
use crate::{
    apis::graph::{CallError, Refusal},
    db::{ClaimedJob, ReactionOutcome},
    queue::lease::Lease,
};
use chat_rules::whatsapp::{
    errors,
    outgoing::{self, Envelope},
};
use serde::Deserialize;

#[derive(Debug, Deserialize)]
struct Payload {
    to: Option<String>,
    recipient: Option<String>,
    wamid: String,
    emoji: Option<String>,
    callback: String,
    #[serde(flatten)]
    graph: GraphPayload,
}

/// Sends it and tells the database, which shows a failure beside the reaction.
pub async fn run(context: &Context, job: &ClaimedJob, lease: Lease) -> Outcome {
    let (outcome, told) = match send(context, job, lease).await {
        Ok(()) => (Outcome::Done, ReactionOutcome::Done),
        Err((outcome, error)) => {
            let told = told(&outcome, error.as_ref());
            (outcome, told)
        }
    };
    let stored = super::persist(lease.until, || {
        context.db.finish_reaction(lease.job_id, lease.token, &told)
    });
    match stored.await {
        Ok(state) if state == "stale" => Outcome::Gone {
            why: "the lease was lost meanwhile".to_owned(),
        },
        Ok(_) => outcome,
        Err(error) => Outcome::Lost {
            why: error.to_string(),
        },
    }
}

/// The end that a job comes to, and Graph's answer where there was one.
type Ended = (Outcome, Option<CallError>);

async fn send(context: &Context, job: &ClaimedJob, lease: Lease) -> Result<(), Ended> {
    let ended = |outcome| (outcome, None);
    let payload: Payload = super::payload(job).map_err(ended)?;
    let token = super::token(context, job, &payload.graph).map_err(ended)?;
    let envelope = Envelope {
        to: payload.to.as_deref(),
        recipient: payload.recipient.as_deref(),
        reply_to: None,
        callback: Some(&payload.callback),
    };
    let body = outgoing::reaction(&envelope, &payload.wamid, payload.emoji.as_deref());
    let version = payload.graph.graph_version.as_deref();
    let caller = super::caller(&context.graph, &lease, version, &token.secret);
    let number = &payload.graph.phone_number_id;
    match context.graph.signal(caller, number, &body).await {
        Ok(_) => Ok(()),
        Err(error) => Err((super::of_call_error(job, &error), Some(error))),
    }
}

/// What the database is told. Pure.
pub(super) fn told(outcome: &Outcome, error: Option<&CallError>) -> ReactionOutcome {
    if let Outcome::Retry { after, why } = outcome {
        return ReactionOutcome::Retry {
            after_seconds: after.as_secs(),
            why: why.clone(),
        };
    }
    let Some(CallError::Refused(refusal)) = error else {
        let (title, advice) = match error {
            Some(_) => (
                "WhatsApp could not be reached",
                "React again when the connection is back.",
            ),
            None => (
                "The reaction could not be sent",
                "The details say why; react again when it is mended.",
            ),
        };
        return ReactionOutcome::Failed {
            code: None,
            title: title.to_owned(),
            details: Some(outcome.why().to_owned()),
            advice: Some(advice.to_owned()),
        };
    };
    let code = super::effective_code(refusal);
    let Refusal { title, details, .. } = refusal;
    let known = code.and_then(errors::known);
    ReactionOutcome::Failed {
        code,
        title: known.map_or(title.clone(), |known| known.title.to_owned()),
        details: details.clone(),
        advice: code.map(|code| errors::explain(code).advice.to_owned()),
    }
}
