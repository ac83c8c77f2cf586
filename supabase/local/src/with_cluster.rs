//! Runs a command with a throw-away cluster around it, which holds a template
//! database for each regime of default privileges.

use std::ffi::OsString;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{Command, ExitStatus};

use rustix::process::{Pid, Signal, kill_process_group};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _};
use tokio::signal::unix::{SignalKind, signal};

use crate::cluster::Cluster;
use crate::error::{Doing, Error, Result};
use crate::installation::Installation;
use crate::keys::JwtSecret;
use crate::migrate::Sources;
use crate::server::{DefaultPrivileges, PASSWORD, SUPERUSER, Server};

/// What signs tokens in tests; told to the command as `PG_CHAT_TEST_JWT_SECRET`.
pub const TEST_JWT_SECRET: &str = "a-secret-for-tests-that-is-longer-than-32-bytes";

/// The template databases, cloned with `create database … template …`.
pub const TEMPLATES: [(&str, DefaultPrivileges); 2] = [
    ("chat_template_new", DefaultPrivileges::New),
    ("chat_template_old", DefaultPrivileges::Old),
];

/// Starts a cluster with both templates: our extension from `build` (cargo's
/// profile folder), our migrations, no seed.
pub async fn cluster_with_templates(
    installation: Installation,
    sources: &Sources,
    build: &Path,
) -> Result<Cluster> {
    sources.install_extension(&installation, build)?;
    let cluster = Cluster::throw_away(installation).await?;
    let server = cluster.server();
    server.make_roles(&JwtSecret::new(TEST_JWT_SECRET)).await?;
    for (template, regime) in TEMPLATES {
        server.make_database(template, regime).await?;
        sources.apply(server, template).await?;
        freeze(server, template).await?;
    }
    server.let_worker_in().await?;
    server.let_edge_worker_in().await?;
    Ok(cluster)
}

/// Marks a database as a template that nobody can be connected to, since a
/// template in use cannot be cloned.
async fn freeze(server: &Server, template: &str) -> Result<()> {
    let mut connection = server.connect(SUPERUSER, "postgres").await?;
    let statement = format!("alter database {template} is_template true allow_connections false");
    connection.execute(AssertSqlSafe(statement)).await?;
    connection.close().await?;
    Ok(())
}

/// Runs `command` with the test environment set, and answers its exit status as
/// a shell would (128 + n after signal n). The cluster goes in any case; SIGINT,
/// SIGTERM and SIGHUP are passed on to the command and all it started.
pub async fn run(
    installation: Installation,
    sources: &Sources,
    build: &Path,
    command: &[OsString],
) -> Result<i32> {
    // Listened for from the start, so that a signal during the making of the
    // cluster is not the end of us with the cluster left behind.
    let mut signals = Signals::listen()?;
    let version = installation.version();
    let cluster = tokio::select! {
        cluster = cluster_with_templates(installation, sources, build) => cluster?,
        signal = signals.next() => return Ok(128 + signal.as_raw()),
    };
    let mut child = start(command, cluster.server(), version)?;
    let status = loop {
        tokio::select! {
            status = child.wait() => break status.doing("wait for", "the command")?,
            signal = signals.next() => pass_on(&child, signal)?,
        }
    };
    Ok(code_of(status))
}

fn start(command: &[OsString], server: &Server, version: u16) -> Result<tokio::process::Child> {
    let Some(program) = command.first() else {
        return Err(Error::Program {
            program: "with-cluster".to_owned(),
            said: "no command was given".to_owned(),
        });
    };
    // The command ends with us even when we are killed.
    let mut child = Command::new("setpriv");
    child
        .args(["--pdeathsig", "TERM", "--"])
        .arg(program)
        .args(&command[1..]);
    child
        .env("PG_CHAT_TEST_HOST", "127.0.0.1")
        .env("PG_CHAT_TEST_PORT", server.port().to_string())
        .env("PG_CHAT_TEST_PASSWORD", PASSWORD)
        .env("PG_CHAT_TEST_PG", version.to_string())
        .env("PG_CHAT_TEST_JWT_SECRET", TEST_JWT_SECRET)
        .process_group(0);
    tokio::process::Command::from(child)
        .spawn()
        .doing("start", program)
}

fn pass_on(child: &tokio::process::Child, signal: Signal) -> Result<()> {
    let group = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    match group.map(|group| kill_process_group(group, signal)) {
        None | Some(Ok(()) | Err(rustix::io::Errno::SRCH)) => Ok(()),
        Some(Err(errno)) => Err(Error::Io {
            what: "signal the command".to_owned(),
            source: errno.into(),
        }),
    }
}

fn code_of(status: ExitStatus) -> i32 {
    status
        .code()
        .or_else(|| Some(128 + status.signal()?))
        .unwrap_or(1)
}

/// The signals that ask a program to end.
pub struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hang_up: tokio::signal::unix::Signal,
}

impl Signals {
    /// From now on they no longer end this process by themselves.
    pub fn listen() -> Result<Self> {
        let on = |kind| signal(kind).doing("listen for", "signals");
        Ok(Self {
            interrupt: on(SignalKind::interrupt())?,
            terminate: on(SignalKind::terminate())?,
            hang_up: on(SignalKind::hangup())?,
        })
    }

    /// The next of them.
    pub async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::INT,
            _ = self.terminate.recv() => Signal::TERM,
            _ = self.hang_up.recv() => Signal::HUP,
        }
    }
}
