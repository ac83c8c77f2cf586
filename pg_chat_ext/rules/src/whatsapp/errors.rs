//! What Meta's error codes mean for us, and for the person who reads them.

use serde::Serialize;
use serde_json::Value;

use super::error_table;
use super::fields::{list, text, word};

/// What an error means for the job that met it and for its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorClass {
    /// Graph does not accept the token, or it lacks a right: nothing leaves the account's numbers until there is
    /// another one. Only such an explicit answer says so; a time-out or a proxy's 401 says nothing about the token.
    Token,
    /// Nothing leaves this number until somebody repairs something.
    Stop,
    /// This message cannot be sent; others can.
    Fail,
    /// More than 24 hours since the person wrote, by Meta's clock.
    WindowClosed,
    /// The app, token or account made too many calls this hour.
    AppLimit,
    /// The number sends too fast.
    NumberLimit,
    /// This person gets messages too fast; others do not wait.
    PairLimit,
    /// The service is away for a moment; surely not sent.
    Temporary,
    /// The number is being moved to a higher rate, a minute at most.
    Maintenance,
    /// Refused without a reason. Often gone at the next try, so a few are made.
    RetryFew,
    /// Meta's own fault; it may have been sent all the same.
    Unclear,
}

/// What is known of an error code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KnownError {
    /// What to do about it.
    pub class: ErrorClass,
    /// What happened, for the line under a message.
    pub title: &'static str,
    /// What the reader can do.
    pub advice: &'static str,
}

/// What is known of a code; `None` for a code that is new to us.
pub fn known(code: i64) -> Option<&'static KnownError> {
    error_table::known(code)
}

/// Title and advice for any code, a new one too.
pub fn explain(code: i64) -> &'static KnownError {
    known(code).unwrap_or(&KnownError {
        class: ErrorClass::Fail,
        title: "WhatsApp refused the message",
        advice: "Read the details WhatsApp gave; look the code up in Meta's list of error codes.",
    })
}

/// The code to decide by. Subcode 33 under the catch-all code 100 means that the number or account
/// asked for is not there for this token, which is no fault of the message.
pub fn effective_code(code: i64, subcode: Option<i64>) -> i64 {
    match (code, subcode) {
        (100, Some(33)) => 33,
        _ => code,
    }
}

/// An error as a webhook reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReportedError {
    /// Meta's code.
    pub code: Option<i64>,
    /// Meta's short text.
    pub title: Option<String>,
    /// Meta's text.
    pub message: Option<String>,
    /// What exactly was wrong.
    pub details: Option<String>,
    /// What the reader can do; null without a code.
    pub advice: Option<&'static str>,
}

impl ReportedError {
    /// The most telling of its texts.
    pub(super) fn in_words(&self) -> Option<String> {
        let texts = [&self.details, &self.message, &self.title];
        texts.into_iter().flatten().next().cloned()
    }
}

/// The errors of a message or status. Details stand in `error_data`; they have stood beside it.
pub(super) fn reported(from: &Value) -> Vec<ReportedError> {
    let one = |error: &Value| {
        let code = text(error, "code").and_then(|code| code.trim().parse().ok());
        ReportedError {
            code,
            title: word(error, "title"),
            message: word(error, "message"),
            details: error
                .get("error_data")
                .and_then(|data| word(data, "details"))
                .or_else(|| word(error, "details")),
            advice: code.map(|code| explain(code).advice),
        }
    };
    let errors = list(from, "errors").iter();
    errors.filter(|error| error.is_object()).map(one).collect()
}
