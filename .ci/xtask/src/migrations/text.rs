//! The text of a migration: what it is made of, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};

use super::Version;
use crate::repo::File;

/// What stands before each file in a migration, followed by its path.
const MARK: &str = "\n-- file: ";

/// Where changes of what a release made stand, by the release that brings them.
const CHANGES: &str = "sql/changes/";

/// What a migration is made of.
pub struct Sources<'a> {
    /// The paths in their order: one a line, `#` begins a comment.
    pub order: &'a str,
    /// All files there are: each must be named once, and each name must be there.
    pub files: &'a [File],
    /// The release whose migration it is; `@version@` in a file.
    pub version: Version,
    /// The version of the extension that it needs; `@extension@` in a file.
    pub extension: Version,
}

/// What the migration begins with. It opens no transaction, because whoever applies it does.
fn banner(version: Version) -> String {
    format!(
        "-- pg_chat {version}: the whole schema and its policies, and the way there from every earlier release.\n\
         -- Apply it in one transaction. Written by `cargo x migrations` from the files named in sql/ORDER; change those.\n"
    )
}

impl Sources<'_> {
    /// The migration.
    pub fn text(&self) -> Result<String> {
        let mut text = banner(self.version);
        for path in self.listed()? {
            for file in self.files.iter().filter(|file| file.path == path) {
                ensure!(
                    !has_transaction(&file.text),
                    "{path} begins or ends a transaction; whoever applies it does that"
                );
                let sql = file
                    .text
                    .trim_end()
                    .replace("@version@", &self.version.to_string())
                    .replace("@extension@", &self.extension.to_string());
                let sql = match path.strip_prefix(CHANGES) {
                    Some(change) => self.once(path, change, &sql)?,
                    None => sql,
                };
                text += &format!("{MARK}{path}\n{sql}\n");
            }
        }
        Ok(text)
    }

    /// The paths that the list names, which are those that there are.
    fn listed(&self) -> Result<Vec<&str>> {
        let lines = self.order.lines().map(|line| {
            line.split_once('#')
                .map_or(line, |(before, _)| before)
                .trim()
        });
        let listed: Vec<_> = lines.filter(|line| !line.is_empty()).collect();
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
        let present: BTreeSet<_> = self.files.iter().map(|file| file.path.as_str()).collect();
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
        Ok(listed)
    }

    /// A change, run where a database had an earlier release (sql/upgrade.sql asks which), and nowhere else.
    fn once(&self, path: &str, change: &str, sql: &str) -> Result<String> {
        let version = change
            .split_once('/')
            .and_then(|(version, _)| version.parse::<Version>().ok());
        let version = version.with_context(|| {
            format!("{path} does not stand in a folder of the release that brings it, such as {CHANGES}0.2.0/")
        })?;
        ensure!(
            version <= self.version,
            "{path} is of a release after {}, which Cargo.toml says is to come",
            self.version
        );
        ensure!(
            !sql.contains("$change$") && !sql.contains("$once$"),
            "{path} holds $change$ or $once$, which are put around it; quote with another word"
        );
        Ok(format!(
            "do $once$\nbegin\n    \
             if string_to_array(nullif(current_setting('pg_chat.had'), 'nothing'), '.')::integer[] < array[{}] then\n        \
             execute $change$\n{sql}\n$change$;\n    \
             end if;\nend\n$once$;",
            version.numbers()
        ))
    }
}

/// The files whose text is not the same in two migrations.
pub fn differing<'a>(one: &'a str, other: &'a str) -> BTreeSet<&'a str> {
    let (one, other) = (parts(one), parts(other));
    let paths = one.keys().chain(other.keys()).copied();
    paths
        .filter(|path| one.get(path) != other.get(path))
        .collect()
}

