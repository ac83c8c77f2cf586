//! The phones on the other side: what each shows and how it behaves.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::simulator::State;
use super::validate::{Address, is_user_id};
use super::{Error, Simulator, Status};

/// Seconds after a phone's last message in which a business may write freely.
const WINDOW_SECONDS: i64 = 24 * 60 * 60;

/// How a phone behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Habits {
    /// It is on: what is sent is delivered. Off, messages wait for [`Simulator::receive`].
    pub receives: bool,
    /// It opens chats at once and read receipts are on. Off, they wait for
    /// [`Simulator::read`].
    pub reads: bool,
    /// It plays voice notes, which is a status of its own.
    pub plays: bool,
    /// Everything sent to it fails later with this code, such as 131026.
    pub fails_with: Option<u32>,
    /// It has a username and shows businesses only its BSUID.
    pub hides_phone: bool,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            receives: true,
            reads: true,
            plays: false,
            fails_with: None,
            hides_phone: false,
        }
    }
}

/// A phone, known by its `wa_id` (or by its BSUID when that is all we know, or by a
/// group's id).
#[derive(Debug, Clone, Default)]
pub(super) struct Phone {
    pub name: Option<String>,
    pub user_id: Option<String>,
    pub username: Option<String>,
    /// Other spellings of its number that reach it, such as without Brazil's ninth digit.
    pub aliases: Vec<String>,
    pub habits: Habits,
    /// When it last wrote to each business number, in Unix seconds.
    pub wrote: BTreeMap<String, i64>,
    /// Until when it shows that the business is typing, in Unix milliseconds.
    pub typing_until: i64,
    pub bubbles: Vec<Bubble>,
}

/// Who wrote a bubble.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Author {
    /// The person with the phone.
    Phone,
    /// The business, through the API.
    Business,
}

/// One message of a phone's chat, whether it arrived there or not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bubble {
    /// Place among all messages of the simulator, in the order it accepted them.
    pub n: u64,
    /// Who wrote it.
    pub by: Author,
    /// The business number on the other end.
    pub phone_number_id: String,
    /// Meta's id of the message.
    pub wamid: String,
    /// Meta's `type`.
    pub kind: String,
    /// What is to be read.
    pub text: String,
    /// Unix seconds.
    pub at: i64,
    /// The recipient as the business wrote it; empty on the phone's own messages.
    pub to: String,
    /// How far a message of the business came; a phone's own message has none.
    pub status: Option<Status>,
    /// The code it failed with.
    pub error: Option<u32>,
    /// `biz_opaque_callback_data` of the send.
    pub callback: Option<String>,
    /// The message it answers.
    pub quoted: Option<String>,
    /// A message of the phone that the business marked as read.
    pub marked_read: bool,
    /// What Meta would charge it as.
    pub category: String,
    /// A voice note, which can be played.
    pub voice: bool,
}

/// What one phone shows, as JSON and for the page.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PhoneView {
    /// Its id here: digits, a BSUID or a group id.
    pub phone: String,
    /// The name in its profile.
    pub name: Option<String>,
    /// Its business-scoped user id.
    pub user_id: Option<String>,
    /// How it behaves.
    pub habits: Habits,
    /// For each business number, until when (Unix seconds) free text may be sent to it.
    pub window_until: BTreeMap<String, i64>,
    /// It shows that the business is typing.
    pub typing: bool,
    /// Its chat in order.
    pub bubbles: Vec<Bubble>,
}

/// What can be set of a phone; what is absent stays.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct Profile {
    pub name: Option<String>,
    pub user_id: Option<String>,
    pub username: Option<String>,
    pub aliases: Option<Vec<String>>,
    pub habits: Option<Habits>,
}

impl Phone {
    /// Whether `number` may write freely at `now` (Unix seconds).
    pub(super) fn window_open(&self, number: &str, now: i64) -> bool {
        self.wrote
            .get(number)
            .is_some_and(|wrote| now < wrote + WINDOW_SECONDS)
    }

    /// The `wa_id` that businesses see: none while the phone hides it.
    pub(super) fn wa_id<'a>(&self, key: &'a str) -> Option<&'a str> {
        (!self.habits.hides_phone && !is_user_id(key)).then_some(key)
    }

    fn view(&self, key: &str, now_ms: i64) -> PhoneView {
        let until = |(number, wrote): (&String, &i64)| (number.clone(), wrote + WINDOW_SECONDS);
        PhoneView {
            phone: key.to_owned(),
            name: self.name.clone(),
            user_id: self.user_id.clone(),
            habits: self.habits.clone(),
            window_until: self.wrote.iter().map(until).collect(),
            typing: self.typing_until > now_ms,
            bubbles: self.bubbles.clone(),
        }
    }
}

