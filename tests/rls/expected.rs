//! `expected.toml`, the document of who may do what, as the matrix asks it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde::de::value::{Error as ValueError, StrDeserializer};

use crate::cells::{Cell, Verb};
use crate::objects::{Function, Relation};
use crate::observe::Answer;
use crate::personas::Persona;

/// Answers by group or persona.
pub type ByWho = BTreeMap<String, Answer>;

/// The same by names of columns, several in one key; `*` is every column.
type ByColumns = BTreeMap<String, ByWho>;

/// What the file says.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expected {
    /// Groups of personas and of groups.
    who: BTreeMap<String, Vec<String>>,
    /// Tables and views that somebody reaches.
    table: BTreeMap<String, Verbs>,
    /// Tables, views and sequences that nobody reaches.
    closed: BTreeSet<String>,
    /// Functions by who may execute them.
    execute: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct Verbs {
    select: ByColumns,
    insert: ByColumns,
    update: ByColumns,
    delete: ByWho,
    truncate: ByWho,
}

impl Expected {
    /// Reads the file.
    pub fn read() -> Result<Self> {
        toml::from_str(include_str!("expected.toml"))
            .context("tests/rls/expected.toml cannot be read")
    }

    /// What is in the catalog and not in the file, or the other way round, a sentence each.
    pub fn gaps(&self, relations: &[Relation], functions: &[Function]) -> Result<Vec<String>> {
        let mut gaps = Vec::new();
        let known: BTreeSet<&String> = self.table.keys().chain(&self.closed).collect();
        for relation in relations {
            if !known.contains(&relation.name) {
                gaps.push(format!(
                    "{} has no entry: say in [table.{0}] who may do what with it, or add it to `closed`",
                    relation.name
                ));
            }
            gaps.extend(self.column_gaps(relation));
        }
        for name in known {
            if !relations.iter().any(|relation| relation.name == *name) {
                gaps.push(format!(
                    "there is no table, view or sequence {name} any more"
                ));
            }
        }

        let mut listed: BTreeMap<&String, usize> = BTreeMap::new();
        for (who, names) in &self.execute {
            self.personas(who)?;
            for name in names {
                *listed.entry(name).or_default() += 1;
            }
        }
        for function in functions {
            match listed.remove(&function.label) {
                Some(1) => {}
                Some(_) => gaps.push(format!("function {} is listed twice in [execute]", function.label)),
                None => gaps.push(format!(
                    "function {} has no entry: list it in [execute] under who may call it, or under `nobody`",
                    function.label
                )),
            }
        }
        gaps.extend(
            listed
                .keys()
                .map(|name| format!("there is no function {name} any more")),
        );
        Ok(gaps)
    }

    fn column_gaps(&self, relation: &Relation) -> Vec<String> {
        let Some(verbs) = self.table.get(&relation.name) else {
            return Vec::new();
        };
        let mut gaps = Vec::new();
        for (verb, entries) in [
            ("select", &verbs.select),
            ("insert", &verbs.insert),
            ("update", &verbs.update),
        ] {
            let mut named = BTreeSet::new();
            for column in entries
                .keys()
                .flat_map(|columns| columns.split_whitespace())
            {
                if column != "*" && !relation.columns.iter().any(|its| its.name == column) {
                    gaps.push(format!(
                        "there is no column {}.{column} any more ({verb})",
                        relation.name
                    ));
                }
                if !named.insert(column) {
                    gaps.push(format!(
                        "column {}.{column} is named twice ({verb})",
                        relation.name
                    ));
                }
            }
        }
        gaps
    }

    /// What a cell must answer to a persona. What nobody wrote down is denied.
    pub fn answer(&self, cell: &Cell<'_>, persona: Persona) -> Result<Answer> {
        let Some(verbs) = self.table.get(&cell.relation.name) else {
            return Ok(Answer::Denied);
        };
        let columns = match cell.verb {
            Verb::Select => &verbs.select,
            Verb::Insert => &verbs.insert,
            Verb::Update => &verbs.update,
            Verb::Delete => return Ok(self.of(&verbs.delete, persona)?.unwrap_or(Answer::Denied)),
            Verb::Truncate => {
                return Ok(self.of(&verbs.truncate, persona)?.unwrap_or(Answer::Denied));
            }
            Verb::Use => return Ok(Answer::Denied),
        };
        let name = cell.column.map_or("", |column| &column.name);
        for (key, by_who) in columns {
            if key.split_whitespace().any(|column| column == name)
                && let Some(answer) = self.of(by_who, persona)?
            {
                return Ok(answer);
            }
        }
        let everywhere = columns
            .get("*")
            .map(|by_who| self.of(by_who, persona))
            .transpose()?
            .flatten();
        Ok(everywhere.unwrap_or(Answer::Denied))
    }

    /// Whether a persona must be able to call a function.
    pub fn may_execute(&self, function: &Function, persona: Persona) -> Result<bool> {
        self.may_execute_named(&function.label, persona)
    }

    /// The same by the function's label.
    pub fn may_execute_named(&self, label: &str, persona: Persona) -> Result<bool> {
        for (who, names) in &self.execute {
            if names.iter().any(|name| name == label) {
                return Ok(self.personas(who)?.contains(&persona));
            }
        }
        Ok(false)
    }

    /// What an entry says of a persona, if it names them.
    pub fn of(&self, by_who: &ByWho, persona: Persona) -> Result<Option<Answer>> {
        let mut found = None;
        for (who, answer) in by_who {
            if self.personas(who)?.contains(&persona) {
                ensure!(
                    found.is_none(),
                    "an entry of expected.toml names {persona:?} twice: {by_who:?}"
                );
                found = Some(answer.clone());
            }
        }
        Ok(found)
    }

    /// Personas behind names, several in one key.
    fn personas(&self, names: &str) -> Result<BTreeSet<Persona>> {
        let mut found = BTreeSet::new();
        for name in names.split_whitespace() {
            if let Some(members) = self.who.get(name) {
                for member in members {
                    found.extend(self.personas(member)?);
                }
                continue;
            }
            let persona = Persona::deserialize(StrDeserializer::<ValueError>::new(name));
            found.insert(persona.with_context(|| {
                format!("expected.toml names {name}, which is no group either")
            })?);
        }
        Ok(found)
    }
}
