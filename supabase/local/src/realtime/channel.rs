//! One joined channel of a socket: what it asked for, who it is, and what it may.

use std::collections::{HashSet, VecDeque};
use std::time::{Duration, Instant};

use serde_json::{Map, Value};
use uuid::Uuid;

use super::hub::{Hub, Key};
use super::presence::Tracker;
use super::rights::Reads;
use super::settings::Settings;
use super::token::Claims;

/// What the payload of a join asks for. What is left out or makes no sense is the default.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Wish {
    pub(super) private: bool,
    pub(super) ack: bool,
    pub(super) hears_itself: bool,
    pub(super) replication_ready: bool,
    pub(super) replay: Option<Replay>,
    pub(super) presence: bool,
    pub(super) presence_key: Option<String>,
    pub(super) postgres_changes: Vec<Value>,
    pub(super) token: Option<String>,
}

/// Which rows are to be told again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Replay {
    /// Milliseconds since 1970.
    pub(super) since: i64,
    /// 1 to 25.
    pub(super) limit: i64,
}

const MOST_REPLAYED: i64 = 25;

impl Wish {
    /// Reads the payload of `phx_join`.
    pub(super) fn of(payload: &Value) -> Self {
        let config = &payload["config"];
        let broadcast = &config["broadcast"];
        let replay = broadcast["replay"]["since"].as_i64().map(|since| Replay {
            since,
            limit: broadcast["replay"]["limit"]
                .as_i64()
                .unwrap_or(MOST_REPLAYED)
                .clamp(1, MOST_REPLAYED),
        });
        let given = |value: &Value| {
            let text = value.as_str().unwrap_or_default();
            (!text.is_empty()).then(|| text.to_owned())
        };
        Self {
            private: is_true(&config["private"]),
            ack: is_true(&broadcast["ack"]),
            hears_itself: is_true(&broadcast["self"]),
            replication_ready: is_true(&broadcast["replication_ready"]),
            replay,
            presence: is_true(&config["presence"]["enabled"]),
            presence_key: given(&config["presence"]["key"]),
            postgres_changes: config["postgres_changes"]
                .as_array()
                .cloned()
                .unwrap_or_default(),
            token: given(&payload["access_token"]).or_else(|| given(&payload["user_token"])),
        }
    }
}

/// Booleans may be words.
fn is_true(value: &Value) -> bool {
    value.as_bool().unwrap_or(false) || value.as_str() == Some("true")
}

/// Tokens of the new kind of keys stand for the key of the socket.
pub(super) fn is_token(text: &str) -> bool {
    !text.is_empty() && !text.starts_with("sb_")
}

/// A joined channel.
#[derive(Debug)]
pub(super) struct Channel {
    pub(super) key: Key,
    pub(super) join_ref: Option<String>,
    pub(super) claims: Claims,
    pub(super) token: String,
    pub(super) reads: Reads,
    pub(super) ack: bool,
    pub(super) hears_itself: bool,
    pub(super) presence: bool,
    pub(super) tracker: Tracker,
    /// Whether broadcasts may be written, once that was asked.
    pub(super) writes_broadcast: Option<bool>,
    /// The same of presence.
    pub(super) writes_presence: Option<bool>,
    /// Rows that were replayed and are not told again.
    pub(super) replayed: HashSet<String>,
    presence_calls: VecDeque<Instant>,
}

impl Channel {
    pub(super) fn new(
        key: Key,
        join_ref: Option<String>,
        socket: u64,
        wish: &Wish,
        claims: Claims,
        token: String,
        reads: Reads,
    ) -> Self {
        Self {
            key,
            join_ref,
            claims,
            token,
            reads,
            ack: wish.ack,
            hears_itself: wish.hears_itself,
            presence: wish.presence,
            tracker: Tracker {
                socket,
                key: wish
                    .presence_key
                    .clone()
                    .unwrap_or_else(|| Uuid::new_v4().to_string()),
            },
            writes_broadcast: None,
            writes_presence: None,
            replayed: HashSet::new(),
            presence_calls: VecDeque::new(),
        }
    }

    /// Counts a change of presence; whether it is one too many.
    pub(super) fn too_many_presence_calls(&mut self, settings: &Settings) -> bool {
        let now = Instant::now();
        let window = Duration::from_millis(settings.client_presence_ms);
        self.presence_calls
            .retain(|then| now.saturating_duration_since(*then) < window);
        self.presence_calls.push_back(now);
        self.presence_calls.len() > settings.client_presence_calls
    }

    /// Tracks or forgets what a client says of itself: `{event: track | untrack, payload}`.
    pub(super) fn change_presence(&self, hub: &Hub, said: &Value) -> Result<(), PresenceRefusal> {
        let event = said["event"].as_str().unwrap_or_default().to_lowercase();
        match event.as_str() {
            "track" => {
                let payload = match said.get("payload") {
                    None | Some(Value::Null) => Map::new(),
                    Some(Value::Object(payload)) => payload.clone(),
                    Some(_) => return Err(PresenceRefusal::NoObject),
                };
                let size = said["payload"].to_string().len();
                if size > hub.settings().max_payload_bytes {
                    return Err(PresenceRefusal::TooLarge);
                }
                hub.track(&self.key, &self.tracker, payload)
                    .map_err(|_| PresenceRefusal::TooMany)
            }
            "untrack" => {
                hub.untrack(&self.key, &self.tracker);
                Ok(())
            }
            _ => Err(PresenceRefusal::NoEvent),
        }
    }
}

/// Why a change of presence was not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum PresenceRefusal {
    NoObject,
    NoEvent,
    TooLarge,
    TooMany,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_wish_is_read_leniently() {
        let wish = Wish::of(&json!({
            "config": {
                "broadcast": {"ack": "true", "self": true, "replay": {"since": 5, "limit": 100}},
                "presence": {"enabled": "false", "key": ""},
                "private": true,
            },
            "user_token": "t",
        }));
        assert!(wish.private && wish.ack && wish.hears_itself && !wish.presence);
        assert_eq!(
            wish.replay,
            Some(Replay {
                since: 5,
                limit: 25
            })
        );
        assert_eq!((wish.presence_key, wish.token), (None, Some("t".into())));
        let nothing = Wish::of(&json!("?"));
        assert!(!nothing.private && nothing.token.is_none());
        assert!(is_token("ey") && !is_token("sb_publishable_x") && !is_token(""));
    }
}
