//! The customer service window: for 24 hours after a person wrote, they may be answered freely.

use jiff::{SignedDuration, Timestamp};

use crate::conversations::Kind;

/// How long one message of the person keeps the window open.
const WINDOW: SignedDuration = SignedDuration::from_hours(24);

/// When the window closes after a message of the person, counted from Meta's time of it and never
/// moved back: an old message that arrives late must not close what a newer one opened.
///
/// What a person did not write (system lines, events, our own templates, interactive messages and
/// notes) and changes of earlier messages (edit, revoke) leave it alone. Whether a reaction, a
/// welcome request or an unsupported message opens it is nowhere documented; we assume it does, and
/// Meta's error 131047 closes it again.
pub fn window_after(
    current: Option<Timestamp>,
    kind: &str,
    sent_at: Option<Timestamp>,
) -> Option<Timestamp> {
    if !opens_window(Kind::of_word(kind).unwrap_or(Kind::Unknown)) {
        return current;
    }
    // A time at the calendar's end (Postgres' infinity) is no time of Meta's and opens nothing.
    let closes = sent_at.and_then(|at| at.checked_add(WINDOW).ok());
    current.max(closes)
}

const fn opens_window(kind: Kind) -> bool {
    match kind {
        Kind::Template | Kind::Note | Kind::Event | Kind::System | Kind::Edit | Kind::Revoke => {
            false
        }
        Kind::Text
        | Kind::Image
        | Kind::Video
        | Kind::Audio
        | Kind::Voice
        | Kind::Document
        | Kind::Sticker
        | Kind::Location
        | Kind::Contacts
        | Kind::ButtonReply
        | Kind::ListReply
        | Kind::FlowReply
        | Kind::Button
        | Kind::Order
        | Kind::Interactive
        | Kind::RequestWelcome
        | Kind::Unsupported
        | Kind::Unknown
        | Kind::Reaction => true,
    }
}

/// Whether a message of this kind may go out at `at`. Before `expires` anything may; after it only a
/// template, and what never leaves the house: notes and lines of the system. Null is closed.
pub fn window_allows(expires: Option<Timestamp>, kind: &str, at: Timestamp) -> bool {
    let free = matches!(
        Kind::of_word(kind),
        Some(Kind::Template | Kind::Note | Kind::Event | Kind::System)
    );
    free || expires.is_some_and(|expires| at < expires)
}
