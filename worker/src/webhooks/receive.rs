//! `GET` and `POST` of the webhook address.
//!
//! 200 is said only after the last commit, because it makes Meta forget the delivery. Everything that is not stored
//! and not refused for good is answered so that it comes again.

use super::{
    heard::Heard,
    store::Store,
    verify::{self, Challenge, SIGNATURE_HEADER, Signer},
};
use crate::{
    accounts::Accounts,
    config,
    db::{Db, Received},
    metrics::{Metrics, ReasonLabels},
    queue::wake::{Source, Wake},
};
use axum::{
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use chat_rules::whatsapp::{self, Item};
use futures_util::StreamExt;
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use tokio::{
    sync::Semaphore,
    time::{Instant, timeout},
};
use tracing::{debug, error, info, warn};
use uuid::Uuid;

/// How much of a too large body is read away, as a multiple of the limit: a client that is still writing would see a
/// broken connection instead of the answer.
const READ_AWAY: usize = 4;

/// What the webhook needs.
#[derive(Debug)]
pub struct Webhook {
    accounts: Arc<Accounts>,
    store: Store,
    heard: Arc<Heard>,
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
        heard: Arc<Heard>,
        wake: Arc<Wake>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            accounts,
            store: Store::new(db, config.tries),
            heard,
            wake,
            metrics,
            at_once: Semaphore::new(config.at_once),
            body_bytes: config.body_bytes,
            read_within: Duration::from_millis(config.read_ms),
        }
    }

    /// Reads, believes, parses and stores one delivery.
    async fn take(&self, called: Option<&str>, headers: &HeaderMap, body: Body) -> Answer {
        let Ok(body) = timeout(self.read_within, self.read(headers, body)).await else {
            return Answer::TooSlow;
        };
        let (_place_in_line, body) = match body {
            Ok(read) => read,
            Err(answer) => return answer,
        };
        let signature = headers.get(SIGNATURE_HEADER).map(|value| value.as_bytes());
        let signers = self.accounts.signers();
        let apps = called_so(&signers, called);
        let apps = match verify::signed_by(&apps, signature, &body) {
            Ok(apps) => apps,
            Err(refused) => {
                let reason = refused.word();
                self.metrics
                    .signatures
                    .get_or_create(&ReasonLabels { reason })
                    .inc();
                // Whose secret it was cannot be said before the apps are known. Without a signature it is nobody's.
                let unsure = matches!(refused, verify::Refused::NoApp | verify::Refused::Mismatch);
                if unsure && !self.accounts.is_registered() {
                    warn!(reason, "a webhook came before its app was known");
                    return Answer::Again;
                }
                warn!(reason, called, bytes = body.len(), "a webhook was refused");
                for app in apps.iter().filter_map(|app| app.id) {
                    self.heard.refused(app, reason);
                }
                // Its app may have been saved just now.
                self.accounts.look();
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
        let Some(ids) = apps.iter().map(|app| app.id).collect::<Option<Vec<Uuid>>>() else {
            warn!("a webhook came before its app was registered");
            return Answer::Again;
        };
        let mut received = Received::default();
        let mut runs = 0;
        for (app, items) in by_app(items, &ids, |number| self.accounts.app_of(number)) {
            self.heard.webhook(app);
            let cut = whatsapp::cut_runs(items);
            runs += cut.len();
            let Ok(stored) = self.store.all(app, &cut, &self.metrics).await else {
                return Answer::Again;
            };
            received = received + stored;
        }
        debug!(bytes = body.len(), runs, ?received, "a webhook was stored");
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

/// The apps that a delivery may be of: those of its address, or all of them at the address of all.
fn called_so<'a>(signers: &'a [Signer], called: Option<&str>) -> Vec<&'a Signer> {
    let fits = |app: &&Signer| called.is_none_or(|name| app.is_called(name));
    signers.iter().filter(fits).collect()
}

/// Which of the apps that share a signature each item is of: its number's, else the first. Usually there is one.
fn by_app(
    items: Vec<Item>,
    apps: &[Uuid],
    app_of: impl Fn(&str) -> Option<Uuid>,
) -> BTreeMap<Uuid, Vec<Item>> {
    let mut sorted: BTreeMap<Uuid, Vec<Item>> = BTreeMap::new();
    for item in items {
        let own = item.phone_number_id.as_deref().and_then(&app_of);
        let Some(app) = own
            .filter(|own| apps.contains(own))
            .or(apps.first().copied())
        else {
            continue;
        };
        sorted.entry(app).or_default().push(item);
    }
    sorted
}

/// `POST`: a delivery.
pub async fn deliver(
    State(webhook): State<Arc<Webhook>>,
    called: Option<Path<String>>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let began = Instant::now();
    let called = called.as_ref().map(|Path(name)| name.as_str());
    let (status, outcome, says) = webhook.take(called, &headers, body).await.parts();
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
    called: Option<Path<String>>,
    asked: Result<Query<Challenge>, QueryRejection>,
) -> Response {
    let asked = asked.map(|Query(asked)| asked).unwrap_or_default();
    let called = called.as_ref().map(|Path(name)| name.as_str());
    let signers = webhook.accounts.signers();
    match verify::answer(&called_so(&signers, called), &asked) {
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
            webhook.accounts.look();
            warn!("a challenge was refused: another mode, or a verify token that no app has");
            (StatusCode::FORBIDDEN, "the verify token is wrong\n").into_response()
        }
    }
}
