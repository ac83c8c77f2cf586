//! The agent's side: the inbox, the reason, the reply, its ticks.

use serde_json::json;
use uuid::Uuid;

use super::agent::Agent;
use super::script::{Chat, REPLY, Script, text};
use super::{check, until};
use crate::error::{Error, Result};
use crate::graph::{Delivery, Order};

impl Script {
    pub(super) async fn read_inbox(
        &self,
        agent: &Agent,
        chat: &Chat,
        caption: &str,
    ) -> Result<String> {
        let query = format!(
            "assigned_agent_id=eq.{}&status=in.(active,waiting)&order=last_message_at.desc\
             &select=id,last_message_text,unread_agent_count,mod_chat_visitors(name)",
            chat.agent_id
        );
        let inbox = agent.rows("mod_chat_conversations", &query).await?;
        let row = inbox.iter().find(|row| text(&row["id"]) == chat.id);
        let row =
            row.ok_or_else(|| Error::Play(format!("the chat is not in the inbox: {inbox:?}")))?;
        check(
            row["mod_chat_visitors"]["name"] == self.maria.name
                && row["last_message_text"] == caption
                && row["unread_agent_count"] == 2,
            || {
                format!(
                    "the inbox should show the caption and two unread messages of {}: {row}",
                    self.maria.name
                )
            },
        )?;
        Ok(format!(
            "{} chats, {}: \"{caption}\", 2 unread",
            inbox.len(),
            self.maria.name
        ))
    }

    pub(super) async fn explain(&self, agent: &Agent, chat: &Chat) -> Result<String> {
        let why = agent
            .call(
                "chat_explain_assignment",
                &json!({ "conversation": chat.id }),
            )
            .await?;
        check(
            why["agent_id"] == chat.agent_id.as_str() && why["facts"]["candidates"].is_array(),
            || format!("the choice and its facts should be kept: {why}"),
        )?;
        Ok(text(&why["in_words"]))
    }

    /// Inserts the reply. Statuses are held at Meta's side until it has all three.
    pub(super) async fn answer(&self, agent: &Agent, chat: &Chat) -> Result<(String, String)> {
        self.phones
            .deliver(&Delivery {
                order: Order::Shuffled,
                hold: true,
                concurrency: 3,
                ..Delivery::default()
            })
            .await?;
        let id = Uuid::new_v4();
        let row = json!({
            "id": id, "conversation_id": chat.id, "site_id": self.settings.site_id, "sender_type": "agent", "content": REPLY,
        });
        let row = agent.insert("mod_chat_messages", &row).await?;
        check(
            row["sender_id"] == chat.agent_id.as_str()
                && row["seq"] == 3
                && row["status"] == "sending",
            || format!("the reply should be number 3, theirs and on its way: {row}"),
        )?;
        Ok((
            id.to_string(),
            format!("one row inserted, {}", text(&row["delivery_state"])),
        ))
    }

    pub(super) async fn phone_gets_it(&self, agent: &Agent, message: &str) -> Result<String> {
        let bubble = until("the phone to show the reply", || async {
            Ok(self
                .phones
                .received(&self.maria.phone)
                .await?
                .into_iter()
                .find(|bubble| bubble.text == REPLY))
        })
        .await?;
        let query = format!("id=eq.{message}&delivery_state=eq.accepted");
        let row = until("the row to say accepted", || {
            agent.row("mod_chat_messages", &query)
        })
        .await?;
        check(row["whatsapp_message_id"] == bubble.wamid.as_str(), || {
            format!(
                "the row should have the id {} that Meta gave: {row}",
                bubble.wamid
            )
        })?;
        check(
            self.phones.received(&self.maria.phone).await?.len() == 1,
            || "the phone got it more than once".to_owned(),
        )?;
        Ok(format!("{} reads \"{}\"", self.maria.phone, bubble.text))
    }

    pub(super) async fn ticks_come_back(&self, agent: &Agent, message: &str) -> Result<String> {
        let before = self.phones.deliveries().await?.log.len();
        let count = self.phones.release().await?;
        check(count == 3, || {
            format!("Meta should have three statuses to report, not {count}")
        })?;
        self.phones.all_taken().await?;
        let query = format!("id=eq.{message}&delivery_state=eq.read&status=eq.read");
        let row = until("the row to say read", || {
            agent.row("mod_chat_messages", &query)
        })
        .await?;
        let times = row["metadata"]["statuses"]
            .as_object()
            .map_or(0, |statuses| statuses.len());
        check(times >= 3, || {
            format!("the first time of each status should be kept: {row}")
        })?;
        let log = self.phones.deliveries().await?.log;
        let order: Vec<&str> = log
            .iter()
            .skip(before)
            .filter_map(|record| record.says.split_whitespace().next())
            .collect();
        Ok(format!("{}; the row says read", order.join(", ")))
    }
}
