//! Rules of the room `whatsapp`.

use chat_rules::{Timestamp, whatsapp as rules};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;

use crate::times::{from_postgres, to_postgres};

#[pg_extern(sql = false)]
fn delivery_next(current: Option<&str>, incoming: Option<&str>) -> Option<String> {
    rules::delivery_next(current, incoming).map(str::to_owned)
}

#[pg_extern(sql = false)]
fn shown_status(delivery_state: &str) -> &'static str {
    rules::shown_status(delivery_state).word()
}

#[pg_extern(sql = false)]
fn window_after(
    current: Option<TimestampWithTimeZone>,
    kind: Option<&str>,
    sent_at: Option<TimestampWithTimeZone>,
) -> Option<TimestampWithTimeZone> {
    let (current, sent_at) = (current.map(from_postgres), sent_at.map(from_postgres));
    rules::window_after(current, kind.unwrap_or_default(), sent_at).map(to_postgres)
}

/// Without a time to measure by, every window is closed.
#[pg_extern(sql = false)]
fn window_allows(
    expires: Option<TimestampWithTimeZone>,
    kind: Option<&str>,
    at: Option<TimestampWithTimeZone>,
) -> bool {
    let at = at.map_or(Timestamp::MAX, from_postgres);
    rules::window_allows(expires.map(from_postgres), kind.unwrap_or_default(), at)
}

/// Without a time to measure by, it waits.
#[pg_extern(sql = false)]
fn unknown_outcome(
    policy: Option<&str>,
    since: Option<TimestampWithTimeZone>,
    at: Option<TimestampWithTimeZone>,
    wait_seconds: Option<i32>,
) -> &'static str {
    match at {
        Some(at) => {
            let since = since.map(from_postgres);
            rules::unknown_outcome(policy, since, from_postgres(at), wait_seconds).word()
        }
        None => rules::UnknownOutcome::Wait.word(),
    }
}
