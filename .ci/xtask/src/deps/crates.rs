//! Which crate may depend on which.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

use crate::repo::Metadata;

/// Crates by name and version (two versions of one crate depend on different things) and what each depends on: for itself
/// and its build script, not for its tests.
pub struct Graph {
    edges: BTreeMap<String, BTreeSet<String>>,
    /// The workspace's own.
    members: BTreeSet<String>,
}

/// Outside the pure crate lie the server, the network, the clock and chance.
const IMPURE: &[&str] = &[
    "axum",
    "chrono",
    "getrandom",
    "hyper",
    "pgrx",
    "pgrx-pg-sys",
    "rand",
    "reqwest",
    "sqlx",
    "sqlx-core",
    "time",
    "tokio",
    "tokio-postgres",
    "tracing",
];

/// What the extension's glue is made of.
const GLUE: &[&str] = &["chat_rules", "pgrx", "serde_json"];

/// What stands at the end: it may use everything and nothing uses it.
const LAST: &[&str] = &["bench", "pg_chat_tests", "xtask"];

impl Graph {
    /// Reads the graph that cargo resolved.
    pub fn of(metadata: &Metadata) -> Result<Self> {
        let names: BTreeMap<_, _> = metadata
            .packages
            .iter()
            .map(|p| (p.id.as_str(), format!("{} {}", p.name, p.version)))
            .collect();
        let name = |id: &str| names.get(id).cloned().context("a crate without a name");
        let mut edges: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for node in &metadata
            .resolve
            .as_ref()
            .context("`cargo metadata` gave no graph")?
            .nodes
        {
            let to = edges.entry(name(&node.id)?).or_default();
            for dep in &node.deps {
                if dep
                    .dep_kinds
                    .iter()
                    .any(|kind| kind.kind.as_deref() != Some("dev"))
                {
                    to.insert(name(&dep.pkg)?);
                }
            }
        }
        let members = metadata
            .workspace_members
            .iter()
            .map(|id| name(id))
            .collect::<Result<_>>()?;
        Ok(Self { edges, members })
    }

    /// What a crate of this name depends on, by name.
    fn direct(&self, of: &str) -> BTreeSet<&str> {
        self.next(|name| name == of)
            .into_iter()
            .map(name_of)
            .collect()
    }

    /// The names of everything that is reached from one crate, directly or not.
    fn reached(&self, from: &str) -> BTreeSet<&str> {
        let mut open = self.next(|name| name == from);
        let mut reached = BTreeSet::new();
        while let Some(one) = open.pop_first() {
            if reached.insert(one) {
                open.extend(
                    self.edges
                        .get(one)
                        .into_iter()
                        .flatten()
                        .map(String::as_str),
                );
            }
        }
        reached.into_iter().map(name_of).collect()
    }

    fn next(&self, is_one: impl Fn(&str) -> bool) -> BTreeSet<&str> {
        let ones = self.edges.iter().filter(|(one, _)| is_one(name_of(one)));
        ones.flat_map(|(_, to)| to).map(String::as_str).collect()
    }
}

fn name_of(one: &str) -> &str {
    one.split(' ').next().unwrap_or(one)
}

/// A sentence for each edge that must not be.
pub fn breaches(graph: &Graph) -> Vec<String> {
    let mut found = Vec::new();
    let mut breach =
        |from: &str, to: &str, why: &str| found.push(format!("{from} depends on {to}: {why}"));
    let impure = graph
        .reached("chat_rules")
        .into_iter()
        .filter(|name| IMPURE.contains(name));
    impure.for_each(|to| {
        breach(
            "chat_rules",
            to,
            "a decision is a function of facts handed in",
        )
    });
    let foreign = graph
        .direct("pg_chat_ext")
        .into_iter()
        .filter(|name| !GLUE.contains(name));
    foreign.for_each(|to| {
        breach(
            "pg_chat_ext",
            to,
            "the extension only shows the rules to SQL",
        )
    });
    let worker = graph.reached("chat_worker");
    for to in ["local_stack", "pg_chat_ext"]
        .into_iter()
        .filter(|name| worker.contains(name))
    {
        breach(
            "chat_worker",
            to,
            "the worker knows the rules and SQL functions only",
        );
    }
    for from in graph.members.iter().map(|one| name_of(one)) {
        for to in graph
            .direct(from)
            .into_iter()
            .filter(|name| LAST.contains(name))
        {
            breach(from, to, "nothing depends on tests, benches and xtask");
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&str, &str)]) -> Graph {
        let mut graph = Graph {
            edges: BTreeMap::new(),
            members: BTreeSet::new(),
        };
        for (from, to) in edges {
            graph
                .edges
                .entry((*from).to_owned())
                .or_default()
                .insert((*to).to_owned());
            graph.members.insert((*from).to_owned());
        }
        graph
    }

    #[test]
    fn the_directions_of_the_design_are_fine() {
        let fine = graph(&[
            ("chat_rules", "jiff"),
            ("pg_chat_ext", "chat_rules"),
            ("pg_chat_ext", "pgrx"),
            ("chat_worker", "chat_rules"),
            ("chat_worker", "sqlx"),
            ("pg_chat_tests", "local_stack"),
        ]);
        assert_eq!(breaches(&fine), Vec::<String>::new());
    }

    #[test]
    fn the_rules_reach_no_clock_even_through_another_crate() {
        let found = breaches(&graph(&[
            ("chat_rules", "half-pure"),
            ("half-pure", "tokio"),
        ]));
        assert_eq!(
            found,
            ["chat_rules depends on tokio: a decision is a function of facts handed in"]
        );
    }

    #[test]
    fn another_version_of_a_crate_depends_on_other_things() {
        let found = breaches(&graph(&[
            ("chat_rules", "half-pure 1.0.0"),
            ("half-pure 0.9.0", "getrandom 0.2.0"),
        ]));
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn the_extension_has_no_other_dependency() {
        let found = breaches(&graph(&[("pg_chat_ext", "reqwest")]));
        assert_eq!(
            found,
            ["pg_chat_ext depends on reqwest: the extension only shows the rules to SQL"]
        );
    }

    #[test]
    fn the_worker_does_not_know_the_doubles() {
        let found = breaches(&graph(&[("chat_worker", "local_stack")]));
        assert_eq!(
            found,
            [
                "chat_worker depends on local_stack: the worker knows the rules and SQL functions only"
            ]
        );
    }

    #[test]
    fn nothing_depends_on_the_tests() {
        let found = breaches(&graph(&[("local_stack", "pg_chat_tests")]));
        assert_eq!(
            found,
            ["local_stack depends on pg_chat_tests: nothing depends on tests, benches and xtask"]
        );
    }
}
