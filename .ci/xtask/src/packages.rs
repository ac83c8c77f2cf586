//! `cargo x packages`: the Debian packages that building and testing need. Every verb that builds calls it first.

use std::process::Command;

use anyhow::{Result, bail, ensure};

use crate::command;

/// What is needed, and what for.
const NEEDED: &[(&str, &str)] = &[
    ("postgresql-15", "the server of the demo and the tests"),
    (
        "postgresql-server-dev-15",
        "the headers the extension is built with",
    ),
    ("libclang-14-dev", "reads those headers for pgrx"),
    ("clang-14", "its compiler's own headers"),
    (
        "ca-certificates",
        "the worker's HTTPS client starts with the machine's certificates",
    ),
];

/// What the tests of the demo's pages need besides.
const BROWSER: &[(&str, &str)] = &[(
    "chromium-headless-shell",
    "the browser that tries the demo's pages",
)];

/// A package of PostgreSQL makes a cluster `main` and starts it, unless told before. The sentence is needed
/// only while apt runs and is taken away after, so the machine keeps its own settings.
const INSTALL: &str = r#"set -eu
quiet=/etc/postgresql-common/createcluster.d/pg_chat.conf
mkdir -p "${quiet%/*}"
trap 'rm -f "$quiet"' EXIT
echo 'create_main_cluster = false' >"$quiet"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -q --no-install-recommends "$@"
"#;

/// Installs what is missing.
pub fn run() -> Result<()> {
    if is_debian() {
        return install(NEEDED);
    }
    not_debian()
}

/// Installs a browser, unless `CHROMIUM` says where one is.
pub fn browser() -> Result<()> {
    if std::env::var_os("CHROMIUM").is_some() {
        return Ok(());
    }
    ensure!(
        is_debian(),
        "this machine has no apt; install Chromium and set CHROMIUM to its program"
    );
    install(BROWSER)
}

fn is_debian() -> bool {
    command::succeeds(Command::new("dpkg-query").arg("--version"))
}

fn install(packages: &[(&str, &str)]) -> Result<()> {
    let missing: Vec<_> = packages
        .iter()
        .filter(|(name, _)| !is_installed(name))
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    let names: Vec<&str> = missing.iter().map(|(name, _)| *name).collect();
    let Some(mut shell) = root_shell() else {
        bail!(
            "packages are missing and there is neither root nor sudo to install them; \
             have this run as root: apt-get install --no-install-recommends {}",
            names.join(" ")
        );
    };
    command::announce("installing packages with apt-get");
    for (name, purpose) in missing {
        eprintln!("    {name}: {purpose}");
    }
    command::run(shell.args(["sh", "-c", INSTALL, "sh"]).args(names))
}

/// Elsewhere nothing can be installed from here; whoever names a pg_config has what is needed.
fn not_debian() -> Result<()> {
    let pg_config = std::env::var_os("PGRX_PG_CONFIG_PATH").unwrap_or_else(|| "pg_config".into());
    if command::succeeds(Command::new(pg_config).arg("--version")) {
        return Ok(());
    }
    bail!(
        "this machine has no apt; install PostgreSQL 15 with its server headers and libclang, \
         and set PGRX_PG_CONFIG_PATH to its pg_config"
    )
}

fn is_installed(package: &str) -> bool {
    let mut query = Command::new("dpkg-query");
    query.args(["--show", "--showformat", "${db:Status-Status}", package]);
    command::read(&mut query).is_ok_and(|status| status == "installed")
}

fn is_root() -> bool {
    command::read(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}

/// A command that runs its arguments as root.
fn root_shell() -> Option<Command> {
    if is_root() {
        return Some(Command::new("env"));
    }
    command::succeeds(Command::new("sudo").arg("--version")).then(|| Command::new("sudo"))
}
