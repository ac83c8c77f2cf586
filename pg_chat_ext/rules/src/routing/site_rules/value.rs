//! What one value, of a form or of a visitor's data, is asked.

use serde_json::Value;

/// Everything that is asked of one value; all of it has to hold.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Test {
    /// Whether there is one at all; an empty text is none.
    pub(super) given: Option<bool>,
    /// It is one of these texts, numbers or truths.
    pub(super) is: Option<Vec<Value>>,
    /// The text begins with one of these.
    pub(super) starts_with: Vec<String>,
    /// It ends with one of these.
    pub(super) ends_with: Vec<String>,
    /// One of these is in it.
    pub(super) contains: Vec<String>,
    /// The number is so large or larger.
    pub(super) at_least: Option<f64>,
    /// Or so small or smaller.
    pub(super) at_most: Option<f64>,
}

impl Test {
    /// Whether a value passes. Texts are compared without their case and the blanks around them.
    pub(super) fn passes(&self, value: &Value) -> bool {
        let text = value.as_str().map(folded);
        let is_given = !value.is_null() && text.as_deref() != Some("");
        let any = |parts: &[String], holds: fn(&str, &str) -> bool| {
            parts.is_empty()
                || text
                    .as_deref()
                    .is_some_and(|text| parts.iter().any(|part| holds(text, part)))
        };
        let within = |limit: Option<f64>, holds: fn(f64, f64) -> bool| {
            limit.is_none_or(|limit| value.as_f64().is_some_and(|number| holds(number, limit)))
        };
        self.given.is_none_or(|given| given == is_given)
            && self
                .is
                .as_ref()
                .is_none_or(|list| list.iter().any(|one| same(one, value)))
            && any(&self.starts_with, |text, part| text.starts_with(part))
            && any(&self.ends_with, |text, part| text.ends_with(part))
            && any(&self.contains, |text, part| text.contains(part))
            && within(self.at_least, |number, limit| number >= limit)
            && within(self.at_most, |number, limit| number <= limit)
    }

    /// Whether it asks nothing.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether no value could ever pass.
    pub(super) fn never_passes(&self) -> bool {
        let words =
            !(self.starts_with.is_empty() && self.ends_with.is_empty() && self.contains.is_empty());
        let numbers = self.at_least.is_some() || self.at_most.is_some();
        let backwards = self
            .at_least
            .zip(self.at_most)
            .is_some_and(|(least, most)| least > most);
        let of_nothing = self.given == Some(false) && (words || numbers || self.is.is_some());
        let of_none = self
            .is
            .as_ref()
            .is_some_and(|list| !list.iter().any(|one| self.passes(one)));
        words && numbers || backwards || of_nothing || of_none
    }

    /// Whether whatever passes this passes the other, as far as that can be told.
    pub(super) fn implies(&self, other: &Self) -> bool {
        self == other
            || self
                .is
                .as_ref()
                .is_some_and(|list| list.iter().all(|one| other.passes(one)))
    }
}

/// How texts are compared.
pub(super) fn folded(text: &str) -> String {
    text.trim().to_lowercase()
}

fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::String(a), Value::String(b)) => folded(a) == folded(b),
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        _ => a == b && a.is_boolean(),
    }
}
