//! `cargo x features`: which of the things that were asked for are met, which lessons of other integrations are learnt, and
//! which tests would fail otherwise. tests/features.toml and tests/lessons.toml say it, docs/features.md and docs/lessons.md
//! show it.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::repo;

mod sources;

/// A list of what tests must show, and the page that is made of it.
struct Book {
    list: &'static str,
    page: &'static str,
    /// What ids begin with, and how many digits follow.
    letter: char,
    digits: usize,
    /// The greatest id.
    last: u16,
    /// Every id up to the last stands in it.
    is_whole: bool,
    head: &'static str,
}

const BOOKS: [Book; 2] = [
    Book {
        list: "tests/features.toml",
        page: "docs/features.md",
        letter: 'R',
        digits: 3,
        // What was asked for was numbered once, before the work began; the list is closed.
        last: 319,
        is_whole: false,
        head: "# Features\n\n\
            What is met of what was asked for, and the tests that would fail without it. Written by `cargo x features`\n\
            from [tests/features.toml](../tests/features.toml); `cargo x test` checks that each test ran.\n\n\
            | id | feature | tests |\n|---|---|---|\n",
    },
    Book {
        list: "tests/lessons.toml",
        page: "docs/lessons.md",
        letter: 'L',
        digits: 2,
        // What comes after is about messages written in the Business app itself, which are not received yet.
        last: 55,
        is_whole: true,
        head: "# Lessons of other integrations\n\n\
            What people who connected WhatsApp to something reported, in our words: what went wrong there, what happens\n\
            here, and the tests that would fail otherwise. Written by `cargo x features` from\n\
            [tests/lessons.toml](../tests/lessons.toml); `cargo x test` checks that each test ran. Four more are about messages that\n\
            were written in the Business app itself, which are not received yet.\n\n\
            | id | elsewhere | here | tests |\n|---|---|---|---|\n",
    },
];

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail if a page is not up to date or a named test does not exist
    #[arg(long)]
    pub check: bool,
}

/// A book's entries.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct List {
    #[serde(default, rename = "feature", alias = "lesson")]
    entries: Vec<Entry>,
}

/// One thing that was asked for and is met, or one lesson.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    /// Of a lesson: what went wrong.
    elsewhere: Option<String>,
    says: String,
    tests: Vec<String>,
}

/// Writes or checks the pages. That the tests ran is checked by `cargo x test`, which knows.
pub fn run(args: &Args) -> Result<()> {
    for book in &BOOKS {
        let list = book.read()?;
        let absent = sources::absent(&list.tests())?;
        ensure!(
            absent.is_empty(),
            "{} names tests that do not exist:\n  {}",
            book.list,
            absent.join("\n  ")
        );
        repo::write_or_check(book.page, &book.show(&list), args.check, "cargo x features")?;
    }
    if args.check {
        eprintln!("every named test exists; whether they run is seen by `cargo x test`");
    }
    Ok(())
}

/// Fails unless each named test is among those that ran and passed.
pub fn check_ran(passed: &BTreeSet<String>) -> Result<()> {
    for book in &BOOKS {
        let list = book.read()?;
        let tests = list.tests().into_iter();
        let missing: Vec<_> = tests.filter(|test| !passed.contains(*test)).collect();
        ensure!(
            missing.is_empty(),
            "tests named in {} did not run and pass:\n  {}",
            book.list,
            missing.join("\n  ")
        );
    }
    Ok(())
}

impl Book {
    fn read(&self) -> Result<List> {
        let text = repo::read(&repo::root().join(self.list))?;
        let list: List = toml::from_str(&text)
            .with_context(|| format!("{} is not what its head describes", self.list))?;
        self.check(&list)?;
        Ok(list)
    }

    fn id(&self, number: u16) -> String {
        format!("{}{number:0width$}", self.letter, width = self.digits)
    }

