//! The kinds of job, one file each, and what they have in common.

use crate::{
    accounts::{Accounts, NoToken, Token},
    apis::{
        graph::{CallError, Caller, Graph, Refusal},
        storage::Storage,
    },
    backoff::Backoff,
    db::{ClaimedJob, Db, DbError, Failure, JobOutcome},
    metrics::Metrics,
    queue::lease::{Held, Lease},
    secret::Secret,
};
use chat_rules::{
    jobs::{
        JobKind,
        retry::{self, Decision},
    },
    whatsapp::errors,
};
use serde::{Deserialize, de::DeserializeOwned};
use std::{future::Future, sync::Arc, time::Duration};
use tokio::time::Instant;
use uuid::Uuid;

pub mod confirm_number;
pub mod delete_files;
pub mod fetch_media;
mod long;
pub mod mark_read;
mod send_file;
pub mod send_message;
pub mod send_reaction;
pub mod send_test;
pub mod spool;
pub mod sync_templates;
pub mod test_number;
pub mod typing;

/// Kept back from a lease for telling the database how the call ended.
const BOOKKEEPING: Duration = Duration::from_secs(4);

/// What a job may use.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Context {
    pub db: Db,
    pub graph: Graph,
    /// None where none is configured: files wait.
    pub storage: Option<Storage>,
    pub accounts: Arc<Accounts>,
    pub held: Arc<Held>,
    pub metrics: Arc<Metrics>,
}

/// How a job ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It had its effect.
    Done,
    /// It may succeed later.
    Retry {
        /// From now.
        after: Duration,
        /// For the log and the row.
        why: String,
    },
    /// It never will; the row keeps the reason.
    Dead {
        /// For a person.
        why: String,
    },
    /// Nobody can tell whether it had its effect.
    Unknown {
        /// What was seen last.
        why: String,
    },
    /// There was nothing to do: the database had settled it, or the lease was another's.
    Gone {
        /// For the log.
        why: String,
    },
    /// The database could not be told. The lease runs out and another worker takes over.
    Lost {
        /// What it said last.
        why: String,
    },
}

impl Outcome {
    /// The word for logs and metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Retry { .. } => "retry",
            Self::Dead { .. } => "dead",
            Self::Unknown { .. } => "unknown",
            Self::Gone { .. } => "gone",
            Self::Lost { .. } => "lost",
        }
    }

    /// The reason, where there is one.
    pub fn why(&self) -> &str {
        match self {
            Self::Done => "",
            Self::Retry { why, .. }
            | Self::Dead { why }
            | Self::Unknown { why }
            | Self::Gone { why }
            | Self::Lost { why } => why,
        }
    }
}

/// What jobs that call Graph for an account carry.
#[derive(Debug, Deserialize)]
struct GraphPayload {
    phone_number_id: String,
    account_id: Uuid,
    site_id: Option<Uuid>,
    graph_version: Option<String>,
}

/// Runs a job and tells the database how it ended.
pub async fn run(context: &Context, job: &ClaimedJob, mut lease: Lease) -> Outcome {
    let outcome = match JobKind::of_word(&job.kind) {
        // It records attempts, so it ends its job itself.
        Some(JobKind::SendMessage) => return send_message::run(context, job, lease).await,
        // It keeps a failure beside the reaction, so it ends its job itself, too.
        Some(JobKind::SendReaction) => return send_reaction::run(context, job, lease).await,
        Some(JobKind::Typing) => typing::run(context, job, lease).await,
        Some(JobKind::MarkRead) => mark_read::run(context, job, lease).await,
        Some(JobKind::ConfirmNumber) => confirm_number::run(context, job, lease).await,
        Some(JobKind::FetchMedia) => fetch_media::run(context, job, &mut lease).await,
        Some(JobKind::DeleteFiles) => delete_files::run(context, job, &mut lease).await,
        Some(JobKind::TestNumber) => test_number::run(context, job, lease).await,
        Some(JobKind::SendTest) => send_test::run(context, job, lease).await,
        Some(JobKind::SyncTemplates) => sync_templates::run(context, job, lease).await,
        // While versions change, a newer worker beside this one knows it.
        None => retry_or(
            job,
            60,
            "this worker does not know this kind of job",
            |why| Outcome::Dead { why },
        ),
    };
    finish(context, lease, outcome).await
}

