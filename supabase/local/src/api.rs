//! The one origin that clients know: REST under `/rest/v1`, Auth under `/auth/v1`, Storage
//! under `/storage/v1`, Realtime under `/realtime/v1`, as Supabase's gateway serves them.

use std::net::TcpListener;
use std::path::PathBuf;
use std::sync::Arc;

use axum::Router;
use postrust_server::lenient_uri::LenientListener;
use tokio::task::JoinHandle;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer, ExposeHeaders};

use crate::auth::{self, Auth};
use crate::demo_pages::DemoPages;
use crate::error::{Doing, Result};
use crate::keys::JwtSecret;
use crate::realtime::{Realtime, Settings};
use crate::rest;
use crate::server::Server;
use crate::storage::{self, Storage};

/// A running origin. Dropping it stops it.
pub struct Api {
    port: u16,
    task: JoinHandle<()>,
    realtime: Arc<Realtime>,
}

impl Api {
    /// Serves `database` on `listener`; Storage keeps its files in `files`. The demo's pages are served
    /// where they are wanted.
    pub async fn serve(
        listener: TcpListener,
        server: &Server,
        database: &str,
        secret: &JwtSecret,
        files: PathBuf,
        pages: Option<DemoPages>,
    ) -> Result<Self> {
        listener
            .set_nonblocking(true)
            .doing("serve on", "the API's port")?;
        let listener =
            tokio::net::TcpListener::from_std(listener).doing("serve on", "the API's port")?;
        let port = listener
            .local_addr()
            .doing("serve on", "the API's port")?
            .port();
        let url = crate::ports::url(port);
        let realtime = Realtime::open(server, database, secret.clone(), Settings::default());
        let mut router = router(server, database, secret, &url, files, &realtime).await?;
        if let Some(pages) = pages {
            router = router.merge(pages.router());
        }
        let task = tokio::spawn(async move {
            // Request targets may hold bare `>` and quotes (`data->>id`), which
            // hyper refuses and PostgREST does not.
            if let Err(error) = axum::serve(LenientListener(listener), router).await {
                tracing::error!("the API stopped: {error}");
            }
        });
        Ok(Self {
            port,
            task,
            realtime,
        })
    }

    /// The Realtime double, to tell it what goes wrong.
    pub fn realtime(&self) -> &Realtime {
        &self.realtime
    }

    /// `http://127.0.0.1:<port>`: what `createClient` is given.
    pub fn url(&self) -> String {
        crate::ports::url(self.port)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
        self.realtime.close();
    }
}

/// All routes of the origin; `url` is its own address, which tokens name as
/// their issuer. Storage keeps its files in `files`.
pub async fn router(
    server: &Server,
    database: &str,
    secret: &JwtSecret,
    url: &str,
    files: PathBuf,
    realtime: &Arc<Realtime>,
) -> Result<Router> {
    let auth = auth::router(
        Auth::connect(server, database, secret.clone(), format!("{url}/auth/v1")).await?,
    );
    let storage = storage::router(Storage::open(server, database, secret.clone(), files)?);
    let rest = rest::router(server, database, secret).await?;
    // Headers are mirrored: a literal `*` does not cover Authorization.
    let cors = CorsLayer::new()
        .allow_origin(AllowOrigin::any())
        .allow_methods(METHODS)
        .allow_headers(AllowHeaders::mirror_request())
        .expose_headers(ExposeHeaders::any());
    Ok(Router::new()
        .nest_service("/rest/v1", rest)
        .nest("/auth/v1", auth)
        .nest("/storage/v1", storage)
        .nest("/realtime/v1", realtime.router())
        .layer(cors))
}

const METHODS: [http::Method; 6] = [
    http::Method::GET,
    http::Method::HEAD,
    http::Method::POST,
    http::Method::PUT,
    http::Method::PATCH,
    http::Method::DELETE,
];
