//! What the clocks are read from.

use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;

use super::Target;

/// A conversation as SQL reads it, and what happened since it was last looked at.
#[derive(Debug, Clone, Deserialize)]
pub struct SlaFacts {
    /// Every policy of the site.
    #[serde(default)]
    pub policies: Vec<Policy>,
    /// Since when the site promises anything; what ended before is not judged. Null: it always did.
    #[serde(default, deserialize_with = "maybe_time")]
    pub since: Option<Timestamp>,
    /// The department the conversation is in.
    #[serde(default)]
    pub department_id: Option<String>,
    /// low, normal, high or urgent.
    #[serde(default)]
    pub priority: Option<String>,
    /// In the order they were put on it.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The hours that count for it; null: always open.
    #[serde(default)]
    pub hours: Option<Value>,
    /// Their time zone.
    #[serde(default)]
    pub zone: Option<String>,
    /// When it began.
    #[serde(deserialize_with = "time")]
    pub opened_at: Timestamp,
    /// When it ended; null while it is open.
    #[serde(default, deserialize_with = "maybe_time")]
    pub ended_at: Option<Timestamp>,
    /// When it waited for its visitor, slept or was over, in order and apart from each other.
    #[serde(default)]
    pub pauses: Vec<Pause>,
    /// Whether anybody had answered when it was last looked at.
    #[serde(default)]
    pub answered: bool,
    /// What nobody had answered then.
    #[serde(default)]
    pub asked: Option<Asked>,
    /// What happened since, in the order of `seq`.
    #[serde(default)]
    pub steps: Vec<Step>,
}

/// A promise, and for which conversations.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Policy {
    /// Which one.
    pub id: String,
    /// Only of this department; null: of any or none.
    #[serde(default)]
    pub department_id: Option<String>,
    /// Only of this priority; null: of any.
    #[serde(default)]
    pub priority: Option<String>,
    /// Only with this tag; null: whatever the tags.
    #[serde(default)]
    pub tag: Option<String>,
    /// In how many seconds somebody answers first; null: not promised. So with the two below.
    #[serde(default)]
    pub first_response_seconds: Option<i64>,
    /// In how many seconds somebody answers later on.
    #[serde(default)]
    pub next_response_seconds: Option<i64>,
    /// In how many seconds it is solved.
    #[serde(default)]
    pub resolution_seconds: Option<i64>,
    /// Whether only business hours count.
    #[serde(default)]
    pub in_business_hours: bool,
    /// After how much of the time there is a warning; null: none.
    #[serde(default)]
    pub warn_percent: Option<i64>,
}

impl Policy {
    /// In how many seconds; none: not promised.
    pub fn promises(&self, target: Target) -> Option<i64> {
        match target {
            Target::FirstResponse => self.first_response_seconds,
            Target::NextResponse => self.next_response_seconds,
            Target::Resolution => self.resolution_seconds,
        }
    }
}

/// A time that does not count.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Pause {
    /// From.
    #[serde(deserialize_with = "time")]
    pub began_at: Timestamp,
    /// Up to; null while it lasts.
    #[serde(default, deserialize_with = "maybe_time")]
    pub ended_at: Option<Timestamp>,
}

/// A message of the visitor that waits for an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
pub struct Asked {
    /// Its `seq`.
    pub seq: i64,
    /// When it was written.
    #[serde(deserialize_with = "time", serialize_with = "as_text")]
    pub at: Timestamp,
}

/// Something that starts or stops a clock.
#[derive(Debug, Clone, Copy, Deserialize)]
pub struct Step {
    /// The message's `seq`; of an end, the last message's before it.
    pub seq: i64,
    /// When it was written, or when it ended.
    #[serde(deserialize_with = "time")]
    pub at: Timestamp,
    /// What it is.
    #[serde(deserialize_with = "kind")]
    pub what: StepKind,
}

words! {
    /// What a step is.
    pub enum StepKind {
        /// The visitor wrote.
        Question = "question",
        /// Somebody answered: an agent, the assistant, or the business from its own phone.
        Answer = "answer",
        /// The conversation ended.
        End = "end",
    }
}

fn kind<'de, D: Deserializer<'de>>(value: D) -> Result<StepKind, D::Error> {
    let word = String::deserialize(value)?;
    StepKind::of_word(&word).ok_or_else(|| serde::de::Error::custom(format!("{word} is no step")))
}

fn time<'de, D: Deserializer<'de>>(value: D) -> Result<Timestamp, D::Error> {
    parse(&String::deserialize(value)?)
}

fn maybe_time<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Timestamp>, D::Error> {
    Option::<String>::deserialize(value)?
        .map(|text| parse(&text))
        .transpose()
}

fn parse<E: serde::de::Error>(text: &str) -> Result<Timestamp, E> {
    match text {
        "infinity" => Ok(Timestamp::MAX),
        "-infinity" => Ok(Timestamp::MIN),
        text => text.parse().map_err(E::custom),
    }
}

pub(super) fn as_text<S: Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(at)
}
