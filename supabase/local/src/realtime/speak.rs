//! What a joined client says to the others of its channel: broadcasts and its presence.

use serde_json::{Value, json};

use super::channel::PresenceRefusal;
use super::frame::{Broadcast, Content};
use super::rights::Question;
use super::socket::{Gone, Reply, Socket};

/// Which of the two is to be written.
#[derive(Clone, Copy)]
enum Extension {
    Broadcast,
    Presence,
}

impl Socket {
    /// A client's broadcast. Without the right it is dropped without a word, acknowledgement or not.
    pub(super) async fn broadcast(
        &mut self,
        reply: Reply<'_>,
        name: &str,
        event: String,
        content: Content,
    ) -> Result<(), Gone> {
        if !self.may_write(name, Extension::Broadcast).await {
            return Ok(());
        }
        let Some(channel) = self.channels.get(name) else {
            return Ok(());
        };
        let ack = channel.ack;
        let hub = &self.realtime.hub;
        if content.len() > hub.settings().max_payload_bytes {
            if ack {
                let reason = "Payload size exceeds tenant limit".to_owned();
                return self.reply(reply, Err(reason)).await;
            }
            return Ok(());
        }
        let broadcast = Broadcast {
            topic: reply.topic.to_owned(),
            event,
            content,
            meta: None,
            as_text: false,
        };
        let but = (!channel.hears_itself).then_some(self.id);
        if hub.publish(&channel.key, broadcast, but).is_err() {
            return self.shut_down(name, super::TOO_MANY_MESSAGES).await;
        }
        if ack {
            return self.reply(reply, Ok(json!({}))).await;
        }
        Ok(())
    }

    /// `presence`: track or untrack.
    pub(super) async fn presence(
        &mut self,
        reply: Reply<'_>,
        name: &str,
        said: &Value,
    ) -> Result<(), Gone> {
        let settings = self.realtime.hub.settings();
        let one_too_many = self
            .channels
            .get_mut(name)
            .is_some_and(|channel| channel.too_many_presence_calls(&settings));
        if one_too_many {
            return self
                .shut_down(name, "Client presence rate limit exceeded")
                .await;
        }
        if !self.may_write(name, Extension::Presence).await {
            let reason = format!(
                "Unauthorized: You do not have permissions to write to this Channel topic: {name}"
            );
            return self.reply(reply, Err(reason)).await;
        }
        let Some(channel) = self.channels.get(name) else {
            return Ok(());
        };
        match channel.change_presence(&self.realtime.hub, said) {
            Ok(()) => self.reply(reply, Ok(json!({}))).await,
            Err(PresenceRefusal::TooMany) => {
                self.shut_down(name, "Too many presence messages per second")
                    .await
            }
            Err(PresenceRefusal::TooLarge) => {
                self.shut_down(name, "Track message size exceeded").await
            }
            Err(PresenceRefusal::NoObject) => {
                let reason = "Presence track payload must be a map".to_owned();
                self.reply(reply, Err(reason)).await
            }
            Err(PresenceRefusal::NoEvent) => {
                self.reply(reply, Err("Unknown presence event".to_owned()))
                    .await
            }
        }
    }

    /// Whether a channel may write; asked once and kept until its token changes.
    async fn may_write(&mut self, name: &str, extension: Extension) -> bool {
        let Some(channel) = self.channels.get(name) else {
            return false;
        };
        if !channel.key.private {
            return true;
        }
        let (known, word) = match extension {
            Extension::Broadcast => (channel.writes_broadcast, "broadcast"),
            Extension::Presence => (channel.writes_presence, "presence"),
        };
        if let Some(known) = known {
            return known;
        }
        let question = Question {
            claims: &channel.claims,
            topic: name,
            headers: &self.caller.headers,
        };
        let answer = match question.writes(&self.realtime.pool, word).await {
            Ok(answer) => answer,
            // It was not a no: the next message asks again.
            Err(unanswered) => {
                tracing::warn!("realtime: {}", unanswered.reason());
                return false;
            }
        };
        if let Some(channel) = self.channels.get_mut(name) {
            match extension {
                Extension::Broadcast => channel.writes_broadcast = Some(answer),
                Extension::Presence => channel.writes_presence = Some(answer),
            }
        }
        answer
    }
}
