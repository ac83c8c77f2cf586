//! What a message says, by its type.

use serde::Serialize;
use serde_json::{Map, Value};

use super::fields::{flag, id, list, object, text, word};
use super::item::{File, Reaction};
use crate::conversations::Kind;

/// Types whose content stands under a key of the same name. Messages without `type` are recognised
/// by the first of these keys they have.
pub(super) const TYPES: [&str; 18] = [
    "text",
    "image",
    "video",
    "audio",
    "voice",
    "document",
    "sticker",
    "location",
    "contacts",
    "reaction",
    "interactive",
    "button",
    "order",
    "system",
    "edit",
    "revoke",
    "unsupported",
    "request_welcome",
];

/// The type of a message: Meta's word, else what it holds, else nothing known.
pub(super) fn type_of(message: &Value) -> String {
    match word(message, "type") {
        Some(word) => word.to_ascii_lowercase(),
        None => {
            let holds = |key: &&&str| {
                message
                    .get(**key)
                    .is_some_and(|v| v.is_object() || v.is_array())
            };
            TYPES
                .iter()
                .find(holds)
                .map_or("unknown", |key| *key)
                .to_owned()
        }
    }
}

/// What was read from a message's content.
#[derive(Default)]
pub(super) struct Content {
    pub kind: Option<Kind>,
    pub words: Option<String>,
    pub file: Option<File>,
    pub reaction: Option<Reaction>,
    pub revises: Option<String>,
    pub new_phone: Option<String>,
    pub new_bsuid: Option<String>,
}

impl Content {
    fn of(kind: Kind, words: Option<String>) -> Option<Self> {
        Some(Self {
            kind: Some(kind),
            words,
            ..Self::default()
        })
    }
}

/// Reads the content of a type. `None`: the type is new to us, or what it needs is missing.
pub(super) fn read(word: &str, message: &Value) -> Option<Content> {
    let part = message.get(word).unwrap_or(&Value::Null);
    match word {
        "unsupported" => return Content::of(Kind::Unsupported, None),
        "request_welcome" => return Content::of(Kind::RequestWelcome, None),
        "contacts" => {
            return part
                .is_array()
                .then(|| Content::of(Kind::Contacts, cards(part)))?;
        }
        _ if !part.is_object() => return None,
        _ => {}
    }
    match word {
        "text" => Content::of(Kind::Text, Some(text(part, "body")?)),
        "image" => media(Kind::Image, part),
        "video" => media(Kind::Video, part),
        "audio" if flag(part, "voice") => media(Kind::Voice, part),
        "audio" => media(Kind::Audio, part),
        "voice" => media(Kind::Voice, part),
        "document" => media(Kind::Document, part),
        "sticker" => media(Kind::Sticker, part),
        "location" => Content::of(Kind::Location, place(part)),
        "interactive" => interactive(part),
        "button" => Content::of(Kind::Button, text(part, "text")),
        "order" => Content::of(Kind::Order, text(part, "text")),
        "system" => Some(system(part)),
        "edit" => Some(revision(Kind::Edit, part, edited(part))),
        "revoke" => Some(revision(Kind::Revoke, part, None)),
        "reaction" => reaction(part),
        _ => None,
    }
}

/// The kind of a media type whose object is missing because Meta says in `errors` why.
pub(super) fn kind_of_missing(word: &str) -> Option<Kind> {
    matches!(
        word,
        "image" | "video" | "audio" | "voice" | "document" | "sticker"
    )
    .then(|| Kind::of_word(word))?
}

fn media(kind: Kind, part: &Value) -> Option<Content> {
    let file = id(part, "id").map(|id| File {
        id,
        mime: word(part, "mime_type"),
        sha256: word(part, "sha256"),
        filename: word(part, "filename"),
        voice: kind == Kind::Voice,
    });
    Some(Content {
        kind: Some(kind),
        words: text(part, "caption"),
        file,
        ..Content::default()
    })
}

