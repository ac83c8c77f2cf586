//! The way to the database where only HTTPS is open: PostgREST calls the same functions (crate `postgrest`), as the
//! worker's own user of Supabase Auth (`sign_in`).
//!
//! The crate brings its own HTTP client, which waits for ever, and panics at a header that is none; both are seen to here.

use super::{DbError, Failure, call::Call, failure::of_sqlstate};
use crate::{config, secret::Secret};
use postgrest::Postgrest;
use serde::Deserialize;
use serde_json::{Value, value::RawValue};
use sign_in::SignIn;
use std::{error::Error, fmt, time::Duration};
use tokio::time::timeout;

mod sign_in;
pub use sign_in::passes_by_policies;

/// Why a call over HTTPS failed. Each is a sentence that says what to do; none shows a key, a password or a token.
#[derive(Clone, Debug, thiserror::Error)]
pub enum EdgeError {
    /// `edge.url` is none.
    #[error("edge.url (CHAT_EDGE_URL) is not an address like https://<project>.supabase.co")]
    Address,
    /// The password would cross a network as it is.
    #[error(
        "edge.url (CHAT_EDGE_URL) must be an https address: a password and people's messages go there"
    )]
    Unencrypted,
    /// One of the other keys is missing or cannot be sent.
    #[error("{0} is missing, or is no text that can be sent in a header")]
    Key(&'static str),
    /// Nobody answered, or somebody in between.
    #[error("{0}")]
    Away(String),
    /// Supabase Auth does not let us in.
    #[error(
        "Supabase Auth answered {status}: {says}; check edge.key, edge.email and edge.password"
    )]
    NotSignedIn {
        /// Of the answer.
        status: u16,
        /// Its words.
        says: String,
    },
    /// Somebody was let in, but it is not the worker.
    #[error(
        "the user of edge.email has the role {0}; give it the role chat_worker (auth.users.role), as docs/edge.md says"
    )]
    Role(String),
    /// PostgREST, the gateway before it or the database said no.
    #[error("{}", shown(*status, code.as_deref(), says))]
    Refused {
        /// Of the answer.
        status: u16,
        /// An SQLSTATE, or one of PostgREST's own.
        code: Option<String>,
        /// Its words.
        says: String,
    },
}

/// One project's PostgREST, and who we are there.
pub(super) struct Edge {
    client: Postgrest,
    sign_in: SignIn,
    patience: Duration,
}

impl Edge {
    /// Checks the settings; asks for nothing.
    pub(super) fn new(config: &config::Edge) -> Result<Self, EdgeError> {
        let base = base_of(&config.url)?;
        let key = in_header(&config.key, "edge.key (CHAT_EDGE_KEY)")?;
        let patience = Duration::from_millis(config.timeout_ms);
        Ok(Self {
            client: Postgrest::new(format!("{base}/rest/v1")).insert_header("apikey", key.expose()),
            sign_in: SignIn::new(config, &base, key, patience)?,
            patience,
        })
    }

    /// Calls a function. PostgREST answers after its transaction has committed.
    pub(super) async fn call(&self, call: &Call<'_>) -> Result<Box<RawValue>, DbError> {
        let body = serde_json::to_string(call).map_err(DbError::Question)?;
        let token = self.sign_in.token().await?;
        let answer = match self.post(call.function, &body, &token).await {
            // It ran out early, or another secret signs by now. Nothing was called, so nothing is repeated.
            Err(refused) if refused.is_about_the_token() => {
                let token = self.sign_in.another_than(&token, &refused).await?;
                self.post(call.function, &body, &token).await?
            }
            answer => answer?,
        };
        if answer.is_empty() {
            return Ok(RawValue::NULL.to_owned());
        }
        RawValue::from_string(answer).map_err(DbError::Answer)
    }

    async fn post(&self, function: &str, body: &str, token: &Secret) -> Result<String, EdgeError> {
        let request = self.client.rpc(function, body).auth(token.expose());
        let asked = async {
            let answer = request.execute().await.map_err(EdgeError::away)?;
            let status = answer.status().as_u16();
            Ok((status, answer.text().await.map_err(EdgeError::away)?))
        };
        match timeout(self.patience, asked).await {
            Ok(Ok((200..=299, text))) => Ok(text),
            Ok(Ok((status, text))) => Err(EdgeError::refused(status, &text)),
            Ok(Err(away)) => Err(away),
            Err(_) => Err(EdgeError::silent(self.patience)),
        }
    }
}

