//! The database as the worker sees it: one method a function (`functions`, `numbers`). No other file names a function or
//! writes SQL.
//!
//! There are two ways to it, and everything but what stands in their files is the same for both: a [`Connection`], and
//! where only HTTPS is open, PostgREST (cargo feature `edge`).

use crate::config::{self, Config};
use call::Call;
use serde::{
    Deserialize,
    de::{DeserializeOwned, IgnoredAny},
};

mod answers;
mod call;
mod connection;
#[cfg(feature = "edge")]
mod edge;
mod failure;
mod functions;
mod numbers;
pub use answers::*;
pub use connection::Connection;
#[cfg(feature = "edge")]
pub use edge::{EdgeError, passes_by_policies};
pub use failure::{DbError, Failure};
pub use functions::FUNCTIONS;
pub use numbers::*;

/// Where writers say that an idle lane got work. The payload is empty.
pub const JOBS_CHANNEL: &str = "chat_jobs";

/// Where they say that apps, accounts or numbers changed. The payload is empty.
pub const ACCOUNTS_CHANNEL: &str = "chat_accounts";

/// The functions of the database, called as role `chat_worker`.
#[derive(Clone, Debug)]
pub struct Db {
    way: Way,
}

#[derive(Clone, Debug)]
enum Way {
    Connection(Connection),
    #[cfg(feature = "edge")]
    Edge(std::sync::Arc<edge::Edge>),
}

impl Db {
    /// Takes the configured way without asking for anything yet: a worker starts while its database is away.
    pub fn new(config: &Config) -> Result<Self, DbError> {
        let way = if config.edge.url.is_empty() {
            Way::Connection(Connection::new(&config.database)?)
        } else {
            Self::over_https(&config.edge)?
        };
        Ok(Self { way })
    }

    #[cfg(feature = "edge")]
    fn over_https(config: &config::Edge) -> Result<Way, DbError> {
        Ok(Way::Edge(std::sync::Arc::new(edge::Edge::new(config)?)))
    }

    #[cfg(not(feature = "edge"))]
    fn over_https(_: &config::Edge) -> Result<Way, DbError> {
        Err(DbError::WithoutEdge)
    }

    /// The connections, over which the database can call us; over HTTPS it cannot.
    pub fn connection(&self) -> Option<&Connection> {
        match &self.way {
            Way::Connection(connection) => Some(connection),
            #[cfg(feature = "edge")]
            Way::Edge(_) => None,
        }
    }

    /// One call, one transaction: it has committed when this returns.
    async fn ask<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, DbError> {
        let answer = match &self.way {
            Way::Connection(connection) => connection.call(&call).await?,
            #[cfg(feature = "edge")]
            Way::Edge(edge) => edge.call(&call).await?,
        };
        serde_json::from_str(answer.get()).map_err(DbError::Answer)
    }

    /// The same where the answer is `{state}`.
    async fn ask_state(&self, call: Call<'_>) -> Result<String, DbError> {
        #[derive(Deserialize)]
        struct State {
            state: String,
        }
        self.ask::<State>(call).await.map(|answer| answer.state)
    }

    /// The same where there is nothing to answer.
    async fn tell(&self, call: Call<'_>) -> Result<(), DbError> {
        self.ask::<IgnoredAny>(call).await.map(drop)
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        match &self.way {
            Way::Connection(connection) => connection.ping().await,
            #[cfg(feature = "edge")]
            Way::Edge(_) => self.next_job().await.map(drop),
        }
    }

    /// Ends every connection.
    pub async fn close(&self) {
        if let Some(connection) = self.connection() {
            connection.close().await;
        }
    }
}
