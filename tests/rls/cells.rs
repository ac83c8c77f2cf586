//! The questions of the matrix, and the statements that ask them.

use anyhow::Result;

use crate::objects::{Column, Kind, Relation};
use crate::world::House;

/// What is tried on a relation. `Use` is `nextval` of a sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verb {
    /// `select`
    Select,
    /// `insert`
    Insert,
    /// `update`
    Update,
    /// `delete`
    Delete,
    /// `truncate`
    Truncate,
    /// `nextval`
    Use,
}

/// One question: a verb on a relation, or on one column of it.
#[derive(Debug, Clone)]
pub struct Cell<'a> {
    /// The relation.
    pub relation: &'a Relation,
    /// The verb.
    pub verb: Verb,
    /// The column, for the verbs that have column grants.
    pub column: Option<&'a Column>,
}

/// Every cell of a relation.
pub fn cells(relation: &Relation) -> Vec<Cell<'_>> {
    let verbs: &[Verb] = match relation.kind {
        Kind::Table => &[
            Verb::Select,
            Verb::Insert,
            Verb::Update,
            Verb::Delete,
            Verb::Truncate,
        ],
        Kind::View { writable: true } => &[Verb::Select, Verb::Insert, Verb::Update, Verb::Delete],
        Kind::View { writable: false } => &[Verb::Select],
        Kind::Sequence => &[Verb::Use],
    };
    verbs
        .iter()
        .flat_map(|&verb| {
            let columns: Vec<Option<&Column>> = match verb {
                Verb::Select | Verb::Insert | Verb::Update => {
                    relation.columns.iter().map(Some).collect()
                }
                Verb::Delete | Verb::Truncate | Verb::Use => vec![None],
            };
            columns.into_iter().map(move |column| Cell {
                relation,
                verb,
                column,
            })
        })
        .collect()
}

impl Cell<'_> {
    /// The statement aimed at nothing (which shows whether there is a grant at all), at one's own site, and at the
    /// foreign one.
    pub fn statements(&self, own: &House, foreign: &House) -> Result<[String; 3]> {
        let name = &self.relation.name;
        let bare = match (self.verb, self.column) {
            (Verb::Insert, Some(column)) => {
                format!(
                    "insert into {name} ({}) values ({})",
                    column.name,
                    value(name, column, own)?
                )
            }
            _ => self.on(own)?,
        };
        Ok([bare, self.at(own)?, self.at(foreign)?])
    }

    /// The statement over all rows there are.
    fn on(&self, house: &House) -> Result<String> {
        let name = &self.relation.name;
        Ok(match (self.verb, self.column) {
            (Verb::Select, Some(column)) => format!("select {} from {name}", column.name),
            (Verb::Update, Some(column)) => format!(
                "update {name} set {} = {}",
                column.name,
                value(name, column, house)?
            ),
            (Verb::Delete, _) => format!("delete from {name}"),
            (Verb::Truncate, _) => format!("truncate {name}"),
            _ => format!("select nextval('{name}')"),
        })
    }

    /// The statement over the rows of one site.
    fn at(&self, house: &House) -> Result<String> {
        if self.verb == Verb::Insert {
            return self.insert(house);
        }
        let statement = self.on(house)?;
        Ok(match house.rows_of(self.relation) {
            Some(condition) if matches!(self.verb, Verb::Select | Verb::Update | Verb::Delete) => {
                format!("{statement} where {condition}")
            }
            _ => statement,
        })
    }

    fn insert(&self, house: &House) -> Result<String> {
        let mut row = house.new_row(&self.relation.name);
        if let Some(column) = self.column
            && !row.iter().any(|(name, _)| *name == column.name)
        {
            row.push((&column.name, value(&self.relation.name, column, house)?));
        }
        let (columns, values): (Vec<&str>, Vec<String>) = row.into_iter().unzip();
        Ok(format!(
            "insert into {} ({}) values ({})",
            self.relation.name,
            columns.join(", "),
            values.join(", ")
        ))
    }
}

fn value(table: &str, column: &Column, house: &House) -> Result<String> {
    house
        .new_value(table, &column.name)
        .map_or_else(|| column.another_value(), Ok)
}
