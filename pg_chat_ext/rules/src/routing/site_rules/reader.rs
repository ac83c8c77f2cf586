//! Reads parts of rules: each thing that is not as it should be becomes a problem with its place.

use serde_json::{Map, Value};

use super::trouble::{RuleProblem, RuleTrouble};
use super::value::folded;

/// More entries than one condition needs.
const MOST_ENTRIES: usize = 100;

/// Reads on after something wrong, so that all of it is told at once.
#[derive(Default)]
pub(super) struct Reader {
    pub(super) problems: Vec<RuleProblem>,
}

impl Reader {
    pub(super) fn wrong(&mut self, at: impl Into<String>, problem: RuleTrouble) {
        self.problems.push(RuleProblem {
            at: at.into(),
            problem,
            with: None,
        });
    }

    pub(super) fn object<'a>(
        &mut self,
        value: &'a Value,
        at: &str,
        known: &[&str],
    ) -> Option<&'a Map<String, Value>> {
        let Some(object) = value.as_object() else {
            self.wrong(at, RuleTrouble::NotAnObject);
            return None;
        };
        for word in object.keys().filter(|key| !known.contains(&key.as_str())) {
            self.wrong(format!("{at}.{word}"), RuleTrouble::UnknownWord);
        }
        Some(object)
    }

    /// The entries of a list, each read by `entry`; none where the list is absent.
    pub(super) fn list<T>(
        &mut self,
        of: &Map<String, Value>,
        at: &str,
        name: &str,
        entry: impl Fn(&mut Self, &Value, &str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let at = format!("{at}.{name}");
        let list = match of.get(name)? {
            Value::Array(list) => list,
            _ => {
                self.wrong(at, RuleTrouble::NotAList);
                return None;
            }
        };
        match list.len() {
            0 => self.wrong(&at, RuleTrouble::EmptyList),
            1..=MOST_ENTRIES => {}
            _ => {
                self.wrong(at, RuleTrouble::TooMany);
                return None;
            }
        }
        let entries = list.iter().enumerate();
        let read = entries.filter_map(|(n, value)| entry(self, value, &format!("{at}[{n}]")));
        Some(read.collect())
    }

    /// A text for which `made` gives something.
    pub(super) fn entry<T>(
        &mut self,
        value: &Value,
        at: &str,
        problem: RuleTrouble,
        made: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let read = value.as_str().map(str::trim).and_then(made);
        if read.is_none() {
            self.wrong(at, problem);
        }
        read
    }

    pub(super) fn texts(
        &mut self,
        of: &Map<String, Value>,
        at: &str,
        name: &str,
        longest: usize,
    ) -> Option<Vec<String>> {
        self.list(of, at, name, |reader, value, at| {
            reader.entry(value, at, RuleTrouble::NotAText, |text| {
                sized(text, longest).map(folded)
            })
        })
    }

    pub(super) fn truth(&mut self, of: &Map<String, Value>, at: &str, name: &str) -> Option<bool> {
        let truth = of.get(name)?.as_bool();
        if truth.is_none() {
            self.wrong(format!("{at}.{name}"), RuleTrouble::NotTrueOrFalse);
        }
        truth
    }

    pub(super) fn number(&mut self, of: &Map<String, Value>, at: &str, name: &str) -> Option<f64> {
        let number = of.get(name)?.as_f64();
        if number.is_none() {
            self.wrong(format!("{at}.{name}"), RuleTrouble::NotANumber);
        }
        number
    }
}

/// A text that is not empty and no longer than so many characters.
pub(super) fn sized(text: &str, longest: usize) -> Option<&str> {
    (!text.is_empty() && text.chars().count() <= longest).then_some(text)
}
