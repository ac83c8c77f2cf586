//! Does every rule have a test? Each policy, grant, barrier of a view, check of a function and pinned search path is
//! taken away by itself, and then something must answer otherwise than is written down:
//!
//! - [`catalog`], [`conditions`] and [`checks`] make the mutations from the catalog of an installed database, so a rule that is made
//!   tomorrow is tried, too;
//! - [`lab`] tries one: first what the mutation touches of `expected.toml` and `calls.toml`, in a transaction that is
//!   rolled back; then everything of them; then the attacks, each in a fresh copy of the world, the likeliest first
//!   ([`likeliest`]). A statement that broke is no test that failed: only an answer counts that could be found out;
//! - [`redundant`] names the rules that stand behind another one, with the reason and the other rule: both taken away
//!   together must be noticed.
//!
//! `cargo x test rls --mutate` tries all of them; the tests try a hundred.

pub mod campaign;

mod body;
mod catalog;
mod checks;
mod conditions;
mod lab;
mod likeliest;
mod redundant;

#[cfg(test)]
mod sample;

use crate::questions::Part;

/// A rule taken away.
#[derive(Debug, Clone)]
pub struct Mutation {
    /// What sort of rule.
    pub kind: Kind,
    /// Names it, the same in every run.
    pub name: String,
    /// What was taken away, as the database has it.
    pub definition: String,
    /// The statements that take it away.
    pub statements: String,
    /// Where to ask first.
    pub part: Part,
    /// The functions whose bodies it changes, if nothing else; an attack that runs none of them cannot tell.
    pub functions: Vec<String>,
}

impl Mutation {
    /// Takes another rule away, too.
    fn and(&mut self, other: &Self) {
        self.definition += &format!("\n    with {}: {}", other.name, other.definition);
        self.statements += &format!(";\n{}", other.statements);
        self.part.extend(&other.part);
        self.functions.extend(other.functions.iter().cloned());
    }
}

/// What sort of rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A policy that is gone.
    PolicyDropped,
    /// A policy that lets everything through.
    PolicyOpened,
    /// A part of a policy's condition that always holds.
    PolicyCondition,
    /// Row-level security of a table, off.
    RowSecurity,
    /// A grant that is revoked.
    Grant,
    /// A trigger that asks clients for their rights, gone.
    Guard,
    /// An option or a condition of a view, gone.
    View,
    /// A check in the body of a function, gone.
    Check,
    /// A pinned search path that is reset.
    SearchPath,
}

impl Kind {
    /// In the words of the report.
    pub fn words(self) -> &'static str {
        match self {
            Self::PolicyDropped => "policy dropped",
            Self::PolicyOpened => "policy opened",
            Self::PolicyCondition => "policy loosened",
            Self::Check => "check taken out",
            Self::RowSecurity => "row security off",
            Self::Grant => "grant revoked",
            Self::Guard => "guard dropped",
            Self::View => "view opened",
            Self::SearchPath => "search path reset",
        }
    }
}
