//! Driving the database's timers. Any number of workers may; the database keeps each batch bounded.

use super::wake::{Source, Wake};
use crate::{db::Db, metrics::Metrics, shutdown::Stop};
use std::{sync::Arc, time::Duration};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{debug, warn};

/// Ticks every `every` until the stop. A tick that takes longer than that delays the next one.
pub async fn run(
    db: Db,
    batch: i32,
    every: Duration,
    wake: Arc<Wake>,
    metrics: Arc<Metrics>,
    stop: Stop,
) {
    let mut clock = interval(every);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failing = false;
    loop {
        tokio::select! {
            _ = clock.tick() => {}
            () = stop.requested() => return,
        }
        match db.tick(batch).await {
            Ok(moved) => {
                failing = false;
                metrics.ticked(&moved);
                if moved.anything() {
                    debug!(?moved, "tick");
                    wake.call(Source::Tick);
                }
            }
            // Said once, not every second of an outage.
            Err(error) if !failing => {
                failing = true;
                warn!(%error, "the tick failed; trying on");
            }
            Err(_) => {}
        }
    }
}
