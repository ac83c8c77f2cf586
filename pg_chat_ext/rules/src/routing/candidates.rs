//! How the candidates of a choice are written.
//!
//! A list has an object for each. SQL gathers and keeps columns instead, an object with a list for each field: with a
//! hundred agents that is a tenth of the work and half the room.

use std::fmt;

use jiff::Timestamp;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::Candidate;
use super::facts::{lenient_time, null_as_none};

/// Reads candidates in either form.
///
/// # Errors
/// When it is neither, or when columns are of different lengths.
pub(super) fn read<'de, D: Deserializer<'de>>(value: D) -> Result<Vec<Candidate>, D::Error> {
    value.deserialize_any(EitherForm)
}

struct EitherForm;

impl<'de> Visitor<'de> for EitherForm {
    type Value = Vec<Candidate>;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a list of candidates, or an object of their columns")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
        Deserialize::deserialize(SeqAccessDeserializer::new(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, columns: A) -> Result<Self::Value, A::Error> {
        Columns::deserialize(MapAccessDeserializer::new(columns))?
            .rows()
            .ok_or_else(|| A::Error::custom("the columns of the candidates differ in length"))
    }
}

/// Only agents who are active, at the same place in each column. A column that is null or absent says nothing of anybody.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Columns {
    #[serde(deserialize_with = "null_as_none")]
    agent_id: Vec<String>,
    #[serde(deserialize_with = "null_as_none")]
    status: Vec<Option<String>>,
    #[serde(deserialize_with = "null_as_none")]
    department_id: Vec<Option<String>>,
    #[serde(deserialize_with = "null_as_none")]
    load: Vec<Option<i64>>,
    #[serde(deserialize_with = "null_as_none")]
    max: Vec<Option<i64>>,
    #[serde(deserialize_with = "null_as_none")]
    department_load: Vec<Option<i64>>,
    /// One for all: the limit of the conversation's department.
    department_max: Option<i64>,
    #[serde(deserialize_with = "null_as_none")]
    skills: Vec<Option<Vec<String>>>,
    #[serde(deserialize_with = "null_as_none")]
    got_this_hour: Vec<Option<i64>>,
    #[serde(deserialize_with = "null_as_none")]
    last_assigned_at: Vec<Time>,
}

#[derive(Deserialize)]
#[serde(transparent)]
struct Time(#[serde(deserialize_with = "lenient_time")] Option<Timestamp>);

impl Columns {
    /// A candidate a place; none when a column is not as long as that of the ids.
    fn rows(self) -> Option<Vec<Candidate>> {
        let count = self.agent_id.len();
        let mut status = each(self.status, count)?;
        let mut department_id = each(self.department_id, count)?;
        let mut load = each(self.load, count)?;
        let mut max = each(self.max, count)?;
        let mut department_load = each(self.department_load, count)?;
        let mut skills = each(self.skills, count)?;
        let mut got_this_hour = each(self.got_this_hour, count)?;
        let mut last_assigned_at = each(self.last_assigned_at, count)?;
        let candidate = |agent_id| Candidate {
            agent_id,
            status: status.next().flatten(),
            is_active: true,
            department_id: department_id.next().flatten(),
            load: load.next().flatten().unwrap_or_default(),
            max: max.next().flatten().unwrap_or_default(),
            department_load: department_load.next().flatten().unwrap_or_default(),
            department_max: self.department_max,
            skills: skills.next().flatten().unwrap_or_default(),
            got_this_hour: got_this_hour.next().flatten().unwrap_or_default(),
            last_assigned_at: last_assigned_at.next().and_then(|Time(time)| time),
        };
        Some(self.agent_id.into_iter().map(candidate).collect())
    }
}

/// The values of a column; none when they are neither as many as the candidates nor absent.
fn each<T>(column: Vec<T>, count: usize) -> Option<impl Iterator<Item = T>> {
    [0, count]
        .contains(&column.len())
        .then(|| column.into_iter())
}
