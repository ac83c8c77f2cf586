//! Whoever has the skills that the conversation needs, the least busy of them. When it has waited long enough for them
//! others may have it too, those with the fewest missing first.

use super::Step;
use super::least_busy::{LOAD, WAITED};
use crate::routing::{Candidate, Facts};

pub(super) const STEPS: &[Step] = &[
    Step {
        order: |facts, a, b| missing(facts, a).cmp(&missing(facts, b)),
        winner: "best_skills",
        loser: "fewer_skills",
    },
    LOAD,
    WAITED,
];

/// How many of the needed skills the agent lacks.
pub(in crate::routing) fn missing(facts: &Facts, candidate: &Candidate) -> usize {
    let lacks = |skill: &&String| !candidate.skills.contains(skill);
    facts.skills.iter().filter(lacks).count()
}
