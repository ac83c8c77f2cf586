//! A site with agents and visitors, the origin of its project, and a socket for everybody.

use std::net::TcpListener;

use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::try_join_all;
use local_stack::api::Api;
use local_stack::keys::JwtSecret;
use local_stack::realtime::{Command, Faults, Settings};
use local_stack::server::Server;
use local_stack::with_cluster::TEST_JWT_SECRET;
use serde_json::{Value, json};
use sqlx::{Connection, Executor, PgConnection};
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use uuid::{Uuid, uuid};

use super::socket::{Heard, Socket};
use super::{AGENTS, VISITORS};
use crate::cluster::{Cluster, SUPERUSER, TEMPLATE};

/// Where it all stands.
pub const DATABASE: &str = "bench_live";

/// `sites.id`
pub const SITE: Uuid = uuid!("05000000-0000-4000-8000-000000000001");

/// Somebody who has said hello.
pub struct Visitor {
    /// `mod_chat_visitors.id`
    pub id: Uuid,
    /// `mod_chat_conversations.id`
    pub conversation: Uuid,
    /// Their session's.
    pub token: String,
}

/// Everybody listens.
pub struct Stage {
    /// Who writes to the site.
    pub visitors: Vec<Visitor>,
    /// Agents' sockets, then visitors'; tokens of the same places.
    pub sockets: Vec<Socket>,
    /// Of the sockets.
    pub tokens: Vec<String>,
    /// What arrives at them.
    pub heard: UnboundedReceiver<Heard>,
    api: Api,
    _files: TempDir,
}

/// The user of an agent, from 0.
pub fn user_of(agent: usize) -> String {
    format!("0c000000-0000-4000-8000-{:012}", agent + 1)
}

/// Makes the site; every visitor says hello and gets an agent.
pub async fn make_site(cluster: &Cluster) -> Result<Vec<Visitor>> {
    cluster.clone_database(DATABASE, TEMPLATE).await?;
    let mut admin = cluster.connect(SUPERUSER, DATABASE).await?;
    sqlx::query("select set_config('bench.agents', $1, false)")
        .bind(AGENTS.to_string())
        .execute(&mut admin)
        .await?;
    sqlx::raw_sql(include_str!("../../sql/live/site.sql"))
        .execute(&mut admin)
        .await
        .context("sql/live/site.sql")?;
    let mut caller = cluster.connect(SUPERUSER, DATABASE).await?;
    caller.execute("set role anon").await?;
    let mut visitors = Vec::new();
    for _ in 0..VISITORS {
        visitors.push(come(&mut caller).await?);
    }
    caller.close().await?;
    admin.execute("vacuum (analyze)").await?;
    admin.execute("checkpoint").await?;
    admin.close().await?;
    Ok(visitors)
}

/// Opens a session and says hello.
async fn come(caller: &mut PgConnection) -> Result<Visitor> {
    claim(caller, &json!({"role": "anon"})).await?;
    let session: Value = sqlx::query_scalar("select public.chat_open_session($1)")
        .bind(SITE)
        .fetch_one(&mut *caller)
        .await?;
    let text = |name: &str| session[name].as_str().with_context(|| session.to_string());
    let token = text("token")?.to_owned();
    let claims = token.split('.').nth(1).context("no token")?;
    claim(
        caller,
        &serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims)?)?,
    )
    .await?;
    let said: Value = sqlx::query_scalar(
        "select to_jsonb(m) from public.chat_post_message(content => 'Hello') m",
    )
    .fetch_one(&mut *caller)
    .await?;
    let conversation = said["conversation_id"].as_str();
    Ok(Visitor {
        id: text("visitor_id")?.parse()?,
        conversation: conversation.with_context(|| said.to_string())?.parse()?,
        token,
    })
}

/// From now on a connection's statements are somebody's.
pub async fn claim(connection: &mut PgConnection, claims: &Value) -> Result<()> {
    sqlx::query("select set_config('request.jwt.claims', $1, false)")
        .bind(claims.to_string())
        .execute(connection)
        .await?;
    Ok(())
}

/// A connection of the first agent's.
pub async fn agent(cluster: &Cluster, database: &str) -> Result<PgConnection> {
    let mut connection = cluster.connect(SUPERUSER, database).await?;
    connection.execute("set role authenticated").await?;
    let claims = json!({"sub": user_of(0), "role": "authenticated"});
    claim(&mut connection, &claims).await?;
    Ok(connection)
}

impl Stage {
    /// Opens a socket for everybody; nobody has joined anything.
    pub async fn open(cluster: &Cluster, visitors: Vec<Visitor>) -> Result<Self> {
        let (secret, files) = (JwtSecret::new(TEST_JWT_SECRET), tempfile::tempdir()?);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let folder = files.path().to_owned();
        let server = Server::on(cluster.port());
        let api = Api::serve(listener, &server, DATABASE, &secret, folder, None).await?;
        // As on a project that has room for so many; nobody here says every half minute that they are still there.
        let settings = Settings {
            max_concurrent_users: 10_000,
            max_events_per_second: 10_000_000,
            max_joins_per_second: 1_000_000,
            idle_timeout_ms: 3_600_000,
            ..Settings::default()
        };
        let room = Command::Set {
            settings,
            faults: Faults::default(),
        };
        api.realtime().tell(room).await?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
        let now = i64::try_from(now.as_secs())?;
        let key = secret.api_key("anon", now);
        let agents = (0..AGENTS).map(|agent| {
            secret
                .sign(&json!({"sub": user_of(agent), "role": "authenticated", "exp": now + 36_000}))
        });
        let tokens: Vec<_> = agents
            .chain(visitors.iter().map(|visitor| visitor.token.clone()))
            .collect();
        let (hear, heard) = unbounded_channel();
        let url = api.url();
        let sockets = (0..tokens.len()).map(|n| Socket::open(&url, &key, n, hear.clone()));
        Ok(Self {
            visitors,
            sockets: try_join_all(sockets).await?,
            tokens,
            heard,
            api,
            _files: files,
        })
    }

    /// Everybody goes.
    pub fn close(self) {
        self.api.realtime().close();
    }
}
