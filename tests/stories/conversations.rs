//! What a conversation remembers of its messages, what its states allow, what agents do in it, what time does to it, and
//! how it is found and read.

mod api;
mod bulk;
mod canned;
mod counters;
mod events;
mod inbox;
mod lifecycle;
mod notes;
mod pages;
mod reading;
mod revising;
mod saved_views;
mod scheduled;
mod search;
mod snooze;
mod timers;
mod times;
mod visitors_side;

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs};
use serde_json::Value;

use crate::scene::{Scene, id};

impl Scene {
    /// A chat of the widget in which its visitor has written once; whoever is free has it.
    pub async fn widget_chat(&self) -> Result<Value> {
        let visitor = self.site.visitor("Zoe Quinn").await?;
        let conversation = self.site.conversation(visitor).await?;
        let chat = serde_json::json!({"id": conversation});
        self.visitor_writes(&chat, "Hello").await?;
        self.again(&chat).await
    }

    /// The visitor of a chat writes; the message.
    pub async fn visitor_writes(&self, chat: &Value, words: &str) -> Result<Value> {
        let write = format!(
            "insert into mod_chat_messages (conversation_id, sender_type, content) values ({}, 'visitor', '{words}')",
            id(chat)
        );
        self.as_owner(&write).await?;
        self.newest(chat).await
    }

    /// The newest message of a chat, notes included.
    pub async fn newest(&self, chat: &Value) -> Result<Value> {
        self.row(&format!(
            "select * from mod_chat_messages where conversation_id = {} order by seq desc limit 1",
            id(chat)
        ))
        .await
    }

    /// A colleague who has nothing assigned: an agent who is away.
    pub async fn colleague(&self, role: &'static str) -> Result<Agent> {
        let is = AgentIs {
            role,
            status: "away",
            ..AgentIs::default()
        };
        self.site.agent("Ben", is).await
    }
}
