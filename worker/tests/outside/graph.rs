//! What a call to Graph comes to, against servers that behave badly on purpose.

use crate::fakes::{FakeGraph, config};
use axum::{
    body::Body,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use chat_rules::whatsapp::outgoing::{self, Envelope, Message};
use chat_worker::{
    apis::graph::{Accepted, CallError, Caller, Graph},
    secret::Secret,
};
use serde_json::json;
use std::time::Duration;
use tokio::{io::AsyncReadExt, net::TcpListener};

fn graph(url: &str) -> Graph {
    Graph::new(
        &config(&[
            ("CHAT_GRAPH_URL", url),
            ("CHAT_GRAPH_CONNECT_MS", "500"),
            ("CHAT_GRAPH_TIMEOUT_MS", "1000"),
        ])
        .graph,
    )
    .unwrap()
}

async fn send(url: &str, envelope: &Envelope<'_>) -> Result<Accepted, CallError> {
    let token = Secret::new("token-90210");
    let caller = Caller {
        version: None,
        token: &token,
        within: Duration::from_secs(1),
    };
    let hello = Message {
        kind: "text",
        content: Some("Hello"),
        metadata: &json!({}),
        file_name: None,
    };
    let body = outgoing::body(&hello, envelope, None).unwrap();
    graph(url).send(caller, "106540352242922", &body).await
}

const TO_ZOE: Envelope<'static> = Envelope {
    to: Some("16505551234"),
    recipient: None,
    reply_to: None,
    callback: Some("m:1"),
};

fn accepted() -> Response {
    axum::Json(json!({"messaging_product": "whatsapp", "contacts": [{"input": "16505551234", "wa_id": "16505551234"}],
                      "messages": [{"id": "wamid.A"}]}))
    .into_response()
}

#[tokio::test]
async fn a_text_is_sent_in_metas_shape() {
    let fake = FakeGraph::answering(accepted).await;
    let quoting = Envelope {
        reply_to: Some("wamid.Q"),
        ..TO_ZOE
    };
    assert_eq!(send(&fake.url, &quoting).await.unwrap().wamid, "wamid.A");
    let seen = &fake.seen()[0];
    assert_eq!(
        (seen.method.as_str(), seen.path.as_str()),
        ("POST", "/v26.0/106540352242922/messages")
    );
    assert_eq!(seen.authorization, "Bearer token-90210");
    assert_eq!(
        seen.body,
        json!({"messaging_product": "whatsapp", "recipient_type": "individual", "to": "16505551234", "type": "text",
               "text": {"preview_url": false, "body": "Hello"}, "context": {"message_id": "wamid.Q"},
               "biz_opaque_callback_data": "m:1"})
    );
}

#[tokio::test]
async fn somebody_without_a_phone_is_addressed_by_bsuid() {
    let fake = FakeGraph::answering(accepted).await;
    send(
        &fake.url,
        &Envelope {
            to: None,
            recipient: Some("US.1349"),
            ..TO_ZOE
        },
    )
    .await
    .unwrap();
    let body = &fake.seen()[0].body;
    assert_eq!(
        (body.get("to"), &body["recipient"]),
        (None, &json!("US.1349"))
    );
}

#[tokio::test]
async fn nobody_listening_means_not_sent() {
    let free = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    assert!(matches!(
        send(&format!("http://{free}"), &TO_ZOE).await,
        Err(CallError::NotSent(_))
    ));
}

#[tokio::test]
async fn a_connection_dropped_after_the_request_is_unclear() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let dropping = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let read = stream.read(&mut [0; 4096]).await.unwrap();
        assert!(read > 0);
    });
    assert!(matches!(
        send(&url, &TO_ZOE).await,
        Err(CallError::Unclear(_))
    ));
    dropping.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_never_comes_is_unclear() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let holding = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // Reads until the client gives up and closes.
        while stream.read(&mut [0; 4096]).await.is_ok_and(|read| read > 0) {}
    });
    let Err(CallError::Unclear(why)) = send(&url, &TO_ZOE).await else {
        panic!()
    };
    assert_eq!(why, "the call timed out");
    holding.await.unwrap();
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let fake = FakeGraph::answering(|| {
        let to = [(header::LOCATION, "/elsewhere")];
        (StatusCode::TEMPORARY_REDIRECT, to, Body::empty()).into_response()
    })
    .await;
    assert!(matches!(
        send(&fake.url, &TO_ZOE).await,
        Err(CallError::Refused(_))
    ));
    assert_eq!(fake.seen().len(), 1);
}

#[tokio::test]
async fn graphs_own_error_is_a_refusal_with_its_code() {
    let fake = FakeGraph::answering(|| {
        let body = json!({"error": {"message": "(#130429) Rate limit hit", "code": 130_429, "type": "OAuthException",
                                    "error_data": {"details": "throughput has been reached"}}});
        (StatusCode::BAD_REQUEST, axum::Json(body)).into_response()
    })
    .await;
    let Err(CallError::Refused(refusal)) = send(&fake.url, &TO_ZOE).await else {
        panic!()
    };
    assert_eq!((refusal.http, refusal.code), (400, Some(130_429)));
}

#[tokio::test]
async fn no_error_shows_the_token_or_the_text() {
    for url in [
        "http://127.0.0.1:1",
        &FakeGraph::answering(|| StatusCode::BAD_GATEWAY.into_response())
            .await
            .url,
    ] {
        let error = send(url, &TO_ZOE).await.unwrap_err();
        let shown = format!("{error} {error:?}");
        assert!(
            !shown.contains("90210") && !shown.contains("Hello"),
            "{shown}"
        );
    }
}
