//! `cargo x down`: stops what `cargo x up --detach` started.

use anyhow::{Result, ensure};

use crate::{command, repo, stack};

#[derive(clap::Args)]
pub struct Args {
    /// The port base it was started with
    #[arg(long, value_name = "N")]
    port_base: Option<u16>,
}

/// Becomes `local_stack down`, as it was built when the stack was started.
pub fn run(args: &Args) -> Result<()> {
    let programs = repo::debug_dir()?;
    ensure!(
        programs.join("local_stack").exists(),
        "nothing was built in this clone yet, so no stack of it runs"
    );
    let mut down = stack::program(&programs);
    down.arg("down");
    if let Some(port) = args.port_base {
        down.args(["--port-base", &port.to_string()]);
    }
    Err(command::become_program(&mut down))
}
