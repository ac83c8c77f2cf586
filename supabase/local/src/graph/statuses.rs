//! The statuses of a message: which ones a phone gives rise to and how they read.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::phones::{Author, Bubble, Habits, Phone};
use super::simulator::State;
use super::validate::is_user_id;
use super::webhook::{Update, contact};
use super::{Error, Refusal, Simulator};

/// A word of Meta's for how far a message came, in its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Meta has it.
    Sent,
    /// The phone has it.
    Delivered,
    /// The person opened the chat.
    Read,
    /// The person played the voice note.
    Played,
    /// It will not arrive; the reason is in `errors`.
    Failed,
}

impl Status {
    /// As Meta writes it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Delivered => "delivered",
            Self::Read => "read",
            Self::Played => "played",
            Self::Failed => "failed",
        }
    }
}

/// The statuses a fresh message goes through on a phone with these habits.
pub(super) fn course(bubble: &Bubble, habits: &Habits) -> Vec<Status> {
    // Meta reports no more than `sent` for reactions.
    let arrives = habits.receives && bubble.kind != "reaction";
    let mut course = vec![Status::Sent];
    if arrives {
        course.push(Status::Delivered);
    }
    if arrives && habits.reads {
        course.push(Status::Read);
        if habits.plays && bubble.voice {
            course.push(Status::Played);
        }
    }
    course
}

impl State {
    /// Brings a message to the last of `statuses` and writes the webhook items for all
    /// of them, dated now.
    pub(super) fn report(&mut self, key: &str, wamid: &str, statuses: &[Status]) -> Vec<Update> {
        let now = self.now_seconds();
        let Some(phone) = self.phones.get_mut(key) else {
            return Vec::new();
        };
        let Some(place) = phone.bubbles.iter().rposition(|b| b.wamid == wamid) else {
            return Vec::new();
        };
        let bubble = &mut phone.bubbles[place];
        bubble.status = bubble.status.max(statuses.iter().copied().max());
        let (phone, bubble) = (&*phone, &phone.bubbles[place]);
        statuses
            .iter()
            .map(|status| update(*status, now, key, phone, bubble))
            .collect()
    }

    /// Whatever the messages to a phone still lack on the way to `goal`.
    fn catch_up(&mut self, key: &str, goal: Status) -> Vec<Update> {
        let Some(phone) = self.phones.get(key) else {
            return Vec::new();
        };
        let behind: Vec<(String, Status)> = phone
            .bubbles
            .iter()
            .filter(|b| b.by == Author::Business && b.kind != "reaction")
            .filter_map(|b| Some((b.wamid.clone(), b.status.filter(|status| *status < goal)?)))
            .collect();
        let mut updates = Vec::new();
        for (wamid, reached) in behind {
            let missing: Vec<Status> = [Status::Delivered, Status::Read]
                .into_iter()
                .filter(|status| reached < *status && *status <= goal)
                .collect();
            updates.extend(self.report(key, &wamid, &missing));
        }
        updates
    }
}

fn update(status: Status, at: i64, key: &str, phone: &Phone, bubble: &Bubble) -> Update {
    let to_user = is_user_id(&bubble.to);
    let failed = status == Status::Failed;
    let mut item = json!({
        "id": bubble.wamid,
        "status": status.word(),
        "timestamp": at.to_string(),
    });
    // A phone number that the business wrote itself is no secret to it.
    let recipient = if to_user { phone.wa_id(key) } else { Some(key) };
    if let Some(recipient) = recipient {
        item["recipient_id"] = json!(recipient);
    }
    if let Some(user_id) = phone.user_id.as_deref().filter(|_| to_user || !failed) {
        item["recipient_user_id"] = json!(user_id);
    }
    if let Some(callback) = &bubble.callback {
        item["biz_opaque_callback_data"] = json!(callback);
    }
    if status == Status::Delivered {
        item["pricing"] = pricing(&bubble.category);
    }
    if failed {
        let code = bubble.error.unwrap_or(131_000);
        item["errors"] = json!([Refusal::of(code).in_webhook()]);
    }
    let contact = (!failed).then(|| contact(key, phone));
    Update {
        phone_number_id: bubble.phone_number_id.clone(),
        says: format!("{} {}", status.word(), bubble.wamid),
        list: "statuses",
        item,
        contact,
    }
}

/// As on v24 and later: per message, with free service messages within the free tier.
fn pricing(category: &str) -> Value {
    let free = category == "service";
    json!({
        "billable": !free,
        "pricing_model": "PMP",
        "type": if free { "free_customer_service" } else { "regular" },
        "category": category,
    })
}

impl Simulator {
    /// The phone comes online: everything that waits is delivered.
    pub fn receive(&self, phone: &str) {
        self.advance_messages(phone, Status::Delivered);
    }

    /// The person opens the chat: everything is delivered and read.
    pub fn read(&self, phone: &str) {
        self.advance_messages(phone, Status::Read);
    }

    fn advance_messages(&self, phone: &str, goal: Status) {
        let mut state = self.lock();
        let (key, _) = state.phone(phone);
        let updates = state.catch_up(&key, goal);
        self.report_statuses(&mut state, updates, None);
    }

    /// Reports a status of a message that was sent before, again or out of turn.
    pub fn report_again(&self, wamid: &str, status: Status) -> Result<(), Error> {
        let mut state = self.lock();
        let unknown = || Error::Unknown {
            what: "message",
            name: wamid.to_owned(),
        };
        let key = state.owners.get(wamid).cloned().ok_or_else(unknown)?;
        let updates = state.report(&key, wamid, &[status]);
        self.report_statuses(&mut state, updates, None);
        Ok(())
    }
}
