//! Suite `path-profile`: where the cost of the path goes, function by function, as the server counts it. Counting
//! takes two looks at the clock a call, so the sum is a little above what suite `path` finds; the shares hold.

use std::time::Instant;

use anyhow::Result;
use sqlx::{Connection, Executor};

use crate::Size;
use crate::cluster::{Cluster, SUPERUSER};
use crate::figures::{self, Figures, Measure};
use crate::path::{Batch, Case, Site};

/// Name, calls, time in it and in what it called, time in itself alone (ms).
type Function = (String, i64, f64, f64);

/// Prints the functions, the dearest first.
pub async fn run(cluster: &Cluster, size: Size) -> Result<Figures> {
    let mut site = Site::make(cluster, size).await?;
    let messages = if size == Size::Large { 20_000 } else { 5_000 };
    let mut admin = cluster.connect(SUPERUSER, Case::Ours.database()).await?;
    // As the superuser, who alone may turn the counting on, in the worker's name.
    let mut worker = cluster.connect(SUPERUSER, Case::Ours.database()).await?;
    for statement in ["set track_functions = 'all'", "set synchronous_commit = off", "set session authorization chat_worker"] {
        worker.execute(statement).await?;
    }
    let batch = |count: usize, site: &mut Site| -> Result<Batch> {
        Batch::of(&(0..count).map(|_| site.write_anywhere()).collect::<Vec<_>>(), site)
    };
    Case::Ours.in_one_backend(&mut worker, &batch(500, &mut site)?).await?;
    worker.execute("select pg_stat_force_next_flush()").await?;
    admin.execute("select pg_stat_reset()").await?;

    let measured = batch(messages, &mut site)?;
    let start = Instant::now();
    Case::Ours.in_one_backend(&mut worker, &measured).await?;
    let wall = start.elapsed();
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
    let messages = messages as f64;
    let whole = wall.as_secs_f64() * 1e6 / messages;
    print(&functions, messages, whole);
    let mut figures = Figures::default();
    figures.add(functions.iter().map(|function| measure(function, messages, whole)).collect());
    Ok(figures)
}

fn print(functions: &[Function], messages: f64, whole: f64) {
    println!("\n{whole:.0} µs a message in a loop in one backend, commit included; of these");
    let head = ["function", "calls a message", "self µs", "with callees µs", "self %"].map(str::to_owned);
    let lines = functions.iter().map(|(name, calls, total, own)| {
        let own = own * 1e3 / messages;
        #[expect(clippy::cast_precision_loss, reason = "thousands of calls")]
        let calls = *calls as f64 / messages;
        [
            name.clone(),
            format!("{calls:.2}"),
            format!("{own:.1}"),
            format!("{:.1}", total * 1e3 / messages),
            format!("{:.1}", own * 100.0 / whole),
        ]
    });
    figures::print_aligned(&std::iter::once(head).chain(lines).collect::<Vec<_>>());
}

fn measure((name, _, _, own): &Function, messages: f64, whole: f64) -> Measure {
    Measure {
        suite: "path-profile",
        case: name.clone(),
        metric: "time in itself a message",
        unit: "µs",
        samples: vec![own * 1e3 / messages],
        against: Some(("whole message".to_owned(), vec![whole])),
        goal: None,
    }
}
