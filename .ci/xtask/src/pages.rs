//! `cargo x docs` and `cargo x types`: what is written from the catalog of a database with the migration applied.

use anyhow::Result;

use crate::{build, command, stack};

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail if a file is not what the catalog gives
    #[arg(long)]
    check: bool,
}

/// Builds, then becomes the writer of `docs` or `types` inside a throw-away cluster.
pub fn run(which: &str, args: &Args) -> Result<()> {
    let programs = build::programs_and("pages")?;
    let mut pages = stack::with_cluster(&programs, "15");
    pages.arg(programs.join("pages")).arg(which);
    if args.check {
        pages.arg("--check");
    }
    Err(command::become_program(&mut pages))
}
