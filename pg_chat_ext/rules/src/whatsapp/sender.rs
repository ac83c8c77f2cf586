//! Who a message is from, or to.

use serde_json::{Map, Value};

use super::coexistence::same_account;
use super::fields::{id, list, word};
use super::phone::plain;

/// A person, as far as a webhook names them. Either id may be hidden by the person.
#[derive(Default)]
pub(super) struct Person {
    pub bsuid: Option<String>,
    pub phone: Option<String>,
    pub name: Option<String>,
    /// Display name, enterprise's id and identity hash; nothing is looked up by them.
    pub about: Map<String, Value>,
}

impl Person {
    /// The sender of a message: `from_user_id`, `from`, else the only contact of its webhook.
    ///
    /// Contacts add what the message leaves out. They are found by id, never by their place in the
    /// list: a webhook may hold messages of several people and contacts of nobody.
    pub(super) fn sender(message: &Value, contacts: &[Value]) -> Self {
        let mut sender = Self::default();
        sender.take_bsuid(id(message, "from_user_id"));
        sender.take_account(id(message, "from"));
        sender.note(message, "from_parent_user_id", "parent_user_id");
        sender.complete(contacts);
        sender
    }

    /// The recipient of a status. In a group that is the participant it tells about.
    pub(super) fn recipient(status: &Value) -> Self {
        let mut recipient = Self::default();
        if status.get("recipient_type").and_then(Value::as_str) == Some("group") {
            recipient.take_bsuid(id(status, "recipient_participant_user_id"));
            recipient.take_account(id(status, "recipient_participant_id"));
        } else {
            recipient.take_bsuid(id(status, "recipient_user_id"));
            recipient.take_account(id(status, "recipient_id"));
        }
        recipient
    }

    /// To whom the business wrote: `to_user_id`, `to`, else the only contact of the webhook. Where the business itself
    /// stands in `to`, it is the other one; nobody writes to themselves.
    pub(super) fn addressee(message: &Value, contacts: &[Value], business: Option<&str>) -> Self {
        let is_own = |id: &String| business.is_some_and(|own| same_account(&plain(id), own));
        let mut addressee = Self::default();
        addressee.take_bsuid(id(message, "to_user_id"));
        match id(message, "to") {
            Some(to) if is_own(&to) => {
                addressee.take_account(id(message, "from").filter(|from| !is_own(from)));
            }
            to => addressee.take_account(to),
        }
        addressee.note(message, "to_parent_user_id", "parent_user_id");
        addressee.complete(contacts);
        addressee
    }

    /// The person of a thread of the past: its own ids, else its name, which is one.
    pub(super) fn of_thread(thread: &Value, contacts: &[Value]) -> Self {
        let mut person = Self::default();
        for about in [thread.get("context"), Some(thread)].into_iter().flatten() {
            person.take_bsuid(id(about, "user_id"));
            person.take_account(id(about, "wa_id"));
            person.note(about, "username", "username");
        }
        person.take_account(id(thread, "id"));
        person.complete(contacts);
        person.name = person
            .name
            .or_else(|| word(thread.get("context")?, "username"));
        person
    }

    fn is_nobody(&self) -> bool {
        self.bsuid.is_none() && self.phone.is_none()
    }

    fn take_bsuid(&mut self, id: Option<String>) {
        if self.bsuid.is_none() {
            self.bsuid = id;
        }
    }

    /// An account id; business-scoped ids have been seen in its place.
    fn take_account(&mut self, id: Option<String>) {
        match id {
            Some(id) if is_bsuid(&id) => self.take_bsuid(Some(id)),
            Some(id) if self.phone.is_none() => self.phone = Some(plain(&id)),
            _ => {}
        }
    }

    fn note(&mut self, from: &Value, key: &str, name: &str) {
        if let Some(value) = word(from, key) {
            self.about.insert(name.to_owned(), value.into());
        }
    }

    fn complete(&mut self, contacts: &[Value]) {
        let contact = match contacts {
            [only] if self.is_nobody() => Some(only),
            _ => contacts.iter().find(|contact| self.is_of(contact)),
        };
        let Some(contact) = contact else { return };
        self.take_bsuid(id(contact, "user_id"));
        self.take_account(id(contact, "wa_id"));
        let profile = contact.get("profile").unwrap_or(&Value::Null);
        let username = word(profile, "username");
        self.name = word(profile, "name").or(username);
        self.note(profile, "username", "username");
        self.note(contact, "parent_user_id", "parent_user_id");
        self.note(contact, "identity_key_hash", "identity_key_hash");
    }

    /// Whether a contact is this person: one of its ids is one of theirs, or another spelling of it.
    fn is_of(&self, contact: &Value) -> bool {
        let same_user = self.bsuid.is_some()
            && (id(contact, "user_id") == self.bsuid || id(contact, "wa_id") == self.bsuid);
        let same_account = || match (&self.phone, id(contact, "wa_id").map(|id| plain(&id))) {
            (Some(phone), Some(wa_id)) => same_account(phone, &wa_id),
            _ => false,
        };
        same_user || same_account()
    }
}

/// The form of business-scoped user ids: a country, a dot, maybe `ENT.`, letters and digits.
fn is_bsuid(id: &str) -> bool {
    let Some((country, rest)) = id.split_once('.') else {
        return false;
    };
    let user = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|b| b.is_ascii_uppercase())
        && !user.is_empty()
        && user.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The contacts of a webhook's value.
pub(super) fn contacts(value: &Value) -> &[Value] {
    list(value, "contacts")
}
