//! Joining a channel: the token, the limits, the policies, and what is told first.

use std::time::Duration;

use serde_json::{Value, json};

use super::Realtime;
use super::channel::{Channel, Wish, is_token};
use super::hub::{Key, Subscriber, ToChannel, ToSocket, tell};
use super::replay;
use super::rights::{Question, Reads};
use super::socket::{Caller, Gone, Reply, Socket};
use super::token::Claims;

/// Why somebody may not join.
struct Refusal {
    reason: String,
    closes_socket: bool,
}

impl From<String> for Refusal {
    fn from(reason: String) -> Self {
        Self {
            reason,
            closes_socket: false,
        }
    }
}

impl Socket {
    /// `phx_join`.
    pub(super) async fn join(
        &mut self,
        reply: Reply<'_>,
        name: &str,
        payload: &Value,
    ) -> Result<(), Gone> {
        // Whoever joins what is joined leaves it first.
        if let Some(channel) = self.leave(name) {
            self.say_closed(&channel).await?;
        }
        let wish = Wish::of(payload);
        match self.admit(reply, name, &wish).await {
            Ok(channel) => self.welcome(reply, name, channel, &wish).await,
            Err(refusal) => {
                // Others of this socket's messages need not wait with it.
                let wait = self.realtime.hub.settings().join_error_delay_ms;
                let message = ToSocket::Refusal {
                    topic: reply.topic.to_owned(),
                    join_ref: reply.join_ref.map(str::to_owned),
                    reference: reply.reference.map(str::to_owned),
                    reason: refusal.reason,
                    closes_socket: refusal.closes_socket,
                };
                let outbox = self.outbox.clone();
                tokio::spawn(async move {
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                    tell(&outbox, message);
                });
                Ok(())
            }
        }
    }

    async fn admit(
        &mut self,
        reply: Reply<'_>,
        name: &str,
        wish: &Wish,
    ) -> Result<Channel, Refusal> {
        let hub = &self.realtime.hub;
        let settings = hub.settings();
        if name.is_empty() {
            return Err("TopicNameRequired: You must provide a topic name"
                .to_owned()
                .into());
        }
        if hub.count_join().is_err() {
            return Err(Refusal {
                reason: "ClientJoinRateLimitReached: Too many joins per second".to_owned(),
                closes_socket: true,
            });
        }
        if self.channels.len() >= settings.max_channels_per_client {
            return Err("ChannelRateLimitReached: Too many channels"
                .to_owned()
                .into());
        }
        if hub.sockets() > settings.max_concurrent_users {
            return Err("ConnectionRateLimitReached: Too many connected users"
                .to_owned()
                .into());
        }
        if settings.private_only && !wish.private {
            return Err("PrivateOnly: This project only allows private channels"
                .to_owned()
                .into());
        }
        if wish.replay.is_some() && !wish.private {
            return Err(
                "UnableToReplayMessages: Replay is not allowed for public channels"
                    .to_owned()
                    .into(),
            );
        }
        let token = match &wish.token {
            Some(token) if is_token(token) => token.clone(),
            _ => self.caller.token.clone(),
        };
        let claims = Claims::of(&self.realtime.secret, &token, super::unix_now())
            .map_err(super::token::BadToken::at_a_join)?;
        let key = Key {
            private: wish.private,
            topic: name.to_owned(),
        };
        let reads = reads(&self.realtime, &self.caller, &key, &claims, wish.presence).await?;
        if !reads.broadcast && !reads.presence {
            return Err(format!(
                "Unauthorized: You do not have permissions to read from this Channel topic: {name}"
            )
            .into());
        }
        let join_ref = reply.join_ref.map(str::to_owned);
        Ok(Channel::new(
            key, join_ref, self.id, wish, claims, token, reads,
        ))
    }

