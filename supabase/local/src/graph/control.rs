//! The simulator's own controls over HTTP, for other processes. JSON in, JSON out.
//!
//! | route | does |
//! |---|---|
//! | `GET /control` | delivery, faults and counts at a glance |
//! | `GET, PUT /control/delivery` | [`Delivery`], all of it: what is absent takes its default |
//! | `GET /control/deliveries` | [`super::Deliveries`]: what left, what it met |
//! | `POST /control/deliveries/release` | lets held statuses go |
//! | `GET, POST, DELETE /control/faults` | [`Fault`] rules |
//! | `PUT /control/limits` | [`Limits`] |
//! | `POST /control/clock` | `{"advance_seconds": n}` |
//! | `PUT /control/apps/{app_id}` | `{"webhook_url": "…"}` |
//! | `POST /control/webhooks` | `{"app_id", "body", "copies"}`: any body, signed |
//! | `POST /control/media` | a phone's file, of the type its header says → the object of a webhook that names it |
//! | `GET /control/phones` | every [`super::PhoneView`] |
//! | `GET, PUT /control/phones/{phone}` | one; name, user_id, username, aliases, habits |
//! | `POST /control/phones/{phone}/say` | [`Say`] → [`super::Said`] |
//! | `POST /control/phones/{phone}/receive`, `…/read` | what waits is delivered, read |
//! | `POST /control/phones/{phone}/wrote` | `{"phone_number_id", "at"}`: opens a window |
//! | `POST /control/messages/{wamid}/report` | `{"status": "sent"}` once more |

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post, put};
use axum::{Json, Router};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::media::MAX_BYTES;
use super::phones::Profile;
use super::{Delivery, Error, Fault, Limits, Say, Simulator, Status};

type Shared = State<Arc<Simulator>>;

