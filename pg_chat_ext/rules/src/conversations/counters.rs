//! What one message does to its conversation's counters and preview.

use super::kinds::Kind;

words! {
    /// Who wrote a message (LC-01's `sender_type`).
    pub enum SenderType {
        /// The person who wants something.
        Visitor = "visitor",
        /// A member of the team.
        Agent = "agent",
        /// The software itself.
        System = "system",
        /// The assistant.
        Ai = "ai",
    }
}

words! {
    /// How a message came to us.
    pub enum Origin {
        /// Written now, here or on the visitor's phone.
        Live = "live",
        /// Written on the business's own phone and reported to us.
        Echo = "echo",
        /// Imported from the past.
        History = "history",
    }
}

/// What a message adds. `message_count` and `seq` move with every message and are not named here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageEffect {
    /// The visitor may see it, so it takes a `public_seq`. Everything but notes.
    pub is_public: bool,
    /// It counts in `inbound_count`, the number agents' cursors are measured against.
    pub inbound: bool,
    /// It counts in `outbound_public_count`, the number the visitor's cursor is measured against.
    pub outbound_public: bool,
    /// It may become `last_message_*`, if no later message stands there.
    pub preview: bool,
    /// Added to `unread_agent_count`: 0 or 1.
    pub unread_agent: i32,
    /// `unread_agent_count` becomes 0: the assignee answered, so they have read.
    pub clears_unread_agent: bool,
    /// Added to `unread_visitor_count`: 0 or 1.
    pub unread_visitor: i32,
}

/// What a message does to its conversation. Duplicates never get here.
///
/// Notes, lines of the system and imported history count as a message and as nothing else. An echo
/// counts like an agent's message, but who typed it is unknown, so it clears nobody's unread.
pub fn message_effect(
    sender: SenderType,
    kind: Kind,
    origin: Origin,
    by_assignee: bool,
) -> MessageEffect {
    let only_counted = MessageEffect {
        is_public: kind != Kind::Note,
        ..MessageEffect::default()
    };
    if kind == Kind::Note || kind.is_system_line() || origin == Origin::History {
        return only_counted;
    }
    match sender {
        SenderType::System => only_counted,
        SenderType::Visitor if origin == Origin::Live => MessageEffect {
            inbound: true,
            preview: true,
            unread_agent: 1,
            ..only_counted
        },
        // An echo comes from the business's phone whatever the row says about its sender.
        SenderType::Visitor | SenderType::Agent | SenderType::Ai => MessageEffect {
            outbound_public: true,
            preview: true,
            unread_visitor: 1,
            clears_unread_agent: by_assignee
                && sender == SenderType::Agent
                && origin == Origin::Live,
            ..only_counted
        },
    }
}
