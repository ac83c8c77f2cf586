//! What a clock shows.

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::facts::as_text;
use super::turns::{End, Target, Turn};
use super::{Pause, Policy, SlaError, SlaFacts};
use crate::routing::hours::{business_add, business_between};

words! {
    /// How a clock is.
    pub enum ClockState {
        /// It runs.
        Running = "running",
        /// The visitor is waited for.
        Paused = "paused",
        /// Somebody answered, or it was solved.
        Kept = "kept",
        /// The conversation ended before anybody had answered.
        Dropped = "dropped",
    }
}

/// One clock as of a moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Clock {
    /// What was promised.
    pub target: Target,
    /// What tells it from other clocks of the target: the `seq` of the message that is answered; 0 of the resolution.
    pub seq: i64,
    /// How it is.
    pub state: ClockState,
    /// When it began.
    #[serde(serialize_with = "as_text")]
    pub started_at: Timestamp,
    /// When it ended.
    #[serde(serialize_with = "maybe_as_text")]
    pub ended_at: Option<Timestamp>,
    /// Since when it is paused.
    #[serde(serialize_with = "maybe_as_text")]
    pub paused_at: Option<Timestamp>,
    /// When there is, or was, a warning; null while that cannot be said: paused, or never warned.
    #[serde(serialize_with = "maybe_as_text")]
    pub warn_at: Option<Timestamp>,
    /// When the promise is, or was, broken; null while that cannot be said.
    #[serde(serialize_with = "maybe_as_text")]
    pub due_at: Option<Timestamp>,
    /// Seconds of the promise that are left, of business time where that counts; negative: so many too late. Null
    /// beyond ten years.
    pub left_seconds: Option<i64>,
    /// Whether it is late enough for a warning.
    pub warned: bool,
    /// Whether the promise is broken.
    pub breached: bool,
}

/// Time as a policy counts it.
struct Counts<'a> {
    hours: Option<String>,
    zone: &'a str,
    pauses: Vec<Pause>,
    began: Timestamp,
}

impl Counts<'_> {
    fn add(&self, from: Timestamp, seconds: i64) -> Result<Option<Timestamp>, SlaError> {
        Ok(business_add(
            self.hours.as_deref(),
            self.zone,
            from,
            seconds,
        )?)
    }

    fn between(&self, from: Timestamp, to: Timestamp) -> Result<Option<i64>, SlaError> {
        Ok(business_between(
            self.hours.as_deref(),
            self.zone,
            from,
            to,
        )?)
    }

    /// When so many seconds have run; none while a pause lasts, or for ten years.
    fn after(&self, seconds: i64) -> Result<Option<Timestamp>, SlaError> {
        let (mut from, mut left) = (self.began, seconds);
        for pause in &self.pauses {
            if pause.began_at > from {
                match self.add(from, left)? {
                    Some(due) if due > pause.began_at => {}
                    due => return Ok(due),
                }
                left -= self.between(from, pause.began_at)?.unwrap_or(left);
            }
            match pause.ended_at {
                Some(ended) => from = from.max(ended),
                None => return Ok(None),
            }
        }
        self.add(from, left)
    }

    /// How many seconds have run by a moment.
    fn run(&self, until: Timestamp) -> Result<Option<i64>, SlaError> {
        let (mut from, mut run) = (self.began, 0);
        for pause in &self.pauses {
            if pause.began_at > from {
                let Some(more) = self.between(from, pause.began_at.min(until))? else {
                    return Ok(None);
                };
                run += more;
            }
            from = from.max(pause.ended_at.unwrap_or(until));
        }
        Ok(self.between(from, until)?.map(|more| run + more))
    }
}

/// What a turn's clock shows at a moment, of a promise of so many seconds.
pub(super) fn judge(
    facts: &SlaFacts,
    policy: &Policy,
    turn: &Turn,
    seconds: i64,
    at: Timestamp,
) -> Result<Clock, SlaError> {
    let ended_at = turn.ended_at();
    // Who has not been answered waits, whatever the conversation is called; and what came after the end does not matter.
    let pauses: Vec<_> = facts
        .pauses
        .iter()
        .filter(|pause| {
            turn.target == Target::Resolution && ended_at.is_none_or(|end| pause.began_at < end)
        })
        .copied()
        .collect();
    let paused_at = pauses
        .last()
        .filter(|pause| pause.ended_at.is_none() && ended_at.is_none())
        .map(|pause| pause.began_at);
    let counts = Counts {
        hours: facts
            .hours
            .as_ref()
            .filter(|_| policy.in_business_hours)
            .map(ToString::to_string),
        zone: facts.zone.as_deref().unwrap_or_default(),
        pauses,
        began: turn.began,
    };
    let due_at = counts.after(seconds)?;
    let warn_at = match policy.warn_percent {
        Some(percent) => counts.after(seconds.saturating_mul(percent) / 100)?,
        None => None,
    };
    let passed = |moment: Option<Timestamp>| {
        moment.is_some_and(|moment| match ended_at {
            Some(end) => end > moment,
            None => at >= moment,
        })
    };
    Ok(Clock {
        target: turn.target,
        seq: turn.seq,
        state: match turn.ended {
            Some(End::Kept(_)) => ClockState::Kept,
            Some(End::Dropped(_)) => ClockState::Dropped,
            None if paused_at.is_some() => ClockState::Paused,
            None => ClockState::Running,
        },
        started_at: turn.began,
        ended_at,
        paused_at,
        warned: passed(warn_at),
        breached: passed(due_at),
        warn_at,
        due_at,
        left_seconds: counts.run(ended_at.unwrap_or(at))?.map(|run| seconds - run),
    })
}

fn maybe_as_text<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => as_text(at, serializer),
        None => serializer.serialize_none(),
    }
}
