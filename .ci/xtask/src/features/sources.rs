//! Whether a test of that name stands in the sources, found without building anything.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result};

use crate::repo::{self, File};
use crate::test::names;

/// Those of `tests` that no source file defines.
pub fn absent(tests: &BTreeSet<&str>) -> Result<Vec<String>> {
    let mut sources: BTreeMap<String, Vec<Source>> = BTreeMap::new();
    for binary in names::binaries(&repo::metadata()?) {
        let dir = binary
            .src_path
            .parent()
            .and_then(|dir| dir.strip_prefix(repo::root()).ok());
        let dir = dir
            .and_then(Path::to_str)
            .context("a crate lies outside the repository")?;
        let files = repo::files(dir, "rs")?;
        sources
            .entry(binary.prefix)
            .or_default()
            .extend(files.into_iter().map(|file| Source::new(dir, file)));
    }
    let exists = |test: &str| {
        // A prefix may itself hold `::`, so every way to cut the name is tried.
        test.match_indices("::").any(|(at, _)| {
            let sources = sources
                .get(&test[..at])
                .map(Vec::as_slice)
                .unwrap_or_default();
            sources.iter().any(|source| source.defines(&test[at + 2..]))
        })
    };
    Ok(tests
        .iter()
        .filter(|test| !exists(test))
        .map(|test| (*test).to_owned())
        .collect())
}

/// A source file and the module it is.
struct Source {
    module: Vec<String>,
    text: String,
}

impl Source {
    fn new(dir: &str, file: File) -> Self {
        let below = file
            .path
            .strip_prefix(dir)
            .unwrap_or(&file.path)
            .trim_start_matches('/');
        let mut module: Vec<_> = below
            .trim_end_matches(".rs")
            .split('/')
            .map(str::to_owned)
            .collect();
        // The root of a binary and a mod.rs are named by their folder.
        if module
            .last()
            .is_some_and(|name| matches!(name.as_str(), "lib" | "main" | "mod"))
        {
            module.pop();
        }
        Self {
            module,
            text: file.text,
        }
    }

    /// Whether `path` (modules, then the function) is a test in this file. A macro that makes tests of functions in
    /// a module of its own name (`held_off!(one, two)`) counts as that module.
    fn defines(&self, path: &str) -> bool {
        let mut path: Vec<&str> = path.split("::").collect();
        let Some(function) = path.pop() else {
            return false;
        };
        let Some(inline) = self.inside(&path) else {
            return false;
        };
        let made = |module: &&str| self.text.contains(&format!("{module}!"));
        if inline.last().is_some_and(made) {
            return self.text.contains(&format!("fn {function}("));
        }
        let written = |module: &&str| self.text.contains(&format!("mod {module} {{"));
        inline.iter().all(written) && self.has_test(function)
    }

    /// What is left of `path` below this file's own module: modules written inline. The root file of an
    /// integration test stands beside the modules it names, so its own name counts for nothing.
    fn inside<'a>(&self, path: &'a [&'a str]) -> Option<&'a [&'a str]> {
        let beside =
            self.module.len() == 1 && path.first().is_none_or(|first| self.module[0] != *first);
        let own = if beside { 0 } else { self.module.len() };
        let begins = path.len() >= own && path.iter().zip(&self.module[..own]).all(|(a, b)| a == b);
        begins.then(|| &path[own..])
    }

    /// A function of that name below a `#[test]`, `#[tokio::test]` or the like.
    fn has_test(&self, function: &str) -> bool {
        let mut is_test = false;
        for line in self.text.lines().map(str::trim) {
            if line.starts_with("#[") {
                is_test |= line.contains("test]") || line.contains("test(");
            } else if !line.starts_with("//") && !line.is_empty() {
                if is_test && line.contains(&format!("fn {function}(")) {
                    return true;
                }
                is_test = false;
            }
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(path: &str, text: &str) -> Source {
        Source::new(
            "tests/races",
            File {
                path: path.to_owned(),
                text: text.to_owned(),
            },
        )
    }

    #[test]
    fn a_test_is_found_by_its_file_its_inline_modules_and_its_attribute() {
        let text = "#[tokio::test]\n/// why\nasync fn sixteen() {}\nfn not_one() {}\nmod deep {\n    #[test]\n    fn low() {}";
        let source = source("tests/races/receive.rs", text);
        assert!(source.defines("receive::sixteen"));
        assert!(source.defines("receive::deep::low"));
        assert!(!source.defines("receive::not_one"));
        assert!(!source.defines("receive::high::low"));
        assert!(!source.defines("status::sixteen"));
    }

    #[test]
    fn the_root_file_of_a_binary_adds_no_module() {
        assert!(source("tests/races/main.rs", "#[test]\nfn one() {}").defines("one"));
        assert!(source("tests/races/alone.rs", "#[test]\nfn one() {}").defines("one"));
    }

    #[test]
    fn tests_made_by_a_macro_are_found() {
        let source = source(
            "tests/races/a.rs",
            "held_off!(claim);\npub async fn claim() {}",
        );
        assert!(source.defines("a::held_off::claim"));
        assert!(!source.defines("a::held_off::other"));
        assert!(!source.defines("a::claim"));
    }

    #[test]
    fn folders_are_modules() {
        assert!(
            source("tests/races/receive/kill.rs", "#[test]\nfn nine() {}")
                .defines("receive::kill::nine")
        );
        assert!(
            source("tests/races/receive/mod.rs", "#[test]\nfn nine() {}").defines("receive::nine")
        );
    }
}
