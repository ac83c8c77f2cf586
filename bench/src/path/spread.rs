//! Ten thousand conversations, one client: the server's processor time a message.
//!
//! Twice: in a loop inside one backend, which shows the work alone, and over the wire, a call a message as the worker
//! makes it. `synchronous_commit` is off, so that waiting for the disk does not change how often the process is
//! woken; with it on every case pays the same for its commit.

use std::time::Instant;

use anyhow::Result;
use rand::seq::SliceRandom;
use sqlx::{Connection, PgConnection};

use super::{Batch, Case, SUITE, Site};
use crate::Size;
use crate::backend::Backend;
use crate::cluster::{Cluster, SUPERUSER};
use crate::figures::{self, Goal, Measure};

const CPU: &str = "server CPU a message";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Loop,
    Wire,
}

/// A case done one way, its connection, and what it took: one sample a round.
struct Contender {
    case: Case,
    way: Way,
    connection: PgConnection,
    backend: Backend,
    cpu: Vec<f64>,
    wall: Vec<f64>,
    wal: Vec<f64>,
}

/// One quantity of a contender.
type Samples = fn(&Contender) -> &Vec<f64>;

/// Rounds in shuffled order, each with as many messages for every case; tables of processor time, wall time, WAL.
pub async fn run(cluster: &Cluster, site: &mut Site, size: Size) -> Result<Vec<Measure>> {
    let (rounds, messages) = if size == Size::Large {
        (31, 2_000)
    } else {
        (11, 1_000)
    };
    println!("{rounds} rounds of {messages} messages for each case, in shuffled order ...");
    let mut contenders = Vec::new();
    for case in Case::ALL {
        for way in [Way::Loop, Way::Wire] {
            let mut connection = case.connect(cluster, "off").await?;
            let backend = Backend::of(&mut connection).await?;
            contenders.push(Contender {
                case,
                way,
                connection,
                backend,
                cpu: Vec::new(),
                wall: Vec::new(),
                wal: Vec::new(),
            });
        }
    }
    for round in 0..=rounds {
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        order.shuffle(site.chance());
        for place in order {
            let batch: Vec<_> = (0..messages).map(|_| site.write_anywhere()).collect();
            contenders[place]
                .take(cluster, &Batch::of(&batch, site)?)
                .await?;
        }
        // The first round fills the caches of every process.
        if round == 0 {
            contenders.iter_mut().for_each(Contender::forget);
        }
    }
    let measures = [Way::Loop, Way::Wire]
        .map(|way| report(&contenders, way))
        .concat();
    super::close(contenders.into_iter().map(|contender| contender.connection)).await?;
    Ok(measures)
}

impl Contender {
    async fn take(&mut self, cluster: &Cluster, batch: &Batch) -> Result<()> {
        let mut admin = cluster.connect(SUPERUSER, self.case.database()).await?;
        self.case.settle(&mut admin).await?;
        let wal_before = wal_written(&mut admin).await?;
        let before = self.backend.cpu()?;
        let start = Instant::now();
        match self.way {
            Way::Loop => {
                self.case
                    .in_one_backend(&mut self.connection, batch)
                    .await?
            }
            Way::Wire => self.case.over_the_wire(&mut self.connection, batch).await?,
        }
        let wall = start.elapsed();
        let cpu = self.backend.cpu()? - before;
        let wal = wal_written(&mut admin).await? - wal_before;
        #[expect(clippy::cast_precision_loss, reason = "thousands of messages")]
        let messages = batch.len() as f64;
        self.cpu.push(cpu.as_secs_f64() * 1e6 / messages);
        self.wall.push(wall.as_secs_f64() * 1e6 / messages);
        self.wal.push(wal / messages);
        Ok(admin.close().await?)
    }

    fn forget(&mut self) {
        for samples in [&mut self.cpu, &mut self.wall, &mut self.wal] {
            samples.clear();
        }
    }
}

/// Bytes of WAL that the server has written so far, by everybody.
async fn wal_written(admin: &mut PgConnection) -> Result<f64> {
    let bytes = sqlx::query_scalar("select (pg_current_wal_insert_lsn() - '0/0')::float8")
        .fetch_one(admin)
        .await?;
    Ok(bytes)
}

fn report(contenders: &[Contender], way: Way) -> Vec<Measure> {
    let done: Vec<_> = contenders
        .iter()
        .filter(|contender| contender.way == way)
        .collect();
    let samples = |case: Case, of: Samples| {
        done.iter()
            .find(|contender| contender.case == case)
            .map(|contender| of(contender).clone())
    };
    let mut all = Vec::new();
    let quantities: [(_, _, Samples); 3] = [
        (CPU, "µs", |contender| &contender.cpu),
        ("time a message", "µs", |contender| &contender.wall),
        ("WAL a message", "B", |contender| &contender.wal),
    ];
    for (metric, unit, of) in quantities {
        let words = match way {
            Way::Loop => "in a loop",
            Way::Wire => "over the wire",
        };
        for contender in &done {
            let floor = (contender.case != Case::Floor)
                .then(|| samples(Case::Floor, of))
                .flatten();
            all.push(Measure {
                suite: SUITE,
                case: format!("{}, {words}", contender.case.name()),
                metric,
                unit,
                samples: of(contender).clone(),
                against: floor.map(|samples| (Case::Floor.name().to_owned(), samples)),
                goal: goal(contender.case, way, metric),
            });
        }
    }
    let heading = match way {
        Way::Loop => {
            "10,000 conversations, a loop in one backend, a transaction a message, synchronous_commit off"
        }
        Way::Wire => "10,000 conversations, one client, a call a message, synchronous_commit off",
    };
    figures::print(heading, &all);
    all
}

/// The goals speak of the call as the worker makes it.
fn goal(case: Case, way: Way, metric: &str) -> Option<Goal> {
    match (case, way, metric) {
        (Case::Ours, Way::Wire, CPU) => Some(Goal::AtMost(8.0)),
        (Case::OursQuiet, Way::Wire, CPU) => Some(Goal::AtMost(6.0)),
        _ => None,
    }
}
