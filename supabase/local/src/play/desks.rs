//! The agents' desks: cleared of what plays left, and whose turn it is.

use serde_json::{Value, json};

use super::bodies::PHONE_PREFIX;
use super::script::{Script, text};
use crate::error::{Error, Result};

impl Script {
    /// Closes what earlier plays left open and sets both online. Gives who is to
    /// get the next chat: the least busy, then the one who has waited longest.
    pub(super) async fn go_online(&self) -> Result<(String, String)> {
        self.clear_desks().await?;
        for agent in &self.agents {
            agent
                .call(
                    "chat_set_status",
                    &json!({ "site": self.settings.site_id, "status": "online" }),
                )
                .await?;
        }
        let query = format!(
            "site_id=eq.{}&status=eq.online&is_active=is.true",
            self.settings.site_id
        );
        let mut desks: Vec<Desk> = self.agents[0]
            .rows("mod_chat_agents", &query)
            .await?
            .iter()
            .map(Desk::of)
            .collect();
        desks.sort_by(Desk::by_turn);
        let loads: Vec<String> = desks
            .iter()
            .map(|desk| format!("{} has {} of {}", desk.name, desk.load, desk.max))
            .collect();
        match desks.first() {
            Some(first) if desks.len() > 1 => Ok((first.agent_id.clone(), loads.join(", "))),
            _ => Err(Error::Play(format!(
                "two agents should be online, but it is {loads:?}"
            ))),
        }
    }

    /// Resolves the conversations of the play's contacts, this time's and earlier ones'.
    pub(super) async fn clear_desks(&self) -> Result<String> {
        let query = format!(
            "site_id=eq.{}&status=in.(pending,active,waiting)&select=id,mod_chat_visitors!inner(whatsapp_phone)\
             &mod_chat_visitors.whatsapp_phone=like.{PHONE_PREFIX}*",
            self.settings.site_id
        );
        let [ada, _] = &self.agents;
        let open: Vec<String> = ada
            .rows("mod_chat_conversations", &query)
            .await?
            .iter()
            .map(|row| text(&row["id"]))
            .collect();
        for id in &open {
            ada.change(
                "mod_chat_conversations",
                &format!("id=eq.{id}"),
                &json!({ "status": "resolved" }),
            )
            .await?;
        }
        Ok(format!("{} of them", open.len()))
    }
}

/// An agent with the figures that routing looks at.
struct Desk {
    agent_id: String,
    name: String,
    load: f64,
    max: f64,
    last_assigned_at: String,
}

impl Desk {
    fn of(row: &Value) -> Self {
        Self {
            agent_id: text(&row["id"]),
            name: text(&row["display_name"]),
            load: row["current_chat_count"].as_f64().unwrap_or_default(),
            max: row["max_concurrent_chats"].as_f64().unwrap_or_default(),
            last_assigned_at: text(&row["last_assigned_at"]),
        }
    }

    /// Whose turn is first: least load against capacity, then the longest without
    /// a new chat, then by id.
    fn by_turn(&self, other: &Self) -> std::cmp::Ordering {
        (self.load / self.max)
            .total_cmp(&(other.load / other.max))
            .then_with(|| self.last_assigned_at.cmp(&other.last_assigned_at))
            .then_with(|| self.agent_id.cmp(&other.agent_id))
    }
}
