//! Meta's own examples of what a business sends, where they are at hand: a row that means the same gives the same body.
//!
//! They are not part of this repository. `PG_CHAT_CORPUS` names a folder that holds them under `api/requests`; without it
//! `../shared/whatsapp` beside the repository is looked at. What Meta leaves to its defaults is filled in before bodies are
//! compared: `recipient_type`, `type`, `preview_url`.

use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};

use chat_rules::whatsapp::outgoing::{self, Envelope, Media, Message};
use serde_json::{Value, json};

const REPOSITORY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What nothing here means.
const NOT_SENT: [&str; 1] = [
    // Nobody is asked for the key that a person is known by.
    "x_text_identity_checked.json",
];

#[test]
fn every_request_of_the_corpus_that_means_the_same_is_ours() {
    let corpus = std::env::var_os("PG_CHAT_CORPUS").map_or_else(
        || Path::new(REPOSITORY).join("../shared/whatsapp"),
        PathBuf::from,
    );
    let Ok(entries) = fs::read_dir(corpus.join("api/requests")) else {
        // Past the test harness, which keeps what a passing test prints to itself.
        let folder = corpus.display();
        writeln!(
            stderr(),
            "SKIPPED: no requests in {folder}; set PG_CHAT_CORPUS"
        )
        .expect("stderr");
        return;
    };
    let (mut same, mut wrong) = (0, Vec::new());
    for entry in entries {
        let path = entry.expect("an entry").path();
        let name = path.file_name().expect("a name").to_string_lossy();
        if NOT_SENT.contains(&&*name) {
            continue;
        }
        let text = fs::read_to_string(&path).expect("a readable file");
        let theirs: Value = serde_json::from_str(&text).expect("JSON");
        match ours(&theirs) {
            Ok(ours) if ours == with_defaults(&theirs) => same += 1,
            Ok(ours) => wrong.push(format!("{name}: {ours}")),
            Err(refused) => wrong.push(format!("{name}: {refused}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(same > 60, "{same} requests");
}

/// What is sent for a row, or a signal, that means what a body says.
fn ours(theirs: &Value) -> Result<Value, outgoing::Refused> {
    let text = |from: &Value, key: &str| from[key].as_str().map(str::to_owned);
    let wamid = text(theirs, "message_id").unwrap_or_default();
    if theirs["status"] == "read" {
        return Ok(if theirs.get("typing_indicator").is_some() {
            outgoing::typing(&wamid)
        } else {
            outgoing::mark_read(&wamid)
        });
    }
    let envelope = Envelope {
        to: theirs["to"].as_str(),
        recipient: theirs["recipient"].as_str(),
        reply_to: theirs["context"]["message_id"].as_str(),
        callback: theirs["biz_opaque_callback_data"].as_str(),
    };
    let kind = kind_of(theirs);
    let part = &theirs[&kind];
    if kind == "reaction" {
        let emoji = part["emoji"].as_str().filter(|emoji| !emoji.is_empty());
        let wamid = text(part, "message_id").expect("a message");
        return Ok(outgoing::reaction(&envelope, &wamid, emoji));
    }
    let content = match &*kind {
        "text" => text(part, "body"),
        "location" => Some(part.to_string()),
        _ => text(part, "caption"),
    };
    let metadata = match &*kind {
        "text" => json!({"preview_url": part["preview_url"]}),
        "template" => {
            let mut template = part.clone();
            let language = &part["language"];
            if language.as_object().is_some_and(|spoken| spoken.len() == 1) {
                template["language"] = language["code"].clone();
            }
            json!({ "template": template })
        }
        "contacts" | "interactive" => json!({ &*kind: part }),
        _ => json!({"media": {"id": part["id"], "link": part["link"]}}),
    };
    let mut metadata = metadata;
    if theirs["recipient_type"] == "group" {
        metadata["group_id"] = theirs["to"].clone();
    }
    let file_name = text(part, "filename");
    let message = Message {
        kind: if part["voice"] == true {
            "voice"
        } else {
            &kind
        },
        content: content.as_deref(),
        metadata: &metadata,
        file_name: file_name.as_deref(),
    };
    outgoing::body(&message, &envelope, Media::of(&metadata, None).as_ref())
}

fn kind_of(theirs: &Value) -> String {
    let holds = |key: &&&str| theirs.get(**key).is_some();
    theirs["type"].as_str().map_or_else(
        || {
            let found = ["text", "interactive"].iter().find(holds);
            (*found.expect("a type")).to_owned()
        },
        str::to_owned,
    )
}

fn with_defaults(theirs: &Value) -> Value {
    let mut full = theirs.clone();
    if full["status"] != "read" {
        let kind = kind_of(theirs);
        if kind == "text" && full["text"].get("preview_url").is_none() {
            full["text"]["preview_url"] = json!(false);
        }
        full["type"] = json!(kind);
        if full.get("recipient_type").is_none() {
            full["recipient_type"] = json!("individual");
        }
    }
    full
}
