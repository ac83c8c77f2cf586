//! What goes first when there is more to do than hands to do it.

words! {
    /// The kinds of job that exist.
    pub enum JobKind {
        /// Send one text of an agent to a phone.
        SendText = "whatsapp.send_text",
        /// Show the person that their message was read.
        MarkRead = "whatsapp.mark_read",
        /// Ask Graph, with a site's own token, whether a number is that site's.
        ConfirmNumber = "whatsapp.confirm_number",
    }
}

words! {
    /// Classes of jobs, the most urgent first.
    pub enum Class {
        /// Somebody waits for these words.
        Reply = "reply",
        /// The assistant thinks.
        Assistant = "assistant",
        /// Telling somebody that something happened.
        Notification = "notification",
        /// Whatever can wait.
        Bulk = "bulk",
    }
}

/// The class of a kind of job. A kind we do not know waits behind everything else.
pub fn class_of(kind: &str) -> Class {
    match JobKind::of_word(kind) {
        Some(JobKind::SendText) => Class::Reply,
        Some(JobKind::MarkRead | JobKind::ConfirmNumber) => Class::Notification,
        None => Class::Bulk,
    }
}
