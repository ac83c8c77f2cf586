//! What JavaScript has to show, run by Node. Packages are fetched, and what is built is built, by `cargo x test`.

use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use tokio::process::Command;

use crate::repository;

/// Node in a folder of the repository that has packages of npm.
///
/// # Errors
///
/// The packages are not there.
pub fn node(folder: &str) -> Result<Command> {
    let path = repository().join(folder);
    ensure!(
        path.join("node_modules/.package-lock.json").exists(),
        "{folder} has no packages: install Node 20 or newer with npm and say `cargo x test`, which fetches them"
    );
    let mut node = Command::new("node");
    node.current_dir(path)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    Ok(node)
}

/// Runs a program to its end and hands back what it said.
///
/// # Errors
///
/// It does not start, or ends badly; then with its words.
pub async fn said(node: &mut Command) -> Result<String> {
    let output = node.output().await.context("cannot start node")?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let complaints = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{said}\n{complaints}");
    Ok(said)
}

/// Runs tests of Node's own runner, from a file or all in a folder, and hands back how many passed.
///
/// # Errors
///
/// One fails or is skipped, or there is none.
pub async fn passed(node: &mut Command, tests: &str) -> Result<usize> {
    let said = said(node.args(["--test", "--test-reporter=tap", tests])).await?;
    let count = |what: &str| -> Result<usize> {
        let line = said.lines().find_map(|line| line.strip_prefix(what));
        let number = line.with_context(|| format!("no count of `{what}` in:\n{said}"))?;
        Ok(number.trim().parse()?)
    };
    let passed = count("# pass ")?;
    ensure!(
        passed > 0 && count("# skipped ")? == 0,
        "not every test ran:\n{said}"
    );
    Ok(passed)
}
