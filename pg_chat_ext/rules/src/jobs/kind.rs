//! The kinds of job.

words! {
    /// The kinds of job that exist.
    pub enum JobKind {
        /// Send one message to a phone. Up to 0.1.0 all were texts; jobs that were queued then, or by a transaction that
        /// ended beside the upgrade, keep their word.
        SendMessage = "whatsapp.send_message" | "whatsapp.send_text",
        /// Send an agent's reaction to a message, or take it off again.
        SendReaction = "whatsapp.send_reaction",
        /// Show the person that somebody types.
        Typing = "whatsapp.typing",
        /// Show the person that their message was read.
        MarkRead = "whatsapp.mark_read",
        /// Ask Graph, with a site's own token, whether a number is that site's.
        ConfirmNumber = "whatsapp.confirm_number",
        /// Ask Graph everything about a number that a person wants to know: token, rights, subscription, quality, limits.
        TestNumber = "whatsapp.test_number",
        /// Send a template to a phone of the person who tries a number.
        SendTest = "whatsapp.send_test",
        /// Look at all message templates of an account.
        SyncTemplates = "whatsapp.sync_templates",
        /// Bring the file of a received message from Meta into Storage.
        FetchMedia = "whatsapp.fetch_media",
        /// Delete files of erased people from Storage.
        DeleteFiles = "storage.delete",
    }
}

impl JobKind {
    /// Whether it is of class bulk: it may take minutes, and a worker keeps slots free of it.
    pub const fn is_bulk(self) -> bool {
        matches!(self, Self::FetchMedia | Self::DeleteFiles)
    }
}
