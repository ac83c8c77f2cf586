//! A person gives a conversation to an agent, or takes it: what stands against it.

use serde::Serialize;

use super::hindrance::Hindrance;
use super::{Error, Facts};

words! {
    /// Why somebody may not have it.
    pub enum HandRefusal {
        /// The site has no such agent who is active.
        NoSuchAgent = "chat/no_such_agent",
        /// They have as many chats as they may, of all or of the department.
        AgentFull = "chat/agent_full",
        /// They are not there; away or busy is there.
        AgentOffline = "chat/agent_offline",
    }
}

/// What is said of an assignment by hand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HandJudgement {
    /// None: they may have it.
    pub refusal: Option<HandRefusal>,
    /// Everything that would have kept routing from this choice.
    pub beyond: Vec<&'static str>,
}

/// Whether an agent may be given a conversation by hand. People may go beyond what routing does; beyond an agent's room,
/// and to somebody who is offline, only where they say that they mean it (`overrides`). Who takes one for themselves
/// (`claims`) need not be online.
pub fn judge_by_hand(
    facts: &Facts,
    agent_id: &str,
    overrides: bool,
    claims: bool,
) -> HandJudgement {
    let agent = facts
        .candidates
        .iter()
        .find(|candidate| candidate.agent_id == agent_id && candidate.is_active);
    let Some(agent) = agent else {
        return HandJudgement {
            refusal: Some(HandRefusal::NoSuchAgent),
            beyond: Vec::new(),
        };
    };
    let hindrances: Vec<_> = Hindrance::all(facts, agent).collect();
    let full = [Hindrance::Full, Hindrance::DepartmentFull]
        .iter()
        .any(|limit| hindrances.contains(limit));
    let offline = matches!(agent.status.as_deref(), None | Some("offline"));
    let refusal = if full {
        Some(HandRefusal::AgentFull)
    } else if offline && !claims {
        Some(HandRefusal::AgentOffline)
    } else {
        None
    };
    HandJudgement {
        refusal: refusal.filter(|_| !overrides),
        beyond: hindrances.into_iter().map(Hindrance::reason).collect(),
    }
}

/// [`judge_by_hand`] over the JSON text of [`Facts`], giving the JSON text of a [`HandJudgement`].
///
/// # Errors
/// [`Error::BadFacts`] when the text is not such an object.
pub fn judge_by_hand_json(
    facts: &str,
    agent_id: &str,
    overrides: bool,
    claims: bool,
) -> Result<String, Error> {
    let facts = serde_json::from_str(facts).map_err(Error::BadFacts)?;
    let judgement = judge_by_hand(&facts, agent_id, overrides, claims);
    serde_json::to_string(&judgement).map_err(Error::BadFacts)
}
