//! Who kills the workers and PostgreSQL when the script says so, and starts them again.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use local_stack::cluster::Cluster;
use local_stack::graph::Simulator;
use pg_chat_tests::{TestDb, Worker};
use rand::RngExt;
use rand::rngs::StdRng;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::script::{Kill, Victim, Weather};
use super::traffic::Traffic;

/// Longest that a worker stays dead.
const DEAD_MS: u64 = 3_000;

/// Processes that the simulator kills in the middle of a send.
type Living = Arc<Mutex<Vec<Pid>>>;

/// The processes, and how often each kind died.
pub struct Keeper<'a> {
    cluster: &'a mut Cluster,
    workers: Vec<Kept>,
    living: Living,
    /// Leases of dead workers are ended by hand, where it is sure that they are.
    hurried: bool,
    pub workers_killed: usize,
    pub crashes: usize,
    pub deadlocks: usize,
}

/// A worker, and until when it stays dead.
struct Kept {
    worker: Worker,
    dead_until: Option<Instant>,
}

impl<'a> Keeper<'a> {
    /// Lets the simulator kill, too: everybody who may have asked it.
    pub fn new(
        cluster: &'a mut Cluster,
        workers: Vec<Worker>,
        meta: &Simulator,
        hurried: bool,
    ) -> Self {
        let living = Living::default();
        let theirs = Arc::clone(&living);
        meta.on_kill(move || {
            for pid in std::mem::take(&mut *living_of(&theirs)) {
                // One that was killed a moment ago is gone already.
                let _gone = kill_process(pid, Signal::KILL);
            }
        });
        let workers = workers.into_iter().map(|worker| Kept {
            worker,
            dead_until: None,
        });
        let keeper = Self {
            cluster,
            workers: workers.collect(),
            living,
            hurried,
            workers_killed: 0,
            crashes: 0,
            deadlocks: 0,
        };
        keeper.list_living();
        keeper
    }

    fn list_living(&self) {
        let up = self.workers.iter().filter(|kept| kept.dead_until.is_none());
        *living_of(&self.living) = up.filter_map(|kept| kept.worker.pid()).collect();
    }

    /// Follows the script until all has been said, then has everybody up again.
    pub async fn keep(
        &mut self,
        mut kills: &[Kill],
        chance: &mut StdRng,
        traffic: &Traffic<'_>,
    ) -> Result<()> {
        let mut looks = interval(Duration::from_millis(50));
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !traffic.is_done() {
            looks.tick().await;
            if let Some((kill, later)) = kills.split_first()
                && kill.at <= traffic.progress()
            {
                kills = later;
                match kill.victim {
                    Victim::Worker(n) => self.workers[n].worker.kill().await?,
                    Victim::Postgres => self.crash().await?,
                }
            }
            self.bury(chance)?;
            if self.hurried && self.workers.iter().all(|kept| kept.dead_until.is_some()) {
                end_leases(traffic.db).await?;
            }
            self.raise().await?;
            self.list_living();
        }
        self.raise_all().await
    }

    /// Whoever is found dead stays so for a while.
    fn bury(&mut self, chance: &mut StdRng) -> Result<()> {
        for kept in &mut self.workers {
            if kept.dead_until.is_none() && kept.worker.has_ended()? {
                self.workers_killed += 1;
                let pause = Duration::from_millis(chance.random_range(0..DEAD_MS));
                kept.dead_until = Some(Instant::now() + pause);
            }
        }
        Ok(())
    }

    /// Starts those whose time has come.
    async fn raise(&mut self) -> Result<()> {
        for kept in &mut self.workers {
            if kept.dead_until.is_some_and(|until| until <= Instant::now()) {
                kept.dead_until = None;
                kept.worker.restart().await?;
            }
        }
        Ok(())
    }

    async fn raise_all(&mut self) -> Result<()> {
        for kept in &mut self.workers {
            if kept.dead_until.is_none() && kept.worker.has_ended()? {
                self.workers_killed += 1;
                kept.dead_until = Some(Instant::now());
            } else if kept.dead_until.is_some() {
                kept.dead_until = Some(Instant::now());
            }
        }
        self.raise().await
    }

    /// Kills both workers at once and starts them again.
    pub async fn kill_all(&mut self, db: &TestDb) -> Result<()> {
        living_of(&self.living).clear();
        for kept in &mut self.workers {
            kept.worker.kill().await?;
        }
        end_leases(db).await?;
        self.raise_all().await
    }

    async fn crash(&mut self) -> Result<()> {
        self.note_deadlocks()?;
        self.cluster.crash().await?;
        self.cluster.start().await?;
        self.crashes += 1;
        Ok(())
    }

    /// Stops both workers as an operator does.
    pub async fn stop(&mut self) -> Result<()> {
        for kept in &mut self.workers {
            let status = kept.worker.stop().await?;
            ensure!(status == Some(0), "a worker did not stop well: {status:?}");
        }
        self.note_deadlocks()
    }

    /// PostgreSQL's log begins anew with each start.
    fn note_deadlocks(&mut self) -> Result<()> {
        let log = std::fs::read_to_string(self.cluster.log()).context("PostgreSQL's log")?;
        let met: Vec<_> = log
            .lines()
            .skip_while(|line| !line.contains("deadlock detected"))
            .take(20)
            .collect();
        if !met.is_empty() {
            println!("{}", met.join("\n"));
        }
        self.deadlocks += log.matches("deadlock detected").count();
        Ok(())
    }
}

/// When nobody works, every lease is a dead worker's; they are over.
async fn end_leases(db: &TestDb) -> Result<()> {
    db.as_owner("update chat.lanes set lease_until = clock_timestamp() where busy")
        .await?;
    Ok(())
}

/// Changes how Meta is when the script says so.
pub async fn follow_weather(weathers: &[Weather], traffic: &Traffic<'_>) -> Result<()> {
    for weather in weathers {
        wait_for(traffic, weather.from).await?;
        traffic.meta.set_delivery(weather.delivery.clone())?;
        traffic.meta.set_limits(weather.limits);
        if !weather.delivery.hold {
            traffic.meta.release();
        }
    }
    Ok(())
}

async fn wait_for(traffic: &Traffic<'_>, progress: usize) -> Result<()> {
    let mut looks = interval(Duration::from_millis(50));
    while traffic.progress() < progress && !traffic.is_done() {
        looks.tick().await;
    }
    Ok(())
}

fn living_of(living: &Living) -> MutexGuard<'_, Vec<Pid>> {
    living.lock().unwrap_or_else(PoisonError::into_inner)
}
