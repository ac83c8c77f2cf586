//! Meta's Graph API, as far as the worker calls it.
//!
//! Everything turns on one question: may the call have had its effect? [`CallError`] answers it, because a
//! message that may have been sent is never sent again blindly. Nothing here retries.

use crate::{config, secret::Secret};
use reqwest::{Method, RequestBuilder, Response, Url, header, redirect, retry};
use serde::Serialize;
use serde_json::{Value, json};
use std::time::Duration;

mod answer;
pub use answer::{Accepted, Answer, CallError, Refusal};

/// Fields asked of a number; what `chat_confirm_number` keeps.
const NUMBER_FIELDS: &str = "id,display_phone_number,verified_name,quality_rating,name_status,\
                             code_verification_status,throughput,platform_type";

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

/// A text to send.
#[derive(Clone, Copy, Debug)]
pub struct Text<'a> {
    /// Phone digits. Meta prefers it when a BSUID is there too.
    pub to: Option<&'a str>,
    /// BSUID.
    pub recipient: Option<&'a str>,
    /// At most 4,096 characters.
    pub body: &'a str,
    /// The wamid quoted.
    pub reply_to: Option<&'a str>,
    /// Comes back on every status.
    pub callback: &'a str,
}

#[derive(Serialize)]
struct SendBody<'a> {
    messaging_product: &'static str,
    recipient_type: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<Value>,
    r#type: &'static str,
    text: Value,
    biz_opaque_callback_data: &'a str,
}

/// A client of the Graph API.
#[derive(Clone, Debug)]
pub struct Graph {
    http: reqwest::Client,
    base: Url,
    version: String,
    timeout: Duration,
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
        let http = reqwest::Client::builder()
            .user_agent(concat!("pg_chat/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_millis(config.connect_ms))
            .timeout(Duration::from_millis(config.timeout_ms))
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .build()?;
        let timeout = Duration::from_millis(config.timeout_ms);
        Ok(Self {
            http,
            base,
            version: config.version.clone(),
            timeout,
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

    /// Sends a text from a number. `Ok` means accepted, not delivered.
    pub async fn send_text(
        &self,
        caller: Caller<'_>,
        number: &str,
        text: &Text<'_>,
    ) -> Result<Accepted, CallError> {
        let body = SendBody {
            messaging_product: "whatsapp",
            recipient_type: "individual",
            to: text.to,
            recipient: text.recipient,
            context: text.reply_to.map(|wamid| json!({ "message_id": wamid })),
            r#type: "text",
            text: json!({ "preview_url": false, "body": text.body }),
            biz_opaque_callback_data: text.callback,
        };
        let request = self
            .request(Method::POST, caller, &[number, "messages"])
            .json(&body);
        answer::accepted(call(request).await?)
    }

    /// Marks a received message, and so all earlier ones, as read.
    pub async fn mark_read(
        &self,
        caller: Caller<'_>,
        number: &str,
        wamid: &str,
    ) -> Result<Answer, CallError> {
        let body =
            json!({ "messaging_product": "whatsapp", "status": "read", "message_id": wamid });
        call(
            self.request(Method::POST, caller, &[number, "messages"])
                .json(&body),
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

    /// The apps that get an account's webhooks.
    pub async fn subscribed_apps(
        &self,
        caller: Caller<'_>,
        account: &str,
    ) -> Result<Answer, CallError> {
        call(self.request(Method::GET, caller, &[account, "subscribed_apps"])).await
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
