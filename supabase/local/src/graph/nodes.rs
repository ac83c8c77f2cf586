//! What Graph tells about numbers and accounts, to tokens that may see them.

use std::sync::Arc;

use axum::Json;
use axum::extract::{ConnectInfo, Path, Query, State};
use axum::http::{HeaderMap, Uri};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::line::Line;
use super::send::read_fault;
use super::tokens::authorize;
use super::{Number, Refusal, Simulator, Token, media};

/// `?fields=a,b`.
#[derive(Debug, Deserialize)]
pub(super) struct Fields {
    fields: Option<String>,
}

/// The number of that id, if the token may see it.
pub(super) fn visible_number(simulator: &Simulator, token: &Token, id: &str) -> Option<Number> {
    let state = simulator.lock();
    state
        .number(id)
        .ok()
        .filter(|number| sees(token, &number.waba_id))
        .cloned()
}

fn sees(token: &Token, waba_id: &str) -> bool {
    token.waba_ids.is_empty() || token.waba_ids.iter().any(|id| id == waba_id)
}

/// The account's numbers, if the token may see the account.
pub(super) fn visible_account(
    simulator: &Simulator,
    token: &Token,
    waba_id: &str,
) -> Option<Vec<Number>> {
    let state = simulator.lock();
    let numbers: Vec<Number> = state
        .numbers
        .iter()
        .filter(|number| number.waba_id == waba_id)
        .cloned()
        .collect();
    (!numbers.is_empty() && sees(token, waba_id)).then_some(numbers)
}

/// `v` and two numbers, such as `v26.0`.
pub(super) fn check_version(version: &str) -> Result<(), Refusal> {
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let good = version
        .strip_prefix('v')
        .and_then(|rest| rest.split_once('.'))
        .is_some_and(|(major, minor)| digits(major) && digits(minor));
    good.then_some(())
        .ok_or_else(|| Refusal::parameter("Invalid version format. Use format like 'v23.0'"))
}

/// `GET /{version}/{id}`: a number, an account, or a file.
pub(super) async fn node(
    State(simulator): State<Arc<Simulator>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path((version, id)): Path<(String, String)>,
    Query(asked): Query<Fields>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    check_version(&version)?;
    let token = authorize(&simulator, &headers, &uri)?;
    let file = simulator.lock().media.get(&id).cloned();
    if let Some(file) = file {
        return media::node(&simulator, &line, &file, &headers).await;
    }
    if let Some(answer) = read_fault(&simulator, &line, &id).await? {
        return Ok(answer);
    }
    let answer = if let Some(number) = visible_number(&simulator, &token, &id) {
        let webhook = simulator
            .lock()
            .apps
            .get(&token.app_id)
            .map(|app| app.webhook_url.clone());
        let node = number_node(&number, webhook.as_deref());
        pick(node, &asked, NUMBER_DEFAULTS, "WhatsAppBusinessPhoneNumber")?
    } else if visible_account(&simulator, &token, &id).is_some() {
        let node = json!({"id": id, "name": "Simulated account", "timezone_id": "1",
            "message_template_namespace": "simulated"});
        pick(node, &asked, ACCOUNT_DEFAULTS, "WhatsAppBusinessAccount")?
    } else {
        return Err(Refusal::no_such_object("get", &id));
    };
    Ok(Json(answer).into_response())
}

const NUMBER_DEFAULTS: &[&str] = &[
    "id",
    "display_phone_number",
    "verified_name",
    "quality_rating",
    "code_verification_status",
];
const ACCOUNT_DEFAULTS: &[&str] = &["id", "name", "timezone_id", "message_template_namespace"];

