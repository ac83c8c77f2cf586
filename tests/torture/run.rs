//! A run: rounds of calls, each with a recount at its end, some with a crash in the middle.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use futures_util::future::try_join_all;
use local_stack::cluster::Cluster;
use pg_chat_tests::race::Race;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::rest::{AtRest, assert_nothing_is_amiss, come_to_rest};
use pg_chat_tests::{Regime, TestDb, cluster_of_its_own, wait_within};
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::callers::{Caller, claims};
use crate::calls::{self, Call, Kind};
use crate::catalog;
use crate::chance::Chance;
use crate::deadlock;
use crate::player::Player;
use crate::verdict::{Pages, Verdict};
use crate::wording;
use crate::world::World;

/// So often is called by itself, on average, what never succeeded among the others.
const MORE: usize = 400;
/// No round takes longer.
const LONGEST_ROUND: Duration = Duration::from_secs(3600);

/// How large a run is.
#[derive(Debug, Clone, Copy)]
pub struct Torture {
    pub seed: u64,
    pub calls: usize,
    pub connections: usize,
    /// Everything is counted anew after so many calls.
    pub recount_every: usize,
    /// How often PostgreSQL is killed, spread over the run.
    pub crashes: usize,
}

impl Torture {
    /// Runs it all; fails at the first answer that is neither success nor a documented refusal, and when a counter
    /// differs from its recount.
    pub async fn run(&self) -> Result<()> {
        println!("seed {}", self.seed);
        let mut cluster = cluster_of_its_own().await?;
        let done = self.run_on(&mut cluster).await;
        // A fault is told with its deadlock, if it was one; without a log, as it is.
        done.map_err(|error| {
            let log = fs::read_to_string(cluster.log()).unwrap_or_default();
            match deadlock::first_in(&log) {
                Some(met) => error.context(met),
                None => error,
            }
        })
    }

    async fn run_on(&self, cluster: &mut Cluster) -> Result<()> {
        let db = TestDb::clone_on(cluster.server(), Regime::New).await?;
        // Whoever waits for long says so in the log, and for whom. Later than whoever gives up waiting (chat.leave_department).
        for setting in ["log_lock_waits = on", "deadlock_timeout = '200ms'"] {
            let statement = format!("alter system set {setting}");
            sqlx::query(AssertSqlSafe(statement))
                .execute(db.superuser())
                .await?;
        }
        sqlx::query("select pg_reload_conf()")
            .execute(db.superuser())
            .await?;
        catalog::every_public_function_is_called(&db).await?;
        let world = World::make(&db).await?;
        let race = Race {
            seed: self.seed,
            large: true,
        };
        let mut players: Vec<_> = (0..self.connections)
            .map(|n| Player::new(&db, &world, Chance::new(race.chance(n))))
            .collect();
        let mut stage = Stage {
            torture: *self,
            kinds: calls::all(),
            pages: Pages::read()?,
            tally: Mutex::default(),
            made: AtomicUsize::new(0),
            until: AtomicUsize::new(0),
            down: AtomicBool::new(false),
            begun: Instant::now(),
        };
        let mut judged = 0;
        let rounds = self.calls.div_ceil(self.recount_every);
        for round in 1..=rounds {
            let from = stage.until.load(Ordering::Relaxed);
            let until = (round * self.recount_every).min(self.calls);
            stage.until.store(until, Ordering::Relaxed);
            let crashing = round * self.crashes / rounds > (round - 1) * self.crashes / rounds;
            let playing = try_join_all(players.iter_mut().map(|player| stage.play(player)));
            if crashing {
                let half = from.midpoint(until);
                tokio::try_join!(playing, stage.crash(cluster, half))?;
                // Whoever has not called since holds a dead connection.
                players.iter_mut().for_each(Player::lose_connections);
                stage.down.store(false, Ordering::Relaxed);
            } else {
                playing.await?;
            }
            let rested = Instant::now();
            let rest = come_to_rest(&db).await?;
            let counted = Instant::now();
            assert_all(&db, &rest, &mut judged).await?;
            stage.report(round, counted - rested, counted.elapsed());
        }
        stage.call_what_never_succeeded(&db, &mut players).await?;
        let rest = come_to_rest(&db).await?;
        assert_all(&db, &rest, &mut judged).await?;
        stage.assert_each_succeeded(&db).await
    }
}

