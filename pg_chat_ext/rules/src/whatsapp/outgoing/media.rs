//! Messages with a file: by Meta's id of it, else by an address that Meta reads.

use serde_json::{Map, Value, json};

use super::Message;
use super::check::{OutgoingRefusal, Refused};
use super::field::Field;
use crate::conversations::Kind;

const CAPTION: usize = 1_024;
const FILE_NAME: usize = 240;

/// Where Meta finds a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Media {
    /// Meta's id of what was uploaded to it.
    Id(String),
    /// An address that anybody can read; Meta reads it later, so a fault shows only in a status.
    Link(String),
}

impl Media {
    /// Where Meta finds a row's file: `metadata.media` by its id, else its link, else a `file_url` that is an address
    /// itself. `None`: there is no file, or it is in Storage and Meta has not got it yet.
    pub fn of(metadata: &Value, file_url: Option<&str>) -> Option<Self> {
        let text = |key: &str| metadata.get("media")?.get(key)?.as_str().map(str::to_owned);
        let address =
            file_url.filter(|url| url.starts_with("https://") || url.starts_with("http://"));
        text("id")
            .map(Self::Id)
            .or_else(|| text("link").map(Self::Link))
            .or_else(|| address.map(|url| Self::Link(url.to_owned())))
    }
}

pub(super) fn is_media(kind: Kind) -> bool {
    word_of(kind).is_some()
}

fn word_of(kind: Kind) -> Option<&'static str> {
    Some(match kind {
        Kind::Image => "image",
        Kind::Video => "video",
        Kind::Audio | Kind::Voice => "audio",
        Kind::Document => "document",
        Kind::Sticker => "sticker",
        _ => return None,
    })
}

fn has_caption(kind: Kind) -> bool {
    matches!(kind, Kind::Image | Kind::Video | Kind::Document)
}

pub(super) fn check(
    kind: Kind,
    message: &Message<'_>,
    metadata: &Field<'_>,
    has_file: bool,
) -> Result<(), Refused> {
    let media = metadata.get("media");
    let id = media.get("id").text_if_any(512)?;
    if id.is_none() && media.get("link").is_there() {
        media.get("link").address(2_048)?;
    } else if id.is_none() && !has_file {
        return Err(no_file(kind));
    }
    caption(kind, message.content)?;
    file_name(message)?;
    Ok(())
}

/// The word of the type and its object.
pub(super) fn part(
    kind: Kind,
    message: &Message<'_>,
    media: Option<&Media>,
) -> Result<(&'static str, Value), Refused> {
    let (Some(word), Some(media)) = (word_of(kind), media) else {
        return Err(no_file(kind));
    };
    let mut part = Map::new();
    match media {
        Media::Id(id) => part.insert("id".to_owned(), json!(id)),
        Media::Link(link) => part.insert("link".to_owned(), json!(link)),
    };
    if let Some(caption) = caption(kind, message.content)? {
        part.insert("caption".to_owned(), json!(caption));
    }
    if let Some(name) = file_name(message)?.filter(|_| kind == Kind::Document) {
        part.insert("filename".to_owned(), json!(name));
    }
    if kind == Kind::Voice {
        part.insert("voice".to_owned(), json!(true));
    }
    Ok((word, part.into()))
}

fn no_file(kind: Kind) -> Refused {
    Refused::new(
        OutgoingRefusal::FileMissing,
        format!("a {kind} names no file that WhatsApp can have"),
        "upload the file and give its path as file_url, or an address as metadata.media.link",
    )
}

fn caption(kind: Kind, content: Option<&str>) -> Result<Option<&str>, Refused> {
    let Some(words) = content.filter(|words| !words.is_empty()) else {
        return Ok(None);
    };
    if !has_caption(kind) {
        return Err(Refused::new(
            OutgoingRefusal::CaptionLength,
            format!("a {kind} has no caption"),
            "leave content out and send the words as a text of their own",
        ));
    }
    let length = words.chars().count();
    if length > CAPTION {
        return Err(Refused::new(
            OutgoingRefusal::CaptionLength,
            format!("a caption has at most {CAPTION} characters, this one {length}"),
            "send the words as a text of their own",
        ));
    }
    Ok(Some(words))
}

fn file_name<'a>(message: &Message<'a>) -> Result<Option<&'a str>, Refused> {
    let Some(name) = message.file_name.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let length = name.chars().count();
    if length > FILE_NAME {
        return Err(Refused::new(
            OutgoingRefusal::FieldLength,
            format!("file_name has at most {FILE_NAME} characters, this one {length}"),
            "make it shorter",
        ));
    }
    Ok(Some(name))
}
