//! A PostgreSQL cluster of our own: made by initdb in its own folder, listening
//! on one loopback port, owned and run by an ordinary user.

use std::fs::{self, File};
use std::io::Write as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use sqlx::Connection as _;

use crate::error::{Doing, Error, Result};
use crate::installation::Installation;
use crate::process::ProcessId;
use crate::server::{SUPERUSER, Server};

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
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let root = installation.cluster_root();
        make_root(&root)?;
        remove_abandoned(&root)?;
        let own = ProcessId::own()?;
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let folder = root.join(format!("{ABANDONABLE}{}-{}-{number}", own.pid, own.started));
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
            Ok(found) if found.trim() == cluster.installation.version().to_string() => cluster.clear_stale_lock()?,
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
        self.child.as_mut().is_none_or(|child| !matches!(child.try_wait(), Ok(None)))
    }

    /// The running server.
    pub fn process(&self) -> Option<ProcessId> {
        ProcessId::of_child(self.child.as_ref()?).ok()
    }

    /// Starts the server and waits until it answers.
    pub async fn start(&mut self) -> Result<()> {
        let log = File::create(self.log()).doing("make", self.log())?;
        let errors = log.try_clone().doing("share", self.log())?;
        let mut command = self.installation.command("postgres");
        command.arg("-D").arg(self.installation.server_path(&self.data()));
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

    /// Ends the server as a power cut would: no process of it says goodbye.
    pub async fn crash(&mut self) -> Result<()> {
        let Some(server) = self.process() else { return Ok(()) };
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

    /// Runs initdb beside the final place, so that an interrupted one leaves
    /// nothing that looks like a cluster.
    fn make(&self) -> Result<()> {
        let unfinished = self.folder.join("data.unfinished");
        let socket = self.folder.join("socket");
        let password = self.folder.join("password");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).doing("remove", &unfinished)?;
        }
        for folder in [&unfinished, &socket] {
            fs::create_dir_all(folder).doing("make", folder)?;
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).doing("protect", folder)?;
            self.installation.give(folder)?;
        }
        fs::write(&password, self.server.password()).doing("write", &password)?;
        fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).doing("protect", &password)?;
        self.installation.give(&password)?;

        let mut command = self.installation.command("initdb");
        command
            .arg("-D")
            .arg(self.installation.server_path(&unfinished))
            .arg(format!("--username={SUPERUSER}"))
            .arg(format!("--pwfile={}", self.installation.server_path(&password).display()))
            .args(["--encoding=UTF8", "--locale=C.UTF-8", "--auth-local=trust"]);
        match self.purpose {
            Purpose::Kept => command.arg("--auth-host=scram-sha-256"),
            Purpose::ThrowAway => command.args(["--auth-host=trust", "--no-sync"]),
        };
        let output = command.output().doing("run", "initdb")?;
        fs::remove_file(&password).doing("remove", &password)?;
        if !output.status.success() {
            return Err(Error::Program {
                program: "initdb".to_owned(),
                said: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        let configuration = unfinished.join("postgresql.conf");
        let mut file = File::options().append(true).open(&configuration).doing("open", &configuration)?;
        writeln!(file, "include '{SETTINGS_FILE}'").doing("write", &configuration)?;
        fs::rename(&unfinished, self.data()).doing("rename", &unfinished)
    }

    fn configure(&self) -> Result<()> {
        let mut text = format!(
            "listen_addresses = '127.0.0.1'\n\
             port = {}\n\
             unix_socket_directories = '{}'\n\
             max_connections = 200\n\
             search_path = '\"$user\", public, extensions'\n\
             timezone = 'UTC'\n\
             log_timezone = 'UTC'\n\
             log_line_prefix = '%m [%p] %q%u@%d '\n\
             deadlock_timeout = '200ms'\n\
             dynamic_shared_memory_type = mmap\n\
             jit = off\n",
            self.server.port(),
            self.installation.server_path(&self.folder.join("socket")).display(),
        );
        if self.purpose == Purpose::ThrowAway {
            text.push_str("fsync = off\nfull_page_writes = off\n");
        }
        let path = self.data().join(SETTINGS_FILE);
        fs::write(&path, text).doing("write", &path)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).doing("protect", &path)?;
        self.installation.give(&path)
    }

    /// Removes the lock file of a server that no longer runs; a live one is an
    /// error, since two servers on one folder would destroy it.
    fn clear_stale_lock(&self) -> Result<()> {
        let path = self.data().join("postmaster.pid");
        let Ok(text) = fs::read_to_string(&path) else { return Ok(()) };
        let pid: Option<i32> = text.lines().next().and_then(|line| line.trim().parse().ok());
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
            return Error::PortTaken { port: self.server.port() };
        }
        let said = log.lines().rev().take(5).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
        Error::Program { program: "postgres".to_owned(), said: format!("it did not start; its log ends with\n{said}") }
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

const SETTINGS_FILE: &str = "pg_chat.conf";
const ABANDONABLE: &str = "test-";
const START_LIMIT: Duration = Duration::from_secs(60);
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// Makes the folder that holds all clusters, for all users as /tmp is.
pub(crate) fn make_root(root: &Path) -> Result<()> {
    if root.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(root).doing("make", root)?;
    fs::set_permissions(root, fs::Permissions::from_mode(0o1777)).doing("open", root)
}

/// Removes throw-away clusters whose process is gone.
fn remove_abandoned(root: &Path) -> Result<()> {
    for entry in fs::read_dir(root).doing("list", root)?.flatten() {
        let name = entry.file_name();
        let Some(rest) = name.to_str().and_then(|name| name.strip_prefix(ABANDONABLE)) else { continue };
        let mut numbers = rest.split('-');
        let (Some(pid), Some(started)) = (
            numbers.next().and_then(|n| n.parse().ok()),
            numbers.next().and_then(|n| n.parse().ok()),
        ) else {
            continue;
        };
        let ours = entry.metadata().is_ok_and(|its| its.uid() == rustix::process::geteuid().as_raw());
        if ours && !(ProcessId { pid, started }).is_alive() {
            fs::remove_dir_all(entry.path()).doing("remove", entry.path())?;
        }
    }
    Ok(())
}