    async fn welcome(
        &mut self,
        reply: Reply<'_>,
        name: &str,
        mut channel: Channel,
        wish: &Wish,
    ) -> Result<(), Gone> {
        let hub = &self.realtime.hub;
        let shows_presence = wish.presence && channel.reads.presence;
        hub.subscribe(
            &channel.key,
            Subscriber {
                socket: self.id,
                hears_broadcast: channel.reads.broadcast,
                hears_presence: shows_presence,
                outbox: self.outbox.clone(),
            },
        );
        let replayed = match wish.replay {
            Some(wanted) if channel.reads.broadcast => {
                replay::rows(&self.realtime.pool, name, wanted).await
            }
            _ => Vec::new(),
        };
        let rows = replayed
            .iter()
            .filter_map(|one| one.row().map(str::to_owned));
        channel.replayed.extend(rows);
        let presence = shows_presence.then(|| hub.present(&channel.key));
        let join_ref = channel.join_ref.clone();
        self.channels.insert(name.to_owned(), channel);

        let changes = wish.postgres_changes.iter().zip(1..).map(|(filter, id)| {
            let mut filter = filter.clone();
            filter["id"] = json!(id);
            filter
        });
        let response = json!({ "postgres_changes": changes.collect::<Value>() });
        self.reply(reply, Ok(response)).await?;
        if let Some(state) = presence {
            self.push(join_ref.as_deref(), reply.topic, "presence_state", state)
                .await?;
        }
        for one in replayed {
            if let Some(frame) = one.write(self.caller.version) {
                self.send(frame).await?;
            }
        }
        if wish.replication_ready {
            self.tell_when_streaming(name, join_ref);
        }
        Ok(())
    }

    /// Tells the channel when rows stream in, or shuts it down when they do not in time.
    fn tell_when_streaming(&self, name: &str, join_ref: Option<String>) {
        let hub = &self.realtime.hub;
        let limit = Duration::from_millis(hub.settings().replication_ready_limit_ms);
        let (mut streaming, outbox) = (hub.streaming.subscribe(), self.outbox.clone());
        let topic = name.to_owned();
        tokio::spawn(async move {
            let ready = tokio::time::timeout(limit, streaming.wait_for(|streams| *streams)).await;
            let what = match ready {
                Ok(Ok(_)) => ToChannel::ReplicationReady,
                Ok(Err(_)) => return,
                Err(_) => ToChannel::ShutDown(
                    "Replication connection was not established in time".to_owned(),
                ),
            };
            tell(
                &outbox,
                ToSocket::Channel {
                    topic,
                    join_ref,
                    what,
                },
            );
        });
    }

    /// `access_token`: another token for a channel.
    pub(super) async fn new_token(&mut self, name: &str, payload: &Value) -> Result<(), Gone> {
        let Some(channel) = self.channels.get(name) else {
            return Ok(());
        };
        let token = match payload["access_token"].as_str() {
            Some(token) if is_token(token) && token != channel.token => token.to_owned(),
            _ => return Ok(()),
        };
        let claims = match Claims::of(&self.realtime.secret, &token, super::unix_now()) {
            Ok(claims) => claims,
            Err(bad) => return self.shut_down(name, &bad.in_words()).await,
        };
        let read_before = channel.reads.broadcast || channel.reads.presence;
        let (realtime, caller) = (&self.realtime, &self.caller);
        let reads = match reads(realtime, caller, &channel.key, &claims, channel.presence).await {
            Ok(reads) => reads,
            Err(reason) => return self.shut_down(name, &reason).await,
        };
        if read_before && !reads.broadcast && !reads.presence {
            let why =
                format!("You no longer have permission to read from this Channel topic: {name}");
            return self.shut_down(name, &why).await;
        }
        if let Some(channel) = self.channels.get_mut(name) {
            (channel.claims, channel.token, channel.reads) = (claims, token, reads);
            (channel.writes_broadcast, channel.writes_presence) = (None, None);
            self.realtime.hub.set_hearing(
                &channel.key,
                self.id,
                reads.broadcast,
                channel.presence && reads.presence,
            );
        }
        Ok(())
    }
}

/// What may be read on a topic; on a public one everything.
async fn reads(
    realtime: &Realtime,
    caller: &Caller,
    key: &Key,
    claims: &Claims,
    presence: bool,
) -> Result<Reads, String> {
    if !key.private {
        return Ok(Reads {
            broadcast: true,
            presence: true,
        });
    }
    let question = Question {
        claims,
        topic: &key.topic,
        headers: &caller.headers,
    };
    let answer = question.reads(&realtime.pool, presence).await;
    answer.map_err(|unanswered| unanswered.reason().to_owned())
}
