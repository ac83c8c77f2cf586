//! `cargo x chaos NAME`: messages both ways while everything goes wrong, as many as you like.

use anyhow::Result;

use crate::{build, command, javascript, stack};

#[derive(clap::Args)]
pub struct Args {
    /// What goes wrong; a name that is none lists them
    name: String,
    /// Repeat the choices of an earlier run; it said its seed
    #[arg(long)]
    seed: Option<u64>,
    /// whatsapp: how many messages agents send; 5,000 where nothing is said
    #[arg(long)]
    out: Option<u64>,
    /// whatsapp: how many messages people write; 5,000 where nothing is said
    #[arg(long = "in")]
    into: Option<u64>,
    /// live: how many messages visitors and agents write; 2,000 where nothing is said
    #[arg(long)]
    messages: Option<u64>,
    /// live: how many pages of theirs are open; 20 where nothing is said
    #[arg(long)]
    clients: Option<u64>,
}

/// Builds, then becomes the chaos inside a throw-away cluster; it makes another that it may crash.
pub fn run(args: &Args) -> Result<()> {
    let programs = build::programs_and("chaos")?;
    if args.name == "live" {
        javascript::client()?;
    }
    let mut chaos = stack::with_cluster(&programs, "15");
    chaos.arg(programs.join("chaos")).arg(&args.name);
    command::with_options(
        &mut chaos,
        &[
            ("--seed", args.seed),
            ("--out", args.out),
            ("--in", args.into),
            ("--messages", args.messages),
            ("--clients", args.clients),
        ],
    );
    Err(command::become_program(&mut chaos))
}