fn number_node(number: &Number, webhook: Option<&str>) -> Value {
    json!({
        "id": number.phone_number_id,
        "display_phone_number": number.display_phone_number,
        "verified_name": number.verified_name,
        "quality_rating": number.quality_rating,
        "code_verification_status": "VERIFIED",
        "name_status": "APPROVED",
        "status": "CONNECTED",
        "account_mode": if number.allowed_recipients.is_some() { "SANDBOX" } else { "LIVE" },
        "platform_type": "CLOUD_API",
        "is_official_business_account": false,
        "is_on_biz_app": false,
        "throughput": {"level": "STANDARD"},
        "whatsapp_business_manager_messaging_limit": "TIER_2K",
        "webhook_configuration": webhook.map_or(json!({}), |url| json!({"application": url})),
    })
}

/// The fields that were asked for; `id` always comes along.
pub(super) fn pick(
    node: Value,
    asked: &Fields,
    defaults: &[&str],
    kind: &str,
) -> Result<Value, Refusal> {
    let wanted: Vec<&str> = match asked.fields.as_deref() {
        Some(fields) if !fields.trim().is_empty() => fields.split(',').map(str::trim).collect(),
        _ => defaults.to_vec(),
    };
    let mut picked = Map::new();
    for field in wanted.into_iter().chain(["id"]) {
        let value = node.get(field).ok_or_else(|| {
            Refusal::parameter(&format!(
                "Tried accessing nonexisting field ({field}) on node type ({kind})"
            ))
        })?;
        picked.insert(field.to_owned(), value.clone());
    }
    Ok(Value::Object(picked))
}

/// `GET /{version}/{waba_id}/phone_numbers`.
pub(super) async fn phone_numbers(
    State(simulator): State<Arc<Simulator>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path((version, waba_id)): Path<(String, String)>,
    Query(asked): Query<Fields>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    check_version(&version)?;
    let token = authorize(&simulator, &headers, &uri)?;
    if let Some(answer) = read_fault(&simulator, &line, &waba_id).await? {
        return Ok(answer);
    }
    let numbers = visible_account(&simulator, &token, &waba_id)
        .ok_or_else(|| Refusal::no_such_object("get", &waba_id))?;
    let nodes: Result<Vec<Value>, Refusal> = numbers
        .iter()
        .map(|n| {
            pick(
                number_node(n, None),
                &asked,
                NUMBER_DEFAULTS,
                "WhatsAppBusinessPhoneNumber",
            )
        })
        .collect();
    let paging = json!({"cursors": {"before": "MQZDZD", "after": "MQZDZD"}});
    Ok(Json(json!({"data": nodes?, "paging": paging})).into_response())
}

/// What is asked of an account's subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Subscription {
    /// List the apps.
    List,
    /// The token's app wants webhooks.
    Add,
    /// It wants none any more.
    Remove,
}

/// `GET`, `POST` and `DELETE /{version}/{waba_id}/subscribed_apps`.
pub(super) async fn subscribed_apps(
    simulator: Arc<Simulator>,
    wish: Subscription,
    (version, waba_id): (String, String),
    uri: Uri,
    headers: HeaderMap,
) -> Result<Json<Value>, Refusal> {
    check_version(&version)?;
    let token = authorize(&simulator, &headers, &uri)?;
    let method = if wish == Subscription::List {
        "get"
    } else {
        "post"
    };
    if visible_account(&simulator, &token, &waba_id).is_none() {
        return Err(Refusal::no_such_object(method, &waba_id));
    }
    let mut state = simulator.lock();
    let known = state.apps.contains_key(&token.app_id);
    let apps = state.subscriptions.entry(waba_id).or_default();
    match wish {
        Subscription::List => {
            let entry = |id: &String| {
                json!({"whatsapp_business_api_data": {"id": id, "name": "Simulated app",
                    "link": format!("https://www.facebook.com/games/?app_id={id}")}})
            };
            return Ok(Json(
                json!({"data": apps.iter().map(entry).collect::<Vec<_>>()}),
            ));
        }
        Subscription::Add if !known => return Err(Refusal::of(10)),
        Subscription::Add => apps.insert(token.app_id),
        Subscription::Remove => apps.remove(&token.app_id),
    };
    Ok(Json(json!({"success": true})))
}
