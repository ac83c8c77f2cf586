//! The one origin that clients know: REST under `/rest/v1`, Auth under
//! `/auth/v1`, as Supabase's gateway serves them.

use std::net::TcpListener;

use axum::Router;
use postrust_server::lenient_uri::LenientListener;
use tokio::task::JoinHandle;
use tower_http::cors::{AllowHeaders, AllowOrigin, CorsLayer, ExposeHeaders};

use crate::auth::{self, Auth};
use crate::error::{Doing, Result};
use crate::keys::JwtSecret;
use crate::rest;
use crate::server::Server;

/// A running origin. Dropping it stops it.
pub struct Api {
    port: u16,
    task: JoinHandle<()>,
}

impl Api {
    /// Serves `database` on `listener`.
    pub async fn serve(
        listener: TcpListener,
        server: &Server,
        database: &str,
        secret: &JwtSecret,
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
        let router = router(server, database, secret, &crate::ports::url(port)).await?;
        let task = tokio::spawn(async move {
            // Request targets may hold bare `>` and quotes (`data->>id`), which
            // hyper refuses and PostgREST does not.
            if let Err(error) = axum::serve(LenientListener(listener), router).await {
                tracing::error!("the API stopped: {error}");
            }
        });
        Ok(Self { port, task })
    }

    /// `http://127.0.0.1:<port>`: what `createClient` is given.
    pub fn url(&self) -> String {
        crate::ports::url(self.port)
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// All routes of the origin; `url` is its own address, which tokens name as
/// their issuer.
pub async fn router(
    server: &Server,
    database: &str,
    secret: &JwtSecret,
    url: &str,
) -> Result<Router> {
    let auth = auth::router(
        Auth::connect(server, database, secret.clone(), format!("{url}/auth/v1")).await?,
    );
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
