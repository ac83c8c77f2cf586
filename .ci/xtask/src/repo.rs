//! Where things are: the repository, its files, its crates and cargo's target directory.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::command;

/// The folder of the workspace's Cargo.toml.
pub fn root() -> PathBuf {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_path_buf()
}

/// What `cargo metadata` says, as far as it is read here.
#[derive(Deserialize)]
pub struct Metadata {
    /// Every crate: with `--no-deps` those of the workspace only.
    pub packages: Vec<Package>,
    /// Cargo's target directory, wherever the user has put it.
    pub target_directory: PathBuf,
    /// Who depends on whom; absent with `--no-deps`.
    pub resolve: Option<Resolve>,
    /// Ids of the workspace's own crates.
    pub workspace_members: Vec<String>,
}

/// One crate.
#[derive(Deserialize)]
pub struct Package {
    /// Cargo's opaque id, the key into [`Resolve`].
    pub id: String,
    /// Its name in Cargo.toml.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Its libraries, programs and test binaries.
    pub targets: Vec<Target>,
}

/// One library, program or test binary.
#[derive(Deserialize)]
pub struct Target {
    /// `lib`, `bin`, `test`, `cdylib`, …
    pub kind: Vec<String>,
    /// Its name, which is also the name of the file that cargo makes.
    pub name: String,
    /// Its root source file.
    pub src_path: PathBuf,
    /// Whether `cargo test` runs it.
    pub test: bool,
}

/// The graph of crates.
#[derive(Deserialize)]
pub struct Resolve {
    /// A node a crate.
    pub nodes: Vec<Node>,
}

/// One crate in the graph.
#[derive(Deserialize)]
pub struct Node {
    /// Its id.
    pub id: String,
    /// What it depends on.
    pub deps: Vec<NodeDep>,
}

/// An edge of the graph.
#[derive(Deserialize)]
pub struct NodeDep {
    /// The id of the crate that is depended on.
    pub pkg: String,
    /// Why: for the crate itself, its build script, its tests.
    pub dep_kinds: Vec<DepKind>,
}

/// One reason for an edge.
#[derive(Deserialize)]
pub struct DepKind {
    /// `None` for the crate itself, else `dev` or `build`.
    pub kind: Option<String>,
}

/// The workspace's own crates, without their graph.
pub fn metadata() -> Result<Metadata> {
    read_metadata(&["--no-deps"])
}

/// The workspace's crates and everything they depend on when built for this machine.
pub fn metadata_with_graph() -> Result<Metadata> {
    read_metadata(&["--locked", "--filter-platform", &host()?])
}

/// This machine, as the compiler calls it.
pub fn host() -> Result<String> {
    let version = command::read(command::rustc().arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    Ok(host.context("`rustc -vV` names no host")?.to_owned())
}

fn read_metadata(args: &[&str]) -> Result<Metadata> {
    let mut cargo = command::cargo();
    cargo.args(["metadata", "--format-version", "1"]).args(args);
    serde_json::from_str(&command::read(&mut cargo)?)
        .context("`cargo metadata` is not what was expected")
}

/// The folder with the programs and libraries of the dev profile.
pub fn debug_dir() -> Result<PathBuf> {
    Ok(metadata()?.target_directory.join("debug"))
}

/// A text file of the repository.
pub struct File {
    /// Its path from the repository's root, with `/`.
    pub path: String,
    /// All of it.
    pub text: String,
}

/// The files below `dir` (a path from the root) whose name ends in `.ext`, in order of path. A folder that is
/// not there has no files.
pub fn files(dir: &str, ext: &str) -> Result<Vec<File>> {
    let root = root();
    let mut found = Vec::new();
    let mut open = vec![root.join(dir)];
    while let Some(dir) = open.pop() {
        if !dir.exists() {
            continue;
        }
        for entry in fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|e| e == ext) {
                found.push(File {
                    path: relative(&root, &path)?,
                    text: read(&path)?,
                });
            }
        }
    }
    found.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(found)
}

/// Reads a text file; the error names it.
pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}

/// Writes `text` to `path` (from the root), or with `check` only compares. `command` is what makes them equal.
pub fn write_or_check(path: &str, text: &str, check: bool, command: &str) -> Result<()> {
    let full = root().join(path);
    if check {
        let same = full.exists() && read(&full)? == text;
        ensure!(
            same,
            "{path} is not what its sources give; run `{command}` and commit the result"
        );
        return Ok(());
    }
    if let Some(dir) = full.parent() {
        fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
    }
    fs::write(&full, text).with_context(|| format!("cannot write {path}"))
}

fn relative(root: &Path, path: &Path) -> Result<String> {
    let below = path.strip_prefix(root)?;
    Ok(below
        .to_str()
        .context("a path is not UTF-8")?
        .replace('\\', "/"))
}
