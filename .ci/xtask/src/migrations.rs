//! `cargo x migrations`: the files named in sql/ORDER, one after the other, as the migration that is to be applied.
//!
//! Each release has one, which holds everything: the changes of each release since the first, which run where an
//! earlier one was, and the schema in its final state. So the newest alone installs, upgrades and mends, and what a
//! release brings is the difference of two files. What was released is frozen; see [`released`].

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

use crate::repo;

pub mod released;
mod text;
mod version;

use released::Released;
use text::Sources;
pub use version::Version;

/// The migration of the first release.
const FIRST: &str = "supabase/migrations/20260101000000_pg_chat.sql";

/// The migration of the release to come, after the first. Its name sorts after all others, and tells whoever meets it
/// that it still changes; `cargo x release` gives it its date.
const NEXT: &str = "supabase/migrations/99990101000000_pg_chat_next.sql";

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail if the migration is not what the files give, or if what was released was changed
    #[arg(long)]
    pub check: bool,
}

/// Writes or checks the migration of the release to come.
pub fn run(args: &Args) -> Result<()> {
    let released = Released::read()?;
    released.check(|path| repo::read(&repo::root().join(path)))?;
    let version = version_to_come()?;
    let text = text_of(version)?;
    if let Some(last) = released.last().filter(|last| last.version >= version) {
        ensure!(
            last.version == version,
            "Cargo.toml says {version}, and {} is released already",
            last.version
        );
        let frozen = repo::read(&repo::root().join(&last.migration))?;
        if frozen != text {
            let mut files: Vec<_> = text::differing(&frozen, &text).into_iter().collect();
            if files.is_empty() {
                files.push("its first lines");
            }
            bail!(
                "{version} is released, and what the files give is not what was released: {}\n\
                 say in Cargo.toml which version is to come (workspace.package.version), then `cargo x migrations`; \
                 docs/releases.md shows how",
                files.join(", ")
            );
        }
        return no_strays(&released, None);
    }
    let path = path_to_come(&released);
    repo::write_or_check(path, &text, args.check, "cargo x migrations")?;
    no_strays(&released, Some(path))
}

/// The version in the workspace's Cargo.toml: the release to come, or the last one while nothing came after it.
pub fn version_to_come() -> Result<Version> {
    #[derive(Deserialize)]
    struct Manifest {
        workspace: Workspace,
    }
    #[derive(Deserialize)]
    struct Workspace {
        package: Package,
    }
    #[derive(Deserialize)]
    struct Package {
        version: Version,
    }
    let manifest: Manifest = toml::from_str(&repo::read(&repo::root().join("Cargo.toml"))?)
        .context("Cargo.toml has no workspace.package.version such as 0.1.0")?;
    Ok(manifest.workspace.package.version)
}

/// Where the migration of the release to come stands until it is released.
pub fn path_to_come(released: &Released) -> &'static str {
    released.last().map_or(FIRST, |_| NEXT)
}

/// What the files give as the migration of a version.
fn text_of(version: Version) -> Result<String> {
    let mut files = repo::files("sql", "sql")?;
    files.extend(repo::files("policies", "sql")?);
    Sources {
        order: &repo::read(&repo::root().join("sql/ORDER"))?,
        files: &files,
        version,
        extension: extension_version()?,
    }
    .text()
}

/// The version of the extension's functions; it rises with a release that changes what SQL sees of them.
fn extension_version() -> Result<Version> {
    let path = "pg_chat_ext/pg_chat_ext.control";
    let control = repo::read(&repo::root().join(path))?;
    let version = control.lines().find_map(|line| {
        let (_, value) = line.strip_prefix("default_version")?.split_once('=')?;
        Some(value.trim().trim_matches('\''))
    });
    version
        .with_context(|| format!("{path} has no default_version"))?
        .parse()
}

/// Fails if a migration is neither released nor the one to come: it would be applied by whoever applies the newest.
fn no_strays(released: &Released, to_come: Option<&str>) -> Result<()> {
    let strays: Vec<_> = repo::files("supabase/migrations", "sql")?
        .into_iter()
        .map(|file| file.path)
        .filter(|path| !released.holds(path) && Some(path.as_str()) != to_come)
        .collect();
    ensure!(
        strays.is_empty(),
        "neither released nor the release to come; delete it: {}",
        strays.join(", ")
    );
    Ok(())
}
