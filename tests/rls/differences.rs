//! Where the database answers otherwise than is written down.

use std::collections::BTreeMap;

use crate::cells::Cell;
use crate::observe::Answer;
use crate::personas::Persona;

/// Answers that differ, with the columns and personas of one kind together.
#[derive(Default)]
pub struct Differences(BTreeMap<(String, Answer, Answer), ColumnsOf>);

type ColumnsOf = BTreeMap<Persona, Vec<String>>;

impl Differences {
    /// A cell of a relation.
    pub fn add_cell(
        &mut self,
        persona: Persona,
        cell: &Cell<'_>,
        answer: Answer,
        expected: Answer,
    ) {
        let column = cell.column.map_or("", |column| &column.name);
        let what = format!("{:?} {}", cell.verb, cell.relation.name);
        self.add(persona, what, column, answer, expected);
    }

    /// A function that somebody may call and should not, or the other way round.
    pub fn add_execute(&mut self, persona: Persona, function: &str, may: bool) {
        let (answer, expected) = if may {
            (Answer::All, Answer::Denied)
        } else {
            (Answer::Denied, Answer::All)
        };
        self.add(persona, format!("Execute {function}"), "", answer, expected);
    }

    /// What came of a call.
    pub fn add_call(&mut self, persona: Persona, call: &str, answer: Answer, expected: Answer) {
        self.add(persona, format!("Call {call}"), "", answer, expected);
    }

    fn add(
        &mut self,
        persona: Persona,
        what: String,
        column: &str,
        answer: Answer,
        expected: Answer,
    ) {
        let same = self.0.entry((what, answer, expected)).or_default();
        same.entry(persona).or_default().push(column.to_owned());
    }

    /// A difference that shows a rule to be gone or a right to be lost. That something could not be found out is none.
    pub fn clear(&self) -> Option<String> {
        self.0
            .iter()
            .filter(|((_, answer, _), _)| !matches!(answer, Answer::Unclear(_)))
            .map(|(kind, personas)| sentences(kind, personas))
            .find_map(|sentences| sentences.into_iter().next())
    }

    /// The first difference of any sort.
    pub fn first(&self) -> Option<String> {
        self.sentences().into_iter().next()
    }

    /// All of them.
    pub fn sentences(&self) -> Vec<String> {
        self.0
            .iter()
            .flat_map(|(kind, personas)| sentences(kind, personas))
            .collect()
    }
}

fn sentences(
    (what, answer, expected): &(String, Answer, Answer),
    by_persona: &ColumnsOf,
) -> Vec<String> {
    let mut by_columns: BTreeMap<&Vec<String>, Vec<Persona>> = BTreeMap::new();
    for (persona, columns) in by_persona {
        by_columns.entry(columns).or_default().push(*persona);
    }
    by_columns
        .into_iter()
        .map(|(columns, personas)| {
            let columns = columns.join(" ");
            format!("{what} {columns}: {answer:?} for {personas:?}, expected {expected:?}")
        })
        .collect()
}
