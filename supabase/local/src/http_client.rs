//! The client for parts of a stack on loopback.

use std::time::Duration;

use reqwest::{RequestBuilder, Response};

use crate::error::{Error, Result};

/// A client that heeds no proxy of the environment.
pub(crate) fn client() -> Result<reqwest::Client> {
    // Fails only when a provider is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .no_proxy()
        .timeout(Duration::from_secs(30))
        .build()
        .map_err(|source| Error::Http {
            what: "making an HTTP client".to_owned(),
            source,
        })
}

/// Sends a request; `what` names it in an error.
pub(crate) async fn send(what: &str, request: RequestBuilder) -> Result<Response> {
    request.send().await.map_err(|source| Error::Http {
        what: what.to_owned(),
        source,
    })
}
