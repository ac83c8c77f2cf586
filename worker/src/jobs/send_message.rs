//! `whatsapp.send_message`: one message to a phone, at most once.
//!
//! The order is what makes it so: the attempt's row is committed, then Graph is called, then the answer is stored.
//! Whoever dies in between leaves an open attempt behind, and nobody sends such a message again blindly.

use super::{Context, Outcome, send_file};
use crate::{
    accounts::NoToken,
    apis::graph::{Accepted, CallError, Refusal},
    db::{Attempt, AttemptOutcome, Begun, ClaimedJob, RefusedToken},
    metrics::OutcomeLabels,
    queue::lease::Lease,
};
use chat_rules::{
    jobs::retry::{self, Decision},
    whatsapp::{
        errors::{self, ErrorClass},
        outgoing::{self, Envelope, Media, Message, Refused},
    },
};
use serde_json::Value;
use std::time::Duration;
use tokio::time::Instant;
use tracing::{error, warn};
use uuid::Uuid;

/// How long an answer is kept in hand for a database that is away. The lease is long over then; that a message left
/// is true all the same, and the database takes it.
const ANSWER_KEPT: Duration = Duration::from_secs(600);

/// Advice where Graph refuses a number with a code that is new to us.
const LOOK_AT_META: &str =
    "Look at the number in WhatsApp Manager, and at the details WhatsApp gave.";

/// How often a number without a token is looked at again, in seconds.
const NO_TOKEN_S: u64 = 300;

/// Sends it, unless the database knows better.
pub async fn run(context: &Context, job: &ClaimedJob, lease: Lease) -> Outcome {
    if lease.time_left() < context.graph.timeout() / 2 {
        let late = Outcome::Retry {
            after: Duration::ZERO,
            why: "the lease was nearly over".to_owned(),
        };
        return super::finish(context, lease, late).await;
    }
    context.held.begin(lease.token);
    let attempt = match context.db.begin_attempt(lease.job_id, lease.token).await {
        Ok(Begun::Go(attempt)) => attempt,
        Ok(Begun::No { state, why }) => {
            return Outcome::Gone {
                why: format!("{state}: {}", why.unwrap_or_default()),
            };
        }
        Err(error) => {
            return Outcome::Lost {
                why: error.to_string(),
            };
        }
    };
    let mut lease = lease;
    let outcome = call(context, job, &mut lease, &attempt).await;
    context
        .metrics
        .attempts
        .get_or_create(&OutcomeLabels {
            outcome: word(&outcome),
        })
        .inc();
    store(context, lease, &attempt, outcome).await
}

/// Calls Graph and judges the answer.
async fn call(
    context: &Context,
    job: &ClaimedJob,
    lease: &mut Lease,
    attempt: &Attempt,
) -> AttemptOutcome {
    let token = match context
        .accounts
        .token(attempt.account_id, Some(attempt.site_id))
    {
        Ok(token) => token,
        Err(no) => {
            // It may have been saved just now.
            context.accounts.look();
            return without_token(job, no);
        }
    };
    let media = match send_file::media(context, job, lease, attempt, &token.secret).await {
        Ok(media) => media,
        Err(outcome) => return with_token(outcome, attempt.account_id, token.mark),
    };
    let body = match body(attempt, media.as_ref()) {
        Ok(body) => body,
        Err(refused) => return cannot_be_sent(refused),
    };
    let caller = super::caller(
        &context.graph,
        lease,
        attempt.graph_version.as_deref(),
        &token.secret,
    );
    let answer = context
        .graph
        .send(caller, &attempt.phone_number_id, &body)
        .await;
    with_token(judge(job, answer), attempt.account_id, token.mark)
}

/// Says which token it was, where that is what Graph does not accept.
fn with_token(outcome: AttemptOutcome, account: Uuid, mark: String) -> AttemptOutcome {
    match outcome {
        AttemptOutcome::Retry {
            after_seconds,
            code: Some(code),
            title,
            details,
            http,
            ..
        } if errors::explain(code).class == ErrorClass::Token => AttemptOutcome::Retry {
            after_seconds,
            code: Some(code),
            title,
            details,
            http,
            token: Some(RefusedToken { account, mark }),
            stops: None,
        },
        other => other,
    }
}

fn body(attempt: &Attempt, media: Option<&Media>) -> Result<Value, Refused> {
    let message = Message {
        kind: &attempt.kind,
        content: attempt.content.as_deref(),
        metadata: &attempt.metadata,
        file_name: attempt.file_name.as_deref(),
    };
    let envelope = Envelope {
        to: attempt.to.as_deref(),
        recipient: attempt.recipient.as_deref(),
        reply_to: attempt.reply_to_wamid.as_deref(),
        callback: Some(&attempt.callback),
    };
    outgoing::body(&message, &envelope, media)
}

/// The row says nothing that could be sent; it was written past the check, or changed since.
fn cannot_be_sent(refused: Refused) -> AttemptOutcome {
    AttemptOutcome::Failed {
        code: None,
        title: "The message cannot be sent to WhatsApp".to_owned(),
        details: Some(refused.message),
        advice: Some(refused.hint),
        http: None,
        closes_window: false,
    }
}

