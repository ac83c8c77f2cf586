//! What tests of pg_chat against a real PostgreSQL are made of.
//!
//! - [`TestDb`]: a database of one's own, cloned from a migrated template and dropped at the end;
//! - [`Person`]: somebody who comes through PostgREST, with a role and claims; [`Desk`]: an agent at work;
//! - [`Site`]: a site with departments, agents, numbers and conversations;
//! - [`webhook`]: what Meta would post, and taking it as the worker does;
//! - [`Fingerprint`]: what a database is made of, compared with another;
//! - [`recount`]: every counter against the rows it counts; [`routed`]: what must hold of routing; [`rest`]: what must
//!   hold of everything when nobody does anything any more;
//! - [`cluster_of_its_own`]: a PostgreSQL that may be crashed;
//! - [`Worker`]: the real program; [`graph`]: the simulator it talks to; [`Origin`]: the project it is in;
//! - [`node()`]: what JavaScript has to show; [`Clients`]: visitors and agents in it, and [`Recording`], what visitors receive;
//! - [`wait_until`]: the one place that waits.
//!
//! Test binaries: `stories` (what people do), `rls` (who may), `catalog` (what every object must
//! have), `vectors` (decisions by example), `races` (many at once), `upgrade` (databases that were
//! there before), `restore` (dumps), `realtime` (what clients hear live), `torture` (everything at
//! random), `chaos` (everything goes wrong) and `e2e` (all processes).

pub mod graph;
pub mod race;
pub mod recount;
pub mod rest;
pub mod routed;
pub mod webhook;

mod clients;
mod cluster;
mod db;
mod desk;
mod dump;
mod environment;
mod fingerprint;
mod fixtures;
mod keeper;
mod lines;
mod look;
mod node;
mod origin;
mod person;
mod recording;
mod refusal;
mod wait;
mod worker;

pub use clients::Clients;
pub use cluster::cluster_of_its_own;
pub use db::{Regime, TestDb};
pub use desk::Desk;
pub use environment::environment;
pub use fingerprint::Fingerprint;
pub use fixtures::{Agent, AgentIs, Number, Session, Site};
pub use lines::Door;
pub use node::{node, passed, said};
pub use origin::Origin;
pub use person::{Caller, Person, rows_at_once};
pub use recording::{Recording, Secret, secrets_of};
pub use refusal::Refusal;
pub use wait::{wait_until, wait_within};
pub use worker::{Worker, http_client};

use std::path::PathBuf;

/// The folder of the workspace's Cargo.toml, for tests that read the sources.
pub fn repository() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.clone(), PathBuf::from)
}
