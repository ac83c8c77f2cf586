//! One socket: reads its client's messages, keeps its channels, and writes what they hear.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::channel::Channel;
use super::frame::{Broadcast, Frame, Incoming, Outgoing, Version, What, read_binary, read_text};
use super::hub::{Outbox, ToChannel, ToSocket};
use super::token::BadToken;
use super::{PREFIX, Realtime};

/// Whom a socket belongs to, as its address and headers say.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) version: Version,
    /// The token that the key is.
    pub(super) token: String,
    /// Its `x-…` headers.
    pub(super) headers: Value,
}

/// A socket whose task runs.
pub(super) struct Socket {
    pub(super) realtime: Arc<Realtime>,
    pub(super) caller: Caller,
    pub(super) id: u64,
    pub(super) outbox: Outbox,
    /// By topic, without `realtime:`.
    pub(super) channels: HashMap<String, Channel>,
    wire: WebSocket,
}

/// The other end is gone, or was told to go.
#[derive(Debug)]
pub(super) struct Gone;

/// Serves one socket until it ends.
pub(super) async fn serve(realtime: Arc<Realtime>, caller: Caller, wire: WebSocket) {
    let (outbox, mut messages) = mpsc::unbounded_channel();
    let Some(id) = realtime.hub.connect(outbox.clone()) else {
        return;
    };
    let mut socket = Socket {
        realtime,
        caller,
        id,
        outbox,
        channels: HashMap::new(),
        wire,
    };
    let mut heard = Instant::now();
    loop {
        let idle = Duration::from_millis(socket.realtime.hub.settings().idle_timeout_ms);
        let until = socket.next_expiry().min(heard + idle);
        let done = tokio::select! {
            frame = socket.wire.recv() => {
                heard = Instant::now();
                match frame {
                    Some(Ok(frame)) => socket.hear(frame).await,
                    Some(Err(_)) | None => Err(Gone),
                }
            }
            Some(message) = messages.recv() => socket.tell(message).await,
            () = tokio::time::sleep_until(until) => {
                if heard.elapsed() >= idle {
                    socket.end(Some(1000)).await
                } else {
                    socket.expire().await
                }
            }
        };
        if done.is_err() {
            break;
        }
    }
    for (_, channel) in socket.channels.drain() {
        let hub = &socket.realtime.hub;
        hub.unsubscribe(&channel.key, &channel.tracker);
    }
    socket.realtime.hub.disconnect(id);
}

impl Socket {
    async fn hear(&mut self, frame: Message) -> Result<(), Gone> {
        let message = match &frame {
            Message::Text(text) => read_text(self.caller.version, text),
            Message::Binary(bytes) if self.caller.version == Version::Two => read_binary(bytes),
            Message::Close(_) => return Err(Gone),
            _ => None,
        };
        match message {
            Some(message) => self.take(message).await,
            // Malformed frames are dropped, the socket stays.
            None => Ok(()),
        }
    }

    async fn take(&mut self, message: Incoming) -> Result<(), Gone> {
        let Incoming {
            join_ref,
            reference,
            topic,
            what,
        } = message;
        let reply = Reply {
            topic: &topic,
            join_ref: join_ref.as_deref(),
            reference: reference.as_deref(),
        };
        let name = topic.strip_prefix(PREFIX);
        match (what, name) {
            (What::Event { event, .. }, _) if topic == "phoenix" && event == "heartbeat" => {
                self.reply(reply, Ok(json!({}))).await
            }
            (What::Event { event, payload }, Some(name)) if event == "phx_join" => {
                self.join(reply, name, &payload).await
            }
            (What::Event { event, .. }, Some(name)) if event == "phx_leave" => {
                self.reply(reply, Ok(json!({}))).await?;
                match self.leave(name) {
                    Some(channel) => self.say_closed(&channel).await,
                    None => Ok(()),
                }
            }
            (What::Event { event, .. }, None) if event == "phx_leave" => {
                self.reply(reply, Ok(json!({}))).await
            }
            (what, Some(name)) if self.channels.contains_key(name) => match what {
                What::Broadcast { event, content } => {
                    self.broadcast(reply, name, event, content).await
                }
                What::Event { event, payload } if event == "presence" => {
                    self.presence(reply, name, &payload).await
                }
                What::Event { event, payload } if event == "access_token" => {
                    self.new_token(name, &payload).await
                }
                // The server knows no other; nobody is told.
                What::Event { .. } => Ok(()),
            },
            _ => self.reply(reply, Err("unmatched topic".to_owned())).await,
        }
    }

