//! Somebody who comes through PostgREST.

use anyhow::Result;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnection, PgTransaction};
use sqlx::{AssertSqlSafe, Connection, Either, Executor, Row};
use uuid::Uuid;

use crate::Session;

/// Who calls: the login of the connection, and what PostgREST makes of a request's token.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The role that logged in.
    pub(crate) login: &'static str,
    role: &'static str,
    claims: Value,
    headers: Value,
}

impl Caller {
    /// Somebody who is signed in.
    pub fn user(user: Uuid) -> Self {
        Self::with(
            "authenticated",
            json!({"sub": user, "role": "authenticated", "aud": "authenticated"}),
        )
    }

    /// Somebody with the anon key only.
    pub fn anon() -> Self {
        Self::with("anon", json!({"role": "anon"}))
    }

    /// A visitor: anon with the token of their session.
    pub fn visitor(session: &Session) -> Result<Self> {
        Ok(Self::with("anon", session.claims()?))
    }

    /// Somebody whose token says what it likes: the role its request runs as and all of its claims. `chat_worker`
    /// comes with a login of its own and without PostgREST.
    pub fn with(role: &'static str, claims: Value) -> Self {
        let login = if role == "chat_worker" {
            role
        } else {
            "authenticator"
        };
        Self {
            login,
            role,
            claims,
            headers: json!({"host": "127.0.0.1", "x-forwarded-for": "127.0.0.1"}),
        }
    }

    /// Makes the rest of a transaction theirs, as PostgREST does: settings that are gone with it.
    pub async fn begin(&self, request: &mut PgConnection) -> Result<(), sqlx::Error> {
        request.execute(AssertSqlSafe(self.becomes())).await?;
        Ok(())
    }

    /// The statement that does so.
    fn becomes(&self) -> String {
        let literal = |text: &str| format!("'{}'", text.replace('\'', "''"));
        format!(
            "select set_config('search_path', 'public, extensions', true), set_config('role', {}, true),
                set_config('request.jwt.claims', {}, true), set_config('request.headers', {}, true);",
            literal(self.role),
            literal(&self.claims.to_string()),
            literal(&self.headers.to_string())
        )
    }

    /// The same in a superuser's transaction, which has to forget who began it first.
    pub async fn begin_as_superuser(&self, request: &mut PgConnection) -> Result<(), sqlx::Error> {
        let forget = format!("set local session authorization {}", self.login);
        request.execute(AssertSqlSafe(forget)).await?;
        self.begin(request).await
    }
}

/// A connection as `authenticator` whose every request becomes a role with claims: settings of one transaction, gone
/// with it.
#[derive(Debug)]
pub struct Person {
    connection: PgConnection,
    caller: Caller,
}

impl Person {
    pub(crate) fn new(connection: PgConnection, caller: Caller) -> Self {
        Self { connection, caller }
    }

    /// From now on somebody else: the role that requests run as, all claims of the token and all headers.
    pub fn turn_into(&mut self, role: &'static str, claims: &Value, headers: &Value) {
        self.caller = Caller {
            headers: headers.clone(),
            ..Caller::with(role, claims.clone())
        };
    }

    /// One request: run statements in it, then commit it. What was not committed did not happen.
    pub async fn begin(&mut self) -> Result<PgTransaction<'_>, sqlx::Error> {
        let mut request = self.connection.begin().await?;
        self.caller.begin(&mut request).await?;
        Ok(request)
    }

    /// One request with one statement that gives rows (a select, or a write with `returning`); each
    /// row as JSON.
    pub async fn rows(&mut self, statement: &str) -> Result<Vec<Value>, sqlx::Error> {
        rows_at_once(&mut self.connection, &self.caller.becomes(), statement).await
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

/// A transaction of one statement that gives rows, said at once with what stands before it: several statements in one
/// message are one transaction, which ends with the message. Each row as JSON.
pub async fn rows_at_once(
    connection: &mut PgConnection,
    before: &str,
    statement: &str,
) -> Result<Vec<Value>, sqlx::Error> {
    let all = format!("{before} with source as ({statement}) select to_jsonb(source) from source");
    let mut answers = connection.fetch_many(AssertSqlSafe(all));
    let (mut running, mut last) = (Vec::new(), Vec::new());
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Right(row) => running.push(row),
            Either::Left(_) => last = std::mem::take(&mut running),
        }
    }
    last.iter().map(|row| row.try_get(0)).collect()
}
