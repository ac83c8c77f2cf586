//! Rules of the room `routing`. JSON goes in and out as text.

use chat_rules::routing as rules;
use chat_rules::routing::{hours, site_rules, sla};
use pgrx::datum::TimestampWithTimeZone;
use pgrx::prelude::*;

use crate::refuse::refuse;
use crate::times::{from_postgres, to_postgres};

#[pg_extern(sql = false)]
fn choose_agent(facts: &str) -> String {
    rules::choose_agent_json(facts).unwrap_or_else(|error| refuse(error.to_string()))
}

/// Facts and judgement as JSON text.
#[pg_extern(sql = false)]
fn judge_by_hand(facts: &str, agent_id: &str, overrides: bool, claims: bool) -> String {
    rules::judge_by_hand_json(facts, agent_id, overrides, claims)
        .unwrap_or_else(|error| refuse(error.to_string()))
}

/// A list of what is wrong, as JSON text; so are rules and what is known of the site.
#[pg_extern(sql = false)]
fn rule_problems(rules: &str, known: &str) -> String {
    site_rules::rule_problems_json(rules, known).unwrap_or_else(|error| refuse(error.to_string()))
}

/// Rules, a list of facts and the list of verdicts as JSON text.
#[pg_extern(sql = false)]
fn match_rules(rules: &str, facts: &str) -> String {
    site_rules::match_rules_json(rules, facts).unwrap_or_else(|error| refuse(error.to_string()))
}

/// Facts and judgement as JSON text.
#[pg_extern(sql = false)]
fn judge_unanswered(facts: &str) -> String {
    rules::judge_unanswered_json(facts).unwrap_or_else(|error| refuse(error.to_string()))
}

/// A place and its wait as JSON text.
#[pg_extern(sql = false)]
fn expected_wait(place: &str) -> String {
    rules::expected_wait_json(place).unwrap_or_else(|error| refuse(error.to_string()))
}

/// A null place is in no line any more: no news.
#[pg_extern(sql = false)]
fn queue_news(
    told_place: Option<i64>,
    told_seconds: Option<i64>,
    place: Option<i64>,
    seconds: Option<i64>,
) -> bool {
    place.is_some_and(|place| rules::queue_news(told_place, told_seconds, place, seconds))
}

#[pg_extern(sql = false)]
fn simulate(recording: &str) -> String {
    rules::simulate_json(recording).unwrap_or_else(|error| refuse(error.to_string()))
}

#[pg_extern(sql = false)]
fn hours_problems(hours: &str, zone: &str) -> String {
    hours::hours_problems_json(hours, zone)
}

/// One row, so that `select * from` names its columns. Null hours are always open; so in the two below.
#[pg_extern(sql = false)]
#[allow(
    clippy::type_complexity,
    reason = "pgrx reads the columns from the signature"
)]
fn hours_at(
    hours: Option<&str>,
    zone: Option<&str>,
    at: Option<TimestampWithTimeZone>,
) -> TableIterator<
    'static,
    (
        name!(is_open, bool),
        name!(next_change, Option<TimestampWithTimeZone>),
        name!(holiday, Option<String>),
    ),
> {
    let at = moment("at", at);
    let opening = hours::hours_at(hours, zone.unwrap_or_default(), at)
        .unwrap_or_else(|error| refuse(error.to_string()));
    TableIterator::once((
        opening.is_open,
        opening.next_change.map(to_postgres),
        opening.holiday,
    ))
}

#[pg_extern(sql = false)]
fn business_add(
    hours: Option<&str>,
    zone: Option<&str>,
    start: Option<TimestampWithTimeZone>,
    seconds: Option<i64>,
) -> Option<TimestampWithTimeZone> {
    let start = moment("start", start);
    hours::business_add(hours, zone.unwrap_or_default(), start, seconds?)
        .unwrap_or_else(|error| refuse(error.to_string()))
        .map(to_postgres)
}

#[pg_extern(sql = false)]
fn business_between(
    hours: Option<&str>,
    zone: Option<&str>,
    begins: Option<TimestampWithTimeZone>,
    ends: Option<TimestampWithTimeZone>,
) -> Option<i64> {
    let (begins, ends) = (moment("begins", begins), moment("ends", ends));
    hours::business_between(hours, zone.unwrap_or_default(), begins, ends)
        .unwrap_or_else(|error| refuse(error.to_string()))
}

/// Facts and clocks as JSON text.
#[pg_extern(sql = false)]
fn sla_clocks(facts: &str, at: TimestampWithTimeZone) -> String {
    sla::sla_clocks_json(facts, from_postgres(at)).unwrap_or_else(|error| refuse(error.to_string()))
}

/// A time that the question cannot do without.
fn moment(argument: &str, time: Option<TimestampWithTimeZone>) -> chat_rules::Timestamp {
    time.map_or_else(
        || refuse(format!("{argument} cannot be null")),
        from_postgres,
    )
}
