//! A PostgreSQL cluster of our own: made by initdb in its own folder, listening
//! on one loopback port, owned and run by an ordinary user.

mod make;
mod throw_away;

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

pub(crate) use make::SETTINGS_FILE;
use rustix::process::Signal;
use sqlx::Connection as _;

use crate::error::{Doing, Error, Result};
use crate::installation::Installation;
use crate::private_file;
use crate::process::ProcessId;
use crate::server::{SUPERUSER, Server};

/// How long a server may take to answer: longer after a crash.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long it may take to end.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// What a cluster is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Kept between runs: durable, and every connection gives its password.
    Kept,
    /// For one test run: not durable, no password asked (each connection would
    /// cost milliseconds of hashing), removed with the value that holds it.
    ThrowAway,
}

/// A cluster, running or not. Dropping it stops the server; the folder of a
/// throw-away cluster goes too.
pub struct Cluster {
    installation: Installation,
    folder: PathBuf,
    purpose: Purpose,
    server: Server,
    child: Option<Child>,
}

impl Cluster {
    /// Makes and starts a throw-away cluster on a free port, after removing
    /// what processes that were killed left behind.
    pub async fn throw_away(installation: Installation) -> Result<Self> {
        let root = installation.cluster_root();
        make_root(&root)?;
        throw_away::remove_abandoned(&root)?;
        let folder = throw_away::new_folder(&root)?;
        let mut cluster = Self {
            installation,
            folder,
            purpose: Purpose::ThrowAway,
            server: Server::on(crate::ports::any_free()?),
            child: None,
        };
        cluster.make()?;
        cluster.configure()?;
        cluster.start().await?;
        Ok(cluster)
    }

    /// Starts the cluster kept in `folder` on `port`, making it first when there
    /// is none.
    pub async fn kept(installation: Installation, folder: &Path, port: u16) -> Result<Self> {
        let mut cluster = Self {
            installation,
            folder: folder.to_owned(),
            purpose: Purpose::Kept,
            server: Server::on(port),
            child: None,
        };
        match fs::read_to_string(cluster.data().join("PG_VERSION")) {
            Err(_) => cluster.make()?,
            Ok(found) if found.trim() == cluster.installation.version().to_string() => {
                cluster.clear_stale_lock()?
            }
            Ok(found) => {
                return Err(Error::WrongVersion {
                    path: cluster.folder.clone(),
                    found: found.trim().to_owned(),
                    wanted: cluster.installation.version(),
                });
            }
        }
        cluster.configure()?;
        cluster.start().await?;
        Ok(cluster)
    }

    /// How to reach its server.
    pub fn server(&self) -> &Server {
        &self.server
    }

    /// What the server wrote since it was last started.
    pub fn log(&self) -> PathBuf {
        self.folder.join("postgres.log")
    }

    /// Whether it ended by itself.
    pub fn ended(&mut self) -> bool {
        self.child
            .as_mut()
            .is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// The running server.
    pub fn process(&self) -> Option<ProcessId> {
        ProcessId::of_child(self.child.as_ref()?).ok()
    }

    /// Starts the server and waits until it answers.
    pub async fn start(&mut self) -> Result<()> {
        let log = private_file::create(&self.log())?;
        let errors = log.try_clone().doing("share", self.log())?;
        let mut command = self.installation.command("postgres");
        command
            .arg("-D")
            .arg(self.installation.server_path(&self.data()));
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        // A group of its own: Ctrl-C on the terminal must not reach the server
        // before its clients have been stopped.
        std::os::unix::process::CommandExt::process_group(&mut command, 0);
        self.child = Some(command.spawn().doing("start", "postgres")?);

        let options = self.server.options(SUPERUSER, "postgres");
        let until = tokio::time::Instant::now() + START_LIMIT;
        loop {
            if let Ok(connection) = sqlx::PgConnection::connect_with(&options).await {
                connection.close().await?;
                return Ok(());
            }
            if self.ended() || tokio::time::Instant::now() >= until {
                self.end();
                return Err(self.why_not_started());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Stops the server, ending what its clients still do.
    pub async fn stop(&mut self) -> Result<()> {
        if let Some(process) = self.process() {
            process.signal(Signal::INT)?;
            process.gone_within(STOP_LIMIT).await;
        }
        self.end();
        Ok(())
    }

    /// Kills every process of the server at once: none says goodbye, and what was not
    /// yet handed to the operating system is lost. [`Cluster::start`] recovers.
    pub async fn crash(&mut self) -> Result<()> {
        let Some(server) = self.process() else {
            return Ok(());
        };
        let children = server.children();
        for process in std::iter::once(server).chain(children.iter().copied()) {
            process.signal(Signal::KILL)?;
        }
        self.end();
        // Shared memory is in use until the last of them is gone.
        for process in children {
            process.gone_within(STOP_LIMIT).await;
        }
        self.clear_stale_lock()
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    /// Removes the lock file of a server that no longer runs; a live one is an
    /// error, since two servers on one folder would destroy it.
    fn clear_stale_lock(&self) -> Result<()> {
        let path = self.data().join("postmaster.pid");
        let Ok(text) = fs::read_to_string(&path) else {
            return Ok(());
        };
        let pid: Option<i32> = text
            .lines()
            .next()
            .and_then(|line| line.trim().parse().ok());
        // A postmaster works in its data folder; another process that got its id does not.
        let live = pid.is_some_and(|pid| {
            fs::metadata(format!("/proc/{pid}/cwd"))
                .and_then(|its| Ok((its, fs::metadata(self.data())?)))
                .is_ok_and(|(its, ours)| (its.dev(), its.ino()) == (ours.dev(), ours.ino()))
        });
        if live {
            return Err(Error::Program {
                program: "postgres".to_owned(),
                said: format!(
                    "process {} still serves {}: stop it with `kill -INT {0}`, then try again.",
                    pid.unwrap_or_default(),
                    self.folder.display()
                ),
            });
        }
        tracing::info!("clearing up after a PostgreSQL server that was killed");
        fs::remove_file(&path).doing("remove", &path)
    }

    fn why_not_started(&self) -> Error {
        let log = fs::read_to_string(self.log()).unwrap_or_default();
        if log.contains("Address already in use") {
            return Error::PortTaken {
                port: self.server.port(),
            };
        }
        let said = log
            .lines()
            .rev()
            .take(5)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect::<Vec<_>>()
            .join("\n");
        Error::Program {
            program: "postgres".to_owned(),
            said: format!("it did not start; its log ends with\n{said}"),
        }
    }

    /// Ends the server now if it still runs, and reaps it.
    fn end(&mut self) {
        if let Some(process) = self.process().filter(|process| process.is_alive())
            && let Err(error) = process.signal(Signal::QUIT)
        {
            tracing::warn!("{error}");
        }
        if let Some(mut child) = self.child.take()
            && let Err(error) = child.wait()
        {
            tracing::warn!("waiting for postgres: {error}");
        }
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.end();
        if self.purpose == Purpose::ThrowAway
            && let Err(error) = fs::remove_dir_all(&self.folder)
        {
            tracing::warn!("removing {}: {error}", self.folder.display());
        }
    }
}

/// Makes the folder that holds all clusters, for all users as /tmp is.
pub(crate) fn make_root(root: &Path) -> Result<()> {
    if root.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(root).doing("make", root)?;
    fs::set_permissions(root, fs::Permissions::from_mode(0o1777)).doing("open", root)
}
