//! Who plays: a site at work, the worker, the Node handler where it is at hand, and Meta's side.

use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use local_stack::graph::{App, Config, Delivery, Handle, Number, Simulator, Token};
use reqwest::{Client, StatusCode};
use sqlx::{Connection, Executor, PgConnection};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::backend::Backend;
use crate::cluster::{Cluster, OWNER, SUPERUSER, WORKER};
use crate::messages::{PHONE_NUMBER_ID, WABA_ID};
use crate::path::{Case, SITE, Site};

const APP_ID: &str = "1001";
const APP_SECRET: &str = "secret-of-the-app-that-is-measured";
const ACCESS_TOKEN: &str = "access-token-of-the-account-that-is-measured";

/// The longest that anything may take to get ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// What takes webhooks.
pub struct Receiver {
    /// As the tables call it.
    pub name: &'static str,
    /// Where it takes them.
    pub url: String,
    process: Child,
}

/// Everything that runs.
pub struct Stage {
    /// The people who write.
    pub site: Site,
    /// A superuser in their database.
    pub admin: PgConnection,
    /// Posts webhooks.
    pub client: Client,
    /// The worker.
    pub ours: Receiver,
    /// The Node handler.
    pub node: Receiver,
    graph: Handle,
    postmaster: Backend,
}

impl Stage {
    /// Starts it all and waits until it answers.
    pub async fn open(cluster: &Cluster) -> Result<Self> {
        let site = Site::make(cluster, 1).await?;
        site.make_tables(cluster).await?;
        let database = Case::Ours.database();
        let mut admin = cluster.connect(SUPERUSER, database).await?;
        let mut owner = cluster.connect(OWNER, database).await?;
        sqlx::raw_sql(include_str!("../../sql/whatsapp/node.sql"))
            .execute(&mut owner)
            .await
            .context("sql/whatsapp/node.sql")?;
        owner.close().await?;
        admin.execute("vacuum (analyze)").await?;

        // A second call in one process finds the provider installed; that is no error.
        let _already = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .no_proxy()
            .timeout(PATIENCE * 2)
            .build()
            .context("a client for webhooks")?;
        let address = format!("127.0.0.1:{}", free_port()?);
        let graph = graph(&address).await?;
        let ours = worker(cluster, &address, &graph.url(), &client).await?;
        let node = node(cluster, &graph.url()).await?;
        let postmaster = Backend::postmaster(&mut admin).await?;
        Ok(Self {
            site,
            admin,
            client,
            ours,
            node,
            graph,
            postmaster,
        })
    }

    /// Meta's side.
    pub fn meta(&self) -> &Simulator {
        self.graph.simulator()
    }

    /// Who takes webhooks, ours first.
    pub fn receivers(&self) -> impl Iterator<Item = &Receiver> {
        [&self.ours, &self.node].into_iter()
    }

    /// Processor time of the database server.
    pub fn server_cpu(&self) -> Result<Duration> {
        self.postmaster.family_cpu()
    }

    /// How many jobs wait, a read mark a person at most; they are forgotten, so that the next measurement begins afresh.
    pub async fn forget_queue(&mut self) -> Result<f64> {
        let waiting = sqlx::query_scalar("select count(*)::float8 from chat.lanes where ready")
            .fetch_one(&mut self.admin)
            .await?;
        Case::Ours.settle(&mut self.admin).await?;
        self.admin
            .execute("vacuum public.mod_chat_conversations, seeds.conversations")
            .await?;
        Ok(waiting)
    }

    /// Ends everything; gives back who wrote.
    pub async fn close(mut self) -> Result<Site> {
        for receiver in [&mut self.ours, &mut self.node] {
            receiver.process.kill().await?;
        }
        self.graph.shutdown().await?;
        self.admin.close().await?;
        Ok(self.site)
    }
}

impl Receiver {
    /// Processor time of its process.
    pub fn cpu(&self) -> Result<Duration> {
        let pid = self.process.id().context("the receiver has ended")?;
        Backend::of_process(pid)?.family_cpu()
    }
}

/// What Meta signs a body with.
pub fn signature(body: &[u8]) -> String {
    local_stack::graph::signature(APP_SECRET, body)
}

async fn graph(worker: &str) -> Result<Handle> {
    let app = App {
        app_id: APP_ID.to_owned(),
        app_secret: APP_SECRET.into(),
        webhook_url: format!("http://{worker}/webhooks/whatsapp"),
    };
    let number = Number::new(PHONE_NUMBER_ID, WABA_ID, "+1 555-078-3881");
    // It hears of people whom it has not made; what becomes of sends is told by the measurement.
    let config = Config {
        seed: Some(1),
        assume_known: true,
        delivery: Delivery {
            hold: true,
            ..Delivery::default()
        },
        ..Config::new(app, Token::new(ACCESS_TOKEN, APP_ID), number)
    };
    Ok(Simulator::start(config).await?)
}

async fn worker(
    cluster: &Cluster,
    address: &str,
    graph: &str,
    client: &Client,
) -> Result<Receiver> {
    let program = std::env::current_exe()?.with_file_name("worker");
    let mut command = Command::new(&program);
    command
        .env_clear()
        .env(
            "CHAT_DATABASE_URL",
            cluster.url(WORKER, Case::Ours.database()),
        )
        .env("CHAT_WORKER_ADDRESS", address)
        .env("CHAT_GRAPH_URL", graph)
        .env("CHAT_LOG_LEVEL", "warn")
        .env("CHAT_WHATSAPP_SITE_ID", SITE.to_string())
        .env("CHAT_WHATSAPP_APP_ID", APP_ID)
        .env("WHATSAPP_PHONE_NUMBER_ID", PHONE_NUMBER_ID)
        .env("WHATSAPP_BUSINESS_ACCOUNT_ID", WABA_ID)
        .env("WHATSAPP_ACCESS_TOKEN", ACCESS_TOKEN)
        .env("WHATSAPP_APP_SECRET", APP_SECRET)
        .env("WHATSAPP_VERIFY_TOKEN", "verify-token");
    let process = command
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let began = Instant::now();
    let ready = format!("http://{address}/readyz");
    loop {
        if let Ok(answer) = client.get(&ready).send().await
            && answer.status() == StatusCode::OK
        {
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "the worker is not ready");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(Receiver {
        name: "ours",
        url: format!("http://{address}/webhooks/whatsapp"),
        process,
    })
}

async fn node(cluster: &Cluster, graph: &str) -> Result<Receiver> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("node");
    let mut process = Command::new("node")
        .arg("handler.mjs")
        .current_dir(&folder)
        .env("NODE_ENV", "production")
        .env("DATABASE_URL", cluster.url(OWNER, Case::Ours.database()))
        .env("GRAPH_URL", graph)
        .env("WHATSAPP_ACCESS_TOKEN", ACCESS_TOKEN)
        .env("WHATSAPP_APP_SECRET", APP_SECRET)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("cannot start node")?;
    let says = process.stdout.take().context("node has no output")?;
    let Some(port) = BufReader::new(says).lines().next_line().await? else {
        bail!("the Node handler ended instead of starting");
    };
    Ok(Receiver {
        name: "Node handler",
        url: format!("http://127.0.0.1:{port}/"),
        process,
    })
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}
