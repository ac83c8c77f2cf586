//! Trying things as a persona, and what came of it.

use anyhow::{Context, Result};
use serde::Deserialize;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};

use crate::cells::{Cell, Verb};
use crate::objects::Function;
use crate::world::House;

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

/// Makes the function that tries; before anybody takes a role on this connection.
pub async fn prepare(connection: &mut PgConnection) -> Result<()> {
    connection.execute(include_str!("attempt.sql")).await?;
    Ok(())
}

/// Tries cells of one relation, in a transaction that is a persona's already. `totals`: how many rows of it the own and
/// the foreign site have.
pub async fn answers(
    request: &mut PgConnection,
    cells: &[Cell<'_>],
    (own, foreign): (&House, &House),
    totals: (i64, i64),
) -> Result<Vec<Answer>> {
    let mut statements = Vec::new();
    for cell in cells {
        statements.extend(cell.statements(own, foreign)?);
    }
    let outcomes = attempt(request, &statements).await?;
    Ok(cells
        .iter()
        .zip(outcomes.chunks(3))
        .map(|(cell, tried)| answer(cell.verb, tried, totals))
        .collect())
}

/// Whether each function may be executed: denied only when it is the call itself that is refused.
pub async fn executable(request: &mut PgConnection, functions: &[&Function]) -> Result<Vec<bool>> {
    let calls: Vec<String> = functions
        .iter()
        .map(|function| function.call.clone())
        .collect();
    let tried = attempt_all(request, &calls).await?;
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

/// Tries calls: each at one's own site and at the foreign one.
pub async fn called(request: &mut PgConnection, calls: &[[String; 2]]) -> Result<Vec<Answer>> {
    let outcomes = attempt(request, &calls.concat()).await?;
    Ok(outcomes
        .chunks_exact(2)
        .map(|tried| given(&tried[0], &tried[1]))
        .collect())
}

/// What a call gave at one's own site and at the foreign one.
fn given(own: &Outcome, foreign: &Outcome) -> Answer {
    use Outcome::{Denied, Unclear};
    match (own, foreign) {
        (Denied, _) => Answer::Denied,
        (Unclear(why), _) | (_, Unclear(why)) => Answer::Unclear(why.clone()),
        _ => match (own.reach(1), foreign.reach(1)) {
            (Reach::Whole, Reach::Whole) => Answer::All,
            (_, Reach::Whole) => Answer::Foreign,
            (Reach::Whole, _) => Answer::Own,
            _ if *own == Outcome::Refused => Answer::Refused,
            _ => Answer::None,
        },
    }
}

fn answer(verb: Verb, tried: &[Outcome], totals: (i64, i64)) -> Answer {
    use Outcome::{Allowed, Denied, Refused, Rows, Unclear};
    let (own_total, foreign_total) = if verb == Verb::Insert { (1, 1) } else { totals };
    match (verb, tried) {
        (_, [Denied, ..]) => Answer::Denied,
        // These know no rows of a site: whoever may, may all.
        (Verb::Truncate | Verb::Use, [Rows(_) | Allowed, ..]) => Answer::All,
        (_, [_, Unclear(why), _] | [_, _, Unclear(why)]) => Answer::Unclear(why.clone()),
        (_, [_, Denied, _] | [_, _, Denied]) => {
            Answer::Unclear("granted, but not the columns that choose rows".to_owned())
        }
        (_, [_, own, foreign]) => match (own.reach(own_total), foreign.reach(foreign_total)) {
            (Reach::Whole, Reach::Whole) => Answer::All,
            (_, Reach::Whole | Reach::Part) => Answer::Foreign,
            (Reach::Whole, _) => Answer::Own,
            (Reach::Part, _) => Answer::Some,
            (Reach::Nothing, _) if *own == Refused || *foreign == Refused => Answer::Refused,
            (Reach::Nothing, _) => Answer::None,
        },
        _ => Answer::Unclear("it was not tried".to_owned()),
    }
}

/// How much of a site's rows a statement touched.
enum Reach {
    Whole,
    Part,
    Nothing,
}

impl Outcome {
    fn reach(&self, total: i64) -> Reach {
        match self {
            Self::Allowed => Reach::Whole,
            Self::Rows(touched) if *touched > 0 && *touched >= total => Reach::Whole,
            Self::Rows(touched) if *touched > 0 => Reach::Part,
            _ => Reach::Nothing,
        }
    }
}

async fn attempt(request: &mut PgConnection, statements: &[String]) -> Result<Vec<Outcome>> {
    let tried = attempt_all(request, statements).await?;
    Ok(tried
        .into_iter()
        .map(|(code, message, touched)| outcome(code, message, touched))
        .collect())
}

fn outcome(code: Option<String>, message: Option<String>, touched: Option<i64>) -> Outcome {
    let message = message.unwrap_or_default();
    match code.as_deref() {
        None => Outcome::Rows(touched.unwrap_or_default()),
        Some("42501") if message.starts_with("permission denied for") => Outcome::Denied,
        Some("42501" | "PT401" | "PT403" | "PT404") => Outcome::Refused,
        // Of truncate: other tables refer to this one.
        Some("0A000") => Outcome::Allowed,
        // A domain's constraint is the exception: it is asked when the value is made, before any right.
        Some(constraint)
            if constraint.starts_with("23") && !message.starts_with("value for domain") =>
        {
            Outcome::Allowed
        }
        Some(other) => Outcome::Unclear(format!("{other} {message}")),
    }
}

type Tried = (Option<String>, Option<String>, Option<i64>);

async fn attempt_all(request: &mut PgConnection, statements: &[String]) -> Result<Vec<Tried>> {
    sqlx::query_as(AssertSqlSafe(
        "select a.code, a.message, a.touched
        from unnest($1::text[]) with ordinality s (statement, place)
        cross join lateral pg_temp.attempt(s.statement) a
        order by s.place",
    ))
    .bind(statements)
    .fetch_all(request)
    .await
    .context("the attempts themselves failed")
}
