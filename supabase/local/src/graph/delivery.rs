//! How webhooks shall leave, and how they fared.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::Status;

/// How webhooks leave. The order concerns statuses; what phones write leaves at once, or late as `overtake_ms` says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Delivery {
    /// The order of one message's statuses, and of everything released together.
    pub order: Order,
    /// How many further times each status webhook is delivered.
    pub copies: u32,
    /// Keeps statuses back until [`Simulator::release`].
    pub hold: bool,
    /// Each webhook leaves up to so many milliseconds late, as the seed has it, so that they overtake each other.
    pub overtake_ms: u64,
    /// Statuses reach the worker before the send is answered.
    pub before_answer: bool,
    /// Statuses in one POST at most.
    pub batch: usize,
    /// POSTs under way at once; with 1 they also arrive in order.
    pub concurrency: usize,
    /// When a POST that was not answered with 200 is repeated.
    pub redelivery: Redelivery,
}

impl Default for Delivery {
    fn default() -> Self {
        Self {
            order: Order::InOrder,
            copies: 0,
            hold: false,
            overtake_ms: 0,
            before_answer: false,
            batch: 1,
            concurrency: 1,
            redelivery: Redelivery::default(),
        }
    }
}

/// The order of statuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Order {
    /// sent, delivered, read.
    InOrder,
    /// read, delivered, sent.
    Reversed,
    /// As the seed has it.
    Shuffled,
    /// Exactly these for each message, whatever its phone does; failures stay failures.
    Scripted(Vec<Status>),
}

impl Order {
    /// The statuses to report instead of what the phone does, if this order says so.
    pub(super) fn scripted(&self) -> Option<&[Status]> {
        match self {
            Self::Scripted(statuses) => Some(statuses),
            Self::InOrder | Self::Reversed | Self::Shuffled => None,
        }
    }
}

/// Waits between attempts: the first, then doubled up to the longest, without end (Meta
/// gives up after seven days).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Redelivery {
    /// Milliseconds before the second attempt.
    pub first_ms: u64,
    /// Milliseconds between attempts at most.
    pub longest_ms: u64,
}

impl Default for Redelivery {
    fn default() -> Self {
        Self {
            first_ms: 100,
            longest_ms: 5_000,
        }
    }
}

impl Redelivery {
    /// The pause after `tries` attempts.
    pub(super) fn after(self, tries: u32) -> Duration {
        let doubled = self
            .first_ms
            .saturating_mul(1 << tries.saturating_sub(1).min(20));
        Duration::from_millis(doubled.min(self.longest_ms))
    }
}

/// Where webhooks stand.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Deliveries {
    /// Statuses kept back.
    pub held: usize,
    /// Webhooks not yet answered with 200.
    pub open: usize,
    /// The latest deliveries, oldest first.
    pub log: Vec<Record>,
}

/// How many webhooks there were, without the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posts {
    /// Bodies that left or wait to leave, copies among them.
    pub bodies: u64,
    /// How often one was posted.
    pub attempts: u64,
    /// Bodies not yet answered with 200.
    pub open: usize,
}

/// One webhook and how it fared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Its number, in the order they left.
    pub n: u64,
    /// The app it is for.
    pub app_id: String,
    /// What is in it: `sent wamid.…, read wamid.…`.
    pub says: String,
    /// Attempts so far.
    pub tries: u32,
    /// The last answer: an HTTP status, or why there was none.
    pub answer: Option<String>,
    /// Answered with 200.
    pub done: bool,
}
