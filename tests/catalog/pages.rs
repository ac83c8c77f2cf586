//! What the pages of docs/ tell people to type.

use std::fs;

use anyhow::{Context, Result, ensure};
use pg_chat_tests::{Site, TestDb, repository};
use sqlx::{AssertSqlSafe, Executor};

#[tokio::test]
async fn every_sql_block_of_the_page_for_dbas_runs() -> Result<()> {
    let db = TestDb::new().await?;
    Site::make(&db)
        .await?
        .number(&db, "106540352242922")
        .await?;
    let page = fs::read_to_string(repository().join("docs/dba.md"))?;
    let blocks: Vec<_> = page
        .split("```sql\n")
        .skip(1)
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect();
    ensure!(blocks.len() > 5, "the page has its blocks");
    let mut transaction = db.owner().begin().await?;
    for block in blocks {
        transaction
            .execute(AssertSqlSafe(block))
            .await
            .with_context(|| format!("this does not run:\n{block}"))?;
    }
    let left: Vec<String> = sqlx::query_scalar(
        "select oid::regprocedure::text from pg_proc
        where pronamespace = 'public'::regnamespace and proname like 'chat\\_%'
        union all
        select relname::text from pg_class where relnamespace = 'public'::regnamespace and relname like 'mod\\_chat\\_%'
        union all
        select nspname::text from pg_namespace where nspname like 'chat%'",
    )
    .fetch_all(&mut *transaction)
    .await?;
    ensure!(
        left.is_empty(),
        "left after the page's last block: {left:?}"
    );
    transaction.rollback().await?;
    Ok(())
}
