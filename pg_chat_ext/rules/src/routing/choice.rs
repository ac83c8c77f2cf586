//! The choice of an agent: the least busy, then whoever has waited longest for a conversation.

use std::cmp::Ordering;

use serde::Serialize;

use super::{Candidate, Error, Facts};

/// Who got the conversation, and why not somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// The winner; null when nobody can take it.
    pub agent_id: Option<String>,
    /// What decided: `preferred`, `only_one_free`, `least_busy`, `waited_longest`, `first_by_id`; or,
    /// with no winner, what stood in the way of the one who came closest: `full`, `department_full`,
    /// `other_department`, `not_online`, `not_active`, `no_candidates`.
    pub reason: &'static str,
    /// Everybody who could have taken it, best first.
    pub order: Vec<String>,
    /// Everybody else but the winner: those of `order`, then those who could not, by id.
    pub losers: Vec<Loser>,
}

/// An agent who did not get the conversation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Loser {
    /// Who.
    pub agent_id: String,
    /// Why not: a hindrance as above, or `not_preferred`, `busier`, `got_one_later`, `later_by_id`.
    pub reason: &'static str,
}

impl Loser {
    fn new(candidate: &Candidate, reason: &'static str) -> Self {
        Self {
            agent_id: candidate.agent_id.clone(),
            reason,
        }
    }
}

/// What keeps an agent from taking any conversation, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Hindrance {
    NotActive,
    NotOnline,
    OtherDepartment,
    DepartmentFull,
    Full,
}

impl Hindrance {
    const fn reason(self) -> &'static str {
        match self {
            Self::NotActive => "not_active",
            Self::NotOnline => "not_online",
            Self::OtherDepartment => "other_department",
            Self::DepartmentFull => "department_full",
            Self::Full => "full",
        }
    }

    fn of(candidate: &Candidate, department: Option<&str>) -> Option<Self> {
        if !candidate.is_active {
            return Some(Self::NotActive);
        }
        if candidate.status.as_deref() != Some("online") {
            return Some(Self::NotOnline);
        }
        if department.is_some() && candidate.department_id.as_deref() != department {
            return Some(Self::OtherDepartment);
        }
        if candidate.max <= 0 || candidate.load >= candidate.max {
            return Some(Self::Full);
        }
        // A department's limit caps an agent's chats of that department, so it needs one.
        let capped = department.and(candidate.department_max);
        if capped.is_some_and(|max| candidate.department_load >= max) {
            return Some(Self::DepartmentFull);
        }
        None
    }
}

/// Chooses among the candidates; the result does not depend on their order.
///
/// Least `load / max`, then longest since the last assignment (never counts as longest), then id. The
/// preferred agent goes first if they can take it at all.
pub fn choose_agent(facts: &Facts) -> Choice {
    let department = facts.department_id.as_deref();
    let preferred = |c: &Candidate| Some(&c.agent_id) == facts.preferred_agent_id.as_ref();
    let (mut free, mut hindered) = (Vec::new(), Vec::new());
    for candidate in &facts.candidates {
        match Hindrance::of(candidate, department) {
            None => free.push(candidate),
            Some(hindrance) => hindered.push((hindrance, candidate)),
        }
    }
    free.sort_by(|a, b| {
        preferred(b)
            .cmp(&preferred(a))
            .then_with(|| better_first(a, b))
    });
    hindered.sort_by(|(_, a), (_, b)| a.agent_id.cmp(&b.agent_id));

    let unable = hindered
        .iter()
        .map(|(hindrance, loser)| Loser::new(loser, hindrance.reason()));
    let Some((winner, beaten)) = free.split_first() else {
        let closest = hindered.iter().map(|(hindrance, _)| *hindrance).max();
        return Choice {
            agent_id: None,
            reason: closest.map_or("no_candidates", Hindrance::reason),
            order: Vec::new(),
            losers: unable.collect(),
        };
    };
    let (reason, why_beaten): (_, fn(&Candidate, &Candidate) -> &'static str) = if preferred(winner)
    {
        ("preferred", |_, _| "not_preferred")
    } else {
        let reason = beaten.first().map_or("only_one_free", |second| {
            Decider::between(winner, second).winners_reason()
        });
        (reason, |winner, loser| {
            Decider::between(winner, loser).losers_reason()
        })
    };
    Choice {
        agent_id: Some(winner.agent_id.clone()),
        reason,
        order: free.iter().map(|c| c.agent_id.clone()).collect(),
        losers: beaten
            .iter()
            .map(|loser| Loser::new(loser, why_beaten(winner, loser)))
            .chain(unable)
            .collect(),
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

/// What makes one free agent the better choice than another.
#[derive(Clone, Copy)]
enum Decider {
    Load,
    Waited,
    Id,
}

impl Decider {
    fn between(winner: &Candidate, loser: &Candidate) -> Self {
        if by_load(winner, loser).is_ne() {
            Self::Load
        } else if winner.last_assigned_at != loser.last_assigned_at {
            Self::Waited
        } else {
            Self::Id
        }
    }

    const fn winners_reason(self) -> &'static str {
        match self {
            Self::Load => "least_busy",
            Self::Waited => "waited_longest",
            Self::Id => "first_by_id",
        }
    }

    const fn losers_reason(self) -> &'static str {
        match self {
            Self::Load => "busier",
            Self::Waited => "got_one_later",
            Self::Id => "later_by_id",
        }
    }
}

fn better_first(a: &Candidate, b: &Candidate) -> Ordering {
    by_load(a, b)
        .then_with(|| a.last_assigned_at.cmp(&b.last_assigned_at))
        .then_with(|| a.agent_id.cmp(&b.agent_id))
}

/// Compares `load / max` without dividing, so that 1 of 3 and 2 of 6 are exactly equal. Both `max`
/// are above 0 here.
fn by_load(a: &Candidate, b: &Candidate) -> Ordering {
    (i128::from(a.load) * i128::from(b.max)).cmp(&(i128::from(b.load) * i128::from(a.max)))
}
