//! What a choice of agent is made from.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

/// The facts at the moment of a choice, as SQL reads them under the site's routing row.
///
/// SQL also puts `at` and `conversation_id` in: they do not decide, they are for whoever reads the
/// kept choice later.
#[derive(Debug, Clone, Deserialize)]
pub struct Facts {
    /// The department the conversation waits in; none: any agent of the site may take it.
    #[serde(default)]
    pub department_id: Option<String>,
    /// The agent who had it before; taken first if free.
    #[serde(default)]
    pub preferred_agent_id: Option<String>,
    /// The agents to look at, in any order.
    #[serde(default)]
    pub candidates: Vec<Candidate>,
}

/// One agent, as they stand now.
#[derive(Debug, Clone, Deserialize)]
pub struct Candidate {
    /// `mod_chat_agents.id`; lower-case uuid text, so text order is uuid order.
    pub agent_id: String,
    /// LC-01's availability: online, away, busy, offline. Only online takes new conversations.
    #[serde(default)]
    pub status: Option<String>,
    /// False once the agent has left the team.
    #[serde(default)]
    pub is_active: bool,
    /// The department the agent is of.
    #[serde(default)]
    pub department_id: Option<String>,
    /// Conversations that count against `max` now.
    #[serde(default, deserialize_with = "null_as_zero")]
    pub load: i64,
    /// How many the agent may have; null counts as 0, which is none.
    #[serde(default, deserialize_with = "null_as_zero")]
    pub max: i64,
    /// Of `load`, those of the conversation's department.
    #[serde(default, deserialize_with = "null_as_zero")]
    pub department_load: i64,
    /// How many of the department's conversations one agent may have; null: no such limit.
    #[serde(default)]
    pub department_max: Option<i64>,
    /// When the agent last got a conversation; null: never.
    #[serde(default, deserialize_with = "lenient_time")]
    pub last_assigned_at: Option<Timestamp>,
}

fn null_as_zero<'de, D: Deserializer<'de>>(value: D) -> Result<i64, D::Error> {
    Ok(Option::<i64>::deserialize(value)?.unwrap_or_default())
}

/// Postgres writes `infinity` where a time has no end; one odd time must not stop a site's routing.
fn lenient_time<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Timestamp>, D::Error> {
    Ok(match Option::<String>::deserialize(value)?.as_deref() {
        Some("infinity") => Some(Timestamp::MAX),
        Some(text) => text.parse().ok(),
        None => None,
    })
}
