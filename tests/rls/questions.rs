//! Everything of the catalog that everybody is asked about, and what `expected.toml` and `calls.toml` say of it.

use std::collections::BTreeSet;

use anyhow::Result;
use sqlx::AssertSqlSafe;
use sqlx::postgres::PgConnection;

use crate::calls::Calls;
use crate::cells::{Cell, cells};
use crate::differences::Differences;
use crate::expected::Expected;
use crate::objects::{Function, Relation, functions, relations};
use crate::observe::{answers, called, executable};
use crate::personas::Persona;
use crate::world::{House, World};

/// What is asked, read from the catalog once.
pub struct Questions {
    expected: Expected,
    calls: Calls,
    relations: Vec<Relation>,
    functions: Vec<Function>,
    /// How many rows of each relation the sites have, in the order of [`World::houses`].
    totals: Vec<[i64; 3]>,
}

/// Which questions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Tables and views.
    pub relations: Names,
    /// Of those only these columns.
    pub columns: Names,
    /// Who may execute these functions (by label).
    pub executes: Names,
    /// What comes of calling these (by name).
    pub calls: Names,
}

/// Some names, or all there are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Names {
    /// All.
    All,
    /// Only these.
    Only(BTreeSet<String>),
}

impl Names {
    /// None of them.
    pub fn none() -> Self {
        Self::Only(BTreeSet::new())
    }

    /// These.
    pub fn of<T: Into<String>>(names: impl IntoIterator<Item = T>) -> Self {
        Self::Only(names.into_iter().map(Into::into).collect())
    }

    /// Adds others.
    fn extend(&mut self, others: &Self) {
        match (self, others) {
            (Self::Only(names), Self::Only(more)) => names.extend(more.iter().cloned()),
            (all, _) => *all = Self::All,
        }
    }

    /// Whether it is among them.
    pub fn have(&self, name: &str) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.contains(name),
        }
    }
}

impl Part {
    /// Every question there is.
    pub fn all() -> Self {
        Self {
            relations: Names::All,
            columns: Names::All,
            executes: Names::All,
            calls: Names::All,
        }
    }

    /// No question; a beginning for others.
    pub fn nothing() -> Self {
        Self {
            relations: Names::none(),
            columns: Names::All,
            executes: Names::none(),
            calls: Names::none(),
        }
    }

    /// Adds other questions.
    pub fn extend(&mut self, others: &Self) {
        self.relations.extend(&others.relations);
        self.columns.extend(&others.columns);
        self.executes.extend(&others.executes);
        self.calls.extend(&others.calls);
    }
}

impl Questions {
    /// Reads the catalog and the two files.
    pub async fn read(world: &World) -> Result<Self> {
        let (relations, functions) = (relations(&world.db).await?, functions(&world.db).await?);
        let mut totals = Vec::new();
        for relation in &relations {
            let [a, b, c] = world.houses();
            totals.push([
                rows(world, relation, a).await?,
                rows(world, relation, b).await?,
                rows(world, relation, c).await?,
            ]);
        }
        Ok(Self {
            expected: Expected::read()?,
            calls: Calls::read()?,
            relations,
            functions,
            totals,
        })
    }

    /// What is in the catalog and in no file, or the other way round.
    pub fn gaps(&self) -> Result<Vec<String>> {
        let mut gaps = self.expected.gaps(&self.relations, &self.functions)?;
        gaps.extend(self.calls.gaps(&self.expected, &self.functions)?);
        Ok(gaps)
    }

    /// Makes the rows that calls are about, in every house.
    pub async fn prepare_calls(&self, world: &World) -> Result<()> {
        for house in world.houses() {
            world.as_owner(&self.calls.given(house)).await?;
        }
        Ok(())
    }

    /// Asks in a transaction that is the persona's already, and leaves nothing behind.
    pub async fn ask(
        &self,
        world: &World,
        request: &mut PgConnection,
        persona: Persona,
        part: &Part,
        differences: &mut Differences,
    ) -> Result<()> {
        let (own, foreign) = persona.sites(world);
        for (relation, totals) in self.relations.iter().zip(&self.totals) {
            if !part.relations.have(&relation.name) {
                continue;
            }
            let total = |of: &House| -> i64 {
                let of_houses = world.houses().into_iter().zip(totals);
                of_houses
                    .filter(|(house, _)| house.site.id == of.site.id)
                    .map(|(_, total)| *total)
                    .sum()
            };
            let is_asked = |cell: &Cell<'_>| {
                cell.column
                    .is_none_or(|column| part.columns.have(&column.name))
            };
            let cells: Vec<_> = cells(relation).into_iter().filter(is_asked).collect();
            let totals = (total(own), total(foreign));
            let answers = answers(request, &cells, (own, foreign), totals).await?;
            for (cell, answer) in cells.iter().zip(answers) {
                let expected = self.expected.answer(cell, persona)?;
                if answer != expected {
                    differences.add_cell(persona, cell, answer, expected);
                }
            }
        }

        let functions: Vec<_> = self
            .functions
            .iter()
            .filter(|function| part.executes.have(&function.label))
            .collect();
        let may = executable(request, &functions).await?;
        for (function, may) in functions.iter().zip(may) {
            if may != self.expected.may_execute(function, persona)? {
                differences.add_execute(persona, &function.label, may);
            }
        }

        let calls = self.calls.of(&part.calls, own, foreign);
        let statements: Vec<_> = calls.iter().map(|call| call.at.clone()).collect();
        let answers = called(request, &statements).await?;
        for (call, answer) in calls.iter().zip(answers) {
            let expected = self.calls.answer(&self.expected, call, persona)?;
            if answer != expected {
                differences.add_call(persona, call.says, answer, expected);
            }
        }
        Ok(())
    }
}

/// How many rows of a relation a site has.
async fn rows(world: &World, relation: &Relation, house: &House) -> Result<i64> {
    let Some(condition) = house.rows_of(relation) else {
        return Ok(0);
    };
    let query = format!("select count(*) from {} where {condition}", relation.name);
    Ok(sqlx::query_scalar(AssertSqlSafe(query))
        .fetch_one(world.db.owner())
        .await?)
}
