//! Who gets a conversation, when, and why.

mod by_hand;
mod choice;
mod drain;
mod explained;
mod hours;
mod load;
mod promises;
mod rule_trials;
mod saved_rules;
mod site_rules;
mod strategies;
mod unanswered;
mod waiting;
mod what_if;

use anyhow::Result;
use pg_chat_tests::Agent;
use serde_json::Value;
use uuid::Uuid;

use crate::scene::Scene;

impl Scene {
    /// A new conversation of the widget, after routing had its say.
    async fn chat(&self) -> Result<Value> {
        self.chat_with("").await
    }

    /// The same with more columns: `", department_id = '…'"` as they follow in an update before it commits.
    async fn chat_with(&self, more: &str) -> Result<Value> {
        let visitor = self.site.visitor("Somebody").await?;
        let chat = Uuid::new_v4();
        let mut commit = self.db.owner().begin().await?;
        sqlx::query(
            "insert into mod_chat_conversations (id, site_id, visitor_id) values ($1, $2, $3)",
        )
        .bind(chat)
        .bind(self.site.id)
        .bind(visitor)
        .execute(&mut *commit)
        .await?;
        let set =
            format!("update mod_chat_conversations set page_url = null{more} where id = '{chat}'");
        sqlx::query(sqlx::AssertSqlSafe(set))
            .execute(&mut *commit)
            .await?;
        commit.commit().await?;
        self.row(&format!(
            "select * from mod_chat_conversations where id = '{chat}'"
        ))
        .await
    }

    /// Gives an agent so many conversations by hand.
    async fn given(&self, agent: Agent, chats: usize) -> Result<()> {
        for _ in 0..chats {
            self.chat_with(&format!(", assigned_agent_id = '{}'", agent.id))
                .await?;
        }
        Ok(())
    }

    /// So many conversations of different people, waiting since their places in a line: the first longest.
    async fn line_of(&self, chats: usize) -> Result<Vec<Value>> {
        let mut line = Vec::new();
        for place in 0..chats {
            let since =
                format!(", pending_since = now() - interval '1 hour' + interval '{place} minutes'");
            line.push(self.chat_with(&since).await?);
        }
        Ok(line)
    }

    /// Whose a conversation is now.
    async fn holder(&self, chat: &Value) -> Result<Option<Uuid>> {
        Ok(serde_json::from_value(
            self.again(chat).await?["assigned_agent_id"].clone(),
        )?)
    }
}
