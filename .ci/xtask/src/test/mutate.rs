//! `cargo x test rls --mutate`: whether every rule has a test that misses it.

use std::process::ExitCode;

use anyhow::{Result, bail, ensure};

use super::Args;
use crate::{build, command, stack};

/// Builds, then becomes the program that takes rules away, inside a throw-away cluster.
pub fn run(args: &Args) -> Result<ExitCode> {
    ensure!(
        args.filter.as_deref() == Some("rls"),
        "--mutate is of the tests of who may do what: cargo x test rls --mutate"
    );
    let version = args.pg.as_deref().unwrap_or("15");
    let programs = build::programs_and("mutate")?;
    if version == "17" && !super::databases::extension_for_17(&programs)? {
        bail!("PostgreSQL 17 cannot be had here");
    }
    let mut mutate = stack::with_cluster(&programs, version);
    mutate
        .env("RUST_LIB_BACKTRACE", "0")
        .arg(programs.join("mutate"));
    command::with_options(&mut mutate, &[("--seed", args.seed)]);
    for only in &args.only {
        mutate.args(["--only", only]);
    }
    if args.list {
        mutate.arg("--list");
    }
    Err(command::become_program(&mut mutate))
}
