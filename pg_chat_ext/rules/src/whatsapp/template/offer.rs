//! When an offer ends.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::Problem;

/// The component of an offer that has an end. It is given as a time, or in milliseconds since 1970 as Meta has it.
pub(super) fn component(given: Option<&Value>) -> Result<Value, Problem> {
    let Some(given) = given else {
        return Err(Problem::missing(
            "offer",
            "the time at which it ends, such as \"2026-12-24T18:00:00Z\"",
        ));
    };
    let inner = given.get("limited_time_offer").unwrap_or(given);
    let value = inner.get("expiration_time_ms").unwrap_or(inner);
    let milliseconds = match value {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text
            .parse::<Timestamp>()
            .ok()
            .map(Timestamp::as_millisecond),
        _ => None,
    };
    match milliseconds.filter(|at| *at > 0) {
        Some(at) => Ok(json!({"type": "limited_time_offer", "parameters": [
            {"type": "limited_time_offer", "limited_time_offer": {"expiration_time_ms": at}}]})),
        None => Err(Problem::wrong(
            "offer",
            "is no time: give the time at which it ends, such as \"2026-12-24T18:00:00Z\"",
        )),
    }
}
