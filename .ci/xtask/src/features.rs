//! `cargo x features`: which of the things that were asked for are met, and which tests would fail without them.
//! tests/features.toml says it, docs/features.md shows it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::repo;

mod sources;

/// What was asked for was numbered once, before the work began, from R001 to this; the list is closed.
const LAST_ID: u16 = 319;

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail if docs/features.md is not up to date or a named test does not exist
    #[arg(long)]
    pub check: bool,
}

/// tests/features.toml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default, rename = "feature")]
    features: Vec<Feature>,
}

/// One thing that was asked for and is met.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Feature {
    id: String,
    says: String,
    tests: Vec<String>,
}

/// Writes or checks the page. That the tests ran is checked by `cargo x test`, which knows.
pub fn run(args: &Args) -> Result<()> {
    let list = read()?;
    list.check()?;
    let absent = sources::absent(&list.tests())?;
    ensure!(
        absent.is_empty(),
        "tests/features.toml names tests that do not exist:\n  {}",
        absent.join("\n  ")
    );
    repo::write_or_check(
        "docs/features.md",
        &list.page(),
        args.check,
        "cargo x features",
    )?;
    if args.check {
        eprintln!("every named test exists; whether they run is seen by `cargo x test`");
    }
    Ok(())
}

/// Fails unless each named test is among those that ran and passed.
pub fn check_ran(passed: &BTreeSet<String>) -> Result<()> {
    let list = read()?;
    let missing: Vec<_> = list
        .tests()
        .into_iter()
        .filter(|test| !passed.contains(*test))
        .collect();
    ensure!(
        missing.is_empty(),
        "tests named in tests/features.toml did not run and pass:\n  {}",
        missing.join("\n  ")
    );
    Ok(())
}

fn read() -> Result<List> {
    let text = repo::read(&repo::root().join("tests/features.toml"))?;
    toml::from_str(&text).context("tests/features.toml is not what its head describes")
}

impl List {
    /// Ids are known, unique and in order; each feature is said and tested.
    fn check(&self) -> Result<()> {
        let mut last = 0;
        for Feature { id, says, tests } in &self.features {
            let number = id
                .strip_prefix('R')
                .filter(|digits| digits.len() == 3)
                .and_then(|n| n.parse::<u16>().ok());
            let number = number.filter(|n| (1..=LAST_ID).contains(n));
            let number =
                number.with_context(|| format!("`{id}` is no id between R001 and R{LAST_ID}"))?;
            ensure!(number > last, "{id} stands twice or after a greater one");
            ensure!(
                !says.trim().is_empty() && !says.contains(['\n', '|']),
                "{id} needs one line that says what it is"
            );
            ensure!(!tests.is_empty(), "{id} names no test");
            last = number;
        }
        Ok(())
    }

    fn tests(&self) -> BTreeSet<&str> {
        self.features
            .iter()
            .flat_map(|feature| &feature.tests)
            .map(String::as_str)
            .collect()
    }

    /// The page: a row a feature.
    fn page(&self) -> String {
        let mut page = String::from(
            "# Features\n\n\
             What is met of what was asked for, and the tests that would fail without it. Written by `cargo x features`\n\
             from [tests/features.toml](../tests/features.toml); `cargo x test` checks that each test ran.\n\n\
             | id | feature | tests |\n|---|---|---|\n",
        );
        for Feature { id, says, tests } in &self.features {
            let tests: Vec<_> = tests.iter().map(|test| format!("`{test}`")).collect();
            page += &format!("| {id} | {says} | {} |\n", tests.join("<br>"));
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> List {
        toml::from_str(text).unwrap()
    }

    fn error(text: &str) -> String {
        list(text).check().unwrap_err().to_string()
    }

    #[test]
    fn a_feature_is_a_row() {
        let list = list(
            "[[feature]]\nid = \"R002\"\nsays = \"routing\"\ntests = [\"races::a\", \"stories::b\"]",
        );
        list.check().unwrap();
        assert!(
            list.page()
                .ends_with("|---|---|---|\n| R002 | routing | `races::a`<br>`stories::b` |\n")
        );
    }

    #[test]
    fn ids_are_known_and_stand_once_in_order() {
        let feature =
            |id: &str| format!("[[feature]]\nid = \"{id}\"\nsays = \"x\"\ntests = [\"a::b\"]\n");
        assert_eq!(
            error(&feature("R320")),
            "`R320` is no id between R001 and R319"
        );
        assert_eq!(error(&feature("R2")), "`R2` is no id between R001 and R319");
        assert_eq!(
            error(&(feature("R002") + &feature("R002"))),
            "R002 stands twice or after a greater one"
        );
    }

    #[test]
    fn a_feature_has_a_test() {
        assert_eq!(
            error("[[feature]]\nid = \"R002\"\nsays = \"x\"\ntests = []"),
            "R002 names no test"
        );
    }
}
