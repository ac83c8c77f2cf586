//! What a NOTIFY in each message's transaction would cost: it holds a lock of the whole database through the commit. The
//! worker wakes itself by what the call answers instead.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::future::try_join_all;
use sqlx::types::Json;
use sqlx::{Connection, PgConnection};
use uuid::Uuid;

use super::SUITE;
use crate::Size;
use crate::cluster::{Cluster, SUPERUSER, WORKER};
use crate::figures::{self, Measure};
use crate::path::{Case, Site};

const CLIENTS: usize = 8;

const WITHOUT: &str = "select public.chat_receive_whatsapp($1, $2)";
const WITH: &str = "select public.chat_receive_whatsapp($1, $2), pg_notify('chat_jobs', '')";

/// Rounds of the same call with and without it; a table.
pub async fn run(cluster: &Cluster, site: &mut Site, size: Size) -> Result<Vec<Measure>> {
    let (rounds, seconds) = if size == Size::Large { (9, 4) } else { (5, 1) };
    let database = Case::Ours.database();
    let mut admin = cluster.connect(SUPERUSER, database).await?;
    let app = sqlx::query_scalar("select app_id from chat.whatsapp_accounts")
        .fetch_one(&mut admin)
        .await?;
    let mut clients = try_join_all((0..CLIENTS).map(|_| cluster.connect(WORKER, database))).await?;
    println!("\n{rounds} rounds of {seconds} s each ...");
    let [mut without, mut with] = [Vec::new(), Vec::new()];
    for round in 0..=rounds {
        for (statement, rates) in [(WITHOUT, &mut without), (WITH, &mut with)] {
            Case::Ours.settle(&mut admin).await?;
            let rate;
            (rate, clients) = receive(clients, site, app, statement, seconds).await?;
            // The first round fills caches and plans.
            if round > 0 {
                rates.push(rate);
            }
        }
    }
    for connection in clients.into_iter().chain([admin]) {
        connection.close().await?;
    }
    let measure = |case: &str, samples| Measure {
        suite: SUITE,
        case: case.to_owned(),
        metric: "messages a second",
        unit: "1/s",
        samples,
        against: None,
        goal: None,
    };
    let all = vec![
        measure("calls of the worker", without.clone()),
        Measure {
            against: Some(("without".to_owned(), without)),
            ..measure("the same with a NOTIFY each", with)
        },
    ];
    figures::print(
        &format!(
            "single messages straight into the database, {CLIENTS} clients, synchronous_commit on"
        ),
        &all,
    );
    Ok(all)
}

async fn receive(
    clients: Vec<PgConnection>,
    site: &mut Site,
    app: Uuid,
    statement: &'static str,
    seconds: u64,
) -> Result<(f64, Vec<PgConnection>)> {
    let most = 600 * usize::try_from(seconds)?;
    let runs = (0..CLIENTS)
        .map(|_| (0..most).map(|_| site.write_anywhere().run()).collect())
        .collect::<Result<Vec<Vec<_>>>>()?;
    let began = Instant::now();
    let tasks = clients.into_iter().zip(runs).map(|(mut client, runs)| {
        tokio::spawn(async move {
            let mut done = 0_u32;
            for run in runs {
                if began.elapsed() >= Duration::from_secs(seconds) {
                    break;
                }
                sqlx::query(statement)
                    .bind(app)
                    .bind(Json(run))
                    .execute(&mut client)
                    .await?;
                done += 1;
            }
            anyhow::Ok((done, client))
        })
    });
    let done: Vec<(u32, PgConnection)> = try_join_all(tasks)
        .await?
        .into_iter()
        .collect::<Result<_>>()?;
    let rate =
        f64::from(done.iter().map(|(done, _)| done).sum::<u32>()) / began.elapsed().as_secs_f64();
    Ok((rate, done.into_iter().map(|(_, client)| client).collect()))
}
