//! PostgreSQL 17, Supabase's present version, on a Debian 12 that has only 15:
//! a folder with Debian 13's packages, made once and entered with chroot.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::error::{Doing, Error, Result};
use crate::installation::Installation;

/// What came of asking for the folder.
pub enum Prepared {
    /// It is there.
    Ready(Installation),
    /// It cannot be made here; the sentence says why.
    Skipped(String),
}

/// Makes the folder unless it is there: about a minute and 1.6 GB. Its progress
/// goes to stderr.
pub fn prepare() -> Result<Prepared> {
    if !rustix::process::geteuid().is_root() {
        let why = "PostgreSQL 17 lives in a folder that only root can make and enter: skipped; run it again with sudo.";
        return Ok(Prepared::Skipped(why.to_owned()));
    }
    fs::create_dir_all(CACHE).doing("make", CACHE)?;
    let lock = File::create(Path::new(CACHE).join("trixie-pg17.lock")).doing("make", CACHE)?;
    lock.lock().doing("lock", CACHE)?;

    let folder = Path::new(CACHE).join("trixie-pg17");
    let finished = folder.join("finished-by-pg_chat");
    if !finished.exists() {
        if folder.exists() {
            fs::remove_dir_all(&folder).doing("remove", &folder)?;
        }
        make(&folder)?;
        fs::write(&finished, "").doing("write", &finished)?;
    }
    write_pg_config(&folder)?;
    Ok(Prepared::Ready(Installation::in_folder(17, folder)?))
}

/// The script to hand to pgrx as `PGRX_PG_CONFIG_PATH`: the folder's own
/// `pg_config`, its paths as the host sees them.
pub fn pg_config() -> PathBuf {
    Path::new(CACHE).join("trixie-pg17.pg_config")
}

const CACHE: &str = "/var/cache/pg_chat";

fn make(folder: &Path) -> Result<()> {
    if !Path::new("/usr/sbin/debootstrap").exists() {
        eprintln!("Installing debootstrap …");
        run(Command::new("apt-get").args([
            "install",
            "-y",
            "--no-install-recommends",
            "debootstrap",
        ]))?;
    }
    eprintln!(
        "Making {} with PostgreSQL 17: about a minute and 1.6 GB …",
        folder.display()
    );
    let mut debootstrap = Command::new("debootstrap");
    debootstrap
        .args([
            "--variant=minbase",
            "--include=postgresql-17,postgresql-server-dev-17",
            "trixie",
        ])
        .arg(folder)
        .arg(mirror()?);
    if let Some(proxy) = apt_setting("Acquire::http::Proxy")? {
        debootstrap.env("http_proxy", proxy);
    }
    run(&mut debootstrap)?;
    // The packages made a cluster nobody asked for.
    run(Command::new("chroot")
        .arg(folder)
        .args(["pg_dropcluster", "17", "main"]))?;
    run(Command::new("chroot")
        .arg(folder)
        .args(["apt-get", "clean"]))
}

/// The mirror this machine's own Debian comes from.
fn mirror() -> Result<String> {
    let release = fs::read_to_string("/etc/os-release").doing("read", "/etc/os-release")?;
    let codename = release
        .lines()
        .find_map(|line| line.strip_prefix("VERSION_CODENAME="))
        .unwrap_or_default();
    let targets = said(Command::new("apt-get").args([
        "indextargets",
        "--format",
        "$(RELEASE) $(SITE)",
        "Created-By: Packages",
        "Component: main",
    ]))?;
    site_of(&targets, codename).ok_or_else(|| Error::Program {
        program: "apt-get indextargets".to_owned(),
        said: format!(
            "no source of Debian {codename} is configured: add one to /etc/apt/sources.list."
        ),
    })
}

fn site_of(targets: &str, codename: &str) -> Option<String> {
    let mut sites = targets.lines().filter_map(|line| line.split_once(' '));
    sites
        .find(|(release, _)| *release == codename || *release == "stable")
        .map(|(_, site)| site.to_owned())
}

fn apt_setting(name: &str) -> Result<Option<String>> {
    let line = said(Command::new("apt-config").args(["dump", "--format", "%v%n", name]))?;
    Ok(line
        .lines()
        .next()
        .filter(|value| !value.is_empty())
        .map(str::to_owned))
}

fn write_pg_config(folder: &Path) -> Result<()> {
    let folder = folder.display();
    let script = format!(
        "#!/bin/sh\n\
         # pg_config of the PostgreSQL 17 in {folder}, its paths as the host sees them.\n\
         set -e\n\
         answer=$(chroot {folder} /usr/lib/postgresql/17/bin/pg_config \"$@\")\n\
         printf '%s\\n' \"$answer\" | sed -E 's#(^| = |-I|-L)/usr#\\1{folder}/usr#g'\n"
    );
    let path = pg_config();
    fs::write(&path, script).doing("write", &path)?;
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).doing("protect", &path)
}

/// Runs `command` with its words on our stderr.
fn run(command: &mut Command) -> Result<()> {
    command
        .env("DEBIAN_FRONTEND", "noninteractive")
        .stdin(Stdio::null())
        .stdout(io::stderr());
    let status = command.status().doing("run", command.get_program())?;
    if status.success() {
        Ok(())
    } else {
        Err(failed(command, status.to_string()))
    }
}

fn said(command: &mut Command) -> Result<String> {
    let output = command.output().doing("run", command.get_program())?;
    if !output.status.success() {
        return Err(failed(
            command,
            String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        ));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn failed(command: &Command, said: String) -> Error {
    Error::Program {
        program: command.get_program().to_string_lossy().into_owned(),
        said,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mirror_is_the_one_of_the_release_itself() {
        let targets = "bookworm-security http://security.example/debian-security\nnodistro https://x.example\nbookworm http://mirror.example/debian\n";
        assert_eq!(
            site_of(targets, "bookworm").as_deref(),
            Some("http://mirror.example/debian")
        );
        assert_eq!(site_of("nodistro https://x.example\n", "bookworm"), None);
    }
}
