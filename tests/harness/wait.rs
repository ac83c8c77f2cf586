//! The one place that waits.

use std::time::Duration;

use anyhow::{Result, bail};
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Longest that a test waits for something that should come within moments: long enough that a
/// busy machine does not fail it.
const DEADLINE: Duration = Duration::from_secs(60);

/// Asks again and again until there is an answer, and fails after a minute, naming what was waited
/// for. `None` means not yet; an error ends the wait at once.
pub async fn wait_until<T>(
    what: &str,
    condition: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    wait_within(DEADLINE, what, condition).await
}

/// The same for what may take longer than a minute.
pub async fn wait_within<T>(
    most: Duration,
    what: &str,
    mut condition: impl AsyncFnMut() -> Result<Option<T>>,
) -> Result<T> {
    let deadline = Instant::now() + most;
    let mut ticks = interval(Duration::from_millis(20));
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    while Instant::now() < deadline {
        ticks.tick().await;
        if let Some(answer) = condition().await? {
            return Ok(answer);
        }
    }
    bail!("waited {} s in vain: {what}", most.as_secs())
}