/// What an answer means for the message. Pure: the rules are `chat_rules::retry`'s.
pub(super) fn judge(job: &ClaimedJob, answer: Result<Accepted, CallError>) -> AttemptOutcome {
    match answer {
        Ok(Accepted { wamid, wa_id, http }) => AttemptOutcome::Accepted { wamid, wa_id, http },
        Err(CallError::NotSent(why)) => {
            let after_seconds = retry::backoff_seconds(job.tries);
            let title = "WhatsApp could not be reached".to_owned();
            if job.held_seconds + u64::from(after_seconds)
                > u64::from(retry::hold_seconds(&job.kind))
            {
                let advice = Some("Send it again when the connection is back.".to_owned());
                return AttemptOutcome::Failed {
                    code: None,
                    title,
                    details: Some(why),
                    advice,
                    http: None,
                    closes_window: false,
                };
            }
            AttemptOutcome::Retry {
                after_seconds: after_seconds.into(),
                code: None,
                title,
                details: Some(why),
                http: None,
                token: None,
                stops: None,
            }
        }
        Err(CallError::Unclear(details)) => AttemptOutcome::Unknown { details },
        Err(CallError::Refused(refusal)) => judge_refusal(job, refusal),
    }
}

fn judge_refusal(job: &ClaimedJob, refusal: Refusal) -> AttemptOutcome {
    let code = super::effective_code(&refusal);
    let known = code.and_then(errors::known);
    let Refusal {
        http,
        title,
        details,
        ..
    } = refusal;
    match retry::decide(code, Some(http), job.tries, &job.kind) {
        Decision::Retry { after_s } => AttemptOutcome::Retry {
            after_seconds: after_s.into(),
            code,
            title,
            details,
            http: Some(http),
            token: None,
            stops: None,
        },
        Decision::StopNumber { after_s } => {
            error!(
                code,
                http, "Graph refuses this number's account; its messages wait until that is mended"
            );
            AttemptOutcome::Retry {
                after_seconds: after_s.into(),
                code,
                title,
                details,
                http: Some(http),
                token: None,
                stops: Some(known.map_or(LOOK_AT_META, |known| known.advice)),
            }
        }
        Decision::Fail { closes_window } => AttemptOutcome::Failed {
            code,
            title: known.map_or(title, |known| known.title.to_owned()),
            details,
            advice: code.map(|code| errors::explain(code).advice.to_owned()),
            http: Some(http),
            closes_window,
        },
        Decision::Unknown => AttemptOutcome::Unknown {
            details: format!("{title} (code {code:?}, HTTP {http})"),
        },
    }
}

fn without_token(job: &ClaimedJob, no: NoToken) -> AttemptOutcome {
    let details = match no {
        NoToken::Missing => "`worker check` says which setting is missing",
        NoToken::Sealed(_) => "give this worker the key, or run `worker rotate-key`",
        NoToken::OtherSite => {
            return AttemptOutcome::Failed {
                code: None,
                title: no.to_string(),
                details: None,
                advice: Some("Connect the number with an account of this site.".to_owned()),
                http: None,
                closes_window: false,
            };
        }
    };
    AttemptOutcome::Retry {
        after_seconds: if job.tries < 3 { 2 } else { NO_TOKEN_S },
        code: None,
        title: no.to_string(),
        details: Some(details.to_owned()),
        http: None,
        token: None,
        stops: None,
    }
}

/// Stores the answer, however long the database is away, and ends the job with it.
async fn store(
    context: &Context,
    lease: Lease,
    attempt: &Attempt,
    outcome: AttemptOutcome,
) -> Outcome {
    let Attempt {
        message_id,
        attempt: number,
        ..
    } = *attempt;
    let kept_until = Instant::now() + ANSWER_KEPT;
    let told = super::persist(kept_until, || {
        context
            .db
            .finish_attempt(lease.job_id, lease.token, message_id, number, &outcome)
    });
    match told.await {
        Ok(state) if state == "stale" => {
            warn!(%message_id, number, "the lease was over before the answer came; a status settled the attempt");
            Outcome::Gone { why: state }
        }
        Ok(_) => of_attempt(outcome),
        Err(error) => {
            let wamid = match &outcome {
                AttemptOutcome::Accepted { wamid, .. } => Some(wamid.as_str()),
                _ => None,
            };
            error!(%message_id, number, wamid, answer = word(&outcome), %error, "an answer of Graph could not be stored; a status will settle it");
            Outcome::Lost {
                why: error.to_string(),
            }
        }
    }
}

/// The job's outcome for logs and metrics.
fn of_attempt(outcome: AttemptOutcome) -> Outcome {
    match outcome {
        AttemptOutcome::Accepted { .. } => Outcome::Done,
        AttemptOutcome::Retry {
            after_seconds,
            code,
            title,
            ..
        } => Outcome::Retry {
            after: Duration::from_secs(after_seconds),
            why: with_code(title, code),
        },
        AttemptOutcome::Failed { code, title, .. } => Outcome::Dead {
            why: with_code(title, code),
        },
        AttemptOutcome::Unknown { details } => Outcome::Unknown { why: details },
    }
}

fn with_code(title: String, code: Option<i64>) -> String {
    code.map_or_else(|| title.clone(), |code| format!("{title} (code {code})"))
}

fn word(outcome: &AttemptOutcome) -> &'static str {
    match outcome {
        AttemptOutcome::Accepted { .. } => "accepted",
        AttemptOutcome::Retry { .. } => "retry",
        AttemptOutcome::Failed { .. } => "failed",
        AttemptOutcome::Unknown { .. } => "unknown",
    }
}
