//! `calls.toml`, what a call of each public function gives whom, as the matrix asks it.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::expected::{ByWho, Expected};
use crate::objects::Function;
use crate::observe::Answer;
use crate::personas::Persona;
use crate::questions::Names;
use crate::world::House;

/// What the file says, by function.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct Calls(BTreeMap<String, Vec<Call>>);

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Call {
    /// The statement, with placeholders of [`House::fill`]. It finds no row where the function says no by its result.
    call: String,
    /// Rows that it is about, made before by the owner.
    #[serde(default)]
    given: String,
    /// What it gives whom; whoever may execute the function and is not named is refused.
    #[serde(default)]
    gives: ByWho,
}

/// A call that is asked.
pub struct Asked<'a> {
    function: &'a str,
    gives: &'a ByWho,
    /// As the file has it.
    pub says: &'a str,
    /// The statement at one's own site and at the foreign one.
    pub at: [String; 2],
}

impl Calls {
    /// Reads the file.
    pub fn read() -> Result<Self> {
        toml::from_str(include_str!("calls.toml")).context("tests/rls/calls.toml cannot be read")
    }

    /// Functions that somebody of `expected.toml` may call and that nobody calls here, or the other way round.
    pub fn gaps(&self, expected: &Expected, functions: &[Function]) -> Result<Vec<String>> {
        let mut gaps = Vec::new();
        for function in functions
            .iter()
            .filter(|function| function.schema == "public" && function.name.starts_with("chat_"))
        {
            let mut is_open = false;
            for persona in Persona::ALL {
                is_open |= expected.may_execute(function, persona)?;
            }
            if is_open && !self.0.contains_key(&function.name) {
                gaps.push(format!(
                    "function {} is called by nobody: add [[{0}]] to tests/rls/calls.toml",
                    function.name
                ));
            }
        }
        for (name, calls) in &self.0 {
            if !functions.iter().any(|function| function.name == *name) {
                gaps.push(format!("calls.toml calls {name}, which is no function"));
            }
            if !calls.iter().all(|call| call.call.contains(name.as_str())) {
                gaps.push(format!("a call below [[{name}]] does not call it"));
            }
        }
        Ok(gaps)
    }

    /// The statements that make what the calls are about in a house.
    pub fn given(&self, house: &House) -> String {
        let given = self.0.values().flatten();
        let given: Vec<_> = given.map(|call| call.given.as_str()).collect();
        house.fill(&given.join("\n"))
    }

    /// The calls of some functions.
    pub fn of(&self, functions: &Names, own: &House, foreign: &House) -> Vec<Asked<'_>> {
        self.0
            .iter()
            .filter(|(function, _)| functions.have(function))
            .flat_map(|(function, calls)| {
                calls.iter().map(|call| Asked {
                    function,
                    gives: &call.gives,
                    says: &call.call,
                    at: [own.fill(&call.call), foreign.fill(&call.call)],
                })
            })
            .collect()
    }

    /// What a call must give a persona.
    pub fn answer(
        &self,
        expected: &Expected,
        call: &Asked<'_>,
        persona: Persona,
    ) -> Result<Answer> {
        if !expected.may_execute_named(call.function, persona)? {
            return Ok(Answer::Denied);
        }
        Ok(expected.of(call.gives, persona)?.unwrap_or(Answer::Refused))
    }
}
