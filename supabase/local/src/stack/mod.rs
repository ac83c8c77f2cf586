//! Everything at once, as `cargo x up` runs it: a kept cluster, the API, the
//! Graph simulator and the worker, on the four ports of one base.
//!
//! One process, the supervisor, holds all of it: API and simulator are tasks in
//! it, PostgreSQL and the worker its children. When it ends, however it ends,
//! they end.

pub mod cast;
mod detach;
mod settings;
mod state;
mod stop;
mod worker;

use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use sqlx::Connection as _;
use tokio::task::JoinHandle;

use crate::api::Api;
use crate::auth;
use crate::cluster::Cluster;
use crate::demo_pages::DemoPages;
use crate::error::{Error, Result};
use crate::graph;
use crate::installation::Installation;
use crate::migrate::Sources;
use crate::ports::{self, Ports};
use crate::process::ProcessId;
use crate::server::{DefaultPrivileges, SUPERUSER, Server};
use cast::{
    ADA, APP_ID, BEN, BUSINESS_ACCOUNT_ID, DATABASE, DISPLAY_PHONE_NUMBER, PHONE_NUMBER_ID, SITE_ID,
};
pub use detach::detach;
pub use settings::{Login, Settings, WhatsApp};
use state::Kept;
pub use state::{Folder, Running, Secrets};
pub use stop::stop;
use worker::Worker;

/// The folder of Storage's files, beside the cluster whose rows name them.
const FILES: &str = "files";

/// How a stack is to be started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The clone.
    pub root: PathBuf,
    /// Cargo's profile folder, with the extension's library.
    pub build: PathBuf,
    /// The program `worker`.
    pub worker: PathBuf,
    /// Its four ports.
    pub ports: Ports,
    /// What the database grants by itself.
    pub default_privileges: DefaultPrivileges,
    /// Forget the kept cluster first.
    pub fresh: bool,
}

/// A running stack.
pub struct Stack {
    folder: Folder,
    settings: Settings,
    worker: Worker,
    api: Api,
    graph: graph::Handle,
    partitions: JoinHandle<()>,
    cluster: Cluster,
    _lock: File,
}

impl Stack {
    /// Starts everything and waits until it answers and the number is confirmed.
    pub async fn start(options: &Options) -> Result<Self> {
        let progress = Progress::start();
        let ports = options.ports;
        let folder = Folder::of(ports.base());
        folder.make()?;
        let lock = folder
            .lock()?
            .ok_or(Error::AlreadyRuns { base: ports.base() })?;
        ports.check_free()?;
        let installation = Installation::of_machine(15)?;
        let sources = Sources::of(&options.root);
        sources.install_extension(&installation, &options.build)?;

        let (cluster, secrets) =
            database(options, &folder, &sources, installation, &progress).await?;
        let settings = Settings::of(ports, &secrets);

        progress.say("starting the Graph simulator, the API and the worker");
        let graph = simulator(ports, &secrets).await?;
        let api = Api::serve(
            ports::bind(ports.api())?,
            cluster.server(),
            DATABASE,
            &secrets.jwt,
            folder.file(FILES),
            Some(DemoPages::of(
                &options.root,
                settings.anon_key.clone(),
                SITE_ID,
            )),
        )
        .await?;
        let log = folder.file("worker.log");
        let mut worker = Worker::start(&options.worker, ports, &settings, log.clone())?;
        let parts = [Some(worker.process()), cluster.process()]
            .into_iter()
            .flatten()
            .collect();
        let supervisor = ProcessId::own()?;
        let mut running = Running {
            supervisor,
            parts,
            ready: false,
            settings,
        };
        folder.run(&running)?;
        worker.ready().await?;
        number_confirmed(cluster.server(), log).await?;
        running.ready = true;
        folder.run(&running)?;
        progress.say("ready");

        let partitions = keep_partitions(cluster.server().clone());
        Ok(Self {
            folder,
            settings: running.settings,
            worker,
            api,
            graph,
            partitions,
            cluster,
            _lock: lock,
        })
    }

