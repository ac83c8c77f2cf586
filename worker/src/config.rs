//! What the worker is told: `config.default.toml`, then a file, then the environment.
//!
//! The default file is the one list of keys. A key that it does not have is refused, in a file by
//! name; its type there says how the text of an environment variable is read.

use crate::{
    sealed::{KeyRing, OpeningKey, SealError},
    secret::Secret,
};
use serde::Deserialize;
use std::{collections::HashSet, path::Path, time::Duration};
use toml::Value;
use uuid::Uuid;

mod layers;
#[cfg(test)]
mod tests;

/// The documented defaults, as shipped.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// Name of the app that is described by single keys (usually from the environment).
pub const ENVIRONMENT_APP: &str = "environment";

/// Why a configuration could not be taken. Each says what to do; none shows a value.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file given with `--config` cannot be read.
    #[error("cannot read the configuration file {path}: {source}; check the path and its rights")]
    Unreadable {
        /// As given.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong type. The parser's own text would quote
    /// the line, and the line may hold a secret: only the message and the place are kept.
    #[error(
        "the configuration{place} is not right: {why}; config.default.toml documents every key"
    )]
    Malformed {
        /// ` file X, line N` or empty.
        place: String,
        /// The parser's message without its excerpt.
        why: String,
    },
    /// An environment variable whose text is not of its key's type.
    #[error("the environment variable {name} must be {wanted}")]
    Variable {
        /// Its name.
        name: String,
        /// "a whole number", "true or false".
        wanted: &'static str,
    },
    /// Two values that cannot both stand, or one out of range.
    #[error("{0}")]
    Wrong(String),
}

/// The whole configuration. Field names are the keys of `config.default.toml`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)] // config.default.toml is the documentation of each key
pub struct Config {
    pub database: Database,
    pub edge: Edge,
    pub worker: Worker,
    pub webhooks: Webhooks,
    pub secrets: Secrets,
    pub queue: Queue,
    pub graph: Graph,
    pub storage: Storage,
    pub log: Log,
    pub whatsapp: Whatsapp,
}

/// `[database]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Database {
    pub url: Secret,
    pub connections: u32,
    pub acquire_ms: u64,
    pub statement_ms: u64,
}

/// `[edge]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Edge {
    pub url: String,
    pub key: Secret,
    pub email: String,
    pub password: Secret,
    pub timeout_ms: u64,
    pub poll_ms: u64,
}

/// `[worker]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Worker {
    pub address: String,
    pub stop_ms: u64,
}

/// `[webhooks]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Webhooks {
    pub public_url: String,
    pub body_bytes: usize,
    pub at_once: usize,
    pub read_ms: u64,
    pub tries: u32,
}

/// `[secrets]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Secrets {
    pub private_key: Secret,
    pub old_private_key: Secret,
}

/// `[queue]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Queue {
    pub slots: usize,
    pub bulk_slots: usize,
    pub poll_ms: u64,
    pub tick_ms: u64,
    pub tick_batch: i32,
}

/// `[graph]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Graph {
    pub url: String,
    pub version: String,
    pub connect_ms: u64,
    pub timeout_ms: u64,
    pub download_ms: u64,
    pub media_hosts: Vec<String>,
}

/// `[storage]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Storage {
    pub url: String,
    pub service_key: Secret,
    pub timeout_ms: u64,
    pub transfer_ms: u64,
}

/// `[log]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Log {
    pub format: LogFormat,
    pub level: String,
}

/// How a log line looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For eyes.
    Human,
    /// One JSON object a line.
    Json,
}

/// `[whatsapp]`
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Whatsapp {
    pub app_id: String,
    pub app_secret: Secret,
    pub verify_token: Secret,
    pub site_id: String,
    pub business_account_id: String,
    pub phone_number_id: String,
    pub access_token: Secret,
    #[serde(default)]
    pub apps: Vec<App>,
}

/// One app of Meta: what signs webhooks.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct App {
    pub name: String,
    #[serde(default)]
    pub app_id: String,
    pub secret: Secret,
    #[serde(default)]
    pub verify_token: Secret,
    #[serde(default)]
    pub accounts: Vec<Account>,
}

/// One WhatsApp Business account: what a token opens. It belongs to one site.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct Account {
    pub site_id: Uuid,
    pub business_account_id: String,
    pub access_token: Secret,
    #[serde(default)]
    pub graph_version: String,
    #[serde(default)]
    pub numbers: Vec<String>,
}

