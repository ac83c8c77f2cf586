//! Real webhook bodies, where they are at hand: what each of them is, by file name.
//!
//! The bodies are not part of this repository. `PG_CHAT_CORPUS` names a folder that holds them under
//! `payloads/`; without it `../shared/whatsapp` beside the repository is looked at.

use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};

use chat_rules::whatsapp::{What, parse};
use serde_json::{Map, Value, json};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

#[test]
fn every_payload_of_the_corpus_is_read_as_expected() {
    let text = fs::read_to_string(Path::new(REPOSITORY).join("tests/vectors/corpus.json"));
    let expected: Map<String, Value> =
        serde_json::from_str(&text.expect("the expectations are in the repository")).expect("JSON");
    let corpus = std::env::var_os("PG_CHAT_CORPUS").map_or_else(
        || Path::new(REPOSITORY).join("../shared/whatsapp"),
        PathBuf::from,
    );
    let Ok(entries) = fs::read_dir(corpus.join("payloads")) else {
        // Past the test harness, which keeps what a passing test prints to itself.
        let folder = corpus.display();
        writeln!(
            stderr(),
            "SKIPPED: no payloads in {folder}; set PG_CHAT_CORPUS"
        )
        .expect("stderr");
        return;
    };
    let mut seen = 0;
    let mut wrong = Vec::new();
    for entry in entries {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let name = path
            .file_name()
            .expect("a name")
            .to_string_lossy()
            .into_owned();
        seen += 1;
        let read = summary(&fs::read(&path).expect("a readable file"));
        match expected.get(&name) {
            Some(expected) if *expected == read => {}
            Some(expected) => wrong.push(format!("{name}: {read}, expected {expected}")),
            None => wrong.push(format!("{name} has no expectation; it is {read}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(seen, expected.len(), "payloads and expectations");
}

/// What a body is made of, and what a site that owns its numbers stores of it when it comes once.
fn summary(body: &[u8]) -> Value {
    let items = parse(body).expect("the corpus holds no body that is not JSON");
    let dead = items.iter().filter(|item| {
        let is_field = item.what == What::Field && item.about.is_none();
        let is_nowhere = item.what != What::Field && item.phone_number_id.is_none();
        let is_of_nobody = matches!(item.what, What::Message | What::Echo | What::History)
            && item.identity_key().is_empty();
        is_field || is_nowhere || is_of_nobody
    });
    let dead = dead.count();
    let stored = items.len() - dead;
    let items: Vec<_> = items
        .iter()
        .map(|item| match item.what {
            What::Message | What::Echo | What::History => {
                json!({"what": item.what, "kind": item.kind})
            }
            What::Status => json!({"what": "status", "status": item.status}),
            What::Field => json!({"what": "field", "field": item.field}),
        })
        .collect();
    json!({"items": items, "outcome": {"stored": stored, "dead": dead}})
}
