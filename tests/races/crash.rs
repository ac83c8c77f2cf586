//! Deliveries repeat and overtake each other while PostgreSQL dies as in a power cut.

use anyhow::{Result, ensure};
use pg_chat_tests::race::Race;
use pg_chat_tests::{AgentIs, Regime, Site, TestDb, Worker, cluster_of_its_own};

use crate::storm::{Size, Storm};

#[cfg(test)]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_postgresql_crashes() -> Result<()> {
    race(Race::short()).await
}

/// What was answered with 200 is there after the crash, once.
pub async fn race(race: Race) -> Result<()> {
    let size = Size {
        clients: 8,
        people: 10,
        messages: race.size(60, 500),
        times: race.size(4, 20),
    };
    let crashes = race.size(2, 10);
    let mut cluster = cluster_of_its_own().await?;
    let db = TestDb::clone_on(cluster.server(), Regime::New).await?;
    let site = Site::make(&db).await?;
    site.agent(
        "Ada",
        AgentIs {
            max: 1_000,
            ..AgentIs::default()
        },
    )
    .await?;
    let number = site.number(&db, "106540352242922").await?;
    let quick = [
        ("CHAT_LOG_LEVEL", "error"),
        ("CHAT_DATABASE_ACQUIRE_MS", "500"),
    ];
    let (_graph, mut worker) = Worker::start_with(&db, &site, &number, &quick).await?;

    let storm = Storm::new(size, race, &number, &worker);
    let power_cuts = async {
        for crash in 1..=crashes {
            storm.until(crash, crashes + 1).await?;
            cluster.crash().await?;
            cluster.start().await?;
        }
        Ok(())
    };
    tokio::try_join!(storm.rage(), power_cuts)?;
    storm.assert_all_stored_once(&db).await?;
    ensure!(
        worker.stop().await? == Some(0),
        "the worker did not stop well"
    );
    Ok(())
}
