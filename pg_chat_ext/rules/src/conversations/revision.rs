//! Who may edit a message or take it back.

use super::counters::SenderType;
use super::kinds::Kind;

words! {
    /// What somebody wants to do to a message.
    pub enum Revision {
        /// Other words in place of these.
        Edit = "edit",
        /// A tombstone in place of it.
        Delete = "delete",
    }
}

words! {
    /// Why a revision is refused: the stable code in an error's `detail`.
    pub enum RevisionRefusal {
        /// It was taken back already.
        Deleted = "chat/message_deleted",
        /// Only texts and notes have words to replace.
        NotEditable = "chat/not_editable",
        /// Lines of the system stay.
        NotDeletable = "chat/not_deletable",
        /// Somebody else wrote it.
        NotYours = "chat/not_your_message",
        /// It is on a phone, or on its way: WhatsApp takes nothing back.
        AlreadySent = "chat/already_sent",
        /// The time that the site gives visitors for it is over.
        TooLate = "chat/too_late",
    }
}

/// What a revision depends on.
#[derive(Debug, Clone, Copy)]
pub struct RevisionFacts<'a> {
    /// Who wants it: only visitors have a time limit.
    pub by_visitor: bool,
    /// They wrote the message themselves.
    pub own: bool,
    /// They may take back what others wrote.
    pub moderator: bool,
    /// LC-01's `channel` of the conversation.
    pub channel: &'a str,
    /// Who wrote the message (LC-01's `sender_type`).
    pub sender_type: &'a str,
    /// The message's `kind`.
    pub kind: &'a str,
    /// Its `delivery_state`.
    pub delivery_state: &'a str,
    /// It was taken back already.
    pub deleted: bool,
    /// How long ago it was written, in seconds.
    pub age_seconds: i64,
    /// How long the site lets visitors revise, in minutes; 0 is never.
    pub edit_minutes: i32,
}

/// Why a message may not be edited or deleted; `None` when it may.
///
/// Everybody edits only their own words. A moderator also takes back what others wrote, a visitor's
/// message on WhatsApp included, which then is gone here and not on their phone. What we sent to
/// WhatsApp stays, unless it never got there. Notes are ours on every channel.
pub fn revision_refusal(what: Revision, facts: &RevisionFacts<'_>) -> Option<RevisionRefusal> {
    let kind = Kind::of_word(facts.kind).unwrap_or(Kind::Unknown);
    let from_visitor = SenderType::of_word(facts.sender_type) == Some(SenderType::Visitor);
    let left_for_whatsapp = facts.channel == "whatsapp" && kind != Kind::Note && !from_visitor;
    let never_arrived = matches!(facts.delivery_state, "failed" | "cancelled");

    if facts.deleted {
        return Some(RevisionRefusal::Deleted);
    }
    match what {
        Revision::Edit if !matches!(kind, Kind::Text | Kind::Note) => {
            return Some(RevisionRefusal::NotEditable);
        }
        Revision::Delete if kind.is_system_line() => return Some(RevisionRefusal::NotDeletable),
        Revision::Edit | Revision::Delete => {}
    }
    if !(facts.own || facts.moderator && what == Revision::Delete) {
        return Some(RevisionRefusal::NotYours);
    }
    if left_for_whatsapp && !(never_arrived && what == Revision::Delete) {
        return Some(RevisionRefusal::AlreadySent);
    }
    let limit = i64::from(facts.edit_minutes.max(0)) * 60;
    (facts.by_visitor && facts.age_seconds >= limit).then_some(RevisionRefusal::TooLate)
}
