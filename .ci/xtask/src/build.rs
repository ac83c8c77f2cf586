//! `cargo x build`: the extension, the worker and the local stack, as the demo and the tests use them.

use std::path::PathBuf;

use anyhow::Result;

use crate::{command, packages, repo};

/// Installs what is missing, then builds.
pub fn run() -> Result<()> {
    programs().map(drop)
}

/// Builds all three in one go, so that cargo settles the features of what they share once. Gives the folder
/// they are in.
pub fn programs() -> Result<PathBuf> {
    packages::run()?;
    command::announce("building the extension, the worker and the local stack");
    command::run(command::cargo().args([
        "build",
        "-p",
        "pg_chat_ext",
        "-p",
        "chat_worker",
        "-p",
        "local_stack",
    ]))?;
    repo::debug_dir()
}
