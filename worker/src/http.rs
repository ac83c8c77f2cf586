//! The worker's one door: webhooks for Meta, health for whoever runs it, figures for Prometheus.

use crate::{
    accounts::Accounts,
    db::Db,
    metrics::Metrics,
    webhooks::receive::{self, Webhook},
};
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use std::{sync::Arc, time::Duration};
use tokio::time::timeout;
use tracing::{error, warn};

/// Where Meta delivers, for all apps, or with `/<app>` behind it for one. The other two are the addresses that the
/// dashboards asked for; they are the same door.
pub const WEBHOOK_PATHS: [&str; 3] = [
    "/webhooks/whatsapp",
    "/api/modules/live-chat/webhooks/whatsapp",
    "/api/webhooks/whatsapp",
];

/// How long health and figures wait for the database.
const PATIENCE: Duration = Duration::from_secs(2);

/// What health and figures look at.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub struct Health {
    pub db: Db,
    pub accounts: Arc<Accounts>,
    pub metrics: Arc<Metrics>,
}

/// All routes.
pub fn router(health: Health, webhook: Webhook) -> Router {
    let mut webhooks = Router::new();
    for path in WEBHOOK_PATHS {
        let door = get(receive::challenge).post(receive::deliver);
        webhooks = webhooks
            .route(path, door.clone())
            .route(&format!("{path}/{{app}}"), door);
    }
    let health = Router::new()
        .route("/healthz", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(health);
    webhooks.with_state(Arc::new(webhook)).merge(health)
}

/// 200 when webhooks can be stored: the database answers and every configured app is known to it.
async fn ready(State(health): State<Health>) -> Response {
    let database = matches!(timeout(PATIENCE, health.db.ping()).await, Ok(Ok(())));
    let registered = health.accounts.is_registered();
    let status = if database && registered {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(json!({ "ready": database && registered, "database": database, "registered": registered }))).into_response()
}

async fn metrics(State(health): State<Health>) -> Response {
    let facts = match timeout(PATIENCE, health.db.facts()).await {
        Ok(Ok(facts)) => Some(facts),
        Ok(Err(error)) => {
            warn!(%error, "the database gave no figures");
            None
        }
        Err(_) => {
            warn!(after = ?PATIENCE, "the database gave no figures in time");
            None
        }
    };
    match health.metrics.scrape(facts.as_ref()) {
        Ok(page) => {
            let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
            ([(header::CONTENT_TYPE, kind)], page).into_response()
        }
        Err(failed) => {
            error!(%failed, "the figures cannot be written");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
