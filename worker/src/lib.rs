//! The worker of pg_chat: takes Meta's webhooks, and makes the calls that a database cannot make.
//!
//! It decides nothing and remembers nothing. What to do with a message is decided in the database or by the pure
//! rules of `chat_rules`; what has to be done stands in the queue table. So it may be killed at any instant, and any
//! number of workers may run.
//!
//! [`Worker::start`] gives a running worker, in the binary and in tests alike.

pub mod accounts;
pub mod apis;
mod backoff;
pub mod check;
pub mod config;
pub mod db;
pub mod http;
pub mod jobs;
pub mod log;
pub mod metrics;
pub mod queue;
pub mod rotate;
pub mod sealed;
pub mod secret;
pub mod shutdown;
pub mod webhooks;

use accounts::Accounts;
use apis::{
    graph::{Graph, GraphError},
    storage::{NoStorage, Storage},
};
use config::Config;
use db::{Db, DbError};
use http::Health;
use jobs::Context;
use metrics::Metrics;
use queue::{
    Queue,
    pace::Pace,
    tick,
    wake::{self, Wake},
};
use sealed::SealError;
use shutdown::{Stop, Stopper};
use std::{future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, task::JoinSet, time::timeout};
use tracing::{error, info, warn};
use webhooks::{heard::Heard, receive::Webhook};

/// Given to the tasks beyond [`config::Worker::stop_ms`], to give back leases and to close connections.
const LAST_STEPS: Duration = Duration::from_secs(5);

/// Why a worker did not start. Each is one sentence that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The address is taken or no address.
    #[error(
        "cannot listen on {address}: {source}; free the port or set worker.address (CHAT_WORKER_ADDRESS)"
    )]
    Listen {
        /// As configured.
        address: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The connection string.
    #[error(transparent)]
    Database(#[from] DbError),
    /// A key of the configuration.
    #[error(transparent)]
    Key(#[from] SealError),
    /// The Graph client.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The Storage client.
    #[error(transparent)]
    Storage(#[from] NoStorage),
}

/// A running worker.
#[derive(Debug)]
pub struct Worker {
    address: SocketAddr,
    stopper: Stopper,
    tasks: JoinSet<()>,
    db: Db,
    stop_after: Duration,
}

impl Worker {
    /// Starts everything. The database may be away: the worker tries on and says so at `/readyz`.
    pub async fn start(config: Config) -> Result<Self, StartError> {
        let address = &config.worker.address;
        let listen = |source| StartError::Listen {
            address: address.clone(),
            source,
        };
        let listener = TcpListener::bind(address).await.map_err(listen)?;
        let address = listener.local_addr().map_err(listen)?;

        let db = Db::new(&config)?;
        let graph = Graph::new(&config.graph)?;
        let storage = Storage::new(&config.storage)?;
        if storage.is_none() {
            warn!("no Storage is configured: files wait; `worker check` says what is missing");
        }
        let metrics = Arc::new(Metrics::default());
        let wake = Arc::new(Wake::new(Arc::clone(&metrics)));
        let keys = config.keys()?;
        if config.apps().is_empty() && keys.own().is_none() {
            warn!(
                "no app and no key for saved ones is configured: every webhook is refused; `worker check` says what is missing"
            );
        }
        let accounts = Arc::new(Accounts::new(
            config.apps(),
            &config.graph.version,
            keys,
            &config.webhooks.public_url,
        ));
        let heard = Arc::new(Heard::default());

        let (stopper, stop) = shutdown::stop();
        let mut tasks = JoinSet::new();
        let health = Health {
            db: db.clone(),
            accounts: Arc::clone(&accounts),
            metrics: Arc::clone(&metrics),
        };
        let webhook = Webhook::new(
            &config.webhooks,
            Arc::clone(&accounts),
            db.clone(),
            Arc::clone(&heard),
            Arc::clone(&wake),
            Arc::clone(&metrics),
        );
        tasks.spawn(serve(listener, http::router(health, webhook), stop.clone()));
        tasks.spawn(Arc::clone(&accounts).register(db.clone(), Arc::clone(&wake), stop.clone()));
        tasks.spawn(Arc::clone(&accounts).follow(db.clone(), Arc::clone(&wake), stop.clone()));
        let (told, until) = (db.clone(), stop.clone());
        tasks.spawn(async move { heard.tell(&told, until).await });
        let poll = Duration::from_millis(config.queue.poll_ms);
        let pace = if let Some(connection) = db.connection() {
            tasks.spawn(wake::listen(
                connection.clone(),
                Arc::clone(&wake),
                Arc::clone(&accounts),
                stop.clone(),
            ));
            Pace::steady(poll)
        } else {
            Pace::adaptive(Duration::from_millis(config.edge.poll_ms), poll)
        };
        if config.queue.tick_ms > 0 {
            let every = Duration::from_millis(config.queue.tick_ms);
            let (wake, metrics) = (Arc::clone(&wake), Arc::clone(&metrics));
            tasks.spawn(tick::run(
                db.clone(),
                config.queue.tick_batch,
                every,
                wake,
                metrics,
                stop.clone(),
            ));
        }
        let stop_after = config.worker.stop_after();
        let context = Context {
            db: db.clone(),
            graph,
            storage,
            accounts: Arc::clone(&accounts),
            held: Arc::default(),
            metrics,
        };
        let queue = Queue::new(context, wake, &config.queue, pace, stop_after);
        tasks.spawn(async move {
            tokio::select! {
                () = accounts.told() => queue.run(stop).await,
                () = stop.requested() => {}
            }
        });

        info!(%address, version = env!("CARGO_PKG_VERSION"), "the worker has started");
        Ok(Self {
            address,
            stopper,
            tasks,
            db,
            stop_after,
        })
    }

    /// Where it listens; tells the port when 0 was configured.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Stops accepting, lets running jobs and requests end within `worker.stop_ms`, gives back the rest.
    pub async fn stop(self) {
        self.stopper.request();
        let mut tasks = self.tasks;
        let all_ended = async {
            while let Some(ended) = tasks.join_next().await {
                if let Err(failed) = ended {
                    error!(%failed, "a part of the worker failed");
                }
            }
        };
        if timeout(self.stop_after + LAST_STEPS, all_ended)
            .await
            .is_err()
        {
            warn!("some requests or jobs did not end in time and were cut off");
            tasks.shutdown().await;
        }
        if timeout(LAST_STEPS, self.db.close()).await.is_err() {
            warn!("the database connections did not close in time");
        }
        info!("the worker has stopped");
    }

    /// Works until `until` is over, then stops. Returns early when a part of it dies, which is a bug.
    pub async fn run_until(mut self, until: impl Future<Output = ()>) {
        let until = std::pin::pin!(until);
        tokio::select! {
            () = until => {}
            () = first_failure(&mut self.tasks) => {}
        }
        self.stop().await;
    }
}

/// Returns when a task has panicked. Registration ends by itself and is no failure.
async fn first_failure(tasks: &mut JoinSet<()>) {
    while let Some(ended) = tasks.join_next().await {
        if let Err(failed) = ended {
            error!(%failed, "a part of the worker failed; stopping");
            return;
        }
    }
}

async fn serve(listener: TcpListener, router: axum::Router, stop: Stop) {
    let served =
        axum::serve(listener, router).with_graceful_shutdown(async move { stop.requested().await });
    if let Err(failed) = served.await {
        error!(%failed, "the HTTP server ended");
    }
}
