//! What a rule asks of a conversation, and what follows when it is asked together with other things.

use std::collections::BTreeMap;

use super::page::page_matches;
use super::value::{Test, folded};
use super::{Channel, RuleFacts};

/// All of them have to hold; of a list, one entry. What is absent is not asked.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    pub(super) channel: Option<Vec<Channel>>,
    /// Meta's ids of WhatsApp numbers.
    pub(super) number: Option<Vec<String>>,
    /// Patterns of the page it began on.
    pub(super) page: Option<Vec<String>>,
    /// Lower-case language tags: `de` is any German.
    pub(super) language: Option<Vec<String>>,
    /// Two capital letters.
    pub(super) country: Option<Vec<String>>,
    /// What the visitor chose; none: nothing.
    pub(super) department: Option<Vec<Option<String>>>,
    /// Of the conversation or of the visitor, folded.
    pub(super) tag: Option<Vec<String>>,
    /// By field: name, email, phone, message.
    pub(super) form: BTreeMap<String, Test>,
    /// By key of the visitor's custom data.
    pub(super) visitor: BTreeMap<String, Test>,
    pub(super) hours: Vec<Hours>,
}

/// Whether a site, or one of its departments, is open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Hours {
    /// None: the site.
    pub(super) department: Option<String>,
    pub(super) open: bool,
}

impl Conditions {
    pub(super) fn hold(&self, facts: &RuleFacts) -> bool {
        let channel = facts.channel.as_deref().and_then(Channel::of_word);
        let of = |list: &Option<Vec<String>>, value: &Option<String>| {
            list.as_ref()
                .is_none_or(|list| value.as_ref().is_some_and(|value| list.contains(value)))
        };
        let language = facts.language.as_deref().map(folded);
        asks(&self.channel, |one| channel == Some(*one))
            && of(&self.number, &facts.number)
            && asks(&self.page, |pattern| {
                let page = facts.page.as_deref();
                page.is_some_and(|page| page_matches(pattern, page))
            })
            && asks(&self.language, |one| {
                let language = language.as_deref();
                language.is_some_and(|language| speaks(language, one))
            })
            && of(&self.country, &facts.country)
            && asks(&self.department, |one| *one == facts.department_id)
            && asks(&self.tag, |one| {
                facts.tags.iter().any(|tag| folded(tag) == *one)
            })
            && passes(&self.form, &facts.form)
            && passes(&self.visitor, &facts.visitor)
            && self.hours.iter().all(|hours| {
                let whose = hours.department.as_deref().unwrap_or("site");
                facts.open.get(whose) == Some(&hours.open)
            })
    }

    /// Where it stands that these can never hold: a name of a condition, and of a test within it.
    pub(super) fn never(&self) -> Vec<String> {
        let mut never = Vec::new();
        for (name, tests) in [("form", &self.form), ("visitor", &self.visitor)] {
            let bad = tests.iter().filter(|(_, test)| test.never_passes());
            never.extend(bad.map(|(key, _)| format!("{name}.{key}")));
        }
        let contradicted = |hours: &Hours| {
            let other = Hours {
                open: !hours.open,
                ..hours.clone()
            };
            self.hours.contains(&other)
        };
        if self.hours.iter().any(contradicted) {
            never.push("hours".to_owned());
        }
        let can_be = |channel| asks(&self.channel, |one| *one == channel);
        if self.number.is_some() && !can_be(Channel::Whatsapp) {
            never.push("number".to_owned());
        }
        // A browser tells these; WhatsApp never does.
        let elsewhere = self.number.is_none() && (can_be(Channel::Widget) || can_be(Channel::Api));
        for (name, asked) in [
            ("page", self.page.is_some()),
            ("language", self.language.is_some()),
            ("country", self.country.is_some()),
        ] {
            if asked && !elsewhere {
                never.push(name.to_owned());
            }
        }
        never
    }

    /// Whether wherever these hold the others hold too, as far as that can be told.
    pub(super) fn imply(&self, others: &Self) -> bool {
        within(&self.channel, &others.channel, |a, b| a == b)
            && within(&self.number, &others.number, |a, b| a == b)
            && within(&self.page, &others.page, |a, b| a == b)
            && within(&self.language, &others.language, |a, b| speaks(a, b))
            && within(&self.country, &others.country, |a, b| a == b)
            && within(&self.department, &others.department, |a, b| a == b)
            && within(&self.tag, &others.tag, |a, b| a == b)
            && implied(&self.form, &others.form)
            && implied(&self.visitor, &others.visitor)
            && others.hours.iter().all(|hours| self.hours.contains(hours))
    }

    /// Whether some conversation could meet these and the others, whatever department it was chosen for.
    pub(super) fn may_meet(&self, others: &Self) -> bool {
        let mut both = self.clone();
        both.hours.extend(others.hours.iter().cloned());
        both.channel = shared(&self.channel, &others.channel);
        both.number = shared(&self.number, &others.number);
        both.country = shared(&self.country, &others.country);
        let left = [
            both.channel.as_ref().map(Vec::len),
            both.number.as_ref().map(Vec::len),
            both.country.as_ref().map(Vec::len),
        ];
        !left.contains(&Some(0)) && both.never().is_empty()
    }
}

/// Whether a list is not asked, or one of its entries holds.
fn asks<T>(list: &Option<Vec<T>>, holds: impl Fn(&T) -> bool) -> bool {
    list.as_ref().is_none_or(|list| list.iter().any(holds))
}

fn passes(
    tests: &BTreeMap<String, Test>,
    values: &serde_json::Map<String, serde_json::Value>,
) -> bool {
    tests
        .iter()
        .all(|(key, test)| test.passes(values.get(key).unwrap_or(&serde_json::Value::Null)))
}

/// Whether the first list leaves no more than the second does.
fn within<T>(
    one: &Option<Vec<T>>,
    other: &Option<Vec<T>>,
    covered: impl Fn(&T, &T) -> bool,
) -> bool {
    match (one, other) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(one), Some(other)) => one.iter().all(|a| other.iter().any(|b| covered(a, b))),
    }
}

fn implied(tests: &BTreeMap<String, Test>, others: &BTreeMap<String, Test>) -> bool {
    others
        .iter()
        .all(|(key, other)| tests.get(key).is_some_and(|test| test.implies(other)))
}

fn shared<T: Clone + PartialEq>(one: &Option<Vec<T>>, other: &Option<Vec<T>>) -> Option<Vec<T>> {
    match (one, other) {
        (Some(one), Some(other)) => {
            Some(one.iter().filter(|a| other.contains(a)).cloned().collect())
        }
        (list, None) | (None, list) => list.clone(),
    }
}

/// Whether a language is another one, or a kind of it: `de-at` is `de`.
fn speaks(language: &str, wanted: &str) -> bool {
    language
        .strip_prefix(wanted)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}
