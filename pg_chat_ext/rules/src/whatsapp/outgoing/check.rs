//! What may be sent, asked when a row is written: Meta's limits, in characters and counts, before Meta is asked.

use serde_json::Value;

use super::field::Field;
use super::{Message, contacts, interactive, location, media, template};
use crate::conversations::Kind;

/// Longest text, in characters.
const TEXT: usize = 4_096;
/// Longest metadata, in bytes of its JSON; Meta's own objects are far shorter.
const METADATA_BYTES: usize = 65_536;
/// What we keep in a message's metadata ourselves.
const OURS: [&str; 7] = [
    "statuses", "pricing", "error", "last_try", "context", "raw", "uploaded",
];

words! {
    /// Why a row cannot be sent to WhatsApp.
    pub enum OutgoingRefusal {
        /// A kind that people receive and businesses do not send.
        NotSendable = "chat/kind_not_sendable",
        /// A WhatsApp text has 1 to 4096 characters.
        TextLength = "chat/text_length",
        /// A caption has at most 1024 characters; audio, voice and stickers have none.
        CaptionLength = "chat/caption_length",
        /// A message of a kind that has a file names none.
        FileMissing = "chat/file_missing",
        /// The message names the field that has to be there.
        FieldMissing = "chat/field_missing",
        /// The message names the field, its length and the most it may have.
        FieldLength = "chat/field_length",
        /// The message names the list and how many entries it may have.
        FieldCount = "chat/field_count",
        /// The message names the field and what it may hold.
        FieldValue = "chat/field_value",
        /// The metadata is no object, is larger than 64 kB, or uses a name that pg_chat keeps its own facts under.
        Metadata = "chat/metadata",
    }
}

/// A refusal for programs and for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refused {
    /// Its stable code.
    pub code: OutgoingRefusal,
    /// What is wrong, naming the field.
    pub message: String,
    /// What to do.
    pub hint: String,
}

impl Refused {
    pub(super) fn new(
        code: OutgoingRefusal,
        message: impl Into<String>,
        hint: impl Into<String>,
    ) -> Self {
        Self {
            code,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// Whether a row can be sent; `has_file`: its `file_url` names one. What only Meta knows (whether a template exists, a
/// link can be read) is not asked here.
pub fn check_outgoing(message: &Message<'_>, has_file: bool) -> Result<(), Refused> {
    let metadata = own_metadata(message.metadata)?;
    group(&metadata)?;
    match Kind::of_word(message.kind) {
        Some(Kind::Text) => {
            text_words(message.content)?;
            metadata.get("preview_url").flag().map(drop)
        }
        Some(kind) if media::is_media(kind) => media::check(kind, message, &metadata, has_file),
        Some(Kind::Location) => location::read(message).map(drop),
        Some(Kind::Contacts) => contacts::read(&metadata).map(drop),
        Some(Kind::Interactive) => interactive::part(message, &metadata).map(drop),
        Some(Kind::Template) => template::check(&metadata, has_file),
        _ => Err(not_sendable(message.kind)),
    }
}

/// The group that a message goes to, by Meta's id of it.
pub(super) fn group<'a>(metadata: &Field<'a>) -> Result<Option<&'a str>, Refused> {
    metadata.get("group_id").text_if_any(512)
}

pub(super) fn not_sendable(kind: &str) -> Refused {
    Refused::new(
        OutgoingRefusal::NotSendable,
        format!("a {kind} cannot be sent to WhatsApp"),
        "send text, image, video, audio, voice, document, sticker, location, contacts, interactive or template",
    )
}

pub(super) fn text_words(content: Option<&str>) -> Result<&str, Refused> {
    let words = content.unwrap_or_default();
    match words.chars().count() {
        1..=TEXT => Ok(words),
        length => Err(Refused::new(
            OutgoingRefusal::TextLength,
            format!("a WhatsApp text has 1 to {TEXT} characters, this one {length}"),
            "split it into several messages",
        )),
    }
}

/// The metadata, without anything that would pass for what Meta told us.
fn own_metadata(metadata: &Value) -> Result<Field<'_>, Refused> {
    let refused =
        |message: String, hint: &str| Refused::new(OutgoingRefusal::Metadata, message, hint);
    let Some(entries) = metadata.as_object() else {
        return Err(refused(
            "metadata is an object".to_owned(),
            "send {\"preview_url\": true}, for example, or leave it out",
        ));
    };
    if let Some(name) = OURS.iter().find(|name| entries.contains_key(**name)) {
        return Err(refused(
            format!("metadata.{name} is written by pg_chat alone"),
            "use another name",
        ));
    }
    let bytes = metadata.to_string().len();
    if bytes > METADATA_BYTES {
        return Err(refused(
            format!("metadata has at most {METADATA_BYTES} bytes, this one {bytes}"),
            "keep large data elsewhere",
        ));
    }
    Ok(Field::root("metadata", metadata))
}
