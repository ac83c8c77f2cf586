//! What a run met, for people to read.

use std::collections::BTreeMap;
use std::fmt;

use local_stack::graph::{Fault, Misbehaviour, Posts};

/// What was counted.
#[derive(Default)]
pub struct Figures {
    /// Answers by how they ended.
    pub out: BTreeMap<String, usize>,
    /// Answers that Meta took.
    pub accepted: usize,
    /// Unknown ones that Meta took all the same, and never told of.
    pub taken_untold: usize,
    /// Attempts of all answers.
    pub attempts: usize,
    /// Messages of people.
    pub into: usize,
    /// Faults that sends met.
    pub faults: BTreeMap<&'static str, u32>,
    pub posts: Option<Posts>,
    pub workers_killed: usize,
    pub crashes: usize,
    pub deadlocks: usize,
    pub seconds: u64,
}

impl Figures {
    /// How often sends met each kind of fault: what was planned, less what is left of it.
    pub fn of_faults(planned: &[Fault], left: &[Fault]) -> BTreeMap<&'static str, u32> {
        let mut met = BTreeMap::new();
        for fault in planned {
            *met.entry(word(fault.does)).or_default() += fault.times;
        }
        for fault in left {
            *met.entry(word(fault.does)).or_default() -= fault.times;
        }
        met
    }
}

fn word(does: Misbehaviour) -> &'static str {
    match does {
        Misbehaviour::NeverAnswer => "never answered",
        Misbehaviour::CutBefore => "cut before sending",
        Misbehaviour::CutAfter => "cut after sending",
        Misbehaviour::Untold => "sent and never told of",
        Misbehaviour::BrokenAnswer { sent: true, .. } => "5xx though sent",
        Misbehaviour::BrokenAnswer { sent: false, .. } => "5xx and not sent",
        Misbehaviour::Slow { .. } => "answered late",
        Misbehaviour::Refuse { .. } => "refused",
        Misbehaviour::FailLater { .. } => "failed later",
        Misbehaviour::Kill { .. } => "both workers killed in a send",
        _ => "other",
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |counts: Vec<String>| counts.join(", ");
        let out: usize = self.out.values().sum();
        let ends = self
            .out
            .iter()
            .map(|(word, count)| format!("{count} {word}"));
        writeln!(
            f,
            "out: {out} messages in {} attempts, {} of them taken by Meta, each once and in order; {}",
            self.attempts,
            self.accepted,
            list(ends.collect())
        )?;
        writeln!(
            f,
            "unknown: {}, of which Meta took {} and never told",
            self.out.get("unknown").unwrap_or(&0),
            self.taken_untold
        )?;
        writeln!(f, "in: {} messages, each stored once", self.into)?;
        let met = self
            .faults
            .iter()
            .map(|(word, count)| format!("{count} {word}"));
        writeln!(f, "sends met: {}", list(met.collect()))?;
        if let Some(posts) = self.posts {
            writeln!(
                f,
                "webhooks: {} bodies, posted {} times",
                posts.bodies, posts.attempts
            )?;
        }
        write!(
            f,
            "killed: workers {} times, PostgreSQL {} times; {} deadlocks; {} s",
            self.workers_killed, self.crashes, self.deadlocks, self.seconds
        )
    }
}
