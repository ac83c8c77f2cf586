//! `redundant.toml`: rules that stand behind another one.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use super::Mutation;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    rule: Vec<Rule>,
    none: Vec<NoRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NoRule {
    /// The mutation that takes no right's check away.
    name: String,
    /// What it is instead.
    because: String,
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

/// Makes of each rule that stands behind others one mutation that takes all of them away, and forgets what is none.
pub fn together(mutations: &mut Vec<Mutation>) -> Result<()> {
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
    for no_rule in &file.none {
        named(&no_rule.name)?;
        ensure!(
            !no_rule.because.trim().is_empty(),
            "{} has no reason in redundant.toml",
            no_rule.name
        );
        mutations.retain(|mutation| mutation.name != no_rule.name);
    }
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
