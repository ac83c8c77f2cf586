//! What is replayed. All moments are milliseconds of one clock, all durations milliseconds.

use serde::Deserialize;

/// A site in a period, and how it is run.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Recording {
    /// When it ends: who waits then is counted as still waiting.
    pub ends: i64,
    /// After so long without an agent a chat is missed and waits no more; none: never.
    #[serde(default)]
    pub missed_after: Option<i64>,
    /// By when a first answer was due, from the arrival; none: nothing is held to that.
    #[serde(default)]
    pub answer_due: Option<i64>,
    /// Everybody who could take chats.
    #[serde(default)]
    pub agents: Vec<Worker>,
    /// Who came, in any order.
    #[serde(default)]
    pub arrivals: Vec<Arrival>,
    /// Departments, and the one without an id for what belongs to none.
    #[serde(default)]
    pub queues: Vec<Queue>,
}

/// An agent.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Worker {
    /// Who.
    pub agent_id: String,
    /// Of which department.
    #[serde(default)]
    pub department_id: Option<String>,
    /// How many chats at once.
    #[serde(default)]
    pub max: i64,
    /// What they can do.
    #[serde(default)]
    pub skills: Vec<String>,
    /// When they were online, in any order, without overlaps.
    #[serde(default)]
    pub online: Vec<Span>,
}

/// From a moment until before another.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
pub struct Span {
    /// The first moment.
    pub from: i64,
    /// The first moment after.
    pub until: i64,
}

/// A chat that came.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Arrival {
    /// Which.
    pub conversation_id: String,
    /// When it began to wait.
    pub at: i64,
    /// Where it waits.
    #[serde(default)]
    pub department_id: Option<String>,
    /// LC-01's priority; absent or unknown: normal.
    #[serde(default)]
    pub priority: Option<String>,
    /// What it needs.
    #[serde(default)]
    pub skills: Vec<String>,
    /// Whom the person talked to before.
    #[serde(default)]
    pub known_agent_id: Option<String>,
    /// For how long it counts as a chat of whoever has it.
    #[serde(default)]
    pub talk: i64,
    /// How long whoever has it takes to answer first.
    #[serde(default)]
    pub answer: i64,
    /// After so long the visitor left, if nobody had come by then; none: they would have stayed.
    #[serde(default)]
    pub patience: Option<i64>,
    /// Who had it already when the period began: it does not wait and is no arrival, but it takes their room.
    #[serde(default)]
    pub held_by: Option<String>,
}

/// How what waits for a department is handed out; as `Facts` has it.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Queue {
    /// Which department; none: what belongs to none.
    #[serde(default)]
    pub department_id: Option<String>,
    /// False: it waits to be claimed by somebody, which nobody does here.
    #[serde(default = "yes")]
    pub auto_assign: bool,
    /// A word of `Strategy`.
    #[serde(default)]
    pub strategy: Option<String>,
    /// How many of its chats one agent may have; none: no such limit.
    #[serde(default)]
    pub max: Option<i64>,
    /// How many chats routing gives one agent within an hour; none: no such limit.
    #[serde(default)]
    pub hourly_limit: Option<i64>,
    /// After how many seconds somebody without the skills may take a chat; none: never.
    #[serde(default)]
    pub skills_wait_seconds: Option<i64>,
    /// After how many seconds others may take a chat; none: never.
    #[serde(default)]
    pub fallback_seconds: Option<i64>,
    /// Whose agents these are; none: anybody.
    #[serde(default)]
    pub fallback_department_id: Option<String>,
}

fn yes() -> bool {
    true
}
