//! Makes and removes databases, on connections that outlive every test.
//!
//! A test's own runtime ends with it, and its connections with the runtime; a new one for each of these statements
//! costs a quarter of them.

use std::collections::HashMap;
use std::sync::{LazyLock, Mutex, PoisonError};
use std::thread;

use anyhow::{Context, Result, anyhow};
use local_stack::server::{OWNER, SUPERUSER, Server};
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor};
use tokio::runtime::{Builder, Runtime};

use crate::wait_until;

/// Makes `name` out of a database that nobody is connected to.
///
/// File by file: through the log, as is usual, costs twice as much where the template is as small as ours, and has the
/// next checkpoint write it all once more.
pub(crate) async fn copy(server: &Server, template: &str, name: &str) -> Result<()> {
    let what = format!("cannot copy {template}");
    let statement =
        format!("create database {name} template {template} owner {OWNER} strategy file_copy");
    let pool = pool(server)?;
    let copied = runtime()?.spawn(async move {
        pool.execute(AssertSqlSafe(statement)).await?;
        Ok::<_, sqlx::Error>(())
    });
    copied.await?.context(what)
}

/// Removes `name` with whoever is connected to it. For destructors: it blocks, and may be called within a runtime.
pub(crate) fn remove(server: &Server, name: &str) -> Result<()> {
    let (runtime, pool) = (runtime()?, pool(server)?);
    thread::scope(|scope| {
        scope
            .spawn(|| runtime.block_on(stop_and_drop(&pool, name)))
            .join()
    })
    .map_err(|_| anyhow!("its removal panicked"))?
}

async fn stop_and_drop(pool: &PgPool, name: &str) -> Result<()> {
    // A database whose changes are streamed cannot be dropped by force either.
    wait_until("nobody streams out of the database", async || {
        let used: i64 = sqlx::query_scalar(
            "select count(pg_terminate_backend(s.active_pid)) from pg_replication_slots s
            where s.database = $1 and s.active_pid is not null",
        )
        .bind(name)
        .fetch_one(pool)
        .await?;
        Ok((used == 0).then_some(()))
    })
    .await?;
    let statement = format!("drop database if exists {name} with (force)");
    pool.execute(AssertSqlSafe(statement)).await?;
    Ok(())
}

/// Lives as long as the process.
fn runtime() -> Result<&'static Runtime> {
    static RUNTIME: LazyLock<std::io::Result<Runtime>> = LazyLock::new(|| {
        Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
    });
    RUNTIME
        .as_ref()
        .map_err(|error| anyhow!("no runtime for the keeper of databases: {error}"))
}

/// Of the server on this port; more than the usual one where a test crashes its own.
fn pool(server: &Server) -> Result<PgPool> {
    static POOLS: LazyLock<Mutex<HashMap<u16, PgPool>>> = LazyLock::new(Mutex::default);
    let _entered = runtime()?.enter();
    let mut pools = POOLS.lock().unwrap_or_else(PoisonError::into_inner);
    let pool = pools.entry(server.port()).or_insert_with(|| {
        PgPoolOptions::new().connect_lazy_with(server.options(SUPERUSER, "postgres"))
    });
    Ok(pool.clone())
}
