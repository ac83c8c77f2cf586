//! Who gets a conversation, and the reason that is kept with every choice.

mod by_hand;
mod choice;
mod facts;
mod hindrance;
pub mod hours;
pub mod sla;
mod strategies;

pub use by_hand::{HandJudgement, HandRefusal, judge_by_hand, judge_by_hand_json};
pub use choice::{Choice, Loser, choose_agent, choose_agent_json};
pub use facts::{Candidate, Facts};
pub use strategies::Strategy;

/// Why a choice could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The facts are not the JSON object that [`Facts`] describes.
    #[error("the facts of a choice cannot be read: {0}")]
    BadFacts(#[source] serde_json::Error),
}