/// A JSON body whose faults are answered like any other [`Error`].
struct Body<T>(T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Error;

    async fn from_request(request: Request, state: &S) -> Result<Self, Error> {
        match Json::from_request(request, state).await {
            Ok(Json(body)) => Ok(Self(body)),
            Err(rejection) => Err(Error::Invalid(rejection.body_text())),
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = match self {
            Self::Unknown { .. } => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Listen { .. } | Self::Client(_) | Self::Serve(_) | Self::Panicked(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        (status, Json(json!({"error": self.to_string()}))).into_response()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Clock {
    advance_seconds: i64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Callback {
    webhook_url: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Given {
    app_id: String,
    body: Value,
    #[serde(default)]
    copies: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wrote {
    phone_number_id: String,
    at: Option<i64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Report {
    status: Status,
}

/// Everything under `/control`.
pub(super) fn routes() -> Router<Arc<Simulator>> {
    Router::new()
        .route("/control", get(overview))
        .route("/control/delivery", get(delivery).put(set_delivery))
        .route("/control/deliveries", get(deliveries))
        .route("/control/deliveries/release", post(release))
        .route(
            "/control/faults",
            get(faults).post(add_fault).delete(clear_faults),
        )
        .route("/control/limits", put(set_limits))
        .route("/control/clock", post(advance))
        .route("/control/apps/{app_id}", put(set_app))
        .route("/control/webhooks", post(given_webhook))
        .route(
            "/control/media",
            post(add_media).layer(DefaultBodyLimit::max(MAX_BYTES)),
        )
        .route("/control/phones", get(phones))
        .route("/control/phones/{phone}", get(phone).put(set_phone))
        .route("/control/phones/{phone}/say", post(say))
        .route("/control/phones/{phone}/receive", post(receive))
        .route("/control/phones/{phone}/read", post(read))
        .route("/control/phones/{phone}/wrote", post(wrote))
        .route("/control/messages/{wamid}/report", post(report))
}

fn done() -> Json<Value> {
    Json(json!({"done": true}))
}

async fn overview(State(simulator): Shared) -> Json<Value> {
    let deliveries = simulator.deliveries();
    Json(json!({
        "delivery": simulator.delivery(),
        "faults": simulator.faults(),
        "held": deliveries.held,
        "open": deliveries.open,
        "phones": simulator.phones().len(),
    }))
}

async fn delivery(State(simulator): Shared) -> Json<Delivery> {
    Json(simulator.delivery())
}

async fn set_delivery(
    State(simulator): Shared,
    Body(delivery): Body<Delivery>,
) -> Result<Json<Delivery>, Error> {
    simulator.set_delivery(delivery)?;
    Ok(Json(simulator.delivery()))
}

async fn deliveries(State(simulator): Shared) -> impl IntoResponse {
    Json(simulator.deliveries())
}

async fn release(State(simulator): Shared) -> Json<Value> {
    Json(json!({"released": simulator.release()}))
}

async fn faults(State(simulator): Shared) -> Json<Vec<Fault>> {
    Json(simulator.faults())
}

async fn add_fault(
    State(simulator): Shared,
    Body(fault): Body<Fault>,
) -> Result<Json<Vec<Fault>>, Error> {
    simulator.add_fault(fault)?;
    Ok(Json(simulator.faults()))
}

async fn clear_faults(State(simulator): Shared) -> Json<Value> {
    simulator.clear_faults();
    done()
}

async fn set_limits(State(simulator): Shared, Body(limits): Body<Limits>) -> Json<Limits> {
    simulator.set_limits(limits);
    Json(limits)
}

async fn advance(State(simulator): Shared, Body(clock): Body<Clock>) -> Json<Value> {
    simulator.advance(clock.advance_seconds);
    done()
}

async fn set_app(
    State(simulator): Shared,
    Path(app_id): Path<String>,
    Body(callback): Body<Callback>,
) -> Result<Json<Value>, Error> {
    simulator.set_webhook(&app_id, callback.webhook_url)?;
    Ok(done())
}

async fn given_webhook(
    State(simulator): Shared,
    Body(given): Body<Given>,
) -> Result<Json<Value>, Error> {
    simulator.post_webhook(&given.app_id, &given.body, given.copies)?;
    Ok(done())
}

async fn add_media(
    State(simulator): Shared,
    headers: HeaderMap,
    bytes: Bytes,
) -> Result<Json<Value>, Error> {
    let mime_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .ok_or_else(|| Error::Invalid("a file needs its type in Content-Type".to_owned()))?;
    Ok(Json(simulator.add_media(bytes, mime_type).reference()))
}

async fn phones(State(simulator): Shared) -> impl IntoResponse {
    Json(simulator.phones())
}

async fn phone(State(simulator): Shared, Path(phone): Path<String>) -> impl IntoResponse {
    Json(simulator.phone(&phone))
}

async fn set_phone(
    State(simulator): Shared,
    Path(phone): Path<String>,
    Body(profile): Body<Profile>,
) -> impl IntoResponse {
    Json(simulator.set_profile(&phone, profile))
}

async fn say(
    State(simulator): Shared,
    Path(phone): Path<String>,
    Body(say): Body<Say>,
) -> Result<impl IntoResponse, Error> {
    Ok(Json(simulator.say(&phone, say)?))
}

async fn receive(State(simulator): Shared, Path(phone): Path<String>) -> Json<Value> {
    simulator.receive(&phone);
    done()
}

async fn read(State(simulator): Shared, Path(phone): Path<String>) -> Json<Value> {
    simulator.read(&phone);
    done()
}

async fn wrote(
    State(simulator): Shared,
    Path(phone): Path<String>,
    Body(wrote): Body<Wrote>,
) -> Result<Json<Value>, Error> {
    simulator.wrote(&phone, &wrote.phone_number_id, wrote.at)?;
    Ok(done())
}

async fn report(
    State(simulator): Shared,
    Path(wamid): Path<String>,
    Body(report): Body<Report>,
) -> Result<Json<Value>, Error> {
    simulator.report_again(&wamid, report.status)?;
    Ok(done())
}
