//! Starts and stops the simulator's server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Redirect};
use axum::routing::{get, post};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinHandle};

use super::line::{CuttableListener, Line};
use super::nodes::{self, Subscription};
use super::{
    Config, Error, Refusal, Simulator, control, deliver, media, page, send, templates, tokens,
};

/// How long a webhook may take before it counts as unanswered.
const WEBHOOK_TIMEOUT: Duration = Duration::from_secs(20);

/// Room in a form beside its file, in bytes.
const FORM_ROOM: usize = 64 * 1024;

/// A running simulator. Dropping it stops it without waiting.
pub struct Handle {
    address: SocketAddr,
    simulator: Arc<Simulator>,
    stop: watch::Sender<bool>,
    server: JoinHandle<std::io::Result<()>>,
    poster: JoinHandle<Result<(), JoinError>>,
}

impl Simulator {
    /// Listens and serves until the handle is shut down or dropped.
    pub async fn start(config: Config) -> Result<Handle, Error> {
        let address = config.address;
        let taken = |source| Error::Listen { address, source };
        let listener = TcpListener::bind(address).await.map_err(taken)?;
        let address = listener.local_addr().map_err(taken)?;
        let (stop, stopping) = watch::channel(false);
        let (outbox, posts) = mpsc::unbounded_channel();
        let simulator = Arc::new(Simulator::new(config, client()?, outbox, stopping));
        let poster = tokio::spawn(deliver::run(Arc::clone(&simulator), posts));
        let service = router(Arc::clone(&simulator)).into_make_service_with_connect_info::<Line>();
        let until = Arc::clone(&simulator);
        let server = tokio::spawn(async move {
            axum::serve(CuttableListener(listener), service)
                .with_graceful_shutdown(async move { until.stopped().await })
                .await
        });
        Ok(Handle {
            address,
            simulator,
            stop,
            server,
            poster,
        })
    }
}

impl Handle {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base for `CHAT_GRAPH_URL`, such as `http://127.0.0.1:55322`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The simulator, to direct it.
    pub fn simulator(&self) -> &Arc<Simulator> {
        &self.simulator
    }

    /// Stops: requests under way are answered or cut, webhooks under way are dropped.
    pub async fn shutdown(self) -> Result<(), Error> {
        self.stop.send_replace(true);
        self.poster.await??;
        self.server.await?.map_err(Error::Serve)
    }
}

/// The client for webhooks: straight to the worker, whatever proxies the environment has.
fn client() -> Result<reqwest::Client, Error> {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(WEBHOOK_TIMEOUT)
        .build()
        .map_err(Error::Client)
}

fn router(simulator: Arc<Simulator>) -> Router {
    let apps = |wish| {
        move |State(simulator): State<Arc<Simulator>>,
              Path(path): Path<(String, String)>,
              uri: Uri,
              headers: HeaderMap| {
            nodes::subscribed_apps(simulator, wish, path, uri, headers)
        }
    };
    Router::new()
        .route("/", get(|| async { Redirect::temporary("/phones") }))
        .route("/phones", get(page::phones))
        .route("/{version}/debug_token", get(tokens::debug_token))
        .route("/{version}/{id}", get(nodes::node))
        .route("/{version}/{id}/messages", post(send::messages))
        .route("/files/{address}", get(media::download))
        .route(
            "/{version}/{id}/media",
            post(media::upload).layer(DefaultBodyLimit::max(media::MAX_BYTES + FORM_ROOM)),
        )
        .route("/{version}/{id}/phone_numbers", get(nodes::phone_numbers))
        .route(
            "/{version}/{id}/message_templates",
            get(templates::message_templates),
        )
        .route(
            "/{version}/{id}/subscribed_apps",
            get(apps(Subscription::List))
                .post(apps(Subscription::Add))
                .delete(apps(Subscription::Remove)),
        )
        .merge(control::routes())
        .fallback(|uri: Uri| async move {
            Refusal::no_such_object("get", uri.path().trim_start_matches('/')).into_response()
        })
        .with_state(simulator)
}
