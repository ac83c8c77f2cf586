//! `cargo x demo`: everything runs, the main job is played, and all stays up to be tried.

use anyhow::Result;

use crate::{build, command, javascript, stack};

#[derive(clap::Args)]
pub struct Args {
    /// End after the play, with its exit status
    #[arg(long)]
    once: bool,
    /// The first of four ports: API, worker, Graph simulator, PostgreSQL
    #[arg(long, value_name = "N")]
    port_base: Option<u16>,
    /// Forget the database that was kept and make it anew
    #[arg(long)]
    fresh: bool,
}

/// Builds, then becomes `local_stack demo`.
pub fn run(args: &Args) -> Result<()> {
    let programs = build::programs()?;
    if !args.once {
        javascript::demo_pages_if_possible();
    }
    let mut demo = stack::program(&programs);
    demo.arg("demo")
        .arg("--worker-bin")
        .arg(programs.join("worker"));
    if args.once {
        demo.arg("--once");
    }
    if args.fresh {
        demo.arg("--fresh");
    }
    if let Some(port) = args.port_base {
        demo.args(["--port-base", &port.to_string()]);
    }
    Err(command::become_program(&mut demo))
}
