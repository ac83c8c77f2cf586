//! Whoever the person talked to last, in any conversation; nobody waits for them, so else the least busy.

use super::Step;
use super::least_busy::{LOAD, WAITED};

pub(super) const STEPS: &[Step] = &[
    Step {
        order: |facts, a, b| facts.known_to(b).cmp(&facts.known_to(a)),
        winner: "knows_visitor",
        loser: "does_not_know_visitor",
    },
    LOAD,
    WAITED,
];
