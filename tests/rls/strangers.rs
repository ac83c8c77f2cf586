//! People who have the anon key and nothing else.

use anyhow::Result;
use pg_chat_tests::{Refusal, Regime, Site, TestDb};
use sqlx::AssertSqlSafe;

#[tokio::test]
async fn anon_reads_no_table_of_ours() -> Result<()> {
    for regime in Regime::ALL {
        let db = TestDb::clone_of(regime).await?;
        Site::make(&db).await?;
        let tables: Vec<String> = sqlx::query_scalar(
            "select c.oid::regclass::text from pg_class c
            where c.relkind in ('r', 'p', 'v', 'm')
                and (c.relnamespace = 'chat'::regnamespace
                    or c.relnamespace = 'public'::regnamespace and c.relname like 'mod\\_chat\\_%')",
        )
        .fetch_all(db.owner())
        .await?;
        let mut anon = db.as_anon().await?;
        for table in tables {
            let mut request = anon.begin().await?;
            let read = sqlx::query(AssertSqlSafe(format!("select from {table}"))).fetch_all(&mut *request).await;
            assert_eq!(Refusal::expect(read).sqlstate, "42501", "{table} under {regime:?}");
        }
    }
    Ok(())
}
