//! Deliveries repeat and overtake each other while PostgreSQL dies as in a power cut.

use anyhow::{Context, Result, bail, ensure};
use local_stack::cluster::Cluster;
use local_stack::installation::Installation;
use local_stack::migrate::Sources;
use local_stack::pg17::{self, Prepared};
use local_stack::with_cluster::cluster_with_templates;
use pg_chat_tests::race::Race;
use pg_chat_tests::{AgentIs, Regime, Site, TestDb, Worker, environment, repository};

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

/// A cluster that nobody else uses, of the version the others run on.
async fn cluster_of_its_own() -> Result<Cluster> {
    let environment = environment();
    let (installation, build) = match environment.postgres {
        17 => match pg17::prepare()? {
            Prepared::Ready(installation) => {
                let profile = environment
                    .programs
                    .file_name()
                    .context("programs stand in a profile's folder")?;
                (
                    installation,
                    environment.programs.with_file_name("pg17").join(profile),
                )
            }
            Prepared::Skipped(why) => bail!("{why}"),
        },
        version => (
            Installation::of_machine(version)?,
            environment.programs.clone(),
        ),
    };
    Ok(cluster_with_templates(installation, &Sources::of(&repository()), &build).await?)
}
