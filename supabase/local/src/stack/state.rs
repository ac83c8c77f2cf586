//! What a stack writes down in its folder: `kept.json` beside the cluster, for as
//! long as that is kept, and `running.json` while it runs. Both hold secrets and
//! are their owner's alone.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::settings::Settings;
use crate::cluster::make_root;
use crate::error::{Doing, Error, Result};
use crate::keys::{JwtSecret, random_hex};
use crate::private_file;
use crate::process::ProcessId;
use crate::server::DefaultPrivileges;

/// The folder of the stack at one port base.
#[derive(Clone, Debug)]
pub struct Folder {
    path: PathBuf,
}

impl Folder {
    /// The folder for `base`, which need not exist yet.
    pub fn of(base: u16) -> Self {
        Self {
            path: crate::state_root().join(base.to_string()),
        }
    }

    /// Makes it, and makes sure that nobody else can change it.
    pub fn make(&self) -> Result<()> {
        make_root(&crate::state_root())?;
        fs::create_dir_all(&self.path).doing("make", &self.path)?;
        let owner = fs::metadata(&self.path).doing("look at", &self.path)?.uid();
        if owner == rustix::process::geteuid().as_raw() {
            Ok(())
        } else {
            Err(Error::ForeignFolder {
                path: self.path.clone(),
            })
        }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// Held by the stack that runs here; none when another one holds it.
    pub fn lock(&self) -> Result<Option<File>> {
        let path = self.file("lock");
        let file = File::create(&path).doing("make", &path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(fs::TryLockError::WouldBlock) => Ok(None),
            Err(fs::TryLockError::Error(source)) => Err(source).doing("lock", &path),
        }
    }

    /// What is kept, if a database was finished here.
    pub fn kept(&self) -> Result<Option<Kept>> {
        read(&self.file(KEPT))
    }

    /// Says that the database is finished.
    pub fn keep(&self, kept: &Kept) -> Result<()> {
        write(&self.file(KEPT), kept)
    }

    /// Forgets the cluster, its files and its secrets.
    pub fn forget(&self) -> Result<()> {
        remove_file(&self.file(KEPT))?;
        for name in ["data", "data.unfinished", super::FILES] {
            match fs::remove_dir_all(self.file(name)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).doing("remove", self.file(name));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What runs here, as far as it was written down.
    pub fn running(&self) -> Result<Option<Running>> {
        read(&self.file(RUNNING))
    }

    /// Writes down what runs here.
    pub fn run(&self, running: &Running) -> Result<()> {
        write(&self.file(RUNNING), running)
    }

    /// Nothing runs here any more.
    pub fn rest(&self) -> Result<()> {
        remove_file(&self.file(RUNNING))
    }
}

/// What lives as long as the cluster.
#[derive(Clone, Serialize, Deserialize)]
pub struct Kept {
    /// Of the migrations and the seed (see `Sources::fingerprint`).
    pub fingerprint: String,
    /// The regime it was made under.
    pub default_privileges: DefaultPrivileges,
    /// Made at random with the cluster.
    pub secrets: Secrets,
}

/// The secrets of one stack.
#[derive(Clone, Serialize, Deserialize)]
pub struct Secrets {
    /// Signs the keys and tokens of the API.
    pub jwt: JwtSecret,
    /// Signs webhooks.
    pub app_secret: String,
    /// Answers Meta's challenge.
    pub verify_token: String,
    /// Opens the Graph API.
    pub access_token: String,
    /// What Ada signs in with.
    pub ada_password: String,
    /// What Ben signs in with.
    pub ben_password: String,
}

impl Secrets {
    /// New ones.
    pub fn random() -> Self {
        Self {
            jwt: JwtSecret::random(),
            app_secret: random_hex::<16>(),
            verify_token: random_hex::<16>(),
            access_token: format!("EAA{}", random_hex::<32>()),
            ada_password: random_hex::<8>(),
            ben_password: random_hex::<8>(),
        }
    }
}

/// What `down`, `play` and a waiting `up --detach` need to know of a running stack.
#[derive(Serialize, Deserialize)]
pub struct Running {
    /// The process that started and watches all others.
    pub supervisor: ProcessId,
    /// Those it started, in the order in which they are to be stopped.
    pub parts: Vec<ProcessId>,
    /// Everything answers and the number is confirmed.
    pub ready: bool,
    /// Addresses and keys.
    pub settings: Settings,
}

const KEPT: &str = "kept.json";
const RUNNING: &str = "running.json";

fn read<T: DeserializeOwned>(path: &Path) -> Result<Option<T>> {
    match fs::read(path) {
        Ok(bytes) => match serde_json::from_slice(&bytes) {
            Ok(value) => Ok(Some(value)),
            // Written by another version of this program: as good as nothing.
            Err(error) => {
                tracing::warn!("{} is not understood ({error}) and ignored", path.display());
                Ok(None)
            }
        },
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).doing("read", path),
    }
}

/// Writes beside and renames, so that a reader sees the old file or the new one.
fn write<T: Serialize>(path: &Path, value: &T) -> Result<()> {
    let beside = path.with_extension("new");
    let mut file = private_file::create(&beside)?;
    let text = serde_json::to_vec_pretty(value)
        .map_err(std::io::Error::from)
        .doing("write", &beside)?;
    file.write_all(&text).doing("write", &beside)?;
    fs::rename(&beside, path).doing("rename", &beside)
}

fn remove_file(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error).doing("remove", path),
        _ => Ok(()),
    }
}
