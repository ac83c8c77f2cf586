//! What this worker holds, so that a stop can give back what was not begun.

use crate::db::ClaimedJob;
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};
use tokio::time::Instant;
use uuid::Uuid;

/// The right to work on one job for a while.
#[derive(Clone, Copy, Debug)]
pub struct Lease {
    /// `chat.jobs.id`
    pub job_id: i64,
    /// Shown with every call about the job.
    pub token: Uuid,
    /// When the database may give the job to another.
    pub until: Instant,
}

impl Lease {
    /// How long a renewal lasts, as `sql/jobs/renew_lease.sql` has it.
    pub const RENEWED: Duration = Duration::from_secs(30);

    /// The lease of a job claimed by a call that was made at `asked_at`, which is never later than the database's
    /// own beginning.
    pub fn of(job: &ClaimedJob, asked_at: Instant) -> Self {
        let lasts = Duration::try_from_secs_f64(job.lease_seconds).unwrap_or(Duration::ZERO);
        Self {
            job_id: job.job_id,
            token: job.lease_token,
            until: asked_at + lasts,
        }
    }

    /// What is left of it.
    pub fn time_left(&self) -> Duration {
        self.until.saturating_duration_since(Instant::now())
    }
}

/// Whether a job's effect may have begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Begun,
}

/// The leases held now.
#[derive(Debug, Default)]
pub struct Held(Mutex<HashMap<Uuid, Stage>>);

impl Held {
    /// A lease was claimed.
    pub fn take(&self, token: Uuid) {
        self.stages().insert(token, Stage::Idle);
    }

    /// The job is about to record an attempt: from now on its lease is never given back, only ended or left to
    /// run out, because another worker could not tell what has happened.
    pub fn begin(&self, token: Uuid) {
        self.stages().insert(token, Stage::Begun);
    }

    /// The job has ended.
    pub fn release(&self, token: Uuid) {
        self.stages().remove(&token);
    }

    /// The leases that can go back.
    pub fn idle(&self) -> Vec<Uuid> {
        self.stages()
            .iter()
            .filter(|(_, stage)| **stage == Stage::Idle)
            .map(|(token, _)| *token)
            .collect()
    }

    fn stages(&self) -> MutexGuard<'_, HashMap<Uuid, Stage>> {
        // No code panics while holding it, and a map of ids cannot be left half-written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::Held;
    use uuid::Uuid;

    #[test]
    fn what_has_begun_is_not_given_back() {
        let (held, idle, begun, ended) = (
            Held::default(),
            Uuid::new_v4(),
            Uuid::new_v4(),
            Uuid::new_v4(),
        );
        for token in [idle, begun, ended] {
            held.take(token);
        }
        held.begin(begun);
        held.release(ended);
        assert_eq!(held.idle(), [idle]);
    }
}
