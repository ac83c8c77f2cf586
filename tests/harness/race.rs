//! What races have in common: how large they are and what chance they follow.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use rand::SeedableRng;
use rand::rngs::StdRng;

use crate::TestDb;

/// How a site can hand out its chats.
const STRATEGIES: [&str; 4] = ["least_busy", "round_robin", "sticky", "skills"];

/// Runs a race of routing under every strategy, each in a database that the race gives back when nobody plays any more:
/// then there must have been no deadlock.
pub async fn under_every_strategy(
    race: impl AsyncFn(&'static str) -> Result<TestDb>,
) -> Result<()> {
    for strategy in STRATEGIES {
        let begun = Instant::now();
        under(&race, strategy, begun)
            .await
            .with_context(|| strategy.to_owned())?;
    }
    Ok(())
}

async fn under(
    race: &impl AsyncFn(&'static str) -> Result<TestDb>,
    strategy: &'static str,
    begun: Instant,
) -> Result<()> {
    let db = race(strategy).await?;
    let seconds = begun.elapsed().as_secs();
    let handed_out = db.count("chat.choices where agent_id is not null").await?;
    let waiting = db
        .count("mod_chat_conversations where status = 'pending'")
        .await?;
    println!("{strategy}: {handed_out} chats handed out, {waiting} wait at the end, {seconds} s");
    // The count is whole when every session that took part has ended.
    let deadlocks = db.deadlocks().await?;
    ensure!(deadlocks == 0, "{deadlocks} deadlocks");
    Ok(())
}

/// How a race is run: short in the tests, long by `cargo x race`.
#[derive(Debug, Clone, Copy)]
pub struct Race {
    /// What every choice follows from. Who wins a lock does not; so a race is repeated alike, not equal.
    pub seed: u64,
    /// Many times the size.
    pub large: bool,
}

impl Race {
    /// As the tests run it.
    pub fn short() -> Self {
        Self {
            seed: 1,
            large: false,
        }
    }

    /// `small` in the tests, `large` when so asked for.
    pub fn size(&self, small: usize, large: usize) -> usize {
        if self.large { large } else { small }
    }

    /// The chance of one of several clients.
    pub fn chance(&self, client: usize) -> StdRng {
        StdRng::seed_from_u64(
            self.seed
                .wrapping_mul(1_000_003)
                .wrapping_add(client as u64),
        )
    }
}
