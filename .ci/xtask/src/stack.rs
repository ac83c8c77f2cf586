//! The program `local_stack`, which holds everything that runs: PostgreSQL, the doubles, the worker.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use crate::{command, repo};

/// Its exit status for what cannot be done on this machine and is nobody's fault.
const SKIPPED: i32 = 77;

/// `local_stack` out of the folder of built programs, working on this clone.
pub fn program(programs: &Path) -> Command {
    let mut command = command::new(programs.join("local_stack"));
    command.arg("--root").arg(repo::root());
    command
}

/// `local_stack with-cluster`, to be given the command that runs while a throw-away cluster of that version of
/// PostgreSQL is up; its environment says where.
pub fn with_cluster(programs: &Path, version: &str) -> Command {
    let mut command = program(programs);
    command.env("PG_CHAT_BIN_DIR", programs);
    command.args(["with-cluster", "--pg", version, "--"]);
    command
}

/// The same on 15, with the extension as it was built for release.
pub fn with_cluster_of_release(programs: &Path, released: &Path) -> Command {
    let mut command = program(programs);
    command.env("PG_CHAT_BIN_DIR", released);
    command.args(["with-cluster", "--build"]);
    command.arg(released).arg("--");
    command
}

/// Makes the folder of PostgreSQL 17 where it is not yet made, and gives the `pg_config` to build against.
/// `None` where it cannot be made; it has said why.
pub fn pg_config_of_17(programs: &Path) -> Result<Option<PathBuf>> {
    let mut pg17 = program(programs);
    let output = pg17
        .arg("pg17")
        .stderr(Stdio::inherit())
        .output()
        .context("cannot start local_stack")?;
    if output.status.code() == Some(SKIPPED) {
        return Ok(None);
    }
    ensure!(
        output.status.success(),
        "`local_stack pg17` ended with {}",
        output.status
    );
    Ok(Some(PathBuf::from(
        String::from_utf8(output.stdout)?.trim(),
    )))
}
