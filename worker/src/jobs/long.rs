//! Jobs that may take longer than a lease: it is renewed for as long as they work.

use super::Context;
use crate::queue::lease::Lease;
use std::{future::Future, time::Duration};
use tokio::time::Instant;
use tracing::warn;

/// How often; a third of a lease, so that one lost answer is no lost lease.
const EVERY: Duration = Duration::from_secs(10);

/// What becomes of the work when the lease is lost all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lost {
    /// It goes on: doing it twice does no harm, and half of it would leave something behind.
    GoesOn,
    /// It is dropped: what follows from it must not happen twice.
    Dropped,
}

/// Works with the lease held. `None`: it was lost and the work dropped.
pub(super) async fn held<T>(
    context: &Context,
    lease: &mut Lease,
    lost: Lost,
    work: impl Future<Output = T>,
) -> Option<T> {
    let mut work = std::pin::pin!(work);
    loop {
        tokio::select! {
            done = &mut work => return Some(done),
            () = tokio::time::sleep(EVERY) => {}
        }
        let asked_at = Instant::now();
        match context.db.renew_lease(lease.job_id, lease.token).await {
            Ok(true) => lease.until = asked_at + Lease::RENEWED,
            Ok(false) if lost == Lost::Dropped => return None,
            Ok(false) => return Some(work.await),
            // The database may be back before the lease is over.
            Err(error) => warn!(%error, job = lease.job_id, "a lease could not be renewed"),
        }
    }
}
