//! Who gets a conversation, and the reason that is kept with every choice.

mod choice;
mod facts;
pub mod hours;

pub use choice::{Choice, Loser, choose_agent, choose_agent_json};
pub use facts::{Candidate, Facts};

/// Why a choice could not be made.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The facts are not the JSON object that [`Facts`] describes.
    #[error("the facts of a choice cannot be read: {0}")]
    BadFacts(#[source] serde_json::Error),
}
