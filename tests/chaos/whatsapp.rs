//! Two workers between Meta and PostgreSQL, none of which can be relied on: Meta takes messages and does not say so, tells
//! late, twice or in the wrong order, refuses and limits; workers and PostgreSQL are killed. Afterwards every message is
//! looked for on both sides.

mod figures;
mod keeper;
mod proof;
mod script;
mod traffic;

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use local_stack::graph::{Delivery, Limits, Redelivery};
use pg_chat_tests::graph::APP_ID;
use pg_chat_tests::race::Race;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::rest::{assert_nothing_is_amiss, come_to_rest};
use pg_chat_tests::{AgentIs, Regime, Site, TestDb, Worker, cluster_of_its_own, wait_within};

use figures::Figures;
use keeper::{Keeper, follow_weather};
use proof::prove;
use script::Script;
use traffic::{PATIENCE, Traffic};

/// Answers to one person, on average: well within what a pair of number and person may send in a burst.
const ANSWERS_EACH: usize = 20;

/// Gives up on Graph and on PostgreSQL soon, and looks at the queue often.
const QUICK: [(&str, &str); 5] = [
    ("CHAT_LOG_LEVEL", "error"),
    ("CHAT_GRAPH_TIMEOUT_MS", "1500"),
    ("CHAT_GRAPH_CONNECT_MS", "500"),
    ("CHAT_QUEUE_POLL_MS", "500"),
    ("CHAT_DATABASE_ACQUIRE_MS", "1000"),
];

/// How large a run is, and what it follows.
#[derive(Debug, Clone, Copy)]
pub struct Chaos {
    pub seed: u64,
    /// Messages that agents send.
    pub out: usize,
    /// Messages that people write.
    pub into: usize,
    /// Leases and pauses are ended by hand once all has been said, instead of waited for.
    pub hurried: bool,
}

impl Chaos {
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
            large: !self.hurried,
        };
        let mut chance = race.chance(0);
        let script = Script::write(&mut chance, self.out, self.out + self.into);
        let mut cluster = cluster_of_its_own().await?;
        let db = TestDb::clone_on(cluster.server(), Regime::New).await?;
        let site = Site::make(&db).await?;
        let is = AgentIs {
            max: 100_000,
            ..AgentIs::default()
        };
        let ada = site.agent("Ada", is).await?;
        let number = site.number(&db, "106540352242922").await?;
        let (graph, first) = Worker::start_with(&db, &site, &number, &QUICK).await?;
        let second = first.beside().await?;
        let meta = graph.simulator();
        meta.set_webhooks(APP_ID, vec![first.callback(), second.callback()])?;

        let people = (self.out / ANSWERS_EACH).clamp(10, self.into.max(10));
        let sizes = (self.out, self.into);
        let traffic = Traffic::begin(&db, meta, ada, race, sizes, people).await?;
        let mut keeper = Keeper::new(&mut cluster, vec![first, second], meta, self.hurried);
        for fault in script.faults.iter().cloned() {
            meta.add_fault(fault)?;
        }
        tokio::try_join!(
            traffic.run(),
            follow_weather(&script.weathers, &traffic),
            keeper.keep(&script.kills, &mut chance, &traffic),
            tell(&traffic, begun),
        )?;
        let met = Figures::of_faults(&script.faults, &meta.faults());
        self.come_to_an_end(&traffic, &mut keeper).await?;
        keeper.stop().await?;

        let rest = come_to_rest(&db).await?;
        let mut figures = prove(&traffic).await?;
        assert_counters_equal_recount(&db).await?;
        assert_nothing_is_amiss(&db, &rest, 0).await?;
        figures.faults = met;
        figures.posts = Some(meta.posts());
        (figures.workers_killed, figures.crashes) = (keeper.workers_killed, keeper.crashes);
        figures.deadlocks = keeper.deadlocks;
        Ok(figures)
    }

    /// Meta behaves again, phones are switched on, and everything that is under way arrives or is told to be unknown.
    async fn come_to_an_end(&self, traffic: &Traffic<'_>, keeper: &mut Keeper<'_>) -> Result<()> {
        let (db, meta) = (traffic.db, traffic.meta);
        meta.clear_faults();
        meta.set_limits(Limits::default());
        meta.set_delivery(Delivery {
            concurrency: 8,
            redelivery: Redelivery {
                first_ms: 50,
                longest_ms: 1_000,
            },
            ..Delivery::default()
        })?;
        meta.release();
        if self.hurried {
            keeper.kill_all(db).await?;
        }
        wait_within(PATIENCE, "no answer waits any more", async || {
            if self.hurried {
                db.as_owner(
                    "update chat.lanes set next_at = clock_timestamp(), owed_until = 'epoch'
                    where not busy and next_at > clock_timestamp()",
                )
                .await?;
            }
            let jobs = db
                .count("chat.jobs where kind = 'whatsapp.send_message' and died_at is null")
                .await?;
            Ok((jobs == 0 && traffic.left_to_send().await? == 0).then_some(()))
        })
        .await?;
        // Every other phone that was off comes on.
        for human in traffic.humans.iter().step_by(2) {
            meta.receive(&human.phone);
        }
        meta.settled().await;
        // The ten minutes are over after which somebody is asked.
        db.as_owner(
            "update public.mod_chat_messages set updated_at = updated_at - interval '11 minutes'
            where delivery_state = 'unknown'",
        )
        .await?;
        wait_within(PATIENCE, "every unknown message asks for a person", async || {
            let silent = db
                .count("public.mod_chat_messages where delivery_state = 'unknown' and metadata -> 'error' -> 'advice' is null")
                .await?;
            Ok((silent == 0).then_some(()))
        })
        .await
        .context("unknown messages are told of by the tick")
    }
}

/// Says how far it is, for those who watch.
async fn tell(traffic: &Traffic<'_>, begun: Instant) -> Result<()> {
    let mut looks = tokio::time::interval(Duration::from_millis(200));
    let mut said = begun.elapsed().as_secs();
    while !traffic.is_done() {
        looks.tick().await;
        let now = begun.elapsed().as_secs();
        if now >= said + 10 {
            said = now;
            println!(
                "{now} s: {} of {} out, {} of {} in",
                traffic.written.get(),
                traffic.out,
                traffic.heard.borrow().len(),
                traffic.into
            );
        }
    }
    Ok(())
}
