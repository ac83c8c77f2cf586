//! Reads what cargo and libtest write, shows what is worth seeing and keeps what became of each test.

use std::collections::BTreeMap;

use super::names::Binary;

/// What became of a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It passed.
    Passed,
    /// It failed.
    Failed,
    /// It said why it could not run here.
    Skipped(String),
}

/// Follows the lines of one `cargo test -- --show-output`.
pub struct Reader<'a> {
    binaries: &'a [&'a Binary],
    prefix: String,
    /// The test whose captured output is being read.
    section: Option<String>,
    /// Whether that output is of tests that passed; it is shown only where it says `SKIPPED:`, or
    /// `LEFT:` and what it has left to be looked at.
    quiet: bool,
    /// What became of the tests, by full name.
    pub fates: BTreeMap<String, Fate>,
}

impl<'a> Reader<'a> {
    /// Reads tests of these binaries.
    pub fn new(binaries: &'a [&'a Binary]) -> Self {
        Self {
            binaries,
            prefix: String::new(),
            section: None,
            quiet: false,
            fates: BTreeMap::new(),
        }
    }

    /// Takes one line; gives what is to be shown of it. Tests are shown by their full names: others may run beside them.
    pub fn line(&mut self, line: &str) -> Option<String> {
        if let Some(target) = running(line) {
            let known = self.binaries.iter().find(|binary| binary.target == target);
            self.begin(known.map_or(target, |binary| &binary.prefix).to_owned());
            return Some(line.to_owned());
        }
        if let Some(library) = line.trim_start().strip_prefix("Doc-tests ") {
            self.begin(format!("{library}::doc"));
            return Some(line.to_owned());
        }
        match line {
            "successes:" => self.quiet = true,
            "failures:" => self.quiet = false,
            _ if line.starts_with("test result: ") => {
                (self.quiet, self.section) = (false, None);
                return None;
            }
            // A binary that died said no result.
            _ if line.starts_with("error: test failed") => {
                (self.quiet, self.section) = (false, None)
            }
            _ => {}
        }
        if let Some(name) = line
            .strip_prefix("---- ")
            .and_then(|rest| rest.strip_suffix(" stdout ----"))
        {
            let full = self.full(name);
            self.section = Some(full.clone());
            return (!self.quiet).then(|| format!("---- {full} stdout ----"));
        } else if let (Some(test), Some(reason)) = (&self.section, line.strip_prefix("SKIPPED: ")) {
            let shown = format!("test {test} SKIPPED: {reason}");
            self.fates
                .insert(test.clone(), Fate::Skipped(reason.to_owned()));
            return Some(shown);
        } else if let Some((name, fate)) = self.section.is_none().then(|| fate(line)).flatten() {
            let full = self.full(name);
            let shown = line.replacen(name, &full, 1);
            self.fates.insert(full, fate);
            return Some(shown);
        }
        if let (Some(test), Some(left)) = (&self.section, line.strip_prefix("LEFT: ")) {
            return Some(format!("test {test} left {left}"));
        }
        let noise = self.quiet || line.is_empty() || line.starts_with("running ");
        (!noise).then(|| line.to_owned())
    }

    fn begin(&mut self, prefix: String) {
        (self.prefix, self.section, self.quiet) = (prefix, None, false);
    }

    fn full(&self, name: &str) -> String {
        format!("{}::{name}", self.prefix)
    }
}

/// The target in cargo's `Running tests/races/main.rs (target/debug/deps/races-0a1b2c)`.
fn running(line: &str) -> Option<&str> {
    let (_, file) = line
        .trim_start()
        .strip_prefix("Running ")?
        .strip_suffix(')')?
        .rsplit_once('(')?;
    let file = file.rsplit_once('/').map_or(file, |(_, name)| name);
    Some(file.rsplit_once('-')?.0)
}

/// The name and fate in libtest's `test receive::one ... ok`.
fn fate(line: &str) -> Option<(&str, Fate)> {
    let (name, end) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let fate = match end {
        "ok" => Fate::Passed,
        "FAILED" => Fate::Failed,
        _ => Fate::Skipped(end.to_owned()),
    };
    Some((name.trim_end_matches(" - should panic"), fate))
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    const OUTPUT: &str = "
     Running races/main.rs (target/debug/deps/races-0a1b2c3d)

running 3 tests
test status::regress ... FAILED
test receive::one ... ok
test corpus::all ... ok

successes:

---- corpus::all stdout ----
a line of no interest
LEFT: target/a.png
SKIPPED: the corpus is not here

successes:
    corpus::all
    receive::one

failures:

---- status::regress stdout ----
left is not right

failures:
    status::regress

test result: FAILED. 2 passed; 1 failed
";

    fn read(output: &str) -> (Vec<String>, BTreeMap<String, Fate>) {
        let binary = Binary {
            package: "pg_chat_tests".to_owned(),
            is_integration: true,
            selection: Vec::new(),
            target: "races".to_owned(),
            prefix: "races".to_owned(),
            src_path: PathBuf::new(),
        };
        let binaries = [&binary];
        let mut reader = Reader::new(&binaries);
        let shown = output
            .lines()
            .filter_map(|line| reader.line(line))
            .collect();
        (shown, reader.fates)
    }

    #[test]
    fn each_test_has_its_fate_under_its_full_name() {
        let (_, fates) = read(OUTPUT);
        assert_eq!(fates["races::receive::one"], Fate::Passed);
        assert_eq!(fates["races::status::regress"], Fate::Failed);
        assert_eq!(
            fates["races::corpus::all"],
            Fate::Skipped("the corpus is not here".to_owned())
        );
    }

    #[test]
    fn what_passed_is_quiet_and_what_failed_or_was_skipped_is_shown() {
        let (shown, _) = read(OUTPUT);
        assert!(shown.contains(&"test races::receive::one ... ok".to_owned()));
        assert!(shown.contains(&"---- races::status::regress stdout ----".to_owned()));
        assert!(
            shown.contains(&"test races::corpus::all SKIPPED: the corpus is not here".to_owned())
        );
        assert!(shown.contains(&"test races::corpus::all left target/a.png".to_owned()));
        assert!(shown.contains(&"left is not right".to_owned()));
        assert!(!shown.contains(&"a line of no interest".to_owned()));
    }
}
