//! Webhooks, signed, and how they are posted: at a pace, or as fast as they are taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use bytes::Bytes;
use futures_util::future::try_join_all;
use reqwest::{Client, StatusCode};
use tokio::time::sleep_until;

use super::stage;
use crate::messages::{self, Delivered, Message};

/// The longest that one webhook is repeated.
const PATIENCE: Duration = Duration::from_secs(60);

/// One body with its signature.
#[derive(Clone)]
pub struct Webhook {
    body: Bytes,
    signature: String,
    /// Messages and statuses in it.
    pub updates: usize,
}

impl Webhook {
    /// As Meta posts these.
    pub fn of(messages: &[Message], delivered: &[Delivered]) -> Result<Self> {
        let body = messages::body(messages, delivered)?;
        Ok(Self {
            signature: stage::signature(&body),
            body: body.into(),
            updates: messages.len() + delivered.len(),
        })
    }

    /// Posts it until it is answered with 200, as Meta does; only sooner.
    pub async fn post(self, client: &Client, url: &str) -> Result<()> {
        let began = Instant::now();
        loop {
            let answer = client
                .post(url)
                .header("content-type", "application/json")
                .header("x-hub-signature-256", &self.signature)
                .body(self.body.clone())
                .send()
                .await?;
            if answer.status() == StatusCode::OK {
                return Ok(());
            }
            ensure!(
                began.elapsed() < PATIENCE,
                "{} at {url} for {PATIENCE:?}",
                answer.status()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// Posts so many a second, however long the answers take. Gives the milliseconds from when each was due to its 200: a
/// receiver that falls behind cannot hide it.
pub async fn pace(
    client: &Client,
    url: &str,
    webhooks: Vec<Webhook>,
    per_second: u32,
) -> Result<Vec<f64>> {
    let began = tokio::time::Instant::now();
    let mut tasks = Vec::with_capacity(webhooks.len());
    for (place, webhook) in (0_u32..).zip(webhooks) {
        let due = began + Duration::from_secs(1) * place / per_second;
        sleep_until(due).await;
        let (client, url) = (client.clone(), url.to_owned());
        tasks.push(tokio::spawn(async move {
            webhook.post(&client, &url).await?;
            anyhow::Ok(due.elapsed().as_secs_f64() * 1000.0)
        }));
    }
    try_join_all(tasks).await?.into_iter().collect()
}

/// Posts by so many clients, each as soon as its last was answered, for a time. Gives how many updates were committed, and
/// in which time.
pub async fn flood(
    client: &Client,
    url: &str,
    webhooks: Vec<Webhook>,
    clients: usize,
    lasts: Duration,
) -> Result<(usize, Duration)> {
    let line = Arc::new(Mutex::new(webhooks.into_iter()));
    let began = Instant::now();
    let tasks = (0..clients).map(|_| {
        let (client, url, line) = (client.clone(), url.to_owned(), Arc::clone(&line));
        tokio::spawn(async move {
            let mut updates = 0;
            while began.elapsed() < lasts {
                let next = line.lock().unwrap_or_else(PoisonError::into_inner).next();
                let Some(webhook) = next else { break };
                let of = webhook.updates;
                webhook.post(&client, &url).await?;
                updates += of;
            }
            anyhow::Ok(updates)
        })
    });
    let done: Vec<usize> = try_join_all(tasks)
        .await?
        .into_iter()
        .collect::<Result<_>>()?;
    Ok((done.iter().sum(), began.elapsed()))
}
