//! `cargo x torture`: random calls of everything public, as many as you like.

use anyhow::Result;

use crate::{build, command, repo, stack};

#[derive(clap::Args)]
pub struct Args {
    /// Repeat the choices of an earlier run; it said its seed
    #[arg(long)]
    seed: Option<u64>,
    /// How many calls; a million where nothing is said
    #[arg(long)]
    calls: Option<u64>,
    /// From how many connections at once; eight where nothing is said
    #[arg(long)]
    connections: Option<u32>,
}

/// Builds, then becomes the torture inside a throw-away cluster; it makes another that it may crash. The extension is
/// built for release, as it is shipped and several times as fast; the short torture of `cargo x test` has it as the tests do.
pub fn run(args: &Args) -> Result<()> {
    let programs = build::programs_and("torture")?;
    command::run(command::cargo().args(["build", "--release", "-p", "pg_chat_ext"]))?;
    let released = repo::metadata()?.target_directory.join("release");
    let mut torture = stack::with_cluster_of_release(&programs, &released);
    torture.arg(programs.join("torture"));
    command::with_options(
        &mut torture,
        &[
            ("--seed", args.seed),
            ("--calls", args.calls),
            ("--connections", args.connections.map(u64::from)),
        ],
    );
    Err(command::become_program(&mut torture))
}
