//! From parsed items to committed rows.
//!
//! Runs are stored one after the other, each in one transaction. A run that the database refuses is repeated item by
//! item, so that one bad item does not cost the others: a bad one becomes a visible placeholder, or a dead letter when
//! even that is refused. What fails for a passing reason, or by our own fault, is asked of Meta again.

use crate::{
    backoff::Backoff,
    db::{Db, DbError, Failure, Received},
    metrics::Metrics,
};
use chat_rules::whatsapp::Item;
use std::{future::Future, time::Duration};
use tokio::time::Instant;
use tracing::{error, warn};
use uuid::Uuid;

/// How long the calls of one transaction may fail before Meta is asked to deliver again.
const PATIENCE: Duration = Duration::from_secs(2);

/// The delivery has to come again: not all of it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Again;

/// Stores the items of one delivery.
#[derive(Clone, Debug)]
pub struct Store {
    db: Db,
    /// Tries of one call.
    tries: u32,
}

impl Store {
    /// With so many tries of each call.
    pub fn new(db: Db, tries: u32) -> Self {
        Self { db, tries }
    }

    /// Stores all runs. `Ok` means that every item is committed; known ones are counted as duplicates.
    pub async fn all(
        &self,
        app: Uuid,
        runs: &[Vec<Item>],
        metrics: &Metrics,
    ) -> Result<Received, Again> {
        let mut total = Received::default();
        let mut again = false;
        for run in runs {
            match self.run(app, run, metrics).await {
                Ok(received) => total = total + received,
                // The database is away: the other runs would only wait for it too.
                Err(Failure::Passing) => return Err(Again),
                // Something is broken for these items; it need not be for others.
                Err(Failure::Data | Failure::Fault) => again = true,
            }
        }
        if again { Err(Again) } else { Ok(total) }
    }

    async fn run(&self, app: Uuid, run: &[Item], metrics: &Metrics) -> Result<Received, Failure> {
        let began = Instant::now();
        let received = self.persist(|| self.db.receive_whatsapp(app, run)).await;
        metrics.run_seconds.observe(began.elapsed().as_secs_f64());
        match received {
            Ok(received) => Ok(note(received, metrics)),
            Err(error) if error.failure() == Failure::Passing => Err(complain(&error)),
            Err(error) => {
                warn!(items = run.len(), %error, "a run was refused; storing it item by item");
                self.one_by_one(app, run, metrics).await
            }
        }
    }

    async fn one_by_one(
        &self,
        app: Uuid,
        run: &[Item],
        metrics: &Metrics,
    ) -> Result<Received, Failure> {
        let mut total = Received::default();
        let mut worst = None;
        for item in run {
            match self.item(app, item, metrics).await {
                Ok(received) => total = total + received,
                Err(Failure::Passing) => return Err(Failure::Passing),
                Err(failure) => worst = Some(failure),
            }
        }
        worst.map_or(Ok(total), Err)
    }

    /// One item: as it is, else as a placeholder, else as a dead letter.
    async fn item(&self, app: Uuid, item: &Item, metrics: &Metrics) -> Result<Received, Failure> {
        let refused = match self
            .persist(|| self.db.receive_whatsapp(app, std::slice::from_ref(item)))
            .await
        {
            Ok(received) => return Ok(note(received, metrics)),
            Err(error) if error.failure() == Failure::Data => error,
            Err(error) => return Err(complain(&error)),
        };
        // The SQLSTATE only: the server's words may quote the message.
        let reason = format!(
            "refused with SQLSTATE {}",
            refused.sqlstate().unwrap_or_default()
        );
        warn!(?item, reason, "an item was refused; keeping a placeholder");
        let placeholder = item.as_placeholder(&reason);
        match self
            .persist(|| {
                self.db
                    .receive_whatsapp(app, std::slice::from_ref(&placeholder))
            })
            .await
        {
            Ok(received) => {
                metrics.item("placeholder", 1);
                return Ok(note(received, metrics));
            }
            Err(error) if error.failure() == Failure::Data => {}
            Err(error) => return Err(complain(&error)),
        }
        let kept = self
            .persist(|| self.db.keep_dead_letter(app, &reason, item))
            .await;
        kept.map_err(|error| complain(&error))?;
        Ok(note(
            Received {
                dead: 1,
                ..Received::default()
            },
            metrics,
        ))
    }

    /// Repeats a call that failed for a passing reason: a deadlock or a restart is over soon. A call that has waited
    /// long already (for a connection, say) is not repeated: Meta waits, and asks again by itself.
    async fn persist<T, F>(&self, mut call: impl FnMut() -> F) -> Result<T, DbError>
    where
        F: Future<Output = Result<T, DbError>>,
    {
        let mut backoff = Backoff::new(Duration::from_millis(50), Duration::from_secs(1));
        let began = Instant::now();
        for _ in 1..self.tries {
            match call().await {
                Err(error) if error.failure() == Failure::Passing && began.elapsed() < PATIENCE => {
                    tokio::time::sleep(backoff.pause()).await
                }
                other => return other,
            }
        }
        call().await
    }
}

fn complain(error: &DbError) -> Failure {
    let failure = error.failure();
    match failure {
        Failure::Passing => warn!(%error, "not stored; Meta is asked to deliver again"),
        Failure::Data | Failure::Fault => {
            error!(%error, "not stored and nothing of the data is to blame; Meta is asked to deliver again")
        }
    }
    failure
}

fn note(received: Received, metrics: &Metrics) -> Received {
    metrics.item("stored", received.stored);
    metrics.item("duplicate", received.duplicate);
    metrics.item("dead", received.dead);
    received
}
