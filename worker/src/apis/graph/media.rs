//! Files at Meta: looked up by id, downloaded with the token, uploaded to be sent.

use super::{CallError, Caller, Graph, Refusal, answer, call};
use crate::jobs::spool::{SpoolError, Spooled};
use reqwest::{Method, Response, StatusCode, Url, header};
use serde_json::Value;

/// Redirects followed within Meta's hosts.
const REDIRECTS: usize = 3;

/// What Graph says of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// Where it is for five minutes.
    pub url: String,
    /// In bytes; Graph writes it as text.
    pub size: Option<u64>,
    /// Its digest, in hex or base64.
    pub sha256: Option<String>,
    /// Its type.
    pub mime: Option<String>,
}

/// Why a file's bytes are not there.
#[derive(Debug, thiserror::Error)]
pub enum DownloadError {
    /// The address is over, or never was.
    #[error("the address of the file answers HTTP 404")]
    Gone,
    /// The token would leave Meta.
    #[error("the file lies at {0}, which is none of graph.media_hosts")]
    Elsewhere(String),
    /// Anything else that was answered.
    #[error("the address of the file answers HTTP {0}")]
    Refused(u16),
    /// No answer, or none to its end.
    #[error("the download broke: {0}")]
    Broken(String),
    /// More than WhatsApp knows.
    #[error("the file is larger than {0} bytes")]
    TooLarge(u64),
    /// This machine's disk.
    #[error("the file could not be set down: {0}")]
    Disk(#[from] std::io::Error),
}

impl From<SpoolError<reqwest::Error>> for DownloadError {
    fn from(error: SpoolError<reqwest::Error>) -> Self {
        match error {
            SpoolError::TooLarge(most) => Self::TooLarge(most),
            SpoolError::Disk(error) => Self::Disk(error),
            SpoolError::Source(error) => Self::Broken(answer::cause(&error)),
        }
    }
}

impl Graph {
    /// Where a received file is. `number` is the one that received it.
    pub async fn media(
        &self,
        caller: Caller<'_>,
        id: &str,
        number: &str,
    ) -> Result<Media, CallError> {
        let request = self
            .request(Method::GET, caller, &[id])
            .query(&[("phone_number_id", number)]);
        let answer = call(request).await?;
        let text = |name: &str| answer.body.get(name).and_then(Value::as_str);
        let Some(url) = text("url") else {
            return Err(CallError::Unclear(format!(
                "HTTP {} without an address of the file",
                answer.http
            )));
        };
        Ok(Media {
            url: url.to_owned(),
            size: match answer.body.get("file_size") {
                Some(Value::String(size)) => size.parse().ok(),
                size => size.and_then(Value::as_u64),
            },
            sha256: text("sha256").map(str::to_owned),
            mime: text("mime_type").map(str::to_owned),
        })
    }

    /// Downloads a file into a place of its own. The token goes to Meta's hosts only, on each step of a redirect.
    pub async fn download(
        &self,
        caller: Caller<'_>,
        url: &str,
        most: u64,
    ) -> Result<Spooled, DownloadError> {
        let mut url = self.at_meta(url)?;
        for _ in 0..=REDIRECTS {
            let response = self
                .files
                .get(url.clone())
                .bearer_auth(caller.token.expose())
                .timeout(self.download)
                .send()
                .await
                .map_err(|error| DownloadError::Broken(answer::cause(&error)))?;
            match response.status() {
                StatusCode::OK => return spool(response, most).await,
                StatusCode::NOT_FOUND | StatusCode::GONE => return Err(DownloadError::Gone),
                status if status.is_redirection() => {
                    let to = response
                        .headers()
                        .get(header::LOCATION)
                        .and_then(|to| to.to_str().ok())
                        .and_then(|to| url.join(to).ok())
                        .ok_or(DownloadError::Refused(status.as_u16()))?;
                    url = self.at_meta(to.as_str())?;
                }
                status => return Err(DownloadError::Refused(status.as_u16())),
            }
        }
        Err(DownloadError::Refused(
            StatusCode::TOO_MANY_REQUESTS.as_u16(),
        ))
    }

    /// Hands Meta a file to be sent from a number; the id is good for thirty days.
    pub async fn upload_media(
        &self,
        caller: Caller<'_>,
        number: &str,
        file: &Spooled,
        name: &str,
        mime: &str,
    ) -> Result<String, CallError> {
        let unsent = |error: &dyn std::fmt::Display| CallError::NotSent(error.to_string());
        let body = file.body().await.map_err(|error| unsent(&error))?;
        let part = reqwest::multipart::Part::stream_with_length(body, file.size)
            .file_name(name.to_owned())
            .mime_str(mime)
            .map_err(|error| unsent(&error))?;
        let form = reqwest::multipart::Form::new()
            .text("messaging_product", "whatsapp")
            .text("type", mime.to_owned())
            .part("file", part);
        let request = self
            .request(Method::POST, caller, &[number, "media"])
            .timeout(self.download)
            .multipart(form);
        let answer = call(request).await?;
        answer
            .body
            .get("id")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .ok_or_else(|| {
                CallError::Refused(Refusal {
                    http: answer.http,
                    title: "the upload was answered without a media id".to_owned(),
                    ..Refusal::default()
                })
            })
    }

    /// An address that the token may go to: HTTPS at one of the configured hosts or below, or Graph's own origin.
    fn at_meta(&self, url: &str) -> Result<Url, DownloadError> {
        let elsewhere = |what: &str| DownloadError::Elsewhere(what.to_owned());
        let url = Url::parse(url).map_err(|_| elsewhere("no address"))?;
        let host = url.host_str().unwrap_or_default().to_lowercase();
        let known = self.media_hosts.iter().any(|known| {
            host == *known
                || host
                    .strip_suffix(known)
                    .is_some_and(|below| below.ends_with('.'))
        });
        if url.origin() == self.base.origin() || url.scheme() == "https" && known {
            Ok(url)
        } else {
            Err(elsewhere(&host))
        }
    }
}

async fn spool(response: Response, most: u64) -> Result<Spooled, DownloadError> {
    if response
        .content_length()
        .is_some_and(|length| length > most)
    {
        return Err(DownloadError::TooLarge(most));
    }
    Ok(Spooled::of(response.bytes_stream(), most).await?)
}
