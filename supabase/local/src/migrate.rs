//! Puts the built extension where a server finds it, and applies the
//! migrations as the role that applies them on Supabase: `postgres`, which logs
//! in with its password and is no superuser.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::Command;

use sha2::{Digest as _, Sha256};
use sqlx::Connection as _;

use crate::cluster::SETTINGS_FILE;
use crate::error::{Doing, Error, Result};
use crate::installation::Installation;
use crate::process;
use crate::server::{OWNER, Server, run};

/// Files of this repository that a database is made from.
#[derive(Clone, Debug)]
pub struct Sources {
    root: PathBuf,
}

impl Sources {
    /// The clone at `root`.
    pub fn of(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// The newest migration. It holds everything: the way from every earlier release, and the whole schema.
    pub fn migration(&self) -> Result<PathBuf> {
        let folder = self.root.join("supabase/migrations");
        let newest = files_ending(&folder, "sql").unwrap_or_default().pop();
        newest.ok_or(Error::FileMissing {
            path: folder,
            advice: "make it with `cargo x migrations`",
        })
    }

    fn seed(&self) -> PathBuf {
        self.root.join("supabase/seed.sql")
    }

    /// SHA-256 over everything a kept database is made from.
    pub fn fingerprint(&self) -> Result<String> {
        let mut hash = Sha256::new();
        for path in [self.migration()?, self.seed()] {
            hash.update(fs::read(&path).doing("read", &path)?);
        }
        Ok(hash
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect())
    }

    /// Installs the extension's library from `build` (cargo's profile folder)
    /// and its control and script files for `installation`. What is there
    /// already and equal is left alone; a different library that some server has
    /// loaded is never overwritten.
    pub fn install_extension(&self, installation: &Installation, build: &Path) -> Result<()> {
        let folder = installation.library_folder();
        // Who comes second finds it all there.
        let one_at_a_time = File::open(&folder).doing("open", &folder)?;
        one_at_a_time.lock().doing("lock", &folder)?;
        let built = build.join("libpg_chat_ext.so");
        let library = folder.join("pg_chat_ext.so");
        if differs(&built, &library)? {
            if let Some(pid) =
                process::user_of(&library, &installation.server_program(), SETTINGS_FILE)
            {
                return Err(Error::ExtensionInUse { path: library, pid });
            }
            install(&built, &library, "755")?;
        }
        let extension = self.root.join("pg_chat_ext");
        let scripts =
            files_ending(&extension.join("sql"), "sql").doing("list", extension.join("sql"))?;
        for source in scripts
            .into_iter()
            .chain([extension.join("pg_chat_ext.control")])
        {
            let target = installation
                .extension_folder()
                .join(source.file_name().unwrap_or_default());
            if differs(&source, &target)? {
                install(&source, &target, "644")?;
            }
        }
        Ok(())
    }

    /// Applies the newest migration to `database`, in one transaction.
    pub async fn apply(&self, server: &Server, database: &str) -> Result<()> {
        self.run_file(server, database, &self.migration()?).await
    }

    /// Applies one migration of a path from the clone's root: an older one, say.
    pub async fn apply_file(&self, server: &Server, database: &str, path: &str) -> Result<()> {
        self.run_file(server, database, &self.root.join(path)).await
    }

    /// Fills `database` with the agency, site, departments and agents of the demo.
    pub async fn seed_into(&self, server: &Server, database: &str) -> Result<()> {
        self.run_file(server, database, &self.seed()).await
    }

    async fn run_file(&self, server: &Server, database: &str, path: &Path) -> Result<()> {
        let sql = fs::read_to_string(path).doing("read", path)?;
        let place = path
            .strip_prefix(&self.root)
            .unwrap_or(path)
            .display()
            .to_string();
        let mut connection = server.connect(OWNER, database).await?;
        run(&mut connection, &place, &sql).await?;
        connection.close().await?;
        Ok(())
    }
}

fn files_ending(folder: &Path, ending: &str) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_some_and(|its| its == ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn differs(source: &Path, target: &Path) -> Result<bool> {
    let wanted = match fs::read(source) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let advice = "build it with `cargo build -p pg_chat_ext`";
            return Err(Error::FileMissing {
                path: source.to_owned(),
                advice,
            });
        }
        other => other.doing("read", source)?,
    };
    match fs::read(target) {
        Ok(found) => Ok(found != wanted),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error).doing("read", target),
    }
}

/// `install` replaces the file instead of writing into it, so a process that
/// still has the old one mapped keeps it.
fn install(source: &Path, target: &Path, mode: &str) -> Result<()> {
    if !rustix::process::geteuid().is_root() {
        return Err(Error::NeedsRoot {
            what: format!("Installing {}", target.display()),
        });
    }
    let output = Command::new("install")
        .arg("-m")
        .arg(mode)
        .arg(source)
        .arg(target)
        .output()
        .doing("run", "install")?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(Error::Program {
        program: "install".to_owned(),
        said,
    })
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn several_may_install_it_at_once() {
        if !rustix::process::geteuid().is_root() {
            println!("SKIPPED: only root installs the extension");
            return;
        }
        let clone = tempfile::tempdir().unwrap();
        let (build, debian) = (clone.path().join("build"), clone.path().join("debian"));
        let write = |path: PathBuf, text: &str| {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        let extension = clone.path().join("pg_chat_ext");
        write(extension.join("pg_chat_ext.control"), "control");
        write(extension.join("sql/pg_chat_ext--1.sql"), "sql");
        write(debian.join("etc/passwd"), "postgres:x:0:0:::\n");
        write(debian.join("usr/lib/postgresql/15/bin/postgres"), "");
        let installation = Installation::in_folder(15, debian).unwrap();
        fs::create_dir_all(installation.library_folder()).unwrap();
        fs::create_dir_all(installation.extension_folder()).unwrap();
        let sources = Sources::of(clone.path());
        for round in 0..10 {
            let built = build.join("libpg_chat_ext.so");
            write(built.clone(), &format!("library {round} ").repeat(100_000));
            thread::scope(|scope| {
                let all: Vec<_> = (0..8)
                    .map(|_| scope.spawn(|| sources.install_extension(&installation, &build)))
                    .collect();
                for one in all {
                    one.join().unwrap().unwrap();
                }
            });
            let installed = installation.library_folder().join("pg_chat_ext.so");
            assert!(!differs(&built, &installed).unwrap(), "round {round}");
        }
    }
}
