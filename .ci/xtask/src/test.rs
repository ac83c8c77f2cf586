//! `cargo x test`: every check and every test, each step announced, its time said.
//!
//! A step that fails does not stop those that do not need it, so one run shows everything that is wrong.

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::{build, command, deps, features, javascript, migrations, packages, repo};

mod databases;
mod mutate;
pub mod names;
mod output;
mod report;
mod runner;

use report::Report;
use runner::Wanted;

/// The crates whose tests need no database.
const WITHOUT_DATABASE: &[&str] = &["chat_rules", "chat_worker", "local_stack", "xtask"];

/// What waits for clients, browsers and workers half of its time: it runs beside the others.
const BESIDE: &[&str] = &["chaos", "e2e", "pages", "races", "realtime"];

/// What says more of our own rules than of the server: on 17 only where that alone is asked for. These binaries,
const BINARIES_ONCE: &[&str] = &["chaos", "pages", "races", "realtime"];
/// and these tests.
const ONCE: &[&str] = &["after_any_calls_by_anybody_and_crashes", "mutate::sample::"];

/// Runs, in this order: packages, format, clippy, directions of dependencies, migrations and features up to date,
/// unit tests, then on PostgreSQL 15 everything that needs a database and on 17 most of it, licences and advisories,
/// and whether every test that a feature names ran. The last line is `N passed, N failed, N skipped`: checks and tests.
///
/// `cargo x test rls --mutate` does something else: it tests the tests of who may do what.
#[derive(clap::Args)]
pub struct Args {
    /// Only this version of PostgreSQL
    #[arg(long, value_parser = ["15", "17"])]
    pg: Option<String>,
    /// Only tests whose name has this in it, or `<binary>::<path>`; no other checks
    filter: Option<String>,
    /// With `rls`: take every policy, grant, view barrier and check away in turn; some test must miss each of them.
    /// Status 1 with survivors
    #[arg(long)]
    mutate: bool,
    /// With --mutate: the order of an earlier run; it said its seed
    #[arg(long, requires = "mutate")]
    seed: Option<u64>,
    /// With --mutate: only what has this in its name, or of the kind that the report calls so; may be said several times
    #[arg(long, requires = "mutate")]
    only: Vec<String>,
    /// With --mutate: list what would be taken away, try nothing
    #[arg(long, requires = "mutate")]
    list: bool,
}

/// Runs it all.
pub fn run(args: &Args) -> Result<ExitCode> {
    if args.mutate {
        return mutate::run(args);
    }
    let mut report = Report::new(&repo::metadata()?.target_directory)?;
    report.step("packages", packages::run);
    if args.filter.is_none() {
        checks(&mut report);
    }
    let wanted = Wanted::by(args.filter.as_deref())?;
    report.step("web client", javascript::client);
    if let Some(tests) = wanted.of(WITHOUT_DATABASE) {
        report.tests("unit tests", "-", |fates| tests.run(None, fates));
    }
    if let Some(tests) = wanted.of(&[names::WITH_DATABASE]) {
        javascript(&mut report);
        if tests.has(names::ALL_PROCESSES) {
            browser(&mut report);
        }
        let programs = report.step("worker, local stack and tests built", || {
            let programs = build::programs()?;
            tests.build()?;
            Ok(programs)
        });
        if let Some(programs) = programs {
            let asked = |version: &&str| args.pg.as_ref().is_none_or(|pg| pg == version);
            for version in ["15", "17"].iter().filter(|version| asked(version)) {
                let mut tests = tests.clone();
                if *version == "17" && args.filter.is_none() && args.pg.is_none() {
                    let [_, others] = tests.split(BINARIES_ONCE);
                    tests = others.context("there is no other binary")?.without(ONCE);
                }
                let lanes = tests.split(BESIDE).into_iter().flatten().collect();
                databases::run(&mut report, &programs, version, lanes);
            }
        }
    }
    if args.filter.is_none() {
        licences(&mut report);
        let passed = report.passed_tests();
        report.step("features: every named test ran", || {
            features::check_ran(&passed)
        });
    }
    report.close()
}

/// What needs no test to run.
fn checks(report: &mut Report) {
    let cargo = |args: &[&str]| command::run(command::cargo().args(args));
    report.step("format", || cargo(&["fmt", "--all", "--", "--check", "-l"]));
    report.step("clippy", || {
        cargo(&[
            "clippy",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ])
    });
    // The workspace has it with every feature, for the tests; what people build has none.
    report.step("clippy, worker without feature edge", || {
        let mut without = vec!["clippy", "-p", "pg_chat_ext", "-p", "local_stack"];
        without.extend(["-p", "chat_worker", "--all-targets", "--", "-D", "warnings"]);
        cargo(&without)
    });
    report.step("deps", deps::run);
    report.step("migrations", || {
        migrations::run(&migrations::Args { check: true })
    });
    report.step("features", || {
        features::run(&features::Args { check: true })
    });
}

/// The official clients that tests run in Node.
fn javascript(report: &mut Report) {
    report.step("JavaScript packages", || {
        ["tests/javascript", "tests/realtime"]
            .iter()
            .try_for_each(|folder| javascript::install(folder))
    });
}

/// The demo's two pages, and what tries them.
fn browser(report: &mut Report) {
    report.step("browser", packages::browser);
    report.step("the demo's pages", || {
        javascript::install("tests/browser")?;
        javascript::demo_pages()
    });
}

/// Licences and advisories, where cargo-deny is at hand.
fn licences(report: &mut Report) {
    if command::succeeds(command::cargo().args(["deny", "--version"])) {
        report.step("licences and advisories", || {
            command::run(command::cargo().args(["deny", "check"]))
        });
    } else {
        report.skip("licences and advisories", "cargo-deny is not installed");
    }
}
