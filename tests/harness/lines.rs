//! The connections that requests come through.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures_util::TryStreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use local_stack::server::Server;
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgPool, PgPoolOptions, PgQueryResult, PgRow, PgTransaction};
use sqlx::{Connection as _, Either, Execute, Executor, PgConnection, Postgres, SqlStr};

/// Connections to one database that are handed on from one request to the next, whoever makes it: as in PostgREST, so
/// what a request leaves behind in a connection meets somebody else's here, too. A new one costs the server more than
/// most requests do: there are only as many as requests at once.
///
/// Not sqlx's pool: it looks at each connection before it counts as idle again, and meanwhile opens another.
#[derive(Debug, Clone)]
pub(crate) struct Lines {
    server: Server,
    database: String,
    /// By the role that logged in.
    idle: Arc<Mutex<HashMap<&'static str, Vec<PgConnection>>>>,
}

impl Lines {
    pub fn of(server: &Server, database: &str) -> Self {
        Self {
            server: server.clone(),
            database: database.to_owned(),
            idle: Arc::default(),
        }
    }

    /// A connection of that login that nobody uses, or a new one.
    pub async fn take(&self, login: &'static str) -> Result<PgConnection, sqlx::Error> {
        while let Some(mut idle) = self.idle_one(login) {
            // The server may have been crashed meanwhile.
            if idle.ping().await.is_ok() {
                return Ok(idle);
            }
        }
        self.open(login).await
    }

    /// One that is handed on to nobody.
    pub async fn open(&self, login: &str) -> Result<PgConnection, sqlx::Error> {
        PgConnection::connect_with(&self.server.options(login, &self.database)).await
    }

    fn idle_one(&self, login: &'static str) -> Option<PgConnection> {
        self.all().get_mut(login)?.pop()
    }

    /// Takes it back for the next request, unless it broke.
    pub fn hand_on<T>(
        &self,
        login: &'static str,
        connection: PgConnection,
        answer: &Result<T, sqlx::Error>,
    ) {
        if matches!(answer, Ok(_) | Err(sqlx::Error::Database(_))) {
            self.all().entry(login).or_default().push(connection);
        }
    }

    /// Closes those that nobody uses.
    pub fn close(&self) {
        self.all().clear();
    }

    fn all(&self) -> MutexGuard<'_, HashMap<&'static str, Vec<PgConnection>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The way in of one login, to be used as a pool is.
#[derive(Debug, Clone)]
pub struct Door {
    login: &'static str,
    lines: Lines,
    /// For transactions: one that is dropped must be rolled back then, not when its connection is next used.
    pool: PgPool,
}

impl Door {
    pub(crate) fn of(lines: &Lines, login: &'static str) -> Self {
        let options = lines.server.options(login, &lines.database);
        Self {
            login,
            lines: lines.clone(),
            pool: PgPoolOptions::new()
                .max_connections(40)
                .connect_lazy_with(options),
        }
    }

    /// A transaction of several statements.
    pub async fn begin(&self) -> Result<PgTransaction<'static>, sqlx::Error> {
        self.pool.begin().await
    }

    /// A connection for several statements.
    pub async fn acquire(&self) -> Result<PoolConnection<Postgres>, sqlx::Error> {
        self.pool.acquire().await
    }

    /// What wants sqlx's own pool.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    pub(crate) async fn close(&self) {
        self.pool.close().await;
    }
}

/// Each statement on whichever connection is idle.
impl<'p> Executor<'p> for &'p Door {
    type Database = Postgres;

    fn fetch_many<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxStream<'e, Result<Either<PgQueryResult, PgRow>, sqlx::Error>>
    where
        E: 'q + Execute<'q, Postgres>,
    {
        let Door { login, lines, .. } = self.clone();
        let answers = async move {
            let mut line = lines.take(login).await?;
            let answers = line.fetch_many(query).try_collect::<Vec<_>>().await;
            lines.hand_on(login, line, &answers);
            Ok::<_, sqlx::Error>(stream::iter(answers?).map(Ok))
        };
        Box::pin(stream::once(answers).try_flatten())
    }

    fn fetch_optional<'e, 'q: 'e, E>(
        self,
        query: E,
    ) -> BoxFuture<'e, Result<Option<PgRow>, sqlx::Error>>
    where
        E: 'q + Execute<'q, Postgres>,
    {
        let Door { login, lines, .. } = self.clone();
        Box::pin(async move {
            let mut line = lines.take(login).await?;
            let answer = line.fetch_optional(query).await;
            lines.hand_on(login, line, &answer);
            answer
        })
    }

    fn prepare_with<'e>(
        self,
        sql: SqlStr,
        parameters: &'e [<Postgres as sqlx::Database>::TypeInfo],
    ) -> BoxFuture<'e, Result<<Postgres as sqlx::Database>::Statement, sqlx::Error>>
    where
        'p: 'e,
    {
        self.pool.prepare_with(sql, parameters)
    }

    fn describe<'e>(
        self,
        sql: SqlStr,
    ) -> BoxFuture<'e, Result<sqlx::Describe<Postgres>, sqlx::Error>>
    where
        'p: 'e,
    {
        self.pool.describe(sql)
    }
}
