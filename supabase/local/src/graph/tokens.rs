//! Access tokens: who asks, and what a token is good for.

use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::line::Line;
use super::nodes::check_version;
use super::send::read_fault;
use super::{Refusal, Simulator, Token};

/// `?input_token=…`.
#[derive(Debug, Deserialize)]
pub(super) struct Inspected {
    input_token: Option<String>,
}

/// The token of a request: the bearer token, or `access_token` in the query.
pub(super) fn authorize(
    simulator: &Simulator,
    headers: &HeaderMap,
    uri: &Uri,
) -> Result<Token, Refusal> {
    let bearer = headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.strip_prefix("Bearer "));
    let in_query = || {
        uri.query()?
            .split('&')
            .find_map(|pair| pair.strip_prefix("access_token="))
    };
    let given = bearer.or_else(in_query).ok_or_else(|| Refusal::of(104))?;
    let state = simulator.lock();
    let token = state
        .tokens
        .iter()
        .find(|token| token.token.expose() == given.trim());
    match token {
        None => Err(Refusal::of(190)),
        Some(token) if token.expired => Err(Refusal::expired_token()),
        Some(token) => Ok(token.clone()),
    }
}

/// `GET /{version}/debug_token?input_token=…`.
pub(super) async fn debug_token(
    State(simulator): State<Arc<Simulator>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path(version): Path<String>,
    Query(inspected): Query<Inspected>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    check_version(&version)?;
    authorize(&simulator, &headers, &uri)?;
    if let Some(answer) = read_fault(&simulator, &line, "debug_token").await? {
        return Ok(answer);
    }
    let input = inspected
        .input_token
        .ok_or_else(|| Refusal::parameter("The parameter input_token is required."))?;
    let state = simulator.lock();
    let token = state
        .tokens
        .iter()
        .find(|token| token.token.expose() == input);
    Ok(Json(json!({"data": token.map_or_else(unknown_token, token_node)})).into_response())
}

fn unknown_token() -> Value {
    let message = "Invalid OAuth access token - Cannot parse access token";
    json!({"error": {"code": 190, "message": message}, "is_valid": false, "scopes": []})
}

fn token_node(token: &Token) -> Value {
    let scopes = [
        "whatsapp_business_management",
        "whatsapp_business_messaging",
    ];
    let granular: Vec<Value> = scopes
        .iter()
        .map(|scope| match token.waba_ids.as_slice() {
            [] => json!({"scope": scope}),
            targets => json!({"scope": scope, "target_ids": targets}),
        })
        .collect();
    json!({
        "app_id": token.app_id,
        "type": "SYSTEM_USER",
        "application": "Simulated app",
        "data_access_expires_at": 0,
        // 0: never.
        "expires_at": i64::from(token.expired),
        "is_valid": !token.expired,
        "scopes": scopes,
        "granular_scopes": granular,
        "user_id": "100000000000001",
    })
}
