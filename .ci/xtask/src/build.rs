//! `cargo x build`: the extension, the worker and the local stack, as the demo and the tests use them.

use std::path::PathBuf;

use anyhow::Result;

use crate::test::names::WITH_DATABASE;
use crate::{command, packages, repo};

/// Installs what is missing, then builds.
pub fn run() -> Result<()> {
    programs().map(drop)
}

/// What stands in every build of the demo and the tests. Cargo settles the features of shared dependencies for the
/// crates that are built together; with these among them it is settled alike each time, and nothing is built twice. The
/// worker has its optional way to the database (docs/edge.md), as the tests need it.
pub const TOGETHER: [&str; 8] = [
    "-p",
    "pg_chat_ext",
    "-p",
    "chat_worker",
    "-p",
    "local_stack",
    "--features",
    "chat_worker/edge",
];

/// Builds all three. Gives the folder they are in.
pub fn programs() -> Result<PathBuf> {
    packages::run()?;
    command::announce("building the extension, the worker and the local stack");
    command::run(command::cargo().arg("build").args(TOGETHER))?;
    repo::debug_dir()
}

/// Builds all three, and beside them a program of the tests' own. Gives the folder they are in.
pub fn programs_and(program: &str) -> Result<PathBuf> {
    let programs = programs()?;
    let mut cargo = command::cargo();
    cargo
        .arg("build")
        .args(TOGETHER)
        .args(["-p", WITH_DATABASE, "--bin", program]);
    command::run(&mut cargo)?;
    Ok(programs)
}
