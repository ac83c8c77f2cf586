//! The states of a conversation and which may follow which.

use super::counters::{Origin, SenderType};

words! {
    /// LC-01's `status` of a conversation.
    pub enum Status {
        /// Nobody has it yet.
        Pending = "pending",
        /// An agent has it.
        Active = "active",
        /// An agent has it and waits for the visitor, or snoozed it.
        Waiting = "waiting",
        /// Done; a message within the site's reopen window opens it again.
        Resolved = "resolved",
        /// Done for good; no message opens it again, only a person does.
        Closed = "closed",
        /// Nobody took it in time.
        Missed = "missed",
    }
}

impl Status {
    /// One of the three states in which messages are added without further ado.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Pending | Self::Active | Self::Waiting)
    }
}

words! {
    /// Why a change of status is refused: the stable code in an error's `detail`.
    pub enum Refusal {
        /// Not one of the six words.
        UnknownStatus = "chat/unknown_status",
        /// Active and waiting need an assigned agent.
        NeedsAgent = "chat/needs_agent",
        /// Pending means that nobody has it.
        PendingHasAgent = "chat/pending_has_agent",
        /// Closed goes back to pending or active only.
        ClosedIsFinal = "chat/closed_is_final",
        /// Resolved and missed must be pending or active before they can wait.
        ReopenFirst = "chat/reopen_first",
        /// Only a conversation that nobody took can be missed.
        OnlyPendingIsMissed = "chat/only_pending_is_missed",
    }
}

/// Why a conversation may not go from `old` to `new`; `None` when it may.
///
/// `old` is null for a new row. `has_agent`: an agent is assigned after the change. What is over
/// (resolved, closed, missed) comes back as pending or active: a person may undo a mistake, while a
/// visitor's message never reopens a closed one ([`super::next_home`]). A missed conversation can
/// still be resolved or closed, which is how a supervisor ticks it off.
pub fn status_refusal(old: Option<&str>, new: &str, has_agent: bool) -> Option<Refusal> {
    let Some(new) = Status::of_word(new) else {
        return Some(Refusal::UnknownStatus);
    };
    let old = match old.map(Status::of_word) {
        Some(None) => return Some(Refusal::UnknownStatus),
        Some(Some(old)) => Some(old),
        None => None,
    };
    path_refusal(old, new).or(match new {
        Status::Active | Status::Waiting if !has_agent => Some(Refusal::NeedsAgent),
        Status::Pending if has_agent => Some(Refusal::PendingHasAgent),
        _ => None,
    })
}

fn path_refusal(old: Option<Status>, new: Status) -> Option<Refusal> {
    use Status::{Active, Closed, Missed, Pending, Resolved, Waiting};
    let old = old?;
    match (old, new) {
        (old, new) if old == new => None,
        (_, Pending | Active) => None,
        (Closed, _) => Some(Refusal::ClosedIsFinal),
        (Pending, Missed) => None,
        (_, Missed) => Some(Refusal::OnlyPendingIsMissed),
        (Resolved | Missed, Waiting) => Some(Refusal::ReopenFirst),
        (_, Waiting | Resolved | Closed) => None,
    }
}

/// The status after a message: a visitor who writes ends the waiting; nothing else changes it.
pub fn status_after_message<'a>(status: &'a str, sender_type: &str, origin: &str) -> &'a str {
    let visitor_wrote = SenderType::of_word(sender_type) == Some(SenderType::Visitor)
        && Origin::of_word(origin) == Some(Origin::Live);
    if visitor_wrote && Status::of_word(status) == Some(Status::Waiting) {
        Status::Active.word()
    } else {
        status
    }
}