impl Config {
    /// Reads the defaults, the file if one is given, and `environment` (name, text), and checks
    /// what can be checked without asking anybody.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let mut table = layers::parse(DEFAULTS, "")?;
        if let Some(path) = file {
            let shown = path.display().to_string();
            let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Unreadable {
                path: shown.clone(),
                source,
            })?;
            layers::merge(&mut table, layers::parse(&text, &shown)?);
        }
        layers::overlay(&mut table, environment)?;
        let config: Self = Value::Table(table)
            .try_into()
            .map_err(|error: toml::de::Error| ConfigError::Malformed {
                place: String::new(),
                why: error.message().to_owned(),
            })?;
        config.check()?;
        Ok(config)
    }

    /// All apps: the environment's (when it has a secret), then the listed ones.
    ///
    /// The environment's account is there only with its site, its id and its number: half of it
    /// cannot be used, and `worker check` names the missing half.
    pub fn apps(&self) -> Vec<App> {
        let own = &self.whatsapp;
        let mut apps = Vec::with_capacity(own.apps.len() + 1);
        if !own.app_secret.is_empty() {
            let site = Uuid::parse_str(&own.site_id).ok();
            let complete = !own.business_account_id.is_empty() && !own.phone_number_id.is_empty();
            apps.push(App {
                name: ENVIRONMENT_APP.to_owned(),
                app_id: own.app_id.clone(),
                secret: own.app_secret.clone(),
                verify_token: own.verify_token.clone(),
                accounts: site
                    .filter(|_| complete)
                    .map(|site_id| Account {
                        site_id,
                        business_account_id: own.business_account_id.clone(),
                        access_token: own.access_token.clone(),
                        graph_version: String::new(),
                        numbers: vec![own.phone_number_id.clone()],
                    })
                    .into_iter()
                    .collect(),
            });
        }
        apps.extend(own.apps.iter().cloned());
        apps
    }

    /// What opens the secrets of the database: our key, then the one before.
    pub fn keys(&self) -> Result<KeyRing, SealError> {
        let key = |text: &Secret, name| {
            (!text.is_empty())
                .then(|| OpeningKey::parse(text, name))
                .transpose()
        };
        let own = key(&self.secrets.private_key, "secrets.private_key")?;
        let old = key(&self.secrets.old_private_key, "secrets.old_private_key")?;
        Ok(KeyRing::new(own.into_iter().chain(old)))
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |why: &str| Err(ConfigError::Wrong(why.to_owned()));
        if self.queue.slots == 0 || self.webhooks.at_once == 0 || self.webhooks.tries == 0 {
            return wrong("queue.slots, webhooks.at_once and webhooks.tries must be at least 1");
        }
        if self.database.connections == 0 || self.queue.poll_ms == 0 || self.queue.tick_batch < 1 {
            return wrong(
                "database.connections, queue.poll_ms and queue.tick_batch must be at least 1",
            );
        }
        if !self.edge.url.is_empty() && !self.database.url.is_empty() {
            return wrong(
                "database.url (CHAT_DATABASE_URL) and edge.url (CHAT_EDGE_URL) are two ways to one database; set one",
            );
        }
        if self.edge.timeout_ms == 0 || self.edge.poll_ms == 0 {
            return wrong("edge.timeout_ms and edge.poll_ms must be at least 1");
        }
        if self.queue.bulk_slots == 0 {
            return wrong("queue.bulk_slots must be at least 1, or files are never fetched");
        }
        if self.graph.timeout_ms <= self.graph.connect_ms {
            return wrong(
                "graph.timeout_ms covers the whole call and must be more than graph.connect_ms",
            );
        }
        if !self.whatsapp.site_id.is_empty() && Uuid::parse_str(&self.whatsapp.site_id).is_err() {
            return wrong("whatsapp.site_id (CHAT_WHATSAPP_SITE_ID) must be the UUID of a site");
        }
        if let Err(error) = self.keys() {
            return Err(ConfigError::Wrong(error.to_string()));
        }
        if self.secrets.private_key.is_empty() && !self.secrets.old_private_key.is_empty() {
            return wrong(
                "secrets.old_private_key is for the time of `worker rotate-key`; set secrets.private_key, too",
            );
        }
        let mut names = HashSet::from([ENVIRONMENT_APP]);
        for app in &self.whatsapp.apps {
            if app.name.is_empty() || !names.insert(&app.name) {
                return wrong(
                    "each [[whatsapp.apps]] needs a name of its own, other than \"environment\"",
                );
            }
            if app.secret.is_empty() {
                return Err(ConfigError::Wrong(format!(
                    "the app \"{}\" of [[whatsapp.apps]] has no secret",
                    app.name
                )));
            }
        }
        Ok(())
    }
}

impl Worker {
    /// [`Worker::stop_ms`] as a duration.
    pub fn stop_after(&self) -> Duration {
        Duration::from_millis(self.stop_ms)
    }
}
