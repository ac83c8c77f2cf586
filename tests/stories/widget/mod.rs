//! The widget of a site: what it shows, what it asks, what visitors write in it.

mod config;
mod files;
mod forms;
mod identity;
mod messages;

use anyhow::{Context, Result};
use pg_chat_tests::{Person, Refusal, Session};
use serde_json::Value;
use uuid::Uuid;

use crate::scene::Scene;

/// Somebody at a browser, with a session.
pub struct Guest {
    pub session: Session,
    person: Person,
}

impl Scene {
    /// Somebody new opens the widget.
    pub async fn guest(&self) -> Result<Guest> {
        let session = self.site.session(&self.db).await?;
        let person = self.db.as_visitor(&session).await?;
        Ok(Guest { session, person })
    }

    /// The same with a site that asks nothing before a chat.
    pub async fn guest_without_form(&self) -> Result<Guest> {
        self.set("pre_chat_enabled = false").await?;
        self.guest().await
    }

    /// Changes the site's settings.
    pub async fn set(&self, set: &str) -> Result<()> {
        let site = self.site.id;
        let row = format!(
            "insert into mod_chat_widget_settings (site_id) values ('{site}') on conflict do nothing"
        );
        self.db.as_owner(&row).await?;
        self.db
            .as_owner(&format!("update mod_chat_widget_settings set {set}"))
            .await?;
        Ok(())
    }
}

impl Guest {
    /// What a function answers them.
    pub async fn gets(&mut self, call: &str) -> Result<Value, sqlx::Error> {
        let mut rows = self.sees(&format!("select {call} as answer")).await?;
        Ok(rows
            .pop()
            .map_or(Value::Null, |mut row| row["answer"].take()))
    }

    /// Rows they see.
    pub async fn sees(&mut self, select: &str) -> Result<Vec<Value>, sqlx::Error> {
        self.person.rows(select).await
    }

    /// Writes; the message as it is stored.
    pub async fn writes(&mut self, words: &str) -> Result<Value> {
        let message = self.gets(&format!("chat_post_message('{words}')")).await?;
        message["id"]
            .as_str()
            .with_context(|| message.to_string())?;
        Ok(message)
    }

    /// How a call of theirs must be refused: SQLSTATE and stable code.
    pub async fn is_refused(&mut self, call: &str) -> (String, String) {
        let refusal = Refusal::expect(self.gets(call).await);
        assert!(
            refusal.hint.is_some_and(|hint| !hint.is_empty()),
            "{} has no way out",
            refusal.message
        );
        (refusal.sqlstate, refusal.detail.unwrap_or_default())
    }

    /// Takes the token of an answer from now on.
    pub async fn takes(&mut self, scene: &Scene, answer: &Value) -> Result<()> {
        let token = answer["token"].as_str().context("no token")?;
        self.session.token = token.to_owned();
        self.session.visitor = answer["visitor_id"]
            .as_str()
            .context("no visitor")?
            .parse()?;
        self.person = scene.db.as_visitor(&self.session).await?;
        Ok(())
    }
}

/// A refusal in two words.
fn said(sqlstate: &str, code: &str) -> (String, String) {
    (sqlstate.to_owned(), code.to_owned())
}

/// An id that an answer holds.
fn id(value: &Value) -> Result<Uuid> {
    Ok(value.as_str().with_context(|| value.to_string())?.parse()?)
}