/// What a migration has of each file.
fn parts(migration: &str) -> BTreeMap<&str, &str> {
    let parts = migration.split(MARK).skip(1);
    parts.filter_map(|part| part.split_once('\n')).collect()
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

    /// The migration of 0.2.0, with 0.1.5 of the extension.
    fn text(order: &str, files: &[(&str, &str)]) -> Result<String> {
        let files: Vec<_> = files
            .iter()
            .map(|(path, text)| File {
                path: (*path).to_owned(),
                text: (*text).to_owned(),
            })
            .collect();
        let version = |text: &str| text.parse().unwrap();
        Sources {
            order,
            files: &files,
            version: version("0.2.0"),
            extension: version("0.1.5"),
        }
        .text()
    }

    fn error(order: &str, files: &[(&str, &str)]) -> String {
        text(order, files).unwrap_err().to_string()
    }

    fn banner() -> String {
        super::banner("0.2.0".parse().unwrap())
    }

    #[test]
    fn files_come_in_the_order_of_the_list_with_their_names() {
        let files = [("policies/a.sql", "grant;\n"), ("sql/b.sql", "table;\n\n")];
        let made = text("# first\nsql/b.sql\npolicies/a.sql # last\n", &files).unwrap();
        assert_eq!(
            made,
            format!(
                "{}\n-- file: sql/b.sql\ntable;\n\n-- file: policies/a.sql\ngrant;\n",
                banner()
            )
        );
    }

    #[test]
    fn a_file_that_is_not_listed_is_named() {
        assert_eq!(
            error("", &[("sql/new.sql", "")]),
            "sql/ORDER does not name: sql/new.sql"
        );
    }

    #[test]
    fn a_listed_file_that_is_not_there_is_named() {
        assert_eq!(
            error("sql/gone.sql", &[]),
            "sql/ORDER names files that are not there: sql/gone.sql"
        );
    }

    #[test]
    fn a_file_is_listed_once() {
        assert_eq!(
            error("sql/b.sql\nsql/b.sql", &[("sql/b.sql", "")]),
            "sql/ORDER names twice: sql/b.sql"
        );
    }

    #[test]
    fn transaction_statements_are_refused_and_blocks_of_functions_are_not() {
        let with = |sql| text("sql/b.sql", &[("sql/b.sql", sql)]);
        assert!(with("BEGIN;\nselect 1;\ncommit;\n").is_err());
        assert!(with("do $$\nbegin\n  null;\nend\n$$;\n").is_ok());
    }

    #[test]
    fn a_file_can_name_the_release_and_the_extension() {
        let made = text(
            "sql/b.sql",
            &[("sql/b.sql", "select '@version@', '@extension@';")],
        );
        assert!(made.unwrap().ends_with("\nselect '0.2.0', '0.1.5';\n"));
    }

    #[test]
    fn a_change_runs_where_an_earlier_release_was() {
        let path = "sql/changes/0.2.0/a.sql";
        let made = text(path, &[(path, "alter table t add column c text;\n")]).unwrap();
        assert_eq!(
            made.strip_prefix(&banner()).unwrap(),
            "\n-- file: sql/changes/0.2.0/a.sql
do $once$
begin
    if string_to_array(nullif(current_setting('pg_chat.had'), 'nothing'), '.')::integer[] < array[0, 2, 0] then
        execute $change$
alter table t add column c text;
$change$;
    end if;
end
$once$;
"
        );
    }

    #[test]
    fn a_change_belongs_to_a_release_that_is_not_after_this_one() {
        let of = |path| error(path, &[(path, "select 1;")]);
        assert_eq!(
            of("sql/changes/0.3.0/a.sql"),
            "sql/changes/0.3.0/a.sql is of a release after 0.2.0, which Cargo.toml says is to come"
        );
        assert_eq!(
            of("sql/changes/a.sql"),
            "sql/changes/a.sql does not stand in a folder of the release that brings it, such as sql/changes/0.2.0/"
        );
    }

    #[test]
    fn a_change_cannot_end_what_is_put_around_it() {
        let path = "sql/changes/0.2.0/a.sql";
        assert!(
            error(path, &[(path, "do $change$ $change$;")]).contains("quote with another word")
        );
    }

    #[test]
    fn two_migrations_differ_in_files() {
        let one = text("a.sql\nb.sql", &[("a.sql", "1;"), ("b.sql", "2;")]).unwrap();
        let other = text("b.sql\nc.sql", &[("b.sql", "3;"), ("c.sql", "4;")]).unwrap();
        assert_eq!(
            Vec::from_iter(differing(&one, &other)),
            ["a.sql", "b.sql", "c.sql"]
        );
        assert!(differing(&one, &one).is_empty());
    }
}
