//! Suite `sql`: what people wait for when they read: a page of the inbox by each filter, a page of messages, badges,
//! changes and search, each call with its planning and its rights, as a dashboard's request has it.
//!
//! One big site holds four of five conversations, with two thousand open ones at every size: what is open is the work
//! at hand, what grows is the archive. Each case is held against its goal, against the same case at the small size and
//! against the same by the owner, whom no policy stops: the same call, or where a call asks for rights itself, a plain
//! statement that reads the same rows.

mod case;

use anyhow::{Context, Result};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use std::time::Instant;

use crate::Size;
use crate::cluster::{Cluster, OWNER, SUPERUSER, TEMPLATE};
use crate::figures::{self, Figures, Goal, Measure};

use case::{CASES, Case};

const SUITE: &str = "sql";

/// The agent who reads: one of fifty at the big site.
const AGENT: &str = r#"{"sub": "0c000000-0000-4000-8000-000000000003", "role": "authenticated"}"#;

/// Rounds, and calls of each case in a round: a round's p99 is its worst call but one.
const ROUNDS: usize = 5;
const CALLS: usize = 100;

/// Milliseconds of every call, round by round.
type Rounds = Vec<Vec<f64>>;

/// Measures both sizes, prints each table when it is done.
pub async fn run(cluster: &Cluster, size: Size) -> Result<Figures> {
    let large = if size == Size::Large {
        1_000_000
    } else {
        100_000
    };
    let sizes = [10_000, large];
    // Both are made first: they are held against each other, so they are read one right after the other.
    let mut databases = Vec::new();
    for conversations in sizes {
        databases.push(make(cluster, conversations).await?);
    }
    let mut all = Figures::default();
    let mut small: Vec<Rounds> = Vec::new();
    for (conversations, database) in sizes.into_iter().zip(&databases) {
        let mut agent = cluster.connect(SUPERUSER, database).await?;
        agent.execute("set role authenticated").await?;
        sqlx::query("select set_config('request.jwt.claims', $1, false)")
            .bind(AGENT)
            .execute(&mut agent)
            .await?;
        let mut owner = cluster.connect(OWNER, database).await?;
        let mut measures = Vec::new();
        let mut times = Vec::new();
        for (number, case) in CASES.iter().enumerate() {
            let (ours, bare) = rounds(case, conversations, &mut agent, &mut owner).await?;
            let name = format!("{} of {conversations}", case.name);
            measures.push(measure(
                &name,
                "p99",
                percentiles(&ours, 99),
                None,
                case.goal_p99.map(Goal::AtMost),
            ));
            measures.push(measure(
                &name,
                "p95",
                percentiles(&ours, 95),
                None,
                case.goal_p95.map(Goal::AtMost),
            ));
            if let Some(bare) = bare {
                let against = Some(("no policy".to_owned(), percentiles(&bare, 50)));
                measures.push(measure(
                    &name,
                    "p50",
                    percentiles(&ours, 50),
                    against,
                    Some(Goal::AtMost(1.5)),
                ));
            }
            if let Some(small) = small.get(number) {
                let against = Some(("10000".to_owned(), percentiles(small, 50)));
                let goal = case.goal_p95.is_none().then_some(Goal::AtMost(1.5));
                measures.push(measure(&name, "p50", percentiles(&ours, 50), against, goal));
            }
            times.push(ours);
        }
        figures::print(
            &format!(
                "{conversations} conversations, {} messages (milliseconds a call, {ROUNDS} rounds of {CALLS})",
                conversations * 10
            ),
            &measures,
        );
        all.add(measures);
        small = times;
        agent.close().await?;
        owner.close().await?;
    }
    Ok(all)
}

/// Makes the sites in a database of their own.
async fn make(cluster: &Cluster, conversations: usize) -> Result<String> {
    let database = format!("bench_sql_{conversations}");
    cluster.clone_database(&database, TEMPLATE).await?;
    println!("{conversations} conversations are made ...");
    let mut admin = cluster.connect(SUPERUSER, &database).await?;
    sqlx::query("select set_config('bench.conversations', $1, false)")
        .bind(conversations.to_string())
        .execute(&mut admin)
        .await?;
    sqlx::raw_sql(include_str!("../sql/lists/site.sql"))
        .execute(&mut admin)
        .await
        .context("sql/lists/site.sql")?;
    admin.execute("vacuum (analyze)").await?;
    admin.execute("checkpoint").await?;
    admin.close().await?;
    Ok(database)
}

/// Calls of a case by the agent and, where there is one, of the plain statement by the owner, now one first, now the other.
async fn rounds(
    case: &Case,
    conversations: usize,
    agent: &mut PgConnection,
    owner: &mut PgConnection,
) -> Result<(Rounds, Option<Rounds>)> {
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        let (mut called, mut plain) = (Vec::new(), Vec::new());
        for call in 0..CALLS {
            let number = round * CALLS + call;
            let statement = case.call(conversations, number);
            let Some(other) = case.plain(conversations, number) else {
                called.push(time(agent, &statement).await?);
                continue;
            };
            // Whoever reads first brings the pages for the other.
            if call % 2 == 0 {
                called.push(time(agent, &statement).await?);
                plain.push(time(owner, &other).await?);
            } else {
                plain.push(time(owner, &other).await?);
                called.push(time(agent, &statement).await?);
            }
        }
        // The first round warms the caches.
        if round > 0 {
            ours.push(called);
            bare.push(plain);
        }
    }
    Ok((ours, case.plain.is_some().then_some(bare)))
}

async fn time(connection: &mut PgConnection, statement: &str) -> Result<f64> {
    let begun = Instant::now();
    sqlx::raw_sql(AssertSqlSafe(statement.to_owned()))
        .fetch_all(connection)
        .await
        .with_context(|| statement.to_owned())?;
    Ok(begun.elapsed().as_secs_f64() * 1000.0)
}

fn measure(
    case: &str,
    metric: &'static str,
    samples: Vec<f64>,
    against: Option<(String, Vec<f64>)>,
    goal: Option<Goal>,
) -> Measure {
    Measure {
        suite: SUITE,
        case: case.to_owned(),
        metric,
        unit: "ms",
        samples,
        against,
        goal,
    }
}

/// The so-manieth percentile of each round.
fn percentiles(rounds: &Rounds, percent: usize) -> Vec<f64> {
    rounds
        .iter()
        .map(|calls| {
            let mut sorted = calls.clone();
            sorted.sort_by(f64::total_cmp);
            sorted
                .get((sorted.len() * percent / 100).min(sorted.len().saturating_sub(1)))
                .copied()
                .unwrap_or_default()
        })
        .collect()
}