    async fn tell(&mut self, message: ToSocket) -> Result<(), Gone> {
        match message {
            ToSocket::Broadcast(broadcast) => self.pass_on(&broadcast).await,
            ToSocket::Presence { topic, diff } => {
                if !self.channels.contains_key(&topic) {
                    return Ok(());
                }
                let topic = format!("{PREFIX}{topic}");
                self.push(None, &topic, "presence_diff", diff).await
            }
            ToSocket::Channel {
                topic,
                join_ref,
                what,
            } => match self.channels.get(&topic) {
                Some(channel) if channel.join_ref == join_ref => {
                    self.tell_channel(&topic, what).await
                }
                // It was joined anew since.
                _ => Ok(()),
            },
            ToSocket::Channels { topic, what } => {
                let all: Vec<String> = match topic {
                    Some(topic) => vec![topic],
                    None => self.channels.keys().cloned().collect(),
                };
                for topic in all {
                    self.tell_channel(&topic, what.clone()).await?;
                }
                Ok(())
            }
            ToSocket::Refusal {
                topic,
                join_ref,
                reference,
                reason,
                closes_socket,
            } => {
                let reply = Reply {
                    topic: &topic,
                    join_ref: join_ref.as_deref(),
                    reference: reference.as_deref(),
                };
                self.reply(reply, Err(reason)).await?;
                if closes_socket {
                    return self.end(Some(1000)).await;
                }
                Ok(())
            }
            ToSocket::End { code } => self.end(code).await,
        }
    }

    async fn tell_channel(&mut self, name: &str, what: ToChannel) -> Result<(), Gone> {
        match what {
            ToChannel::ReplicationReady => {
                self.system(name, "ok", "Replication connection established")
                    .await
            }
            ToChannel::ShutDown(why) => self.shut_down(name, &why).await,
            ToChannel::Crash => {
                let Some(channel) = self.leave(name) else {
                    return Ok(());
                };
                let topic = format!("{PREFIX}{name}");
                let join_ref = channel.join_ref.as_deref();
                self.push_as(
                    join_ref,
                    join_ref,
                    &topic,
                    "phx_error",
                    json!({ "reason": "channel_crash" }),
                )
                .await
            }
            ToChannel::ExpireToken => {
                let why = BadToken::Expired { seconds_ago: 0 }.in_words();
                self.shut_down(name, &why).await
            }
        }
    }

    async fn pass_on(&mut self, broadcast: &Broadcast) -> Result<(), Gone> {
        let Some(name) = broadcast.topic.strip_prefix(PREFIX) else {
            return Ok(());
        };
        let Some(channel) = self.channels.get(name) else {
            return Ok(());
        };
        let was_replayed = broadcast
            .row()
            .is_some_and(|row| channel.replayed.contains(row));
        match broadcast.write(self.caller.version) {
            Some(frame) if !was_replayed => self.send(frame).await,
            _ => Ok(()),
        }
    }

    /// When the first token of a channel expires; far away when none is there.
    fn next_expiry(&self) -> Instant {
        let now = Instant::now();
        let soonest = self.channels.values().map(|channel| {
            let left = channel.claims.expires - super::unix_now();
            now + Duration::from_secs(u64::try_from(left).unwrap_or(0))
        });
        soonest
            .min()
            .unwrap_or_else(|| now + Duration::from_secs(86_400))
    }

