//! The choice of an agent: of those whom nothing hinders, the first in the order of the strategy.

use std::cmp::{Ordering, Reverse};

use serde::Serialize;

use super::hindrance::Hindrance;
use super::strategies::Step;
use super::{Candidate, Error, Facts};

/// Who got the conversation, and why not somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The winner; null when nobody can take it.
    pub agent_id: Option<String>,
    /// What decided: `preferred`, `only_one_free`, `own_department`, a reason of the strategy (`least_busy`,
    /// `waited_longest`, `next_in_turn`, `knows_visitor`, `best_skills`) or `first_by_id`; or, with no
    /// winner, what stood in the way of the one who came closest: `full`, `department_full`,
    /// `hourly_limit`, `lacks_skills`, `gave_it_back`, `other_department`, `not_online`, `not_active`,
    /// `no_candidates`.
    pub reason: &'static str,
    /// Everybody else: whoever could have taken it, best first, then whoever could not, by reason.
    pub losers: Vec<Losers>,
}

/// Agents who did not get the conversation, for one and the same reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Losers {
    /// Why not: a hindrance as above, or the other side of what decided: `not_preferred`,
    /// `fallback_department`, `busier`, `got_one_later`, `turn_comes_later`, `does_not_know_visitor`,
    /// `fewer_skills`, `later_by_id`.
    pub reason: &'static str,
    /// Who: best first, or by id where they could not.
    pub agent_ids: Vec<String>,
}

/// Each with a reason, those of one reason together as long as they stand together.
fn together<'a>(losers: impl Iterator<Item = (&'static str, &'a Candidate)>) -> Vec<Losers> {
    let mut all: Vec<Losers> = Vec::new();
    for (reason, loser) in losers {
        let id = loser.agent_id.clone();
        match all.last_mut().filter(|last| last.reason == reason) {
            Some(last) => last.agent_ids.push(id),
            None => all.push(Losers {
                reason,
                agent_ids: vec![id],
            }),
        }
    }
    all
}

/// Chooses among the candidates; the result does not depend on their order.
pub fn choose_agent(facts: &Facts) -> Choice {
    let (mut free, mut hindered) = (Vec::new(), Vec::new());
    for candidate in &facts.candidates {
        match Hindrance::of(facts, candidate) {
            None => free.push(candidate),
            Some(hindrance) => hindered.push((hindrance, candidate)),
        }
    }
    free.sort_by(|a, b| decided(facts, a, b).map_or(Ordering::Equal, |(order, _)| order));
    hindered.sort_by_key(|(hindrance, candidate)| (Reverse(*hindrance), &candidate.agent_id));

    let unable = hindered
        .iter()
        .map(|(hindrance, loser)| (hindrance.reason(), *loser));
    let Some((winner, beaten)) = free.split_first() else {
        let closest = hindered.first().map(|(hindrance, _)| *hindrance);
        return Choice {
            agent_id: None,
            reason: closest.map_or("no_candidates", Hindrance::reason),
            losers: together(unable),
        };
    };
    let step = |loser| decided(facts, winner, loser).map(|(_, step)| step);
    let reason = if facts.prefers(winner) {
        "preferred"
    } else {
        let second = beaten.first().and_then(|second| step(second));
        second.map_or("only_one_free", |step| step.winner)
    };
    Choice {
        agent_id: Some(winner.agent_id.clone()),
        reason,
        losers: together(
            beaten
                .iter()
                .map(|loser| (step(loser).map_or("later_by_id", |step| step.loser), *loser))
                .chain(unable),
        ),
    }
}

/// [`choose_agent`] over the JSON text of [`Facts`], giving the JSON text of a [`Choice`].
///
/// # Errors
/// [`Error::BadFacts`] when the text is not such an object.
pub fn choose_agent_json(facts: &str) -> Result<String, Error> {
    let facts = serde_json::from_str(facts).map_err(Error::BadFacts)?;
    serde_json::to_string(&choose_agent(&facts)).map_err(Error::BadFacts)
}

/// Which of two comes first, and the step that says so; none for one and the same agent.
fn decided(facts: &Facts, a: &Candidate, b: &Candidate) -> Option<(Ordering, &'static Step)> {
    facts.strategy().steps().find_map(|step| {
        let order = (step.order)(facts, a, b);
        order.is_ne().then_some((order, step))
    })
}
