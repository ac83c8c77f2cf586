//! What the database functions take and answer, in their words.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use uuid::Uuid;

/// What one run of items became.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Received {
    /// New rows or changes.
    pub stored: u64,
    /// Known already.
    pub duplicate: u64,
    /// Kept as dead letters.
    pub dead: u64,
    /// Jobs put into the queue.
    pub enqueued: u64,
}

impl std::ops::Add for Received {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self {
            stored: self.stored + more.stored,
            duplicate: self.duplicate + more.duplicate,
            dead: self.dead + more.dead,
            enqueued: self.enqueued + more.enqueued,
        }
    }
}

/// One job under a lease.
#[derive(Clone, Debug, Deserialize)]
pub struct ClaimedJob {
    /// `chat.jobs.id`
    pub job_id: i64,
    /// Its ordering key, for logs.
    pub lane: String,
    /// Proves that the lease is ours; a stale one changes nothing.
    pub lease_token: Uuid,
    /// How long the lease holds, from the claim.
    pub lease_seconds: f64,
    /// e.g. `whatsapp.send_message`
    pub kind: String,
    /// What the kind needs.
    pub payload: Value,
    /// Tries of this job, this one included.
    pub tries: u32,
    /// Seconds since it was first put off; 0 when it never was.
    pub held_seconds: u64,
}

/// What to send, read under the lane's lock when the attempt was recorded.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)] // the words of the send body
pub struct Attempt {
    pub message_id: Uuid,
    pub attempt: i32,
    pub phone_number_id: String,
    /// Phone digits; at least one of this and `recipient` is there.
    pub to: Option<String>,
    /// BSUID.
    pub recipient: Option<String>,
    /// What the message is.
    pub kind: String,
    pub content: Option<String>,
    /// What is sent stands under the name of the kind.
    pub metadata: Value,
    pub file_name: Option<String>,
    /// The row's file, where it has one.
    pub file: Option<StoredFile>,
    pub reply_to_wamid: Option<String>,
    /// `<message>:<attempt>`, echoed by Meta on every status.
    pub callback: String,
    pub graph_version: Option<String>,
    pub account_id: Uuid,
    pub site_id: Uuid,
}

/// A file of a message.
#[derive(Clone, Debug, Deserialize)]
pub struct StoredFile {
    /// Its path in our bucket, `chat/<site>/<uuid>_<name>`, or an address elsewhere.
    pub path: String,
    /// Under which Meta has it still.
    pub media_id: Option<String>,
    /// What its sender called it.
    pub name: Option<String>,
    /// Its type, as the row has it.
    pub mime: Option<String>,
    /// Its size in bytes, as the row has it.
    pub size: Option<i64>,
}

/// The answer of `chat_begin_attempt`.
#[derive(Clone, Debug)]
pub enum Begun {
    /// The attempt is recorded: call Graph now.
    Go(Box<Attempt>),
    /// The database settled the job itself (stale lease, message gone, window closed, …).
    No {
        /// stale, gone, unknown, failed
        state: String,
        /// For the log.
        why: Option<String>,
    },
}

/// The file of a received message that is to be brought, as `chat_begin_media` gives it.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct MediaFacts {
    pub message_id: Uuid,
    pub site_id: Uuid,
    /// image, video, audio, voice, document, sticker
    pub kind: String,
    pub media_id: String,
    pub sha256: Option<String>,
    pub mime: Option<String>,
    /// What the person called it.
    pub name: Option<String>,
    /// Of its path in the bucket.
    pub folder: String,
    pub phone_number_id: String,
    pub account_id: Uuid,
    pub graph_version: Option<String>,
}

/// The answer of `chat_begin_media`.
#[derive(Clone, Debug)]
pub enum MediaBegun {
    /// Bring this.
    Go(Box<MediaFacts>),
    /// There is nothing to bring, or not now.
    No {
        /// gone, not_connected
        state: String,
        /// For the log.
        why: String,
    },
}

/// A file that is to leave Storage.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct DoomedFile {
    pub id: i64,
    pub path: String,
}

