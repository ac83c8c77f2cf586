//! The steps of the play.

use std::path::Path;

use serde_json::Value;

use super::agent::Agent;
use super::bodies::{Contact, Vectors, new_wamid};
use super::phones::Phones;
use super::{step, step_giving};
use crate::error::{Error, Result};
use crate::graph::Delivery;
use crate::http_client;
use crate::stack::Settings;

/// What the agent answers.
pub(super) const REPLY: &str = "It is. Shall we put it aside for you?";

/// Everybody who takes part.
pub(super) struct Script {
    pub(super) settings: Settings,
    pub(super) phones: Phones,
    pub(super) vectors: Vectors,
    /// Ada and Ben.
    pub(super) agents: [Agent; 2],
    /// Writes first.
    pub(super) maria: Contact,
    /// Writes three messages at once.
    pub(super) tom: Contact,
}

/// A conversation as the inbox shows it.
pub(super) struct Chat {
    pub(super) id: String,
    pub(super) agent_id: String,
}

impl Script {
    /// Signs both agents in.
    pub(super) async fn prepare(settings: &Settings, root: &Path) -> Result<(Self, String)> {
        let client = http_client::client()?;
        let [ada, ben] = &settings.agents;
        let agents = [
            Agent::sign_in(&client, settings, ada).await?,
            Agent::sign_in(&client, settings, ben).await?,
        ];
        let saw = format!("{} and {}", ada.email, ben.email);
        let script = Self {
            settings: settings.clone(),
            phones: Phones::of(&client, settings),
            vectors: Vectors::of(root),
            agents,
            maria: Contact::new("Maria Silva"),
            tom: Contact::new("Tom Becker"),
        };
        Ok((script, saw))
    }

    pub(super) async fn play(&self) -> Result<()> {
        // Meta has several deliveries under way at once.
        self.phones
            .deliver(&Delivery {
                concurrency: 4,
                ..Delivery::default()
            })
            .await?;
        let expected = step_giving("both go online", self.go_online()).await?;
        let greeting = new_wamid();
        let chat = step_giving("a text comes in", self.text_arrives(&greeting, &expected)).await?;
        let caption = step_giving("an image with a caption", self.image_arrives(&chat)).await?;
        step("a new contact writes three at once", self.burst_arrives()).await?;
        step(
            "the text is delivered twice more",
            self.duplicate_arrives(&greeting, &chat),
        )
        .await?;
        step(
            "a status of a message we never sent",
            self.stray_status_arrives(&chat),
        )
        .await?;
        let agent = self.agent_of(&chat)?;
        step(
            "the agent reads the inbox",
            self.read_inbox(agent, &chat, &caption),
        )
        .await?;
        step("why the chat is theirs", self.explain(agent, &chat)).await?;
        let message = step_giving("the agent answers", self.answer(agent, &chat)).await?;
        step("the phone gets it", self.phone_gets_it(agent, &message)).await?;
        step(
            "the ticks come back shuffled",
            self.ticks_come_back(agent, &message),
        )
        .await?;
        step("the chats are resolved", self.clear_desks()).await
    }

    /// Gives the simulator back its ways.
    pub(super) async fn reset(&self) -> Result<()> {
        self.phones.release().await?;
        self.phones.deliver(&Delivery::default()).await
    }

    /// The one of ours whose chat it is.
    fn agent_of(&self, chat: &Chat) -> Result<&Agent> {
        let found = self
            .agents
            .iter()
            .find(|agent| agent.agent_id() == chat.agent_id);
        found.ok_or_else(|| Error::Play(format!("agent {} is neither Ada nor Ben", chat.agent_id)))
    }
}

/// The text of a JSON string, empty for anything else.
pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