    /// Ids are known, unique and in order; each entry is said and tested.
    fn check(&self, list: &List) -> Result<()> {
        let mut last = 0;
        for entry in &list.entries {
            let id = &entry.id;
            let number = (1..=self.last).find(|number| self.id(*number) == *id);
            let number = number.with_context(|| {
                let (first, last) = (self.id(1), self.id(self.last));
                format!("`{id}` is no id between {first} and {last}")
            })?;
            ensure!(number > last, "{id} stands twice or after a greater one");
            ensure!(
                !self.is_whole || number == last + 1,
                "{} is not there",
                self.id(last + 1)
            );
            for line in [Some(&entry.says), entry.elsewhere.as_ref()]
                .into_iter()
                .flatten()
            {
                ensure!(
                    !line.trim().is_empty() && !line.contains(['\n', '|']),
                    "{id} needs one line that says what it is"
                );
            }
            ensure!(!entry.tests.is_empty(), "{id} names no test");
            last = number;
        }
        ensure!(
            !self.is_whole || last == self.last,
            "{} is not there",
            self.id(last + 1)
        );
        Ok(())
    }

    /// The page: a row an entry.
    fn show(&self, list: &List) -> String {
        let mut page = self.head.to_owned();
        for entry in &list.entries {
            let tests: Vec<_> = entry.tests.iter().map(|test| format!("`{test}`")).collect();
            let words = [Some(&entry.id), entry.elsewhere.as_ref(), Some(&entry.says)];
            let words: Vec<_> = words.into_iter().flatten().map(String::as_str).collect();
            page += &format!("| {} | {} |\n", words.join(" | "), tests.join("<br>"));
        }
        page
    }
}

impl List {
    fn tests(&self) -> BTreeSet<&str> {
        self.entries
            .iter()
            .flat_map(|entry| &entry.tests)
            .map(String::as_str)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(text: &str) -> List {
        toml::from_str(text).unwrap()
    }

    fn error(book: &Book, text: &str) -> String {
        book.check(&list(text)).unwrap_err().to_string()
    }

    #[test]
    fn a_feature_is_a_row() {
        let list = list(
            "[[feature]]\nid = \"R002\"\nsays = \"routing\"\ntests = [\"races::a\", \"stories::b\"]",
        );
        BOOKS[0].check(&list).unwrap();
        assert!(
            BOOKS[0]
                .show(&list)
                .ends_with("|---|---|---|\n| R002 | routing | `races::a`<br>`stories::b` |\n")
        );
    }

    #[test]
    fn ids_are_known_and_stand_once_in_order() {
        let feature =
            |id: &str| format!("[[feature]]\nid = \"{id}\"\nsays = \"x\"\ntests = [\"a::b\"]\n");
        let features = &BOOKS[0];
        assert_eq!(
            error(features, &feature("R320")),
            "`R320` is no id between R001 and R319"
        );
        assert_eq!(
            error(features, &feature("R2")),
            "`R2` is no id between R001 and R319"
        );
        assert_eq!(
            error(features, &(feature("R002") + &feature("R002"))),
            "R002 stands twice or after a greater one"
        );
    }

    #[test]
    fn no_lesson_is_left_out() {
        let lesson = |n: usize| {
            format!(
                "[[lesson]]\nid = \"L{n:02}\"\nelsewhere = \"lost\"\nsays = \"kept\"\ntests = [\"a::b\"]\n"
            )
        };
        let lessons = |all: &[usize]| all.iter().map(|n| lesson(*n)).collect::<String>();
        let book = &BOOKS[1];
        let all: Vec<usize> = (1..=55).collect();
        let whole = list(&lessons(&all));
        book.check(&whole).unwrap();
        assert!(
            book.show(&whole)
                .ends_with("| L55 | lost | kept | `a::b` |\n")
        );
        assert_eq!(error(book, &lessons(&[1, 3])), "L02 is not there");
        assert_eq!(error(book, &lessons(&all[..54])), "L55 is not there");
    }

    #[test]
    fn a_feature_has_a_test() {
        assert_eq!(
            error(
                &BOOKS[0],
                "[[feature]]\nid = \"R002\"\nsays = \"x\"\ntests = []"
            ),
            "R002 names no test"
        );
    }
}
