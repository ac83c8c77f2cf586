//! When a job that met an error is tried again.
//!
//! The rule is keyed on Graph's error `code`, because that is what Meta keeps stable: HTTP status, title
//! and subcode have changed before. There is no key that makes a second send harmless, so a send
//! that may have left us is never simply repeated: it is `Unknown` until a status settles it.

use super::JobKind;
use crate::whatsapp::errors::{self, ErrorClass};

/// What to do with a job after an answer that was no success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Try the job again.
    Retry {
        /// Seconds to wait before that.
        after_s: u32,
    },
    /// Nothing can leave this number until somebody repairs its token, rights or account. The job
    /// stays, however long that takes.
    StopNumber {
        /// Seconds until a look whether it was repaired.
        after_s: u32,
    },
    /// It will not work; say so.
    Fail {
        /// WhatsApp says that the 24-hour window is closed, whatever we thought.
        closes_window: bool,
    },
    /// It may have been sent. Only a status webhook can tell.
    Unknown,
}

const FAIL: Decision = Decision::Fail {
    closes_window: false,
};
/// How often to look whether a stopped number was repaired.
const LOOK_AGAIN_S: u32 = 300;
/// How often a refusal without a reason ([`ErrorClass::RetryFew`]) is tried again.
const FEW: u32 = 3;

/// Seconds a job's Retry or Unknown may hold the head of its lane. After that the job fails visibly
/// and the lane goes on.
pub fn hold_seconds(kind: &str) -> u32 {
    match JobKind::of_word(kind) {
        Some(JobKind::SendMessage) => 900,
        Some(JobKind::SendReaction) => 300,
        // It is of no use later.
        Some(JobKind::Typing) => 0,
        Some(JobKind::MarkRead) => 120,
        Some(JobKind::ConfirmNumber) => 86_400,
        // As long as Meta keeps a file.
        Some(JobKind::FetchMedia | JobKind::DeleteFiles) => 7 * 86_400,
        Some(JobKind::TestNumber | JobKind::SendTest) => 60,
        Some(JobKind::SyncTemplates) => 3_600,
        None => 3_600,
    }
}

/// Seconds before the next try when the request surely never left us (no connection): 2, 4, 8 … 120.
pub fn backoff_seconds(tries: u32) -> u32 {
    doubling(2, tries, 120)
}

/// Seconds before the next try of a job that has days: 5, 10, 20 … 3600.
pub fn patient_seconds(tries: u32) -> u32 {
    doubling(5, tries, 3_600)
}

/// What follows from an answer that was no success.
///
/// `code`: Graph's error code ([`errors::effective_code`]), none when the body could not be read.
/// `http`: the status, none when no answer came although the request was written. `tries`: how often
/// the job was tried, this time included; looks at a stopped number are tries too.
pub fn decide(code: Option<i64>, http: Option<u16>, tries: u32, kind: &str) -> Decision {
    let job = JobKind::of_word(kind);
    // A second read mark, reaction or question does no harm; a second message does.
    let repeatable = !matches!(job, None | Some(JobKind::SendMessage | JobKind::SendTest));
    let days = matches!(job, Some(JobKind::FetchMedia | JobKind::DeleteFiles));
    let class = match code.and_then(errors::known) {
        Some(known) => known.class,
        None => class_of_status(http),
    };
    match class {
        ErrorClass::Token | ErrorClass::Stop if repeatable && !days => FAIL,
        ErrorClass::Token | ErrorClass::Stop => Decision::StopNumber {
            after_s: LOOK_AGAIN_S,
        },
        ErrorClass::Fail => FAIL,
        ErrorClass::WindowClosed => Decision::Fail {
            closes_window: true,
        },
        ErrorClass::Unclear
            if !repeatable && http.is_none_or(|status| !(400..500).contains(&status)) =>
        {
            Decision::Unknown
        }
        ErrorClass::RetryFew if tries > FEW => FAIL,
        _ if days => Decision::Retry {
            after_s: wait_seconds(class, tries).max(patient_seconds(tries)),
        },
        _ => retry_within(class, tries, hold_seconds(kind)),
    }
}

/// The class of an answer whose code is absent or new to us.
fn class_of_status(http: Option<u16>) -> ErrorClass {
    match http {
        Some(429) => ErrorClass::NumberLimit,
        Some(401 | 403) => ErrorClass::Stop,
        Some(300..=499) => ErrorClass::Fail,
        _ => ErrorClass::Unclear,
    }
}

/// A retry, unless all waits of `tries` tries and this one exceed what the job may hold its lane.
fn retry_within(class: ErrorClass, tries: u32, hold_s: u32) -> Decision {
    let mut held_s = 0_u32;
    for try_number in 1..=tries.max(1) {
        held_s = held_s.saturating_add(wait_seconds(class, try_number));
        if held_s > hold_s {
            return FAIL;
        }
    }
    Decision::Retry {
        after_s: wait_seconds(class, tries),
    }
}

fn wait_seconds(class: ErrorClass, tries: u32) -> u32 {
    match class {
        ErrorClass::AppLimit => doubling(60, tries, 900),
        ErrorClass::NumberLimit => doubling(1, tries, 60),
        ErrorClass::PairLimit => 4_u32.saturating_pow(tries.saturating_sub(1)).min(256),
        ErrorClass::Maintenance => 20,
        ErrorClass::RetryFew => doubling(5, tries, 60),
        ErrorClass::Temporary
        | ErrorClass::Unclear
        | ErrorClass::Token
        | ErrorClass::Stop
        | ErrorClass::Fail
        | ErrorClass::WindowClosed => backoff_seconds(tries),
    }
}

/// `first`, twice that, four times that … never above `most`.
fn doubling(first: u32, tries: u32, most: u32) -> u32 {
    first
        .saturating_mul(2_u32.saturating_pow(tries.saturating_sub(1)))
        .min(most)
}
