//! Who listens to what: topics, their subscribers and who is present, and the counts that
//! limits are about. Two topics of one name, a private and a public one, are two.

use std::collections::HashMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use serde_json::{Map, Value};
use tokio::sync::{mpsc, watch};

use super::frame::Broadcast;
use super::presence::{Presence, Tracker};
use super::rate::Rate;
use super::settings::{Faults, Settings};

/// A topic without `realtime:`, and which of the two it is.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) private: bool,
    pub(super) topic: String,
}

/// What a socket's task is told.
#[derive(Clone, Debug)]
pub(super) enum ToSocket {
    Broadcast(Arc<Broadcast>),
    /// A change of presence on a topic: the payload of `presence_diff`.
    Presence {
        topic: String,
        diff: Value,
    },
    /// To the channel that was joined with this reference.
    Channel {
        topic: String,
        join_ref: Option<String>,
        what: ToChannel,
    },
    /// To every channel, or those of one topic.
    Channels {
        topic: Option<String>,
        what: ToChannel,
    },
    /// A reply that had to wait.
    Refusal {
        topic: String,
        join_ref: Option<String>,
        reference: Option<String>,
        reason: String,
        closes_socket: bool,
    },
    /// End now: with a close frame of this code, or without a word.
    End {
        code: Option<u16>,
    },
}

/// What a channel is told.
#[derive(Clone, Debug)]
pub(super) enum ToChannel {
    /// The stream from the database runs.
    ReplicationReady,
    /// A system error with this text, and the end.
    ShutDown(String),
    Crash,
    ExpireToken,
}

/// Where a socket's task listens.
pub(super) type Outbox = mpsc::UnboundedSender<ToSocket>;

/// A channel that listens to a topic.
#[derive(Debug)]
pub(super) struct Subscriber {
    pub(super) socket: u64,
    pub(super) hears_broadcast: bool,
    pub(super) hears_presence: bool,
    pub(super) outbox: Outbox,
}

#[derive(Debug, Default)]
struct Topic {
    subscribers: Vec<Subscriber>,
    presence: Presence,
}

struct State {
    next_socket: u64,
    sockets: HashMap<u64, Outbox>,
    topics: HashMap<Key, Topic>,
    events: Rate,
    joins: Rate,
    presence_events: Rate,
    settings: Settings,
    faults: Faults,
}

/// What all sockets share.
pub(super) struct Hub {
    state: Mutex<State>,
    /// Whether rows of the database stream in.
    pub(super) streaming: watch::Sender<bool>,
    /// Counts how often that stream began.
    pub(super) streams: AtomicU64,
    /// Counts the wishes for that stream; a change wakes it.
    pub(super) wanted: watch::Sender<u64>,
    /// Counts the orders to end it.
    pub(super) stops: watch::Sender<u64>,
}

/// Why nothing was published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct TooMuch;

impl Hub {
    pub(super) fn new(settings: Settings) -> Self {
        let now = Instant::now();
        Self {
            state: Mutex::new(State {
                next_socket: 0,
                sockets: HashMap::new(),
                topics: HashMap::new(),
                events: Rate::new(now),
                joins: Rate::new(now),
                presence_events: Rate::new(now),
                settings,
                faults: Faults::default(),
            }),
            streaming: watch::Sender::new(false),
            streams: AtomicU64::new(0),
            wanted: watch::Sender::new(0),
            stops: watch::Sender::new(0),
        }
    }

