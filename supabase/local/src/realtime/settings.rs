//! Limits and waits of the real server, with the defaults of a self-hosted one, and the
//! faults that can be switched on. Tests change both while it runs.

use serde::{Deserialize, Serialize};

/// Limits and waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// Sockets at once.
    pub max_concurrent_users: usize,
    /// Messages a second, one for each published and one for each delivered, over a minute.
    pub max_events_per_second: u64,
    /// Joins a second, over a minute.
    pub max_joins_per_second: u64,
    /// Channels of one socket.
    pub max_channels_per_client: usize,
    /// Bytes of one broadcast's payload.
    pub max_payload_bytes: usize,
    /// Changes of presence a second, over a minute.
    pub max_presence_events_per_second: u64,
    /// Changes of presence by one channel within `client_presence_ms`.
    pub client_presence_calls: usize,
    /// The time in which they count.
    pub client_presence_ms: u64,
    /// How long a refused socket waits for its refusal.
    pub connect_error_delay_ms: u64,
    /// How long a refused join waits for its refusal.
    pub join_error_delay_ms: u64,
    /// A socket that says nothing for so long is closed.
    pub idle_timeout_ms: u64,
    /// How long after a loss the database is asked for its stream again.
    pub replication_retry_ms: u64,
    /// For how long `replication_ready` is waited for.
    pub replication_ready_limit_ms: u64,
    /// After so long without a socket the stream ends.
    pub replication_idle_ms: u64,
    /// Whether public channels are refused.
    pub private_only: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            max_concurrent_users: 200,
            max_events_per_second: 100,
            max_joins_per_second: 100,
            max_channels_per_client: 100,
            max_payload_bytes: 3_000_500,
            max_presence_events_per_second: 1000,
            client_presence_calls: 5,
            client_presence_ms: 30_000,
            connect_error_delay_ms: 2_000,
            join_error_delay_ms: 5_000,
            idle_timeout_ms: 60_000,
            replication_retry_ms: 5_000,
            replication_ready_limit_ms: 60_000,
            replication_idle_ms: 11 * 60_000,
            private_only: false,
        }
    }
}

/// What goes wrong until it is switched off.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Which part of the rows in the database never arrives, from 0 to 1.
    pub lost_broadcasts: f64,
    /// How much later than it is asked for the stream from the database begins.
    pub late_replication_ms: u64,
    /// No partition is made and today's is gone.
    pub missing_partition: bool,
}

/// What can be told to the double, over HTTP or by [`super::Realtime::tell`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Changes settings and faults; what is not named goes back to its default.
    Set {
        /// Limits and waits.
        #[serde(default)]
        settings: Settings,
        /// What goes wrong.
        #[serde(default)]
        faults: Faults,
    },
    /// Ends every socket: with a close frame of this code, or without a word.
    DropSockets {
        /// 1000, 1001, …
        #[serde(default)]
        code: Option<u16>,
    },
    /// Closes channels as "Server requested disconnect" does.
    CloseChannels {
        /// Only this topic, without `realtime:`.
        #[serde(default)]
        topic: Option<String>,
    },
    /// Has channels fail as a crash of their process does; clients join again.
    CrashChannels {
        /// Only this topic, without `realtime:`.
        #[serde(default)]
        topic: Option<String>,
    },
    /// Makes the tokens of all channels expire now.
    ExpireTokens {
        /// Only this topic, without `realtime:`.
        #[serde(default)]
        topic: Option<String>,
    },
    /// Ends the stream from the database; it comes back after `replication_retry_ms`.
    StopReplication,
}
