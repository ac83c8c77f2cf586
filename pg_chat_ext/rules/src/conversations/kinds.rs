//! What a message is: our fine word (`kind`) and the nearest word of LC-01 (`content_type`).

words! {
    /// What a message is, finer than LC-01's `content_type`.
    pub enum Kind {
        /// Plain text.
        Text = "text",
        /// A picture, with or without a caption.
        Image = "image",
        /// A film clip.
        Video = "video",
        /// An audio file.
        Audio = "audio",
        /// A voice note, recorded in the chat.
        Voice = "voice",
        /// Any other file.
        Document = "document",
        /// A sticker, still or animated.
        Sticker = "sticker",
        /// A place; its `content` is a JSON object in text.
        Location = "location",
        /// Cards from an address book.
        Contacts = "contacts",
        /// A tapped button of an interactive message.
        ButtonReply = "button_reply",
        /// A chosen row of a list.
        ListReply = "list_reply",
        /// A filled-in form (flow, address).
        FlowReply = "flow_reply",
        /// A tapped quick-reply button of a template.
        Button = "button",
        /// A shopping cart sent as an order.
        Order = "order",
        /// A template message of ours.
        Template = "template",
        /// An interactive message: ours, or an answer that is no button, row or form.
        Interactive = "interactive",
        /// An internal note; the visitor never sees it.
        Note = "note",
        /// A line the system writes, such as "Ada joined".
        Event = "event",
        /// The new version of an earlier message.
        Edit = "edit",
        /// An earlier message was taken back.
        Revoke = "revoke",
        /// WhatsApp says something about the person, such as a new number.
        System = "system",
        /// The person opened the chat for the first time and has written nothing yet.
        RequestWelcome = "request_welcome",
        /// WhatsApp cannot pass this message on.
        Unsupported = "unsupported",
        /// We cannot read this message; a placeholder stands for it.
        Unknown = "unknown",
        /// An emoji on another message. It comes in as an item and is never a message row.
        Reaction = "reaction",
    }
}

words! {
    /// LC-01's `content_type`.
    pub enum ContentType {
        /// Shown as text.
        Text = "text",
        /// Shown as a picture.
        Image = "image",
        /// Offered for download.
        File = "file",
        /// Played as sound.
        Audio = "audio",
        /// Played as film.
        Video = "video",
        /// Shown on a map.
        Location = "location",
        /// A line between the bubbles.
        System = "system",
        /// An internal note.
        Note = "note",
        /// A WhatsApp template.
        WhatsappTemplate = "whatsapp_template",
    }
}

impl Kind {
    /// The nearest of LC-01's words, so that a client that knows only those shows something sensible.
    pub const fn content_type(self) -> ContentType {
        match self {
            Self::Image | Self::Sticker => ContentType::Image,
            Self::Video => ContentType::Video,
            Self::Audio | Self::Voice => ContentType::Audio,
            Self::Document => ContentType::File,
            Self::Location => ContentType::Location,
            Self::Template => ContentType::WhatsappTemplate,
            Self::Note => ContentType::Note,
            Self::Event | Self::System | Self::Revoke | Self::RequestWelcome => ContentType::System,
            Self::Text
            | Self::Contacts
            | Self::ButtonReply
            | Self::ListReply
            | Self::FlowReply
            | Self::Button
            | Self::Order
            | Self::Interactive
            | Self::Edit
            | Self::Unsupported
            | Self::Unknown
            | Self::Reaction => ContentType::Text,
        }
    }

    /// A line that nobody wrote to anybody: it stands in the conversation and counts as nothing else.
    pub const fn is_system_line(self) -> bool {
        matches!(self, Self::Event | Self::System)
    }
}

/// LC-01's `content_type` of a kind. A kind we do not know is `text`.
pub fn content_type_of(kind: &str) -> ContentType {
    Kind::of_word(kind).unwrap_or(Kind::Unknown).content_type()
}
