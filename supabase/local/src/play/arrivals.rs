//! What comes in: a text, an image, a burst, a duplicate, a stray status.

use futures_util::future::try_join_all;
use serde_json::Value;

use super::bodies::{Contact, new_wamid, saying, showing, words};
use super::script::{Chat, Script, text};
use super::{check, until};
use crate::error::Result;

/// What the picture of the vectors' caption could look like.
const PICTURE: &[u8] = include_bytes!("the_blue_one.png");

impl Script {
    pub(super) async fn text_arrives(&self, wamid: &str, expected: &str) -> Result<(Chat, String)> {
        let body = self.vectors.body("text", &self.maria, wamid)?;
        self.phones.post(&body, 0).await?;
        let row = self.chat_with(&self.maria, 1).await?;
        self.phones.all_taken().await?;
        check(
            row["status"] == "active" && row["assigned_agent_id"] == expected,
            || format!("the chat should be active and with agent {expected}, but it is {row}"),
        )?;
        check(!row["whatsapp_window_expires_at"].is_null(), || {
            format!("the 24-hour window should be open: {row}")
        })?;
        let chat = Chat {
            id: text(&row["id"]),
            agent_id: expected.to_owned(),
        };
        let saw = format!(
            "{} is with {}",
            text(&row["session_number"]),
            text(&row["mod_chat_agents"]["display_name"])
        );
        Ok((chat, saw))
    }

    pub(super) async fn image_arrives(&self, chat: &Chat) -> Result<(String, String)> {
        let body = self
            .vectors
            .body("image_with_caption", &self.maria, &new_wamid())?;
        let picture = self.phones.upload(PICTURE, "image/png").await?;
        let body = showing(body, &picture);
        let caption = words(&body);
        self.phones.post(&body, 0).await?;
        let row = self.chat_with(&self.maria, 2).await?;
        check(text(&row["id"]) == chat.id, || {
            format!("it opened another conversation: {row}")
        })?;
        let query = format!("conversation_id=eq.{}&seq=eq.2", chat.id);
        let message = until("the file of the image", || async {
            let row = self.agents[0].row("mod_chat_messages", &query).await?;
            Ok(row.filter(|row| row["file_state"] != "pending"))
        })
        .await?;
        check(
            message["kind"] == "image"
                && message["content"] == caption.as_str()
                && message["file_state"] == "ready"
                && message["file_size"] == PICTURE.len(),
            || format!("the second message should be the image with its caption: {message}"),
        )?;
        let saw = format!(
            "in the same chat, its file {} bytes in Storage",
            PICTURE.len()
        );
        Ok((caption, saw))
    }

    pub(super) async fn burst_arrives(&self) -> Result<String> {
        let posts = ["Hi", "are you open today?", "and on Sunday?"].map(|line| {
            let body = self.vectors.body("text", &self.tom, &new_wamid());
            async move { self.phones.post(&saying(body?, line), 0).await }
        });
        try_join_all(posts).await?;
        let row = self.chat_with(&self.tom, 3).await?;
        let query = format!(
            "conversation_id=eq.{}&select=seq&order=seq",
            text(&row["id"])
        );
        let numbers: Vec<Value> = self.agents[0]
            .rows("mod_chat_messages", &query)
            .await?
            .iter()
            .map(|row| row["seq"].clone())
            .collect();
        check(numbers == [1, 2, 3], || {
            format!("three messages should be numbered 1, 2, 3 and not {numbers:?}")
        })?;
        let saw = format!(
            "one conversation, numbers 1 to 3, with {}",
            text(&row["mod_chat_agents"]["display_name"])
        );
        Ok(saw)
    }

    pub(super) async fn duplicate_arrives(&self, wamid: &str, chat: &Chat) -> Result<String> {
        let body = self.vectors.body("text", &self.maria, wamid)?;
        self.phones.post(&body, 1).await?;
        self.phones.all_taken().await?;
        self.unchanged(chat, "taken, and stored once").await
    }

    pub(super) async fn stray_status_arrives(&self, chat: &Chat) -> Result<String> {
        let body = self
            .vectors
            .body("status_delivered", &self.maria, &new_wamid())?;
        self.phones.post(&body, 0).await?;
        self.phones.all_taken().await?;
        self.unchanged(chat, "taken, and kept aside").await
    }

    pub(super) async fn unchanged(&self, chat: &Chat, saw: &str) -> Result<String> {
        let row = self.chat_with(&self.maria, 2).await?;
        let rows = self.agents[0]
            .rows(
                "mod_chat_messages",
                &format!("conversation_id=eq.{}&select=id", chat.id),
            )
            .await?;
        check(
            rows.len() == 2 && row["message_count"] == 2 && row["unread_agent_count"] == 2,
            || {
                format!(
                    "the chat should still have two messages, both unread, but has {} and is {row}",
                    rows.len()
                )
            },
        )?;
        Ok(saw.to_owned())
    }

    /// The open conversation with a contact, once it has `count` messages and an agent.
    pub(super) async fn chat_with(&self, contact: &Contact, count: u64) -> Result<Value> {
        let query = format!(
            "status=in.(pending,active,waiting)&select=*,mod_chat_agents(display_name),mod_chat_visitors!inner(whatsapp_phone)\
             &mod_chat_visitors.whatsapp_phone=eq.{}",
            contact.phone
        );
        let [ada, _] = &self.agents;
        until(&format!("message {count} of {}", contact.name), || async {
            let row = ada.row("mod_chat_conversations", &query).await?;
            Ok(row.filter(|row| {
                row["message_count"].as_u64() >= Some(count) && !row["assigned_agent_id"].is_null()
            }))
        })
        .await
    }
}
