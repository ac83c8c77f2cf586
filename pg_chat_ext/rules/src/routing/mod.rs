//! Who gets a conversation, and the reason that is kept with every choice.

mod by_hand;
mod candidates;
mod choice;
mod facts;
mod hindrance;
pub mod hours;
mod queue;
pub mod simulation;
pub mod site_rules;
pub mod sla;
mod strategies;
mod unanswered;

pub use by_hand::{HandJudgement, HandRefusal, judge_by_hand, judge_by_hand_json};
pub use choice::{Choice, Losers, choose_agent, choose_agent_json};
pub use facts::{Candidate, Facts};
pub use queue::{
    ExpectedWait, NoForecast, Place, Taken, expected_wait, expected_wait_json, queue_news,
};
pub use simulation::{simulate, simulate_json};
pub use strategies::Strategy;
pub use unanswered::{
    Unanswered, UnansweredJudgement, UnansweredReason, judge_unanswered, judge_unanswered_json,
};

/// Why a choice could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The facts are not the JSON object that [`Facts`] describes.
    #[error("the facts of a choice cannot be read: {0}")]
    BadFacts(#[source] serde_json::Error),
}
