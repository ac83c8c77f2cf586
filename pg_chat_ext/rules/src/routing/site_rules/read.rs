//! Rules as they are saved, read with everything that is wrong with their form.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::conditions::{Conditions, Hours};
use super::reader::{Reader, sized};
use super::trouble::{RuleProblem, RuleTrouble};
use super::value::{Test, folded};
use super::{Channel, Effect, Priority, Rule, SiteRulesError};

/// More rules than anybody keeps apart.
const MOST_RULES: usize = 100;
const MOST_TESTS: usize = 20;
const MOST_SKILLS: usize = 20;
const LONGEST_NAME: usize = 100;
const LONGEST_TEXT: usize = 200;
const LONGEST_PAGE: usize = 500;
/// As conversations keep them.
const LONGEST_TAG: usize = 64;

const CONDITIONS: [&str; 10] = [
    "channel",
    "number",
    "page",
    "language",
    "country",
    "department",
    "tag",
    "form",
    "visitor",
    "hours",
];
const TESTS: [&str; 7] = [
    "given",
    "is",
    "starts_with",
    "ends_with",
    "contains",
    "at_least",
    "at_most",
];
const FIELDS: [&str; 4] = ["name", "email", "phone", "message"];

/// Reads all rules; none where one is not in its form, and why not.
pub(super) fn read(rules: &str) -> Result<(Vec<Option<Rule>>, Vec<RuleProblem>), SiteRulesError> {
    let value: Value = serde_json::from_str(rules).map_err(SiteRulesError::BadRules)?;
    let mut reader = Reader::default();
    let Some(list) = value.as_array() else {
        reader.wrong("rules", RuleTrouble::NotAList);
        return Ok((Vec::new(), reader.problems));
    };
    if list.len() > MOST_RULES {
        reader.wrong("rules", RuleTrouble::TooMany);
        return Ok((Vec::new(), reader.problems));
    }
    let mut read = Vec::new();
    for (n, value) in list.iter().enumerate() {
        let before = reader.problems.len();
        let rule = reader.rule(value, n);
        read.push(rule.filter(|_| reader.problems.len() == before));
    }
    Ok((read, reader.problems))
}

impl Reader {
    fn rule(&mut self, value: &Value, n: usize) -> Option<Rule> {
        let at = format!("rules[{n}]");
        let rule = self.object(value, &at, &["name", "enabled", "if", "then"])?;
        let name = rule.get("name").unwrap_or(&Value::Null);
        let name = self.entry(name, &format!("{at}.name"), RuleTrouble::NotAName, |name| {
            let plain = !name.chars().any(char::is_control);
            sized(name, LONGEST_NAME)
                .filter(|_| plain)
                .map(str::to_owned)
        });
        let enabled = self.truth(rule, &at, "enabled").unwrap_or(true);
        let conditions = match rule.get("if") {
            Some(conditions) => self.conditions(conditions, &format!("{at}.if")),
            None => Some(Conditions::default()),
        };
        let effect = rule.get("then").unwrap_or(&Value::Null);
        let effect = self.effect(effect, &format!("{at}.then"));
        Some(Rule {
            place: n + 1,
            name: name?,
            enabled,
            conditions: conditions?,
            effect: effect?,
        })
    }

    fn conditions(&mut self, value: &Value, at: &str) -> Option<Conditions> {
        let of = self.object(value, at, &CONDITIONS)?;
        Some(Conditions {
            channel: self.list(of, at, "channel", |reader, value, at| {
                reader.entry(value, at, RuleTrouble::UnknownValue, Channel::of_word)
            }),
            number: self.list(of, at, "number", |reader, value, at| {
                reader.entry(value, at, RuleTrouble::NotAText, |text| {
                    sized(text, LONGEST_TEXT).map(str::to_owned)
                })
            }),
            page: self.list(of, at, "page", |reader, value, at| {
                reader.entry(value, at, RuleTrouble::NotAPage, page)
            }),
            language: self.list(of, at, "language", |reader, value, at| {
                reader.entry(value, at, RuleTrouble::NotALanguage, language)
            }),
            country: self.list(of, at, "country", |reader, value, at| {
                reader.entry(value, at, RuleTrouble::NotACountry, country)
            }),
            department: self.list(of, at, "department", |reader, value, at| {
                if value.is_null() {
                    return Some(None);
                }
                reader.department(value, at).map(Some)
            }),
            tag: self.texts(of, at, "tag", LONGEST_TAG),
            form: self.tests(of, at, "form", |key| FIELDS.contains(&key)),
            visitor: self.tests(of, at, "visitor", |key| sized(key, LONGEST_NAME).is_some()),
            hours: self.list(of, at, "hours", Self::hours).unwrap_or_default(),
        })
    }

