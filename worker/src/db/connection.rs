//! The usual way to the database: a pool of connections as role `chat_worker`, over which it also calls us (NOTIFY).

use super::{
    DbError,
    call::{Argument, Call},
};
use crate::config;
use serde_json::value::RawValue;
use sqlx::{
    AssertSqlSafe, Connection as _,
    postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions},
    types::Json,
};
use std::{str::FromStr, time::Duration};

/// How long a connection may lie in the pool and still be taken for alive without asking.
const TRUSTED: Duration = Duration::from_secs(1);

/// A pool of connections.
#[derive(Clone, Debug)]
pub struct Connection {
    pool: PgPool,
}

impl Connection {
    /// Makes the pool without connecting.
    pub(super) fn new(config: &config::Database) -> Result<Self, DbError> {
        let options = PgConnectOptions::from_str(config.url.expose())
            .map_err(|_| DbError::Address)?
            .application_name("chat_worker");
        let statement_timeout = config.statement_ms.to_string();
        let pool = PgPoolOptions::new()
            .max_connections(config.connections.saturating_add(1))
            .acquire_timeout(Duration::from_millis(config.acquire_ms))
            .after_connect(move |connection, _| {
                let statement_timeout = statement_timeout.clone();
                Box::pin(async move {
                    sqlx::query("select set_config('statement_timeout', $1, false)")
                        .bind(statement_timeout)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            // One that was used just now is alive: asking it would be a round trip before every call. A server that has
            // just ended is an error of the call, which is repeated like any passing one.
            .test_before_acquire(false)
            .before_acquire(|connection, known| {
                Box::pin(async move {
                    if known.idle_for > TRUSTED {
                        connection.ping().await?;
                    }
                    Ok(true)
                })
            })
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Calls a function in a transaction, which has committed when this returns: the driver reads on until the server
    /// is ready again, past the deferred triggers.
    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Box<RawValue>, DbError> {
        // Only our own names stand in the statement.
        let mut query = sqlx::query_scalar(AssertSqlSafe(call.statement()));
        for (_, argument) in &call.arguments {
            query = match argument {
                Argument::Int(number) => query.bind(*number),
                Argument::Bigint(number) => query.bind(*number),
                Argument::Bigints(numbers) => query.bind(*numbers),
                Argument::Uuid(id) => query.bind(*id),
                Argument::Uuids(ids) => query.bind(*ids),
                Argument::Flag(flag) => query.bind(*flag),
                Argument::Text(text) => query.bind(*text),
                Argument::Texts(texts) => query.bind(*texts),
                Argument::Json(json) => query.bind(Json(&**json)),
            };
        }
        let answer: Option<Json<Box<RawValue>>> = query.fetch_one(&self.pool).await?;
        Ok(answer.map_or_else(|| RawValue::NULL.to_owned(), |Json(answer)| answer))
    }

    /// Whether the database answers.
    pub(super) async fn ping(&self) -> Result<(), DbError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// A listener on `channels`. It holds a connection of its own and reconnects.
    pub async fn listen(&self, channels: &[&str]) -> Result<PgListener, DbError> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.ignore_pool_close_event(false);
        listener.listen_all(channels.iter().copied()).await?;
        Ok(listener)
    }

    /// Calls whoever listens on `channel`.
    pub async fn notify(&self, channel: &str) -> Result<(), DbError> {
        sqlx::query("select pg_notify($1, '')")
            .bind(channel)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Ends every connection.
    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}
