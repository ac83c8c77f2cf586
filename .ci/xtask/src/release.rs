//! `cargo x release`: freezes what stands there as a release.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};

use crate::migrations::released::{self, Release, Released};
use crate::migrations::{self, Version};
use crate::{command, repo};

#[derive(clap::Args)]
pub struct Args {
    /// The version that Cargo.toml says, such as 0.1.0
    version: Version,
}

/// Gives the migration its name, and writes down the SHA-256 of everything that must not change any more: the
/// migration, the scripts of the extension, the changes that this release brings, and its day.
pub fn run(args: &Args) -> Result<()> {
    let version = args.version;
    let released = Released::read()?;
    may_be_released(
        version,
        migrations::version_to_come()?,
        released.last().map(|last| last.version),
    )?;
    migrations::run(&migrations::Args { check: true })?;
    let root = repo::root();
    let day = format!("tests/upgrade/lives/{version}.sql");
    ensure!(
        root.join(&day).exists(),
        "{day} is missing: the day under this release that every upgrade from it is tried with; docs/releases.md says how"
    );
    nothing_uncommitted()?;

    let made = migrations::path_to_come(&released);
    let migration = match released.last() {
        None => made.to_owned(),
        Some(last) => dated(version, &last.migration)?,
    };
    if migration != made {
        fs::rename(root.join(made), root.join(&migration))
            .with_context(|| format!("cannot give {made} its name {migration}"))?;
    }
    let mut sha256 = BTreeMap::new();
    let mut files = repo::files("pg_chat_ext/sql", "sql")?;
    files.extend(repo::files("sql/changes", "sql")?);
    files.retain(|file| !released.holds(&file.path));
    for file in files {
        sha256.insert(file.path, released::sha256(&file.text));
    }
    for path in [&migration, &day] {
        let text = repo::read(&root.join(path))?;
        sha256.insert(path.clone(), released::sha256(&text));
    }

    let list = root.join(released::PATH);
    let so_far = list.exists().then(|| repo::read(&list)).transpose()?;
    let release = Release {
        version,
        migration,
        sha256,
    };
    fs::write(&list, Released::text_with(so_far.as_deref(), &release))
        .with_context(|| format!("cannot write {}", released::PATH))?;
    migrations::run(&migrations::Args { check: true })?;
    eprintln!("{version} is frozen: {} files", release.sha256.len());
    eprintln!(
        "commit {} and {}, then tag v{version}",
        released::PATH,
        release.migration
    );
    Ok(())
}

/// The version is the one that everything was made for, and later than all before.
fn may_be_released(version: Version, to_come: Version, last: Option<Version>) -> Result<()> {
    if let Some(last) = last {
        ensure!(
            version > last,
            "{last} is released already; the next one is greater"
        );
    }
    ensure!(
        version == to_come,
        "Cargo.toml says {to_come}, and the migration was made for that; set workspace.package.version to {version}, \
         then `cargo x migrations`"
    );
    Ok(())
}

/// A release is something that others can check out.
fn nothing_uncommitted() -> Result<()> {
    let mut git = Command::new("git");
    git.current_dir(repo::root()).args([
        "status",
        "--porcelain",
        "--",
        "Cargo.toml",
        "pg_chat_ext",
        "policies",
        "sql",
        "supabase",
        "tests/upgrade/lives",
    ]);
    let uncommitted = command::read(&mut git)?;
    if !uncommitted.is_empty() {
        bail!("not committed yet:\n{}", uncommitted.trim_end());
    }
    Ok(())
}

/// The migration's name with today's date, which is after that of the last one.
fn dated(version: Version, last: &str) -> Result<String> {
    let now = command::read(Command::new("date").args(["-u", "+%Y%m%d%H%M%S"]))?;
    let path = format!(
        "supabase/migrations/{}_pg_chat_{}.sql",
        now.trim(),
        version.in_a_name()
    );
    ensure!(
        path.as_str() > last,
        "{path} would be applied before {last}; is the clock right?"
    );
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(version: &str, to_come: &str, last: Option<&str>) -> String {
        let of = |text: &str| text.parse().unwrap();
        may_be_released(of(version), of(to_come), last.map(of))
            .map_or_else(|error| error.to_string(), |()| "fine".to_owned())
    }

    #[test]
    fn a_release_is_what_everything_was_made_for() {
        assert_eq!(error("0.1.0", "0.1.0", None), "fine");
        assert_eq!(error("0.2.0", "0.2.0", Some("0.1.0")), "fine");
        assert!(error("0.3.0", "0.2.0", Some("0.1.0")).starts_with("Cargo.toml says 0.2.0"));
    }

    #[test]
    fn a_release_comes_after_the_last_one() {
        for version in ["0.1.0", "0.0.9"] {
            assert_eq!(
                error(version, version, Some("0.1.0")),
                "0.1.0 is released already; the next one is greater"
            );
        }
    }

    #[test]
    fn a_migration_has_the_date_of_its_release_and_comes_after_the_last() {
        let version = "0.2.0".parse().unwrap();
        let first = "supabase/migrations/20260101000000_pg_chat.sql";
        let path = dated(version, first).unwrap();
        assert!(path.as_str() > first && path.ends_with("_pg_chat_0_2_0.sql"));
        let error = dated(version, "supabase/migrations/99980101000000_pg_chat.sql").unwrap_err();
        assert!(error.to_string().ends_with("is the clock right?"));
    }
}
