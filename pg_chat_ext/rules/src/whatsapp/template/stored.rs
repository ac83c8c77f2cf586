//! A template's components as Graph gave them and we keep them, read into what matters for sending.

use serde_json::Value;

use crate::whatsapp::fields::{flag, list, word};

/// A template as far as it is filled and shown.
pub(super) struct Stored<'a> {
    pub header: Option<Header<'a>>,
    pub body: &'a str,
    pub body_examples: Vec<(Option<&'a str>, String)>,
    pub footer: Option<&'a str>,
    pub buttons: Vec<Button<'a>>,
    /// The cards of a carousel, each like a template of its own.
    pub cards: Vec<Stored<'a>>,
    /// What an offer says, and whether it has an end.
    pub offer: Option<(&'a str, bool)>,
    /// A part that nobody can fill from here, as it is called.
    pub beyond: Option<String>,
    /// Its places have names instead of numbers.
    pub named: bool,
}

pub(super) enum Header<'a> {
    Text {
        text: &'a str,
        example: Option<String>,
    },
    /// `image`, `video` or `document`.
    Media(&'static str),
    Location,
}

pub(super) struct Button<'a> {
    pub does: Does,
    pub text: &'a str,
    pub url: Option<&'a str>,
    pub example: Option<String>,
}

/// What a button wants when it is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Does {
    /// Nothing: a phone call, a fixed address.
    Nothing,
    /// May name the product whose picture it shows.
    Catalog,
    /// The products that it lists.
    Products,
    /// The end of its address.
    Url,
    /// The code of the body once more.
    Otp,
    /// May carry a word that comes back with the tap.
    QuickReply,
    /// A coupon's code.
    CopyCode,
    /// A flow's token and data; has to be there, may be empty.
    Flow,
}

/// The places a text has, in their order: `1`, `2` … or names. Each once.
pub(super) fn places(text: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    for part in text.split("{{").skip(1) {
        let Some((name, _)) = part.split_once("}}") else {
            continue;
        };
        let name = name.trim();
        let is_name = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if is_name && !found.contains(&name) {
            found.push(name);
        }
    }
    if let Ok(mut numbers) = found
        .iter()
        .map(|name| name.parse::<u32>().map(|number| (number, *name)))
        .collect::<Result<Vec<_>, _>>()
    {
        numbers.sort_unstable();
        found = numbers.into_iter().map(|(_, name)| name).collect();
    }
    found
}

