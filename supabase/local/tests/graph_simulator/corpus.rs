//! Against a corpus of Meta's requests, responses and errors, where one is at hand:
//! `PG_CHAT_CORPUS` names its folder, which has `api/` and `payloads/` in it; by default `../shared/whatsapp` beside the
//! repository.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use local_stack::graph::{Fault, Misbehaviour, Say, signature, wire};
use serde_json::{Value, json};

use crate::desk::{Desk, NUMBER, PHONE, text_to};

/// The folder, or a word on why there is nothing to test.
fn corpus() -> Option<PathBuf> {
    let beside = || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/whatsapp");
    let folder = std::env::var_os("PG_CHAT_CORPUS").map_or_else(beside, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("SKIPPED: PG_CHAT_CORPUS names no corpus of Meta's messages");
    None
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// The paths to everything in a value that is no container, arrays as one.
fn shape(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            fields
                .iter()
                .for_each(|(key, value)| shape(value, &format!("{path}.{key}"), into));
        }
        Value::Array(items) => {
            items
                .iter()
                .for_each(|item| shape(item, &format!("{path}[]"), into));
        }
        _ => drop(into.insert(path.to_owned())),
    }
}

fn shape_of(value: &Value) -> BTreeSet<String> {
    let mut paths = BTreeSet::new();
    shape(value, "", &mut paths);
    paths
}

#[tokio::test]
async fn requests_of_the_corpus_are_accepted() {
    let Some(corpus) = corpus() else { return };
    let desk = Desk::open().await;
    let wamid = desk
        .simulator()
        .say(PHONE, Say::text("hello"))
        .unwrap()
        .wamid;
    let mut met = 0;
    for file in fs::read_dir(corpus.join("api/requests")).unwrap() {
        let path = file.unwrap().path();
        let mut body = read(&path);
        // The documentation's placeholders: someone to write to, and a message to mark.
        if body["to"].as_str().is_some_and(|to| to.starts_with("{{")) {
            body["to"] = json!(PHONE);
        }
        if body["status"] == "read" {
            body["message_id"] = json!(wamid);
        }
        let (status, answer) = desk.send(&body).await;
        // Without a type a body is a text, so one with another content is refused.
        let text = body.get("type").is_none() && body.get("status").is_none();
        if text && body.get("text").is_none() {
            assert_eq!(answer["error"]["code"], 131_008, "{}", path.display());
        } else {
            assert_eq!(status, 200, "{}: {answer}", path.display());
        }
        met += 1;
    }
    assert!(met > 0);
    desk.close().await;
}

#[tokio::test]
async fn answers_have_the_shape_of_the_corpus() {
    let Some(corpus) = corpus() else { return };
    let response = |name: &str| read(&corpus.join("api/responses").join(name));
    let desk = Desk::open().await;
    let wamid = desk
        .simulator()
        .say(PHONE, Say::text("hello"))
        .unwrap()
        .wamid;
    let template = json!({"messaging_product": "whatsapp", "to": PHONE, "type": "template",
        "template": {"name": "hello_world", "language": {"code": "en_US"}}});
    let mut to_user = text_to("", "hello");
    to_user.as_object_mut().unwrap().remove("to");
    to_user["recipient"] = json!("US.13491208655302741918");
    let mark = json!({"messaging_product": "whatsapp", "status": "read", "message_id": wamid});
    for (name, body) in [
        ("send_to_phone.json", text_to(PHONE, "hello")),
        ("send_to_bsuid.json", to_user),
        ("send_template_accepted.json", template),
        ("mark_read.json", mark),
    ] {
        let (_, answer) = desk.send(&body).await;
        assert_eq!(shape_of(&answer), shape_of(&response(name)), "{name}");
    }
    let fields = "id,display_phone_number,verified_name,quality_rating,name_status,\
                  code_verification_status";
    let (_, number) = desk.get(&format!("/v26.0/{NUMBER}?fields={fields}")).await;
    let expected = response("phone_number_comprehensive_response.json");
    assert_eq!(shape_of(&number), shape_of(&expected));
    desk.close().await;
}

#[tokio::test]
async fn refusals_have_the_status_and_words_of_the_corpus() {
    let Some(corpus) = corpus() else { return };
    let desk = Desk::open().await;
    desk.open_window();
    // These name the object, the parameter or the expiry, and are met in their own tests.
    let own = [100, 131_008, 132_000, 132_001, 132_012];
    let mut met = 0;
    for known in read(&corpus.join("api/errors.json")).as_array().unwrap() {
        let code = u32::try_from(known["code"].as_u64().unwrap()).unwrap();
        let expected = &known["body"]["error"];
        if own.contains(&code) || expected["error_subcode"] == 463 {
            continue;
        }
        let does = Misbehaviour::Refuse { code, http: None };
        desk.simulator().add_fault(Fault::next(does)).unwrap();
        let (status, answer) = desk.send(&text_to(PHONE, "hello")).await;
        let met_error = &answer["error"];
        for key in [
            "message",
            "type",
            "code",
            "error_subcode",
            "error_data",
            "is_transient",
        ] {
            assert_eq!(met_error[key], expected[key], "{code}: {key}");
        }
        // The corpus has 400 beside 401 for a missing token; its response file says 401.
        if code != 104 {
            assert_eq!(u64::from(status), known["http"].as_u64().unwrap(), "{code}");
        }
        met += 1;
    }
    assert!(met > 20, "{met}");
    desk.close().await;
}

#[test]
fn signatures_and_spelling_are_those_of_the_corpus() {
    let Some(corpus) = corpus() else { return };
    let signatures = read(&corpus.join("api/signatures.json"));
    let secret = signatures["app_secret"].as_str().unwrap();
    let mut met = 0;
    for (name, expected) in signatures["files"].as_object().unwrap() {
        // Not every signed file is part of every copy of the corpus.
        let Ok(body) = fs::read(corpus.join("payloads").join(name)) else {
            continue;
        };
        assert_eq!(
            signature(secret, &body),
            expected.as_str().unwrap(),
            "{name}"
        );
        met += 1;
    }
    assert!(met > 0);

    // Keys may come in another order; the letters may not.
    let file = fs::read(corpus.join("payloads/text_wire_escaped_unicode.json")).unwrap();
    let spelled = wire(&serde_json::from_slice(&file).unwrap());
    let letters = |bytes: &[u8]| {
        let mut letters = String::from_utf8(bytes.to_vec())
            .unwrap()
            .trim_end()
            .to_owned()
            .into_bytes();
        letters.sort_unstable();
        letters
    };
    assert_eq!(letters(&spelled), letters(&file));
}
