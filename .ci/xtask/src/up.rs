//! `cargo x up`: everything runs, nothing is played.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Result;

use crate::{build, command, javascript, stack};

#[derive(clap::Args)]
pub struct Args {
    /// Return as soon as everything is ready; `cargo x down` stops it
    #[arg(long)]
    detach: bool,
    /// Write the addresses and keys that a client needs to this file
    #[arg(long, value_name = "FILE")]
    env: Option<PathBuf>,
    /// The first of four ports: API, worker, Graph simulator, PostgreSQL
    #[arg(long, value_name = "N")]
    port_base: Option<u16>,
    /// The default privileges of an older Supabase project or of a new one
    #[arg(long, value_parser = ["old", "new"])]
    default_privileges: Option<String>,
    /// Forget the database that was kept and make it anew
    #[arg(long)]
    fresh: bool,
}

/// Builds, then becomes `local_stack up`.
pub fn run(args: &Args) -> Result<()> {
    let programs = build::programs()?;
    javascript::demo_pages_if_possible();
    let mut up = stack::program(&programs);
    up.arg("up")
        .arg("--worker-bin")
        .arg(programs.join("worker"));
    if args.detach {
        up.arg("--detach");
    }
    if args.fresh {
        up.arg("--fresh");
    }
    let mut option = |name: &str, value: Option<OsString>| {
        if let Some(value) = value {
            up.arg(name).arg(value);
        }
    };
    option("--env", args.env.clone().map(OsString::from));
    option(
        "--port-base",
        args.port_base.map(|port| port.to_string().into()),
    );
    option(
        "--default-privileges",
        args.default_privileges.clone().map(OsString::from),
    );
    Err(command::become_program(&mut up))
}
