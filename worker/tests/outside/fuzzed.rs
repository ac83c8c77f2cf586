//! What `cargo x fuzz` holds for any bytes, held for every example and for all that was ever found.

use chat_worker::{secret, webhooks::verify};
use serde_json::Value;
use std::{fs, path::Path};

#[path = "../../../tests/fuzz/src/targets.rs"]
mod targets;

const TESTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../tests");

/// Each file of a folder of tests/, in the order of their names; none of a folder that is not there.
fn files(folder: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(TESTS).join(folder);
    let Ok(entries) = fs::read_dir(&folder) else {
        return Vec::new();
    };
    let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The body of a webhook's vector.
fn body(vector: &[u8]) -> Vec<u8> {
    let vector: Value = serde_json::from_slice(vector).unwrap();
    match vector["body_text"].as_str() {
        Some(text) => text.as_bytes().to_vec(),
        None => vector["body"].to_string().into_bytes(),
    }
}

#[test]
fn every_example_and_its_damaged_copies_hold_what_is_fuzzed_for() {
    let bodies: Vec<_> = files("vectors/webhooks")
        .iter()
        .map(|file| body(file))
        .collect();
    assert!(bodies.len() > 90, "only {} vectors", bodies.len());
    for body in &bodies {
        targets::payload(body);
        targets::signature(body);
        // Cut short, without its middle, and with other bytes in it.
        for at in (0..body.len()).step_by(37) {
            targets::payload(&body[..at]);
            let mut damaged = body.clone();
            damaged[at] ^= 1 << (at % 8);
            targets::payload(&damaged);
            targets::signature(&damaged);
            damaged.drain(at..(at + 5).min(body.len()));
            targets::payload(&damaged);
        }
    }
    for file in ["dialled_phone.json", "phone_variants.json"] {
        let vectors: Value =
            serde_json::from_slice(&fs::read(Path::new(TESTS).join("vectors").join(file)).unwrap())
                .unwrap();
        let cases = vectors["cases"].as_array().unwrap();
        for typed in cases
            .iter()
            .flat_map(|case| case["args"].as_object().unwrap().values())
        {
            targets::phone(typed.as_str().unwrap().as_bytes());
        }
    }
}

#[test]
fn what_was_found_once_is_not_found_again() {
    let find =
        |folder: &str, target: fn(&[u8])| files(folder).iter().for_each(|bytes| target(bytes));
    find("fuzz/found/signature", targets::signature);
    find("fuzz/found/payload", targets::payload);
    find("fuzz/found/phone", targets::phone);
}
