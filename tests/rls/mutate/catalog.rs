//! Mutations of what the catalog keeps as such: policies, grants, options, triggers.

use anyhow::Result;
use pg_chat_tests::TestDb;

use super::{Kind, Mutation};
use crate::questions::{Names, Part};

/// Everything that one query finds: name, definition, statements, relation, column, function.
type Found = (
    String,
    String,
    String,
    Option<String>,
    Option<String>,
    Option<String>,
);

/// Every mutation of these kinds.
pub async fn mutations(db: &TestDb) -> Result<Vec<Mutation>> {
    let mut mutations = Vec::new();
    for (kind, query) in [
        (Kind::PolicyDropped, include_str!("policies_dropped.sql")),
        (Kind::PolicyOpened, include_str!("policies_opened.sql")),
        (Kind::RowSecurity, include_str!("row_security.sql")),
        (Kind::Grant, include_str!("grants.sql")),
        (Kind::Guard, include_str!("guards.sql")),
        (Kind::View, include_str!("view_options.sql")),
        (Kind::SearchPath, include_str!("search_paths.sql")),
    ] {
        let found: Vec<Found> = sqlx::query_as(query).fetch_all(db.superuser()).await?;
        mutations.extend(found.into_iter().map(
            |(name, definition, statements, relation, column, function)| Mutation {
                kind,
                name,
                definition,
                statements,
                part: Part {
                    relations: Names::of(relation),
                    columns: column.map_or(Names::All, |column| Names::of([column])),
                    executes: Names::of(function),
                    ..Part::nothing()
                },
                functions: Vec::new(),
            },
        ));
    }
    Ok(mutations)
}
