//! What a choice of agent is made from.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer};

use super::{Strategy, candidates};

/// The facts at the moment of a choice, as SQL reads them under the site's routing row.
///
/// SQL also puts `at` and `conversation_id` in: they do not decide, they are for whoever reads the
/// kept choice later.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Facts {
    /// The department the conversation waits in; none: any agent of the site may take it.
    #[serde(default)]
    pub department_id: Option<String>,
    /// The agent who had it before; taken first if free.
    #[serde(default)]
    pub preferred_agent_id: Option<String>,
    /// The agent who gave it back; does not get it again before somebody else had it.
    #[serde(default)]
    pub returned_by: Option<String>,
    /// A word of [`Strategy`]; absent or unknown: the least busy.
    #[serde(default)]
    pub strategy: Option<String>,
    /// How many conversations routing gives one agent within an hour; null: no such limit.
    #[serde(default)]
    pub hourly_limit: Option<i64>,
    /// For how many seconds it has been waiting.
    #[serde(default, deserialize_with = "null_as_zero")]
    pub waited_seconds: i64,
    /// After how many seconds others than the department's agents may take it; null: never.
    #[serde(default)]
    pub fallback_seconds: Option<i64>,
    /// Whose agents these are; null: anybody.
    #[serde(default)]
    pub fallback_department_id: Option<String>,
    /// For the strategy `sticky`: whom the person talked to last, in another conversation.
    #[serde(default)]
    pub known_agent_id: Option<String>,
    /// For the strategy `skills`: what the conversation needs.
    #[serde(default, deserialize_with = "null_as_none")]
    pub skills: Vec<String>,
    /// After how many seconds somebody without these skills may take it; null: never.
    #[serde(default)]
    pub skills_wait_seconds: Option<i64>,
    /// The agents to look at, in any order: an object each, or columns ([`candidates`]).
    #[serde(default, deserialize_with = "candidates::read")]
    pub candidates: Vec<Candidate>,
}

/// One agent, as they stand now.
#[derive(Debug, Clone, Default, Deserialize)]
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
    /// What the agent can do.
    #[serde(default, deserialize_with = "null_as_none")]
    pub skills: Vec<String>,
    /// How many conversations routing gave the agent within the last hour; only read with an hourly limit.
    #[serde(default, deserialize_with = "null_as_zero")]
    pub got_this_hour: i64,
    /// When the agent last got a conversation; null: never.
    #[serde(default, deserialize_with = "lenient_time")]
    pub last_assigned_at: Option<Timestamp>,
}

impl Facts {
    /// How it is decided.
    pub fn strategy(&self) -> Strategy {
        let known = self.strategy.as_deref().and_then(Strategy::of_word);
        known.unwrap_or(Strategy::LeastBusy)
    }

    /// 0 for an agent of the department, 1 for one of its fallback, none for one who may not take it.
    pub(super) fn place(&self, candidate: &Candidate) -> Option<u8> {
        let theirs = &candidate.department_id;
        let falls_back = || {
            let due = self
                .fallback_seconds
                .is_some_and(|s| self.waited_seconds >= s);
            due && (self.fallback_department_id.is_none() || self.fallback_department_id == *theirs)
        };
        if self.department_id.is_none() || self.department_id == *theirs {
            Some(0)
        } else {
            falls_back().then_some(1)
        }
    }

    pub(super) fn prefers(&self, candidate: &Candidate) -> bool {
        self.preferred_agent_id.as_ref() == Some(&candidate.agent_id)
    }

    pub(super) fn known_to(&self, candidate: &Candidate) -> bool {
        self.known_agent_id.as_ref() == Some(&candidate.agent_id)
    }

    pub(super) fn waited_for_skills(&self) -> bool {
        self.skills_wait_seconds
            .is_some_and(|wait| self.waited_seconds >= wait)
    }
}

pub(super) fn null_as_none<'de, T, D>(value: D) -> Result<Vec<T>, D::Error>
where
    T: Deserialize<'de>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

fn null_as_zero<'de, D: Deserializer<'de>>(value: D) -> Result<i64, D::Error> {
    Ok(Option::<i64>::deserialize(value)?.unwrap_or_default())
}

/// Postgres writes `infinity` where a time has no end; one odd time must not stop a site's routing.
pub(super) fn lenient_time<'de, D: Deserializer<'de>>(
    value: D,
) -> Result<Option<Timestamp>, D::Error> {
    Ok(match Option::<String>::deserialize(value)?.as_deref() {
        Some("infinity") => Some(Timestamp::MAX),
        Some(text) => text.parse().ok(),
        None => None,
    })
}
