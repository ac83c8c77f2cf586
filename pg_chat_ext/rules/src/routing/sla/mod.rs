//! What a site promises its visitors: how soon somebody answers, and how soon it is solved.
//!
//! Three clocks. `first_response` runs from the visitor's first message until anybody answers; `next_response` from each
//! later message that nobody has answered yet; `resolution` from the beginning until the conversation ends, and it
//! stands still while the visitor is waited for and while the conversation is over. What was promised is a policy's: the
//! most specific of the site that fits.

mod clock;
mod facts;
mod policy;
mod turns;

pub use clock::{Clock, ClockState};
pub use facts::{Asked, Pause, Policy, SlaFacts, Step, StepKind};
pub use turns::Target;

use jiff::Timestamp;
use serde::Serialize;

use super::hours::HoursError;
use turns::Turn;

/// Why promises could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum SlaError {
    /// The facts are not the JSON object that [`SlaFacts`] describes.
    #[error("the facts of a promise cannot be read: {0}")]
    BadFacts(#[source] serde_json::Error),
    /// The business hours among them cannot be used.
    #[error(transparent)]
    Hours(#[from] HoursError),
}

/// How a conversation stands with what was promised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Sla {
    /// The policy that counts; null when nothing was promised.
    pub policy_id: Option<String>,
    /// Whether anybody has answered so far.
    pub answered: bool,
    /// What the visitor wrote that nobody has answered yet.
    pub asked: Option<Asked>,
    /// The clocks of what was promised: those that ended in the steps, in their order, then those that run.
    pub clocks: Vec<Clock>,
}

/// Follows a conversation through its latest steps, as of a moment.
///
/// # Errors
/// [`SlaError::Hours`] where the hours cannot be used.
pub fn sla_clocks(facts: &SlaFacts, at: Timestamp) -> Result<Sla, SlaError> {
    let policy = policy::most_specific(facts);
    let followed = turns::follow(facts);
    let mut clocks = Vec::new();
    if let Some(policy) = policy {
        let judged = |turn: &Turn| {
            let before = |since| turn.ended_at().is_some_and(|ended| ended < since);
            !facts.since.is_some_and(before)
        };
        let resolution = turns::resolution(facts);
        for turn in followed
            .turns
            .iter()
            .chain([&resolution])
            .filter(|turn| judged(turn))
        {
            if let Some(seconds) = policy.promises(turn.target) {
                clocks.push(clock::judge(facts, policy, turn, seconds, at)?);
            }
        }
    }
    Ok(Sla {
        policy_id: policy.map(|policy| policy.id.clone()),
        answered: followed.answered,
        asked: followed.asked,
        clocks,
    })
}

/// [`sla_clocks`] over the JSON text of [`SlaFacts`], giving the JSON text of an [`Sla`].
///
/// # Errors
/// [`SlaError::BadFacts`] when the text is not such an object; [`SlaError::Hours`].
pub fn sla_clocks_json(facts: &str, at: Timestamp) -> Result<String, SlaError> {
    let facts = serde_json::from_str(facts).map_err(SlaError::BadFacts)?;
    serde_json::to_string(&sla_clocks(&facts, at)?).map_err(SlaError::BadFacts)
}
