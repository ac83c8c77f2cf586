//! The real worker, as a process that can be killed.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::process::Stdio;
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use local_stack::graph::{Handle, signature, wire};
use reqwest::{Client, StatusCode};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::NamedTempFile;
use tokio::process::{Child, Command};

use crate::graph::{self, ACCESS_TOKEN, APP_ID, APP_SECRET, VERIFY_TOKEN};
use crate::{Number, Site, TestDb, environment, wait_until};

/// Where Meta posts and asks.
const WEBHOOK: &str = "/webhooks/whatsapp";

/// Says where a worker listens.
const ADDRESS: &str = "CHAT_WORKER_ADDRESS";

/// A running worker of one database. Dropped, it is killed and what it logged becomes part of the
/// test's output.
#[derive(Debug)]
pub struct Worker {
    address: SocketAddr,
    variables: Vec<(String, String)>,
    log: NamedTempFile,
    process: Child,
    client: Client,
}

impl Worker {
    /// Starts a simulator and a worker for the environment's number of a site, each knowing the other, and waits until
    /// the worker is ready.
    pub async fn start(db: &TestDb, site: &Site, number: &Number) -> Result<(Handle, Self)> {
        Self::start_with(db, site, number, &[]).await
    }

    /// The same with more of the worker's settings, by their names in the environment.
    pub async fn start_with(
        db: &TestDb,
        site: &Site,
        number: &Number,
        settings: &[(&str, &str)],
    ) -> Result<(Handle, Self)> {
        let address = free_address()?;
        let graph = graph::start(number, format!("http://{address}{WEBHOOK}")).await?;
        let (own, site) = (address.to_string(), site.id.to_string());
        let (database_url, graph_url) = (db.url("chat_worker"), graph.url());
        let mut variables = vec![
            ("CHAT_DATABASE_URL", database_url.as_str()),
            (ADDRESS, &own),
            ("CHAT_GRAPH_URL", &graph_url),
            ("CHAT_WHATSAPP_SITE_ID", &site),
            ("CHAT_WHATSAPP_APP_ID", APP_ID),
            ("WHATSAPP_PHONE_NUMBER_ID", &number.phone_number_id),
            ("WHATSAPP_BUSINESS_ACCOUNT_ID", &number.waba_id),
            ("WHATSAPP_ACCESS_TOKEN", ACCESS_TOKEN),
            ("WHATSAPP_APP_SECRET", APP_SECRET),
            ("WHATSAPP_VERIFY_TOKEN", VERIFY_TOKEN),
        ];
        variables.extend(settings);
        let variables: Vec<(String, String)> = variables
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok((graph, Self::run(address, variables).await?))
    }

    /// A second one beside it: of the same database, with the same settings and the same simulator.
    pub async fn beside(&self) -> Result<Self> {
        let address = free_address()?;
        let mut variables = self.variables.clone();
        variables.retain(|(name, _)| name != ADDRESS);
        variables.push((ADDRESS.to_owned(), address.to_string()));
        Self::run(address, variables).await
    }

    async fn run(address: SocketAddr, variables: Vec<(String, String)>) -> Result<Self> {
        let log = NamedTempFile::new().context("cannot make a file for the worker's log")?;
        let process = spawn(&variables, &log)?;
        let mut worker = Self {
            address,
            variables,
            log,
            process,
            client: http_client(),
        };
        worker.ready().await?;
        Ok(worker)
    }

    /// Where Meta posts to it.
    pub fn callback(&self) -> String {
        self.url(WEBHOOK)
    }

    /// Where one of its paths answers.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Posts a webhook body in Meta's spelling, signed by our app. An error means that nobody answered.
    pub async fn post(&self, body: &Value) -> Result<StatusCode, reqwest::Error> {
        let bytes = wire(body);
        let signature = signature(APP_SECRET, &bytes);
        self.post_bytes(bytes, &signature).await
    }

    /// Posts any bytes with any signature.
    pub async fn post_bytes(
        &self,
        bytes: Vec<u8>,
        signature: &str,
    ) -> Result<StatusCode, reqwest::Error> {
        let request = self
            .client
            .post(self.url(WEBHOOK))
            .header("content-type", "application/json");
        Ok(request
            .header("x-hub-signature-256", signature)
            .body(bytes)
            .send()
            .await?
            .status())
    }

    /// The process, for those who kill it at a chosen instant.
    pub fn pid(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.process.id()?).ok()?)
    }

    /// Whether the process is gone.
    pub fn has_ended(&mut self) -> Result<bool> {
        Ok(self.process.try_wait()?.is_some())
    }

    /// Ends it at once, as the kernel would.
    pub async fn kill(&mut self) -> Result<()> {
        self.process.kill().await.context("cannot kill the worker")
    }

    /// Asks it to stop and waits until it has; gives its exit status, 0 when all went well.
    pub async fn stop(&mut self) -> Result<Option<i32>> {
        kill_process(
            self.pid().context("the worker has ended already")?,
            Signal::TERM,
        )?;
        Ok(self.process.wait().await?.code())
    }

    /// Starts it again, at the same address, after it was killed or stopped.
    pub async fn restart(&mut self) -> Result<()> {
        self.process = spawn(&self.variables, &self.log)?;
        self.ready().await
    }

    /// One of its settings, by its name in the environment, from its next start on.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.retain(|(known, _)| known != name);
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// Everything it has logged.
    pub fn log(&self) -> Result<String> {
        fs::read_to_string(self.log.path()).context("cannot read the worker's log")
    }

    async fn ready(&mut self) -> Result<()> {
        let (client, url) = (self.client.clone(), self.url("/readyz"));
        let process = &mut self.process;
        wait_until("the worker is ready", async || {
            if let Some(status) = process.try_wait()? {
                bail!("the worker ended with {status} instead of starting");
            }
            let ready = client
                .get(&url)
                .send()
                .await
                .is_ok_and(|answer| answer.status() == StatusCode::OK);
            Ok(ready.then_some(()))
        })
        .await
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        match self.log() {
            Ok(log) => println!("what the worker logged:\n{log}"),
            Err(error) => println!("{error:#}"),
        }
    }
}

fn spawn(variables: &[(String, String)], log: &NamedTempFile) -> Result<Child> {
    let program = environment().programs.join("worker");
    let output = log.as_file().try_clone()?;
    Command::new(&program)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| name == "PATH" || name == "LD_LIBRARY_PATH"))
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(output.try_clone()?)
        .stderr(output)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))
}

/// A client for the loopback.
pub fn http_client() -> Client {
    // A second call in one process finds the provider installed; that is no error.
    let _already = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder()
        .timeout(Duration::from_secs(30))
        .no_proxy()
        .build();
    client.expect("a client without certificates of its own can be made")
}

/// An address on the loopback that nobody listens at, below the ports that the kernel hands to
/// outgoing connections: one of those could take it while a worker is between two lives.
fn free_address() -> Result<SocketAddr> {
    const LOWEST: u16 = 20_000;
    const COUNT: u16 = 10_000;
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let begin = u16::try_from(std::process::id() % u32::from(COUNT))?;
    for _ in 0..COUNT {
        let port = LOWEST + (begin + NEXT.fetch_add(1, Ordering::Relaxed) % COUNT) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no port between {LOWEST} and {} is free", LOWEST + COUNT)
}
