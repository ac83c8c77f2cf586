//! Rules of a site: what a conversation is like when it comes, and so where it goes.
//!
//! `[{"name", "enabled", "if": {…}, "then": {…}}]`, in order; the first whose conditions all hold is the one that counts.
//! `docs/routing-rules.md` says what each word takes. [`rule_problems`] looks at rules when they are saved, and
//! [`match_rules`] asks them when a conversation comes, or of many that came before.

mod check;
mod conditions;
mod matching;
mod page;
mod read;
mod reader;
mod trouble;
mod value;

use serde::Serialize;

pub use check::{Known, rule_problems, rule_problems_json};
pub use matching::{PassedOver, RuleFacts, Verdict, match_rules, match_rules_json};
pub use trouble::{RuleProblem, RuleTrouble};

use conditions::Conditions;

words! {
    /// LC-01's priorities.
    pub enum Priority {
        /// After everything else.
        Low = "low",
        /// As nothing is said.
        Normal = "normal",
        /// Before the normal.
        High = "high",
        /// Before everything else.
        Urgent = "urgent",
    }
}

words! {
    /// LC-01's channels.
    pub enum Channel {
        /// A browser.
        Widget = "widget",
        /// WhatsApp.
        Whatsapp = "whatsapp",
        /// The site's own servers.
        Api = "api",
    }
}

/// One rule, read.
#[derive(Debug, Clone)]
struct Rule {
    /// Counted from 1, as people do.
    place: usize,
    name: String,
    /// False: it stands there and is not asked.
    enabled: bool,
    conditions: Conditions,
    effect: Effect,
}

/// What a rule does with a conversation; what is absent stays as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Effect {
    /// Where it waits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub department: Option<String>,
    /// What whoever takes it should know.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub skills: Vec<String>,
    /// How urgent it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub priority: Option<Priority>,
    /// Whether the assistant answers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub assistant: Option<bool>,
    /// Tags it gets besides its own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
}

/// Why rules could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum SiteRulesError {
    /// The rules are not JSON.
    #[error("the rules of a site are no JSON: {0}")]
    BadRules(#[source] serde_json::Error),
    /// What is known of the site is not the object that [`Known`] describes.
    #[error("what is known of a site cannot be read: {0}")]
    BadKnown(#[source] serde_json::Error),
    /// The facts are not a list of what [`RuleFacts`] describes.
    #[error("the facts of conversations cannot be read: {0}")]
    BadFacts(#[source] serde_json::Error),
}
