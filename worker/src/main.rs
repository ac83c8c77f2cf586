//! `worker`: runs the worker, or checks whether it could.

use chat_worker::{
    Worker, check,
    config::Config,
    log,
    rotate::{self, Rotated},
    sealed::{OpeningKey, SealingKey},
    secret::Secret,
    shutdown,
};
use clap::{Parser, Subcommand};
use std::{error::Error, io::Read, path::PathBuf, process::ExitCode};
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
    /// Make a key pair for the secrets that people save: the private half goes into CHAT_SECRETS_PRIVATE_KEY.
    Keygen,
    /// Seal the secret on standard input, as chat_save_whatsapp_number takes it.
    Seal {
        /// The key of chat_worker_key; this worker's own by default.
        #[arg(long, value_name = "BASE64")]
        public_key: Option<String>,
    },
    /// Seal every secret of the database for secrets.private_key, opening them with secrets.old_private_key. Exit
    /// status: 0 all are, 1 some could not be opened.
    RotateKey,
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
        Command::Keygen => {
            let key = OpeningKey::generate();
            println!("CHAT_SECRETS_PRIVATE_KEY={}", key.to_base64().expose());
            println!("# public key: {}", key.public().to_base64());
            println!("# key id: {}", key.public().id());
            ExitCode::SUCCESS
        }
        Command::Seal { public_key } => match seal(&config, public_key.as_deref()) {
            Ok(sealed) => {
                println!("{sealed}");
                ExitCode::SUCCESS
            }
            Err(error) => complain(error.as_ref(), 1),
        },
        Command::RotateKey => match runtime.block_on(rotate::run(&config)) {
            Ok(rotated) => told(&rotated),
            Err(error) => complain(&error, 1),
        },
    }
}

/// Seals what stands on standard input, without the line break at its end.
fn seal(config: &Config, public_key: Option<&str>) -> Result<String, Box<dyn Error>> {
    let key = match public_key {
        Some(text) => SealingKey::parse(text)?,
        None => {
            let keys = config.keys()?;
            let own = keys
                .own()
                .ok_or("give --public-key, or set CHAT_SECRETS_PRIVATE_KEY")?;
            own.public().clone()
        }
    };
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text)?;
    let secret = text.strip_suffix('\n').unwrap_or(&text);
    let secret = Secret::new(secret.strip_suffix('\r').unwrap_or(secret));
    if secret.is_empty() {
        return Err("there is no secret on standard input".into());
    }
    Ok(key.seal(&secret)?)
}

fn told(rotated: &Rotated) -> ExitCode {
    println!("{} secrets were sealed anew", rotated.resealed);
    if rotated.changed > 0 {
        println!("{} were changed meanwhile; run it again", rotated.changed);
    }
    for closed in &rotated.closed {
        println!("cannot be opened: {closed}");
    }
    if rotated.closed.is_empty() && rotated.changed == 0 {
        println!("every secret is sealed for the new key; the old one is not needed any more");
        return ExitCode::SUCCESS;
    }
    ExitCode::FAILURE
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
