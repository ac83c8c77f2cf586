//! Somebody who comes through PostgREST.

use anyhow::Result;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnection, PgTransaction};
use sqlx::{AssertSqlSafe, Connection, Executor};
use uuid::Uuid;

/// A connection as `authenticator` whose every request becomes a role with claims, as PostgREST
/// does it: settings of one transaction, gone with it.
#[derive(Debug)]
pub struct Person {
    connection: PgConnection,
    role: &'static str,
    claims: String,
    headers: String,
}

impl Person {
    pub(crate) fn signed_in(connection: PgConnection, user: Uuid) -> Result<Self> {
        Self::new(
            connection,
            "authenticated",
            json!({"sub": user, "role": "authenticated", "aud": "authenticated"}),
        )
    }

    pub(crate) fn anonymous(connection: PgConnection) -> Result<Self> {
        Self::new(connection, "anon", json!({"role": "anon"}))
    }

    pub(crate) fn new(connection: PgConnection, role: &'static str, claims: Value) -> Result<Self> {
        let headers = json!({"host": "127.0.0.1", "x-forwarded-for": "127.0.0.1"}).to_string();
        Ok(Self {
            connection,
            role,
            claims: claims.to_string(),
            headers,
        })
    }

    /// From now on somebody else: the role that requests run as, all claims of the token and all headers.
    pub fn turn_into(&mut self, role: &'static str, claims: &Value, headers: &Value) {
        self.role = role;
        self.claims = claims.to_string();
        self.headers = headers.to_string();
    }

    /// One request: run statements in it, then commit it. What was not committed did not happen.
    pub async fn begin(&mut self) -> Result<PgTransaction<'_>, sqlx::Error> {
        let mut request = self.connection.begin().await?;
        sqlx::query(
            "select set_config('search_path', 'public, extensions', true), set_config('role', $1, true),
                set_config('request.jwt.claims', $2, true), set_config('request.headers', $3, true)",
        )
        .bind(self.role)
        .bind(&self.claims)
        .bind(&self.headers)
        .execute(&mut *request)
        .await?;
        Ok(request)
    }

    /// One request with one statement that gives rows (a select, or a write with `returning`); each
    /// row as JSON.
    pub async fn rows(&mut self, statement: &str) -> Result<Vec<Value>, sqlx::Error> {
        let mut request = self.begin().await?;
        let wrapped = format!("with source as ({statement}) select to_jsonb(source) from source");
        let rows = sqlx::query_scalar(AssertSqlSafe(wrapped))
            .fetch_all(&mut *request)
            .await?;
        request.commit().await?;
        Ok(rows)
    }

    /// One request with one statement; how many rows it wrote.
    pub async fn execute(&mut self, statement: &str) -> Result<u64, sqlx::Error> {
        let mut request = self.begin().await?;
        let done = request.execute(AssertSqlSafe(statement)).await?;
        request.commit().await?;
        Ok(done.rows_affected())
    }

    /// The connection itself, still nobody: role `authenticator` without claims.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.connection
    }
}
