//! One message, of `messages[]` or of what a coexistence number tells again.

use serde_json::{Map, Value};

use super::content::{self, Content};
use super::context::context;
use super::errors::reported;
use super::fields::{id, time};
use super::item::{Item, What};
use super::phone::phone_variants;
use super::sender::Person;
use super::wish;
use crate::conversations::Kind;

/// Keys of a message that have a place of their own in an item.
const PLACED: [&str; 16] = [
    "from",
    "from_user_id",
    "from_parent_user_id",
    "to",
    "to_user_id",
    "to_parent_user_id",
    "id",
    "timestamp",
    "type",
    "context",
    "errors",
    "referral",
    "group_id",
    "identity",
    "history_context",
    "biz_opaque_callback_data",
];

/// The item of a message from, or to, a person; `None` when it has no id, since then it could not be stored once only.
///
/// What cannot be read becomes kind `unknown`, a placeholder that keeps the raw message.
pub(super) fn read(message: &Value, person: Person, raw: Value) -> Option<Item> {
    let wamid = id(message, "id")?;
    let word = content::type_of(message);
    let errors = reported(message);
    let content = content::read(&word, message).or_else(|| {
        let kind = content::kind_of_missing(&word).filter(|_| !errors.is_empty())?;
        Some(Content {
            kind: Some(kind),
            ..Content::default()
        })
    });

    let mut metadata = content::metadata(&word, message);
    let content = content.unwrap_or_else(|| {
        let known = content::TYPES.contains(&word.as_str());
        let reason = if known {
            "content_missing"
        } else {
            "unknown_type"
        };
        metadata.insert("reason".to_owned(), reason.into());
        metadata.insert("type".to_owned(), word.as_str().into());
        metadata.insert("raw".to_owned(), raw.clone());
        Content::default()
    });
    let kind = content.kind.unwrap_or(Kind::Unknown);
    // Nobody wrote words we could show; Meta's explanation is better than an empty bubble.
    let explained = matches!(kind, Kind::Unsupported | Kind::Unknown)
        .then(|| errors.first().and_then(|error| error.in_words()))
        .flatten();

    if kind != Kind::Unknown {
        add_rest(&mut metadata, message, &word);
    }
    if !person.about.is_empty() {
        metadata.insert("sender".to_owned(), person.about.into());
    }
    if !errors.is_empty() {
        metadata.insert("errors".to_owned(), serde_json::json!(errors));
    }

    let content_words = content.words.or(explained);
    Some(Item {
        phone_variants: person
            .phone
            .as_deref()
            .map(phone_variants)
            .unwrap_or_default(),
        bsuid: person.bsuid,
        phone: person.phone,
        name: person.name,
        wamid: Some(wamid),
        at: time(message, "timestamp"),
        kind: Some(kind),
        content_type: Some(kind.content_type()),
        wish: wish::of_message(kind, content_words.as_deref()),
        content: content_words,
        file: content.file,
        context: context(message),
        reaction: content.reaction,
        revises: content.revises,
        metadata,
        new_phone: content.new_phone,
        new_bsuid: content.new_bsuid,
        errors,
        ..Item::new(What::Message, raw)
    })
}

/// Keeps what Meta may add to messages one day, under `other`.
fn add_rest(metadata: &mut Map<String, Value>, message: &Value, word: &str) {
    let rest: Map<String, Value> = message
        .as_object()
        .into_iter()
        .flatten()
        .filter(|(key, _)| key.as_str() != word && !PLACED.contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if !rest.is_empty() {
        metadata.insert("other".to_owned(), rest.into());
    }
}
