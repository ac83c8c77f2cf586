//! What every object of ours must have, asked of the catalog. So an object made tomorrow is asked, too.

mod again;
mod functions;
mod lc01;
mod pages;
mod people;
mod rules;
mod tables;

use anyhow::{Result, ensure};
use pg_chat_tests::TestDb;

/// Fails unless a query over the catalog, made to find what is wrong, finds nothing.
async fn finds_nothing(db: &TestDb, wrong: &str, query: &'static str) -> Result<()> {
    let found: Vec<String> = sqlx::query_scalar(query).fetch_all(db.owner()).await?;
    ensure!(found.is_empty(), "{wrong}:\n  {}", found.join("\n  "));
    Ok(())
}
