//! How one of several free agents is picked: each strategy is an order, made of steps.

mod least_busy;
mod round_robin;
mod skills;
mod sticky;

use std::cmp::Ordering;

use super::{Candidate, Facts};

pub(super) use skills::missing as missing_skills;

words! {
    /// How a site or department picks among those who are free.
    pub enum Strategy {
        /// The smallest share of what each may have.
        LeastBusy = "least_busy",
        /// Everybody in turn, however busy.
        RoundRobin = "round_robin",
        /// Whoever knows the person, else the least busy.
        Sticky = "sticky",
        /// Whoever knows what it takes, the least busy of them.
        Skills = "skills",
    }
}

/// One thing that can make an agent the better choice, and what it is called on both sides.
pub(super) struct Step {
    /// Less is better.
    pub(super) order: fn(&Facts, &Candidate, &Candidate) -> Ordering,
    pub(super) winner: &'static str,
    pub(super) loser: &'static str,
}

/// Before every strategy: a department's own agents, then whoever had this conversation before.
const FIRST: [Step; 2] = [
    Step {
        order: |facts, a, b| facts.place(a).cmp(&facts.place(b)),
        winner: "own_department",
        loser: "fallback_department",
    },
    Step {
        order: |facts, a, b| facts.prefers(b).cmp(&facts.prefers(a)),
        winner: "preferred",
        loser: "not_preferred",
    },
];

/// After every strategy, so that nothing is left to chance.
const LAST: Step = Step {
    order: |_, a, b| a.agent_id.cmp(&b.agent_id),
    winner: "first_by_id",
    loser: "later_by_id",
};

impl Strategy {
    fn own(self) -> &'static [Step] {
        match self {
            Self::LeastBusy => least_busy::STEPS,
            Self::RoundRobin => round_robin::STEPS,
            Self::Sticky => sticky::STEPS,
            Self::Skills => skills::STEPS,
        }
    }

    /// All steps, the weightiest first.
    pub(super) fn steps(self) -> impl Iterator<Item = &'static Step> {
        FIRST.iter().chain(self.own()).chain([&LAST])
    }
}
