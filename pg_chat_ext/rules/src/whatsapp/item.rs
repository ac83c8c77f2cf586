//! One thing that one webhook said, flat enough for SQL to store without knowing Meta's JSON.

use std::fmt;

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};

use super::errors::ReportedError;
use super::wish::Wish;
use crate::conversations::{ContentType, Kind, SenderType};

words! {
    /// What an item is about. In the order in which items of one body are stored.
    pub enum What {
        /// A person wrote, or WhatsApp says something about a person.
        Message = "message",
        /// The business wrote, in its phone.
        Echo = "echo",
        /// A message of ours got further, or failed.
        Status = "status",
        /// A message of the time before the number came to us.
        History = "history",
        /// Anything else: it changes the row that `about` names, or is kept as a dead letter, with `reason`.
        Field = "field",
    }
}

words! {
    /// Which row of ours a `field` item changes.
    pub enum About {
        /// A template, by `facts.name` and `facts.language`.
        Template = "template",
        /// A business number: `phone_number_id`, else the account's number that reads `facts.display_number`.
        Number = "number",
        /// The account, by `waba_id`.
        Account = "account",
        /// A person's wish about marketing: `event` is `stop`, `resume` or `signup`.
        Preference = "preference",
        /// The ids a person is known by.
        Person = "person",
        /// A person's name in the address book of the business's phone.
        Contact = "contact",
        /// A group, by `metadata.group_id`.
        Group = "group",
        /// The import of a number's past: `event` is `progress` or `declined`.
        History = "history",
    }
}

/// One message, status or other change. Ids are Meta's texts as they came.
#[derive(Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub struct Item {
    /// What this is about.
    pub what: What,
    /// The business number it came to: the only thing that decides whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone_number_id: Option<String>,
    /// `entry.id`: the account. Messages are never routed by it, fields about an account are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waba_id: Option<String>,
    /// The webhook field it came in, `messages` for messages and statuses.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Of a `field` item that changes a row of ours: which.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub about: Option<About>,
    /// What happened to that row, in Meta's word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub event: Option<String>,
    /// What stands in that row from now on, by our names ([`super::told`]).
    #[serde(skip_serializing_if = "Map::is_empty")]
    pub facts: Map<String, Value>,
    /// Why a `field` item is a dead letter: `field_not_handled`, `other_object`, `no_value`, `account_errors`,
    /// `not_a_list`, `not_readable` (an entry without the id that would make it storable once),
    /// `other_status` (of a payment or a call, not of a message).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The person's business-scoped user id: sender of a message, recipient of a status or an echo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bsuid: Option<String>,
    /// The person's WhatsApp account id, mostly the digits of a phone number. A message with neither
    /// this nor `bsuid` has no sender and becomes a dead letter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub phone: Option<String>,
    /// Other spellings of `phone`; for lookup only.
    pub phone_variants: Vec<String>,
    /// The name the person gave themselves, else their user name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The message's id; of a status, the id of the message it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wamid: Option<String>,
    /// When it happened, by Meta's clock; null when Meta's time cannot be read.
    #[serde(serialize_with = "rfc3339")]
    pub at: Option<Timestamp>,
    /// What kind of message it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<Kind>,
    /// Who wrote it, of what is told again: an echo is the business's, a message of the past either's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sender_type: Option<SenderType>,
    /// LC-01's word for `kind`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<ContentType>,
    /// What it says in words: body, caption, tapped title; a location as JSON text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// The file to fetch.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<File>,
    /// What it answers, or where it was forwarded from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<Context>,
    /// An emoji on another message; such an item is no message of its own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reaction: Option<Reaction>,
    /// The message that an edit changes or a revoke takes back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revises: Option<String>,
    /// What else it says, by Meta's names: interactive, button, order, location, contacts, system,
    /// edit, revoke, unsupported, referral, group_id, identity, errors, sender, other; `source` is `phone_app` of an echo.
    pub metadata: Map<String, Value>,
    /// The person's new account id (a system message).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_phone: Option<String>,
    /// The person's new business-scoped user id (a system message).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_bsuid: Option<String>,
    /// What the person wants of marketing, when the message is a word that says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wish: Option<Wish>,
    /// What we gave with the send: `<message uuid>:<attempt number>`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub callback: Option<String>,
    /// Meta's word for how far a message got, in lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// What Meta says went wrong.
    pub errors: Vec<ReportedError>,
    /// What Meta says it costs, as it came.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pricing: Option<Value>,
    /// The item as received; NUL and lone surrogates stand in it as the text of their escapes.
    pub raw: Value,
}

