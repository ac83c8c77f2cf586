//! What a page loads: each entry of the web client, minified and gzipped, as `npm run size` says it.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::process::Command;

use super::SUITE;
use crate::figures::{self, Goal, Measure};

/// Bytes of an entry.
#[derive(Deserialize)]
struct Entry {
    gzipped: f64,
}

/// All entries; nothing where the client is not built.
pub async fn run() -> Result<Vec<Measure>> {
    let client = Path::new(env!("CARGO_MANIFEST_DIR")).join("../web/client");
    if !client.join("dist").is_dir() {
        println!("web/client is not built: its size is not measured");
        return Ok(Vec::new());
    }
    let output = Command::new("node")
        .args(["size.mjs", "--json"])
        .current_dir(client)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output()
        .await
        .context("cannot start node")?;
    // Its status says whether the goal is met; so does the table.
    let entries: BTreeMap<String, Entry> = serde_json::from_slice(&output.stdout)
        .with_context(|| String::from_utf8_lossy(&output.stderr).into_owned())?;
    ensure!(!entries.is_empty(), "the client has no entry");
    let measures: Vec<_> = entries
        .into_iter()
        .map(|(case, entry)| Measure {
            suite: SUITE,
            goal: (case == "everything").then_some(Goal::AtMost(25.0)),
            case,
            metric: "gzipped",
            unit: "KiB",
            samples: vec![entry.gzipped / 1024.0],
            against: None,
        })
        .collect();
    figures::print("the web client without supabase-js and React", &measures);
    Ok(measures)
}
