//! Escapes that are legal JSON and that neither Rust's strings nor Postgres' text can hold.
//!
//! `\u0000` and half a surrogate pair come in real messages. They are replaced in the JSON text,
//! before any parser sees it.

use std::borrow::Cow;

/// What takes the place of a bad escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    /// U+FFFD, the character that stands for what cannot be shown.
    AsReplacement,
    /// The six characters of the escape itself, for whoever wants to see what was sent.
    AsLiteral,
}

/// The text without bad escapes; borrowed when there are none, which is nearly always.
pub(super) fn without_bad_escapes(json: &str, bad: Bad) -> Cow<'_, str> {
    let mut clean = String::new();
    let mut copied = 0;
    let mut at = 0;
    // Outside of strings a backslash is no JSON, so strings need not be told apart.
    while let Some(found) = json[at..].find('\\') {
        let start = at + found;
        let Some(unit) = unicode_escape(json, start) else {
            // `\\`, `\"`, `\n` …: two characters. The second one may be anything when it is no JSON.
            let skipped = json[start + 1..].chars().next().map_or(0, char::len_utf8);
            at = start + 1 + skipped;
            continue;
        };
        at = start + 6;
        let is_pair = is_high(unit) && unicode_escape(json, at).is_some_and(is_low);
        if is_pair {
            at += 6;
        } else if unit == 0 || is_high(unit) || is_low(unit) {
            clean.push_str(&json[copied..start]);
            match bad {
                Bad::AsReplacement => clean.push(char::REPLACEMENT_CHARACTER),
                Bad::AsLiteral => {
                    clean.push('\\');
                    clean.push_str(&json[start..at]);
                }
            }
            copied = at;
        }
    }
    if copied == 0 {
        return Cow::Borrowed(json);
    }
    clean.push_str(&json[copied..]);
    Cow::Owned(clean)
}

/// The code unit of `\uXXXX` at `start`; `None` when none stands there.
fn unicode_escape(json: &str, start: usize) -> Option<u16> {
    let escape = json.as_bytes().get(start..start + 6)?;
    let hex = escape.strip_prefix(b"\\u")?;
    hex.iter().try_fold(0_u16, |unit, byte| {
        let digit = char::from(*byte).to_digit(16)?;
        Some(unit << 4 | u16::try_from(digit).ok()?)
    })
}

const fn is_high(unit: u16) -> bool {
    matches!(unit, 0xD800..=0xDBFF)
}

const fn is_low(unit: u16) -> bool {
    matches!(unit, 0xDC00..=0xDFFF)
}
