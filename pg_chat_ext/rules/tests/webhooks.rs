//! Webhook bodies by example: `tests/vectors/webhooks`, our own, in Meta's shapes. And what no file can
//! hold: bytes that are no text, bodies that are no JSON, bodies that are damaged.

use std::fs;
use std::path::PathBuf;

use chat_rules::conversations::{ContentType, Kind};
use chat_rules::whatsapp::{Error, MAX_RUN, What, cut_runs, parse};
use serde_json::{Value, json};

const VECTORS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/webhooks");

struct Vector {
    name: String,
    body: Vec<u8>,
    items: Value,
}

/// All files, in the order of their names.
fn vectors() -> Vec<Vector> {
    let entries = fs::read_dir(VECTORS).expect("the vectors are in the repository");
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .collect();
    paths.sort();
    paths
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).expect("a readable file");
            let vector: Value =
                serde_json::from_str(&text).unwrap_or_else(|e| panic!("{path:?}: {e}"));
            assert!(vector["says"].is_string(), "{path:?} says what it is for");
            let body = match vector["body_text"].as_str() {
                Some(text) => text.as_bytes().to_vec(),
                None => serde_json::to_vec(&vector["body"]).expect("JSON"),
            };
            let name = path
                .file_stem()
                .expect("a name")
                .to_string_lossy()
                .into_owned();
            Vector {
                name,
                body,
                items: vector["items"].clone(),
            }
        })
        .collect()
}

/// Where `expected` says something else than `got`: objects may hold more than expected, and null
/// stands for a missing field.
fn difference(path: &str, expected: &Value, got: &Value) -> Option<String> {
    match (expected, got) {
        (Value::Object(expected), Value::Object(got)) => {
            expected.iter().find_map(|(key, expected)| {
                difference(
                    &format!("{path}/{key}"),
                    expected,
                    got.get(key).unwrap_or(&Value::Null),
                )
            })
        }
        (Value::Array(expected), Value::Array(got)) if expected.len() == got.len() => expected
            .iter()
            .zip(got)
            .enumerate()
            .find_map(|(n, (expected, got))| difference(&format!("{path}/{n}"), expected, got)),
        (expected, got) if expected == got => None,
        (expected, got) => Some(format!("{path}: {got}, expected {expected}")),
    }
}

