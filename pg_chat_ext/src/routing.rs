//! Rules of the room `routing`.

use pgrx::prelude::*;

use crate::refuse::refuse;

/// Facts and choice as JSON text (`chat_rules::routing`).
#[pg_extern(sql = false)]
fn choose_agent(facts: &str) -> String {
    chat_rules::routing::choose_agent_json(facts).unwrap_or_else(|error| refuse(error.to_string()))
}
