//! What makes the queue look: a webhook of this worker, a NOTIFY of the database, a tick that moved something.

use crate::{
    accounts::Accounts,
    backoff::Backoff,
    db::{ACCOUNTS_CHANNEL, Connection, JOBS_CHANNEL},
    metrics::{Metrics, WakeLabels},
    shutdown::Stop,
};
use std::{sync::Arc, time::Duration};
use tokio::sync::Notify;
use tracing::{info, warn};

/// Who called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Source {
    /// A webhook that enqueued something.
    Webhook,
    /// NOTIFY, or a listening connection that was lost and may have missed one.
    Database,
    /// A tick that moved something.
    Tick,
}

/// A bell with one permit: ringing it while nobody waits is remembered, ringing it often is once.
#[derive(Debug)]
pub struct Wake {
    bell: Notify,
    metrics: Arc<Metrics>,
}

impl Wake {
    /// A silent bell.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            bell: Notify::new(),
            metrics,
        }
    }

    /// There may be work.
    pub fn call(&self, source: Source) {
        self.metrics
            .wakes
            .get_or_create(&WakeLabels::of(source))
            .inc();
        self.bell.notify_one();
    }

    /// Returns when it was called since the last time.
    pub async fn called(&self) {
        self.bell.notified().await;
    }
}

/// Listens to the database until the stop. A lost connection rings the bell when it is back, since what was
/// notified meanwhile is gone; the slow poll covers the time between.
pub async fn listen(connection: Connection, wake: Arc<Wake>, accounts: Arc<Accounts>, stop: Stop) {
    let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(10));
    loop {
        let lost = tokio::select! {
            lost = hear(&connection, &wake, &accounts, &mut backoff) => lost,
            () = stop.requested() => return,
        };
        warn!(error = %lost, "not listening to the database; the slow poll goes on");
        tokio::select! {
            () = tokio::time::sleep(backoff.pause()) => {}
            () = stop.requested() => return,
        }
    }
}

/// Rings the bell at each notification; returns why it cannot go on.
async fn hear(
    connection: &Connection,
    wake: &Wake,
    accounts: &Accounts,
    backoff: &mut Backoff,
) -> crate::db::DbError {
    let mut listener = match connection.listen(&[JOBS_CHANNEL, ACCOUNTS_CHANNEL]).await {
        Ok(listener) => listener,
        Err(error) => return error,
    };
    backoff.reset();
    info!(channel = JOBS_CHANNEL, "listening to the database");
    wake.call(Source::Database);
    accounts.look();
    loop {
        match listener.try_recv().await {
            Ok(Some(heard)) if heard.channel() == ACCOUNTS_CHANNEL => accounts.look(),
            Ok(Some(_)) => wake.call(Source::Database),
            // A new connection: what was said meanwhile is gone.
            Ok(None) => {
                accounts.look();
                wake.call(Source::Database);
            }
            Err(error) => return error.into(),
        }
    }
}
