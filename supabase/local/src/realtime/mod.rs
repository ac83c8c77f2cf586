//! The Realtime double: channels, broadcasts and presence under `/realtime/v1`, as
//! `@supabase/realtime-js` asks for them. Who may join is asked of PostgreSQL by probe rows in
//! the role and with the claims of the joiner; what the database broadcasts comes from a
//! replication slot on `realtime.messages`. Every fault that a client must bear can be
//! switched on.
//!
//! It leaves out: `postgres_changes` (a join names them and hears nothing), asymmetric keys,
//! several projects, several servers.

mod channel;
mod feed;
mod frame;
mod http;
mod hub;
mod join;
mod pgoutput;
mod presence;
mod rate;
mod replay;
mod rights;
mod settings;
mod socket;
mod speak;
mod token;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::task::JoinHandle;

use crate::error::Result;
use crate::keys::JwtSecret;
use crate::server::{SUPERUSER, Server};
use hub::{Hub, ToChannel, ToSocket};
pub use settings::{Command, Faults, Settings};

/// What stands before each topic on the wire.
const PREFIX: &str = "realtime:";

/// Bytes of the largest frame and of the largest body.
const MAX_FRAME: usize = 5_000_000;

/// How long a probe waits for the one connection.
const POOL_TIMEOUT: Duration = Duration::from_secs(5);

/// What a channel is told that is shut down for it.
const TOO_MANY_MESSAGES: &str = "Too many messages per second";

/// A running double.
pub struct Realtime {
    hub: Arc<Hub>,
    /// One connection, as on a project that has set nothing.
    pool: PgPool,
    secret: JwtSecret,
    server: Server,
    database: String,
    feed: Mutex<Option<JoinHandle<()>>>,
}

impl Realtime {
    /// Serves the topics of `database`. It connects when somebody joins.
    pub fn open(
        server: &Server,
        database: &str,
        secret: JwtSecret,
        settings: Settings,
    ) -> Arc<Self> {
        let pool = PgPoolOptions::new()
            .max_connections(1)
            .acquire_timeout(POOL_TIMEOUT)
            .connect_lazy_with(server.options(SUPERUSER, database));
        let hub = Arc::new(Hub::new(settings));
        let feed = feed::run(Arc::clone(&hub), server.clone(), database.to_owned());
        Arc::new(Self {
            hub,
            pool,
            secret,
            server: server.clone(),
            database: database.to_owned(),
            feed: Mutex::new(Some(tokio::spawn(feed))),
        })
    }

    /// Routes that stand under `/realtime/v1`.
    pub fn router(self: &Arc<Self>) -> Router {
        http::router(Arc::clone(self))
    }

    /// Does as it is told.
    pub async fn tell(&self, command: Command) -> Result<()> {
        let channels = |topic, what| self.hub.tell_all(&ToSocket::Channels { topic, what });
        match command {
            Command::Set { settings, faults } => {
                let before = self.hub.faults().missing_partition;
                let missing = faults.missing_partition;
                self.hub.set(settings, faults);
                if missing != before {
                    self.partitions(missing).await?;
                }
            }
            Command::DropSockets { code } => self.hub.tell_all(&ToSocket::End { code }),
            Command::CloseChannels { topic } => channels(
                topic,
                ToChannel::ShutDown("Server requested disconnect".to_owned()),
            ),
            Command::CrashChannels { topic } => channels(topic, ToChannel::Crash),
            Command::ExpireTokens { topic } => channels(topic, ToChannel::ExpireToken),
            Command::StopReplication => self.hub.stops.send_modify(|count| *count += 1),
        }
        Ok(())
    }

    /// Ends every socket and the stream from the database.
    pub fn close(&self) {
        self.hub.tell_all(&ToSocket::End { code: None });
        let mut feed = self.feed.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(feed) = feed.take() {
            feed.abort();
        }
    }

    /// Takes all partitions away, or makes them again.
    async fn partitions(&self, missing: bool) -> Result<()> {
        let mut connection = self.server.connect(SUPERUSER, &self.database).await?;
        let statement = if missing {
            sqlx::query_scalar(
                "select coalesce(string_agg(format('drop table %s', i.inhrelid::regclass), ';'), '')
                from pg_inherits i
                where i.inhparent = 'realtime.messages'::regclass",
            )
            .fetch_one(&mut connection)
            .await?
        } else {
            "select realtime.keep_partitions()".to_owned()
        };
        connection.execute(AssertSqlSafe(statement)).await?;
        connection.close().await?;
        Ok(())
    }
}

/// Seconds since 1970.
fn unix_now() -> i64 {
    jiff::Timestamp::now().as_second()
}
