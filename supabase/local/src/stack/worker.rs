//! The worker as a child process of the stack.

use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;

use super::cast::{APP_ID, DATABASE};
use super::settings::Settings;
use crate::error::{Doing, Error, Result};
use crate::http_client;
use crate::ports::Ports;
use crate::private_file;
use crate::process::ProcessId;
use crate::server::Server;

/// How long a worker may take to finish what it holds. It says itself (stop_ms)
/// when it gives up earlier.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Seconds until it must answer.
const READY_SECONDS: u64 = 60;

/// A started worker. Dropping it kills it, as anything may any time.
pub struct Worker {
    child: Child,
    process: ProcessId,
    url: String,
    log: PathBuf,
}

impl Worker {
    /// Starts `program` with nothing in its environment but what we say.
    pub fn start(program: &Path, ports: Ports, settings: &Settings, log: PathBuf) -> Result<Self> {
        if !program.exists() {
            let advice = "build it with `cargo build -p chat_worker`";
            return Err(Error::FileMissing {
                path: program.to_owned(),
                advice,
            });
        }
        let output = private_file::create(&log)?;
        let errors = output.try_clone().doing("share", &log)?;
        let whatsapp = &settings.whatsapp;
        // setpriv: it ends with us even when we are killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM", "--"]).arg(program);
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            // Its log is a file.
            .env("NO_COLOR", "1")
            .env(
                "CHAT_DATABASE_URL",
                Server::on(ports.database()).url("chat_worker", DATABASE),
            )
            .env(
                "CHAT_WORKER_ADDRESS",
                format!("127.0.0.1:{}", ports.worker()),
            )
            .env("CHAT_GRAPH_URL", &settings.graph_url)
            .env("SUPABASE_URL", &settings.supabase_url)
            .env("SUPABASE_SERVICE_ROLE_KEY", &settings.service_role_key)
            .env("CHAT_WHATSAPP_APP_ID", APP_ID)
            .env("CHAT_WHATSAPP_SITE_ID", settings.site_id.to_string())
            .env("WHATSAPP_PHONE_NUMBER_ID", &whatsapp.phone_number_id)
            .env(
                "WHATSAPP_BUSINESS_ACCOUNT_ID",
                &whatsapp.business_account_id,
            )
            .env("WHATSAPP_ACCESS_TOKEN", &whatsapp.access_token)
            .env("WHATSAPP_VERIFY_TOKEN", &whatsapp.verify_token)
            .env("WHATSAPP_APP_SECRET", &whatsapp.app_secret)
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            .process_group(0);
        let child = command.spawn().doing("start", program)?;
        let process = ProcessId::of_child(&child)?;
        Ok(Self {
            child,
            process,
            url: settings.worker_url.clone(),
            log,
        })
    }

    /// Which process it is.
    pub fn process(&self) -> ProcessId {
        self.process
    }

    /// Whether it ended by itself.
    pub fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }

    /// Its last words, for an error.
    pub fn failure(&self) -> Error {
        let log = std::fs::read_to_string(&self.log).unwrap_or_default();
        let mut lines: Vec<&str> = log.lines().rev().take(5).collect();
        lines.reverse();
        Error::Program {
            program: "The worker".to_owned(),
            said: format!("it ended; its log ends with\n{}", lines.join("\n")),
        }
    }

    /// Waits until `/readyz` says so.
    pub async fn ready(&mut self) -> Result<()> {
        let client = http_client::client()?;
        let until = tokio::time::Instant::now() + Duration::from_secs(READY_SECONDS);
        loop {
            if self.ended() {
                return Err(self.failure());
            }
            let answer = client.get(format!("{}/readyz", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status() == reqwest::StatusCode::OK) {
                return Ok(());
            }
            if tokio::time::Instant::now() >= until {
                return Err(Error::NotReady {
                    what: "The worker",
                    seconds: READY_SECONDS,
                    log: self.log.clone(),
                });
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Lets it finish what it holds, and ends it.
    pub async fn stop(self) -> Result<()> {
        self.process.signal(Signal::TERM)?;
        self.process.gone_within(STOP_LIMIT).await;
        Ok(())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        if self.ended() {
            return;
        }
        if let Err(error) = self.child.kill().and_then(|()| self.child.wait()) {
            tracing::warn!("ending the worker: {error}");
        }
    }
}
