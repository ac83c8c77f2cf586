//! Meta's Graph API, as far as the worker calls it.
//!
//! Everything turns on one question: may the call have had its effect? [`CallError`] answers it, because a
//! message that may have been sent is never sent again blindly. Nothing here retries.

use crate::{config, secret::Secret};
use reqwest::{Method, RequestBuilder, Response, Url, header, redirect, retry};
use serde_json::Value;
use std::time::Duration;

mod answer;
mod media;
pub use answer::{Accepted, Answer, CallError, Refusal};
pub use media::{DownloadError, Media};

/// Fields asked of a number; what `chat_confirm_number` keeps.
const NUMBER_FIELDS: &str = "id,display_phone_number,verified_name,quality_rating,name_status,\
                             code_verification_status,throughput,platform_type,is_on_biz_app,\
                             webhook_configuration,whatsapp_business_manager_messaging_limit";

/// Fields asked of a template; what `chat_rules::whatsapp::template::of_graph` reads.
const TEMPLATE_FIELDS: &str = "id,name,language,status,category,components,parameter_format,\
                               quality_score,rejected_reason";

/// So that a page of the longest templates stays well below [`ANSWER_BYTES`].
const TEMPLATES_A_PAGE: &str = "50";

/// Largest answer read, in bytes; a proxy's error page is cut off there.
const ANSWER_BYTES: usize = 1024 * 1024;

/// Why no client could be made.
#[derive(Debug, thiserror::Error)]
pub enum GraphError {
    /// `graph.url` is not one.
    #[error("graph.url (CHAT_GRAPH_URL) is not an http or https address")]
    Address,
    /// TLS or the client could not be set up.
    #[error("the HTTPS client could not be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// Whose number is spoken for, and with which token. Borrowed for one call.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// `v26.0`; the configured version when the account names none.
    pub version: Option<&'a str>,
    /// The account's token.
    pub token: &'a Secret,
    /// How long the call may take in all; it must end before the lease does.
    pub within: Duration,
}

/// A client of the Graph API.
#[derive(Clone, Debug)]
pub struct Graph {
    http: reqwest::Client,
    /// For files, which may take long while they keep coming.
    files: reqwest::Client,
    base: Url,
    version: String,
    timeout: Duration,
    download: Duration,
    media_hosts: Vec<String>,
}

impl Graph {
    /// Makes the client. Redirects are not followed (they would carry the token elsewhere) and the client's own
    /// repetitions are off.
    pub fn new(config: &config::Graph) -> Result<Self, GraphError> {
        // A second call in one process (tests) finds the provider installed; that is no error.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let base = Url::parse(&config.url).map_err(|_| GraphError::Address)?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(GraphError::Address);
        }
        let timeout = Duration::from_millis(config.timeout_ms);
        let client = || {
            reqwest::Client::builder()
                .user_agent(concat!("pg_chat/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(Duration::from_millis(config.connect_ms))
                .redirect(redirect::Policy::none())
                .retry(retry::never())
        };
        Ok(Self {
            http: client().timeout(timeout).build()?,
            files: client().read_timeout(timeout).build()?,
            base,
            version: config.version.clone(),
            timeout,
            download: Duration::from_millis(config.download_ms),
            media_hosts: config.media_hosts.clone(),
        })
    }

    /// The longest that one call takes.
    pub fn timeout(&self) -> Duration {
        self.timeout
    }

    /// Whether tokens would cross a network unencrypted.
    pub fn is_exposed(&self) -> bool {
        let loopback = matches!(
            self.base.host_str(),
            Some("localhost" | "127.0.0.1" | "[::1]")
        );
        self.base.scheme() == "http" && !loopback
    }

    /// Sends a message from a number, a body of `chat_rules::whatsapp::outgoing`. `Ok` means accepted, not delivered.
    pub async fn send(
        &self,
        caller: Caller<'_>,
        number: &str,
        body: &Value,
    ) -> Result<Accepted, CallError> {
        answer::accepted(self.signal(caller, number, body).await?)
    }

    /// The same for what is no message and gets no id: a read mark, that somebody types.
    pub async fn signal(
        &self,
        caller: Caller<'_>,
        number: &str,
        body: &Value,
    ) -> Result<Answer, CallError> {
        call(
            self.request(Method::POST, caller, &[number, "messages"])
                .json(body),
        )
        .await
    }

    /// What Meta says of a number to the holder of the token.
    pub async fn number(&self, caller: Caller<'_>, number: &str) -> Result<Answer, CallError> {
        call(
            self.request(Method::GET, caller, &[number])
                .query(&[("fields", NUMBER_FIELDS)]),
        )
        .await
    }

    /// One page of an account's templates, from the beginning or after a cursor.
    pub async fn templates(
        &self,
        caller: Caller<'_>,
        account: &str,
        after: Option<&str>,
    ) -> Result<Answer, CallError> {
        let mut query = vec![("fields", TEMPLATE_FIELDS), ("limit", TEMPLATES_A_PAGE)];
        query.extend(after.map(|after| ("after", after)));
        call(
            self.request(Method::GET, caller, &[account, "message_templates"])
                .query(&query),
        )
        .await
    }

    /// The apps that get an account's webhooks.
    pub async fn subscribed_apps(
        &self,
        caller: Caller<'_>,
        account: &str,
    ) -> Result<Answer, CallError> {
        call(self.request(Method::GET, caller, &[account, "subscribed_apps"])).await
    }

    /// What Meta says of a token to its own holder: whether it is valid, until when, and what it may do.
    pub async fn debug_token(&self, caller: Caller<'_>) -> Result<Answer, CallError> {
        call(
            self.request(Method::GET, caller, &["debug_token"])
                .query(&[("input_token", caller.token.expose())]),
        )
        .await
    }

    fn request(&self, method: Method, caller: Caller<'_>, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            // Each id is one segment, whatever characters it has.
            segments
                .pop_if_empty()
                .push(caller.version.unwrap_or(&self.version))
                .extend(path);
        }
        self.http
            .request(method, url)
            .bearer_auth(caller.token.expose())
            .timeout(caller.within.min(self.timeout))
    }
}

/// Makes the call and sorts what came of it.
async fn call(request: RequestBuilder) -> Result<Answer, CallError> {
    let response = request
        .send()
        .await
        .map_err(|error| answer::of_transport(&error))?;
    let http = response.status().as_u16();
    let date = response
        .headers()
        .get(header::DATE)
        .and_then(|date| date.to_str().ok())
        .map(str::to_owned);
    let body = read(response).await;
    answer::sort(http, date, body)
}

/// Reads the body up to [`ANSWER_BYTES`].
async fn read(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = ANSWER_BYTES - body.len();
        body.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() >= room {
            break;
        }
    }
    Ok(body)
}
