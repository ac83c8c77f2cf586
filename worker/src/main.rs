//! `worker`: runs the worker, or checks whether it could.

use chat_worker::{Worker, check, config::Config, log, shutdown};
use clap::{Parser, Subcommand};
use std::{error::Error, path::PathBuf, process::ExitCode};
use tracing::info;

/// Takes Meta's webhooks and makes the outbound calls of pg_chat.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A TOML file with settings; config.default.toml documents every key. The environment wins over it.
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Work until SIGTERM or SIGINT (the default).
    Run,
    /// Say in words what is missing or wrong. Exit status: 0 all well, 1 something is not, 2 it could not be told.
    Check,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A variable that is no text cannot be one of ours.
    let environment = std::env::vars_os()
        .filter_map(|(name, text)| Some((name.into_string().ok()?, text.into_string().ok()?)));
    let config = match Config::load(arguments.config.as_deref(), environment) {
        Ok(config) => config,
        Err(error) => return complain(&error, 2),
    };
    let runtime = match tokio::runtime::Runtime::new() {
        Ok(runtime) => runtime,
        Err(error) => return complain(&error, 2),
    };
    match arguments.command.unwrap_or(Command::Run) {
        Command::Check => ExitCode::from(runtime.block_on(check::run(&config))),
        Command::Run => match runtime.block_on(run(config)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => complain(error.as_ref(), 1),
        },
    }
}

async fn run(config: Config) -> Result<(), Box<dyn Error>> {
    log::init(&config.log)?;
    let worker = Worker::start(config).await?;
    worker
        .run_until(async {
            match shutdown::signalled().await {
                Ok(signal) => info!(signal, "asked to stop"),
                Err(error) => tracing::error!(%error, "signals cannot be heard; stopping"),
            }
        })
        .await;
    Ok(())
}

fn complain(error: &dyn Error, status: u8) -> ExitCode {
    eprintln!("worker: {error}");
    ExitCode::from(status)
}
