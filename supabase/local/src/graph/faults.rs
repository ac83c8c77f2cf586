//! What goes wrong on demand.

use serde::{Deserialize, Serialize};

/// A rule: the next `times` matching requests, after `after` others, misbehave.
///
/// Over HTTP: `{"recipient": "15550100002", "times": 2, "does": {"refuse": {"code": 131016}}}`
/// or `{"does": "never_answer"}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Which requests it looks at.
    #[serde(default)]
    pub on: Call,
    /// Only requests of this number.
    #[serde(default)]
    pub phone_number_id: Option<String>,
    /// Only sends to this phone (digits) or BSUID.
    #[serde(default)]
    pub recipient: Option<String>,
    /// Matching requests that still pass before it begins.
    #[serde(default)]
    pub after: u32,
    /// Matching requests that it spoils; then it is gone.
    #[serde(default = "once")]
    pub times: u32,
    /// What happens.
    pub does: Misbehaviour,
}

fn once() -> u32 {
    1
}

impl Fault {
    /// The next send misbehaves, once.
    pub fn next(does: Misbehaviour) -> Self {
        Self {
            on: Call::Send,
            phone_number_id: None,
            recipient: None,
            after: 0,
            times: 1,
            does,
        }
    }

    /// The same, `times` times.
    pub fn times(self, times: u32) -> Self {
        Self { times, ..self }
    }

    /// The same for another kind of request.
    pub fn on(self, on: Call) -> Self {
        Self { on, ..self }
    }

    /// The same, for one recipient only.
    pub fn to(self, recipient: &str) -> Self {
        Self {
            recipient: Some(recipient.to_owned()),
            ..self
        }
    }

    fn matches(&self, on: Call, phone_number_id: &str, recipient: Option<&str>) -> bool {
        self.on == on
            && self
                .phone_number_id
                .as_deref()
                .is_none_or(|id| id == phone_number_id)
            && (self.recipient.is_none() || self.recipient.as_deref() == recipient)
    }
}

/// A kind of request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Call {
    /// A message.
    #[default]
    Send,
    /// A read mark or typing indicator.
    MarkRead,
    /// A `GET` of a number, an account, its numbers, its apps or a token.
    Read,
    /// A `GET` of a file's address, by its id.
    Media,
    /// A `GET` of a file's bytes.
    Download,
    /// A file that is to be sent.
    Upload,
}

/// What a request meets. "Sent" means that the phone gets the message and statuses
/// follow, whatever the caller heard. Of these a [`Call::Read`] knows only the
/// refusal, the broken answer, the slow answer and the cut line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Misbehaviour {
    /// Sent, and no answer ever.
    NeverAnswer,
    /// The line is cut before anything was sent.
    CutBefore,
    /// Sent, and the line is cut instead of an answer.
    CutAfter,
    /// Sent, the line is cut instead of an answer, and no status ever tells of it.
    Untold,
    /// An HTML page with a 5xx status.
    BrokenAnswer {
        /// The status.
        http: u16,
        /// Whether it was sent all the same.
        sent: bool,
    },
    /// Sent at once, answered late.
    Slow {
        /// How late.
        millis: u64,
    },
    /// Refused with Meta's body for a code.
    Refuse {
        /// Meta's error code.
        code: u32,
        /// Another HTTP status than the documented one.
        #[serde(default)]
        http: Option<u16>,
    },
    /// Accepted, and reported as failed afterwards.
    FailLater {
        /// Meta's error code.
        code: u32,
    },
    /// A file has one byte more than it is said to have ([`Call::Media`]).
    LieAboutLength,
    /// A file has another digest than it is said to have ([`Call::Media`]).
    LieAboutDigest,
    /// Other bytes than the file's ([`Call::Download`]).
    OtherBytes,
    /// The address of a file is over ([`Call::Download`]).
    Gone,
    /// The address of a file is another by now ([`Call::Download`]).
    Redirect {
        /// It is not at Meta.
        away: bool,
    },
    /// Calls the hook of [`super::Simulator::on_kill`], then goes on as if nothing was.
    Kill {
        /// When.
        at: Instant,
    },
}

/// A moment of a send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Instant {
    /// The request was read and nothing was sent.
    BeforeSending,
    /// It was sent and not answered.
    BeforeAnswering,
}

/// The first rule that has something to say about a request, used up by one. Rules
/// that still wait count the request.
pub(super) fn take(
    faults: &mut Vec<Fault>,
    on: Call,
    phone_number_id: &str,
    recipient: Option<&str>,
) -> Option<Misbehaviour> {
    let mut chosen = None;
    for fault in faults
        .iter_mut()
        .filter(|fault| fault.matches(on, phone_number_id, recipient))
    {
        if fault.after > 0 {
            fault.after -= 1;
        } else if chosen.is_none() && fault.times > 0 {
            fault.times -= 1;
            chosen = Some(fault.does);
        }
    }
    faults.retain(|fault| fault.times > 0);
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_waits_then_works_then_goes() {
        let does = Misbehaviour::Refuse {
            code: 131_016,
            http: None,
        };
        let mut faults = vec![Fault {
            after: 1,
            ..Fault::next(does).times(2).to("2")
        }];
        let mut send = |recipient| take(&mut faults, Call::Send, "1", Some(recipient));
        assert_eq!(send("2"), None);
        assert_eq!(send("3"), None);
        assert_eq!(send("2"), Some(does));
        assert_eq!(send("2"), Some(does));
        assert_eq!(send("2"), None);
        assert!(faults.is_empty());
    }

    #[test]
    fn rules_are_written_as_json() {
        let rule = serde_json::json!({"does": {"refuse": {"code": 131_016}}, "times": 2});
        let does = Misbehaviour::Refuse {
            code: 131_016,
            http: None,
        };
        assert_eq!(
            serde_json::from_value::<Fault>(rule).unwrap(),
            Fault::next(does).times(2)
        );
    }
}
