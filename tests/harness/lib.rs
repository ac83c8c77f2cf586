//! What tests of pg_chat against a real PostgreSQL are made of.
//!
//! - [`TestDb`]: a database of one's own, cloned from a migrated template and dropped at the end;
//! - [`Person`]: somebody who comes through PostgREST, with a role and claims; [`Desk`]: an agent at work;
//! - [`Site`]: a site with departments, agents, numbers and conversations;
//! - [`webhook`]: what Meta would post, and taking it as the worker does;
//! - [`Fingerprint`]: what a database is made of, compared with another;
//! - [`recount`]: every counter against the rows it counts; [`routed`]: what must hold of routing;
//! - [`cluster_of_its_own`]: a PostgreSQL that may be crashed;
//! - [`Worker`]: the real program; [`graph`]: the simulator it talks to;
//! - [`wait_until`]: the one place that waits.
//!
//! Test binaries: `stories` (what people do), `rls` (who may), `catalog` (what every object must
//! have), `vectors` (decisions by example), `races` (many at once), `upgrade` (databases that were
//! there before), `restore` (dumps), `torture` (everything at random) and `e2e` (all processes).

pub mod graph;
pub mod race;
pub mod recount;
pub mod routed;
pub mod webhook;

mod cluster;
mod db;
mod desk;
mod dump;
mod environment;
mod fingerprint;
mod fixtures;
mod look;
mod person;
mod refusal;
mod wait;
mod worker;

pub use cluster::cluster_of_its_own;
pub use db::{Regime, TestDb};
pub use desk::Desk;
pub use environment::environment;
pub use fingerprint::Fingerprint;
pub use fixtures::{Agent, AgentIs, Number, Session, Site};
pub use person::{Caller, Person, rows_at_once};
pub use refusal::Refusal;
pub use wait::wait_until;
pub use worker::{Worker, http_client};

use std::path::PathBuf;

/// The folder of the workspace's Cargo.toml, for tests that read the sources.
pub fn repository() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or_else(|| here.clone(), PathBuf::from)
}
