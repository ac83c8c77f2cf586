//! Runs `cargo test` and follows what it says.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::process::Command;

use anyhow::{Result, ensure};

use super::names::{self, Binary, WITH_DATABASE};
use super::output::{Fate, Reader};
use crate::build::TOGETHER;
use crate::{command, repo};

/// Which tests are wanted.
pub struct Runner {
    binaries: Vec<Binary>,
    /// What must be in libtest's name of a test.
    filter: Option<String>,
    /// The one binary that the filter named.
    only: Option<usize>,
}

impl Runner {
    /// `filter` is a part of a name, or a full name's beginning: `races`, `races::receive`.
    pub fn new(filter: Option<&str>) -> Result<Self> {
        let binaries = names::binaries(&repo::metadata()?);
        let below = |binary: &Binary| {
            filter
                .and_then(|f| f.strip_prefix(&binary.prefix))
                .map(str::to_owned)
        };
        let only = (0..binaries.len())
            .find(|at| below(&binaries[*at]).is_some_and(|f| f.is_empty() || f.starts_with("::")));
        let filter = match only {
            Some(at) => below(&binaries[at]).map(|f| f.trim_start_matches("::").to_owned()),
            None => filter.map(str::to_owned),
        };
        Ok(Self {
            binaries,
            filter: filter.filter(|f| !f.is_empty()),
            only,
        })
    }

    /// The arguments with which cargo runs the wanted tests of these crates; `None` when none is wanted.
    pub fn tests_of(&self, packages: &[&str]) -> Option<Vec<String>> {
        let mut args = vec!["test", "--no-fail-fast"];
        let all = self
            .binaries
            .iter()
            .filter(|binary| packages.contains(&binary.package.as_str()));
        match self.only.map(|at| &self.binaries[at]) {
            Some(only) if !packages.contains(&only.package.as_str()) => return None,
            Some(only) => {
                // `--lib` would mean the library of each crate that is built together.
                args.extend(
                    only.is_integration
                        .then_some(TOGETHER)
                        .into_iter()
                        .flatten(),
                );
                args.extend(["-p", &only.package]);
                args.extend(only.selection.iter().map(String::as_str));
            }
            None => {
                args.extend(TOGETHER);
                args.extend(packages.iter().flat_map(|package| ["-p", package]));
                if packages == [WITH_DATABASE] {
                    args.extend(
                        all.filter(|binary| binary.is_integration)
                            .flat_map(|binary| &binary.selection)
                            .map(String::as_str),
                    );
                }
            }
        }
        args.extend(["--", "--show-output"]);
        args.extend(self.filter.as_deref());
        Some(args.into_iter().map(str::to_owned).collect())
    }

    /// Builds what [`Self::run`] would run.
    pub fn build(&self, args: &[String]) -> Result<()> {
        let for_cargo = args.iter().take_while(|arg| *arg != "--");
        command::run(command::cargo().args(for_cargo).arg("--no-run"))
    }

    /// Runs cargo with arguments of [`Self::tests_of`], alone or at the end of `around`.
    pub fn run(&self, around: Option<Command>, args: &[String]) -> Result<BTreeMap<String, Fate>> {
        let cargo = command::cargo();
        let mut command = match around {
            Some(mut around) => {
                around.arg(cargo.get_program()).current_dir(repo::root());
                around
            }
            None => cargo,
        };
        command.args(args);
        // Plain lines to read, and errors of tests without the frames they passed through.
        command
            .env("CARGO_TERM_COLOR", "never")
            .env("RUST_LIB_BACKTRACE", "0");

        // One pipe for both, so that cargo's "Running …" stays before the lines of the binary it runs.
        let (lines, write_end) = io::pipe()?;
        command.stdout(write_end.try_clone()?).stderr(write_end);
        let mut child = command.spawn()?;
        drop(command); // and with it our copies of the write end
        let mut reader = Reader::new(&self.binaries);
        for line in BufReader::new(lines).lines() {
            if let Some(shown) = reader.line(&line?) {
                println!("{shown}");
            }
        }
        let status = child.wait()?;
        let explained = reader.fates.values().any(|fate| *fate == Fate::Failed);
        ensure!(
            status.success() || explained,
            "the tests ended with {status} though none of them failed"
        );
        Ok(reader.fates)
    }
}
