//! `cargo x race NAME`: one race, as long as you like.

use anyhow::Result;

use crate::{build, command, stack};

#[derive(clap::Args)]
pub struct Args {
    /// Which race; a name that is none lists them
    name: String,
    /// Repeat the choices of an earlier race; it said its seed
    #[arg(long)]
    seed: Option<u64>,
    /// Many times the size that the tests run it with
    #[arg(long)]
    large: bool,
}

/// Builds, then becomes the race inside a throw-away cluster.
pub fn run(args: &Args) -> Result<()> {
    let programs = build::programs_and("race")?;
    let mut race = stack::with_cluster(&programs, "15");
    race.arg(programs.join("race")).arg(&args.name);
    command::with_options(&mut race, &[("--seed", args.seed)]);
    if args.large {
        race.arg("--large");
    }
    Err(command::become_program(&mut race))
}
