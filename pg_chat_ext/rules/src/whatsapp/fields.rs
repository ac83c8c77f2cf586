//! Reading fields that may be missing, null or of another type than Meta promises.

use jiff::Timestamp;
use serde_json::{Map, Value};

/// Longest id that is believed, in characters. Ids are keys of indexes, whose entries have an end.
const MAX_ID_CHARS: usize = 512;

/// A text, or a number written out; `None` for anything else.
pub(super) fn text(from: &Value, key: &str) -> Option<String> {
    match from.get(key)? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A text with something in it, without the blanks around it.
pub(super) fn word(from: &Value, key: &str) -> Option<String> {
    let text = text(from, key)?;
    let trimmed = text.trim();
    (!trimmed.is_empty()).then(|| trimmed.to_owned())
}

/// An id: a word of at most 512 characters.
pub(super) fn id(from: &Value, key: &str) -> Option<String> {
    word(from, key).filter(|id| id.chars().count() <= MAX_ID_CHARS)
}

/// The entries of a list; none when it is no list.
pub(super) fn list<'a>(from: &'a Value, key: &str) -> &'a [Value] {
    from.get(key)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// An object that is there.
pub(super) fn object<'a>(from: &'a Value, key: &str) -> Option<&'a Map<String, Value>> {
    from.get(key)?.as_object()
}

/// True only for `true`.
pub(super) fn flag(from: &Value, key: &str) -> bool {
    from.get(key).and_then(Value::as_bool).unwrap_or_default()
}

/// Meta's time: seconds since 1970, as text or number. `None` when it is no such time.
pub(super) fn time(from: &Value, key: &str) -> Option<Timestamp> {
    let seconds: i64 = word(from, key)?.parse().ok()?;
    // Postgres does not read years before Christ as we would write them, and Meta sends none.
    (seconds >= 0).then(|| Timestamp::from_second(seconds).ok())?
}
