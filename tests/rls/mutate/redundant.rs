//! `redundant.toml`: rules that stand behind another one.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Mutation;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<Rule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    /// The mutation that nobody notices.
    name: String,
    /// The mutations that are made with it.
    with: Vec<String>,
    /// Why the rule is kept.
    because: String,
}

/// Makes of each rule that stands behind others one mutation that takes all of them away.
pub fn together(mutations: &mut [Mutation]) -> Result<()> {
    let file: File = toml::from_str(include_str!("redundant.toml"))
        .context("tests/rls/mutate/redundant.toml cannot be read")?;
    let alone: BTreeMap<String, Mutation> = mutations
        .iter()
        .map(|mutation| (mutation.name.clone(), mutation.clone()))
        .collect();
    let named = |name: &String| {
        alone.get(name).with_context(|| {
            format!("redundant.toml names `{name}`, which is no mutation any more")
        })
    };
    for rule in &file.rule {
        named(&rule.name)?;
        ensure!(
            !rule.with.is_empty() && !rule.because.trim().is_empty(),
            "{} has no other rule or no reason in redundant.toml",
            rule.name
        );
        let mut others = Vec::new();
        for name in &rule.with {
            others.push(named(name)?);
        }
        for mutation in mutations.iter_mut().filter(|it| it.name == rule.name) {
            for other in &others {
                mutation.and(other);
            }
        }
    }
    Ok(())
}