impl State {
    /// The phone behind an address, made on first sight.
    pub(super) fn resolve(&mut self, address: &Address) -> String {
        let id = address.id();
        let known = self.phones.iter().find(|(key, phone)| match address {
            Address::Phone(_) => key.as_str() == id || phone.aliases.iter().any(|a| a == id),
            Address::User(_) => phone.user_id.as_deref() == Some(id),
            Address::Group(_) => key.as_str() == id,
        });
        if let Some((key, _)) = known {
            return key.clone();
        }
        let user_id = matches!(address, Address::User(_)).then(|| id.to_owned());
        self.phones.insert(
            id.to_owned(),
            Phone {
                user_id,
                ..Phone::default()
            },
        );
        id.to_owned()
    }

    /// The phone of that id, made on first sight: people may pick up a new one any time.
    pub(super) fn phone(&mut self, id: &str) -> (String, &mut Phone) {
        let address = if is_user_id(id) {
            Address::User(id.to_owned())
        } else {
            Address::Phone(id.to_owned())
        };
        let key = self.resolve(&address);
        let phone = self.phones.entry(key.clone()).or_default();
        (key, phone)
    }

    /// Puts a bubble into a phone's chat and gives it the next place of all.
    pub(super) fn show(&mut self, phone: &str, mut bubble: Bubble) {
        self.bubbles += 1;
        bubble.n = self.bubbles;
        self.owners.insert(bubble.wamid.clone(), phone.to_owned());
        self.phones
            .entry(phone.to_owned())
            .or_default()
            .bubbles
            .push(bubble);
    }

    /// The business read `wamid` and everything before it in that chat. False: no phone
    /// wrote such a message.
    pub(super) fn mark_read(&mut self, number: &str, wamid: &str, typing_until: i64) -> bool {
        let owner = self
            .owners
            .get(wamid)
            .and_then(|phone| self.phones.get_mut(phone));
        let Some(phone) = owner else { return false };
        let from_phone = |b: &Bubble| b.by == Author::Phone && b.phone_number_id == number;
        let Some(place) = phone
            .bubbles
            .iter()
            .position(|b| b.wamid == wamid && from_phone(b))
        else {
            return false;
        };
        for bubble in phone.bubbles[..=place].iter_mut().filter(|b| from_phone(b)) {
            bubble.marked_read = true;
        }
        phone.typing_until = phone.typing_until.max(typing_until);
        true
    }
}

impl Simulator {
    /// What every phone shows, by id.
    pub fn phones(&self) -> Vec<PhoneView> {
        let state = self.lock();
        let now = state.now_ms();
        state
            .phones
            .iter()
            .map(|(key, phone)| phone.view(key, now))
            .collect()
    }

    /// What one phone shows; empty for a phone that nobody met yet.
    pub fn phone(&self, phone: &str) -> PhoneView {
        let mut state = self.lock();
        let now = state.now_ms();
        let (key, phone) = state.phone(phone);
        phone.view(&key, now)
    }

    /// How a phone behaves from now on.
    pub fn set_habits(&self, phone: &str, habits: Habits) {
        self.lock().phone(phone).1.habits = habits;
    }

    /// Gives a phone a BSUID; with [`Habits::hides_phone`] it is all that is seen of it.
    pub fn set_user_id(&self, phone: &str, user_id: &str) {
        self.lock().phone(phone).1.user_id = Some(user_id.to_owned());
    }

    pub(super) fn set_profile(&self, phone: &str, profile: Profile) -> PhoneView {
        let mut state = self.lock();
        let now = state.now_ms();
        let (key, phone) = state.phone(phone);
        phone.name = profile.name.or(phone.name.take());
        phone.user_id = profile.user_id.or(phone.user_id.take());
        phone.username = profile.username.or(phone.username.take());
        if let Some(aliases) = profile.aliases {
            phone.aliases = aliases;
        }
        if let Some(habits) = profile.habits {
            phone.habits = habits;
        }
        phone.view(&key, now)
    }

    /// Tells that a phone wrote to a number at `at` (Unix seconds, now when absent), for
    /// messages the worker got without the simulator. Opens the window.
    pub fn wrote(&self, phone: &str, number: &str, at: Option<i64>) -> Result<(), Error> {
        let mut state = self.lock();
        state.number(number)?;
        let at = at.unwrap_or(state.now_seconds());
        let wrote = state
            .phone(phone)
            .1
            .wrote
            .entry(number.to_owned())
            .or_insert(at);
        *wrote = at.max(*wrote);
        Ok(())
    }
}