/// Written out because the clients inside have no `Debug`, and hold a key.
impl fmt::Debug for Edge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Edge")
            .field("patience", &self.patience)
            .finish_non_exhaustive()
    }
}

impl EdgeError {
    /// What may be done about it.
    pub fn failure(&self) -> Failure {
        match self {
            Self::Address | Self::Unencrypted | Self::Key(_) | Self::Role(_) => Failure::Fault,
            Self::Away(_) => Failure::Passing,
            Self::NotSignedIn { status, .. } => of_status(*status),
            Self::Refused { status, code, .. } => match code.as_deref() {
                Some(code) if !code.starts_with("PGRST") => of_sqlstate(code),
                // PostgREST's own: 503 and 504 without a connection, 404 without the function, 401 without a good token.
                _ => of_status(*status),
            },
        }
    }

    /// The SQLSTATE, if the database gave one.
    pub fn sqlstate(&self) -> Option<String> {
        match self {
            Self::Refused { code, .. } => code.clone().filter(|code| !code.starts_with("PGRST")),
            _ => None,
        }
    }

    /// Whether PostgREST knows no such function.
    pub fn is_missing_function(&self) -> bool {
        matches!(self, Self::Refused { code: Some(code), .. } if code == "PGRST202" || code == "42883")
    }

    fn is_about_the_token(&self) -> bool {
        matches!(self, Self::Refused { status: 401, .. }) && self.sqlstate().is_none()
    }

    /// The words of an error and of those behind it: the outermost only says that a request failed.
    fn away(error: impl Error) -> Self {
        let mut says = error.to_string();
        let mut source = error.source();
        while let Some(deeper) = source {
            let words = deeper.to_string();
            if !says.contains(&words) {
                says = format!("{says}: {words}");
            }
            source = deeper.source();
        }
        Self::Away(says)
    }

    fn silent(patience: Duration) -> Self {
        Self::Away(format!("no answer within {patience:?}"))
    }

    /// Reads `{code, message}`. What stands in between (a gateway, a proxy) answers in words of its own.
    fn refused(status: u16, body: &str) -> Self {
        #[derive(Default, Deserialize)]
        #[serde(default)]
        struct Refusal {
            code: Value,
            message: Option<String>,
        }
        let refusal: Refusal = serde_json::from_str(body).unwrap_or_default();
        let code = refusal.code.as_str().filter(|code| {
            let letters = code.bytes().all(|byte| byte.is_ascii_alphanumeric());
            letters && (code.len() == 5 || code.starts_with("PGRST"))
        });
        Self::Refused {
            status,
            code: code.map(str::to_owned),
            says: first_words(refusal.message.as_deref().unwrap_or(body)),
        }
    }
}

/// A status without a code of the database: what is overloaded or restarts says so by 5xx.
fn of_status(status: u16) -> Failure {
    match status {
        408 | 429 | 500.. => Failure::Passing,
        _ => Failure::Fault,
    }
}

/// As over a connection: messages of class 22 and 23 may quote the value itself.
fn shown(status: u16, code: Option<&str>, says: &str) -> String {
    match code {
        Some(code) if code.starts_with("PGRST") => {
            format!("PostgREST answered {status}: {says} ({code})")
        }
        Some(code) if of_sqlstate(code) == Failure::Data && !code.starts_with("PT") => {
            format!("the database refused the data (SQLSTATE {code})")
        }
        Some(code) => format!("{says} (SQLSTATE {code})"),
        None => format!("{status} was answered in place of PostgREST: {says}"),
    }
}

/// Enough of an answer to recognize it.
fn first_words(text: &str) -> String {
    text.chars().take(200).collect()
}

/// The address without a slash at its end.
fn base_of(url: &str) -> Result<String, EdgeError> {
    let parsed = reqwest::Url::parse(url).map_err(|_| EdgeError::Address)?;
    let loopback = matches!(parsed.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match parsed.scheme() {
        "https" => {}
        "http" if loopback => {}
        "http" => return Err(EdgeError::Unencrypted),
        _ => return Err(EdgeError::Address),
    }
    Ok(url.trim_end_matches('/').to_owned())
}

/// A secret that is there and can be a header's value.
fn in_header(secret: &Secret, name: &'static str) -> Result<Secret, EdgeError> {
    let fits = secret.expose().bytes().all(|byte| byte.is_ascii_graphic());
    if fits && !secret.is_empty() {
        Ok(secret.clone())
    } else {
        Err(EdgeError::Key(name))
    }
}

#[cfg(test)]
mod tests;
