//! Packages of npm, for the few things that JavaScript has to show.

use std::fs;
use std::path::Path;
use std::time::SystemTime;

use anyhow::{Result, ensure};

use crate::{command, repo};

/// The oldest Node that Supabase's clients were seen to run on; they ask for 22 themselves, in a warning.
const NODE: u32 = 20;

/// Installs what the lock file of a folder names, unless it is there.
///
/// # Errors
///
/// There is no Node, or an older one, or npm cannot fetch.
pub fn install(folder: &str) -> Result<()> {
    let folder = repo::root().join(folder);
    // npm writes this file last.
    let done = changed(&folder.join("node_modules/.package-lock.json"));
    if done.is_some() && done >= changed(&folder.join("package-lock.json")) {
        return Ok(());
    }
    ensure!(
        node().is_some_and(|version| version >= NODE),
        "install Node {NODE} or newer with npm (https://nodejs.org): the web client and Supabase's own clients run on it"
    );
    let mut npm = command::new("npm");
    npm.args(["ci", "--no-audit", "--no-fund"])
        .current_dir(&folder);
    command::run_quietly(&mut npm)
}

/// Builds the demo's two pages (web/demo) on the web client.
///
/// # Errors
///
/// As [`install`], or the pages are not well written.
pub fn demo_pages() -> Result<()> {
    install("web/client")?;
    let mut npm = command::new("npm");
    npm.args(["run", "--silent", "demo"])
        .current_dir(repo::root().join("web/client"));
    command::run_quietly(&mut npm)
}

/// The same for who wants to try things: without Node everything else is there.
pub fn demo_pages_if_possible() {
    if let Err(why) = demo_pages() {
        eprintln!("The pages /demo/visitor and /demo/agent are left out: {why:#}");
    }
}

/// Builds the web client and the programs of its tests, whose types are checked by it.
///
/// # Errors
///
/// As [`install`]; or a type is wrong.
pub fn client() -> Result<()> {
    install("web/client")?;
    let client = repo::root().join("web/client");
    for project in ["tsconfig.json", "tests/tsconfig.json"] {
        let mut tsc = command::new(client.join("node_modules/.bin/tsc"));
        command::run_quietly(tsc.args(["-p", project]).current_dir(&client))?;
    }
    Ok(())
}

/// The major version of Node; none where there is no Node.
fn node() -> Option<u32> {
    let said = command::new("node").arg("--version").output().ok()?.stdout;
    let said = String::from_utf8(said).ok()?;
    said.strip_prefix('v')?.split('.').next()?.parse().ok()
}

fn changed(file: &Path) -> Option<SystemTime> {
    fs::metadata(file).ok()?.modified().ok()
}