#[test]
fn every_webhook_says_what_it_should() {
    let vectors = vectors();
    assert!(vectors.len() > 90, "only {} vectors", vectors.len());
    let wrong: Vec<_> = vectors
        .iter()
        .filter_map(|vector| {
            let items = parse(&vector.body).unwrap_or_else(|e| panic!("{}: {e}", vector.name));
            let difference = difference("", &vector.items, &json!(items))?;
            Some(format!("{}: {difference}", vector.name))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_vectors_show_every_kind_that_a_webhook_can_bring() {
    let mut kinds: Vec<Kind> = vectors()
        .iter()
        .flat_map(|vector| parse(&vector.body).expect("JSON"))
        .filter_map(|item| item.kind)
        .collect();
    kinds.sort();
    kinds.dedup();
    // These are only ever written here.
    let ours = [Kind::Template, Kind::Note, Kind::Event];
    let missing: Vec<_> = Kind::ALL
        .iter()
        .filter(|k| !kinds.contains(k) && !ours.contains(k))
        .collect();
    assert!(missing.is_empty(), "no vector shows {missing:?}");
}

#[test]
fn what_is_no_json_is_the_only_error() {
    for body in [
        "",
        "hello",
        "{",
        "{\"object\":",
        "[1,2",
        "\0",
        "{'a':1}",
        "{\"a\":\"\u{1}\"}",
    ] {
        assert!(
            matches!(parse(body.as_bytes()), Err(Error::NotJson(_))),
            "{body:?}"
        );
    }
    assert!(parse(&[0xff, 0xfe, 0x00]).is_err());
    assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    for body in ["null", "0", "\"x\"", "[]", "{}", "true"] {
        assert!(parse(body.as_bytes()).is_ok(), "{body:?}");
    }
}

#[test]
fn bytes_that_are_no_text_cost_only_themselves() {
    let burst = vectors()
        .into_iter()
        .find(|v| v.name == "burst_of_three")
        .expect("the burst");
    let text = String::from_utf8(burst.body).expect("UTF-8");
    let (before, after) = text.split_once("are you open").expect("its second message");
    let body = [before.as_bytes(), b"are \xc3( you", after.as_bytes()].concat();
    let items = parse(&body).expect("JSON");
    let words: Vec<_> = items.iter().map(|item| item.content.as_deref()).collect();
    assert_eq!(
        words,
        [Some("Hello"), Some("are \u{fffd}( you"), Some("today?")]
    );
}

#[test]
fn a_placeholder_keeps_the_ids_and_the_raw_item_and_nothing_else() {
    let image = vectors()
        .into_iter()
        .find(|v| v.name == "image_with_caption")
        .expect("the image");
    let item = parse(&image.body).expect("JSON").remove(0);
    let placeholder = item.as_placeholder("22P05");
    assert_eq!(placeholder.wamid, item.wamid);
    assert_eq!(placeholder.identity_key(), item.identity_key());
    assert_eq!(placeholder.phone_number_id, item.phone_number_id);
    assert_eq!(placeholder.at, item.at);
    assert_eq!(placeholder.kind, Some(Kind::Unknown));
    assert_eq!(placeholder.content_type, Some(ContentType::Text));
    assert!(placeholder.content.is_none() && placeholder.file.is_none());
    let expected = json!({"reason": "22P05", "raw": item.raw});
    assert_eq!(Value::from(placeholder.metadata), expected);
}

#[test]
fn what_a_log_can_show_holds_no_words_and_no_people() {
    for vector in vectors() {
        for item in parse(&vector.body).expect("JSON") {
            let shown = format!("{item:?}");
            for secret in [&item.content, &item.name, &item.phone, &item.bsuid] {
                let secret = secret.as_deref().filter(|secret| secret.len() > 4);
                assert!(
                    secret.is_none_or(|secret| !shown.contains(secret)),
                    "{}: {shown}",
                    vector.name
                );
            }
        }
    }
}

#[test]
fn runs_are_of_one_number_sorted_and_short() {
    let items: Vec<_> = vectors()
        .iter()
        .flat_map(|v| parse(&v.body).expect("JSON"))
        .collect();
    let items: Vec<_> = std::iter::repeat_n(items, 4).flatten().collect();
    let count = items.len();
    let runs = cut_runs(items.clone());
    assert_eq!(
        runs.iter().map(Vec::len).sum::<usize>(),
        count,
        "nothing is lost"
    );
    for run in &runs {
        assert!(!run.is_empty() && run.len() <= MAX_RUN);
        assert!(
            run.iter()
                .all(|item| item.phone_number_id == run[0].phone_number_id)
        );
        assert!(run.is_sorted_by_key(|item| (item.what, item.identity_key().to_owned())));
    }
    // What one person wrote stays in its order.
    let of = |items: &[chat_rules::whatsapp::Item]| -> Vec<_> {
        let theirs = |item: &&chat_rules::whatsapp::Item| {
            item.what == What::Message
                && item.identity_key() == "DE.4kQ7vTn2Zp"
                && item.phone_number_id.as_deref() == Some("700100200300401")
        };
        items
            .iter()
            .filter(theirs)
            .map(|item| item.wamid.clone())
            .collect()
    };
    assert_eq!(of(&runs.concat()), of(&items));
    assert!(cut_runs(Vec::new()).is_empty());
}

fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => text.contains('\0'),
        Value::Array(list) => list.iter().any(holds_nul),
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key.contains('\0') || holds_nul(value)),
        _ => false,
    }
}

/// Damages every body in many ways, the same on every run: none may panic, and whatever is still
/// JSON is parsed, cut into runs and shown.
#[test]
fn no_damage_makes_parsing_panic() {
    let mut state = 42_u64;
    let mut below = |end: usize| {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize % end
    };
    let pieces: [&[u8]; 14] = [
        b"\"",
        b"\\",
        b"\\u",
        b"\\u0000",
        b"\\ud83d",
        b"\\udc00",
        b"{",
        b"}",
        b"[]",
        b"null",
        b"-1e9",
        b"\xff",
        b"\xe2\x82",
        b"",
    ];
    let (mut parsed, mut refused) = (0, 0);
    for vector in vectors() {
        let body = vector.body;
        let mut damaged = Vec::new();
        damaged.extend((0..body.len()).step_by(7).map(|end| body[..end].to_vec()));
        for _ in 0..120 {
            let mut bytes = body.clone();
            for _ in 0..=below(3) {
                let start = below(bytes.len() + 1);
                let end = (start + below(6)).min(bytes.len());
                bytes.splice(start..end, pieces[below(pieces.len())].iter().copied());
            }
            damaged.push(bytes);
        }
        for bytes in damaged {
            match parse(&bytes) {
                Ok(items) => {
                    parsed += 1;
                    let shown = json!(cut_runs(items));
                    assert!(!holds_nul(&shown), "Postgres would refuse {}", vector.name);
                }
                Err(Error::NotJson(_)) => refused += 1,
            }
        }
    }
    assert!(
        parsed > 1_000 && refused > 1_000,
        "{parsed} parsed, {refused} refused"
    );
}