/// A file of a message, as Graph knows it. Its short-lived address is left out: it needs our token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Graph's media id, good for seven days.
    pub id: String,
    /// The MIME type Meta names, with parameters (`audio/ogg; codecs=opus`).
    pub mime: Option<String>,
    /// Meta's digest of the bytes.
    pub sha256: Option<String>,
    /// The name the sender's phone gave a document.
    pub filename: Option<String>,
    /// Recorded in the chat, not picked from the phone.
    pub voice: bool,
}

/// What a message refers to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Context {
    /// The message it answers. We may not know it.
    pub wamid: Option<String>,
    /// Who wrote that message.
    pub from: Option<String>,
    /// Passed on from another chat.
    pub forwarded: bool,
    /// Passed on more than five times.
    pub frequently_forwarded: bool,
    /// The product of a catalogue it asks about, as it came.
    pub referred_product: Option<Value>,
}

/// An emoji put on a message, or taken off it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reaction {
    /// The message it is on.
    pub wamid: String,
    /// The emoji; null when it was taken off.
    pub emoji: Option<String>,
}

impl Item {
    /// An item that says nothing yet.
    pub(super) fn new(what: What, raw: Value) -> Self {
        Self {
            what,
            phone_number_id: None,
            waba_id: None,
            field: None,
            about: None,
            event: None,
            facts: Map::new(),
            reason: None,
            bsuid: None,
            phone: None,
            phone_variants: Vec::new(),
            name: None,
            wamid: None,
            at: None,
            kind: None,
            sender_type: None,
            content_type: None,
            content: None,
            file: None,
            context: None,
            reaction: None,
            revises: None,
            metadata: Map::new(),
            new_phone: None,
            new_bsuid: None,
            wish: None,
            callback: None,
            status: None,
            errors: Vec::new(),
            pricing: None,
            raw,
        }
    }

    /// By whom items are sorted, so that transactions take their locks in one order; empty for
    /// nobody.
    pub fn identity_key(&self) -> &str {
        self.bsuid
            .as_deref()
            .or(self.phone.as_deref())
            .unwrap_or_default()
    }

    /// What is stored for a message that the database would not take: the same ids, nothing of its
    /// content but the raw item, and why.
    pub fn as_placeholder(&self, reason: &str) -> Self {
        let mut metadata = Map::new();
        metadata.insert("reason".to_owned(), reason.into());
        metadata.insert("raw".to_owned(), self.raw.clone());
        Self {
            kind: Some(Kind::Unknown),
            content_type: Some(Kind::Unknown.content_type()),
            content: None,
            file: None,
            context: None,
            reaction: None,
            revises: None,
            new_phone: None,
            new_bsuid: None,
            wish: None,
            errors: Vec::new(),
            metadata,
            ..self.clone()
        }
    }
}

/// What a log may show: ids of the message, never what it says nor who wrote it.
impl fmt::Debug for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Item")
            .field("what", &self.what)
            .field("phone_number_id", &self.phone_number_id)
            .field("field", &self.field)
            .field("wamid", &self.wamid)
            .field("kind", &self.kind)
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

fn rfc3339<S: Serializer>(at: &Option<Timestamp>, serializer: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => serializer.collect_str(at),
        None => serializer.serialize_none(),
    }
}