/// How an attempt ended, as `chat_finish_attempt` takes it.
#[derive(Clone, Debug, Serialize, PartialEq)]
#[serde(tag = "is", rename_all = "snake_case")]
#[allow(missing_docs)] // Graph's words
pub enum AttemptOutcome {
    Accepted {
        wamid: String,
        wa_id: Option<String>,
        http: u16,
    },
    Retry {
        after_seconds: u64,
        code: Option<i64>,
        title: String,
        details: Option<String>,
        http: Option<u16>,
        /// The token, when it is that what Graph does not accept.
        #[serde(skip_serializing_if = "Option::is_none")]
        token: Option<RefusedToken>,
        /// What whoever runs the number can do, when it is the number itself that Graph refuses.
        #[serde(skip_serializing_if = "Option::is_none")]
        stops: Option<&'static str>,
    },
    Failed {
        code: Option<i64>,
        title: String,
        details: Option<String>,
        advice: Option<String>,
        http: Option<u16>,
        closes_window: bool,
    },
    Unknown {
        details: String,
    },
}

/// How a reaction ended, as `chat_finish_reaction` takes it.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(tag = "is", rename_all = "snake_case")]
#[allow(missing_docs)] // Graph's words
pub enum ReactionOutcome {
    Done,
    Retry {
        after_seconds: u64,
        why: String,
    },
    Failed {
        code: Option<i64>,
        title: String,
        details: Option<String>,
        advice: Option<String>,
    },
}

/// A token that Graph does not accept.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
pub struct RefusedToken {
    /// `chat.whatsapp_accounts.id`
    pub account: Uuid,
    /// Which of its tokens it was.
    pub mark: String,
}

/// How a job without attempts ended, as `chat_finish_job` takes it.
#[derive(Clone, Debug, Serialize, PartialEq, Eq)]
#[serde(tag = "is", rename_all = "snake_case")]
#[allow(missing_docs)]
pub enum JobOutcome {
    Done,
    Retry { after_seconds: u64, why: String },
    Dead { why: String },
}

/// What one tick moved: how many of each, in the words of `chat_tick`.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Eq)]
pub struct Ticked(pub BTreeMap<String, u64>);

impl Ticked {
    /// Whether it moved anything; there may be jobs then.
    pub fn anything(&self) -> bool {
        self.0.values().any(|&count| count > 0)
    }
}

/// What the database made of one app, account and number of the configuration.
#[derive(Clone, Copy, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct Registered {
    pub app: Uuid,
    pub account: Option<Uuid>,
    pub number: Option<Uuid>,
    #[serde(default)]
    pub confirmed: bool,
}

/// What the configuration says of one app and, when it has them, account and number.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub struct Registration<'a> {
    pub app_name: &'a str,
    pub site_id: Option<Uuid>,
    pub waba_id: Option<&'a str>,
    pub phone_number_id: Option<&'a str>,
    pub graph_version: &'a str,
    pub app_id: Option<&'a str>,
}

/// A pass over an account's templates.
#[derive(Clone, Debug, Deserialize)]
pub struct TemplatePass {
    /// Its id; none when the account is gone.
    pub pass: Option<Uuid>,
    /// Graph's cursor to go on after; none at the beginning.
    pub after: Option<String>,
}

/// Whether a number is now the site's.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct Confirmed {
    pub confirmed: bool,
    pub why: Option<String>,
}

/// What `/metrics` and `worker check` ask for.
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct Facts {
    pub role: String,
    pub now: String,
    /// The release whose migration the database has had.
    pub version: Option<String>,
    /// The release of the extension's library.
    pub library_version: Option<String>,
    /// Waiting jobs by class.
    #[serde(default)]
    pub jobs: BTreeMap<String, i64>,
    pub oldest_job_seconds: Option<f64>,
    #[serde(default)]
    pub dead_jobs: i64,
    #[serde(default)]
    pub dead_letters: i64,
    #[serde(default)]
    pub unknown_messages: i64,
    #[serde(default)]
    pub broadcast_failures: i64,
    #[serde(default)]
    pub numbers: Vec<NumberFact>,
}

/// One number of [`Facts`].
#[derive(Clone, Debug, Deserialize)]
#[allow(missing_docs)]
pub struct NumberFact {
    pub phone_number_id: String,
    pub confirmed: bool,
}

/// Which role we are to the database and what it may not do.
#[derive(Clone, Debug, Deserialize)]
pub struct Rights {
    /// Its name.
    pub role: String,
    /// Whether policies bind it, as they should.
    pub bound: bool,
    /// Functions that are not there.
    pub missing: Vec<String>,
    /// Functions that it may not call.
    pub refused: Vec<String>,
}
