//! Mutations of the conditions of policies and views: each part between their `and`s holds for every row.

use anyhow::Result;
use pg_chat_tests::TestDb;
use regex::Regex;

use super::body::Body;
use super::{Kind, Mutation};
use crate::questions::{Names, Part};

/// An expression: what has it, the relation to ask, its text, and the statement with `%` for the changed text.
type Expression = (String, String, String, String);

/// Every part of every condition that is a conjunction.
pub async fn mutations(db: &TestDb) -> Result<Vec<Mutation>> {
    let mut mutations = Vec::new();
    for (kind, query) in [
        (Kind::PolicyCondition, include_str!("policy_conditions.sql")),
        (Kind::View, include_str!("view_conditions.sql")),
    ] {
        let found: Vec<Expression> = sqlx::query_as(query).fetch_all(db.superuser()).await?;
        for (of, relation, text, statement) in found {
            let body = Body::new(text);
            for part in parts(&body, kind)? {
                let said = body
                    .text(&part)
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ");
                mutations.push(Mutation {
                    kind,
                    name: format!("{of}: `{said}` always holds"),
                    definition: said,
                    statements: statement.replace('%', &body.with(&part, "true")),
                    part: Part {
                        relations: Names::of([relation.clone()]),
                        ..Part::nothing()
                    },
                    functions: Vec::new(),
                });
            }
        }
    }
    Ok(mutations)
}

/// The parts of a condition; of a view, what follows its last `WHERE`. PostgreSQL writes a conjunction as
/// `((one) AND (two))`.
fn parts(body: &Body, kind: Kind) -> Result<Vec<std::ops::Range<usize>>> {
    let all = body.all();
    let mut condition = all.clone();
    if kind == Kind::View {
        let Some(last) = body.split(&all, &Regex::new(r"\bWHERE\b")?).pop() else {
            return Ok(Vec::new());
        };
        let end = body.masked(&last).trim_end_matches(';').len();
        condition = last.start..last.start + end;
    }
    if body.masked(&condition).starts_with('(')
        && body.closing(condition.start) == Some(condition.end - 1)
    {
        condition = condition.start + 1..condition.end - 1;
    }
    let parts = body.split(&condition, &Regex::new(r"\bAND\b")?);
    Ok(if parts.len() > 1 || kind == Kind::View {
        parts
    } else {
        Vec::new()
    })
}
