//! Rules of the room `conversations`.

use chat_rules::conversations::{self as rules, Kind, Origin, SenderType};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;

use crate::refuse::refuse;
use crate::times::{from_postgres, to_postgres};

/// One row, so that `select * from` names its columns. A kind we do not know counts as `unknown`; a
/// sender or origin we do not know is an error, since any answer would put the counters wrong.
#[pg_extern(sql = false)]
#[allow(
    clippy::type_complexity,
    reason = "pgrx reads the columns from the signature"
)]
fn message_effect(
    sender_type: Option<&str>,
    kind: Option<&str>,
    origin: Option<&str>,
    by_assignee: Option<bool>,
) -> TableIterator<
    'static,
    (
        name!(is_public, bool),
        name!(inbound, bool),
        name!(outbound_public, bool),
        name!(preview, bool),
        name!(unread_agent, i32),
        name!(clears_unread_agent, bool),
        name!(unread_visitor, i32),
    ),
> {
    let effect = rules::message_effect(
        known(SenderType::of_word, "sender_type", sender_type),
        kind.and_then(Kind::of_word).unwrap_or(Kind::Unknown),
        known(Origin::of_word, "origin", origin),
        by_assignee.unwrap_or_default(),
    );
    TableIterator::once((
        effect.is_public,
        effect.inbound,
        effect.outbound_public,
        effect.preview,
        effect.unread_agent,
        effect.clears_unread_agent,
        effect.unread_visitor,
    ))
}

/// The value of a word, or an error that names the argument and the word.
fn known<T>(of_word: fn(&str) -> Option<T>, argument: &str, word: Option<&str>) -> T {
    let Some(value) = word.and_then(of_word) else {
        let word = word.map_or("null".to_owned(), |word| format!("\"{word}\""));
        refuse(format!("{argument} cannot be {word}"))
    };
    value
}

#[pg_extern(sql = false)]
fn preview_text(kind: Option<&str>, content: Option<&str>) -> String {
    rules::preview_text(kind.unwrap_or_default(), content)
}

#[pg_extern(sql = false)]
fn content_type_of(kind: Option<&str>) -> &'static str {
    rules::content_type_of(kind.unwrap_or_default()).word()
}

/// Null only when neither time is given.
#[pg_extern(sql = false)]
fn sent_at_of(
    claimed: Option<TimestampWithTimeZone>,
    received: Option<TimestampWithTimeZone>,
) -> Option<TimestampWithTimeZone> {
    let claimed = claimed.map(from_postgres);
    let at = match received {
        Some(received) => Some(rules::sent_at_of(claimed, from_postgres(received))),
        None => claimed,
    };
    at.map(to_postgres)
}

#[pg_extern(sql = false)]
fn status_refusal(
    old_status: Option<&str>,
    new_status: Option<&str>,
    has_agent: Option<bool>,
) -> Option<&'static str> {
    let has_agent = has_agent.unwrap_or_default();
    rules::status_refusal(old_status, new_status.unwrap_or_default(), has_agent)
        .map(rules::Refusal::word)
}

#[pg_extern(sql = false)]
fn status_after_message(
    status: Option<&str>,
    sender_type: Option<&str>,
    origin: Option<&str>,
) -> Option<String> {
    let (sender_type, origin) = (sender_type.unwrap_or_default(), origin.unwrap_or_default());
    status.map(|status| rules::status_after_message(status, sender_type, origin).to_owned())
}

/// Without a time to measure by, what is over stays over.
#[pg_extern(sql = false)]
fn next_home(
    status: Option<&str>,
    archived_at: Option<TimestampWithTimeZone>,
    reopen_hours: Option<i32>,
    at: Option<TimestampWithTimeZone>,
) -> &'static str {
    let at = at.map_or(chat_rules::Timestamp::MAX, from_postgres);
    rules::next_home(status, archived_at.map(from_postgres), reopen_hours, at).word()
}

/// A word that is neither edit nor delete is an error, since any answer would allow or refuse by chance.
#[pg_extern(sql = false)]
#[allow(clippy::too_many_arguments, reason = "SQL names each fact")]
fn revision_refusal(
    what: Option<&str>,
    by_visitor: Option<bool>,
    own: Option<bool>,
    moderator: Option<bool>,
    channel: Option<&str>,
    sender_type: Option<&str>,
    kind: Option<&str>,
    delivery_state: Option<&str>,
    deleted: Option<bool>,
    age_seconds: Option<i64>,
    edit_minutes: Option<i32>,
) -> Option<&'static str> {
    let what = known(rules::Revision::of_word, "what", what);
    let facts = rules::RevisionFacts {
        by_visitor: by_visitor.unwrap_or(true),
        own: own.unwrap_or_default(),
        moderator: moderator.unwrap_or_default(),
        channel: channel.unwrap_or_default(),
        sender_type: sender_type.unwrap_or_default(),
        kind: kind.unwrap_or_default(),
        delivery_state: delivery_state.unwrap_or_default(),
        deleted: deleted.unwrap_or_default(),
        age_seconds: age_seconds.unwrap_or(i64::MAX),
        edit_minutes: edit_minutes.unwrap_or_default(),
    };
    rules::revision_refusal(what, &facts).map(rules::RevisionRefusal::word)
}

/// `{"content", "missing", "unknown"}` as text; `known` is the text of an object.
#[pg_extern(sql = false)]
fn fill_variables(template: &str, known: &str) -> String {
    rules::fill_variables_json(template, known)
        .unwrap_or_else(|error| refuse(format!("known is no JSON object: {error}")))
}