/// Ends a job that has no attempts. Tried while the lease lasts; later the answer would change nothing.
async fn finish(context: &Context, lease: Lease, outcome: Outcome) -> Outcome {
    let told = match &outcome {
        Outcome::Done => JobOutcome::Done,
        Outcome::Retry { after, why } => JobOutcome::Retry {
            after_seconds: after.as_secs(),
            why: why.clone(),
        },
        Outcome::Dead { why } => JobOutcome::Dead { why: why.clone() },
        Outcome::Unknown { .. } | Outcome::Gone { .. } | Outcome::Lost { .. } => return outcome,
    };
    match persist(lease.until, || {
        context.db.finish_job(lease.job_id, lease.token, &told)
    })
    .await
    {
        Ok(state) if state == "stale" => Outcome::Gone {
            why: "the lease was lost meanwhile".to_owned(),
        },
        Ok(_) => outcome,
        Err(error) => Outcome::Lost {
            why: error.to_string(),
        },
    }
}

/// Repeats a database call that failed for a passing reason, until `until`.
async fn persist<T, F>(until: Instant, mut call: impl FnMut() -> F) -> Result<T, DbError>
where
    F: Future<Output = Result<T, DbError>>,
{
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(5));
    loop {
        match call().await {
            Err(error) if error.failure() == Failure::Passing && Instant::now() < until => {
                tokio::time::sleep(backoff.pause()).await;
            }
            other => return other,
        }
    }
}

/// Reads a payload; one that does not fit can never succeed.
fn payload<T: DeserializeOwned>(job: &ClaimedJob) -> Result<T, Outcome> {
    T::deserialize(&job.payload).map_err(|error| Outcome::Dead {
        why: format!("the payload does not fit its kind: {error}"),
    })
}

/// The token for a job, or how the job ends without one: put off for a missing one, because a restart with the
/// token mends that, and dead for another site's.
fn token(context: &Context, job: &ClaimedJob, payload: &GraphPayload) -> Result<Token, Outcome> {
    context
        .accounts
        .token(payload.account_id, payload.site_id)
        .map_err(|no| match no {
            NoToken::Missing | NoToken::Sealed(_) => {
                // It may have been saved just now.
                context.accounts.look();
                let after = if job.tries < 3 { 2 } else { 60 };
                retry_or(job, after, &no.to_string(), |why| Outcome::Dead { why })
            }
            NoToken::OtherSite => Outcome::Dead {
                why: no.to_string(),
            },
        })
}

/// Who calls, with the time that the lease leaves for it.
fn caller<'a>(
    graph: &Graph,
    lease: &Lease,
    version: Option<&'a str>,
    token: &'a Secret,
) -> Caller<'a> {
    Caller {
        version,
        token,
        within: graph
            .timeout()
            .min(lease.time_left().saturating_sub(BOOKKEEPING)),
    }
}

/// A retry, or `end` when the job has been put off for as long as its kind may be.
fn retry_or(
    job: &ClaimedJob,
    after_seconds: u32,
    why: &str,
    end: impl FnOnce(String) -> Outcome,
) -> Outcome {
    if job.held_seconds + u64::from(after_seconds) > u64::from(retry::hold_seconds(&job.kind)) {
        return end(format!("{why}; given up after {} s", job.held_seconds));
    }
    Outcome::Retry {
        after: Duration::from_secs(after_seconds.into()),
        why: why.to_owned(),
    }
}

/// How a job ends whose call may be repeated without harm.
fn of_call_error(job: &ClaimedJob, error: &CallError) -> Outcome {
    let why = error.to_string();
    let dead = |why| Outcome::Dead { why };
    let (code, http) = match error {
        CallError::NotSent(_) => {
            return retry_or(job, retry::backoff_seconds(job.tries), &why, dead);
        }
        CallError::Refused(refusal) => (effective_code(refusal), Some(refusal.http)),
        CallError::Unclear(_) => (None, None),
    };
    match retry::decide(code, http, job.tries, &job.kind) {
        Decision::Retry { after_s } | Decision::StopNumber { after_s } => {
            retry_or(job, after_s, &why, dead)
        }
        Decision::Fail { .. } => Outcome::Dead { why },
        Decision::Unknown => Outcome::Unknown { why },
    }
}

/// Graph's code, told apart by subcode where Meta uses one code for two things.
fn effective_code(refusal: &Refusal) -> Option<i64> {
    refusal
        .code
        .map(|code| errors::effective_code(code, refusal.subcode))
}

#[cfg(test)]
mod tests;
