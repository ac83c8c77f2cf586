//! Everybody in turn: whoever got one longest ago, however busy. Who is full is passed over and comes first after.

use super::Step;

pub(super) const STEPS: &[Step] = &[Step {
    order: |_, a, b| a.last_assigned_at.cmp(&b.last_assigned_at),
    winner: "next_in_turn",
    loser: "turn_comes_later",
}];
