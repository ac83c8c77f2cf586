//! `cargo x deps`: the directions of the design. Which crate may know which ([`crates`]), and which file may say
//! what ([`texts`]).

use anyhow::{Result, bail};

use crate::repo;

mod crates;
mod texts;

/// Checks every rule and names every breach.
pub fn run() -> Result<()> {
    let mut breaches = crates::breaches(&crates::Graph::of(&repo::metadata_with_graph()?)?);
    for rule in texts::RULES {
        breaches.extend(rule.breaches(&rule.files()?));
    }
    if breaches.is_empty() {
        return Ok(());
    }
    bail!(
        "{} against the directions of the design:\n  {}",
        breaches.len(),
        breaches.join("\n  ")
    )
}
