//! A Graph that answers as it is told, and a configuration that points at it.

use axum::{Router, body::Bytes, extract::State, http::Request, response::Response};
use chat_worker::config::Config;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// What a fake does with a request.
pub type Answer = fn() -> Response;

/// A request as it arrived: method, path with query, authorization, body.
#[derive(Clone, Debug)]
pub struct Seen {
    pub method: String,
    pub path: String,
    pub authorization: String,
    pub body: serde_json::Value,
}

/// An HTTP server on a free port; it lives as long as the test's runtime.
#[derive(Clone, Debug)]
pub struct FakeGraph {
    pub url: String,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl FakeGraph {
    pub async fn answering(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let router = Router::new()
            .fallback(record)
            .with_state((Arc::clone(&seen), answer));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { url, seen }
    }

    pub fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn record(
    State((seen, answer)): State<(Arc<Mutex<Vec<Seen>>>, Answer)>,
    request: Request<axum::body::Body>,
) -> Response {
    let (parts, body) = request.into_parts();
    let body: Bytes = axum::body::to_bytes(body, usize::MAX).await.unwrap();
    seen.lock().unwrap().push(Seen {
        method: parts.method.to_string(),
        path: parts.uri.to_string(),
        authorization: parts
            .headers
            .get("authorization")
            .map(|value| value.to_str().unwrap().to_owned())
            .unwrap_or_default(),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    });
    answer()
}

/// A configuration without a database; `more` is laid over it.
pub fn config(more: &[(&str, &str)]) -> Config {
    let given = [
        // Port 1 refuses, so the database is away at once.
        (
            "CHAT_DATABASE_URL",
            "postgresql://chat_worker:secret-90210@127.0.0.1:1/postgres",
        ),
        ("CHAT_DATABASE_ACQUIRE_MS", "50"),
        ("CHAT_WORKER_ADDRESS", "127.0.0.1:0"),
        ("CHAT_WORKER_STOP_MS", "1000"),
        ("WHATSAPP_APP_SECRET", "test-app-secret"),
        ("WHATSAPP_VERIFY_TOKEN", "test-verify-token"),
        ("WHATSAPP_ACCESS_TOKEN", "token-90210"),
        ("WHATSAPP_BUSINESS_ACCOUNT_ID", "102290129340398"),
        ("WHATSAPP_PHONE_NUMBER_ID", "106540352242922"),
        (
            "CHAT_WHATSAPP_SITE_ID",
            "11111111-1111-4111-8111-111111111111",
        ),
    ];
    let all = given
        .iter()
        .chain(more)
        .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
    Config::load(None, all).unwrap()
}
