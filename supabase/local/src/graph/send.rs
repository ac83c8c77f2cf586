//! `POST /{version}/{phone_number_id}/messages`.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::HeaderMap;
use axum::http::{StatusCode, Uri, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use super::line::Line;
use super::nodes::{check_version, visible_number};
use super::tokens::authorize;
use super::validate::{Outgoing, Request};
use super::{Call, Instant, Misbehaviour, Number, Refusal, Simulator, faults, validate};

/// How long a phone shows a typing indicator.
const TYPING_MS: i64 = 25_000;

/// Authorizes, validates and sends or marks as read.
pub(super) async fn messages(
    State(simulator): State<Arc<Simulator>>,
    ConnectInfo(line): ConnectInfo<Line>,
    Path((version, phone_number_id)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, Refusal> {
    check_version(&version)?;
    let token = authorize(&simulator, &headers, &uri)?;
    let number = visible_number(&simulator, &token, &phone_number_id)
        .ok_or_else(|| Refusal::no_such_object("post", &phone_number_id))?;
    match validate::request(&body)? {
        Request::Send(outgoing) => send(&simulator, &line, &number, &outgoing).await,
        Request::MarkRead { wamid, typing } => {
            mark_read(&simulator, &line, &number, &wamid, typing).await
        }
    }
}

async fn send(
    simulator: &Simulator,
    line: &Line,
    number: &Number,
    outgoing: &Outgoing,
) -> Result<Response, Refusal> {
    let sent = try_to_send(simulator, line, number, outgoing).await;
    if let (Err(refusal), Some(callback)) = (&sent, &outgoing.callback) {
        let mut state = simulator.lock();
        state.refused.insert(callback.clone(), refusal.code());
    }
    sent
}

async fn try_to_send(
    simulator: &Simulator,
    line: &Line,
    number: &Number,
    outgoing: &Outgoing,
) -> Result<Response, Refusal> {
    let fault = simulator.admit(number, outgoing)?;
    before(simulator, line, fault).await?;
    if let Some(Misbehaviour::BrokenAnswer { http, sent: false }) = fault {
        return Ok(broken(http));
    }
    let accepted = simulator.accept(number, outgoing, fault);
    if let Some(mut heard) = accepted.heard {
        tokio::select! {
            // Nothing is ever sent; the channel closes.
            _ = heard.recv() => {}
            () = simulator.stopped() => {}
        }
    }
    Ok(after(simulator, line, fault)
        .await
        .unwrap_or_else(|| Json(accepted.answer).into_response()))
}

async fn mark_read(
    simulator: &Simulator,
    line: &Line,
    number: &Number,
    wamid: &str,
    typing: bool,
) -> Result<Response, Refusal> {
    let id = &number.phone_number_id;
    let fault = faults::take(&mut simulator.lock().faults, Call::MarkRead, id, None);
    before(simulator, line, fault).await?;
    if let Some(Misbehaviour::BrokenAnswer { http, sent: false }) = fault {
        return Ok(broken(http));
    }
    {
        let mut state = simulator.lock();
        let typing_until = if typing {
            state.now_ms() + TYPING_MS
        } else {
            0
        };
        let known = state.mark_read(id, wamid, typing_until);
        if !known && !state.assume_known {
            return Err(Refusal::invalid(
                "The message_id names no message to this number.",
            ));
        }
    }
    let answer = || Json(json!({"success": true})).into_response();
    Ok(after(simulator, line, fault).await.unwrap_or_else(answer))
}

/// What goes wrong before anything is sent.
pub(super) async fn before(
    simulator: &Simulator,
    line: &Line,
    fault: Option<Misbehaviour>,
) -> Result<(), Refusal> {
    match fault {
        Some(Misbehaviour::CutBefore) => match line.cut().await {},
        Some(Misbehaviour::Refuse { code, http }) => {
            let refusal = Refusal::of(code);
            return Err(match http {
                Some(http) => refusal.with_http(http),
                None => refusal,
            });
        }
        Some(Misbehaviour::Kill {
            at: Instant::BeforeSending,
        }) => kill(simulator),
        _ => {}
    }
    Ok(())
}

/// What goes wrong once it is sent; `None` when the answer may go.
pub(super) async fn after(
    simulator: &Simulator,
    line: &Line,
    fault: Option<Misbehaviour>,
) -> Option<Response> {
    match fault? {
        Misbehaviour::NeverAnswer => {
            simulator.stopped().await;
            match line.cut().await {}
        }
        Misbehaviour::CutAfter | Misbehaviour::Untold => match line.cut().await {},
        Misbehaviour::BrokenAnswer { http, .. } => return Some(broken(http)),
        Misbehaviour::Slow { millis } => tokio::select! {
            () = tokio::time::sleep(Duration::from_millis(millis)) => {}
            () = simulator.stopped() => {}
        },
        Misbehaviour::Kill {
            at: Instant::BeforeAnswering,
        } => kill(simulator),
        // What only files meet, their own handlers do.
        Misbehaviour::LieAboutLength
        | Misbehaviour::LieAboutDigest
        | Misbehaviour::OtherBytes
        | Misbehaviour::Gone
        | Misbehaviour::Redirect { .. }
        | Misbehaviour::CutBefore
        | Misbehaviour::Refuse { .. }
        | Misbehaviour::FailLater { .. }
        | Misbehaviour::Kill {
            at: Instant::BeforeSending,
        } => {}
    }
    None
}

/// The faults that a read can meet.
pub(super) async fn read_fault(
    simulator: &Simulator,
    line: &Line,
    id: &str,
) -> Result<Option<Response>, Refusal> {
    let fault = faults::take(&mut simulator.lock().faults, Call::Read, id, None);
    before(simulator, line, fault).await?;
    Ok(after(simulator, line, fault).await)
}

fn kill(simulator: &Simulator) {
    if let Some(hook) = simulator.kill_hook() {
        hook();
    }
}

/// What a proxy in front of Graph says when Graph is away: no JSON.
pub(super) fn broken(http: u16) -> Response {
    let status = StatusCode::from_u16(http).unwrap_or(StatusCode::BAD_GATEWAY);
    let page = Html("<html><body><h1>Sorry, something went wrong.</h1></body></html>");
    (status, [(header::CONNECTION, "close")], page).into_response()
}