/// What all players share.
struct Stage {
    torture: Torture,
    kinds: Vec<&'static Kind>,
    pages: Pages,
    tally: Mutex<Tally>,
    made: AtomicUsize,
    /// The running round ends when so many calls were made.
    until: AtomicUsize,
    /// PostgreSQL was killed in this round.
    down: AtomicBool,
    begun: Instant,
}

/// What came of the calls.
#[derive(Default)]
struct Tally {
    /// Successes by name.
    done: BTreeMap<&'static str, usize>,
    /// Refusals by name and code.
    refused: BTreeMap<(&'static str, String), usize>,
    /// Items of Meta's deliveries that were stored, and those that were put aside.
    stored: u64,
    dead: u64,
    uncertain: usize,
    again: usize,
    crashes: usize,
}

impl Tally {
    /// A call that went well, with its answer.
    fn succeeded(&mut self, name: &'static str, rows: &[Value]) {
        *self.done.entry(name).or_default() += 1;
        if let ("chat_receive_whatsapp", [row]) = (name, rows) {
            self.stored += row[name]["stored"].as_u64().unwrap_or_default();
            self.dead += row[name]["dead"].as_u64().unwrap_or_default();
        }
    }
}

impl Stage {
    async fn play(&self, player: &mut Player<'_>) -> Result<()> {
        loop {
            let number = self.made.fetch_add(1, Ordering::Relaxed);
            if number >= self.until.load(Ordering::Relaxed) {
                self.made.fetch_sub(1, Ordering::Relaxed);
                return Ok(());
            }
            let call = match player.next(&self.kinds).await {
                Ok(call) => call,
                Err(_) if self.down.load(Ordering::Relaxed) => {
                    self.rest(player).await?;
                    continue;
                }
                Err(error) => return Err(error).context("cannot look around"),
            };
            match player.make(&call).await {
                Ok(rows) => {
                    player.learn(&call, &rows);
                    self.tally(|tally| tally.succeeded(call.name, &rows));
                }
                Err(error) => {
                    player.learn(&call, &[]);
                    match self.pages.judge(&call, &error) {
                        Verdict::Refused(code) => {
                            player.hear(&code);
                            self.tally(|tally| {
                                *tally.refused.entry((call.name, code)).or_default() += 1
                            });
                        }
                        Verdict::Again => self.tally(|tally| tally.again += 1),
                        Verdict::Uncertain if self.down.load(Ordering::Relaxed) => {
                            self.tally(|tally| tally.uncertain += 1);
                            self.rest(player).await?;
                        }
                        Verdict::Uncertain | Verdict::Fault => {
                            return Err(self.fault(number, &call, &error));
                        }
                    }
                }
            }
        }
    }

    /// PostgreSQL is gone for a moment.
    async fn rest(&self, player: &mut Player<'_>) -> Result<()> {
        player.lose_connections();
        player.wait_for_postgresql().await
    }

    /// Kills PostgreSQL when the round is so far, and starts it again.
    async fn crash(&self, cluster: &mut Cluster, at: usize) -> Result<()> {
        wait_within(LONGEST_ROUND, "the round is half over", async || {
            Ok((self.made.load(Ordering::Relaxed) >= at).then_some(()))
        })
        .await?;
        self.down.store(true, Ordering::Relaxed);
        cluster.crash().await?;
        cluster.start().await?;
        self.tally(|tally| tally.crashes += 1);
        Ok(())
    }

    fn tally(&self, change: impl FnOnce(&mut Tally)) {
        if let Ok(mut tally) = self.tally.lock() {
            change(&mut tally);
        }
    }

