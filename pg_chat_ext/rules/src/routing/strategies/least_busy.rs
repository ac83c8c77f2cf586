//! The least busy, then whoever has waited longest for a conversation.

use std::cmp::Ordering;

use super::Step;
use crate::routing::Candidate;

pub(super) const STEPS: &[Step] = &[LOAD, WAITED];

/// The smallest share of what each may have.
pub(super) const LOAD: Step = Step {
    order: |_, a, b| by_load(a, b),
    winner: "least_busy",
    loser: "busier",
};

/// Longest since the last assignment; never counts as longest.
pub(super) const WAITED: Step = Step {
    order: |_, a, b| a.last_assigned_at.cmp(&b.last_assigned_at),
    winner: "waited_longest",
    loser: "got_one_later",
};

/// Compares `load / max` without dividing, so that 1 of 3 and 2 of 6 are exactly equal. Both `max`
/// are above 0 here.
fn by_load(a: &Candidate, b: &Candidate) -> Ordering {
    (i128::from(a.load) * i128::from(b.max)).cmp(&(i128::from(b.load) * i128::from(a.max)))
}
