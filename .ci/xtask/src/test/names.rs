//! How tests are named: `<binary>::<path>`.
//!
//! - a test of the crate pg_chat_tests: its test binary, then libtest's path: `races::receive::one_conversation`
//!   (the harness itself: `pg_chat_tests::…`);
//! - a test inside another crate's own sources: its library or program: `chat_rules::window::tests::…`, `worker::…`;
//! - a test in another crate's tests/ folder: the crate, the file, the path: `chat_rules::vectors::…`.

use std::path::PathBuf;

use crate::repo::Metadata;

/// The crate whose test binaries need a database.
pub const WITH_DATABASE: &str = "pg_chat_tests";

/// The test binary of all processes, which looks at the demo's pages in a browser.
pub const ALL_PROCESSES: &str = "e2e";

/// A program of tests.
pub struct Binary {
    /// The crate it belongs to.
    pub package: String,
    /// Whether it is a program of its own that holds nothing but tests.
    pub is_integration: bool,
    /// How cargo is told to run it alone: `--test races`.
    pub selection: Vec<String>,
    /// The name of the file cargo makes, without its hash.
    pub target: String,
    /// What the names of its tests begin with, before `::`.
    pub prefix: String,
    /// Its root source file.
    pub src_path: PathBuf,
}

/// Every program of tests in the workspace.
pub fn binaries(metadata: &Metadata) -> Vec<Binary> {
    let mut binaries = Vec::new();
    for package in &metadata.packages {
        for target in package.targets.iter().filter(|target| target.test) {
            let is = |kind: &str| target.kind.iter().any(|k| k == kind);
            let name = target.name.clone();
            let (selection, prefix) = if is("test") && package.name != WITH_DATABASE {
                (
                    vec!["--test".to_owned(), name.clone()],
                    format!("{}::{name}", package.name),
                )
            } else if is("test") {
                (vec!["--test".to_owned(), name.clone()], name.clone())
            } else if is("lib") {
                (vec!["--lib".to_owned()], name.clone())
            } else if is("bin") {
                (vec!["--bin".to_owned(), name.clone()], name.clone())
            } else {
                continue;
            };
            binaries.push(Binary {
                package: package.name.clone(),
                is_integration: is("test"),
                selection,
                target: name,
                prefix,
                src_path: target.src_path.clone(),
            });
        }
    }
    binaries
}
