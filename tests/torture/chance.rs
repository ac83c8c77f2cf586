//! Chance, and the values it makes: mostly what a client would send, a part of them wrong on purpose.

use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::wording::{self, quote};

const WORDS: &[&str] = &[
    "hello",
    "order",
    "parcel",
    "refund",
    "Größe",
    "naïve",
    "late",
    "blue",
    "invoice",
    "password",
    "address",
    "thanks",
    "please",
    "broken",
    "screen",
    "delivery",
    "cancel",
    "where",
    "today",
    "привет",
    "你好",
    "שלום",
];

/// Texts that have broken chats before: marks that turn the line round, nothing at all, markup, wildcards, SQL,
/// variables, emoji that are several characters, combining marks.
const ODD: &[&str] = &[
    "",
    " ",
    "\n\t\r",
    "\u{202e}txet desrever\u{202c}",
    "\u{200b}\u{200d}\u{feff}",
    "<script>alert(1)</script>",
    "%_\\%",
    "'; drop table mod_chat_messages; --",
    "{{visitor.name|}} {{nobody.here}} {{",
    "👩‍👩‍👧‍👦",
    "é̂̃̄̅̆",
    "/",
    "-1",
    "null",
    "\\u0000",
    "& | ! ( ) : * <->",
    "\u{1}\u{7f}\u{85}",
];

/// Choices of one connection. Each follows from the seed.
pub struct Chance {
    rng: StdRng,
    /// Whether a value was made since the last look that is no value of its type, so that the statement is not even
    /// understood.
    garbled: bool,
}

impl Chance {
    pub fn new(rng: StdRng) -> Self {
        Self {
            rng,
            garbled: false,
        }
    }

    /// True once in `n` times.
    pub fn one_in(&mut self, n: u32) -> bool {
        self.rng.random_ratio(1, n)
    }

    /// A number of a range.
    pub fn below(&mut self, n: usize) -> usize {
        self.rng.random_range(0..n)
    }

    /// Some of these; `None` where there are none.
    pub fn some<'a, T>(&mut self, of: &'a [T]) -> Option<&'a T> {
        of.choose(&mut self.rng)
    }

    /// One of these words, as a literal; now and then none of them.
    pub fn word(&mut self, of: &[&str]) -> String {
        match self.below(25) {
            0 => "null".to_owned(),
            1 => self.odd_text(),
            n => quote(of[n % of.len()]),
        }
    }

    /// One of these, never anything else.
    pub fn one_of<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }

    /// Says whether something since the last call was garbled.
    pub fn take_garbled(&mut self) -> bool {
        std::mem::take(&mut self.garbled)
    }

    /// An id that follows from the seed.
    pub fn id(&mut self) -> String {
        Uuid::from_u128(self.rng.random()).to_string()
    }

    /// Words that people write.
    pub fn words(&mut self) -> String {
        let many = 1 + self.below(6);
        let words: Vec<_> = (0..many).map(|_| self.one_of(WORDS)).collect();
        words.join(" ")
    }

    /// A text as a literal; a part of them hostile.
    pub fn text(&mut self) -> String {
        match self.below(20) {
            0 => self.odd_text(),
            1 => "null".to_owned(),
            _ => quote(&self.words()),
        }
    }

    fn odd_text(&mut self) -> String {
        match self.below(12) {
            0 => format!("repeat('x', {})", [501, 4097, 10_001][self.below(3)]),
            1 => "repeat('🎈 ', 200000)".to_owned(),
            _ => quote(ODD[self.below(ODD.len())]),
        }
    }

    /// A short text as JSON.
    pub fn json_text(&mut self) -> Value {
        match self.below(20) {
            0 => json!(ODD[self.below(ODD.len())]),
            1 => json!("x".repeat(3_000)),
            2 => json!(self.below(99)),
            3 => Value::Null,
            _ => json!(self.words()),
        }
    }

    /// An object as a literal; a part of them are something else.
    pub fn json(&mut self, usual: Value) -> String {
        match self.below(30) {
            0 => self.odd_json(),
            1 => "null".to_owned(),
            _ => wording::json(&usual),
        }
    }

    fn odd_json(&mut self) -> String {
        let odd = [
            "{}",
            "[]",
            "null",
            "1e400",
            "\"\"",
            "[{}, [], \"x\", 1, null]",
            "{\"\": {\"\": {\"\": \"\"}}}",
            "{\"url\": {\"a\": 1}, \"name\": [1], \"title\": false, \"status\": 1, \"siteId\": \"x\"}",
            "\"\\u202e\"",
        ];
        match self.below(odd.len() + 3) {
            0 => "(repeat('[', 500) || repeat(']', 500))::jsonb".to_owned(),
            1 => "jsonb_build_object('x', repeat('y', 100000))".to_owned(),
            // What JSON may say and PostgreSQL cannot store.
            2 => {
                self.garbled = true;
                "'{\"name\": \"\\u0000\"}'".to_owned()
            }
            n => quote(odd[n - 3]),
        }
    }

    /// A whole number as a literal; now and then beyond what makes sense.
    pub fn number(&mut self, from: i64, to: i64) -> String {
        match self.below(25) {
            0 => "null".to_owned(),
            1 => "-1".to_owned(),
            2 => "2147483647".to_owned(),
            3 => "0".to_owned(),
            _ => self.rng.random_range(from..=to).to_string(),
        }
    }

    /// A number that may be as large as a bigint.
    pub fn place(&mut self, to: i64) -> String {
        match self.below(25) {
            0 => "9223372036854775807".to_owned(),
            1 => "-9223372036854775808".to_owned(),
            2 => "null".to_owned(),
            _ => self.rng.random_range(0..=to).to_string(),
        }
    }

    pub fn truth(&mut self) -> String {
        self.one_of(&["true", "false", "true", "false", "true", "false", "null"])
            .to_owned()
    }

    /// A time that is mostly soon; a part lies in the past or beyond every calendar.
    pub fn time(&mut self) -> String {
        match self.below(14) {
            0 => "null".to_owned(),
            1 => "'infinity'".to_owned(),
            2 => "'-infinity'".to_owned(),
            3 => "'294276-12-31'".to_owned(),
            4 => "'4713-01-01 BC'".to_owned(),
            5 => "clock_timestamp() - interval '1 hour'".to_owned(),
            6 => "clock_timestamp() + interval '3 days'".to_owned(),
            n => format!("clock_timestamp() + interval '{} milliseconds'", n * n * 40),
        }
    }
}
