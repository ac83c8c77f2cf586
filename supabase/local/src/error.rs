//! Everything that can keep the stack from starting, each as one sentence that
//! says what to do about it.

use std::path::{Path, PathBuf};

/// Why something of the local stack did not happen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Another program listens where we would.
    #[error(
        "Port {port} is taken by another program: stop it (`cargo x down --port-base N` if it is a stack of yours) or choose other ports with --port-base."
    )]
    PortTaken {
        /// The port, on 127.0.0.1.
        port: u16,
    },

    /// A stack of this port base runs already.
    #[error(
        "A stack already runs on port base {base}: stop it with `cargo x down --port-base {base}`."
    )]
    AlreadyRuns {
        /// First of its four ports.
        base: u16,
    },

    /// PostgreSQL of the version that is needed is not installed.
    #[error(
        "PostgreSQL {version} is not at {}: install it with `apt-get install postgresql-{version} postgresql-server-dev-{version}`.",
        path.display()
    )]
    PackageMissing {
        /// Major version.
        version: u16,
        /// Where its programs were looked for.
        path: PathBuf,
    },

    /// Something that only root can do was asked of somebody else.
    #[error("{what} needs root: run it again with sudo.")]
    NeedsRoot {
        /// What was asked.
        what: String,
    },

    /// A kept cluster belongs to another major version.
    #[error(
        "The cluster in {} was made by PostgreSQL {found}, but this stack runs {wanted}: make it anew with --fresh.",
        path.display()
    )]
    WrongVersion {
        /// The kept cluster.
        path: PathBuf,
        /// What its PG_VERSION says.
        found: String,
        /// What was to be started.
        wanted: u16,
    },

    /// A kept cluster was made from other migrations than those at hand.
    #[error(
        "The database kept in {} was made by other migrations, seed or default privileges than now: make it anew with --fresh.",
        path.display()
    )]
    StaleDatabase {
        /// The kept cluster.
        path: PathBuf,
    },

    /// The folder belongs to somebody else, who could change it under us.
    #[error("{} belongs to another user: choose another --port-base, or another folder with PG_CHAT_STATE_DIR.", path.display())]
    ForeignFolder {
        /// The folder.
        path: PathBuf,
    },

    /// A server of this machine has another build of the extension loaded.
    #[error(
        "{} is in use by process {pid} and differs from the build at hand: stop that PostgreSQL first (`cargo x down`), then try again.",
        path.display()
    )]
    ExtensionInUse {
        /// The installed library.
        path: PathBuf,
        /// A process that has it mapped.
        pid: i32,
    },

    /// A file the stack is made from is not there.
    #[error("{} is missing: {advice}.", path.display())]
    FileMissing {
        /// The file.
        path: PathBuf,
        /// How to get it.
        advice: &'static str,
    },

    /// A program ended when it should have run, or said no.
    #[error("{program} failed: {said}")]
    Program {
        /// What was run.
        program: String,
        /// Its last words.
        said: String,
    },

    /// SQL of ours was refused, with the place where.
    #[error("{place}: {message}")]
    Sql {
        /// File and line.
        place: String,
        /// PostgreSQL's message with detail, hint and context.
        message: String,
    },

    /// The database could not be reached or answered with an error.
    #[error("the database: {0}")]
    Database(#[from] sqlx::Error),

    /// The REST double did not start.
    #[error("the REST double: {0}")]
    Rest(String),

    /// The Realtime double's stream from the database ended.
    #[error("the replication of realtime.messages: {0}")]
    Replication(String),

    /// The Graph simulator did not do what it was asked.
    #[error(transparent)]
    Graph(#[from] crate::graph::Error),

    /// A request to a part of the stack failed.
    #[error("{what}: {source}")]
    Http {
        /// Whom we asked for what.
        what: String,
        /// Why it failed.
        source: reqwest::Error,
    },

    /// A step of the play did not go as it should.
    #[error("{0}")]
    Play(String),

    /// No stack runs on this port base.
    #[error("No stack runs on port base {base}: start one with `cargo x up --port-base {base}`.")]
    NotRunning {
        /// First of its four ports.
        base: u16,
    },

    /// A part of the stack was not ready in time.
    #[error("{what} was not ready within {seconds} s; its log is {}.", log.display())]
    NotReady {
        /// The part.
        what: &'static str,
        /// How long we waited.
        seconds: u64,
        /// Where it says why.
        log: PathBuf,
    },

    /// A file or a process could not be handled.
    #[error("{what}: {source}")]
    Io {
        /// What was being done to what.
        what: String,
        /// The operating system's answer.
        source: std::io::Error,
    },
}

impl From<pgwire_replication::PgWireError> for Error {
    fn from(error: pgwire_replication::PgWireError) -> Self {
        Self::Replication(error.to_string())
    }
}

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Says what was being done when the operating system refused.
pub(crate) trait Doing<T> {
    /// `doing` reads like "write" or "start"; `what` is the file or program.
    fn doing(self, doing: &str, what: impl AsRef<Path>) -> Result<T>;
}

impl<T> Doing<T> for std::io::Result<T> {
    fn doing(self, doing: &str, what: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Error::Io {
            what: format!("{doing} {}", what.as_ref().display()),
            source,
        })
    }
}
