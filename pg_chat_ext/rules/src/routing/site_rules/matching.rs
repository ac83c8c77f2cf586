//! Which rule counts for a conversation.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::read::read;
use super::{Effect, Rule, SiteRulesError};

/// A conversation as it came, and the site at that moment.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct RuleFacts {
    /// widget, whatsapp or api.
    pub channel: Option<String>,
    /// Meta's id of the number written to.
    pub number: Option<String>,
    /// The page it began on.
    pub page: Option<String>,
    /// The language the visitor's browser asks for, such as `de-AT`.
    pub language: Option<String>,
    /// Two capital letters.
    pub country: Option<String>,
    /// The department that was chosen, lower-case uuid text.
    pub department_id: Option<String>,
    /// Of the conversation and of the visitor.
    pub tags: Vec<String>,
    /// What the visitor said of themselves, and wrote first: name, email, phone, message.
    pub form: Map<String, Value>,
    /// The visitor's custom data.
    pub visitor: Map<String, Value>,
    /// Who is open: `site` and ids of departments. Who is not named is neither open nor closed.
    pub open: BTreeMap<String, bool>,
    /// The departments that there are and that are active.
    pub departments: Vec<String>,
}

/// What the rules say.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Verdict {
    /// Which rule counts, from 1; null: none.
    pub place: Option<usize>,
    /// Its name.
    pub name: Option<String>,
    /// What it does.
    pub then: Effect,
    /// Rules before it that held and whose department is gone.
    pub passed_over: Vec<PassedOver>,
}

/// A rule that held and could not be followed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PassedOver {
    /// Which, from 1.
    pub place: usize,
    /// Its name.
    pub name: String,
    /// The department that is gone or not active.
    pub department: String,
}

/// What the rules say of each of these conversations, in their order: the first rule that is enabled, holds, and sends to
/// no department that is gone. A rule that cannot be read never holds.
///
/// # Errors
/// [`SiteRulesError::BadRules`].
pub fn match_rules(rules: &str, facts: &[RuleFacts]) -> Result<Vec<Verdict>, SiteRulesError> {
    let (rules, _) = read(rules)?;
    let enabled: Vec<_> = rules.into_iter().flatten().filter(|r| r.enabled).collect();
    Ok(facts.iter().map(|one| verdict(&enabled, one)).collect())
}

fn verdict(rules: &[Rule], facts: &RuleFacts) -> Verdict {
    let mut verdict = Verdict::default();
    for rule in rules.iter().filter(|rule| rule.conditions.hold(facts)) {
        match rule.effect.department.as_ref() {
            Some(department) if !facts.departments.contains(department) => {
                verdict.passed_over.push(PassedOver {
                    place: rule.place,
                    name: rule.name.clone(),
                    department: department.clone(),
                });
            }
            _ => {
                verdict.place = Some(rule.place);
                verdict.name = Some(rule.name.clone());
                verdict.then = rule.effect.clone();
                break;
            }
        }
    }
    verdict
}

/// [`match_rules`] over the JSON text of a list of [`RuleFacts`], giving the JSON text of a list of [`Verdict`].
///
/// # Errors
/// [`SiteRulesError::BadRules`] and [`SiteRulesError::BadFacts`].
pub fn match_rules_json(rules: &str, facts: &str) -> Result<String, SiteRulesError> {
    let facts: Vec<RuleFacts> = serde_json::from_str(facts).map_err(SiteRulesError::BadFacts)?;
    let verdicts = match_rules(rules, &facts)?;
    Ok(serde_json::to_string(&verdicts).expect("words and texts are always JSON"))
}
