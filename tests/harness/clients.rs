//! Visitors and agents in Node, on the real web client. What can be asked of them stands in
//! `web/client/tests/stack/clients.ts`.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::{Origin, Site, node};

/// Longest that anybody may take to do as they are told.
const PATIENCE: Duration = Duration::from_secs(60);
/// So many lines of a trace say what happened.
const COMPLAINTS: usize = 30;

/// A process with any number of clients in it; ends when this is dropped.
pub struct Clients {
    process: Child,
    to: tokio::sync::Mutex<ChildStdin>,
    asked: AtomicU64,
    heard: Arc<Heard>,
}

#[derive(Default)]
struct Heard {
    /// Who waits for which answer; nobody does once the process has ended.
    waiting: Mutex<HashMap<u64, oneshot::Sender<Value>>>,
    wrong: Mutex<Vec<String>>,
    /// What node itself said last.
    complaints: Mutex<VecDeque<String>>,
}

impl Clients {
    /// Starts one without clients. All that visitors receive is written to the end of a file. `seed`: what their lines'
    /// faults follow from.
    pub fn start(origin: &Origin, site: &Site, record: &Path, seed: u64) -> Result<Self> {
        let mut process = node("web/client")?
            .arg("tests/build/stack/clients.js")
            .env("PROJECT_URL", origin.url())
            .env("ANON_KEY", origin.key("anon"))
            .env("JWT_SECRET", origin.jwt_secret())
            .env("SITE_ID", site.id.to_string())
            .env("RECORD", record)
            .env("SEED", (seed % (1 << 32)).to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            // Never ours: node makes a pipe it was given one that does not wait, and libtest then cannot write.
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start node")?;
        let to = process.stdin.take().context("node has no input")?;
        let says = process.stdout.take().context("node has no output")?;
        let complains = process.stderr.take().context("node cannot complain")?;
        let heard = Arc::new(Heard::default());
        tokio::spawn(listen(says, Arc::clone(&heard)));
        tokio::spawn(remember(complains, Arc::clone(&heard)));
        Ok(Self {
            process,
            to: tokio::sync::Mutex::new(to),
            asked: AtomicU64::new(1),
            heard,
        })
    }

    /// Has somebody do something, and waits until it is done. An error where it is refused.
    pub async fn ask(&self, command: Value) -> Result<Value> {
        let n = self.asked.fetch_add(1, Ordering::Relaxed);
        let (tell, told) = oneshot::channel();
        lock(&self.heard.waiting).insert(n, tell);
        self.write(n, &command).await?;
        let answer = timeout(PATIENCE, told)
            .await
            .with_context(|| format!("nobody did {command}"))?
            .with_context(|| {
                let complaints = Vec::from(lock(&self.heard.complaints).clone()).join("\n");
                format!("the clients ended instead of doing {command}:\n{complaints}")
            })?;
        match answer.get("refused") {
            None => Ok(answer),
            Some(why) => bail!("{command} was refused: {why}"),
        }
    }

    /// The same without waiting; a refusal is something wrong.
    pub async fn tell(&self, command: Value) -> Result<()> {
        self.write(0, &command).await
    }

    async fn write(&self, n: u64, command: &Value) -> Result<()> {
        let mut told = command.clone();
        told["n"] = json!(n);
        let mut to = self.to.lock().await;
        to.write_all(format!("{told}\n").as_bytes())
            .await
            .with_context(|| format!("the clients are told no more: {command}"))
    }

    /// What they have shown that they may not, and what was refused that nobody waited for.
    pub fn wrong(&self) -> Vec<String> {
        lock(&self.heard.wrong).clone()
    }

    /// Closes the laptop: nothing runs any more, and nobody is told.
    pub fn sleep(&self) -> Result<()> {
        self.signal(Signal::STOP)
    }

    /// Opens it again.
    pub fn wake(&self) -> Result<()> {
        self.signal(Signal::CONT)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let id = self.process.id().context("the clients have ended")?;
        let pid = Pid::from_raw(i32::try_from(id)?).context("no process")?;
        Ok(kill_process(pid, signal)?)
    }
}

/// Hands out answers until the process ends.
async fn listen(says: ChildStdout, heard: Arc<Heard>) {
    let mut lines = BufReader::new(says).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let answer: Value = serde_json::from_str(&line).unwrap_or(json!({ "wrong": line }));
        let asked = answer["n"].as_u64().unwrap_or_default();
        if let Some(tell) = lock(&heard.waiting).remove(&asked) {
            // Whoever asked may have given up.
            let _late = tell.send(answer);
        } else if answer.get("wrong").is_some() || answer.get("refused").is_some() {
            lock(&heard.wrong).push(line);
        }
    }
    lock(&heard.waiting).clear();
}

/// Keeps the last of what node complains of.
async fn remember(complains: ChildStderr, heard: Arc<Heard>) {
    let mut lines = BufReader::new(complains).lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut complaints = lock(&heard.complaints);
        complaints.push_back(line);
        if complaints.len() > COMPLAINTS {
            complaints.pop_front();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