    /// The state is whole between two statements, so a panic elsewhere leaves it usable.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn settings(&self) -> Settings {
        self.state().settings.clone()
    }

    pub(super) fn faults(&self) -> Faults {
        self.state().faults.clone()
    }

    /// Other settings and faults from now on; what was counted under the old ones is forgotten.
    pub(super) fn set(&self, settings: Settings, faults: Faults) {
        let now = Instant::now();
        let mut state = self.state();
        (state.events, state.joins, state.presence_events) =
            (Rate::new(now), Rate::new(now), Rate::new(now));
        (state.settings, state.faults) = (settings, faults);
    }

    /// How many sockets are open.
    pub(super) fn sockets(&self) -> usize {
        self.state().sockets.len()
    }

    /// How many channels are joined.
    pub(super) fn channels(&self) -> usize {
        let state = self.state();
        state.topics.values().map(|t| t.subscribers.len()).sum()
    }

    /// A new socket's number; nothing when there are too many.
    pub(super) fn connect(&self, outbox: Outbox) -> Option<u64> {
        let mut state = self.state();
        if state.sockets.len() >= state.settings.max_concurrent_users {
            return None;
        }
        state.next_socket += 1;
        let socket = state.next_socket;
        state.sockets.insert(socket, outbox);
        Some(socket)
    }

    /// Whether one more would be too many.
    pub(super) fn is_full(&self) -> bool {
        let state = self.state();
        state.sockets.len() >= state.settings.max_concurrent_users
    }

    /// Forgets a socket, whose channels have left.
    pub(super) fn disconnect(&self, socket: u64) {
        self.state().sockets.remove(&socket);
    }

    /// Tells every socket.
    pub(super) fn tell_all(&self, message: &ToSocket) {
        for outbox in self.state().sockets.values() {
            tell(outbox, message.clone());
        }
    }

    /// Counts a join; an error when it is one too many.
    pub(super) fn count_join(&self) -> Result<(), TooMuch> {
        let now = Instant::now();
        let mut state = self.state();
        state.joins.add(now, 1);
        let limit = state.settings.max_joins_per_second;
        if state.joins.exceeds(now, limit) {
            return Err(TooMuch);
        }
        Ok(())
    }

    /// Has a channel listen.
    pub(super) fn subscribe(&self, key: &Key, subscriber: Subscriber) {
        let mut state = self.state();
        let topic = state.topics.entry(key.clone()).or_default();
        topic.subscribers.push(subscriber);
        drop(state);
        self.wanted.send_modify(|count| *count += 1);
    }

    /// What a channel hears changed with its token.
    pub(super) fn set_hearing(&self, key: &Key, socket: u64, broadcast: bool, presence: bool) {
        let mut state = self.state();
        let topic = state.topics.get_mut(key);
        for one in topic.into_iter().flat_map(|topic| &mut topic.subscribers) {
            if one.socket == socket {
                (one.hears_broadcast, one.hears_presence) = (broadcast, presence);
            }
        }
    }

    /// A channel listens no more, and is not there any more.
    pub(super) fn unsubscribe(&self, key: &Key, by: &Tracker) {
        self.untrack(key, by);
        let mut state = self.state();
        if let Some(topic) = state.topics.get_mut(key) {
            topic.subscribers.retain(|one| one.socket != by.socket);
            if topic.subscribers.is_empty() {
                state.topics.remove(key);
            }
        }
    }

    /// Sends a broadcast to who listens, but for the socket it comes from.
    pub(super) fn publish(
        &self,
        key: &Key,
        broadcast: Broadcast,
        but: Option<u64>,
    ) -> Result<(), TooMuch> {
        let now = Instant::now();
        let mut state = self.state();
        let limit = state.settings.max_events_per_second;
        if state.events.exceeds(now, limit) {
            return Err(TooMuch);
        }
        let broadcast = Arc::new(broadcast);
        let mut delivered = 0;
        if let Some(topic) = state.topics.get(key) {
            for one in &topic.subscribers {
                if one.hears_broadcast && Some(one.socket) != but {
                    tell(&one.outbox, ToSocket::Broadcast(Arc::clone(&broadcast)));
                    delivered += 1;
                }
            }
        }
        state.events.add(now, 1 + delivered);
        Ok(())
    }

    /// Shuts the channels of a topic down.
    pub(super) fn shut_down(&self, key: &Key, why: &str) {
        let state = self.state();
        for one in state
            .topics
            .get(key)
            .into_iter()
            .flat_map(|t| &t.subscribers)
        {
            let what = ToChannel::ShutDown(why.to_owned());
            let topic = Some(key.topic.clone());
            tell(&one.outbox, ToSocket::Channels { topic, what });
        }
    }

    /// Who is there, as `presence_state` says it.
    pub(super) fn present(&self, key: &Key) -> Value {
        let state = self.state();
        let topic = state.topics.get(key);
        topic.map_or_else(|| Map::new().into(), |topic| topic.presence.state())
    }

    /// Tracks somebody and tells who listens.
    pub(super) fn track(
        &self,
        key: &Key,
        by: &Tracker,
        payload: Map<String, Value>,
    ) -> Result<(), TooMuch> {
        let now = Instant::now();
        let mut state = self.state();
        state.presence_events.add(now, 1);
        let limit = state.settings.max_presence_events_per_second;
        if state.presence_events.exceeds(now, limit) {
            return Err(TooMuch);
        }
        let topic = state.topics.entry(key.clone()).or_default();
        if let Some(diff) = topic.presence.track(by, payload) {
            topic.tell_presence(key, &diff);
        }
        Ok(())
    }

    /// Forgets somebody and tells who listens.
    pub(super) fn untrack(&self, key: &Key, by: &Tracker) {
        let mut state = self.state();
        if let Some(topic) = state.topics.get_mut(key)
            && let Some(diff) = topic.presence.untrack(by)
        {
            topic.tell_presence(key, &diff);
        }
    }
}

impl Topic {
    fn tell_presence(&self, key: &Key, diff: &Value) {
        for one in self.subscribers.iter().filter(|one| one.hears_presence) {
            tell(
                &one.outbox,
                ToSocket::Presence {
                    topic: key.topic.clone(),
                    diff: diff.clone(),
                },
            );
        }
    }
}

/// A socket that has just ended hears nothing any more, and that is all right.
pub(super) fn tell(outbox: &Outbox, message: ToSocket) {
    drop(outbox.send(message));
}