    /// What happened, so that it can be pasted into psql.
    fn fault(&self, number: usize, call: &Call, error: &sqlx::Error) -> anyhow::Error {
        let role = match &call.caller {
            Caller::User(_) => "authenticated",
            Caller::Anon(_) => "anon",
            Caller::Service => "service_role",
            Caller::Worker => "chat_worker",
            Caller::Owner => "postgres",
        };
        anyhow!(
            "seed {}, call {number}, {}: {error:?}\n\nbegin;\nset local search_path = public, extensions;\nset local role {role};\n\
            select set_config('request.jwt.claims', {}, true);\n{};\ncommit;\n",
            self.torture.seed,
            call.name,
            wording::json(&claims(&call.caller)),
            call.statement
        )
    }

    fn report(&self, round: usize, resting: Duration, counting: Duration) {
        let made = self.made.load(Ordering::Relaxed);
        let seconds = self.begun.elapsed().as_secs_f64();
        self.tally(|tally| {
            let done: usize = tally.done.values().sum();
            let refused: usize = tally.refused.values().sum();
            println!(
                "{made} calls, {:.0}/s with recounts: {done} done, {refused} refused, {} cut off by {} crashes, {} again, {} of Meta's stored and {} dead; at rest after {:.1} s, recount {round} in {:.1} s",
                made as f64 / seconds,
                tally.uncertain,
                tally.crashes,
                tally.again,
                tally.stored,
                tally.dead,
                resting.as_secs_f64(),
                counting.as_secs_f64()
            );
            if made >= self.torture.calls {
                let mut codes: BTreeMap<&str, usize> = BTreeMap::new();
                for ((_, code), count) in &tally.refused {
                    *codes.entry(code).or_default() += count;
                }
                let mut codes: Vec<_> = codes.into_iter().collect();
                codes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
                for (code, count) in codes {
                    println!("{count:>8} {code}");
                }
            }
        });
    }

    /// Chance alone leaves out one of many: what never succeeded is called some more, by itself.
    async fn call_what_never_succeeded(
        &mut self,
        db: &TestDb,
        players: &mut [Player<'_>],
    ) -> Result<()> {
        let never = self.never_succeeded(db).await?;
        self.kinds.retain(|kind| never.contains(kind.name));
        if self.kinds.is_empty() {
            return Ok(());
        }
        let more = self.kinds.len() * MORE;
        self.until
            .store(self.torture.calls + more, Ordering::Relaxed);
        let names: Vec<_> = never.iter().map(String::as_str).collect();
        println!(
            "{more} more calls of what never succeeded: {}",
            names.join(", ")
        );
        try_join_all(players.iter_mut().map(|player| self.play(player))).await?;
        Ok(())
    }

    async fn never_succeeded(&self, db: &TestDb) -> Result<BTreeSet<String>> {
        let mut never = catalog::public_functions(db).await?;
        self.tally(|tally| never.retain(|name| !tally.done.contains_key(name.as_str())));
        Ok(never)
    }

    /// A function that is always refused is not tested at all, nor is a way in that is shut for most of the run.
    async fn assert_each_succeeded(&self, db: &TestDb) -> Result<()> {
        let names = self.never_succeeded(db).await?;
        let mut never: Vec<String> = Vec::new();
        self.tally(|tally| {
            for name in &names {
                let why = tally.refused.iter().filter(|((of, _), _)| of == name);
                let why: Vec<_> = why
                    .map(|((_, code), count)| format!("{count} {code}"))
                    .collect();
                never.push(format!("{name} ({})", why.join(", ")));
            }
        });
        ensure!(never.is_empty(), "never succeeded: {}", never.join(", "));
        let mut posted = (0, 0);
        self.tally(|tally| posted = (tally.stored, tally.dead));
        ensure!(
            posted.0 > posted.1,
            "of what Meta posted, {} items were stored and {} put aside: no number hears any more",
            posted.0,
            posted.1
        );
        Ok(())
    }
}

/// Everything that holds when nobody does anything. Choices up to the `judged` one never change any more and were looked
/// at before.
async fn assert_all(db: &TestDb, rest: &AtRest, judged: &mut i64) -> Result<()> {
    assert_counters_equal_recount(db).await?;
    *judged = assert_nothing_is_amiss(db, rest, *judged).await?;
    // Nobody listens here.
    sqlx::query("truncate realtime.messages")
        .execute(db.superuser())
        .await?;
    Ok(())
}
