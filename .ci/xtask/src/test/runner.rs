//! Runs `cargo test` and follows what it says.

use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader};
use std::process::Command;
use std::{env, thread};

use anyhow::{Result, ensure};

use super::names::{self, Binary};
use super::output::{Fate, Reader};
use crate::build::TOGETHER;
use crate::{command, repo};

/// How libtest is told how many tests run at once.
const THREADS: &str = "RUST_TEST_THREADS";
/// Half of a test's time it waits, for a worker's next look or a promise that runs out.
const TESTS_A_CORE: usize = 2;

/// What was asked for: everything, or what a filter lets through.
pub struct Wanted {
    binaries: Vec<Binary>,
    /// The one prefix of names (see [`names`]) that the filter begins with.
    prefix: Option<String>,
    /// What must be in libtest's name of a test.
    part: Option<String>,
}

/// Tests that one call of cargo runs.
#[derive(Clone)]
pub struct Tests<'a> {
    binaries: Vec<&'a Binary>,
    /// Whether a filter named one binary.
    is_one: bool,
    /// What each binary is told.
    for_binaries: Vec<String>,
}

impl Wanted {
    /// `filter` is a part of a name, or a full name's beginning: `races`, `races::receive`.
    pub fn by(filter: Option<&str>) -> Result<Self> {
        let binaries = names::binaries(&repo::metadata()?);
        let below = |binary: &Binary| {
            let rest = filter?.strip_prefix(binary.prefix.as_str())?;
            let part = if rest.is_empty() {
                rest
            } else {
                rest.strip_prefix("::")?
            };
            Some((binary.prefix.clone(), part.to_owned()))
        };
        // `chat_rules::vectors` is a binary, and `chat_rules` is one too: the longer name is meant.
        let longest = binaries
            .iter()
            .filter_map(below)
            .max_by_key(|(prefix, _)| prefix.len());
        let (prefix, part) = match longest {
            Some((prefix, part)) => (Some(prefix), Some(part).filter(|part| !part.is_empty())),
            None => (None, filter.map(str::to_owned)),
        };
        Ok(Self {
            binaries,
            prefix,
            part,
        })
    }

    /// The wanted tests of these crates; `None` when none is wanted.
    pub fn of(&self, packages: &[&str]) -> Option<Tests<'_>> {
        let is_theirs = |binary: &&Binary| packages.contains(&binary.package.as_str());
        let is_named = |binary: &&Binary| {
            self.prefix
                .as_ref()
                .is_none_or(|prefix| *prefix == binary.prefix)
        };
        let binaries: Vec<_> = self
            .binaries
            .iter()
            .filter(is_theirs)
            .filter(is_named)
            .collect();
        let for_binaries = ["--show-output".to_owned()]
            .into_iter()
            .chain(self.part.clone())
            .collect();
        (!binaries.is_empty()).then_some(Tests {
            binaries,
            is_one: self.prefix.is_some(),
            for_binaries,
        })
    }
}

impl Tests<'_> {
    /// Whether those of the binary that is called so are among them.
    pub fn has(&self, binary: &str) -> bool {
        self.binaries.iter().any(|known| known.prefix == binary)
    }

    /// Those of the binaries that are called so, and the others.
    pub fn split(self, names: &[&str]) -> [Option<Self>; 2] {
        let (these, others): (Vec<_>, Vec<_>) = self
            .binaries
            .iter()
            .partition(|binary| names.contains(&binary.prefix.as_str()));
        [these, others].map(|binaries| {
            (!binaries.is_empty()).then(|| Self {
                binaries,
                ..self.clone()
            })
        })
    }

    /// The same but for those with one of these in their names.
    pub fn without(mut self, names: &[&str]) -> Self {
        let skip = names.iter().flat_map(|name| ["--skip", name]);
        self.for_binaries.extend(skip.map(str::to_owned));
        self
    }

    /// What cargo is told, up to `--`.
    fn for_cargo(&self) -> Vec<&str> {
        let mut crates: Vec<_> = self
            .binaries
            .iter()
            .map(|binary| binary.package.as_str())
            .collect();
        crates.dedup();
        let mut args = vec!["test", "--no-fail-fast"];
        // `--lib` would mean the library of each crate that is built together.
        let integration = self.binaries.iter().all(|binary| binary.is_integration);
        if integration || !self.is_one {
            args.extend(TOGETHER);
        }
        args.extend(crates.into_iter().flat_map(|name| ["-p", name]));
        if integration || self.is_one {
            args.extend(
                self.binaries
                    .iter()
                    .flat_map(|binary| &binary.selection)
                    .map(String::as_str),
            );
        }
        args
    }

    /// Builds what [`Self::run`] runs.
    pub fn build(&self) -> Result<()> {
        command::run(command::cargo().args(self.for_cargo()).arg("--no-run"))
    }

    /// Runs them, alone or as what `around` is given to run. `fates` gets what became of each that ran.
    pub fn run(&self, around: Option<Command>, fates: &mut BTreeMap<String, Fate>) -> Result<()> {
        let cargo = command::cargo();
        let mut command = match around {
            Some(mut around) => {
                around.arg(cargo.get_program()).current_dir(repo::root());
                around
            }
            None => cargo,
        };
        command
            .args(self.for_cargo())
            .arg("--")
            .args(&self.for_binaries);
        // Plain lines to read, and errors of tests without the frames they passed through.
        command
            .env("CARGO_TERM_COLOR", "never")
            .env("RUST_LIB_BACKTRACE", "0");
        if env::var_os(THREADS).is_none() {
            let cores = thread::available_parallelism()?.get();
            command.env(THREADS, (cores * TESTS_A_CORE).to_string());
        }

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
        fates.extend(reader.fates);
        ensure!(
            status.success() || explained,
            "the tests ended with {status} though none of them failed"
        );
        Ok(())
    }
}
