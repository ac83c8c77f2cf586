//! `cargo x migrations`: the files named in sql/ORDER, one after the other, as the migration that Supabase applies.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};

use crate::repo::{self, File};

/// Where the migration goes. Until 0.1.0 there is one, written anew each time.
const MIGRATION: &str = "supabase/migrations/20260101000000_pg_chat.sql";

/// What the migration begins with. It opens no transaction, because whoever applies it does.
const BANNER: &str = "\
-- pg_chat: the whole schema and its policies.
-- Written by `cargo x migrations` from the files named in sql/ORDER. Change those, not this one.
";

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail if the migration is not what the files give
    #[arg(long)]
    pub check: bool,
}

/// Writes or checks the migration.
pub fn run(args: &Args) -> Result<()> {
    let order = repo::read(&repo::root().join("sql/ORDER"))?;
    let mut files = repo::files("sql", "sql")?;
    files.retain(|file| !file.path.starts_with("sql/changes/"));
    files.extend(repo::files("policies", "sql")?);
    repo::write_or_check(
        MIGRATION,
        &join(&order, &files)?,
        args.check,
        "cargo x migrations",
    )
}

/// The paths that an ORDER file names: one a line, `#` begins a comment.
fn listed(order: &str) -> Vec<&str> {
    let lines = order.lines().map(|line| {
        line.split_once('#')
            .map_or(line, |(before, _)| before)
            .trim()
    });
    lines.filter(|line| !line.is_empty()).collect()
}

/// The migration's text. `files` is all there is: each must be named once, and each name must be there.
fn join(order: &str, files: &[File]) -> Result<String> {
    let listed = listed(order);
    let mut named = BTreeSet::new();
    let twice: Vec<_> = listed
        .iter()
        .copied()
        .filter(|path| !named.insert(*path))
        .collect();
    ensure!(
        twice.is_empty(),
        "sql/ORDER names twice: {}",
        twice.join(", ")
    );
    let present: BTreeSet<_> = files.iter().map(|file| file.path.as_str()).collect();
    let absent: Vec<_> = named.difference(&present).copied().collect();
    ensure!(
        absent.is_empty(),
        "sql/ORDER names files that are not there: {}",
        absent.join(", ")
    );
    let forgotten: Vec<_> = present.difference(&named).copied().collect();
    ensure!(
        forgotten.is_empty(),
        "sql/ORDER does not name: {}",
        forgotten.join(", ")
    );

    let mut text = BANNER.to_owned();
    for path in listed {
        for file in files.iter().filter(|file| file.path == path) {
            ensure!(
                !has_transaction(&file.text),
                "{path} begins or ends a transaction; whoever applies it does that"
            );
            text += &format!("\n-- file: {path}\n{}\n", file.text.trim_end());
        }
    }
    Ok(text)
}

/// Whether a line is a transaction statement of SQL (PL/pgSQL's `begin` has no semicolon).
fn has_transaction(text: &str) -> bool {
    let statement = |line: &str| line.trim().to_ascii_lowercase();
    text.lines().map(statement).any(|line| {
        matches!(line.as_str(), "begin;" | "commit;" | "rollback;")
            || line.starts_with("start transaction")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, text: &str) -> File {
        File {
            path: path.to_owned(),
            text: text.to_owned(),
        }
    }

    #[test]
    fn files_come_in_the_order_of_the_list_with_their_names() {
        let files = [
            file("policies/a.sql", "grant;\n"),
            file("sql/b.sql", "table;\n\n"),
        ];
        let text = join("# first\nsql/b.sql\npolicies/a.sql # last\n", &files).unwrap();
        assert_eq!(
            text,
            format!("{BANNER}\n-- file: sql/b.sql\ntable;\n\n-- file: policies/a.sql\ngrant;\n")
        );
    }

    #[test]
    fn a_file_that_is_not_listed_is_named() {
        let error = join("", &[file("sql/new.sql", "")]).unwrap_err();
        assert_eq!(error.to_string(), "sql/ORDER does not name: sql/new.sql");
    }

    #[test]
    fn a_listed_file_that_is_not_there_is_named() {
        let error = join("sql/gone.sql", &[]).unwrap_err();
        assert_eq!(
            error.to_string(),
            "sql/ORDER names files that are not there: sql/gone.sql"
        );
    }

    #[test]
    fn a_file_is_listed_once() {
        let error = join("sql/b.sql\nsql/b.sql", &[file("sql/b.sql", "")]).unwrap_err();
        assert_eq!(error.to_string(), "sql/ORDER names twice: sql/b.sql");
    }

    #[test]
    fn transaction_statements_are_refused_and_blocks_of_functions_are_not() {
        assert!(
            join(
                "sql/b.sql",
                &[file("sql/b.sql", "BEGIN;\nselect 1;\ncommit;\n")]
            )
            .is_err()
        );
        assert!(
            join(
                "sql/b.sql",
                &[file("sql/b.sql", "do $$\nbegin\n  null;\nend\n$$;\n")]
            )
            .is_ok()
        );
    }
}
