//! supabase/released.toml: what was released, file by file, so that nobody changes it afterwards. Databases out there
//! were made by those files; who edits one gets two kinds of databases with one number.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::Version;
use crate::repo;

/// Where it stands.
pub const PATH: &str = "supabase/released.toml";

/// Its first lines.
const HEAD: &str = "\
# What was released; `cargo x release` adds to it. A file that stands here with its SHA-256 never changes again: a
# database somewhere was made by it. What comes after is said in sql/ and sql/changes/; docs/releases.md shows how.
";

/// All releases, the oldest first.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    #[serde(default, rename = "release")]
    releases: Vec<Release>,
}

/// One release.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Release {
    /// Its number.
    pub version: Version,
    /// The path of its migration.
    pub migration: String,
    /// What it froze: path and SHA-256.
    pub sha256: BTreeMap<String, String>,
}

impl Released {
    /// Reads the list; without one nothing was released.
    pub fn read() -> Result<Self> {
        let path = repo::root().join(PATH);
        if !path.exists() {
            return Ok(Self::default());
        }
        toml::from_str(&repo::read(&path)?)
            .with_context(|| format!("{PATH} is not as `cargo x release` writes it"))
    }

    /// The newest release.
    pub fn last(&self) -> Option<&Release> {
        self.releases.last()
    }

    /// Whether some release froze this file.
    pub fn holds(&self, path: &str) -> bool {
        self.releases
            .iter()
            .any(|release| release.sha256.contains_key(path))
    }

    /// Fails, naming them, unless every frozen file is as it was released.
    pub fn check(&self, read: impl Fn(&str) -> Result<String>) -> Result<()> {
        let mut changed = Vec::new();
        for release in &self.releases {
            for (path, hash) in &release.sha256 {
                match read(path) {
                    Ok(text) if sha256(&text) == *hash => {}
                    Ok(_) => changed.push(format!("{path} was changed after {}", release.version)),
                    Err(error) => {
                        changed.push(format!("{path} of {}: {error:#}", release.version));
                    }
                }
            }
        }
        ensure!(
            changed.is_empty(),
            "what was released stays as it is:\n  {}\n\
             put it back (`git checkout`), and say the change in sql/, or in sql/changes/ for what tables have; \
             docs/releases.md shows how",
            changed.join("\n  ")
        );
        Ok(())
    }

    /// The list with one more release, as text. `so_far` is the text there is.
    pub fn text_with(so_far: Option<&str>, release: &Release) -> String {
        let mut text = so_far.unwrap_or(HEAD).to_owned();
        text += &format!(
            "\n[[release]]\nversion = \"{}\"\nmigration = \"{}\"\n\n[release.sha256]\n",
            release.version, release.migration
        );
        for (path, hash) in &release.sha256 {
            text += &format!("\"{path}\" = \"{hash}\"\n");
        }
        text
    }
}

/// As `sha256sum` prints it.
pub fn sha256(text: &str) -> String {
    let hash = Sha256::digest(text.as_bytes());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn release(version: &str, files: &[(&str, &str)]) -> Release {
        Release {
            version: version.parse().unwrap(),
            migration: files[0].0.to_owned(),
            sha256: files
                .iter()
                .map(|(path, text)| ((*path).to_owned(), sha256(text)))
                .collect(),
        }
    }

    fn two_releases() -> Released {
        let first = Released::text_with(None, &release("0.1.0", &[("a.sql", "one"), ("x", "x")]));
        let second = Released::text_with(Some(&first), &release("0.2.0", &[("b.sql", "two")]));
        toml::from_str(&second).unwrap()
    }

    #[test]
    fn a_release_is_read_as_it_was_written() {
        let released = two_releases();
        let last = released.last().unwrap();
        assert_eq!(
            (last.version.to_string().as_str(), last.migration.as_str()),
            ("0.2.0", "b.sql")
        );
        assert!(released.holds("x") && !released.holds("y"));
    }

    #[test]
    fn what_was_released_stays_as_it_is() {
        let files = |b: &'static str| {
            move |path: &str| match path {
                "a.sql" => Ok("one".to_owned()),
                "b.sql" => Ok(b.to_owned()),
                "x" => Ok("x".to_owned()),
                _ => anyhow::bail!("nobody asks"),
            }
        };
        two_releases().check(files("two")).unwrap();
        let error = two_releases().check(files("tow")).unwrap_err().to_string();
        assert!(error.contains("b.sql was changed after 0.2.0"), "{error}");
        assert!(!error.contains("a.sql"), "{error}");
    }

    #[test]
    fn what_was_released_stays_where_it_is() {
        let gone = |_: &str| anyhow::bail!("cannot read it");
        let error = two_releases().check(gone).unwrap_err().to_string();
        assert!(error.contains("x of 0.1.0: cannot read it"), "{error}");
    }

    #[test]
    fn hashes_are_those_of_sha256sum() {
        assert_eq!(
            sha256("abc"),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        );
    }
}
