//! Every error of Meta's that is known, and every error body of the corpus where it is at hand: what follows from it for a
//! send, and that people are told what happened and what to do.

use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};

use chat_rules::jobs::retry::{Decision, decide};
use chat_rules::whatsapp::errors::{ErrorClass, effective_code, known};
use serde_json::Value;

const SEND: &str = "whatsapp.send_message";

/// What a code asks for, by Meta's table and what the field says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Follows {
    /// Nothing leaves until there is another token; the queue is kept.
    Token,
    /// Nothing leaves until somebody repairs something; the queue is kept.
    Stop,
    /// Again after so many seconds at first.
    Again(u32),
    /// The message fails.
    Fail,
    /// It fails, and the window is closed.
    Closed,
    /// It may have left.
    Unknown,
}
use Follows::{Again, Closed, Fail, Stop, Token, Unknown};

/// Code, HTTP status, and what follows from the first try.
const TABLE: &[(&[i64], u16, Follows)] = &[
    (&[0, 102, 104, 190], 401, Token),
    (&[3, 10, 200, 210, 299, 131_005], 403, Token),
    (&[33, 368, 131_031, 131_037, 131_042, 131_045], 400, Stop),
    (&[133_000, 133_005, 133_006, 133_008, 133_009], 400, Stop),
    (&[133_010, 133_015, 133_016, 134_011], 400, Stop),
    (&[1, 2], 500, Unknown),
    (&[4, 17, 80_007], 400, Again(60)),
    (&[130_429, 131_056], 400, Again(1)),
    (&[131_016, 133_004], 503, Again(2)),
    (&[131_057, 2_494_100], 500, Again(20)),
    (&[131_000], 500, Again(5)),
    (&[131_047], 400, Closed),
    (
        &[100, 130_403, 130_472, 130_501, 131_008, 131_009],
        400,
        Fail,
    ),
    // One country is closed to the business; the others are not, so the number goes on.
    (&[130_497], 403, Fail),
    (&[131_021, 131_026, 131_030, 131_048, 131_049], 400, Fail),
    (&[131_050, 131_051, 131_052, 131_053, 131_060], 400, Fail),
    (&[131_062, 131_063, 131_064, 132_000, 132_001], 400, Fail),
    (&[132_005, 132_007, 132_008, 132_012, 132_015], 400, Fail),
    (&[132_016, 132_068, 132_069, 135_000, 137_000], 400, Fail),
    (&[139_100, 139_101, 139_102, 139_103], 400, Fail),
];

fn follows(code: i64, http: u16) -> Follows {
    let token = known(code).is_some_and(|known| known.class == ErrorClass::Token);
    match decide(Some(code), Some(http), 1, SEND) {
        Decision::StopNumber { .. } if token => Token,
        Decision::StopNumber { .. } => Stop,
        Decision::Retry { after_s } => Again(after_s),
        Decision::Fail {
            closes_window: true,
        } => Closed,
        Decision::Fail { .. } => Fail,
        Decision::Unknown => Unknown,
    }
}

#[test]
fn every_known_error_ends_as_metas_table_says_with_words_for_people() {
    for (codes, http, expected) in TABLE {
        for code in *codes {
            assert_eq!(follows(*code, *http), *expected, "{code}");
            let known = known(*code).unwrap_or_else(|| panic!("{code} has no words"));
            assert!(
                !known.title.is_empty() && !known.advice.is_empty(),
                "{code}"
            );
        }
    }
}

#[test]
fn every_error_body_of_the_corpus_is_in_the_table() {
    let corpus = std::env::var_os("PG_CHAT_CORPUS").map_or_else(
        || Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/whatsapp"),
        PathBuf::from,
    );
    let Ok(text) = fs::read_to_string(corpus.join("api/errors.json")) else {
        let folder = corpus.display();
        writeln!(
            stderr(),
            "SKIPPED: no errors in {folder}; set PG_CHAT_CORPUS"
        )
        .expect("stderr");
        return;
    };
    let errors: Vec<Value> = serde_json::from_str(&text).expect("JSON");
    assert!(!errors.is_empty());
    for error in errors {
        let body = &error["body"]["error"];
        let code = body["code"].as_i64().expect("a code");
        let code = effective_code(code, body["error_subcode"].as_i64());
        let row = TABLE.iter().find(|(codes, ..)| codes.contains(&code));
        let (.., expected) = row.unwrap_or_else(|| panic!("{code} is not in the table"));
        let http = error["http"]
            .as_u64()
            .and_then(|http| u16::try_from(http).ok());
        assert_eq!(follows(code, http.expect("a status")), *expected, "{error}");
    }
}
