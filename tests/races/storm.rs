//! Deliveries as Meta makes them on its worst day: the same messages many times, shuffled, from many clients at once,
//! each repeated until somebody says 200.

use std::cell::Cell;
use std::collections::BTreeSet;

use anyhow::{Result, bail, ensure};
use futures_util::future::try_join_all;
use local_stack::graph::{signature, wire};
use pg_chat_tests::graph::APP_SECRET;
use pg_chat_tests::race::Race;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{body_of_messages, image, text};
use pg_chat_tests::{Number, TestDb, Worker, http_client, wait_until};
use rand::RngExt;
use rand::seq::SliceRandom;
use reqwest::{Client, StatusCode};
use serde_json::Value;

/// Most messages in one body.
const BODY: usize = 8;

/// How large it is.
#[derive(Clone, Copy)]
pub struct Size {
    pub clients: usize,
    pub people: usize,
    pub messages: usize,
    /// How often each client posts each message.
    pub times: usize,
}

/// All messages, and how many of all deliveries were answered with 200 so far.
pub struct Storm {
    size: Size,
    race: Race,
    messages: Vec<Value>,
    number: Number,
    url: String,
    taken: Cell<usize>,
}

impl Storm {
    /// Messages of several people, texts and images, for one number.
    pub fn new(size: Size, race: Race, number: &Number, worker: &Worker) -> Self {
        let message = |n: usize| {
            let (from, wamid) = (phone(n % size.people), format!("wamid.storm.{n}"));
            if n % 10 == 3 {
                image(&from, &wamid, &format!("picture {n}"))
            } else {
                text(&from, &wamid, &format!("text {n}"))
            }
        };
        Self {
            size,
            race,
            messages: (0..size.messages).map(message).collect(),
            number: number.clone(),
            url: worker.url("/webhooks/whatsapp"),
            taken: Cell::new(0),
        }
    }

    /// All clients at once, until everything was taken.
    pub async fn rage(&self) -> Result<()> {
        try_join_all((0..self.size.clients).map(|client| self.client(client))).await?;
        Ok(())
    }

    async fn client(&self, client: usize) -> Result<()> {
        let mut chance = self.race.chance(client);
        let meta = http_client();
        for _ in 0..self.size.times {
            let mut shuffled = self.messages.clone();
            shuffled.shuffle(&mut chance);
            while !shuffled.is_empty() {
                let some = shuffled.len().min(chance.random_range(1..=BODY));
                let body: Vec<_> = shuffled.drain(..some).collect();
                deliver(&meta, &self.url, &body_of_messages(&self.number, &body)).await?;
                self.taken.set(self.taken.get() + some);
            }
        }
        Ok(())
    }

    /// Waits until so large a part of all deliveries was taken; `part` is of `parts`.
    pub async fn until(&self, part: usize, parts: usize) -> Result<()> {
        let goal = self.size.clients * self.size.times * self.size.messages * part / parts;
        wait_until("deliveries go on", async || {
            Ok((self.taken.get() >= goal).then_some(()))
        })
        .await
    }

    /// Nothing is lost, doubled or out of place.
    pub async fn assert_all_stored_once(&self, db: &TestDb) -> Result<()> {
        let stored: Vec<String> = sqlx::query_scalar(
            "select whatsapp_message_id from public.mod_chat_messages where sender_type = 'visitor'",
        )
        .fetch_all(db.owner())
        .await?;
        let distinct: BTreeSet<_> = stored.iter().map(String::as_str).collect();
        let expected: BTreeSet<_> = self
            .messages
            .iter()
            .filter_map(|message| message["id"].as_str())
            .collect();
        ensure!(
            distinct == expected,
            "{} messages are lost",
            expected.difference(&distinct).count()
        );
        ensure!(
            stored.len() == expected.len(),
            "{} are doubled",
            stored.len() - expected.len()
        );
        let people = i64::try_from(self.size.people)?;
        for table in ["mod_chat_conversations", "mod_chat_visitors"] {
            let rows = db.count(&format!("public.{table}")).await?;
            ensure!(rows == people, "{rows} rows of {table} for {people} people");
        }
        ensure!(
            db.count("chat.dead_letters").await? == 0,
            "there are dead letters"
        );
        ensure!(
            db.count("public.mod_chat_messages where kind = 'unknown'")
                .await?
                == 0,
            "there are placeholders"
        );
        assert_counters_equal_recount(db).await
    }
}

/// The phone of one of the people.
pub fn phone(person: usize) -> String {
    format!("1555020{person:04}")
}

/// Posts until it is taken. What Meta repeats, this repeats: no answer, and 503.
async fn deliver(meta: &Client, url: &str, body: &Value) -> Result<()> {
    let bytes = wire(body);
    let signed = signature(APP_SECRET, &bytes);
    wait_until("a delivery is taken", async || {
        let post = meta
            .post(url)
            .header("content-type", "application/json")
            .header("x-hub-signature-256", &signed);
        match post
            .body(bytes.clone())
            .send()
            .await
            .map(|answer| answer.status())
        {
            Ok(StatusCode::OK) => Ok(Some(())),
            Ok(StatusCode::SERVICE_UNAVAILABLE) | Err(_) => Ok(None),
            Ok(other) => bail!("a delivery was answered with {other}"),
        }
    })
    .await
}
