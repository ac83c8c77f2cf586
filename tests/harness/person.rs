//! Somebody who comes through PostgREST.

use anyhow::Result;
use futures_util::TryStreamExt;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnection, PgTransaction};
use sqlx::{AssertSqlSafe, Connection, Either, Executor, Row};
use uuid::Uuid;

use crate::Session;
use crate::lines::Lines;

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

/// Somebody whose every request runs as a role with claims: settings of one transaction, gone with it.
#[derive(Debug)]
pub struct Person {
    lines: Lines,
    /// Once they asked for one.
    connection: Option<PgConnection>,
    caller: Caller,
}

impl Person {
    pub(crate) fn new(lines: Lines, caller: Caller) -> Self {
        Self {
            lines,
            connection: None,
            caller,
        }
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
        let caller = self.caller.clone();
        let mut request = self.connection().await?.begin().await?;
        caller.begin(&mut request).await?;
        Ok(request)
    }

    /// One request with one statement that gives rows (a select, or a write with `returning`); each
    /// row as JSON.
    pub async fn rows(&mut self, statement: &str) -> Result<Vec<Value>, sqlx::Error> {
        let (login, becomes) = (self.caller.login, self.caller.becomes());
        if let Some(own) = &mut self.connection {
            return rows_at_once(own, &becomes, statement).await;
        }
        let mut line = self.lines.take(login).await?;
        let rows = rows_at_once(&mut line, &becomes, statement).await;
        self.lines.hand_on(login, line, &rows);
        rows
    }

    /// One request with one statement; how many rows it wrote.
    pub async fn execute(&mut self, statement: &str) -> Result<u64, sqlx::Error> {
        let (login, becomes) = (self.caller.login, self.caller.becomes());
        if let Some(own) = &mut self.connection {
            return written_at_once(own, &becomes, statement).await;
        }
        let mut line = self.lines.take(login).await?;
        let written = written_at_once(&mut line, &becomes, statement).await;
        self.lines.hand_on(login, line, &written);
        written
    }

    /// From now on a connection of their own; it is still nobody: role `authenticator` without claims.
    pub async fn connection(&mut self) -> Result<&mut PgConnection, sqlx::Error> {
        let own = match self.connection.take() {
            Some(own) => own,
            None => self.lines.open(self.caller.login).await?,
        };
        Ok(self.connection.insert(own))
    }
}

/// A transaction of one statement that writes, said at once with what stands before it: see [`rows_at_once`]. How many
/// rows it wrote.
async fn written_at_once(
    connection: &mut PgConnection,
    before: &str,
    statement: &str,
) -> Result<u64, sqlx::Error> {
    let mut answers = connection.fetch_many(AssertSqlSafe(format!("{before} {statement}")));
    let mut written = 0;
    while let Some(answer) = answers.try_next().await? {
        if let Either::Left(done) = answer {
            written = done.rows_affected();
        }
    }
    Ok(written)
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
