//! The names under which LC-01's `MODULE_EVENTS` knows what happens in a chat.

words! {
    /// A happening that gets an event row, in the transaction that made it happen.
    pub enum ChatEvent {
        /// A conversation began.
        ConversationCreated = "chat.conversation.created",
        /// An agent got it.
        ConversationAssigned = "chat.conversation.assigned",
        /// It was resolved.
        ConversationResolved = "chat.conversation.resolved",
        /// It was closed for good.
        ConversationClosed = "chat.conversation.closed",
        /// Nobody answered in time.
        ConversationMissed = "chat.conversation.missed",
        /// The visitor rated it.
        ConversationRated = "chat.conversation.rated",
        /// A visitor wrote.
        MessageReceived = "chat.message.received",
        /// An agent or the assistant wrote.
        MessageSent = "chat.message.sent",
        /// An agent came, went or got busy.
        AgentStatusChanged = "chat.agent.status_changed",
        /// `MessageReceived`, over WhatsApp.
        WhatsappMessageReceived = "chat.whatsapp.message_received",
        /// `MessageSent`, over WhatsApp.
        WhatsappMessageSent = "chat.whatsapp.message_sent",
        /// A WhatsApp template was sent.
        WhatsappTemplateSent = "chat.whatsapp.template_sent",
    }
}
