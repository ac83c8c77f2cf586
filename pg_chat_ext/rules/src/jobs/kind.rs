//! The kinds of job.

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
