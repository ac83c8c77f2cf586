//! The routes under `/realtime/v1`: the socket, broadcasts over HTTP, and what tests tell
//! the double, which the real server has not.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::rejection::JsonRejection;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::{Path, Query, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::frame::{Broadcast, Content, Version};
use super::hub::Key;
use super::rights::Question;
use super::settings::Command;
use super::socket::{self, Caller};
use super::token::Claims;
use super::{MAX_FRAME, PREFIX, Realtime};

/// Routes that stand under `/realtime/v1`.
pub(super) fn router(realtime: Arc<Realtime>) -> Router {
    Router::new()
        .route("/websocket", get(open))
        .route("/api/broadcast", post(batch))
        .route("/api/broadcast/{topic}/events/{event}", post(single))
        .route("/double", get(state).post(command))
        .layer(axum::extract::DefaultBodyLimit::max(MAX_FRAME))
        .with_state(realtime)
}

type Answer<T> = Result<T, Refusal>;

/// Why a request was not done: `{"error": …}`.
struct Refusal {
    status: StatusCode,
    why: String,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.status, Json(json!({ "error": self.why }))).into_response()
    }
}

fn refusal(status: StatusCode, why: &str) -> Refusal {
    Refusal {
        status,
        why: why.to_owned(),
    }
}

