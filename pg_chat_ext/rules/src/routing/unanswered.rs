//! A chat whose agent does not answer: when it goes back to the queue for somebody else.

use serde::{Deserialize, Serialize};

use super::hindrance::Hindrance;
use super::{Candidate, Error, Facts};

/// The facts of the choice that would follow, and what the site allows.
///
/// `waited_seconds` is how long the visitor has been waiting for this agent, `returned_by` is the agent.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Unanswered {
    /// As for a choice.
    #[serde(flatten)]
    pub facts: Facts,
    /// So long an agent may take to answer.
    pub unanswered_seconds: i64,
    /// So often a chat is taken back before it stays where it is.
    pub unanswered_limit: i64,
    /// How often it was taken back since somebody last answered.
    #[serde(default)]
    pub times: i64,
}

words! {
    /// What is made of it.
    pub enum UnansweredReason {
        /// It goes back.
        NotAnswered = "not_answered",
        /// The agent still has time.
        InTime = "in_time",
        /// It went back often enough; it would go on for ever.
        TooOften = "too_often",
        /// Nobody else is there who may take it, now or once they have room: with the agent it is better off.
        NobodyElse = "nobody_else",
    }
}

/// Whether it goes back, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct UnansweredJudgement {
    /// It goes back to the queue.
    pub takes_back: bool,
    /// Why, or why not.
    pub reason: UnansweredReason,
}

/// Whether a chat goes back to the queue because its agent does not answer.
pub fn judge_unanswered(unanswered: &Unanswered) -> UnansweredJudgement {
    let facts = &unanswered.facts;
    // Full is somebody who will have room again; not whoever may have none at all.
    let may_take_it = |candidate: &Candidate| {
        candidate.max > 0
            && (facts.department_id.is_none() || candidate.department_max != Some(0))
            && matches!(
                Hindrance::of(facts, candidate),
                None | Some(Hindrance::HourlyLimit | Hindrance::DepartmentFull | Hindrance::Full)
            )
    };
    let reason = if facts.waited_seconds < unanswered.unanswered_seconds {
        UnansweredReason::InTime
    } else if unanswered.times >= unanswered.unanswered_limit {
        UnansweredReason::TooOften
    } else if facts.candidates.iter().any(may_take_it) {
        UnansweredReason::NotAnswered
    } else {
        UnansweredReason::NobodyElse
    };
    UnansweredJudgement {
        takes_back: reason == UnansweredReason::NotAnswered,
        reason,
    }
}

/// [`judge_unanswered`] over the JSON text of an [`Unanswered`], giving the JSON text of an [`UnansweredJudgement`].
///
/// # Errors
/// [`Error::BadFacts`] when the text is not such an object.
pub fn judge_unanswered_json(facts: &str) -> Result<String, Error> {
    let unanswered = serde_json::from_str(facts).map_err(Error::BadFacts)?;
    serde_json::to_string(&judge_unanswered(&unanswered)).map_err(Error::BadFacts)
}
