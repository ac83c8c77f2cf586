//! Real webhook bodies, where they are at hand, posted: none costs a 5xx and each is stored as expected.
//!
//! The bodies are not part of this repository: `PG_CHAT_CORPUS` names a folder that holds them under `payloads/`. What is
//! expected of each stands in tests/vectors/corpus.json, by file name.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use chat_rules::whatsapp::{What, parse};
use local_stack::graph::signature;
use pg_chat_tests::graph::APP_SECRET;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::repository;
use reqwest::StatusCode;
use serde_json::{Map, Value, json};

use crate::stage::Stage;
use crate::vectors::{NO_TICK, accounts_of, numbers_of};

/// The folder, if there is one.
fn corpus() -> Option<PathBuf> {
    let beside = || repository().join("../shared/whatsapp");
    let folder = std::env::var_os("PG_CHAT_CORPUS")
        .map_or_else(beside, PathBuf::from)
        .join("payloads");
    folder.is_dir().then_some(folder)
}

/// Names and bytes of all bodies, by name.
fn bodies(folder: &Path) -> Result<Vec<(String, Vec<u8>)>> {
    let mut bodies = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "json")
        {
            let name = path
                .file_name()
                .context("a file has a name")?
                .to_string_lossy()
                .into_owned();
            bodies.push((name, fs::read(&path)?));
        }
    }
    bodies.sort();
    Ok(bodies)
}

#[tokio::test]
async fn every_payload_of_the_corpus_is_taken_as_expected() -> Result<()> {
    let expected: Map<String, Value> =
        serde_json::from_slice(&fs::read(repository().join("tests/vectors/corpus.json"))?)?;
    let Some(folder) = corpus() else {
        println!("SKIPPED: the corpus is not at hand; set PG_CHAT_CORPUS");
        return Ok(());
    };
    let bodies = bodies(&folder)?;
    ensure!(
        bodies.len() == expected.len(),
        "{} payloads, {} expectations",
        bodies.len(),
        expected.len()
    );
    let numbers = numbers_of(bodies.iter().map(|(_, body)| body.as_slice()))?;
    let stage = Stage::open_for(&numbers, &NO_TICK).await?;
    let accounts = accounts_of(bodies.iter().map(|(_, body)| body.as_slice()))?;
    stage.know_accounts(&accounts).await?;

    let mut wrong = Vec::new();
    for (name, body) in bodies {
        stage.forget_everybody().await?;
        let before = stage.items().await?;
        let answer = stage
            .worker
            .post_bytes(body.clone(), &signature(APP_SECRET, &body))
            .await?;
        let after = stage.items().await?;
        // A body that brings one message twice stores it once.
        let stored = after.0 - before.0 + doubled(&body)?;
        let outcome = json!({"stored": stored, "dead": after.1 - before.1});
        let wanted = &expected
            .get(&name)
            .with_context(|| format!("{name} has no expectation"))?["outcome"];
        if answer != StatusCode::OK || !same(&outcome, wanted) {
            wrong.push(format!("{name}: {answer} {outcome}, expected {wanted}"));
        }
        assert_counters_equal_recount(&stage.db)
            .await
            .with_context(|| name.clone())?;
    }
    ensure!(
        wrong.is_empty(),
        "{} are wrong:\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
    Ok(())
}

impl Stage {
    /// Items stored and items kept aside so far.
    async fn items(&self) -> Result<(f64, f64)> {
        let stored = self.figure("chat_items_total{outcome=\"stored\"}").await?;
        Ok((
            stored,
            self.figure("chat_items_total{outcome=\"dead\"}").await?,
        ))
    }
}

/// How many messages of a body it has brought before.
fn doubled(body: &[u8]) -> Result<f64> {
    let messages = parse(body)?
        .into_iter()
        .filter(|item| item.what == What::Message);
    let wamids: Vec<_> = messages.filter_map(|item| item.wamid).collect();
    let distinct: BTreeSet<_> = wamids.iter().collect();
    Ok(u32::try_from(wamids.len() - distinct.len())?.into())
}

/// Equal as numbers.
fn same(a: &Value, b: &Value) -> bool {
    ["stored", "dead"]
        .iter()
        .all(|name| a[name].as_f64() == b[name].as_f64())
}
