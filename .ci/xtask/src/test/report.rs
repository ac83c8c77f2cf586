//! What came out: steps and tests, passed, failed and skipped.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::{Context, Result};

use super::output::Fate;
use crate::command;

/// Everything that came out so far.
pub struct Report {
    /// Steps that are no tests, by what they are called.
    steps: Vec<(String, Fate)>,
    /// Tests by version of PostgreSQL (`-` for none) and full name.
    tests: BTreeMap<(String, String), Fate>,
    /// Where the tests are written down as they come.
    ran: PathBuf,
}

impl Report {
    /// Nothing yet; forgets what an earlier run wrote down.
    pub fn new(target: &Path) -> Result<Self> {
        let dir = target.join("x");
        fs::create_dir_all(&dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let report = Self {
            steps: Vec::new(),
            tests: BTreeMap::new(),
            ran: dir.join("tests-ran.txt"),
        };
        report.write_down()?;
        Ok(report)
    }

    /// Runs a step that is no test. Its error is shown and counted; `None` says that there was one.
    pub fn step<T>(&mut self, what: &str, step: impl FnOnce() -> Result<T>) -> Option<T> {
        command::announce(what);
        let began = Instant::now();
        let done = step();
        let fate = match &done {
            Ok(_) => Fate::Passed,
            Err(error) => {
                eprintln!("error: {error:#}");
                Fate::Failed
            }
        };
        say_time(&fate, began);
        self.steps.push((what.to_owned(), fate));
        done.ok()
    }

    /// Runs tests on one version of PostgreSQL (`-` for none) and keeps what became of each that `run` tells of, whether
    /// all could be run or not.
    pub fn tests(
        &mut self,
        what: &str,
        version: &str,
        run: impl FnOnce(&mut BTreeMap<String, Fate>) -> Result<()>,
    ) {
        command::announce(what);
        let began = Instant::now();
        let mut fates = BTreeMap::new();
        let ran = run(&mut fates);
        let tests = fates.into_iter();
        self.tests
            .extend(tests.map(|(name, fate)| ((version.to_owned(), name), fate)));
        let done = self.write_down().and(ran);
        let failed = self
            .tests
            .iter()
            .any(|((of, _), fate)| of == version && *fate == Fate::Failed);
        match done {
            Ok(()) => say_time(if failed { &Fate::Failed } else { &Fate::Passed }, began),
            Err(error) => {
                eprintln!("error: {error:#}");
                say_time(&Fate::Failed, began);
                self.steps.push((what.to_owned(), Fate::Failed));
            }
        }
    }

    /// Notes a step that cannot be run here.
    pub fn skip(&mut self, what: &str, reason: &str) {
        command::announce(&format!("{what}: skipped, {reason}"));
        self.steps
            .push((what.to_owned(), Fate::Skipped(reason.to_owned())));
    }

    /// The full names of tests that passed on some version and failed on none.
    pub fn passed_tests(&self) -> BTreeSet<String> {
        let named = |fate: Fate| {
            let tests = self.tests.iter().filter(move |(_, was)| **was == fate);
            tests
                .map(|((_, name), _)| name.clone())
                .collect::<BTreeSet<_>>()
        };
        &named(Fate::Passed) - &named(Fate::Failed)
    }

    /// Says again what failed and what was skipped, and closes with the count.
    pub fn close(self) -> Result<ExitCode> {
        let on = |version: &str| {
            if version == "-" {
                String::new()
            } else {
                format!(" (PostgreSQL {version})")
            }
        };
        let tests = self
            .tests
            .into_iter()
            .map(|((version, name), fate)| (format!("{name}{}", on(&version)), fate));
        let (mut passed, mut failed, mut skipped) = (0, 0, 0);
        for (name, fate) in self.steps.into_iter().chain(tests) {
            match fate {
                Fate::Passed => passed += 1,
                Fate::Failed => {
                    failed += 1;
                    eprintln!("FAILED  {name}");
                }
                Fate::Skipped(reason) => {
                    skipped += 1;
                    eprintln!("SKIPPED {name}: {reason}");
                }
            }
        }
        println!("{passed} passed, {failed} failed, {skipped} skipped");
        Ok(if failed == 0 && passed > 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        })
    }

    fn write_down(&self) -> Result<()> {
        let word = |fate: &Fate| match fate {
            Fate::Passed => "passed",
            Fate::Failed => "failed",
            Fate::Skipped(_) => "skipped",
        };
        let lines = self
            .tests
            .iter()
            .map(|((version, name), fate)| format!("{version} {} {name}\n", word(fate)));
        fs::write(&self.ran, lines.collect::<String>())
            .with_context(|| format!("cannot write {}", self.ran.display()))
    }
}

fn say_time(fate: &Fate, began: Instant) {
    let word = if *fate == Fate::Failed {
        "FAILED"
    } else {
        "ok"
    };
    eprintln!("    {word}, {:.1} s", began.elapsed().as_secs_f32());
}

#[cfg(test)]
mod tests {
    use anyhow::{anyhow, ensure};

    use super::*;

    #[test]
    fn what_ran_counts_though_the_rest_could_not_begin() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let mut report = Report::new(folder.path())?;
        report.tests("tests", "15", |fates| {
            fates.insert("stories::one".to_owned(), Fate::Passed);
            Err(anyhow!("no cluster"))
        });
        ensure!(report.passed_tests() == BTreeSet::from(["stories::one".to_owned()]));
        let ran = fs::read_to_string(folder.path().join("x/tests-ran.txt"))?;
        ensure!(ran == "15 passed stories::one\n", "{ran}");
        ensure!(report.close()? == ExitCode::FAILURE);
        Ok(())
    }
}
