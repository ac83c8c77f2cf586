//! What the owner sees and may do, by statements written out.

use anyhow::{Result, ensure};
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::TestDb;

impl TestDb {
    /// Rows of a select, each as JSON.
    pub async fn rows(&self, select: &str) -> Result<Vec<Value>> {
        let statement = format!("select to_jsonb(x) from ({select}) x");
        Ok(sqlx::query_scalar(AssertSqlSafe(statement))
            .fetch_all(self.owner())
            .await?)
    }

    /// The only row of a select.
    pub async fn row(&self, select: &str) -> Result<Value> {
        let mut rows = self.rows(select).await?;
        ensure!(
            rows.len() == 1,
            "{} rows instead of one: {select}",
            rows.len()
        );
        Ok(rows.remove(0))
    }

    /// How many rows a `from` clause has.
    pub async fn count(&self, from: &str) -> Result<i64> {
        let statement = format!("select count(*) from {from}");
        Ok(sqlx::query_scalar(AssertSqlSafe(statement))
            .fetch_one(self.owner())
            .await?)
    }

    /// Does something that no client can, such as turning back a clock. How many rows it touched.
    pub async fn as_owner(&self, statement: &str) -> Result<u64> {
        Ok(sqlx::query(AssertSqlSafe(statement.to_owned()))
            .execute(self.owner())
            .await?
            .rows_affected())
    }
}
