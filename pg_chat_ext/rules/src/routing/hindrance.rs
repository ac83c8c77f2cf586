//! What keeps an agent from getting a conversation.

use super::strategies::{Strategy, missing_skills};
use super::{Candidate, Facts};

/// What keeps an agent from taking a conversation, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hindrance {
    NotActive,
    NotOnline,
    OtherDepartment,
    GaveItBack,
    LacksSkills,
    HourlyLimit,
    DepartmentFull,
    Full,
}

impl Hindrance {
    pub(super) const fn reason(self) -> &'static str {
        match self {
            Self::NotActive => "not_active",
            Self::NotOnline => "not_online",
            Self::OtherDepartment => "other_department",
            Self::GaveItBack => "gave_it_back",
            Self::LacksSkills => "lacks_skills",
            Self::HourlyLimit => "hourly_limit",
            Self::DepartmentFull => "department_full",
            Self::Full => "full",
        }
    }

    /// All that is in the way, in the order in which it is told.
    pub(super) fn all(facts: &Facts, candidate: &Candidate) -> impl Iterator<Item = Self> {
        // A department's limit caps an agent's chats of that department, so it needs one.
        let capped = facts
            .department_id
            .as_ref()
            .and(candidate.department_max)
            .is_some_and(|max| candidate.department_load >= max);
        [
            (Self::NotActive, !candidate.is_active),
            (
                Self::NotOnline,
                candidate.status.as_deref() != Some("online"),
            ),
            (Self::OtherDepartment, facts.place(candidate).is_none()),
            (
                Self::GaveItBack,
                facts.returned_by.as_ref() == Some(&candidate.agent_id),
            ),
            (
                Self::LacksSkills,
                facts.strategy() == Strategy::Skills
                    && !facts.waited_for_skills()
                    && missing_skills(facts, candidate) > 0,
            ),
            (
                Self::Full,
                candidate.max <= 0 || candidate.load >= candidate.max,
            ),
            (Self::DepartmentFull, capped),
            (
                Self::HourlyLimit,
                facts
                    .hourly_limit
                    .is_some_and(|limit| candidate.got_this_hour >= limit),
            ),
        ]
        .into_iter()
        .filter_map(|(hindrance, is_there)| is_there.then_some(hindrance))
    }

    /// The first of them.
    pub(super) fn of(facts: &Facts, candidate: &Candidate) -> Option<Self> {
        Self::all(facts, candidate).next()
    }
}
