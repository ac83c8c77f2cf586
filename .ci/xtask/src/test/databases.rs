//! Everything that needs a database, on one version of PostgreSQL.

use std::path::Path;

use anyhow::Result;

use super::report::Report;
use super::runner::Tests;
use crate::{command, repo, stack};

/// Runs the tests inside a throw-away cluster of that version.
pub fn run(report: &mut Report, programs: &Path, version: &str, tests: &Tests<'_>) {
    let what = format!("tests on PostgreSQL {version}");
    if version == "17" {
        match report.step("extension for PostgreSQL 17", || extension_for_17(programs)) {
            Some(true) => {}
            Some(false) => return report.skip(&what, "its folder cannot be made here"),
            None => return report.skip(&what, "the extension was not built"),
        }
    }
    report.tests(&what, version, || {
        tests.run(Some(stack::with_cluster(programs, version)))
    });
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
