//! What a simulator is started with: apps, tokens, numbers and templates.

use std::fmt;
use std::net::{Ipv4Addr, SocketAddr};

use serde_json::{Value, json};

use super::{Delivery, Limits};

/// A token or an app secret. Neither Debug nor any answer shows it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The value itself, for comparing and signing.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<&str> for Secret {
    fn from(value: &str) -> Self {
        Self(value.to_owned())
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Everything that is fixed or preset when the simulator starts.
#[derive(Debug, Clone)]
pub struct Config {
    /// Where to listen; port 0 takes a free one.
    pub address: SocketAddr,
    /// Apps that can subscribe to accounts, each with its own secret and callback.
    pub apps: Vec<App>,
    /// Access tokens that are known.
    pub tokens: Vec<Token>,
    /// Business numbers. Their accounts exist by being named here, and every app
    /// is subscribed to every account until `DELETE …/subscribed_apps`.
    pub numbers: Vec<Number>,
    /// Templates that exist; while empty, any name is accepted.
    pub templates: Vec<Template>,
    /// How status webhooks leave.
    pub delivery: Delivery,
    /// Rate limits; off unless set.
    pub limits: Limits,
    /// Fixes wamids and shuffles. `None` takes one from the system: right for a
    /// database that is kept, where the same wamids must not come again.
    pub seed: Option<u64>,
    /// Takes phones and messages it never heard of for known: their window is open
    /// and their messages can be marked read. For tests that post webhooks to the
    /// worker themselves; Meta knows better, so it is off.
    pub assume_known: bool,
}

impl Config {
    /// One app, one token and one number on a free port of the loopback.
    pub fn new(app: App, token: Token, number: Number) -> Self {
        Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            apps: vec![app],
            tokens: vec![token],
            numbers: vec![number],
            templates: Vec::new(),
            delivery: Delivery::default(),
            limits: Limits::default(),
            seed: None,
            assume_known: false,
        }
    }
}

/// A Meta app: who gets the webhooks and what they are signed with.
#[derive(Debug, Clone)]
pub struct App {
    /// Meta's id of the app.
    pub app_id: String,
    /// Key of `X-Hub-Signature-256`.
    pub app_secret: Secret,
    /// The callback, such as `http://127.0.0.1:55321/webhooks/whatsapp`.
    pub webhook_url: String,
}

/// An access token and what it opens.
#[derive(Debug, Clone)]
pub struct Token {
    /// The bearer token.
    pub token: Secret,
    /// The app it was made for.
    pub app_id: String,
    /// Accounts it may see; empty means all.
    pub waba_ids: Vec<String>,
    /// Answers as an expired session does (190, subcode 463).
    pub expired: bool,
}

impl Token {
    /// A valid token of `app_id` for every account.
    pub fn new(token: impl Into<Secret>, app_id: impl Into<String>) -> Self {
        Self {
            token: token.into(),
            app_id: app_id.into(),
            waba_ids: Vec::new(),
            expired: false,
        }
    }
}

/// A business number, with what Graph says about it.
#[derive(Debug, Clone)]
pub struct Number {
    /// Graph's id of the number.
    pub phone_number_id: String,
    /// The WhatsApp Business Account it belongs to.
    pub waba_id: String,
    /// As people read it, such as `+1 555-010-0001`.
    pub display_phone_number: String,
    /// The name that phones show.
    pub verified_name: String,
    /// GREEN, YELLOW, RED or UNKNOWN.
    pub quality_rating: String,
    /// For a test number: the only phones it may write to. `None` for a live one.
    pub allowed_recipients: Option<Vec<String>>,
}

impl Number {
    /// A live number in good standing.
    pub fn new(phone_number_id: &str, waba_id: &str, display_phone_number: &str) -> Self {
        Self {
            phone_number_id: phone_number_id.to_owned(),
            waba_id: waba_id.to_owned(),
            display_phone_number: display_phone_number.to_owned(),
            verified_name: "Jasper's Market".to_owned(),
            quality_rating: "GREEN".to_owned(),
            allowed_recipients: None,
        }
    }

    /// The digits of the number, as webhooks and `to` write it.
    pub fn digits(&self) -> String {
        self.display_phone_number
            .chars()
            .filter(char::is_ascii_digit)
            .collect()
    }
}

/// A message template of every account.
#[derive(Debug, Clone)]
pub struct Template {
    /// Its name.
    pub name: String,
    /// Its language code, such as `en_US`.
    pub language: String,
    /// marketing, utility or authentication.
    pub category: String,
    /// Whether it may be sent.
    pub status: TemplateStatus,
    /// Its parts as `message_templates` shows them; what is sent has to fit them.
    pub components: Vec<Value>,
    /// Placeholders have names, and each parameter must say which it fills.
    pub named: bool,
}

impl Template {
    /// An approved one for utilities, in English, with a body and nothing more.
    pub fn new(name: &str, body: &str) -> Self {
        Self {
            name: name.to_owned(),
            language: "en_US".to_owned(),
            category: "utility".to_owned(),
            status: TemplateStatus::Approved,
            components: vec![json!({"type": "BODY", "text": body})],
            named: false,
        }
    }
}

/// What Meta thinks of a template.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TemplateStatus {
    /// Sent at once.
    Approved,
    /// Accepted and held back until its quality is known.
    HeldForQualityAssessment,
    /// Refused with 132015.
    Paused,
    /// Refused with 132016.
    Disabled,
    /// Refused with 132001.
    Rejected,
}

impl TemplateStatus {
    /// As `message_templates` shows it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Approved | Self::HeldForQualityAssessment => "APPROVED",
            Self::Paused => "PAUSED",
            Self::Disabled => "DISABLED",
            Self::Rejected => "REJECTED",
        }
    }
}
