//! `local_stack`: the stack, its parts and its play from the command line.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use local_stack::error::{Error, Result};
use local_stack::installation::Installation;
use local_stack::migrate::Sources;
use local_stack::pg17::{self, Prepared};
use local_stack::with_cluster;

#[derive(Parser)]
#[command(version, about)]
struct Arguments {
    /// The clone to work on.
    #[arg(long, global = true, default_value = ".")]
    root: PathBuf,

    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Run a command with a throw-away cluster around it.
    WithCluster {
        /// Major version of PostgreSQL: 15 or 17.
        #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(15..=17))]
        pg: u16,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Make the folder with PostgreSQL 17 and print the path of its pg_config.
    Pg17,
}

/// Exit status that says: not done, for a reason that is no fault (as automake's
/// test drivers understand it).
const SKIPPED: u8 = 77;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()))
        .with_writer(std::io::stderr)
        .init();
    // One thread: children end with the thread that started them (PDEATHSIG),
    // and this one lives as long as the process.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln!("The runtime did not start: {error}");
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(arguments)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let sources = Sources::of(&arguments.root);
    match arguments.verb {
        Verb::WithCluster { pg, command } => {
            let build = build_folder(pg)?;
            let installation = match pg {
                17 => match pg17::prepare()? {
                    Prepared::Ready(installation) => installation,
                    Prepared::Skipped(why) => return Ok(skipped(&why)),
                },
                version => Installation::of_machine(version)?,
            };
            let code = with_cluster::run(installation, &sources, &build, &command).await?;
            Ok(u8::try_from(code).map_or(ExitCode::FAILURE, ExitCode::from))
        }
        Verb::Pg17 => match pg17::prepare()? {
            Prepared::Ready(_) => {
                println!("{}", pg17::pg_config().display());
                Ok(ExitCode::SUCCESS)
            }
            Prepared::Skipped(why) => Ok(skipped(&why)),
        },
    }
}

fn skipped(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(SKIPPED)
}

/// Where cargo put the extension for PostgreSQL `version`: beside this very
/// program, or in the target folder that other versions have to themselves.
fn build_folder(version: u16) -> Result<PathBuf> {
    let own = std::env::current_exe()
        .map_err(|source| Error::Io { what: "find this program".to_owned(), source })?;
    let beside = own.parent().unwrap_or(&own).to_owned();
    if version == 15 {
        return Ok(beside);
    }
    let profile = beside.file_name().unwrap_or_default().to_owned();
    Ok(beside.with_file_name(format!("pg{version}")).join(profile))
}
