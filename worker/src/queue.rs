//! The queue's loop: claim as many jobs as there are free slots, run each in a task of its own, wait for a reason to
//! look again.

use crate::{
    backoff::Backoff,
    config,
    db::{ClaimedJob, DbError},
    jobs::{self, Context, Outcome},
    metrics::JobLabels,
    shutdown::Stop,
};
use chat_rules::jobs::JobKind;
use lease::Lease;
use pace::Pace;
use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc, time::Duration};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    task::{JoinError, JoinSet},
    time::{Instant, sleep, sleep_until, timeout},
};
use tracing::{debug, error, info, warn};
use uuid::Uuid;
use wake::Wake;

pub mod lease;
pub mod pace;
pub mod tick;
pub mod wake;

/// The queue is not looked at again sooner than this without a call, however near the next job is.
const AT_LEAST: Duration = Duration::from_millis(20);

/// How often a worker that stops asks to give its leases back, and how long it waits between.
const GIVE_BACK_TRIES: usize = 5;
const BETWEEN_GIVE_BACKS: Duration = Duration::from_millis(50);

/// Jobs running now; each gives the time at which it wants to be looked at again, if any.
type Running = JoinSet<Option<Instant>>;

/// Holds one of the slots for bulk work, until its job ends, however it ends.
type BulkSlot = Option<OwnedSemaphorePermit>;

/// The queue of one worker.
#[derive(Debug)]
pub struct Queue {
    context: Context,
    wake: Arc<Wake>,
    slots: usize,
    bulk_slots: Arc<Semaphore>,
    poll: Duration,
    pace: Pace,
    stop_after: Duration,
}

impl Queue {
    /// With the configured slots and pauses.
    pub fn new(
        context: Context,
        wake: Arc<Wake>,
        config: &config::Queue,
        pace: Pace,
        stop_after: Duration,
    ) -> Self {
        Self {
            context,
            wake,
            slots: config.slots,
            bulk_slots: Arc::new(Semaphore::new(
                config.bulk_slots.min(config.slots.saturating_sub(1)).max(1),
            )),
            poll: Duration::from_millis(config.poll_ms),
            pace,
            stop_after,
        }
    }

    /// Works until the stop, then lets running jobs end.
    pub async fn run(mut self, stop: Stop) {
        let mut running = Running::new();
        let mut due = BinaryHeap::new();
        let mut backoff = Backoff::new(Duration::from_millis(200), self.poll);
        while !stop.is_requested() {
            let pause = self.claim(&mut running, &mut backoff).await;
            let now = Instant::now();
            let mut look_at = now + self.pace.pause(now);
            if let Some(pause) = pause {
                look_at = look_at.min(now + pause.max(AT_LEAST));
            } else if let Some(Reverse(retry_at)) = due.peek() {
                look_at = look_at.min(*retry_at);
            }
            self.context
                .metrics
                .running
                .set(i64::try_from(running.len()).unwrap_or(i64::MAX));
            tokio::select! {
                Some(ended) = running.join_next(), if !running.is_empty() => due.extend(retry_at(ended).map(Reverse)),
                () = self.wake.called(), if running.len() < self.slots => self.pace.stir(Instant::now()),
                () = sleep_until(look_at) => {}
                () = stop.requested() => {}
            }
            while due.peek().is_some_and(|Reverse(at)| *at <= Instant::now()) {
                due.pop();
            }
        }
        self.end(running).await;
    }

    /// Fills the free slots. Returns how long to wait: when the database could not be asked, or has nothing to do until
    /// then. What waits notifies nobody when its time comes.
    async fn claim(&mut self, running: &mut Running, backoff: &mut Backoff) -> Option<Duration> {
        let free = self.slots.saturating_sub(running.len());
        if free == 0 {
            return None;
        }
        let asked_at = Instant::now();
        let jobs = match self
            .context
            .db
            .claim_jobs(
                i32::try_from(free).unwrap_or(i32::MAX),
                i32::try_from(self.bulk_slots.available_permits()).unwrap_or(i32::MAX),
            )
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
        if jobs.is_empty() {
            return self.context.db.next_job().await.unwrap_or_default();
        }
        self.pace.stir(Instant::now());
        for job in jobs {
            let lease = Lease::of(&job, asked_at);
            self.context.held.take(lease.token);
            let slot = JobKind::of_word(&job.kind)
                .filter(|kind| kind.is_bulk())
                .and_then(|_| Arc::clone(&self.bulk_slots).try_acquire_owned().ok());
            running.spawn(work(self.context.clone(), job, lease, slot));
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
        match self.give_back(&idle).await {
            Ok(given) => info!(jobs = given, "gave back jobs that had not begun"),
            Err(error) => warn!(%error, "jobs could not be given back; their leases run out"),
        }
    }

    /// Gives leases back; how many. Where somebody just adds to a lane it is asked for again; a lease that was lost meanwhile
    /// is nobody's to give.
    async fn give_back(&self, leases: &[Uuid]) -> Result<i32, DbError> {
        let mut given = 0;
        for _ in 0..GIVE_BACK_TRIES {
            given += self.context.db.give_back_jobs(leases).await?;
            if usize::try_from(given).is_ok_and(|given| given >= leases.len()) {
                break;
            }
            sleep(BETWEEN_GIVE_BACKS).await;
        }
        Ok(given)
    }
}

/// Runs one job to its end.
async fn work(
    context: Context,
    job: ClaimedJob,
    lease: Lease,
    _until_it_ends: BulkSlot,
) -> Option<Instant> {
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
