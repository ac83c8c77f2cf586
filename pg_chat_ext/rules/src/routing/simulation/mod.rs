//! What would have been: recorded arrivals and hours replayed through the rule that routes, under other settings.
//!
//! A model, not the past: who came, when, for how long they talked and when agents were there are taken as they were;
//! who got whom, and how long anybody waited, are what the rule makes of it.

mod figures;
mod recording;
mod stage;

pub use figures::{AgentFigures, Outcome, Spread};
pub use recording::{Arrival, Queue, Recording, Span, Worker};

use super::Error;

/// Replays a recording.
///
/// ```
/// use chat_rules::routing::simulate_json;
///
/// let outcome = simulate_json(
///     r#"{"ends": 60000, "queues": [{}],
///         "agents": [{"agent_id": "a", "max": 1, "online": [{"from": 0, "until": 60000}]}],
///         "arrivals": [{"conversation_id": "c", "at": 0, "talk": 30000}, {"conversation_id": "d", "at": 10000, "talk": 1000}]}"#,
/// )?;
/// let outcome: serde_json::Value = serde_json::from_str(&outcome)?;
/// assert_eq!(outcome["assigned"], 2);
/// assert_eq!(outcome["wait_seconds"]["longest"], 20.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn simulate(recording: &Recording) -> Outcome {
    stage::Stage::of(recording).play()
}

/// [`simulate`] over the JSON text of a [`Recording`], giving the JSON text of an [`Outcome`].
///
/// # Errors
/// [`Error::BadFacts`] when the text is not such an object.
pub fn simulate_json(recording: &str) -> Result<String, Error> {
    let recording = serde_json::from_str(recording).map_err(Error::BadFacts)?;
    serde_json::to_string(&simulate(&recording)).map_err(Error::BadFacts)
}
