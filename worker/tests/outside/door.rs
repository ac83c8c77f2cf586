//! The worker's HTTP door while its database is away: what is refused is refused, nothing is said to be stored.

use std::time::Duration;

use crate::fakes::{FakeGraph, config};
use chat_worker::{StartError, Worker, check};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use serde_json::{Value, json};
use sha2::Sha256;

const SIGNATURE: &str = "x-hub-signature-256";

fn signed(secret: &str, body: &[u8]) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes())
        .unwrap()
        .chain_update(body)
        .finalize()
        .into_bytes();
    mac.iter().fold("sha256=".to_owned(), |text, byte| {
        format!("{text}{byte:02x}")
    })
}

/// A worker and a client for it.
struct Door {
    worker: Worker,
    client: reqwest::Client,
}

impl Door {
    async fn open(more: &[(&str, &str)]) -> Self {
        let worker = Worker::start(config(more)).await.unwrap();
        Self {
            worker,
            client: reqwest::Client::new(),
        }
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.worker.address())
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        let response = self.client.get(self.url(path)).send().await.unwrap();
        (response.status(), response.text().await.unwrap())
    }

    async fn post(&self, body: &[u8], signature: Option<&str>) -> StatusCode {
        let mut request = self
            .client
            .post(self.url("/webhooks/whatsapp"))
            .body(body.to_vec());
        if let Some(signature) = signature {
            request = request.header(SIGNATURE, signature);
        }
        request.send().await.unwrap().status()
    }
}

#[tokio::test]
async fn a_challenge_is_answered_as_plain_text_at_all_three_addresses() {
    let door = Door::open(&[]).await;
    for path in [
        "/webhooks/whatsapp",
        "/api/modules/live-chat/webhooks/whatsapp",
        "/api/webhooks/whatsapp",
    ] {
        let asked = format!(
            "{path}?hub.mode=subscribe&hub.verify_token=test-verify-token&hub.challenge=1158201444"
        );
        let response = door.client.get(door.url(&asked)).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        assert!(
            response.headers()["content-type"]
                .to_str()
                .unwrap()
                .starts_with("text/plain")
        );
        assert_eq!(response.text().await.unwrap(), "1158201444");
    }
    for query in [
        "hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1",
        "hub.mode=other&hub.verify_token=test-verify-token&hub.challenge=1",
        "",
    ] {
        assert_eq!(
            door.get(&format!("/webhooks/whatsapp?{query}")).await.0,
            StatusCode::FORBIDDEN
        );
    }
    door.worker.stop().await;
}

#[tokio::test]
async fn deliveries_are_refused_for_their_reason_and_counted() {
    let door = Door::open(&[]).await;
    let body = json!({"object": "whatsapp_business_account", "entry": []})
        .to_string()
        .into_bytes();
    assert_eq!(door.post(&body, None).await, StatusCode::UNAUTHORIZED);
    assert_eq!(
        door.post(&body, Some("sha256=00")).await,
        StatusCode::UNAUTHORIZED
    );
    assert_eq!(
        door.post(&body, Some(&signed("another secret", &body)))
            .await,
        StatusCode::SERVICE_UNAVAILABLE,
        "it may be of an app that the database knows"
    );
    assert_eq!(
        door.post(b"{", Some(&signed("test-app-secret", b"{")))
            .await,
        StatusCode::BAD_REQUEST
    );
    assert_eq!(
        door.post(&body, Some(&signed("test-app-secret", &body)))
            .await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    let page = door.get("/metrics").await.1;
    for line in [
        "chat_webhook_signature_failures_total{reason=\"missing\"} 1",
        "chat_webhook_signature_failures_total{reason=\"malformed\"} 1",
        "chat_webhook_signature_failures_total{reason=\"mismatch\"} 1",
        "chat_webhooks_total{outcome=\"refused\"} 2",
        "chat_webhooks_total{outcome=\"again\"} 2",
    ] {
        assert!(page.contains(line), "{line} in\n{page}");
    }
    door.worker.stop().await;
}

#[tokio::test]
async fn a_body_over_the_limit_is_413_and_one_at_the_limit_is_not() {
    let door = Door::open(&[]).await;
    let full = vec![b' '; 4 * 1024 * 1024];
    assert_eq!(door.post(&full, None).await, StatusCode::UNAUTHORIZED);
    let over = vec![b' '; 4 * 1024 * 1024 + 1];
    assert_eq!(door.post(&over, None).await, StatusCode::PAYLOAD_TOO_LARGE);
    door.worker.stop().await;
}

#[tokio::test]
async fn before_its_apps_are_known_nothing_is_believed_and_meta_is_asked_to_come_again() {
    let door = Door::open(&[("WHATSAPP_APP_SECRET", "")]).await;
    let body = b"{}";
    assert_eq!(
        door.post(body, Some(&signed("", body))).await,
        StatusCode::SERVICE_UNAVAILABLE
    );
    door.worker.stop().await;
}

#[tokio::test]
async fn it_lives_but_is_not_ready_without_its_database() {
    let door = Door::open(&[]).await;
    assert_eq!(door.get("/healthz").await.0, StatusCode::OK);
    let (status, body) = door.get("/readyz").await;
    assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(
        body,
        json!({"ready": false, "database": false, "registered": false})
    );
    assert!(door.get("/metrics").await.1.contains("chat_database_up 0"));
    door.worker.stop().await;
}

#[tokio::test]
async fn whoever_waits_for_a_database_stops_at_once_when_told() {
    // Longer than a machine could be busy: nothing is at work that would have to end first.
    let door = Door::open(&[("CHAT_WORKER_STOP_MS", "3600000")]).await;
    let stopped = tokio::time::timeout(Duration::from_secs(60), door.worker.stop());
    assert!(stopped.await.is_ok(), "it waited for its database");
}

#[tokio::test]
async fn a_taken_port_is_one_sentence_that_says_what_to_do() {
    let door = Door::open(&[]).await;
    let address = door.worker.address().to_string();
    let error = Worker::start(config(&[("CHAT_WORKER_ADDRESS", &address)]))
        .await
        .unwrap_err();
    assert!(matches!(error, StartError::Listen { .. }));
    assert!(error.to_string().contains("CHAT_WORKER_ADDRESS"), "{error}");
    door.worker.stop().await;
}

#[tokio::test]
async fn the_check_names_what_is_wrong_and_shows_no_secret() {
    let fake = FakeGraph::answering(|| {
        use axum::response::IntoResponse;
        let body = json!({"error": {"message": "Error validating access token", "code": 190}});
        (axum::http::StatusCode::UNAUTHORIZED, axum::Json(body)).into_response()
    })
    .await;
    let report = check::report(&config(&[("CHAT_GRAPH_URL", &fake.url)])).await;
    assert_eq!(report.exit_status(), 1);
    let lines: Vec<String> = report.findings().iter().map(ToString::to_string).collect();
    assert!(
        lines
            .iter()
            .any(|line| line.starts_with("wrong    database:")),
        "{lines:#?}"
    );
    assert!(
        lines.iter().any(
            |line| line.starts_with("wrong    number 106540352242922:") && line.contains("190")
        ),
        "{lines:#?}"
    );
    assert!(
        lines.iter().all(|line| !line.contains("90210")),
        "{lines:#?}"
    );
}
