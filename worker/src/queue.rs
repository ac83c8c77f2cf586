//! The queue's loop: claim as many jobs as there are free slots, run each in a task of its own, wait for a reason to
//! look again.

use crate::{
    backoff::Backoff,
    config,
    db::ClaimedJob,
    jobs::{self, Context, Outcome},
    metrics::JobLabels,
    shutdown::Stop,
};
use chat_rules::jobs::JobKind;
use lease::Lease;
use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};
use tokio::{
    task::{JoinError, JoinSet},
    time::{Instant, sleep_until, timeout},
};
use tracing::{debug, error, info, warn};
use wake::Wake;

pub mod lease;
pub mod tick;
pub mod wake;

/// Jobs running now; each gives the time at which it wants to be looked at again, if any.
type Running = JoinSet<Option<Instant>>;

/// The queue of one worker.
#[derive(Debug)]
pub struct Queue {
    context: Context,
    wake: Arc<Wake>,
    slots: usize,
    poll: Duration,
    stop_after: Duration,
}

impl Queue {
    /// With the configured slots and pauses.
    pub fn new(
        context: Context,
        wake: Arc<Wake>,
        config: &config::Queue,
        stop_after: Duration,
    ) -> Self {
        Self {
            context,
            wake,
            slots: config.slots,
            poll: Duration::from_millis(config.poll_ms),
            stop_after,
        }
    }

    /// Works until the stop, then lets running jobs end.
    pub async fn run(self, stop: Stop) {
        let mut running = Running::new();
        let mut due = BinaryHeap::new();
        let mut backoff = Backoff::new(Duration::from_millis(200), self.poll);
        while !stop.is_requested() {
            let mut look_at = Instant::now() + self.poll;
            if let Some(pause) = self.claim(&mut running, &mut backoff).await {
                look_at = look_at.min(Instant::now() + pause);
            } else if let Some(Reverse(retry_at)) = due.peek() {
                look_at = look_at.min(*retry_at);
            }
            self.context
                .metrics
                .running
                .set(i64::try_from(running.len()).unwrap_or(i64::MAX));
            tokio::select! {
                Some(ended) = running.join_next(), if !running.is_empty() => due.extend(retry_at(ended).map(Reverse)),
                () = self.wake.called(), if running.len() < self.slots => {}
                () = sleep_until(look_at) => {}
                () = stop.requested() => {}
            }
            while due.peek().is_some_and(|Reverse(at)| *at <= Instant::now()) {
                due.pop();
            }
        }
        self.end(running).await;
    }

    /// Fills the free slots. Returns how long to wait when the database could not be asked.
    async fn claim(&self, running: &mut Running, backoff: &mut Backoff) -> Option<Duration> {
        let free = self.slots.saturating_sub(running.len());
        if free == 0 {
            return None;
        }
        let asked_at = Instant::now();
        let jobs = match self
            .context
            .db
            .claim_jobs(i32::try_from(free).unwrap_or(i32::MAX))
            .await
        {
            Ok(jobs) => jobs,
            Err(error) => {
                let pause = backoff.pause();
                warn!(%error, wait = ?pause, "no jobs can be claimed");
                return Some(pause);
            }
        };
        backoff.reset();
        for job in jobs {
            let lease = Lease::of(&job, asked_at);
            self.context.held.take(lease.token);
            running.spawn(work(self.context.clone(), job, lease));
        }
        None
    }

    /// Waits for running jobs, then gives back what has not begun.
    async fn end(&self, mut running: Running) {
        let left = running.len();
        if left > 0 {
            info!(jobs = left, "waiting for running jobs");
        }
        let all_ended = async { while running.join_next().await.is_some() {} };
        if timeout(self.stop_after, all_ended).await.is_err() {
            running.shutdown().await;
        }
        let idle = self.context.held.idle();
        if idle.is_empty() {
            return;
        }
        match self.context.db.give_back_jobs(&idle).await {
            Ok(given) => info!(jobs = given, "gave back jobs that had not begun"),
            Err(error) => warn!(%error, "jobs could not be given back; their leases run out"),
        }
    }
}

/// Runs one job to its end.
async fn work(context: Context, job: ClaimedJob, lease: Lease) -> Option<Instant> {
    let began = Instant::now();
    let outcome = jobs::run(&context, &job, lease).await;
    context.held.release(lease.token);
    let kind = JobKind::of_word(&job.kind).map_or("other", JobKind::word);
    context
        .metrics
        .jobs
        .get_or_create(&JobLabels {
            kind,
            outcome: outcome.word(),
        })
        .inc();
    let (id, tries, took, word, why) = (
        job.job_id,
        job.tries,
        began.elapsed(),
        outcome.word(),
        outcome.why(),
    );
    match &outcome {
        Outcome::Done | Outcome::Gone { .. } => debug!(id, kind, tries, ?took, why, "job {word}"),
        Outcome::Retry { after, .. } => info!(id, kind, tries, ?took, ?after, why, "job {word}"),
        Outcome::Unknown { .. } | Outcome::Dead { .. } | Outcome::Lost { .. } => {
            warn!(id, kind, tries, ?took, why, "job {word}");
        }
    }
    match outcome {
        Outcome::Retry { after, .. } => Some(Instant::now() + after),
        // Nobody ended it: it can be claimed again when the lease is over.
        Outcome::Lost { .. } => Some(lease.until),
        _ => None,
    }
}

/// When an ended task wants to be looked at again. A panic is a bug; its lease runs out like that of a dead worker.
fn retry_at(ended: Result<Option<Instant>, JoinError>) -> Option<Instant> {
    ended.unwrap_or_else(|panicked| {
        error!(%panicked, "a job panicked; its lease runs out");
        None
    })
}
