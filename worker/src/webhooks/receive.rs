//! `GET` and `POST` of the webhook address.
//!
//! 200 is said only after the last commit, because it makes Meta forget the delivery. Everything that is not stored
//! and not refused for good is answered so that it comes again.

use super::{
    store::Store,
    verify::{self, Challenge, SIGNATURE_HEADER},
};
use crate::{
    accounts::Accounts,
    config,
    db::Db,
    metrics::{Metrics, ReasonLabels},
    queue::wake::{Source, Wake},
};
use axum::{
    body::Body,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chat_rules::whatsapp;
use futures_util::StreamExt;
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tracing::{debug, error, info, warn};

/// How much of a too large body is read away, as a multiple of the limit: a client that is still writing would see a
/// broken connection instead of the answer.
const READ_AWAY: usize = 4;

/// What the webhook needs.
#[derive(Debug)]
pub struct Webhook {
    accounts: Arc<Accounts>,
    store: Store,
    wake: Arc<Wake>,
    metrics: Arc<Metrics>,
    at_once: Semaphore,
    body_bytes: usize,
    read_within: Duration,
}

/// Every way to answer a delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Stored,
    NotJson,
    Refused,
    TooSlow,
    TooLarge,
    Again,
}

impl Answer {
    fn parts(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Stored => (StatusCode::OK, "stored", ""),
            Self::NotJson => (
                StatusCode::BAD_REQUEST,
                "not_json",
                "the body is not JSON\n",
            ),
            Self::Refused => (
                StatusCode::UNAUTHORIZED,
                "refused",
                "the signature is missing or wrong\n",
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "too_slow",
                "the body took too long\n",
            ),
            Self::TooLarge => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "too_large",
                "the body is too large\n",
            ),
            Self::Again => (
                StatusCode::SERVICE_UNAVAILABLE,
                "again",
                "not stored; deliver it again\n",
            ),
        }
    }
}

impl Webhook {
    /// With the configured limits.
    pub fn new(
        config: &config::Webhooks,
        accounts: Arc<Accounts>,
        db: Db,
        wake: Arc<Wake>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            accounts,
            store: Store::new(db, config.tries),
            wake,
            metrics,
            at_once: Semaphore::new(config.at_once),
            body_bytes: config.body_bytes,
            read_within: Duration::from_millis(config.read_ms),
        }
    }

    /// Reads, believes, parses and stores one delivery.
    async fn take(&self, headers: &HeaderMap, body: Body) -> Answer {
        let Ok(body) = timeout(self.read_within, self.read(headers, body)).await else {
            return Answer::TooSlow;
        };
        let (_place_in_line, body) = match body {
            Ok(read) => read,
            Err(answer) => return answer,
        };
        let signature = headers.get(SIGNATURE_HEADER).map(|value| value.as_bytes());
        let app = match verify::signer(self.accounts.apps(), signature, &body) {
            Ok(app) => app,
            Err(refused) => {
                let reason = refused.word();
                self.metrics
                    .signatures
                    .get_or_create(&ReasonLabels { reason })
                    .inc();
                warn!(reason, bytes = body.len(), "a webhook was refused");
                return Answer::Refused;
            }
        };
        let items = match whatsapp::parse(&body) {
            Ok(items) => items,
            Err(error) => {
                warn!(%error, bytes = body.len(), "a signed webhook cannot be read");
                return Answer::NotJson;
            }
        };
        let Some(app) = self.accounts.app_id(app) else {
            warn!("a webhook came before its app was registered");
            return Answer::Again;
        };
        let runs = whatsapp::cut_runs(items);
        let Ok(received) = self.store.all(app, &runs, &self.metrics).await else {
            return Answer::Again;
        };
        debug!(
            bytes = body.len(),
            runs = runs.len(),
            ?received,
            "a webhook was stored"
        );
        if received.dead > 0 {
            info!(
                items = received.dead,
                "items of a webhook were kept as dead letters"
            );
        }
        if received.enqueued > 0 {
            self.wake.call(Source::Webhook);
        }
        Answer::Stored
    }

    /// Waits in line, then reads the body up to its limit. The permit goes along, so that only so many bodies are in
    /// memory at once.
    async fn read(
        &self,
        headers: &HeaderMap,
        body: Body,
    ) -> Result<(Option<tokio::sync::SemaphorePermit<'_>>, Vec<u8>), Answer> {
        // The semaphore is never closed; without a permit there is only no limit.
        let permit = self.at_once.acquire().await.ok();
        let said = headers
            .get(header::CONTENT_LENGTH)
            .and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
        let mut taken = Vec::with_capacity(said.unwrap_or(0).min(self.body_bytes));
        let mut seen = 0_usize;
        let mut parts = body.into_data_stream();
        while let Some(part) = parts.next().await {
            let Ok(part) = part else {
                debug!("a webhook's connection broke");
                return Err(Answer::TooSlow);
            };
            seen = seen.saturating_add(part.len());
            if seen <= self.body_bytes {
                taken.extend_from_slice(&part);
            } else if seen > self.body_bytes.saturating_mul(READ_AWAY) {
                break;
            } else {
                taken = Vec::new();
            }
        }
        if seen > self.body_bytes {
            error!(
                bytes = seen,
                said,
                limit = self.body_bytes,
                "a webhook is larger than webhooks.body_bytes; if Meta sent it, it is lost after seven days"
            );
            return Err(Answer::TooLarge);
        }
        Ok((permit, taken))
    }
}

/// `POST`: a delivery.
pub async fn deliver(
    State(webhook): State<Arc<Webhook>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let began = Instant::now();
    let (status, outcome, says) = webhook.take(&headers, body).await.parts();
    webhook.metrics.webhook(outcome);
    webhook
        .metrics
        .webhook_seconds
        .observe(began.elapsed().as_secs_f64());
    (status, says).into_response()
}

/// `GET`: Meta's challenge.
pub async fn challenge(
    State(webhook): State<Arc<Webhook>>,
    asked: Result<Query<Challenge>, QueryRejection>,
) -> Response {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    match verify::answer(webhook.accounts.apps(), &asked) {
        Some(challenge) => (
            [(header::CONTENT_TYPE, "text/plain; charset=utf-8")],
            challenge.to_owned(),
        )
            .into_response(),
        None => {
            webhook
                .metrics
                .signatures
                .get_or_create(&ReasonLabels {
                    reason: "challenge",
                })
                .inc();
            warn!("a challenge was refused: another mode, or a verify token that no app has");
            (StatusCode::FORBIDDEN, "the verify token is wrong\n").into_response()
        }
    }
}
