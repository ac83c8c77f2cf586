//! People: what is known of them, who of them is one, who may not write, and how they are forgotten.

mod block;
mod erase;
mod hostile;
mod merge;
mod profile;
mod sessions;
mod tracking;

use anyhow::{Context, Result};
use pg_chat_tests::Refusal;
use serde_json::Value;
use uuid::Uuid;

use crate::scene::Scene;

impl Scene {
    /// One statement of the agency's owner, through PostgREST; its rows.
    pub async fn as_boss(&self, statement: &str) -> Result<Vec<Value>, sqlx::Error> {
        let mut boss = self
            .db
            .as_user(self.site.owner)
            .await
            .map_err(|error| sqlx::Error::Configuration(error.into()))?;
        boss.rows(statement).await
    }

    /// What a function that gives one value answers the owner.
    pub async fn boss_gets(&self, call: &str) -> Result<Value> {
        let mut rows = self.as_boss(&format!("select {call} as answer")).await?;
        Ok(rows.pop().context("no row")?["answer"].take())
    }

    /// The refusal that a statement of the owner must meet: SQLSTATE and stable code.
    pub async fn boss_is_refused(&self, statement: &str) -> (String, String) {
        let refusal = Refusal::expect(self.as_boss(statement).await);
        assert!(
            refusal.hint.is_some_and(|hint| !hint.is_empty()),
            "{} has no way out",
            refusal.message
        );
        (refusal.sqlstate, refusal.detail.unwrap_or_default())
    }

    /// A visitor's row as it stands now.
    pub async fn visitor_now(&self, visitor: Uuid) -> Result<Value> {
        self.row(&format!(
            "select * from mod_chat_visitors where id = '{visitor}'"
        ))
        .await
    }
}

/// A refusal in two words.
fn said(sqlstate: &str, code: &str) -> (String, String) {
    (sqlstate.to_owned(), code.to_owned())
}
