//! Trying things as a persona, and what came of it.

use anyhow::{Context, Result};
use pg_chat_tests::Person;
use serde::Deserialize;
use sqlx::{AssertSqlSafe, Executor};

use crate::objects::{Column, Function, Kind, Relation};
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

/// What came of it, in the words of `expected.toml`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// All rows of one's own site, and none of the foreign one.
    Own,
    /// Some rows of one's own site.
    Some,
    /// The rows of both sites.
    All,
    /// No error, no rows.
    None,
    /// There is a grant, but a policy or a trigger said no.
    Refused,
    /// There is no grant.
    Denied,
    /// Rows of the foreign site and not all of one's own: never expected.
    #[serde(skip)]
    Foreign,
    /// It could not be found out, for a reason: the test has to learn.
    #[serde(skip)]
    Unclear(String),
}

/// What one statement came to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// It touched so many rows.
    Rows(i64),
    /// Only a constraint stood in its way. Rights are asked before constraints, so the right was there.
    Allowed,
    Refused,
    Denied,
    Unclear(String),
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

/// Makes the function that tries; before the person takes their role.
pub async fn prepare(person: &mut Person) -> Result<()> {
    person.connection().execute(include_str!("attempt.sql")).await?;
    Ok(())
}

/// Every cell of a relation.
pub fn cells(relation: &Relation) -> Vec<Cell<'_>> {
    let verbs: &[Verb] = match relation.kind {
        Kind::Table => &[Verb::Select, Verb::Insert, Verb::Update, Verb::Delete, Verb::Truncate],
        Kind::View { writable: true } => &[Verb::Select, Verb::Insert, Verb::Update, Verb::Delete],
        Kind::View { writable: false } => &[Verb::Select],
        Kind::Sequence => &[Verb::Use],
    };
    verbs
        .iter()
        .flat_map(|&verb| {
            let columns: Vec<Option<&Column>> = match verb {
                Verb::Select | Verb::Insert | Verb::Update => relation.columns.iter().map(Some).collect(),
                Verb::Delete | Verb::Truncate | Verb::Use => vec![None],
            };
            columns.into_iter().map(move |column| Cell { relation, verb, column })
        })
        .collect()
}

