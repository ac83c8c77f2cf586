//! Webhook bodies: our own vectors, in Meta's exact shapes, given contacts, ids
//! and times that are new each time.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::{Value, json};

use crate::error::{Doing, Error, Result};
use crate::keys::random_hex;
use crate::stack::cast::{BUSINESS_ACCOUNT_ID, DISPLAY_PHONE_NUMBER, PHONE_NUMBER_ID};

/// Every contact of the play has a number that begins so.
pub(super) const PHONE_PREFIX: &str = "49155501";

/// A person with a phone nobody had before.
#[derive(Clone, Debug)]
pub(super) struct Contact {
    pub(super) name: &'static str,
    pub(super) phone: String,
}

impl Contact {
    pub(super) fn new(name: &'static str) -> Self {
        let number: u16 = rand::random();
        Self {
            name,
            phone: format!("{PHONE_PREFIX}{number:05}"),
        }
    }
}

/// A message id as Meta's look.
pub(super) fn new_wamid() -> String {
    format!("wamid.{}", random_hex::<16>().to_uppercase())
}

/// The folder of the vectors.
pub(super) struct Vectors {
    folder: PathBuf,
}

impl Vectors {
    /// Those of the clone at `root`.
    pub(super) fn of(root: &Path) -> Self {
        Self {
            folder: root.join("tests/vectors/webhooks"),
        }
    }

    /// The body of one, as if `contact` had caused it just now with `wamid`.
    pub(super) fn body(&self, name: &str, contact: &Contact, wamid: &str) -> Result<Value> {
        let path = self.folder.join(format!("{name}.json"));
        let text = fs::read(&path).doing("read", &path)?;
        let mut vector: Value = serde_json::from_slice(&text)
            .map_err(|error| Error::Play(format!("{} is no JSON: {error}", path.display())))?;
        let mut body = vector["body"].take();
        dress(&mut body, contact, wamid);
        Ok(body)
    }
}

/// What the first message of a body says: its text or caption.
pub(super) fn words(body: &Value) -> String {
    let message = &body["entry"][0]["changes"][0]["value"]["messages"][0];
    let words = message["text"]["body"]
        .as_str()
        .or_else(|| message["image"]["caption"].as_str());
    words.unwrap_or_default().to_owned()
}

/// Makes the first message of a body name another picture, with the caption it has.
pub(super) fn showing(mut body: Value, picture: &Value) -> Value {
    let image = &mut body["entry"][0]["changes"][0]["value"]["messages"][0]["image"];
    for key in ["id", "mime_type", "sha256"] {
        image[key] = picture[key].clone();
    }
    body
}

/// Makes the first message of a body say something else.
pub(super) fn saying(mut body: Value, words: &str) -> Value {
    body["entry"][0]["changes"][0]["value"]["messages"][0]["text"]["body"] = json!(words);
    body
}

fn dress(body: &mut Value, contact: &Contact, wamid: &str) {
    let display: String = DISPLAY_PHONE_NUMBER
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    let now = Timestamp::now().as_second().to_string();
    for entry in list(&mut body["entry"]) {
        entry["id"] = json!(BUSINESS_ACCOUNT_ID);
        for change in list(&mut entry["changes"]) {
            let value = &mut change["value"];
            value["metadata"] =
                json!({ "display_phone_number": display, "phone_number_id": PHONE_NUMBER_ID });
            for person in list_if_any(value, "contacts") {
                person["wa_id"] = json!(contact.phone);
                person["profile"]["name"] = json!(contact.name);
            }
            for message in list_if_any(value, "messages") {
                message["from"] = json!(contact.phone);
                message["id"] = json!(wamid);
                message["timestamp"] = json!(now);
            }
            for status in list_if_any(value, "statuses") {
                status["recipient_id"] = json!(contact.phone);
                status["id"] = json!(wamid);
                status["timestamp"] = json!(now);
            }
        }
    }
}

fn list(value: &mut Value) -> impl Iterator<Item = &mut Value> {
    value.as_array_mut().into_iter().flatten()
}

/// The list under `key`, without making the key where it is absent.
fn list_if_any<'a>(value: &'a mut Value, key: &str) -> impl Iterator<Item = &'a mut Value> {
    value
        .get_mut(key)
        .and_then(Value::as_array_mut)
        .into_iter()
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dressed_vector_keeps_its_shape() {
        let vectors = Vectors::of(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")));
        let contact = Contact::new("Maria Silva");
        let body = vectors
            .body("image_with_caption", &contact, "wamid.X")
            .unwrap();
        let value = &body["entry"][0]["changes"][0]["value"];
        assert_eq!(value["metadata"]["phone_number_id"], PHONE_NUMBER_ID);
        assert_eq!(value["messages"][0]["from"], contact.phone.as_str());
        assert_eq!(value["messages"][0]["id"], "wamid.X");
        assert_eq!(value["messages"][0]["type"], "image");
        assert!(value.get("statuses").is_none());
        assert!(!words(&body).is_empty());
    }
}
