//! `cargo x <verb>`: everything that is done with this repository, one file a verb.
//!
//! This crate is built before anything else is (it installs the packages that the other crates
//! need), so it depends on none of them and on little else.

use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod bench;
mod build;
mod chaos;
mod command;
mod demo;
mod deps;
mod down;
mod features;
mod fuzz;
mod javascript;
mod migrations;
mod packages;
mod pages;
mod race;
mod release;
mod repo;
mod stack;
mod test;
mod torture;
mod up;

#[derive(Parser)]
#[command(name = "cargo x", about = "The commands of this repository")]
struct Cli {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Subcommand)]
enum Verb {
    /// Start everything, play the main job (a WhatsApp message in, a reply out) and stay up
    Demo(demo::Args),
    /// Start everything and stay up
    Up(up::Args),
    /// Stop what `up --detach` started
    Down(down::Args),
    /// Run every check and every test
    Test(test::Args),
    /// Run one race with a size and a seed of your choice
    Race(race::Args),
    /// Let everything go wrong at once and prove that no message was lost, doubled or misordered
    Chaos(chaos::Args),
    /// Make random calls of everything public while PostgreSQL crashes, and recount everything
    Torture(torture::Args),
    /// Give what strangers can send random bytes, led by coverage
    Fuzz(fuzz::Args),
    /// Run one measurement, built for release
    Bench(bench::Args),
    /// Build the extension, the worker and the local stack
    Build,
    /// Write the migration of the release to come from the files named in sql/ORDER
    Migrations(migrations::Args),
    /// Freeze what stands there as a release: nobody changes its migration and scripts any more
    Release(release::Args),
    /// Write docs/features.md and docs/lessons.md from tests/features.toml and tests/lessons.toml
    Features(features::Args),
    /// Write docs/sql-api.md and docs/errors.md from the database's catalog
    Docs(pages::Args),
    /// Write the TypeScript types of web/client from the database's catalog
    Types(pages::Args),
    /// Check which crate may know which, and which file may say what
    Deps,
    /// Install the Debian packages that building and testing need
    Packages,
}

fn main() -> ExitCode {
    let done = match Cli::parse().verb {
        Verb::Test(args) => return test::run(&args).unwrap_or_else(|error| fail(&error)),
        Verb::Demo(args) => demo::run(&args),
        Verb::Up(args) => up::run(&args),
        Verb::Down(args) => down::run(&args),
        Verb::Race(args) => race::run(&args),
        Verb::Chaos(args) => chaos::run(&args),
        Verb::Torture(args) => torture::run(&args),
        Verb::Fuzz(args) => fuzz::run(&args),
        Verb::Bench(args) => bench::run(&args),
        Verb::Build => build::run(),
        Verb::Migrations(args) => migrations::run(&args),
        Verb::Release(args) => release::run(&args),
        Verb::Features(args) => features::run(&args),
        Verb::Docs(args) => pages::run("docs", &args),
        Verb::Types(args) => pages::run("types", &args),
        Verb::Deps => deps::run(),
        Verb::Packages => packages::run(),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error),
    }
}

fn fail(error: &anyhow::Error) -> ExitCode {
    eprintln!("error: {error:#}");
    ExitCode::FAILURE
}
