//! What goes out: from the facts of a message's row to the body that Meta takes, and what Meta would refuse.
//!
//! One file a kind; [`check_outgoing`] is asked when a row is written, [`body`] when it leaves. Both read the same
//! places of the row, which docs/whatsapp.md lists.

mod check;
mod contacts;
mod field;
mod interactive;
mod location;
mod media;
mod signals;
mod template;

use serde_json::{Map, Value, json};

use crate::conversations::Kind;

pub use check::{OutgoingRefusal, Refused, check_outgoing};
pub use media::Media;
pub use signals::{mark_read, reaction, typing};

use field::Field;

/// What a row says, as far as it is sent.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    /// Its `kind`.
    pub kind: &'a str,
    /// Its words: the text, the caption, or a location as LC-05 writes it.
    pub content: Option<&'a str>,
    /// Its `metadata`, an object; what is sent stands under the name of the kind. `group_id`: it goes to that group.
    pub metadata: &'a Value,
    /// Its `file_name`; a document shows it.
    pub file_name: Option<&'a str>,
}

/// Whom it goes to, and what Meta shall know besides.
#[derive(Debug, Clone, Copy, Default)]
pub struct Envelope<'a> {
    /// Phone digits. Meta prefers it when a BSUID is there too.
    pub to: Option<&'a str>,
    /// BSUID.
    pub recipient: Option<&'a str>,
    /// The wamid quoted.
    pub reply_to: Option<&'a str>,
    /// Comes back on every status.
    pub callback: Option<&'a str>,
}

impl Envelope<'_> {
    /// The body with the part that is named like its `type`; to a group instead of the person, where there is one.
    fn around(&self, word: &str, part: Value, group: Option<&str>) -> Value {
        let mut body = Map::new();
        let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
        put("messaging_product", json!("whatsapp"));
        let (kind, to, recipient) = match group {
            Some(id) => ("group", Some(id), None),
            None => ("individual", self.to, self.recipient),
        };
        put("recipient_type", json!(kind));
        for (key, value) in [
            ("to", to),
            ("recipient", recipient),
            ("biz_opaque_callback_data", self.callback),
        ] {
            if let Some(value) = value {
                put(key, json!(value));
            }
        }
        if let Some(wamid) = self.reply_to {
            put("context", json!({"message_id": wamid}));
        }
        put("type", json!(word));
        put(word, part);
        body.into()
    }
}

/// The body of `POST /<number>/messages` for a row. A kind that has a file needs `media`: Meta's id of it, or an
/// address that Meta can read. Everything else that is missing or wrong is what [`check_outgoing`] refuses.
pub fn body(
    message: &Message<'_>,
    envelope: &Envelope<'_>,
    media: Option<&Media>,
) -> Result<Value, Refused> {
    let metadata = Field::root("metadata", message.metadata);
    let (word, part) = match Kind::of_word(message.kind) {
        Some(Kind::Text) => ("text", text(message, &metadata)?),
        Some(kind) if media::is_media(kind) => media::part(kind, message, media)?,
        Some(Kind::Location) => ("location", location::read(message)?.part()),
        Some(Kind::Contacts) => ("contacts", contacts::read(&metadata)?.clone()),
        Some(Kind::Interactive) => ("interactive", interactive::part(message, &metadata)?),
        Some(Kind::Template) => ("template", template::sent(message, &metadata, media)?),
        _ => return Err(check::not_sendable(message.kind)),
    };
    Ok(envelope.around(word, part, check::group(&metadata)?))
}

/// As which kind a row's file is handed to Meta before the row is sent: its own kind, or that of a template's header. `None`:
/// nothing of it is sent.
pub fn file_kind<'a>(kind: &'a str, metadata: &Value) -> Option<&'a str> {
    match Kind::of_word(kind)? {
        Kind::Template => template::file_kind(metadata.get("template")?),
        kind_of if media::is_media(kind_of) => Some(kind),
        _ => None,
    }
}

fn text(message: &Message<'_>, metadata: &Field<'_>) -> Result<Value, Refused> {
    let words = check::text_words(message.content)?;
    let preview = metadata.get("preview_url").flag()?;
    Ok(json!({"preview_url": preview, "body": words}))
}

/// What a row that is not made of words says in words, for lists, search and people without WhatsApp: an interactive
/// message's text, the names on cards, a location as LC-05 writes it. `None`: its content is as good.
pub fn outgoing_words(kind: &str, content: Option<&str>, metadata: &Value) -> Option<String> {
    let message = Message {
        kind,
        content,
        metadata,
        file_name: None,
    };
    match Kind::of_word(kind)? {
        Kind::Interactive => {
            let body = metadata.get("interactive")?.get("body")?;
            body.get("text")?.as_str().map(str::to_owned)
        }
        Kind::Contacts => super::content::cards(metadata.get("contacts")?),
        Kind::Location => location::read(&message).ok()?.in_words(),
        _ => None,
    }
}