/// Tries cells of one relation. `totals`: how many rows of it the own and the foreign site have.
pub async fn answers(
    person: &mut Person,
    cells: &[Cell<'_>],
    (own, foreign): (&House, &House),
    totals: (i64, i64),
) -> Result<Vec<Answer>> {
    let mut statements = Vec::new();
    for cell in cells {
        statements.extend(cell.statements(own, foreign)?);
    }
    let outcomes = attempt(person, &statements).await?;
    Ok(outcomes.chunks(3).map(|tried| answer(tried, totals)).collect())
}

/// Whether each function may be executed: denied only when it is the call itself that is refused.
pub async fn executable(person: &mut Person, functions: &[Function]) -> Result<Vec<bool>> {
    let calls: Vec<String> = functions.iter().map(|function| function.call.clone()).collect();
    let tried = attempt_all(person, &calls).await?;
    Ok(functions
        .iter()
        .zip(tried)
        .map(|(function, (_, message, _))| {
            let message = message.unwrap_or_default();
            message != format!("permission denied for function {}", function.name)
                && message != format!("permission denied for schema {}", function.schema)
        })
        .collect())
}

impl Cell<'_> {
    /// The statement aimed at nothing (which shows whether there is a grant at all), at one's own site, and at the
    /// foreign one.
    fn statements(&self, own: &House, foreign: &House) -> Result<[String; 3]> {
        let name = &self.relation.name;
        let bare = match (self.verb, self.column) {
            (Verb::Insert, Some(column)) => {
                format!("insert into {name} ({}) values ({})", column.name, value(column, own)?)
            }
            (Verb::Truncate, _) => format!("truncate {name}"),
            (Verb::Use, _) => format!("select nextval('{name}')"),
            _ => self.on(own)?,
        };
        Ok([bare, self.at(own)?, self.at(foreign)?])
    }

    /// The statement over all rows there are.
    fn on(&self, house: &House) -> Result<String> {
        let name = &self.relation.name;
        Ok(match (self.verb, self.column) {
            (Verb::Select, Some(column)) => format!("select {} from {name}", column.name),
            (Verb::Update, Some(column)) => format!("update {name} set {} = {}", column.name, value(column, house)?),
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
        let has_site = self.relation.columns.iter().any(|column| column.name == "site_id");
        Ok(match house.rows_of(&self.relation.name, has_site) {
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
            row.push((&column.name, value(column, house)?));
        }
        let (columns, values): (Vec<&str>, Vec<String>) = row.into_iter().unzip();
        Ok(format!("insert into {} ({}) values ({})", self.relation.name, columns.join(", "), values.join(", ")))
    }
}

fn value(column: &Column, house: &House) -> Result<String> {
    house.new_value(&column.name).map_or_else(|| column.another_value(), Ok)
}

fn answer(tried: &[Outcome], (own_total, foreign_total): (i64, i64)) -> Answer {
    use Outcome::{Allowed, Denied, Refused, Rows, Unclear};
    let [bare, own, foreign] = tried else { return Answer::Unclear("it was not tried".to_owned()) };
    if *bare == Denied {
        return Answer::Denied;
    }
    match (own, foreign) {
        (Unclear(why), _) | (_, Unclear(why)) => Answer::Unclear(why.clone()),
        (Denied, _) | (_, Denied) => Answer::Unclear("it is granted, but not where rows are chosen".to_owned()),
        (Allowed, Allowed) => Answer::All,
        (Rows(own), Rows(foreign)) if *own >= own_total && *foreign >= foreign_total && own_total > 0 => Answer::All,
        (_, Allowed) => Answer::Foreign,
        (_, Rows(foreign)) if *foreign > 0 => Answer::Foreign,
        (Allowed, _) => Answer::Own,
        (Rows(own), _) if *own >= own_total && own_total > 0 => Answer::Own,
        (Rows(own), _) if *own > 0 => Answer::Some,
        (Rows(_), Rows(_)) => Answer::None,
        (Refused, _) | (_, Refused) => Answer::Refused,
    }
}

async fn attempt(person: &mut Person, statements: &[String]) -> Result<Vec<Outcome>> {
    let tried = attempt_all(person, statements).await?;
    Ok(tried.into_iter().map(|(code, message, touched)| outcome(code, message, touched)).collect())
}

fn outcome(code: Option<String>, message: Option<String>, touched: Option<i64>) -> Outcome {
    let message = message.unwrap_or_default();
    match code.as_deref() {
        None => Outcome::Rows(touched.unwrap_or_default()),
        Some("42501") if message.starts_with("permission denied for") => Outcome::Denied,
        Some("42501" | "PT403" | "PT404") => Outcome::Refused,
        // Of truncate: other tables refer to this one.
        Some("0A000") => Outcome::Allowed,
        Some(constraint) if constraint.starts_with("23") => Outcome::Allowed,
        Some(other) => Outcome::Unclear(format!("{other} {message}")),
    }
}

type Tried = (Option<String>, Option<String>, Option<i64>);

async fn attempt_all(person: &mut Person, statements: &[String]) -> Result<Vec<Tried>> {
    let mut request = person.begin().await?;
    let tried = sqlx::query_as(AssertSqlSafe(
        "select a.code, a.message, a.touched
        from unnest($1::text[]) with ordinality s (statement, place)
        cross join lateral pg_temp.attempt(s.statement) a
        order by s.place",
    ))
    .bind(statements)
    .fetch_all(&mut *request)
    .await
    .context("the attempts themselves failed")?;
    request.rollback().await?;
    Ok(tried)
}
