//! A Supabase-shaped stack on one machine, without containers: PostgreSQL in a
//! cluster of our own, *doubles* of Supabase's REST, Auth, Storage and Realtime on one origin,
//! and a simulator of Meta's Graph API. For the demo, for tests and for benches; in
//! production the real services serve the same paths.
//!
//! - [`cluster`], [`server`], [`migrate`], [`pg17`]: a server of PostgreSQL 15 or
//!   17 with Supabase's roles and schemas and our migrations.
//! - [`api`], [`auth`], [`rest`], [`storage`], [`realtime`]: `/rest/v1`, `/auth/v1`, `/storage/v1` and
//!   `/realtime/v1`.
//! - [`demo_pages`]: two pages to try a chat on, `/demo/visitor` and `/demo/agent`.
//! - [`graph`]: the Graph simulator.
//! - [`stack`]: all of it with the worker, as `cargo x up` runs it; [`play`] plays
//!   the main job on it.
//! - [`with_cluster`]: a command with a throw-away cluster around it.

pub mod api;
pub mod auth;
pub mod cluster;
pub mod demo_pages;
pub mod error;
pub mod graph;
mod http_client;
pub mod installation;
pub mod keys;
pub mod migrate;
pub mod pg17;
pub mod play;
pub mod ports;
mod private_file;
pub mod process;
pub mod realtime;
pub mod rest;
pub mod server;
pub mod stack;
pub mod storage;
pub mod with_cluster;

use std::path::PathBuf;

pub use error::{Error, Result};

/// The folder that stacks and throw-away clusters keep their files in:
/// `PG_CHAT_STATE_DIR`, else `/var/tmp/pg_chat`.
pub fn state_root() -> PathBuf {
    let chosen = std::env::var_os("PG_CHAT_STATE_DIR").map(PathBuf::from);
    let root = chosen.unwrap_or_else(|| PathBuf::from("/var/tmp/pg_chat"));
    // PostgreSQL works in a folder of its own. Only an empty path has no absolute form.
    std::path::absolute(&root).unwrap_or(root)
}
