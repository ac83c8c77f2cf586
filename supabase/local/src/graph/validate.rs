//! Reads the body of `POST /{version}/{phone_number_id}/messages` and refuses what
//! Meta refuses at once. Lengths are Meta's published limits, in characters.

use serde_json::{Map, Value};

use super::{Refusal, content, template};

/// A body that passed.
#[derive(Debug, Clone)]
pub(super) enum Request {
    /// `status: "read"`, with or without a typing indicator.
    MarkRead {
        /// The inbound message that was read.
        wamid: String,
        /// The phone shall show that somebody types.
        typing: bool,
    },
    /// A message.
    Send(Box<Outgoing>),
}

/// A message on its way to a phone.
#[derive(Debug, Clone)]
pub(super) struct Outgoing {
    pub to: Address,
    /// As the caller wrote the recipient; echoed as `contacts[].input`.
    pub input: String,
    /// Meta's `type`.
    pub kind: String,
    /// What a phone would show, in one text.
    pub shown: String,
    /// `context.message_id`: the message it answers.
    pub quoted: Option<String>,
    /// `biz_opaque_callback_data`, echoed on each of its statuses.
    pub callback: Option<String>,
    /// An audio recorded as a voice note, which can be `played`.
    pub voice: bool,
    /// Name and language, when it is a template.
    pub template: Option<(String, String)>,
    /// The body as it came.
    pub body: Value,
}

/// Whom a message is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// Digits of a phone number.
    Phone(String),
    /// A business-scoped user id.
    User(String),
    /// A group id.
    Group(String),
}

impl Address {
    /// The id without its kind.
    pub(super) fn id(&self) -> &str {
        let (Self::Phone(id) | Self::User(id) | Self::Group(id)) = self;
        id
    }
}

/// Parses and checks a body.
pub(super) fn request(bytes: &[u8]) -> Result<Request, Refusal> {
    let needs_product = || Refusal::parameter("The parameter messaging_product is required.");
    let body: Value = serde_json::from_slice(bytes).map_err(|_| needs_product())?;
    match body.get("messaging_product").and_then(Value::as_str) {
        Some("whatsapp") => {}
        Some(_) => {
            return Err(Refusal::parameter(
                "Param messaging_product must be one of {WHATSAPP}.",
            ));
        }
        None => return Err(needs_product()),
    }
    if body.get("status").is_some() {
        return mark_read(&body);
    }
    let (to, input) = recipient(&body)?;
    let kind = match body.get("type") {
        None => "text",
        Some(kind) => kind
            .as_str()
            .ok_or_else(|| Refusal::invalid("type must be a string."))?,
    };
    let (shown, voice, template) = match kind {
        "template" => {
            let template = template::read(object(&body, kind)?)?;
            (
                template.shown,
                false,
                Some((template.name, template.language)),
            )
        }
        _ => (
            content::read(&body, kind)?,
            body["audio"]["voice"] == true,
            None,
        ),
    };
    let callback = optional(&body, "biz_opaque_callback_data", 512)?;
    let quoted = match body.get("context") {
        None => None,
        Some(context) => Some(required(context, "context", "message_id", 512)?.to_owned()),
    };
    let kind = kind.to_owned();
    let outgoing = Outgoing {
        to,
        input,
        kind,
        shown,
        quoted,
        callback,
        voice,
        template,
        body,
    };
    Ok(Request::Send(Box::new(outgoing)))
}

fn mark_read(body: &Value) -> Result<Request, Refusal> {
    if body["status"] != "read" {
        return Err(Refusal::parameter("Param status must be one of {READ}."));
    }
    let wamid = body
        .get("message_id")
        .and_then(Value::as_str)
        .ok_or_else(|| Refusal::missing("message_id"))?;
    let typing = match body.get("typing_indicator") {
        None => false,
        Some(indicator) if indicator["type"] == "text" => true,
        Some(_) => return Err(Refusal::invalid("typing_indicator[\"type\"] must be text.")),
    };
    Ok(Request::MarkRead {
        wamid: wamid.to_owned(),
        typing,
    })
}

/// The recipient; `to` wins over `recipient` when both are there.
fn recipient(body: &Value) -> Result<(Address, String), Refusal> {
    let group = match body.get("recipient_type").and_then(Value::as_str) {
        None | Some("individual") => false,
        Some("group") => true,
        Some(_) => {
            return Err(Refusal::parameter(
                "Param recipient_type must be one of {GROUP, INDIVIDUAL}.",
            ));
        }
    };
    if let Some(to) = body.get("to").and_then(Value::as_str) {
        let address = if group {
            Address::Group(to.to_owned())
        } else {
            phone(to)?
        };
        return Ok((address, to.to_owned()));
    }
    let Some(user) = body.get("recipient").and_then(Value::as_str) else {
        return Err(Refusal::parameter("The parameter to is required."));
    };
    if !is_user_id(user) {
        return Err(Refusal::invalid(
            "The recipient is not a business-scoped user ID.",
        ));
    }
    Ok((Address::User(user.to_owned()), user.to_owned()))
}

fn phone(input: &str) -> Result<Address, Refusal> {
    let digits: String = input.chars().filter(char::is_ascii_digit).collect();
    let spelled = input
        .chars()
        .all(|c| c.is_ascii_digit() || "+-() ".contains(c));
    if !spelled || !(5..=20).contains(&digits.len()) {
        return Err(Refusal::invalid(
            "The recipient's phone number is not valid.",
        ));
    }
    Ok(Address::Phone(digits))
}

/// `CC.<up to 128 letters and digits>`, or `CC.ENT.<…>` for a parent id.
pub(super) fn is_user_id(id: &str) -> bool {
    let Some((country, rest)) = id.split_once('.') else {
        return false;
    };
    let key = rest.strip_prefix("ENT.").unwrap_or(rest);
    country.len() == 2
        && country.bytes().all(|b| b.is_ascii_uppercase())
        && (1..=128).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// The object under `name`, which must be there and be an object.
pub(super) fn object<'a>(parent: &'a Value, name: &str) -> Result<&'a Value, Refusal> {
    match parent.get(name) {
        Some(value) if value.is_object() => Ok(value),
        Some(_) => Err(Refusal::parameter(&format!(
            "Param {name} must be a JSON object."
        ))),
        None => Err(Refusal::missing(name)),
    }
}

/// The string `key` of `parent` (called `name` in complaints), at most `most` characters.
pub(super) fn required<'a>(
    parent: &'a Value,
    name: &str,
    key: &str,
    most: usize,
) -> Result<&'a str, Refusal> {
    let full = format!("{name}[\"{key}\"]");
    let text = parent.get(key).ok_or_else(|| Refusal::missing(&full))?;
    let text = text
        .as_str()
        .ok_or_else(|| Refusal::invalid(format!("{full} must be a string.")))?;
    at_most(text, &format!("{name}['{key}']"), most)?;
    Ok(text)
}

/// Like [`required`] for a string that may be absent.
pub(super) fn optional(parent: &Value, key: &str, most: usize) -> Result<Option<String>, Refusal> {
    let Some(value) = parent.get(key) else {
        return Ok(None);
    };
    let text = value
        .as_str()
        .ok_or_else(|| Refusal::invalid(format!("{key} must be a string.")))?;
    at_most(text, key, most)?;
    Ok(Some(text.to_owned()))
}

fn at_most(text: &str, name: &str, most: usize) -> Result<(), Refusal> {
    if text.chars().count() > most {
        let complaint = format!("Param {name} must be at most {most} characters long.");
        return Err(Refusal::parameter(&complaint));
    }
    Ok(())
}

/// The fields of an object, or none.
pub(super) fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}
