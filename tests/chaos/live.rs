//! Visitors and agents in Node over Realtime, REST and Auth, none of which can be relied on: sockets drop, broadcasts are
//! lost or come late, channels are closed, tokens expire, laptops sleep, pages are loaded anew. Every now and then
//! all is well for a moment; then every page must show every message once, in order, in its last state, as the
//! database's rows say it. In between each page is judged by itself, at every change of what it shows.

mod act;
mod cast;
mod figures;
mod proof;
mod script;

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use pg_chat_tests::race::Race;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::rest::{assert_nothing_is_amiss, come_to_rest};
use pg_chat_tests::{Recording, secrets_of, wait_within};
use tokio::time::{MissedTickBehavior, interval};

use act::Stage;
use cast::Cast;
use figures::Figures;
use script::{Act, Script};

/// From one act to the next: time for broadcasts to come in between.
const PACE: Duration = Duration::from_millis(15);
/// Messages that may wait to be stored before more are written.
const MOST_WAITING: usize = 60;
/// How long what was written may wait, and how long a page may take to be right once all is well: a channel that was
/// closed often is made anew after half a minute.
const PATIENCE: Duration = Duration::from_secs(90);

/// How large a run is, and what it follows.
#[derive(Debug, Clone, Copy)]
pub struct Live {
    pub seed: u64,
    /// Pages, of visitors and of agents.
    pub clients: usize,
    /// What both sides write.
    pub messages: usize,
}

impl Live {
    /// Runs it all and proves what must hold; prints what was met.
    pub async fn run(&self) -> Result<()> {
        println!("seed {}", self.seed);
        let begun = Instant::now();
        let mut figures = self.run_and_prove(begun).await?;
        figures.seconds = begun.elapsed().as_secs();
        println!("{figures}");
        Ok(())
    }

    async fn run_and_prove(&self, begun: Instant) -> Result<Figures> {
        let race = Race {
            seed: self.seed,
            large: true,
        };
        let cast = Cast::of(self.clients);
        let script = Script::write(&mut race.chance(0), &cast, self.messages);
        let mut stage = Stage::open(cast, self.seed).await?;
        let mut figures = Figures::default();
        let mut pace = interval(PACE);
        pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
        for act in &script.acts {
            pace.tick().await;
            stage.wake_who_slept_enough()?;
            figures.count(act);
            if let Act::Muster = act {
                let calm = Instant::now();
                stage.muster(&mut figures).await?;
                figures.musters.push(calm.elapsed());
                println!(
                    "{} s: {} of {} messages, every page is right {:.1} s after all is well",
                    begun.elapsed().as_secs(),
                    figures.messages,
                    self.messages,
                    calm.elapsed().as_secs_f64()
                );
            } else {
                stage.follow(act).await?;
                let written = figures.messages;
                wait_within(PATIENCE, "what was written is stored", async || {
                    stage.wake_who_slept_enough()?;
                    let much = stage.stored().await? + MOST_WAITING < written;
                    Ok((!much).then_some(()))
                })
                .await?;
            }
        }
        stage.everybody_is_live().await?;
        let missing = script.acts.iter().any(Act::takes_partitions);
        self.look_behind(stage, missing, figures).await
    }

    /// What must hold of the database and of all that visitors received, when nobody does anything any more.
    /// `missing`: at times there was no partition to write broadcasts into.
    async fn look_behind(
        &self,
        stage: Stage,
        missing: bool,
        mut figures: Figures,
    ) -> Result<Figures> {
        stage.judged()?;
        let visitors = stage.visitors();
        let record = stage.leave().await?;
        if missing {
            // Counted by the database, and then forgotten: otherwise none may fail.
            figures.unwritten = sqlx::query_scalar(
                "select case when is_called then last_value else 0 end from chat.broadcast_failures",
            )
            .fetch_one(record.db.owner())
            .await?;
            record
                .db
                .as_owner("select setval('chat.broadcast_failures', 1, false)")
                .await?;
        }
        let rest = come_to_rest(&record.db).await?;
        assert_counters_equal_recount(&record.db).await?;
        assert_nothing_is_amiss(&record.db, &rest, 0).await?;
        let recording = Recording::read(&record.file)?;
        recording.assert_nothing_leaks(&secrets_of(&record.db).await?, &visitors)?;
        (figures.received, figures.bytes) = recording.size();
        ensure!(figures.received > self.messages, "hardly anything arrived");
        Ok(figures)
    }
}
