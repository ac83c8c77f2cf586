//! Running other programs.

use std::ffi::OsStr;
use std::io::IsTerminal;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};

use crate::repo;

/// A command without what cargo tells a program that it runs about the program's own crate. Build scripts look at
/// these names (ring's does), and would run anew each time cargo is called from here after it was called from a shell.
pub fn new(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in std::env::vars_os() {
        let about_us = [
            "CARGO_PKG_",
            "CARGO_MANIFEST_",
            "CARGO_BIN_",
            "CARGO_CRATE_",
        ];
        if about_us
            .iter()
            .any(|prefix| name.to_string_lossy().starts_with(prefix))
        {
            command.env_remove(&name);
        }
    }
    command
}

/// The cargo that runs us, in the repository's root.
pub fn cargo() -> Command {
    let mut command = new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(repo::root());
    command
}

/// The compiler of the repository's toolchain.
pub fn rustc() -> Command {
    let mut command = new(std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into()));
    command.current_dir(repo::root());
    command
}

/// Adds the options that were given a number.
pub fn with_options(command: &mut Command, options: &[(&str, Option<u64>)]) {
    for (name, value) in options {
        if let Some(value) = value {
            command.args([name, value.to_string().as_str()]);
        }
    }
}

/// Runs it to its end, its output shown as it comes.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command
        .status()
        .with_context(|| format!("cannot start {}", words(command)))?;
    ensure!(status.success(), "{} ended with {status}", words(command));
    Ok(())
}

/// Runs it to its end; what it wrote is shown where it ends badly. For programs of Node's: they make a pipe that they were
/// given one that does not wait, and nobody can rely on writing to it afterwards.
pub fn run_quietly(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {}", words(command)))?;
    ensure!(
        output.status.success(),
        "{} ended with {}:\n{}{}",
        words(command),
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Runs it to its end and gives what it wrote to standard output.
pub fn read(command: &mut Command) -> Result<String> {
    let output = command
        .output()
        .with_context(|| format!("cannot start {}", words(command)))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(anyhow!(
            "{} ended with {}: {}",
            words(command),
            output.status,
            said.trim()
        ));
    }
    String::from_utf8(output.stdout).with_context(|| format!("{} wrote no UTF-8", words(command)))
}

/// Whether the program exists and ends well; its output is thrown away.
pub fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

/// Becomes that program, so that Ctrl-C and the exit status are its own. Returns only when it cannot be started.
pub fn become_program(command: &mut Command) -> anyhow::Error {
    let error = command.exec();
    anyhow!("cannot start {}: {error}", words(command))
}

/// Says what begins now; bold where somebody looks on.
pub fn announce(what: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("\x1b[1m==> {what}\x1b[0m");
    } else {
        eprintln!("==> {what}");
    }
}

/// The command as one would type it, for messages.
fn words(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let program = program.rsplit('/').next().unwrap_or_default().to_owned();
    let args = command
        .get_args()
        .map(|arg| arg.to_string_lossy().into_owned());
    let words: Vec<String> = std::iter::once(program).chain(args).collect();
    format!("`{}`", words.join(" "))
}
