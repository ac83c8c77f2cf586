//! What an agent does at their desk, by the statements that a dashboard sends.

use anyhow::Result;
use serde_json::Value;
use uuid::Uuid;

use crate::{Agent, TestDb};

/// An agent who is signed in.
#[derive(Debug, Clone, Copy)]
pub struct Desk<'a> {
    db: &'a TestDb,
    agent: Agent,
}

impl TestDb {
    /// The desk of an agent.
    pub fn desk(&self, agent: Agent) -> Desk<'_> {
        Desk { db: self, agent }
    }
}

impl Desk<'_> {
    /// One request with one statement that gives rows.
    pub async fn rows(&self, statement: &str) -> Result<Vec<Value>, sqlx::Error> {
        let mut person = self
            .db
            .as_user(self.agent.user)
            .await
            .map_err(|error| sqlx::Error::Configuration(error.into()))?;
        person.rows(statement).await
    }

    /// Answers in a conversation. Null when the database took it for a repetition.
    pub async fn answer(&self, conversation: Uuid, words: &str) -> Result<Value, sqlx::Error> {
        let words = words.replace('\'', "''");
        let insert = format!(
            "insert into mod_chat_messages (conversation_id, content) values ('{conversation}', '{words}') returning *"
        );
        Ok(self.rows(&insert).await?.pop().unwrap_or(Value::Null))
    }

    /// Changes a conversation.
    pub async fn patch(&self, conversation: Uuid, set: &str) -> Result<Vec<Value>, sqlx::Error> {
        let update = format!(
            "update mod_chat_conversations set {set} where id = '{conversation}' returning *"
        );
        self.rows(&update).await
    }

    /// Says whether they are there: online, away, busy, offline.
    pub async fn turns(&self, site: Uuid, status: &str) -> Result<(), sqlx::Error> {
        self.rows(&format!(
            "select * from chat_set_status('{site}', '{status}')"
        ))
        .await?;
        Ok(())
    }
}
