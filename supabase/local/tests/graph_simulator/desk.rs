//! A business at its desk: a simulator, a client with its token, and a receiver of
//! webhooks in the worker's place.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use local_stack::graph::{App, Config, Handle, Number, Simulator, Token, signature};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch;

pub const NUMBER: &str = "106540352242922";
pub const ACCOUNT: &str = "102290129340398";
pub const APP: &str = "670843887433847";
pub const PHONE: &str = "16505551234";
const SECRET: &str = "test-app-secret";
const TOKEN: &str = "test-token";

/// How long a test waits for something before it says that it does not come.
const PATIENCE: Duration = Duration::from_secs(20);

pub struct Desk {
    pub graph: Handle,
    pub worker: Receiver,
    client: reqwest::Client,
}

impl Desk {
    pub async fn open() -> Self {
        Self::with(|_| {}).await
    }

    /// With a configuration changed from one valid token, one number, seed 7.
    pub async fn with(change: impl FnOnce(&mut Config)) -> Self {
        let worker = Receiver::start().await;
        let app = App {
            app_id: APP.to_owned(),
            app_secret: SECRET.into(),
            webhook_url: worker.url.clone(),
        };
        let number = Number::new(NUMBER, ACCOUNT, "+1 555-078-3881");
        let mut config = Config::new(app, Token::new(TOKEN, APP), number);
        config.seed = Some(7);
        change(&mut config);
        let graph = Simulator::start(config).await.unwrap();
        let client = reqwest::Client::builder()
            .no_proxy()
            .timeout(PATIENCE)
            .build()
            .unwrap();
        Self {
            graph,
            worker,
            client,
        }
    }

    pub fn simulator(&self) -> &Simulator {
        self.graph.simulator()
    }

    /// PHONE wrote, so that it may be answered.
    pub fn open_window(&self) {
        self.simulator().wrote(PHONE, NUMBER, None).unwrap();
    }

    /// A request whose answer may fail to come.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.client
            .request(method, format!("{}{path}", self.graph.url()))
    }

    pub async fn post(&self, path: &str, token: &str, body: &Value) -> (u16, Value) {
        let request = self
            .request(reqwest::Method::POST, path)
            .bearer_auth(token)
            .json(body);
        answer(request).await
    }

    pub async fn get(&self, path: &str) -> (u16, Value) {
        answer(self.request(reqwest::Method::GET, path).bearer_auth(TOKEN)).await
    }

    /// The messages endpoint, as the worker calls it.
    pub fn sending(&self, body: &Value) -> reqwest::RequestBuilder {
        let path = format!("/v26.0/{NUMBER}/messages");
        self.request(reqwest::Method::POST, &path)
            .bearer_auth(TOKEN)
            .json(body)
    }

    pub async fn send(&self, body: &Value) -> (u16, Value) {
        answer(self.sending(body)).await
    }

    /// Sends a text that must be accepted; gives its wamid.
    pub async fn send_text(&self, text: &str) -> String {
        let (status, answer) = self.send(&text_to(PHONE, text)).await;
        assert_eq!(status, 200, "{answer}");
        answer["messages"][0]["id"].as_str().unwrap().to_owned()
    }

    /// Everything that left was answered with 200.
    pub async fn settled(&self) {
        let settled = tokio::time::timeout(PATIENCE, self.simulator().settled());
        settled.await.expect("webhooks are taken in time");
    }

    /// Waits until something is so that nothing announces.
    pub async fn until(&self, so: impl Fn() -> bool) {
        let waiting = async {
            while !so() {
                tokio::task::yield_now().await;
            }
        };
        let so = tokio::time::timeout(PATIENCE, waiting).await;
        so.expect("it becomes so in time");
    }

    /// Stops the simulator, which must leave nothing behind.
    pub async fn close(self) {
        let stopped = tokio::time::timeout(PATIENCE, self.graph.shutdown());
        stopped.await.expect("it stops in time").unwrap();
    }
}

/// Sends a request that must be answered with JSON.
pub async fn answer(request: reqwest::RequestBuilder) -> (u16, Value) {
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// A text in Meta's shape, with callback data.
pub fn text_to(phone: &str, text: &str) -> Value {
    json!({
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": phone,
        "type": "text",
        "text": {"preview_url": false, "body": text},
        "biz_opaque_callback_data": format!("{text}:1"),
    })
}

/// Takes webhooks as the worker would.
pub struct Receiver {
    pub url: String,
    inbox: Arc<Inbox>,
}

#[derive(Default)]
struct Inbox {
    bodies: watch::Sender<Vec<Bytes>>,
    refusals: Mutex<VecDeque<u16>>,
}

impl Receiver {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!(
            "http://{}/webhooks/whatsapp",
            listener.local_addr().unwrap()
        );
        let inbox = Arc::new(Inbox::default());
        let router = Router::new()
            .route("/webhooks/whatsapp", post(receive))
            .with_state(Arc::clone(&inbox));
        tokio::spawn(axum::serve(listener, router).into_future());
        Self { url, inbox }
    }

    /// Answers the next webhooks with these statuses, then with 200 again.
    pub fn refuse(&self, statuses: &[u16]) {
        self.inbox.refusals.lock().unwrap().extend(statuses);
    }

    /// Every body that was signed right and taken, in order of arrival.
    pub fn bodies(&self) -> Vec<Bytes> {
        self.inbox.bodies.borrow().clone()
    }

    /// The `value` of every change that was taken.
    pub fn values(&self) -> Vec<Value> {
        let values = |body: &Bytes| {
            let body: Value = serde_json::from_slice(body).unwrap();
            assert_eq!(body["object"], "whatsapp_business_account");
            assert_eq!(body["entry"][0]["id"], ACCOUNT);
            let changes = body["entry"][0]["changes"].as_array().unwrap().clone();
            changes
                .into_iter()
                .map(|change| change["value"].clone())
                .collect::<Vec<_>>()
        };
        self.bodies().iter().flat_map(values).collect()
    }

    /// Every status that was taken.
    pub fn statuses(&self) -> Vec<Value> {
        let status = |value: &Value| value["statuses"].get(0).cloned();
        self.values().iter().filter_map(status).collect()
    }

    /// The words of the statuses that were taken.
    pub fn words(&self) -> Vec<String> {
        let word = |status: &Value| status["status"].as_str().unwrap().to_owned();
        self.statuses().iter().map(word).collect()
    }
}

/// 401 for a wrong signature, so that such a body never counts as taken.
async fn receive(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: Bytes) -> StatusCode {
    let signed = headers
        .get("x-hub-signature-256")
        .and_then(|value| value.to_str().ok());
    if signed != Some(&signature(SECRET, &body)) || headers["content-type"] != "application/json" {
        return StatusCode::UNAUTHORIZED;
    }
    if let Some(refusal) = inbox.refusals.lock().unwrap().pop_front() {
        return StatusCode::from_u16(refusal).unwrap();
    }
    inbox.bodies.send_modify(|bodies| bodies.push(body));
    StatusCode::OK
}
