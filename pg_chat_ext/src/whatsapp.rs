//! Rules of the room `whatsapp`.

use chat_rules::{Timestamp, whatsapp as rules};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;
use serde_json::Value;

use crate::refuse::refuse;
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

/// No row when it can be sent. Metadata is the text of an object; null is an empty one.
#[pg_extern(sql = false)]
fn check_outgoing(
    kind: Option<&str>,
    content: Option<&str>,
    metadata: Option<&str>,
    file_name: Option<&str>,
    has_file: Option<bool>,
) -> TableIterator<
    'static,
    (
        name!(code, &'static str),
        name!(message, String),
        name!(hint, String),
    ),
> {
    let message = rules::outgoing::Message {
        kind: kind.unwrap_or_default(),
        content,
        metadata: &read(metadata),
        file_name,
    };
    let refused = rules::check_outgoing(&message, has_file.unwrap_or_default()).err();
    TableIterator::new(
        refused
            .into_iter()
            .map(|refused| (refused.code.word(), refused.message, refused.hint)),
    )
}

#[pg_extern(sql = false)]
fn outgoing_words(
    kind: Option<&str>,
    content: Option<&str>,
    metadata: Option<&str>,
) -> Option<String> {
    rules::outgoing_words(kind.unwrap_or_default(), content, &read(metadata))
}

/// The value of a JSON text.
fn read(json: Option<&str>) -> Value {
    serde_json::from_str(json.unwrap_or("{}"))
        .unwrap_or_else(|error| refuse(format!("metadata is no JSON: {error}")))
}

/// Both are texts of JSON; without components it is a template that says nothing.
#[pg_extern(sql = false)]
fn template_message(
    components: Option<&str>,
    parameter_format: Option<&str>,
    parameters: Option<&str>,
) -> String {
    rules::template::template_message_json(components.unwrap_or("[]"), parameter_format, parameters)
        .unwrap_or_else(|error| refuse(error.to_string()))
}

/// As above.
#[pg_extern(sql = false)]
fn template_form(components: Option<&str>, parameter_format: Option<&str>) -> String {
    rules::template::template_form_json(components.unwrap_or("[]"), parameter_format)
        .unwrap_or_else(|error| refuse(error.to_string()))
}

/// No row for what can be no number.
#[pg_extern(sql = false)]
fn dialled_phone(
    typed: &str,
) -> TableIterator<'static, (name!(phone, String), name!(variants, Vec<String>))> {
    TableIterator::new(rules::dialled_phone(typed).into_iter().map(|phone| {
        let variants = rules::phone_variants(&phone);
        (phone, variants)
    }))
}
