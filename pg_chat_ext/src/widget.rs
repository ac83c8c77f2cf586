//! Rules of the room `widget`. JSON goes in and out as text.

use chat_rules::widget as rules;
use pgrx::prelude::*;

use crate::refuse::refuse;

/// A null list is an empty one.
#[pg_extern(sql = false)]
fn origin_allowed(origin: Option<&str>, domains: Option<&str>) -> bool {
    let domains: Vec<String> = serde_json::from_str(domains.unwrap_or("[]"))
        .unwrap_or_else(|error| refuse(format!("the domains cannot be read: {error}")));
    rules::origin_allowed(origin, &domains)
}

#[pg_extern(sql = false)]
fn form_problems(required: &str, values: &str) -> String {
    rules::form_problems_json(required, values).unwrap_or_else(|error| refuse(error.to_string()))
}
