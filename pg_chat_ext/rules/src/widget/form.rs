//! What people type into the pre-chat and offline forms.

use serde::Serialize;
use serde_json::Value;

use super::Error;

words! {
    /// A field of a form.
    pub enum Field {
        /// What they want to be called.
        Name = "name",
        /// An address to answer to. Nobody has proven that it is theirs.
        Email = "email",
        /// The same of a phone number.
        Phone = "phone",
        /// Their first message.
        Message = "message",
    }
}

words! {
    /// What is wrong with a value.
    pub enum Trouble {
        /// It is required and empty.
        Missing = "missing",
        /// It is not a text.
        NotText = "not_text",
        /// It has more characters than the field takes.
        TooLong = "too_long",
        /// It cannot be an e-mail address.
        NotAnEmail = "not_an_email",
        /// It cannot be a phone number: 6 to 15 digits, with `+ ( ) - . /` and blanks between them.
        NotAPhone = "not_a_phone",
    }
}

/// A field and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Which field.
    pub field: Field,
    /// What is wrong.
    pub problem: Trouble,
}

impl Field {
    /// The most characters it takes.
    pub const fn longest(self) -> usize {
        match self {
            Self::Name => 200,
            Self::Email => 254,
            Self::Phone => 50,
            Self::Message => 10_000,
        }
    }
}

/// What is wrong with `values` (an object of fields) when `required` must be there; at most one problem a field, in
/// the order of fields. Values of fields nobody knows are not looked at.
pub fn form_problems(required: &[Field], values: &Value) -> Vec<Problem> {
    let problem_of = |&field: &Field| {
        let problem = trouble(field, required.contains(&field), &values[field.word()])?;
        Some(Problem { field, problem })
    };
    Field::ALL.iter().filter_map(problem_of).collect()
}

/// The same over JSON text: a list of field names (unknown ones are left out), an object, a list of `{field, problem}`.
pub fn form_problems_json(required: &str, values: &str) -> Result<String, Error> {
    let required: Vec<String> = serde_json::from_str(required).map_err(Error::BadFields)?;
    let required: Vec<Field> = required.iter().filter_map(|f| Field::of_word(f)).collect();
    let values = serde_json::from_str(values).map_err(Error::BadValues)?;
    let problems = form_problems(&required, &values);
    Ok(serde_json::to_string(&problems).expect("words are always JSON"))
}

fn trouble(field: Field, required: bool, value: &Value) -> Option<Trouble> {
    let text = match value {
        Value::Null => "",
        Value::String(text) => text.trim(),
        _ => return Some(Trouble::NotText),
    };
    if text.is_empty() {
        return required.then_some(Trouble::Missing);
    }
    if text.chars().count() > field.longest() {
        return Some(Trouble::TooLong);
    }
    match field {
        Field::Email if !is_email(text) => Some(Trouble::NotAnEmail),
        Field::Phone if !is_phone(text) => Some(Trouble::NotAPhone),
        _ => None,
    }
}

/// What a mail server could be asked to deliver to; whether it does is another question.
fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.rsplit_once('@') else {
        return false;
    };
    let bad = |c: char| c.is_whitespace() || c.is_control() || "<>()[],;:\\\"@".contains(c);
    let label = |label: &str| {
        !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-')
    };
    (1..=64).contains(&local.len())
        && !text.replacen('@', "", 1).contains(bad)
        && domain.contains('.')
        && domain.split('.').all(label)
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    let known = |c: char| c.is_ascii_digit() || "+()-./ ".contains(c);
    let late_plus = text.chars().skip(1).any(|c| c == '+');
    (6..=15).contains(&digits) && text.chars().all(known) && !late_plus
}