    fn hours(&mut self, value: &Value, at: &str) -> Option<Hours> {
        let of = self.object(value, at, &["is", "department"])?;
        let is = of.get("is").unwrap_or(&Value::Null);
        let open = self.entry(
            is,
            &format!("{at}.is"),
            RuleTrouble::UnknownValue,
            |word| match word {
                "open" => Some(true),
                "closed" => Some(false),
                _ => None,
            },
        );
        let department = match of.get("department") {
            None | Some(Value::Null) => None,
            Some(value) => self.department(value, &format!("{at}.department")),
        };
        Some(Hours {
            department,
            open: open?,
        })
    }

    fn department(&mut self, value: &Value, at: &str) -> Option<String> {
        self.entry(value, at, RuleTrouble::NoSuchDepartment, |text| {
            sized(text, LONGEST_TEXT).map(folded)
        })
    }

    fn tests(
        &mut self,
        of: &Map<String, Value>,
        at: &str,
        name: &str,
        known: impl Fn(&str) -> bool,
    ) -> BTreeMap<String, Test> {
        let at = format!("{at}.{name}");
        let Some(value) = of.get(name) else {
            return BTreeMap::new();
        };
        let Some(tests) = value.as_object() else {
            self.wrong(at, RuleTrouble::NotAnObject);
            return BTreeMap::new();
        };
        match tests.len() {
            0 => self.wrong(&at, RuleTrouble::NothingAsked),
            1..=MOST_TESTS => {}
            _ => self.wrong(&at, RuleTrouble::TooMany),
        }
        let mut read = BTreeMap::new();
        for (key, value) in tests {
            let at = format!("{at}.{key}");
            if known(key) {
                read.extend(self.test(value, &at).map(|test| (key.clone(), test)));
            } else {
                self.wrong(at, RuleTrouble::UnknownWord);
            }
        }
        read
    }

    fn test(&mut self, value: &Value, at: &str) -> Option<Test> {
        let of = self.object(value, at, &TESTS)?;
        let mut texts = |name| {
            let texts = self.texts(of, at, name, LONGEST_TEXT);
            texts.unwrap_or_default()
        };
        let (starts_with, ends_with, contains) =
            (texts("starts_with"), texts("ends_with"), texts("contains"));
        let test = Test {
            given: self.truth(of, at, "given"),
            is: self.list(of, at, "is", |reader, value, at| match value {
                Value::Number(_) | Value::Bool(_) => Some(value.clone()),
                value => reader.entry(value, at, RuleTrouble::NotAText, |text| {
                    sized(text, LONGEST_TEXT).map(Value::from)
                }),
            }),
            starts_with,
            ends_with,
            contains,
            at_least: self.number(of, at, "at_least"),
            at_most: self.number(of, at, "at_most"),
        };
        if of.is_empty() {
            self.wrong(at, RuleTrouble::NothingAsked);
        }
        Some(test).filter(|test| !test.is_empty())
    }

    fn effect(&mut self, value: &Value, at: &str) -> Option<Effect> {
        let of = self.object(
            value,
            at,
            &["department", "skills", "priority", "assistant", "tags"],
        )?;
        if of.is_empty() {
            self.wrong(at, RuleTrouble::NothingFollows);
        }
        let department = of
            .get("department")
            .and_then(|value| self.department(value, &format!("{at}.department")));
        let priority = of.get("priority").and_then(|value| {
            let at = format!("{at}.priority");
            self.entry(value, &at, RuleTrouble::UnknownValue, Priority::of_word)
        });
        let skills = self
            .texts(of, at, "skills", LONGEST_TAG)
            .unwrap_or_default();
        let tags = self.list(of, at, "tags", |reader, value, at| {
            reader.entry(value, at, RuleTrouble::NotAText, |text| {
                sized(text, LONGEST_TAG).map(str::to_owned)
            })
        });
        let tags = tags.unwrap_or_default();
        for (name, list) in [("skills", &skills), ("tags", &tags)] {
            if list.len() > MOST_SKILLS {
                self.wrong(format!("{at}.{name}"), RuleTrouble::TooMany);
            }
        }
        Some(Effect {
            department,
            skills,
            priority,
            assistant: self.truth(of, at, "assistant"),
            tags,
        })
    }
}

fn page(text: &str) -> Option<String> {
    let known = |c: char| !c.is_whitespace() && !c.is_control();
    (sized(text, LONGEST_PAGE).is_some() && text.chars().all(known) && !text.contains('#'))
        .then(|| text.to_owned())
}

fn language(text: &str) -> Option<String> {
    let mut parts = text.split('-');
    let first = parts.next().unwrap_or_default();
    let known = matches!(first.len(), 2 | 3) && first.bytes().all(|b| b.is_ascii_alphabetic());
    let part = |part: &str| {
        (1..=8).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric())
    };
    (known && parts.all(part) && text.len() <= 35).then(|| folded(text))
}

fn country(text: &str) -> Option<String> {
    (text.len() == 2 && text.bytes().all(|b| b.is_ascii_alphabetic()))
        .then(|| text.to_ascii_uppercase())
}
