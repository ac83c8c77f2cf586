//! One conversation that eight clients write into: how many messages a second, and whether locks pile up into
//! multixacts (a row locked by several transactions at once needs one, and is slow from then on).

use std::time::Instant;

use anyhow::Result;
use futures_util::future::try_join_all;
use rand::seq::SliceRandom;
use sqlx::{Connection, Executor, PgConnection};

use super::{Batch, Case, SUITE, Site};
use crate::Size;
use crate::cluster::{Cluster, SUPERUSER};
use crate::figures::{self, Goal, Measure};

const CLIENTS: usize = 8;

/// Everybody writes into the conversation of this person.
const PERSON: usize = 0;

const CASES: [Case; 4] = [Case::Floor, Case::Seeds, Case::SeedsEqual, Case::Ours];

/// A case under one setting, and what it came to: one sample a round.
struct Contender {
    case: Case,
    synchronous_commit: &'static str,
    rate: Vec<f64>,
    multixacts: Vec<f64>,
}

/// Rounds in shuffled order; a table of rates and one of multixacts.
pub async fn run(cluster: &Cluster, site: &mut Site, size: Size) -> Result<Vec<Measure>> {
    let (rounds, messages) = if size == Size::Large {
        (21, 500)
    } else {
        (7, 200)
    };
    println!(
        "\n{rounds} rounds of {CLIENTS} x {messages} messages for each case, in shuffled order ..."
    );
    let mut contenders: Vec<_> = ["off", "on"]
        .into_iter()
        .flat_map(|synchronous_commit| {
            CASES.map(|case| Contender {
                case,
                synchronous_commit,
                rate: Vec::new(),
                multixacts: Vec::new(),
            })
        })
        .collect();
    let mut admin = cluster.connect(SUPERUSER, Case::Ours.database()).await?;
    for _ in 0..rounds {
        let mut order: Vec<usize> = (0..contenders.len()).collect();
        order.shuffle(site.chance());
        for place in order {
            let batches = (0..CLIENTS)
                .map(|_| {
                    Batch::of(
                        &(0..messages)
                            .map(|_| site.write(PERSON))
                            .collect::<Vec<_>>(),
                        site,
                    )
                })
                .collect::<Result<_>>()?;
            contenders[place].take(cluster, &mut admin, batches).await?;
        }
    }
    admin.close().await?;
    Ok(report(&contenders))
}

impl Contender {
    async fn take(
        &mut self,
        cluster: &Cluster,
        admin: &mut PgConnection,
        batches: Vec<Batch>,
    ) -> Result<()> {
        self.case.settle(admin).await?;
        let (case, synchronous_commit) = (self.case, self.synchronous_commit);
        let connections =
            try_join_all((0..CLIENTS).map(|_| case.connect(cluster, synchronous_commit))).await?;
        let before = next_multixact(admin).await?;
        let messages: usize = batches.iter().map(Batch::len).sum();
        let start = Instant::now();
        let clients = connections
            .into_iter()
            .zip(batches)
            .map(|(mut connection, batch)| {
                tokio::spawn(async move {
                    case.over_the_wire(&mut connection, &batch).await?;
                    anyhow::Ok(connection)
                })
            });
        let connections = try_join_all(clients)
            .await?
            .into_iter()
            .collect::<Result<Vec<_>>>()?;
        let seconds = start.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "thousands of messages")]
        self.rate.push(messages as f64 / seconds);
        self.multixacts.push(next_multixact(admin).await? - before);
        super::close(connections).await
    }
}

/// The next multixact id; only a checkpoint tells it.
async fn next_multixact(admin: &mut PgConnection) -> Result<f64> {
    admin.execute("checkpoint").await?;
    let next =
        sqlx::query_scalar("select next_multixact_id::text::float8 from pg_control_checkpoint()");
    Ok(next.fetch_one(admin).await?)
}

fn report(contenders: &[Contender]) -> Vec<Measure> {
    let rates = contenders.iter().map(|contender| {
        let peer = contenders.iter().find(|other| {
            other.case == Case::SeedsEqual
                && other.synchronous_commit == contender.synchronous_commit
        });
        let against = peer.filter(|peer| peer.case != contender.case);
        Measure {
            suite: SUITE,
            case: contender.name(),
            metric: "messages a second",
            unit: "1/s",
            samples: contender.rate.clone(),
            against: against.map(|peer| (peer.case.name().to_owned(), peer.rate.clone())),
            goal: (contender.case == Case::Ours).then_some(Goal::AtLeast(1.0)),
        }
    });
    let ours = contenders
        .iter()
        .filter(|contender| contender.case == Case::Ours);
    let enough = ours
        .filter(|contender| contender.synchronous_commit == "off")
        .map(|contender| Measure {
            suite: SUITE,
            case: contender.name(),
            metric: "messages a second, by itself",
            unit: "1/s",
            samples: contender.rate.clone(),
            against: None,
            goal: Some(Goal::AtLeast(1000.0)),
        });
    let multixacts = contenders.iter().map(|contender| Measure {
        suite: SUITE,
        case: contender.name(),
        metric: "multixacts of all rounds",
        unit: "",
        samples: vec![contender.multixacts.iter().sum()],
        against: None,
        goal: (contender.case == Case::Ours).then_some(Goal::AtMost(0.0)),
    });
    let all: Vec<_> = rates.chain(enough).chain(multixacts).collect();
    figures::print(
        &format!("one conversation, {CLIENTS} clients, a call a message"),
        &all,
    );
    all
}

impl Contender {
    fn name(&self) -> String {
        format!(
            "{}, synchronous_commit {}",
            self.case.name(),
            self.synchronous_commit
        )
    }
}
