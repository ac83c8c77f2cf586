//! What becomes of a send that may or may not have reached WhatsApp.

use jiff::{SignedDuration, Timestamp};

/// Seconds a status webhook gets to settle the matter when the number says nothing else.
const DEFAULT_WAIT_S: i32 = 600;

words! {
    /// What to do with a message in delivery state `unknown`.
    pub enum UnknownOutcome {
        /// A status may still tell.
        Wait = "wait",
        /// Show it as failed and let a person decide.
        Ask = "ask",
        /// The site prefers a possible double over a possible loss: send it again.
        Resend = "resend",
    }
}

/// What to do with a message whose send has been unknown since `since`.
///
/// Nothing before `wait_seconds` are over (null: 600). Then the number's policy; whatever is not
/// `resend` means `ask`, since sending again blindly is the one thing nobody may do by accident. Null
/// `since` has waited long enough.
pub fn unknown_outcome(
    policy: Option<&str>,
    since: Option<Timestamp>,
    at: Timestamp,
    wait_seconds: Option<i32>,
) -> UnknownOutcome {
    let wait = i64::from(wait_seconds.unwrap_or(DEFAULT_WAIT_S).max(0));
    let settles = |since: Timestamp| {
        since
            .checked_add(SignedDuration::from_secs(wait))
            .unwrap_or(Timestamp::MAX)
    };
    if since.is_some_and(|since| at < settles(since)) {
        return UnknownOutcome::Wait;
    }
    match policy {
        Some("resend") => UnknownOutcome::Resend,
        _ => UnknownOutcome::Ask,
    }
}
