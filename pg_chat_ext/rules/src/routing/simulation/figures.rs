//! What came of a replay.

use serde::Serialize;

/// Everything that is compared with what happened.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Outcome {
    /// How many came.
    pub arrivals: usize,
    /// How many were given to an agent.
    pub assigned: usize,
    /// How many left before anybody came.
    pub gave_up: usize,
    /// How many waited longer than they may.
    pub missed: usize,
    /// How many still waited at the end.
    pub waiting: usize,
    /// How many first answers came after they were due, or were due and never came; none where nothing is due.
    pub answered_late: Option<usize>,
    /// How long those waited who were given to an agent.
    pub wait_seconds: Option<Spread>,
    /// Everybody, in the order in which they were given.
    pub agents: Vec<AgentFigures>,
}

/// How some durations are spread, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Spread {
    /// Half were not longer.
    pub p50: f64,
    /// Nine of ten were not longer.
    pub p90: f64,
    /// All of them by their number.
    pub mean: f64,
    /// The longest.
    pub longest: f64,
}

/// How an agent fared.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AgentFigures {
    /// Who.
    pub agent_id: String,
    /// How many chats they were given.
    pub got: usize,
    /// How long they were online.
    pub online_seconds: f64,
    /// How many chats they had at a time, on the average of their time online; none without such time.
    pub mean_load: Option<f64>,
    /// The most chats they had at a time.
    pub peak_load: i64,
}

impl Spread {
    /// Of milliseconds; none of none.
    pub(super) fn of(mut all: Vec<i64>) -> Option<Self> {
        all.sort_unstable();
        let longest = *all.last()?;
        // The least of them that so many of a hundred do not exceed.
        let percentile = |percent: usize| all[(all.len() * percent).div_ceil(100).max(1) - 1];
        Some(Self {
            p50: seconds(percentile(50)),
            p90: seconds(percentile(90)),
            mean: rounded(seconds(all.iter().sum()) / count(all.len())),
            longest: seconds(longest),
        })
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "years in milliseconds have 36 bits"
)]
pub(super) fn seconds(milliseconds: i64) -> f64 {
    milliseconds as f64 / 1000.0
}

#[expect(clippy::cast_precision_loss, reason = "thousands")]
fn count(of: usize) -> f64 {
    of as f64
}

/// To a thousandth, as the seconds are.
pub(super) fn rounded(value: f64) -> f64 {
    (value * 1000.0).round() / 1000.0
}
