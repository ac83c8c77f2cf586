//! Everything at random: every public call, by everybody, with good and bad arguments, from several connections, while
//! PostgreSQL crashes; `cargo x torture` runs the same for as long as you like.

mod callers;
mod calls;
mod catalog;
mod chance;
mod deadlock;
mod known;
mod leases;
mod player;
mod run;
mod verdict;
mod wording;
mod world;

use anyhow::Result;

use run::Torture;

/// Three quarters of a minute where nothing else runs: bounded by calls, not by the clock.
const SHORT: Torture = Torture {
    seed: 1,
    calls: 30_000,
    connections: 8,
    recount_every: 3_000,
    crashes: 2,
};

#[tokio::test(flavor = "multi_thread")]
async fn after_any_calls_by_anybody_and_crashes_every_counter_equals_a_recount() -> Result<()> {
    SHORT.run().await
}

#[tokio::test]
async fn every_public_function_is_among_the_calls() -> Result<()> {
    catalog::every_public_function_is_called(&pg_chat_tests::TestDb::new().await?).await
}
