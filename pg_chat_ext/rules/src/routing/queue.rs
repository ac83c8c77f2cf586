//! How long a place in the queue may still have to wait, and when it is worth telling anew.
//!
//! Nothing is made up: the figure comes from how far apart the last chats that had to wait were taken from the same line,
//! and says from how many. What is not foreseen: whoever comes later with more priority, and chats ahead that are given up.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize};

use super::Error;

/// From fewer chats nothing is said.
const FEWEST: usize = 3;
/// Up to this place each step forward is news.
const NEAR: i64 = 10;

/// A place in a line and what the line did lately.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Place {
    /// 1 for whoever is next.
    pub position: i64,
    /// How many people are there who may take it, with room or without.
    #[serde(default)]
    pub agents: i64,
    /// The last chats that were taken from this line after they had waited, in any order.
    #[serde(default)]
    pub taken: Vec<Taken>,
}

/// A chat that waited and was taken.
#[derive(Debug, Clone, Deserialize)]
pub struct Taken {
    /// When somebody got it.
    #[serde(deserialize_with = "time")]
    pub at: Timestamp,
    /// How long it had waited by then.
    pub waited_seconds: i64,
}

words! {
    /// Why nothing is said.
    pub enum NoForecast {
        /// Nobody is there who may take it.
        NobodyThere = "nobody_there",
        /// Too few chats had to wait lately.
        TooFewChats = "too_few_chats",
    }
}

/// How long it may still take.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExpectedWait {
    /// From now; null with a reason.
    pub seconds: Option<i64>,
    /// What one place forward takes.
    pub seconds_per_chat: Option<i64>,
    /// From how many chats that was computed.
    pub from_chats: usize,
    /// Why there is no figure.
    pub reason: Option<NoForecast>,
}

/// The wait that a place may expect: its position times what one step forward took on average, the shortest and the
/// longest tenth left out, so that one night does not stand for a day.
pub fn expected_wait(place: &Place) -> ExpectedWait {
    let reason = if place.agents <= 0 {
        Some(NoForecast::NobodyThere)
    } else if place.taken.len() < FEWEST {
        Some(NoForecast::TooFewChats)
    } else {
        None
    };
    let (steps, count) = match reason {
        None => typical(steps(&place.taken)),
        Some(_) => (0, 1),
    };
    let position = i128::from(place.position.max(1));
    let share = |places: i128| {
        let seconds = (places * steps + count / 2) / count;
        reason
            .is_none()
            .then(|| i64::try_from(seconds).unwrap_or(i64::MAX))
    };
    ExpectedWait {
        seconds: share(position),
        seconds_per_chat: share(1),
        from_chats: place.taken.len(),
        reason,
    }
}

/// What each step forward took: since the chat before was taken, or, when nobody stood in line then, since it came.
fn steps(taken: &[Taken]) -> Vec<i64> {
    let mut taken: Vec<_> = taken
        .iter()
        .map(|chat| (chat.at, chat.waited_seconds.max(0)))
        .collect();
    taken.sort_unstable();
    let mut before: Option<Timestamp> = None;
    taken
        .into_iter()
        .map(|(at, waited)| {
            let since = before.replace(at).map(|last| at.duration_since(last));
            since.map_or(waited, |since| waited.min(since.as_secs()))
        })
        .collect()
}

/// The sum of what is left without the extremes, and how many these are.
fn typical(mut steps: Vec<i64>) -> (i128, i128) {
    steps.sort_unstable();
    let out = steps.len().div_ceil(10);
    let kept = &steps[out..steps.len() - out];
    (
        kept.iter().copied().map(i128::from).sum(),
        kept.len() as i128,
    )
}

/// Whether a person would notice the difference to what they were told last: each of the first places, a tenth further
/// back; a wait that changed by a fifth and half a minute, or that is known now or no longer.
pub fn queue_news(
    told_place: Option<i64>,
    told_seconds: Option<i64>,
    place: i64,
    seconds: Option<i64>,
) -> bool {
    let Some(told_place) = told_place else {
        return true;
    };
    let moved = told_place.abs_diff(place);
    let is_near = told_place.min(place) <= NEAR;
    let has_moved = moved > 0 && (is_near || moved >= told_place.unsigned_abs() / 10);
    has_moved
        || match (told_seconds, seconds) {
            (Some(told), Some(now)) => {
                let differs = told.abs_diff(now);
                differs >= 30 && differs >= told.unsigned_abs() / 5
            }
            (told, now) => told.is_some() != now.is_some(),
        }
}

fn time<'de, D: Deserializer<'de>>(value: D) -> Result<Timestamp, D::Error> {
    let text = String::deserialize(value)?;
    text.parse().map_err(serde::de::Error::custom)
}

/// [`expected_wait`] over the JSON text of a [`Place`], giving the JSON text of an [`ExpectedWait`].
///
/// # Errors
/// [`Error::BadFacts`] when the text is not such an object.
pub fn expected_wait_json(place: &str) -> Result<String, Error> {
    let place = serde_json::from_str(place).map_err(Error::BadFacts)?;
    serde_json::to_string(&expected_wait(&place)).map_err(Error::BadFacts)
}
