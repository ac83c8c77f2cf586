//! Suite `path-profile`: where the cost of the path goes, function by function, as the server counts it. The times
//! are of the wall clock, so on a busy machine they hold waiting for a processor, too; and counting takes two looks
//! at the clock a call. Trust the shares; the sum of processor time is said beside them.

use std::time::Duration;

use anyhow::Result;
use sqlx::{Connection, Executor};

use crate::Size;
use crate::backend::Backend;
use crate::cluster::{Cluster, SUPERUSER};
use crate::figures::{self, Figures, Measure};
use crate::path::{Batch, Case, Site};

/// Name, calls, time in it and in what it called, time in itself alone (ms).
type Function = (String, i64, f64, f64);

/// Messages between two clearances of the queue, as a worker would clear it.
const CHUNK: usize = 1_000;

/// Prints the functions, the dearest first.
pub async fn run(cluster: &Cluster, size: Size) -> Result<Figures> {
    let history = if size == Size::Large { 40 } else { 4 };
    let mut site = Site::make(cluster, history).await?;
    let chunks = if size == Size::Large { 40 } else { 8 };
    let mut admin = cluster.connect(SUPERUSER, Case::Ours.database()).await?;
    // As the superuser, who alone may turn the counting on, in the worker's name.
    let mut worker = cluster.connect(SUPERUSER, Case::Ours.database()).await?;
    for statement in [
        "set track_functions = 'all'",
        "set synchronous_commit = off",
        "set session authorization chat_worker",
    ] {
        worker.execute(statement).await?;
    }
    let backend = Backend::of(&mut worker).await?;
    let mut cpu = Duration::ZERO;
    for chunk in 0..=chunks {
        Case::Ours.settle(&mut admin).await?;
        let messages: Vec<_> = (0..CHUNK).map(|_| site.write_anywhere()).collect();
        let batch = Batch::of(&messages, &site)?;
        let before = backend.cpu()?;
        Case::Ours.in_one_backend(&mut worker, &batch).await?;
        cpu += backend.cpu()? - before;
        // The first chunk fills the caches of the process.
        if chunk == 0 {
            worker.execute("select pg_stat_force_next_flush()").await?;
            admin.execute("select pg_stat_reset()").await?;
            cpu = Duration::ZERO;
        }
    }
    worker.execute("select pg_stat_force_next_flush()").await?;
    worker.close().await?;

    let functions: Vec<Function> = sqlx::query_as(
        "select schemaname || '.' || funcname, calls, total_time, self_time
        from pg_stat_user_functions where calls > 0 order by self_time desc",
    )
    .fetch_all(&mut admin)
    .await?;
    admin.close().await?;

    #[expect(clippy::cast_precision_loss, reason = "thousands of messages")]
    let messages = (CHUNK * chunks) as f64;
    let all: f64 = functions.iter().map(|(.., own)| own * 1e3 / messages).sum();
    println!(
        "\n{:.0} µs of processor time a message, commit included; {all:.0} µs by the clock in functions:",
        cpu.as_secs_f64() * 1e6 / messages
    );
    print(&functions, messages, all);
    let mut figures = Figures::default();
    figures.add(
        functions
            .iter()
            .map(|function| measure(function, messages, all))
            .collect(),
    );
    Ok(figures)
}

fn print(functions: &[Function], messages: f64, all: f64) {
    let head = [
        "function",
        "calls a message",
        "self µs",
        "with callees µs",
        "self %",
    ]
    .map(str::to_owned);
    let lines = functions.iter().map(|(name, calls, total, own)| {
        let own = own * 1e3 / messages;
        #[expect(clippy::cast_precision_loss, reason = "thousands of calls")]
        let calls = *calls as f64 / messages;
        [
            name.clone(),
            format!("{calls:.2}"),
            format!("{own:.1}"),
            format!("{:.1}", total * 1e3 / messages),
            format!("{:.1}", own * 100.0 / all),
        ]
    });
    figures::print_aligned(&std::iter::once(head).chain(lines).collect::<Vec<_>>());
}

fn measure((name, _, _, own): &Function, messages: f64, all: f64) -> Measure {
    Measure {
        suite: "path-profile",
        case: name.clone(),
        metric: "time in itself a message",
        unit: "µs",
        samples: vec![own * 1e3 / messages],
        against: Some(("all functions".to_owned(), vec![all])),
        goal: None,
    }
}
