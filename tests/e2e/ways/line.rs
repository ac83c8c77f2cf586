//! A line to a server that can be cut, and that can lose an answer after the server has done what was asked.

use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Result;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    /// They arrive.
    Open,
    /// Every connection ends, and no new one lasts.
    Cut,
    /// The connection ends when an answer holds these words, and the answer with it.
    Loses(Arc<str>),
    /// A gateway answers this to every request, in HTTP.
    Answers(Arc<str>),
}

/// A port of the loopback behind which another one is.
#[derive(Debug)]
pub struct Line {
    pub address: SocketAddr,
    state: watch::Sender<State>,
    task: JoinHandle<()>,
}

impl Line {
    /// A line to a port, open.
    pub async fn to(port: u16) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (state, seen) = watch::channel(State::Open);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let seen = seen.clone();
                tokio::spawn(async move {
                    // A connection that ends in an error has ended; whoever is at its ends hears of it.
                    let _ended = carry(client, port, seen).await;
                });
            }
        });
        Ok(Self {
            address,
            state,
            task,
        })
    }

    pub fn open(&self) {
        self.state.send_replace(State::Open);
    }

    pub fn cut(&self) {
        self.state.send_replace(State::Cut);
    }

    /// Answers with these words are lost.
    pub fn lose(&self, words: &str) {
        self.state.send_replace(State::Loses(words.into()));
    }

    /// A gateway without anything behind it: a status line, such as `503 Service Unavailable`.
    pub fn answer(&self, status: &str) {
        self.state.send_replace(State::Answers(status.into()));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn carry(mut client: TcpStream, port: u16, mut seen: watch::Receiver<State>) -> Result<()> {
    let mut server = TcpStream::connect(("127.0.0.1", port)).await?;
    let (mut asked, mut answered) = (vec![0; 64 * 1024], vec![0; 64 * 1024]);
    loop {
        let state = seen.borrow_and_update().clone();
        if state == State::Cut {
            return Ok(());
        }
        tokio::select! {
            changed = seen.changed() => changed?,
            count = client.read(&mut asked) => match (count?, &state) {
                (0, _) => return Ok(()),
                (_, State::Answers(status)) => {
                    let answer = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
                    return Ok(client.write_all(answer.as_bytes()).await?);
                }
                (count, _) => server.write_all(&asked[..count]).await?,
            },
            count = server.read(&mut answered) => match (count?, &state) {
                (0, _) => return Ok(()),
                (count, State::Loses(words)) if holds(&answered[..count], words) => return Ok(()),
                (count, _) => client.write_all(&answered[..count]).await?,
            },
        }
    }
}

fn holds(bytes: &[u8], words: &str) -> bool {
    bytes
        .windows(words.len())
        .any(|window| window == words.as_bytes())
}
