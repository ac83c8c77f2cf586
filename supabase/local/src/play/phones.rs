//! Meta's side of the play: the Graph simulator, directed over its controls.

use reqwest::{Client, Method};
use serde_json::{Value, json};

use super::agent::answer;
use super::{check, until};
use crate::error::{Error, Result};
use crate::graph::{Author, Bubble, Deliveries, Delivery, PhoneView};
use crate::stack::Settings;
use crate::stack::cast::APP_ID;

pub(super) struct Phones {
    client: Client,
    url: String,
}

impl Phones {
    pub(super) fn of(client: &Client, settings: &Settings) -> Self {
        Self {
            client: client.clone(),
            url: settings.graph_url.clone(),
        }
    }

    /// Has `body` signed and posted to the worker, `copies` further times too.
    pub(super) async fn post(&self, body: &Value, copies: u32) -> Result<()> {
        let given = json!({ "app_id": APP_ID, "body": body, "copies": copies });
        self.control(Method::POST, "webhooks", Some(&given))
            .await
            .map(drop)
    }

    /// Puts a picture at Meta, as a phone does that sends one; what a webhook says of it.
    pub(super) async fn upload(&self, picture: &'static [u8], mime_type: &str) -> Result<Value> {
        let request = self
            .client
            .post(format!("{}/control/media", self.url))
            .header("content-type", mime_type)
            .body(picture);
        answer("POST /control/media", request).await
    }

    /// Sets how webhooks leave from now on.
    pub(super) async fn deliver(&self, delivery: &Delivery) -> Result<()> {
        let delivery = json!(delivery);
        self.control(Method::PUT, "delivery", Some(&delivery))
            .await
            .map(drop)
    }

    /// Lets held statuses go; how many there were.
    pub(super) async fn release(&self) -> Result<u64> {
        let answer = self
            .control(Method::POST, "deliveries/release", None)
            .await?;
        Ok(answer["released"].as_u64().unwrap_or_default())
    }

    /// Where webhooks stand.
    pub(super) async fn deliveries(&self) -> Result<Deliveries> {
        read(self.control(Method::GET, "deliveries", None).await?)
    }

    /// Returns when the worker has taken everything, each at its first try.
    pub(super) async fn all_taken(&self) -> Result<()> {
        let deliveries = until("the worker to take the webhooks", || async {
            let deliveries = self.deliveries().await?;
            Ok((deliveries.open == 0).then_some(deliveries))
        })
        .await?;
        let refused = deliveries.log.iter().find(|record| record.tries > 1);
        check(refused.is_none(), || {
            format!("the worker did not take a webhook at once: {refused:?}")
        })
    }

    /// The messages that the business wrote to `phone`.
    pub(super) async fn received(&self, phone: &str) -> Result<Vec<Bubble>> {
        let view: PhoneView = read(
            self.control(Method::GET, &format!("phones/{phone}"), None)
                .await?,
        )?;
        Ok(view
            .bubbles
            .into_iter()
            .filter(|bubble| bubble.by == Author::Business)
            .collect())
    }

    async fn control(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Value> {
        let what = format!("{method} /control/{path}");
        let mut request = self
            .client
            .request(method, format!("{}/control/{path}", self.url));
        if let Some(body) = body {
            request = request.json(body);
        }
        answer(&what, request).await
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Value) -> Result<T> {
    serde_json::from_value(value).map_err(|error| {
        Error::Play(format!(
            "the Graph simulator said what is not understood: {error}"
        ))
    })
}
