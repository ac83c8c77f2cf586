//! `cargo x bench NAME`: one measurement.

use std::path::PathBuf;

use anyhow::Result;

use crate::{build, command, javascript, packages, repo, stack};

#[derive(clap::Args)]
pub struct Args {
    /// Which measurement; a name that is none lists them
    name: String,
    /// Write the figures to this file, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Longer and with more rows
    #[arg(long)]
    large: bool,
}

/// Builds everything for release, then becomes the measurement inside a throw-away cluster.
pub fn run(args: &Args) -> Result<()> {
    packages::run()?;
    command::announce("building for release what is measured");
    let mut cargo = command::cargo();
    cargo
        .args(["build", "--release", "-p", "bench"])
        .args(build::TOGETHER);
    command::run(&mut cargo)?;
    if args.name == "whatsapp" {
        javascript::install("bench/node")?;
    }
    if args.name == "live" {
        javascript::client()?;
    }
    // The local stack installs the extension that stands beside it.
    let released = repo::metadata()?.target_directory.join("release");
    let mut bench = stack::with_cluster(&released, "15");
    bench.arg(released.join("bench")).arg(&args.name);
    if let Some(file) = &args.json {
        bench.arg("--json").arg(file);
    }
    if args.large {
        bench.arg("--large");
    }
    Err(command::become_program(&mut bench))
}