/// A text with its places filled; what `value` does not know stays as it is.
pub(super) fn fill(text: &str, value: impl Fn(&str) -> Option<String>) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("{{") {
        filled.push_str(before);
        let known = after
            .split_once("}}")
            .and_then(|(name, end)| Some((value(name.trim())?, end)));
        match known {
            Some((value, end)) => {
                filled.push_str(&value);
                rest = end;
            }
            None => {
                filled.push_str("{{");
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

impl<'a> Stored<'a> {
    /// `format`: Graph's `parameter_format`; where it is not known, the places themselves say it.
    pub fn read(components: &'a Value, format: Option<&str>) -> Self {
        let mut stored = Self {
            header: None,
            body: "",
            body_examples: Vec::new(),
            footer: None,
            buttons: Vec::new(),
            cards: Vec::new(),
            offer: None,
            beyond: None,
            named: false,
        };
        for component in components.as_array().into_iter().flatten() {
            let text = component["text"].as_str();
            match word(component, "type")
                .unwrap_or_default()
                .to_uppercase()
                .as_str()
            {
                "HEADER" => stored.header(component),
                "BODY" => {
                    stored.body = text.unwrap_or_default();
                    stored.body_examples = body_examples(component, stored.body);
                }
                "FOOTER" => stored.footer = text,
                "BUTTONS" => stored.buttons(component),
                "CAROUSEL" => stored.cards(component, format),
                "LIMITED_TIME_OFFER" => {
                    let offer = &component["limited_time_offer"];
                    let says = offer["text"].as_str().unwrap_or_default();
                    stored.offer = Some((says, flag(offer, "has_expiration")));
                }
                other => stored.beyond = Some(in_words(other)),
            }
        }
        let header = match &stored.header {
            Some(Header::Text { text, .. }) => text,
            _ => "",
        };
        stored.named = match format.map(str::to_uppercase).as_deref() {
            Some("NAMED") => true,
            Some("POSITIONAL") => false,
            _ => [stored.body, header]
                .into_iter()
                .flat_map(places)
                .any(|name| name.parse::<u32>().is_err()),
        };
        stored
    }

    fn cards(&mut self, component: &'a Value, format: Option<&str>) {
        for card in list(component, "cards") {
            let mut read = Self::read(&card["components"], format);
            if !read.cards.is_empty() {
                read.beyond = Some("carousel in a card".to_owned());
            }
            if let Some(beyond) = read.beyond.take() {
                self.beyond = Some(beyond);
            }
            read.cards = Vec::new();
            self.cards.push(read);
        }
        if self.cards.is_empty() {
            self.beyond = Some("carousel without cards".to_owned());
        }
    }

    fn header(&mut self, component: &'a Value) {
        let format = word(component, "format").unwrap_or_else(|| "TEXT".to_owned());
        self.header = match format.to_uppercase().as_str() {
            "TEXT" => Some(Header::Text {
                text: component["text"].as_str().unwrap_or_default(),
                example: header_example(component),
            }),
            "IMAGE" => Some(Header::Media("image")),
            "VIDEO" => Some(Header::Media("video")),
            "DOCUMENT" => Some(Header::Media("document")),
            "LOCATION" => Some(Header::Location),
            other => {
                self.beyond = Some(format!("{} header", in_words(other)));
                None
            }
        };
    }

    fn buttons(&mut self, component: &'a Value) {
        for button in list(component, "buttons") {
            let url = button["url"].as_str();
            let kind = word(button, "type").unwrap_or_default().to_uppercase();
            let does = match kind.as_str() {
                "URL" if url.is_some_and(|url| url.contains("/otp/code")) => Does::Otp,
                "URL" if url.is_some_and(|url| !places(url).is_empty()) => Does::Url,
                "URL" | "PHONE_NUMBER" | "VOICE_CALL" | "CALL_PERMISSION_REQUEST" => Does::Nothing,
                "CATALOG" => Does::Catalog,
                "MPM" => Does::Products,
                "QUICK_REPLY" => Does::QuickReply,
                "COPY_CODE" => Does::CopyCode,
                "FLOW" => Does::Flow,
                "OTP" => Does::Otp,
                other => {
                    self.beyond = Some(format!("{} button", in_words(other)));
                    Does::Nothing
                }
            };
            let example = match &button["example"] {
                Value::Array(examples) => examples.first().and_then(Value::as_str),
                example => example.as_str(),
            };
            self.buttons.push(Button {
                does,
                text: button["text"].as_str().unwrap_or_default(),
                url,
                example: example.map(str::to_owned),
            });
        }
    }
}

fn in_words(word: &str) -> String {
    word.to_lowercase().replace('_', " ")
}

/// What Meta was shown when the template was handed in, by name or, without one, in order.
fn body_examples<'a>(component: &'a Value, body: &'a str) -> Vec<(Option<&'a str>, String)> {
    let example = &component["example"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let named = list(example, "body_text_named_params");
    if !named.is_empty() {
        return named
            .iter()
            .map(|one| (one["param_name"].as_str(), text(&one["example"])))
            .collect();
    }
    let rows = list(example, "body_text");
    // Graph writes a list of rows; some partners a single row.
    let row = match rows.first() {
        Some(Value::Array(first)) => first.as_slice(),
        _ => rows,
    };
    places(body)
        .into_iter()
        .zip(row)
        .map(|(place, value)| (Some(place), text(value)))
        .collect()
}

fn header_example(component: &Value) -> Option<String> {
    let example = &component["example"];
    let named = list(example, "header_text_named_params")
        .first()
        .and_then(|one| one["example"].as_str());
    let plain = match &example["header_text"] {
        Value::Array(texts) => texts.first().and_then(Value::as_str),
        text => text.as_str(),
    };
    named.or(plain).map(str::to_owned)
}
