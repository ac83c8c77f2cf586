//! A client of Realtime that does nothing but note when what arrives.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use futures_util::stream::SplitSink;
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, client_async};
use uuid::Uuid;

/// Longest that an answer may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// A new message that was told.
pub struct Heard {
    /// Which socket heard of it.
    pub socket: usize,
    /// Which message it is.
    pub message: Uuid,
    /// When.
    pub at: Instant,
}

/// An open socket.
pub struct Socket {
    wire: SplitSink<WebSocketStream<TcpStream>, Message>,
    /// What is said to it that is no broadcast.
    answers: UnboundedReceiver<Value>,
    said: u64,
}

impl Socket {
    /// Opens one; what it hears is noted under its number.
    pub async fn open(
        url: &str,
        key: &str,
        number: usize,
        hear: UnboundedSender<Heard>,
    ) -> Result<Self> {
        let address = url.strip_prefix("http://").context("an origin over HTTP")?;
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let url = format!("ws://{address}/realtime/v1/websocket?apikey={key}&vsn=1.0.0");
        let (socket, _) = client_async(url, stream)
            .await
            .context("the socket was refused")?;
        let (wire, mut frames) = socket.split();
        let (tell, answers) = unbounded_channel();
        tokio::spawn(async move {
            while let Some(Ok(frame)) = frames.next().await {
                let at = Instant::now();
                let Message::Text(text) = frame else { continue };
                let Ok(said) = serde_json::from_str::<Value>(&text) else {
                    continue;
                };
                let told = &said["payload"]["payload"];
                if said["event"] != "broadcast" {
                    // Nobody asks any more when the measurement is over.
                    let _over = tell.send(said);
                } else if told["type"] == "new_message"
                    && let Some(message) =
                        told["message_id"].as_str().and_then(|id| id.parse().ok())
                {
                    let socket = number;
                    let _over = hear.send(Heard {
                        socket,
                        message,
                        at,
                    });
                }
            }
        });
        Ok(Self {
            wire,
            answers,
            said: 0,
        })
    }

    /// Joins a topic, and waits until rows stream in where these are wanted.
    pub async fn join(
        &mut self,
        topic: &str,
        private: bool,
        token: &str,
        streaming: bool,
    ) -> Result<()> {
        let broadcast = json!({"replication_ready": streaming});
        let config =
            json!({"private": private, "broadcast": broadcast, "presence": {"enabled": false}});
        let wish = json!({"config": config, "access_token": token});
        self.say(topic, "phx_join", wish).await?;
        if streaming {
            self.wait(|said| said["event"] == "system" && said["payload"]["status"] == "ok")
                .await?;
        }
        Ok(())
    }

    /// Leaves it.
    pub async fn leave(&mut self, topic: &str) -> Result<()> {
        self.say(topic, "phx_leave", json!({})).await
    }

    async fn say(&mut self, topic: &str, event: &str, payload: Value) -> Result<()> {
        self.said += 1;
        let reference = self.said.to_string();
        let message = json!({"topic": format!("realtime:{topic}"), "event": event, "payload": payload,
            "ref": reference, "join_ref": reference});
        self.wire
            .send(Message::text(message.to_string()))
            .await
            .context("the socket has ended")?;
        let answer = self
            .wait(|said| said["event"] == "phx_reply" && said["ref"] == reference)
            .await?;
        if answer["payload"]["status"] != "ok" {
            bail!("{event} of {topic}: {answer}");
        }
        Ok(())
    }

    async fn wait(&mut self, is: impl Fn(&Value) -> bool) -> Result<Value> {
        let answer = async {
            while let Some(said) = self.answers.recv().await {
                if is(&said) {
                    return Ok(said);
                }
            }
            bail!("the socket has ended")
        };
        tokio::time::timeout(PATIENCE, answer)
            .await
            .context("nobody answers")?
    }
}
