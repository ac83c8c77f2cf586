//! Supabase Storage, as far as the worker calls it: with the project's service key, in bucket chat-media only.

use crate::{
    config,
    jobs::spool::{SpoolError, Spooled},
    secret::Secret,
};
use reqwest::{Method, RequestBuilder, Response, Url, header, redirect, retry};
use serde_json::{Value, json};
use std::time::Duration;

/// The bucket of chats' files.
const BUCKET: &str = "chat-media";

/// Largest answer read that is no file, in bytes.
const ANSWER_BYTES: usize = 64 * 1024;

/// Why there is no client, or none that could work.
#[derive(Debug, thiserror::Error)]
pub enum NoStorage {
    /// `storage.url` is not one.
    #[error("storage.url (SUPABASE_URL) is not an http or https address")]
    Address,
    /// TLS or the client could not be set up.
    #[error("the HTTPS client could not be made: {0}")]
    Client(#[from] reqwest::Error),
}

/// A call without success.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// There is no such file, or no such bucket.
    #[error("Storage does not have it: {0}")]
    Missing(String),
    /// The project allows less.
    #[error("Storage refuses files of this size: {0}")]
    TooLarge(String),
    /// Anything else that it said.
    #[error("Storage answered {status}: {message}")]
    Refused {
        /// The status that it means; it may answer 400 for nearly all.
        status: u16,
        /// Its words.
        message: String,
    },
    /// No answer, or none to its end.
    #[error("Storage was not reached: {0}")]
    Away(String),
    /// This machine's disk.
    #[error("the file could not be read or set down: {0}")]
    Disk(#[from] std::io::Error),
}

impl From<SpoolError<reqwest::Error>> for StorageError {
    fn from(error: SpoolError<reqwest::Error>) -> Self {
        match error {
            SpoolError::TooLarge(most) => Self::TooLarge(format!("more than {most} bytes")),
            SpoolError::Disk(error) => Self::Disk(error),
            SpoolError::Source(error) => Self::Away(error.without_url().to_string()),
        }
    }
}

/// A client of one project's Storage.
#[derive(Clone, Debug)]
pub struct Storage {
    http: reqwest::Client,
    base: Url,
    key: Secret,
    timeout: Duration,
    transfer: Duration,
}

impl Storage {
    /// The configured one; none when nothing is configured.
    pub fn new(config: &config::Storage) -> Result<Option<Self>, NoStorage> {
        if config.url.is_empty() || config.service_key.is_empty() {
            return Ok(None);
        }
        let _already = rustls::crypto::ring::default_provider().install_default();
        let base = Url::parse(&config.url).map_err(|_| NoStorage::Address)?;
        if !matches!(base.scheme(), "http" | "https") || base.cannot_be_a_base() {
            return Err(NoStorage::Address);
        }
        let timeout = Duration::from_millis(config.timeout_ms);
        let http = reqwest::Client::builder()
            .user_agent(concat!("pg_chat/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(timeout)
            .read_timeout(timeout)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .build()?;
        Ok(Some(Self {
            http,
            base,
            key: config.service_key.clone(),
            timeout,
            transfer: Duration::from_millis(config.transfer_ms),
        }))
    }

    /// Whether the bucket is there and ours to use.
    pub async fn bucket(&self) -> Result<Value, StorageError> {
        let request = self.request(Method::GET, &["bucket", BUCKET]);
        answer(request.timeout(self.timeout).send().await).await
    }

    /// Puts a file at a path, in place of one that is there.
    pub async fn upload(&self, path: &str, mime: &str, file: &Spooled) -> Result<(), StorageError> {
        let request = self
            .object(Method::POST, path)
            .header("x-upsert", "true")
            .header(header::CONTENT_TYPE, mime)
            .header(header::CONTENT_LENGTH, file.size)
            .timeout(self.transfer)
            .body(file.body().await?);
        answer(request.send().await).await.map(|_| ())
    }

    /// Brings a file of at most `most` bytes.
    pub async fn download(&self, path: &str, most: u64) -> Result<Spooled, StorageError> {
        let request = self.object(Method::GET, path).timeout(self.transfer);
        let response = request.send().await.map_err(|error| away(&error))?;
        if response.status().is_success() {
            return Ok(Spooled::of(response.bytes_stream(), most).await?);
        }
        Err(refused(response).await)
    }

    /// Deletes files; those that are not there are as good as deleted.
    pub async fn delete(&self, paths: &[String]) -> Result<(), StorageError> {
        let request = self
            .request(Method::DELETE, &["object", BUCKET])
            .timeout(self.timeout)
            .json(&json!({ "prefixes": paths }));
        answer(request.send().await).await.map(|_| ())
    }

    fn object(&self, method: Method, path: &str) -> RequestBuilder {
        let parts: Vec<&str> = ["object", BUCKET]
            .into_iter()
            .chain(path.split('/'))
            .collect();
        self.request(method, &parts)
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(["storage", "v1"])
                .extend(path);
        }
        self.http
            .request(method, url)
            .header("apikey", self.key.expose())
            .bearer_auth(self.key.expose())
    }
}

fn away(error: &reqwest::Error) -> StorageError {
    let what = if error.is_timeout() {
        "it took too long"
    } else if error.is_connect() {
        "no connection"
    } else {
        "the connection broke"
    };
    StorageError::Away(what.to_owned())
}

async fn answer(sent: Result<Response, reqwest::Error>) -> Result<Value, StorageError> {
    let response = sent.map_err(|error| away(&error))?;
    if !response.status().is_success() {
        return Err(refused(response).await);
    }
    response.json().await.map_err(|error| away(&error))
}

/// What a refusal means: the status stands in the body, where there is one.
async fn refused(mut response: Response) -> StorageError {
    let http = response.status().as_u16();
    let mut body = Vec::new();
    while let Ok(Some(chunk)) = response.chunk().await {
        body.extend_from_slice(&chunk);
        if body.len() > ANSWER_BYTES {
            break;
        }
    }
    let body: Value = serde_json::from_slice(&body).unwrap_or_default();
    let status = match &body["statusCode"] {
        Value::String(status) => status.parse().unwrap_or(http),
        status => status
            .as_u64()
            .and_then(|status| u16::try_from(status).ok())
            .unwrap_or(http),
    };
    let message = body["message"]
        .as_str()
        .map_or_else(|| format!("HTTP {http}"), str::to_owned);
    match status {
        404 => StorageError::Missing(message),
        413 => StorageError::TooLarge(message),
        _ => StorageError::Refused { status, message },
    }
}