    /// Its addresses and keys.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Returns when a part has ended by itself, with what it said.
    pub async fn broken(&mut self) -> Error {
        loop {
            if self.worker.ended() {
                return self.worker.failure();
            }
            if self.cluster.ended() {
                let said = format!("it ended; its log is {}", self.cluster.log().display());
                return Error::Program {
                    program: "PostgreSQL".to_owned(),
                    said,
                };
            }
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Stops everything, clients before those they need.
    pub async fn stop(mut self) -> Result<()> {
        self.partitions.abort();
        let worker = self.worker.stop().await;
        drop(self.api);
        let graph = self.graph.shutdown().await;
        let cluster = self.cluster.stop().await;
        self.folder.rest()?;
        worker?;
        graph?;
        cluster
    }
}

/// Starts the kept cluster, or makes one with roles, migrations, seed and users.
async fn database(
    options: &Options,
    folder: &Folder,
    sources: &Sources,
    installation: Installation,
    progress: &Progress,
) -> Result<(Cluster, Secrets)> {
    let port = options.ports.database();
    let fingerprint = sources.fingerprint()?;
    if options.fresh {
        folder.forget()?;
    }
    if let Some(kept) = folder.kept()? {
        if kept.fingerprint != fingerprint || kept.default_privileges != options.default_privileges
        {
            return Err(Error::StaleDatabase {
                path: folder.path().to_owned(),
            });
        }
        progress.say("starting the database that was kept");
        let cluster = Cluster::kept(installation, folder.path(), port).await?;
        cluster.server().keep_partitions(DATABASE).await?;
        return Ok((cluster, kept.secrets));
    }

    // A cluster without its finished mark is what an interrupted start left.
    folder.forget()?;
    progress.say("making a database");
    let secrets = Secrets::random();
    let cluster = Cluster::kept(installation, folder.path(), port).await?;
    let server = cluster.server();
    server.make_roles(&secrets.jwt).await?;
    server
        .make_database(DATABASE, options.default_privileges)
        .await?;
    progress.say("applying migrations and the seed");
    sources.apply(server, DATABASE).await?;
    server.let_worker_in().await?;
    auth::new_user(
        server,
        DATABASE,
        ADA.user_id,
        ADA.email,
        &secrets.ada_password,
    )
    .await?;
    auth::new_user(
        server,
        DATABASE,
        BEN.user_id,
        BEN.email,
        &secrets.ben_password,
    )
    .await?;
    sources.seed_into(server, DATABASE).await?;
    let kept = Kept {
        fingerprint,
        default_privileges: options.default_privileges,
        secrets,
    };
    folder.keep(&kept)?;
    Ok((cluster, kept.secrets))
}

async fn simulator(ports: Ports, secrets: &Secrets) -> Result<graph::Handle> {
    let app = graph::App {
        app_id: APP_ID.to_owned(),
        app_secret: secrets.app_secret.as_str().into(),
        webhook_url: format!("{}/webhooks/whatsapp", ports::url(ports.worker())),
    };
    let token = graph::Token::new(secrets.access_token.as_str(), APP_ID);
    let number = graph::Number::new(PHONE_NUMBER_ID, BUSINESS_ACCOUNT_ID, DISPLAY_PHONE_NUMBER);
    let mut config = graph::Config::new(app, token, number);
    config.address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports.graph()));
    Ok(graph::Simulator::start(config).await?)
}

/// Seconds within which the worker's first job has asked Graph about the number.
const CONFIRM_SECONDS: u64 = 60;

async fn number_confirmed(server: &Server, log: PathBuf) -> Result<()> {
    let mut connection = server.connect(SUPERUSER, DATABASE).await?;
    let until = tokio::time::Instant::now() + Duration::from_secs(CONFIRM_SECONDS);
    loop {
        let confirmed: bool = sqlx::query_scalar(
            "select exists (select from chat.whatsapp_numbers where phone_number_id = $1 and confirmed_at is not null)",
        )
        .bind(PHONE_NUMBER_ID)
        .fetch_one(&mut connection)
        .await?;
        if confirmed {
            connection.close().await?;
            return Ok(());
        }
        if tokio::time::Instant::now() >= until {
            return Err(Error::NotReady {
                what: "The WhatsApp number",
                seconds: CONFIRM_SECONDS,
                log,
            });
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Partitions of `realtime.messages` for the days ahead, however long the stack runs.
fn keep_partitions(server: Server) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_secs(4 * 3600)).await;
            if let Err(error) = server.keep_partitions(DATABASE).await {
                tracing::warn!("partitions of realtime.messages: {error}");
            }
        }
    })
}

/// Says on stderr what is being done, and when.
struct Progress {
    since: Instant,
}

impl Progress {
    fn start() -> Self {
        Self {
            since: Instant::now(),
        }
    }

    fn say(&self, what: &str) {
        eprintln!("{:6.1} s  {what}", self.since.elapsed().as_secs_f64());
    }
}