/// LC-05's form of a location: a JSON object in the text, with what is known of it.
pub(super) fn place(part: &Value) -> Option<String> {
    #[derive(Serialize)]
    struct Place<'a> {
        latitude: Option<&'a Value>,
        longitude: Option<&'a Value>,
        #[serde(skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<String>,
    }
    let place = Place {
        latitude: part.get("latitude"),
        longitude: part.get("longitude"),
        name: word(part, "name"),
        address: word(part, "address"),
    };
    serde_json::to_string(&place).ok()
}

/// One line a card: the name and the phone numbers on it.
pub(super) fn cards(part: &Value) -> Option<String> {
    let line = |card: &Value| {
        let name = card.get("name").unwrap_or(&Value::Null);
        let name = word(name, "formatted_name").or_else(|| word(name, "first_name"));
        let phones = list(card, "phones").iter();
        let phones =
            phones.filter_map(|phone| word(phone, "phone").or_else(|| word(phone, "wa_id")));
        name.into_iter()
            .chain(phones)
            .collect::<Vec<_>>()
            .join(", ")
    };
    let lines: Vec<String> = part
        .as_array()?
        .iter()
        .map(line)
        .filter(|l| !l.is_empty())
        .collect();
    (!lines.is_empty()).then(|| lines.join("\n"))
}

/// A tap, a chosen row or a filled-in form. Other answers (call permission) are kept in `metadata`.
fn interactive(part: &Value) -> Option<Content> {
    let reply = |key: &str| part.get(key).filter(|reply| reply.is_object());
    if let Some(button) = reply("button_reply") {
        Content::of(Kind::ButtonReply, text(button, "title"))
    } else if let Some(row) = reply("list_reply") {
        Content::of(Kind::ListReply, text(row, "title"))
    } else if let Some(form) = reply("nfm_reply") {
        Content::of(Kind::FlowReply, text(form, "body"))
    } else {
        Content::of(Kind::Interactive, None)
    }
}

/// A system message. Only the typed fields say who somebody became; `body` is for people.
fn system(part: &Value) -> Content {
    let subtype = word(part, "type").unwrap_or_default();
    let changed = subtype.contains("changed_number") || subtype == "user_changed_user_id";
    let new = |key: &str| id(part, key).filter(|_| changed);
    Content {
        kind: Some(Kind::System),
        words: text(part, "body"),
        new_phone: new("wa_id").or_else(|| new("new_wa_id")),
        new_bsuid: new("user_id"),
        ..Content::default()
    }
}

/// A message that was changed or taken back.
fn revision(kind: Kind, part: &Value, words: Option<String>) -> Content {
    Content {
        kind: Some(kind),
        words,
        revises: id(part, "original_message_id"),
        ..Content::default()
    }
}

/// The new words of an edited message: its text, or the caption of its file.
fn edited(part: &Value) -> Option<String> {
    let message = part.get("message")?;
    let content = message.get(type_of(message))?;
    text(content, "body").or_else(|| text(content, "caption"))
}

/// A reaction. WhatsApp takes one off with an empty emoji or with none.
fn reaction(part: &Value) -> Option<Content> {
    let reaction = Reaction {
        wamid: id(part, "message_id")?,
        emoji: word(part, "emoji"),
    };
    Some(Content {
        kind: Some(Kind::Reaction),
        reaction: Some(reaction),
        ..Content::default()
    })
}

/// The parts of a message that are kept as they came, under Meta's names.
pub(super) fn metadata(word: &str, message: &Value) -> Map<String, Value> {
    let mut kept = Map::new();
    let structured = [
        "location",
        "contacts",
        "interactive",
        "button",
        "order",
        "system",
        "edit",
        "revoke",
        "unsupported",
        "request_welcome",
    ];
    for key in structured.into_iter().filter(|key| *key == word) {
        kept.extend(message.get(key).map(|part| (key.to_owned(), part.clone())));
    }
    if let Some(animated) = object(message, "sticker").and_then(|part| part.get("animated")) {
        kept.insert("animated".to_owned(), animated.clone());
    }
    for key in ["referral", "group_id", "identity"] {
        kept.extend(message.get(key).map(|part| (key.to_owned(), part.clone())));
    }
    kept
}
