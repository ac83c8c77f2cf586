//! What must hold for any bytes at all. Each function panics where it does not.
//!
//! `cargo x fuzz` looks for bytes that break it; the worker's tests run it over every example and over whatever was ever
//! found (`found/`).

use chat_rules::whatsapp::{MAX_RUN, What, cut_runs, dialled_phone, parse, phone, phone_variants};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use sha2::Sha256;

use super::{
    secret::Secret,
    verify::{Refused, Signer, signed_by},
};

/// What our app signs with.
const SECRET: &str = "secret of the app";

/// `place`, `flip`, a signature header up to a line break, a body: nothing but the header that our secret gives for the
/// body is believed, and that one always is. The right header with one byte changed is tried, too.
pub fn signature(bytes: &[u8]) {
    let [place, flip, rest @ ..] = bytes else {
        return;
    };
    let end = rest.iter().position(|byte| *byte == b'\n');
    let (header, body) = rest.split_at(end.unwrap_or(rest.len()));
    let signers = [signer("other"), signer(""), signer(SECRET)];
    let apps: Vec<&Signer> = signers.iter().collect();

    let right = header_of(SECRET, body);
    let mut changed = right.clone();
    let place = usize::from(*place) % changed.len();
    changed[place] ^= flip;
    for tried in [header, &right, &changed] {
        let is_right = tried.eq_ignore_ascii_case(&right) && tried.starts_with(b"sha256=");
        match signed_by(&apps, Some(tried), body) {
            Ok(by) => {
                assert!(is_right, "a wrong signature was believed");
                assert!(by.iter().all(|app| app.name == SECRET), "the wrong app");
            }
            Err(refused) => {
                assert!(!is_right, "the right signature was refused");
                let has_form = tried
                    .strip_prefix(b"sha256=")
                    .is_some_and(|hex| hex.len() == 64 && hex.iter().all(u8::is_ascii_hexdigit));
                let expected = if has_form {
                    Refused::Mismatch
                } else {
                    Refused::Malformed
                };
                assert_eq!(refused, expected);
            }
        }
    }
    assert_eq!(signed_by(&apps, None, body).err(), Some(Refused::Missing));
    assert_eq!(
        signed_by(&[], Some(&right), body).err(),
        Some(Refused::NoApp)
    );
}

/// A webhook's body: whatever it is, it becomes items that PostgreSQL can store, in runs that lose none.
pub fn payload(bytes: &[u8]) {
    let Ok(items) = parse(bytes) else {
        return;
    };
    for item in &items {
        storable(&json!(item));
        storable(&json!(item.as_placeholder("refused with SQLSTATE 22P05")));
        assert_eq!(item.as_placeholder("why").wamid, item.wamid);
        if let Some(own) = &item.phone {
            assert_eq!(item.phone_variants, phone_variants(own));
        }
    }
    let runs = cut_runs(items.clone());
    assert_eq!(runs.iter().map(Vec::len).sum::<usize>(), items.len());
    for run in &runs {
        assert!((1..=MAX_RUN).contains(&run.len()));
        let first = &run[0];
        assert!(run.iter().all(|item| {
            item.phone_number_id == first.phone_number_id
                && (item.what == What::Field) == (first.what == What::Field)
                && (item.what == What::History) == (first.what == What::History)
        }));
        assert!(run.is_sorted_by_key(|item| (item.what, item.identity_key())));
    }
    assert!(
        parse(bytes).is_ok_and(|again| again == items),
        "read twice, it says two things"
    );
}

/// jsonb takes every text but one with a NUL in it.
fn storable(value: &Value) {
    match value {
        Value::String(text) => assert!(!text.contains('\0'), "a NUL in {text:?}"),
        Value::Array(values) => values.iter().for_each(storable),
        Value::Object(fields) => fields.iter().for_each(|(key, value)| {
            assert!(!key.contains('\0'), "a NUL in the key {key:?}");
            storable(value);
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Any text as a phone number: what is taken can be dialled, and spellings of one number name each other.
pub fn phone(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let plain = phone::plain(&text);
    assert_eq!(phone::plain(&plain), plain, "what is plain is made plainer");
    if let Some(dialled) = dialled_phone(&text) {
        assert!((8..=15).contains(&dialled.len()) && !dialled.starts_with('0'));
        assert!(dialled.bytes().all(|byte| byte.is_ascii_digit()));
        assert_eq!(dialled_phone(&dialled).as_deref(), Some(&*dialled));
        assert_eq!(dialled_phone(&format!("+{dialled}")), Some(dialled));
    }
    for variant in phone_variants(&plain) {
        assert_ne!(variant, plain);
        assert!(variant.bytes().all(|byte| byte.is_ascii_digit()));
        assert!(
            phone_variants(&variant).contains(&plain),
            "{plain} is known as {variant}, and that is not known as {plain}"
        );
    }
}

fn signer(secret: &str) -> Signer {
    Signer {
        id: None,
        name: secret.to_owned(),
        secret: Secret::new(secret),
        verify_token_hash: None,
    }
}

/// What Meta would say beside that body.
fn header_of(secret: &str, body: &[u8]) -> Vec<u8> {
    let mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key of any length");
    let digest = mac.chain_update(body).finalize().into_bytes();
    let hex: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("sha256={hex}").into_bytes()
}
