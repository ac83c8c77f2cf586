//! `cargo x down`: stops what `cargo x up --detach` started.

use anyhow::Result;

use crate::{build, command, stack};

#[derive(clap::Args)]
pub struct Args {
    /// The port base it was started with
    #[arg(long, value_name = "N")]
    port_base: Option<u16>,
}

/// Becomes `local_stack down`.
pub fn run(args: &Args) -> Result<()> {
    let mut down = stack::program(&build::programs()?);
    down.arg("down");
    if let Some(port) = args.port_base {
        down.args(["--port-base", &port.to_string()]);
    }
    Err(command::become_program(&mut down))
}
