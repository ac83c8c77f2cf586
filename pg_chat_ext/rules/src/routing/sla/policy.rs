//! Which policy counts.

use std::cmp::Reverse;

use super::{Policy, SlaFacts};

/// The most specific policy that fits: one of a tag goes before one of a priority, that before one of a department, and
/// that before the site's. Where several tags have one, the tag that was put on first decides.
pub(super) fn most_specific(facts: &SlaFacts) -> Option<&Policy> {
    facts
        .policies
        .iter()
        .filter_map(|policy| Some((rank(facts, policy)?, policy)))
        .min_by_key(|(rank, policy)| (*rank, &policy.id))
        .map(|(_, policy)| policy)
}

type Rank = (Reverse<bool>, Reverse<bool>, Reverse<bool>, Option<usize>);

/// Lower goes first; none does not fit.
fn rank(facts: &SlaFacts, policy: &Policy) -> Option<Rank> {
    let fits = |wanted: &Option<String>, is: &Option<String>| wanted.is_none() || wanted == is;
    if !fits(&policy.priority, &facts.priority)
        || !fits(&policy.department_id, &facts.department_id)
    {
        return None;
    }
    let tag = match &policy.tag {
        Some(tag) => Some(facts.tags.iter().position(|has| has == tag)?),
        None => None,
    };
    Some((
        Reverse(tag.is_some()),
        Reverse(policy.priority.is_some()),
        Reverse(policy.department_id.is_some()),
        tag,
    ))
}
