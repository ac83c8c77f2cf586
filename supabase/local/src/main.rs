//! `local_stack`: the stack, its parts and its play from the command line.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use local_stack::error::{Error, Result};
use local_stack::installation::Installation;
use local_stack::migrate::Sources;
use local_stack::pg17::{self, Prepared};
use local_stack::play;
use local_stack::ports::{DEFAULT_BASE, Ports};
use local_stack::server::DefaultPrivileges;
use local_stack::stack::{self, Folder, Options, Stack};
use local_stack::with_cluster::{self, Signals};

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
        /// The folder of the built extension; where cargo puts it beside this program when not given.
        #[arg(long, value_name = "FOLDER")]
        build: Option<PathBuf>,
        /// The command and its arguments.
        #[arg(last = true, required = true)]
        command: Vec<OsString>,
    },
    /// Start everything and watch it until Ctrl-C.
    Up {
        #[command(flatten)]
        stack: StackArguments,
        /// Write addresses and keys to this file.
        #[arg(long, value_name = "FILE")]
        env: Option<PathBuf>,
        /// Return when everything is ready; `down` stops it.
        #[arg(long)]
        detach: bool,
    },
    /// Start everything, play the main job, and stay up to be tried.
    Demo {
        #[command(flatten)]
        stack: StackArguments,
        /// End after the play, with its exit status.
        #[arg(long)]
        once: bool,
    },
    /// Play the main job on a stack that runs.
    Play {
        #[command(flatten)]
        base: PortBase,
    },
    /// Stop a stack that runs detached.
    Down {
        #[command(flatten)]
        base: PortBase,
    },
    /// Make the folder with PostgreSQL 17 and print the path of its pg_config.
    Pg17,
}

#[derive(Args)]
struct PortBase {
    /// The first of four ports: API, worker, Graph simulator, PostgreSQL.
    #[arg(long, value_name = "N", default_value_t = DEFAULT_BASE, value_parser = clap::value_parser!(u16).range(1024..=65532))]
    port_base: u16,
}

#[derive(Args)]
struct StackArguments {
    #[command(flatten)]
    base: PortBase,
    /// The program `worker`; beside this one when not given.
    #[arg(long, value_name = "FILE")]
    worker_bin: Option<PathBuf>,
    /// What the database grants by itself, as on an older or a new Supabase project.
    #[arg(long, value_enum, default_value = "new")]
    default_privileges: DefaultPrivileges,
    /// Forget the database that was kept and make it anew.
    #[arg(long)]
    fresh: bool,
}

impl StackArguments {
    fn options(&self, root: &Path) -> Result<Options> {
        let build = build_folder(15)?;
        Ok(Options {
            root: root.to_owned(),
            worker: self
                .worker_bin
                .clone()
                .unwrap_or_else(|| build.join("worker")),
            build,
            ports: Ports::from(self.base.port_base),
            default_privileges: self.default_privileges,
            fresh: self.fresh,
        })
    }
}

/// Exit status that says: not done, for a reason that is no fault (as automake's
/// test drivers understand it).
const SKIPPED: u8 = 77;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "warn".into()),
        )
        .with_writer(std::io::stderr)
        .init();
    // One thread: children end with the thread that started them (PDEATHSIG),
    // and this one lives as long as the process.
    let runtime = match tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
    {
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
        Verb::WithCluster { pg, build, command } => {
            let build = build.map_or_else(|| build_folder(pg), Ok)?;
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
        Verb::Up {
            stack,
            detach: true,
            ..
        } => {
            let given = std::env::args_os()
                .skip(1)
                .filter(|argument| argument != "--detach")
                .collect();
            stack::detach(stack.base.port_base, given).await?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Up { stack, env, .. } => {
            let options = stack.options(&arguments.root)?;
            until_signal(
                &options,
                Wish {
                    env,
                    ..Wish::default()
                },
            )
            .await
        }
        Verb::Demo { stack, once } => {
            let options = stack.options(&arguments.root)?;
            until_signal(
                &options,
                Wish {
                    play: true,
                    once,
                    ..Wish::default()
                },
            )
            .await
        }
        Verb::Play {
            base: PortBase { port_base },
        } => {
            let running = Folder::of(port_base)
                .running()?
                .filter(|running| running.ready && running.supervisor.is_alive());
            play::play(
                &running
                    .ok_or(Error::NotRunning { base: port_base })?
                    .settings,
                &arguments.root,
            )
            .await?;
            Ok(ExitCode::SUCCESS)
        }
        Verb::Down {
            base: PortBase { port_base },
        } => match stack::stop(port_base).await {
            // Somebody stopped it before: what was asked for is so.
            Err(Error::NotRunning { .. }) => {
                eprintln!("No stack runs on port base {port_base}: there is nothing to stop.");
                Ok(ExitCode::SUCCESS)
            }
            stopped => stopped.map(|()| ExitCode::SUCCESS),
        },
        Verb::Pg17 => match pg17::prepare()? {
            Prepared::Ready(_) => {
                println!("{}", pg17::pg_config().display());
                Ok(ExitCode::SUCCESS)
            }
            Prepared::Skipped(why) => Ok(skipped(&why)),
        },
    }
}

/// What is to be done with a stack that has started.
#[derive(Default)]
struct Wish {
    /// Where addresses and keys are to be written.
    env: Option<PathBuf>,
    /// Play the main job.
    play: bool,
    /// Stop after that.
    once: bool,
}

/// Starts a stack, plays on it when asked, and stops it when the play was all
/// that was wanted, a part of it ends, or a signal says so.
async fn until_signal(options: &Options, wish: Wish) -> Result<ExitCode> {
    let mut signals = Signals::listen()?;
    let mut stack = tokio::select! {
        stack = Stack::start(options) => stack?,
        _ = signals.next() => return Ok(ExitCode::FAILURE),
    };
    let outcome = watch(&mut stack, &mut signals, options, &wish).await;
    eprintln!("stopping");
    stack.stop().await?;
    outcome.map(|()| ExitCode::SUCCESS)
}

async fn watch(
    stack: &mut Stack,
    signals: &mut Signals,
    options: &Options,
    wish: &Wish,
) -> Result<()> {
    if let Some(path) = &wish.env {
        stack.settings().write_env(path)?;
    }
    if wish.play {
        let settings = stack.settings().clone();
        tokio::select! {
            played = play::play(&settings, &options.root) => played?,
            _ = signals.next() => return Err(Error::Play("stopped before the play was over".to_owned())),
        }
    }
    if wish.once {
        return Ok(());
    }
    let base = options.ports.base();
    println!(
        "\n{}\n\nCtrl-C, or `cargo x down --port-base {base}` elsewhere, stops everything.",
        stack.settings().summary()
    );
    tokio::select! {
        broken = stack.broken() => Err(broken),
        _ = signals.next() => Ok(()),
    }
}

fn skipped(why: &str) -> ExitCode {
    eprintln!("{why}");
    ExitCode::from(SKIPPED)
}

/// Where cargo put the extension for PostgreSQL `version`: beside this very
/// program, or in the target folder that other versions have to themselves.
fn build_folder(version: u16) -> Result<PathBuf> {
    let own = std::env::current_exe().map_err(|source| Error::Io {
        what: "find this program".to_owned(),
        source,
    })?;
    let beside = own.parent().unwrap_or(&own).to_owned();
    if version == 15 {
        return Ok(beside);
    }
    let profile = beside.file_name().unwrap_or_default().to_owned();
    Ok(beside.with_file_name(format!("pg{version}")).join(profile))
}
