//! When a message was written.

use jiff::{SignedDuration, Timestamp};

/// How far ahead of ours another clock may be before we stop believing it.
const CLOCK_TOLERANCE: SignedDuration = SignedDuration::from_mins(5);

/// The time a message was written: the sender's word, unless it has none or it cannot be true.
///
/// A time more than five minutes ahead of when we received it would stay on top of the inbox and
/// keep the WhatsApp window open for as long as it liked; one before 1970 is a clock that was never
/// set. Both become `received`.
pub fn sent_at_of(claimed: Option<Timestamp>, received: Timestamp) -> Timestamp {
    let latest = received
        .checked_add(CLOCK_TOLERANCE)
        .unwrap_or(Timestamp::MAX);
    claimed
        .filter(|at| (Timestamp::UNIX_EPOCH..=latest).contains(at))
        .unwrap_or(received)
}
