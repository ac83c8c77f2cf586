//! Phones that write: messages to the business, in Meta's exact shape.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::phones::{Author, Bubble};
use super::simulator::State;
use super::webhook::{Update, contact};
use super::{Error, Media, Simulator, sign, wamid};

/// Something a person writes. Exactly one of `text`, `image` and `message` is set.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Say {
    /// A text.
    pub text: Option<String>,
    /// An image.
    pub image: Option<Image>,
    /// Any other message: `{"type": "location", "location": {…}}`.
    pub message: Option<Value>,
    /// The business number it is for; the first one when absent.
    pub phone_number_id: Option<String>,
    /// The name in the person's profile, kept for later.
    pub name: Option<String>,
    /// The wamid it answers.
    pub quotes: Option<String>,
    /// When it was written, in Unix seconds; now when absent.
    pub at: Option<i64>,
    /// How many further times the very same webhook is delivered.
    pub copies: u32,
}

/// An image as webhooks carry it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Image {
    /// The text below it.
    pub caption: Option<String>,
    /// Meta's media id; when absent, the file is made and can be had.
    pub id: Option<String>,
    /// `image/jpeg` when absent.
    pub mime_type: Option<String>,
    /// Its SHA-256 in base64; made up when absent.
    pub sha256: Option<String>,
}

impl Say {
    /// A text message.
    pub fn text(text: impl Into<String>) -> Self {
        Self {
            text: Some(text.into()),
            ..Self::default()
        }
    }

    /// A file that is at Meta, as a message of a kind (image, document …) with whatever else it says.
    pub fn file(kind: &str, media: &Media, more: Value) -> Self {
        let mut object = media.reference();
        if let (Some(object), Value::Object(more)) = (object.as_object_mut(), more) {
            object.extend(more);
        }
        Self {
            message: Some(json!({ "type": kind, kind: object })),
            ..Self::default()
        }
    }

    /// An image with a caption.
    pub fn image(caption: impl Into<String>) -> Self {
        let image = Image {
            caption: Some(caption.into()),
            ..Image::default()
        };
        Self {
            image: Some(image),
            ..Self::default()
        }
    }

    /// The same, from a person whose profile has that name.
    pub fn named(self, name: impl Into<String>) -> Self {
        Self {
            name: Some(name.into()),
            ..self
        }
    }
}

/// What came of a [`Say`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// Meta's id of the message.
    pub wamid: String,
    /// Its timestamp, in Unix seconds.
    pub at: i64,
}

impl Simulator {
    /// A person writes to the business; the webhook is on its way when this returns.
    pub fn say(&self, phone: &str, say: Say) -> Result<Said, Error> {
        let mut state = self.lock();
        let number = match &say.phone_number_id {
            Some(id) => state.number(id)?.clone(),
            None => state.first_number()?.clone(),
        };
        let at = say.at.unwrap_or(state.now_seconds());
        let content = content(&mut state, &say)?;
        let (key, person) = state.phone(phone);
        if let Some(name) = say.name {
            person.name = Some(name);
        }
        let person = person.clone();
        let wamid = wamid::incoming(&mut state.rng, &number.digits());
        let mut item = json!({"id": wamid, "timestamp": at.to_string()});
        for (name, value) in content {
            item[name] = value;
        }
        if let Some(from) = person.wa_id(&key) {
            item["from"] = json!(from);
        }
        if let Some(user_id) = &person.user_id {
            item["from_user_id"] = json!(user_id);
        }
        if let Some(quoted) = &say.quotes {
            item["context"] = json!({"from": number.digits(), "id": quoted});
        }
        state.heard(&key, &number.phone_number_id, &item, at);
        let update = Update {
            phone_number_id: number.phone_number_id,
            says: format!("message {wamid}"),
            list: "messages",
            contact: Some(contact(&key, &person)),
            item,
        };
        self.post_updates(&mut state, &[update], say.copies, None);
        Ok(Said { wamid, at })
    }

