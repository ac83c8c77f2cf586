//! Measurements of pg_chat. `cargo x bench NAME` builds for release, starts a throw-away cluster and runs one of
//! the [`Suite`]s in it.
//!
//! Every suite compares side by side in one run: the least a thing can cost, ours, and a peer. It prints its
//! table with minimum and median, and the median decides whether a goal is met. A figure is never a test: the exit
//! status says whether the measurement ran, not how it came out.

mod backend;
mod cluster;
mod figures;
mod lists;
mod live;
mod messages;
mod path;
mod path_profile;
mod routing;
mod whatsapp;

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use crate::cluster::Cluster;

/// How many messages and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// Two or three minutes on two cores.
    Usual,
    /// Firmer figures, more rows.
    Large,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Suite {
    /// How soon a committed message is at two hundred sockets, joins a second, what telling costs, what a page loads
    Live,
    /// What storing one WhatsApp message costs the server, and how fast one busy conversation takes them
    Path,
    /// Where that cost goes: time in each function of the path
    PathProfile,
    /// How fast arriving chats find an agent, and how soon a waiting one is given to who comes online
    Routing,
    /// What people wait for when they read: pages of the inbox by each filter, of messages, badges, changes, search
    Sql,
    /// A webhook's way through the worker, beside a Node handler; an agent's work under a large webhook; sends; NOTIFY
    Whatsapp,
}

#[derive(Parser)]
#[command(name = "bench", about = "Measurements of pg_chat")]
struct Arguments {
    /// Which measurement
    suite: Suite,
    /// Write the figures to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Longer and with more rows
    #[arg(long)]
    large: bool,
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let cluster = Cluster::from_environment()?;
    let size = if arguments.large {
        Size::Large
    } else {
        Size::Usual
    };
    let figures = match arguments.suite {
        Suite::Live => live::run(&cluster, size).await?,
        Suite::Path => path::run(&cluster, size).await?,
        Suite::PathProfile => path_profile::run(&cluster, size).await?,
        Suite::Routing => routing::run(&cluster, size).await?,
        Suite::Sql => lists::run(&cluster, size).await?,
        Suite::Whatsapp => whatsapp::run(&cluster, size).await?,
    };
    if let Some(file) = &arguments.json {
        std::fs::write(file, figures.to_json()?)
            .with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}
