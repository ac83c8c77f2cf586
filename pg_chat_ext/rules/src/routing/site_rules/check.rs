//! Everything that is wrong with rules: their form, what they name, and what they say together.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use super::read::read;
use super::trouble::{RuleProblem, RuleTrouble};
use super::{Rule, SiteRulesError};

/// What is known of a site.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Known {
    /// Its active departments, lower-case uuid text.
    pub departments: Vec<String>,
    /// Meta's ids of its WhatsApp numbers.
    pub numbers: Vec<String>,
    /// Departments by those whose agents stand in for them, by department.
    pub fallbacks: BTreeMap<String, String>,
}

/// Everything that is wrong with rules at a site, in their order. Rules that are not enabled hide none and loop with none.
///
/// # Errors
/// [`SiteRulesError::BadRules`].
pub fn rule_problems(rules: &str, known: &Known) -> Result<Vec<RuleProblem>, SiteRulesError> {
    let (rules, mut problems) = read(rules)?;
    let mut wrong = |at, problem, with| problems.push(RuleProblem { at, problem, with });
    let asked: Vec<_> = rules.iter().flatten().filter(|rule| rule.enabled).collect();
    for rule in rules.iter().flatten() {
        for at in gone(rule, known) {
            let problem = if at.contains(".number") {
                RuleTrouble::NoSuchNumber
            } else {
                RuleTrouble::NoSuchDepartment
            };
            wrong(at, problem, None);
        }
        for never in rule.conditions.never() {
            let at = format!("{}.if.{never}", place(rule));
            wrong(at, RuleTrouble::NeverHolds, None);
        }
        if !rule.enabled {
            continue;
        }
        let mut earlier = asked.iter().take_while(|other| other.place < rule.place);
        if let Some(other) = earlier.find(|other| rule.conditions.imply(&other.conditions)) {
            wrong(place(rule), RuleTrouble::Hidden, Some(place(other)));
        } else if let Some(by) = comes_back(rule, &asked, known) {
            let at = format!("{}.then.department", place(rule));
            wrong(at, RuleTrouble::Loop, Some(by));
        }
    }
    // In the order of rules; those of one rule's form stand first.
    problems.sort_by_key(|problem| rule_of(&problem.at));
    Ok(problems)
}

/// [`rule_problems`] over the JSON text of [`Known`], giving the JSON text of a list of `{at, problem, with}`.
///
/// # Errors
/// [`SiteRulesError::BadRules`] and [`SiteRulesError::BadKnown`].
pub fn rule_problems_json(rules: &str, known: &str) -> Result<String, SiteRulesError> {
    let known = serde_json::from_str(known).map_err(SiteRulesError::BadKnown)?;
    let problems = rule_problems(rules, &known)?;
    Ok(serde_json::to_string(&problems).expect("words and paths are always JSON"))
}

fn place(rule: &Rule) -> String {
    format!("rules[{}]", rule.place - 1)
}

/// Which rule a path is of; `rules` itself comes first.
fn rule_of(at: &str) -> Option<usize> {
    let (number, _) = at.strip_prefix("rules[")?.split_once(']')?;
    number.parse().ok()
}

/// Where a rule names what the site has not.
fn gone(rule: &Rule, known: &Known) -> Vec<String> {
    let at = place(rule);
    let is_gone = |department: &String| !known.departments.contains(department);
    let mut gone = Vec::new();
    for (n, number) in rule.conditions.number.iter().flatten().enumerate() {
        if !known.numbers.contains(number) {
            gone.push(format!("{at}.if.number[{n}]"));
        }
    }
    for (n, department) in rule.conditions.department.iter().flatten().enumerate() {
        if department.as_ref().is_some_and(is_gone) {
            gone.push(format!("{at}.if.department[{n}]"));
        }
    }
    for (n, hours) in rule.conditions.hours.iter().enumerate() {
        if hours.department.as_ref().is_some_and(is_gone) {
            gone.push(format!("{at}.if.hours[{n}].department"));
        }
    }
    if rule.effect.department.as_ref().is_some_and(is_gone) {
        gone.push(format!("{at}.then.department"));
    }
    gone
}

/// By what a conversation that was chosen for a department comes back to it when this rule has sent it away: a rule that
/// may hold together with this one, or a fallback. Fallbacks alone send nothing away.
fn comes_back(rule: &Rule, rules: &[&Rule], known: &Known) -> Option<String> {
    let begins: BTreeSet<&String> = from(rule).collect();
    let target = rule.effect.department.as_ref()?;
    // Whoever means to leave it where it is changes something else of it.
    if begins.contains(target) {
        return None;
    }
    let mut reached = BTreeSet::new();
    let mut ahead = vec![(target, place(rule))];
    while let Some((department, by)) = ahead.pop() {
        if begins.contains(department) {
            return Some(by);
        }
        if !reached.insert(department) {
            continue;
        }
        if let Some(next) = known.fallbacks.get(department) {
            ahead.push((next, "fallback_department_id".to_owned()));
        }
        for other in rules {
            let sends = from(other).any(|chosen| chosen == department)
                && rule.conditions.may_meet(&other.conditions);
            let next = other.effect.department.as_ref().filter(|_| sends);
            ahead.extend(next.map(|next| (next, place(other))));
        }
    }
    None
}

/// The departments that a rule takes from, where it names them.
fn from(rule: &Rule) -> impl Iterator<Item = &String> {
    rule.conditions.department.iter().flatten().flatten()
}