    /// Delivers any webhook body, spelled and signed as Meta would for `app_id`. Messages
    /// in it become known as if their phones had written them here.
    pub fn post_webhook(&self, app_id: &str, body: &Value, copies: u32) -> Result<(), Error> {
        let mut state = self.lock();
        state.app(app_id)?;
        for change in lists(body, "entry").flat_map(|entry| lists(entry, "changes")) {
            let value = &change["value"];
            let number = value["metadata"]["phone_number_id"]
                .as_str()
                .unwrap_or_default();
            for message in lists(value, "messages") {
                state.learn(number, message);
            }
        }
        for _ in 0..=copies {
            self.post(
                &mut state,
                app_id,
                sign::wire(body),
                "given body".to_owned(),
                None,
            );
        }
        Ok(())
    }
}

impl State {
    /// A phone wrote `item` at `at`: it is in its chat, and its window opens.
    fn heard(&mut self, phone: &str, number: &str, item: &Value, at: i64) {
        let kind = item["type"].as_str().unwrap_or("unknown");
        let text = match kind {
            "text" => &item["text"]["body"],
            "reaction" => &item["reaction"]["emoji"],
            _ => &item[kind]["caption"],
        };
        let bubble = Bubble {
            n: 0,
            by: Author::Phone,
            phone_number_id: number.to_owned(),
            wamid: item["id"].as_str().unwrap_or_default().to_owned(),
            kind: kind.to_owned(),
            text: text.as_str().unwrap_or_default().to_owned(),
            at,
            to: String::new(),
            status: None,
            error: None,
            callback: None,
            quoted: item["context"]["id"].as_str().map(str::to_owned),
            marked_read: false,
            category: String::new(),
            voice: item["audio"]["voice"] == true,
        };
        self.show(phone, bubble);
        let phone = self.phones.entry(phone.to_owned()).or_default();
        let wrote = phone.wrote.entry(number.to_owned()).or_insert(at);
        *wrote = at.max(*wrote);
    }

    /// Takes note of a message in a body that was given whole; of what lacks an id, a
    /// sender or a time there is nothing to note.
    fn learn(&mut self, number: &str, message: &Value) {
        let sender = message["from"]
            .as_str()
            .or_else(|| message["from_user_id"].as_str());
        let at = message["timestamp"].as_str().and_then(|at| at.parse().ok());
        let (Some(sender), Some(at), Some(wamid)) = (sender, at, message["id"].as_str()) else {
            return;
        };
        if !self.owners.contains_key(wamid) {
            let (key, _) = self.phone(sender);
            self.heard(&key, number, message, at);
        }
    }
}

/// `type` and the object named like it.
fn content(state: &mut State, say: &Say) -> Result<Vec<(String, Value)>, Error> {
    let invalid = || Error::Invalid("say exactly one of text, image and message".to_owned());
    match (&say.text, &say.image, &say.message) {
        (Some(text), None, None) => Ok(typed("text", json!({"body": text}))),
        (None, Some(image), None) => Ok(typed("image", picture(state, image))),
        (None, None, Some(Value::Object(message))) if message.contains_key("type") => {
            Ok(message.clone().into_iter().collect())
        }
        _ => Err(invalid()),
    }
}

fn typed(kind: &str, object: Value) -> Vec<(String, Value)> {
    vec![("type".to_owned(), json!(kind)), (kind.to_owned(), object)]
}

fn picture(state: &mut State, image: &Image) -> Value {
    let mime_type = image.mime_type.as_deref().unwrap_or("image/jpeg");
    let mut picture = match &image.id {
        Some(id) => json!({
            "mime_type": mime_type,
            "sha256": image.sha256.clone().unwrap_or_else(|| state.random_digest()),
            "id": id,
        }),
        // One that can be had: the beginning that all of its kind have, and a few bytes.
        None => {
            let bytes = [
                b"\xff\xd8\xff\xe0".as_slice(),
                state.random_digest().as_bytes(),
            ]
            .concat();
            state
                .add_media(bytes.into(), mime_type, None, None)
                .reference()
        }
    };
    if let Some(sha256) = &image.sha256 {
        picture["sha256"] = json!(sha256);
    }
    if let Some(caption) = &image.caption {
        picture["caption"] = json!(caption);
    }
    picture
}

fn lists<'a>(parent: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    parent[key].as_array().into_iter().flatten()
}
