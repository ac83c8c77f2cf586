//! What a number tells that the business uses in its phone as well: what was written there (echoes), what had been said
//! before the number came to us (history), and the names in its address book.
//!
//! Such messages go both ways, so each is about the person at the other end, whoever wrote it.

use serde_json::{Map, Value, json};

use super::errors::reported;
use super::fields::{flag, id, object, text, time, word};
use super::item::{About, Item, What};
use super::message;
use super::phone::{phone_variants, plain};
use super::sender::Person;
use crate::conversations::{Kind, SenderType};

/// Meta's type of a message of the past whose file may follow in a webhook of its own.
const FILE_MAY_FOLLOW: &str = "media_placeholder";

/// The item of one entry of `message_echoes[]`; `None` when it has no id.
///
/// One to a group names the group as its recipient, who is nobody: the item has no person then.
pub(super) fn echo(
    message: &Value,
    contacts: &[Value],
    business: Option<&str>,
    raw: Value,
) -> Option<Item> {
    let to_group = word(message, "recipient_type").as_deref() == Some("group");
    let person = if to_group || message.get("group_id").is_some() {
        Person::default()
    } else {
        Person::addressee(message, contacts, business)
    };
    let mut item = message::read(message, person, raw)?;
    item.metadata
        .insert("source".to_owned(), "phone_app".into());
    if let Some(group) = id(message, "to").filter(|_| to_group) {
        item.metadata.entry("group_id").or_insert(group.into());
    }
    Some(Item {
        callback: text(message, "biz_opaque_callback_data"),
        ..told_again(item, What::Echo, SenderType::Agent)
    })
}

/// The item of one message of the past. `thread` is what stands around it; a file that follows later stands alone.
pub(super) fn past(
    message: &Value,
    thread: Option<&Value>,
    contacts: &[Value],
    business: Option<&str>,
    raw: Value,
) -> Option<Item> {
    let about = message.get("history_context").unwrap_or(&Value::Null);
    let person = thread.map(|thread| Person::of_thread(thread, contacts));
    let is_ours = flag(about, "from_me")
        || message.get("to").is_some()
        || message.get("to_user_id").is_some()
        || is_business(message, business)
        || person.as_ref().is_some_and(|p| is_another(message, p));
    let person = person.unwrap_or_else(|| {
        if is_ours {
            Person::addressee(message, &[], business)
        } else {
            Person::sender(message, contacts)
        }
    });
    let item = message::read(message, person, raw)?;
    let writer = if is_ours {
        SenderType::Agent
    } else {
        SenderType::Visitor
    };
    let mut item = Item {
        status: word(about, "status").map(|word| as_status(&word.to_lowercase()).to_owned()),
        ..told_again(item, What::History, writer)
    };
    if word(message, "type").as_deref() == Some(FILE_MAY_FOLLOW) {
        item.kind = Some(Kind::Unsupported);
        item.content_type = Some(Kind::Unsupported.content_type());
        item.metadata = Map::from_iter([("reason".to_owned(), FILE_MAY_FOLLOW.into())]);
    }
    Some(item)
}

/// How far an import has come, of one entry of `history[]`; or that there will be none, and why.
pub(super) fn progress(part: &Value, raw: Value) -> Option<Item> {
    let errors = reported(part);
    let mut facts = Map::new();
    if let Some(error) = errors.first() {
        facts.insert("error".to_owned(), json!(error));
    } else {
        let about = object(part, "metadata")?;
        for key in ["phase", "chunk_order", "progress"] {
            let number = about.get(key).and_then(as_number);
            facts.extend(number.map(|number| (key.to_owned(), number.into())));
        }
    }
    let event = if errors.is_empty() {
        "progress"
    } else {
        "declined"
    };
    (!facts.is_empty()).then(|| Item {
        about: Some(About::History),
        event: Some(event.to_owned()),
        facts,
        ..Item::new(What::Field, raw)
    })
}

/// A name in the phone's address book, of one entry of `state_sync[]`; without a name it was taken out.
pub(super) fn contact(entry: &Value, raw: Value) -> Option<Item> {
    let card = entry.get("contact")?;
    let phone = id(card, "phone_number").map(|phone| plain(&phone));
    let bsuid = id(card, "user_id");
    let action = word(entry, "action")?.to_lowercase();
    let known = word(entry, "type").is_none_or(|word| word == "contact")
        && ["add", "edit", "remove"].contains(&action.as_str())
        && (phone.is_some() || bsuid.is_some());
    known.then(|| Item {
        about: Some(About::Contact),
        phone_variants: phone.as_deref().map(phone_variants).unwrap_or_default(),
        phone,
        bsuid,
        name: word(card, "full_name")
            .or_else(|| word(card, "first_name"))
            .filter(|_| action != "remove"),
        at: entry
            .get("metadata")
            .and_then(|about| time(about, "timestamp")),
        event: Some(action),
        ..Item::new(What::Field, raw)
    })
}

/// What happened to a group, of one entry of `groups[]`. Those it names are its members, nobody who wrote to us.
pub(super) fn group(entry: &Value, raw: Value) -> Option<Item> {
    let group = id(entry, "group_id")?;
    let facts = entry
        .as_object()?
        .iter()
        .filter(|(key, _)| !["timestamp", "type"].contains(&key.as_str()))
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    Some(Item {
        about: Some(About::Group),
        event: word(entry, "type"),
        at: time(entry, "timestamp"),
        facts,
        metadata: Map::from_iter([("group_id".to_owned(), group.into())]),
        ..Item::new(What::Field, raw)
    })
}

/// The same message, as something that is not said to us now: nobody wishes or becomes anything by it.
fn told_again(item: Item, what: What, writer: SenderType) -> Item {
    Item {
        what,
        sender_type: Some(writer),
        wish: None,
        new_phone: None,
        new_bsuid: None,
        ..item
    }
}

/// The word that a status would have for how far a message of the past got.
fn as_status(word: &str) -> &str {
    match word {
        "pending" => "accepted",
        "error" => "failed",
        other => other,
    }
}

/// Whether the business itself is named as the writer.
fn is_business(message: &Value, business: Option<&str>) -> bool {
    let from = id(message, "from").map(|from| plain(&from));
    from.is_some_and(|from| business.is_some_and(|own| same_account(&from, own)))
}

/// Whether somebody is named as the writer who is not the thread's person: there are only two.
fn is_another(message: &Value, person: &Person) -> bool {
    match id(message, "from_user_id") {
        Some(user) if person.bsuid.is_some() => person.bsuid != Some(user),
        _ => match (id(message, "from"), &person.phone) {
            (Some(from), Some(phone)) => !same_account(&plain(&from), phone),
            _ => false,
        },
    }
}

/// Whether two ids are one account's, in whatever spelling.
pub(super) fn same_account(a: &str, b: &str) -> bool {
    a == b || phone_variants(a).iter().any(|variant| variant == b)
}

/// A number, also one that is written as a text.
fn as_number(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_str()?.trim().parse().ok())
}
