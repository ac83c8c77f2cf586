//! Which conversation the next message of a person goes to.

use jiff::{SignedDuration, Timestamp};

use super::lifecycle::Status;

/// Hours a resolved or missed conversation can be reopened by a message when a site says nothing.
pub const DEFAULT_REOPEN_HOURS: i32 = 24;

words! {
    /// What to do with the latest conversation of a person when they write.
    pub enum Home {
        /// It is open: the message goes there.
        Continue = "continue",
        /// It ended not long ago: it is opened again.
        Reopen = "reopen",
        /// A new conversation begins.
        New = "new",
    }
}

/// Where a message at `at` goes, given the person's latest conversation (`status` null: none).
///
/// Resolved and missed ones reopen before `archived_at + reopen_hours`; closed ones never. Null hours
/// mean the default, 0 or less never. A status we do not know begins a new conversation.
pub fn next_home(
    status: Option<&str>,
    archived_at: Option<Timestamp>,
    reopen_hours: Option<i32>,
    at: Timestamp,
) -> Home {
    match status.and_then(Status::of_word) {
        Some(status) if status.is_open() => Home::Continue,
        Some(Status::Resolved | Status::Missed) => {
            let hours = reopen_hours.unwrap_or(DEFAULT_REOPEN_HOURS).max(0);
            let held = SignedDuration::from_hours(i64::from(hours));
            let ends = |ended: Timestamp| ended.checked_add(held).unwrap_or(Timestamp::MAX);
            if hours > 0 && archived_at.is_some_and(|ended| at < ends(ended)) {
                Home::Reopen
            } else {
                Home::New
            }
        }
        _ => Home::New,
    }
}