async fn open(
    State(realtime): State<Arc<Realtime>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Response {
    match admit(&realtime, &query, &headers) {
        Ok(caller) => match upgrade {
            Ok(upgrade) => upgrade
                .max_message_size(MAX_FRAME)
                .max_frame_size(MAX_FRAME)
                .on_upgrade(move |wire| socket::serve(realtime, caller, wire)),
            Err(rejection) => rejection.into_response(),
        },
        Err((status, why)) => {
            let wait = realtime.hub.settings().connect_error_delay_ms;
            tokio::time::sleep(Duration::from_millis(wait)).await;
            refusal(status, why).into_response()
        }
    }
}

/// Whom a socket belongs to, or why it may not open.
fn admit(
    realtime: &Realtime,
    query: &HashMap<String, String>,
    headers: &HeaderMap,
) -> Result<Caller, (StatusCode, &'static str)> {
    let token = text(headers, "x-api-key")
        .or_else(|| query.get("apikey").map(String::as_str))
        .filter(|token| !token.is_empty())
        .ok_or((StatusCode::UNAUTHORIZED, "API key is missing"))?;
    Claims::of(&realtime.secret, token, super::unix_now())
        .map_err(|bad| (StatusCode::UNAUTHORIZED, bad.at_the_door()))?;
    if realtime.hub.is_full() {
        return Err((StatusCode::TOO_MANY_REQUESTS, "Too many connected users"));
    }
    let version = Version::of(query.get("vsn").map(String::as_str))
        .ok_or((StatusCode::BAD_REQUEST, "This vsn is not spoken here"))?;
    let shown: Map<String, Value> = headers
        .iter()
        .filter(|(name, _)| name.as_str().starts_with("x-"))
        .filter_map(|(name, value)| Some((name.to_string(), json!(value.to_str().ok()?))))
        .collect();
    Ok(Caller {
        version,
        token: token.to_owned(),
        headers: shown.into(),
    })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Who calls over HTTP: by the bearer's token, else by the key.
fn caller(realtime: &Realtime, headers: &HeaderMap) -> Answer<Claims> {
    let token = text(headers, AUTHORIZATION.as_str())
        .and_then(|value| value.strip_prefix("Bearer "))
        .or_else(|| text(headers, "apikey"));
    token
        .and_then(|token| Claims::of(&realtime.secret, token, super::unix_now()).ok())
        .ok_or_else(|| refusal(StatusCode::UNAUTHORIZED, "Unauthorized"))
}

/// One message of a batch.
#[derive(Deserialize)]
struct Sent {
    topic: String,
    event: String,
    payload: Map<String, Value>,
    #[serde(default)]
    private: bool,
}

#[derive(Deserialize)]
struct Batch {
    messages: Vec<Sent>,
}

async fn batch(
    State(realtime): State<Arc<Realtime>>,
    headers: HeaderMap,
    body: Result<Json<Batch>, JsonRejection>,
) -> Answer<StatusCode> {
    let claims = caller(&realtime, &headers)?;
    let unfit = |why: &str| refusal(StatusCode::UNPROCESSABLE_ENTITY, why);
    let Json(Batch { messages }) = body.map_err(|rejection| unfit(&rejection.body_text()))?;
    let most = realtime.hub.settings().max_payload_bytes;
    let mut accepted = Vec::new();
    for sent in messages {
        if sent.topic.is_empty() || sent.event.is_empty() {
            return Err(unfit("topic and event must not be blank"));
        }
        let content = Content::Json(Value::Object(sent.payload).to_string());
        if content.len() > most {
            return Err(unfit("Payload size exceeds tenant limit"));
        }
        accepted.push(Message {
            key: Key {
                private: sent.private,
                topic: sent.topic,
            },
            event: sent.event,
            content,
            as_text: true,
        });
    }
    for message in accepted {
        // Without the right a private one is left out without a word.
        if message.is_allowed(&realtime, &claims).await {
            message.publish(&realtime)?;
        }
    }
    Ok(StatusCode::ACCEPTED)
}

async fn single(
    State(realtime): State<Arc<Realtime>>,
    Path((topic, event)): Path<(String, String)>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
    body: Bytes,
) -> Answer<StatusCode> {
    let claims = caller(&realtime, &headers)?;
    let unfit = |why: &str| refusal(StatusCode::UNPROCESSABLE_ENTITY, why);
    let kind = text(&headers, CONTENT_TYPE.as_str()).unwrap_or_default();
    let content = if kind.starts_with("application/json") {
        let text = String::from_utf8(body.to_vec()).map_err(|_| unfit("not UTF-8"))?;
        serde_json::from_str::<serde::de::IgnoredAny>(&text).map_err(|_| unfit("not JSON"))?;
        Content::Json(text)
    } else if kind.starts_with("application/octet-stream") {
        Content::Binary(body)
    } else {
        return Err(refusal(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "application/json or application/octet-stream",
        ));
    };
    if content.len() > realtime.hub.settings().max_payload_bytes {
        return Err(unfit("Payload size exceeds tenant limit"));
    }
    let message = Message {
        key: Key {
            private: query
                .get("private")
                .is_some_and(|private| private == "true"),
            topic,
        },
        event,
        content,
        as_text: false,
    };
    if !message.is_allowed(&realtime, &claims).await {
        return Err(refusal(StatusCode::FORBIDDEN, "Unauthorized"));
    }
    message.publish(&realtime)?;
    Ok(StatusCode::ACCEPTED)
}

/// A broadcast that came over HTTP.
struct Message {
    key: Key,
    event: String,
    content: Content,
    as_text: bool,
}

impl Message {
    async fn is_allowed(&self, realtime: &Realtime, claims: &Claims) -> bool {
        if !self.key.private {
            return true;
        }
        let question = Question {
            claims,
            topic: &self.key.topic,
            headers: &json!({}),
        };
        match question.writes(&realtime.pool, "broadcast").await {
            Ok(allowed) => allowed,
            Err(unanswered) => {
                tracing::warn!("realtime: {}", unanswered.reason());
                false
            }
        }
    }

    fn publish(self, realtime: &Realtime) -> Answer<()> {
        let broadcast = Broadcast {
            topic: format!("{PREFIX}{}", self.key.topic),
            event: self.event,
            content: self.content,
            meta: None,
            as_text: self.as_text,
        };
        realtime
            .hub
            .publish(&self.key, broadcast, None)
            .map_err(|_| refusal(StatusCode::TOO_MANY_REQUESTS, super::TOO_MANY_MESSAGES))
    }
}

/// Only the project's own key tells the double what to do.
fn require_service(realtime: &Realtime, headers: &HeaderMap) -> Answer<()> {
    if caller(realtime, headers)?.role == "service_role" {
        return Ok(());
    }
    Err(refusal(StatusCode::FORBIDDEN, "this needs the service key"))
}

async fn state(State(realtime): State<Arc<Realtime>>, headers: HeaderMap) -> Answer<Json<Value>> {
    require_service(&realtime, &headers)?;
    let hub = &realtime.hub;
    Ok(Json(json!({
        "sockets": hub.sockets(),
        "channels": hub.channels(),
        "streams": hub.streams.load(Ordering::Relaxed),
        "streaming": *hub.streaming.borrow(),
        "settings": hub.settings(),
        "faults": hub.faults(),
    })))
}

async fn command(
    State(realtime): State<Arc<Realtime>>,
    headers: HeaderMap,
    body: Result<Json<Command>, JsonRejection>,
) -> Answer<StatusCode> {
    require_service(&realtime, &headers)?;
    let Json(command) = body
        .map_err(|rejection| refusal(StatusCode::UNPROCESSABLE_ENTITY, &rejection.body_text()))?;
    realtime
        .tell(command)
        .await
        .map_err(|error| refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()))?;
    Ok(StatusCode::NO_CONTENT)
}
