//! Everything that needs a database, on one version of PostgreSQL.

use std::collections::BTreeMap;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Result, ensure};

use super::report::Report;
use super::runner::Tests;
use crate::{command, repo, stack};

/// Says where clusters stand; `local_stack` reads it.
const STATE_DIR: &str = "PG_CHAT_STATE_DIR";
/// A file system in memory, on every Linux.
const MEMORY: &str = "/dev/shm";
/// So many MB must be free there: some times what a run of all tests was seen to need.
const ROOM: u64 = 8_192;

/// Runs tests beside each other, each lot of them inside a throw-away cluster of that version.
pub fn run(report: &mut Report, programs: &Path, version: &str, lanes: Vec<Tests<'_>>) {
    let what = format!("tests on PostgreSQL {version}");
    if version == "17" {
        match report.step("extension for PostgreSQL 17", || extension_for_17(programs)) {
            Some(true) => {}
            Some(false) => return report.skip(&what, "its folder cannot be made here"),
            None => return report.skip(&what, "the extension was not built"),
        }
    }
    let state = in_memory();
    let run = |tests: Tests<'_>| {
        let mut cluster = stack::with_cluster(programs, version);
        if let Some(folder) = &state {
            cluster.env(STATE_DIR, folder);
        }
        let mut fates = BTreeMap::new();
        let done = tests.run(Some(cluster), &mut fates);
        (fates, done)
    };
    report.tests(&what, version, |fates| {
        thread::scope(|scope| {
            let run = &run;
            let running: Vec<_> = lanes
                .into_iter()
                .map(|lane| scope.spawn(move || run(lane)))
                .collect();
            let mut errors = Vec::new();
            for lane in running {
                let (found, done) = lane.join().unwrap_or_else(|panic| resume_unwind(panic));
                fates.extend(found);
                errors.extend(done.err().map(|error| format!("{error:#}")));
            }
            ensure!(errors.is_empty(), "{}", errors.join("; and "));
            Ok(())
        })
    });
}

/// Where the clusters of tests stand when there is room in memory. A test's database is seven hundred small files, and
/// ext4 takes longer and longer to make them while others were just deleted (it looks for inodes that were not).
fn in_memory() -> Option<PathBuf> {
    let megabytes = |told: &str| {
        told.split_whitespace()
            .find_map(|word| word.parse::<u64>().ok())
    };
    let df = command::read(command::new("df").args(["--output=avail", "-BM", MEMORY])).ok()?;
    let free = megabytes(&df.replace('M', " "))?;
    let told = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = told.lines().find(|line| line.starts_with("MemAvailable"))?;
    let available = megabytes(line)? / 1024;
    let chosen = std::env::var_os(STATE_DIR).is_some();
    (!chosen && free.min(available) >= ROOM).then(|| Path::new(MEMORY).join("pg_chat"))
}

/// Builds the extension against PostgreSQL 17, in a target directory of its own: in one, the builds
/// for two versions would undo each other. `false` where there is no PostgreSQL 17 to be had.
pub fn extension_for_17(programs: &Path) -> Result<bool> {
    let Some(pg_config) = stack::pg_config_of_17(programs)? else {
        return Ok(false);
    };
    let target = repo::metadata()?.target_directory.join("pg17");
    let mut cargo = command::cargo();
    cargo.args([
        "build",
        "-p",
        "pg_chat_ext",
        "--no-default-features",
        "--features",
        "pg17",
    ]);
    cargo
        .arg("--target-dir")
        .arg(target)
        .env("PGRX_PG_CONFIG_PATH", pg_config);
    command::run(&mut cargo).map(|()| true)
}