    /// Shuts down what has expired.
    async fn expire(&mut self) -> Result<(), Gone> {
        let now = super::unix_now();
        let expired: Vec<(String, i64)> = self
            .channels
            .iter()
            .filter(|(_, channel)| channel.claims.expires <= now)
            .map(|(name, channel)| (name.clone(), now - channel.claims.expires))
            .collect();
        for (name, seconds_ago) in expired {
            self.shut_down(&name, &BadToken::Expired { seconds_ago }.in_words())
                .await?;
        }
        Ok(())
    }

    /// A system error and the end of a channel.
    pub(super) async fn shut_down(&mut self, name: &str, why: &str) -> Result<(), Gone> {
        if !self.channels.contains_key(name) {
            return Ok(());
        }
        self.system(name, "error", why).await?;
        match self.leave(name) {
            Some(channel) => self.say_closed(&channel).await,
            None => Ok(()),
        }
    }

    /// Forgets a channel.
    pub(super) fn leave(&mut self, name: &str) -> Option<Channel> {
        let channel = self.channels.remove(name)?;
        let hub = &self.realtime.hub;
        hub.unsubscribe(&channel.key, &channel.tracker);
        Some(channel)
    }

    pub(super) async fn say_closed(&mut self, channel: &Channel) -> Result<(), Gone> {
        let topic = format!("{PREFIX}{}", channel.key.topic);
        let join_ref = channel.join_ref.as_deref();
        self.push_as(join_ref, join_ref, &topic, "phx_close", json!({}))
            .await
    }

    async fn system(&mut self, name: &str, status: &str, message: &str) -> Result<(), Gone> {
        let join_ref = self.channels.get(name).and_then(|c| c.join_ref.clone());
        let payload = json!({
            "extension": "system", "status": status, "message": message, "channel": name,
        });
        let topic = format!("{PREFIX}{name}");
        self.push(join_ref.as_deref(), &topic, "system", payload)
            .await
    }

    pub(super) async fn push(
        &mut self,
        join_ref: Option<&str>,
        topic: &str,
        event: &str,
        payload: Value,
    ) -> Result<(), Gone> {
        self.push_as(join_ref, None, topic, event, payload).await
    }

    async fn push_as(
        &mut self,
        join_ref: Option<&str>,
        reference: Option<&str>,
        topic: &str,
        event: &str,
        payload: Value,
    ) -> Result<(), Gone> {
        let message = Outgoing {
            join_ref,
            reference,
            topic,
            event,
            payload,
        };
        self.send(message.write(self.caller.version)).await
    }

    /// `phx_reply`: what was answered, or the reason why not.
    pub(super) async fn reply(
        &mut self,
        to: Reply<'_>,
        answer: Result<Value, String>,
    ) -> Result<(), Gone> {
        let payload = match answer {
            Ok(response) => json!({ "status": "ok", "response": response }),
            Err(reason) => json!({ "status": "error", "response": { "reason": reason } }),
        };
        self.push_as(to.join_ref, to.reference, to.topic, "phx_reply", payload)
            .await
    }

    pub(super) async fn send(&mut self, frame: Frame) -> Result<(), Gone> {
        let message = match frame {
            Frame::Text(text) => Message::Text(text.into()),
            Frame::Binary(bytes) => Message::Binary(bytes),
        };
        self.wire.send(message).await.map_err(|_| Gone)
    }

    async fn end(&mut self, code: Option<u16>) -> Result<(), Gone> {
        if let Some(code) = code {
            let frame = CloseFrame {
                code,
                reason: "".into(),
            };
            self.wire
                .send(Message::Close(Some(frame)))
                .await
                .map_err(|_| Gone)?;
        }
        Err(Gone)
    }
}

/// What a reply answers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reply<'a> {
    /// As it stands on the wire.
    pub(super) topic: &'a str,
    pub(super) join_ref: Option<&'a str>,
    pub(super) reference: Option<&'a str>,
}
