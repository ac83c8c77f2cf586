//! Every webhook body of tests/vectors/webhooks, posted: what the parser makes of it is expected there, what the tables
//! make of that is checked here.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context, Result, ensure};
use chat_rules::whatsapp::parse;
use jiff::Timestamp;
use local_stack::graph::{signature, wire};
use pg_chat_tests::graph::APP_SECRET;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::repository;
use reqwest::StatusCode;
use serde::Deserialize;
use serde_json::Value;

use crate::stage::Stage;

/// A body, as JSON or byte for byte, and the items it is made of.
#[derive(Deserialize)]
struct Vector {
    body: Option<Value>,
    body_text: Option<String>,
    items: Vec<Value>,
}

impl Vector {
    fn bytes(&self) -> Result<Vec<u8>> {
        match (&self.body, &self.body_text) {
            (Some(body), None) => Ok(wire(body)),
            (None, Some(text)) => Ok(text.clone().into_bytes()),
            _ => anyhow::bail!("a vector has either body or body_text"),
        }
    }
}

/// Name and content of all vectors.
fn vectors() -> Result<Vec<(String, Vector)>> {
    let mut vectors = Vec::new();
    for entry in fs::read_dir(repository().join("tests/vectors/webhooks"))? {
        let path = entry?.path();
        let name = path.display().to_string();
        let vector = serde_json::from_slice(&fs::read(&path)?).with_context(|| name.clone())?;
        vectors.push((name, vector));
    }
    Ok(vectors)
}

/// The numbers that these bodies speak of.
pub fn numbers_of<'a>(bodies: impl IntoIterator<Item = &'a [u8]>) -> Result<BTreeSet<String>> {
    let mut numbers = BTreeSet::new();
    for body in bodies {
        numbers.extend(parse(body)?.into_iter().filter_map(|item| item.phone_number_id));
    }
    Ok(numbers)
}

/// For a worker whose tables are emptied under it: it does nothing by itself.
pub const NO_TICK: [(&str, &str); 1] = [("CHAT_QUEUE_TICK_MS", "0")];

impl Stage {
    /// Nobody ever wrote.
    pub async fn forget_everybody(&self) -> Result<()> {
        let forget = "truncate public.mod_chat_visitors, chat.orphan_statuses, chat.dead_letters cascade";
        self.db.as_owner(forget).await?;
        self.db.as_owner("update public.mod_chat_agents set current_chat_count = 0").await?;
        Ok(())
    }

    /// Where an item went.
    async fn assert_kept(&self, item: &Value) -> Result<()> {
        let field = |name: &str| item[name].as_str().unwrap_or_default();
        let has_sender = item["bsuid"].is_string() || item["phone"].is_string();
        match field("what") {
            "status" => {
                let status = format!(
                    "chat.orphan_statuses where wamid = '{}' and status = '{}'", field("wamid"), field("status"));
                ensure!(self.db.count(&status).await? == 1, "the status waits for its message");
            }
            "message" if has_sender => self.assert_shown(item).await?,
            "message" => {
                let letter = format!("chat.dead_letters where reason = 'no_sender' and item ->> 'wamid' = '{}'", field("wamid"));
                ensure!(self.db.count(&letter).await? == 1, "a message from nobody is kept aside");
            }
            _ => {
                let letter = format!("chat.dead_letters where reason = '{}'", field("reason"));
                ensure!(self.db.count(&letter).await? > 0, "it is kept aside with its reason");
            }
        }
        Ok(())
    }

    /// A message's row says what its item says.
    async fn assert_shown(&self, item: &Value) -> Result<()> {
        let wamid = item["wamid"].as_str().context("a message has a wamid")?;
        let row = self.db.row(&format!("select * from public.mod_chat_messages where whatsapp_message_id = '{wamid}'")).await?;
        // A reaction to a message we do not have is a placeholder.
        let kind = if item["kind"] == "reaction" { "unsupported" } else { item["kind"].as_str().context("kind")? };
        ensure!(row["kind"] == kind, "its kind is {}, not {kind}", row["kind"]);
        ensure!(row["content"] == item["content"], "its content is {}", row["content"]);
        if kind != "unsupported" {
            ensure!(row["content_type"] == item["content_type"], "its content_type is {}", row["content_type"]);
        }
        if let Some(at) = item["at"].as_str().map(str::parse::<Timestamp>).transpose()? {
            let sent: Timestamp = row["sent_at"].as_str().context("sent_at")?.parse()?;
            ensure!(sent == at || at > Timestamp::now(), "it was sent at {sent}, not {at}");
        }
        Ok(())
    }
}

#[tokio::test]
async fn every_vector_is_taken_and_kept_as_expected() -> Result<()> {
    let vectors = vectors()?;
    ensure!(!vectors.is_empty(), "there are no vectors");
    let bodies = vectors.iter().map(|(_, vector)| vector.bytes()).collect::<Result<Vec<_>>>()?;
    let numbers = numbers_of(bodies.iter().map(Vec::as_slice))?;
    let stage = Stage::open_for(&numbers, &NO_TICK).await?;
    let mut wrong = Vec::new();
    for ((name, vector), body) in vectors.iter().zip(bodies) {
        stage.forget_everybody().await?;
        let signed = signature(APP_SECRET, &body);
        for _ in ["once", "and again"] {
            let answer = stage.worker.post_bytes(body.clone(), &signed).await?;
            if answer != StatusCode::OK {
                wrong.push(format!("{name}: {answer}"));
            }
        }
        for item in &vector.items {
            if let Err(error) = stage.assert_kept(item).await {
                wrong.push(format!("{name}: {error:#} (item {})", item["wamid"]));
            }
        }
        assert_counters_equal_recount(&stage.db).await.with_context(|| name.clone())?;
    }
    ensure!(wrong.is_empty(), "{} are wrong:\n  {}", wrong.len(), wrong.join("\n  "));
    Ok(())
}
