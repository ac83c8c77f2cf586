//! A project's one origin over a test's database: the doubles of REST, Auth, Storage and Realtime.

use std::net::TcpListener;
use std::path::Path;

use anyhow::Result;
use local_stack::api::Api;
use local_stack::demo_pages::DemoPages;
use local_stack::keys::JwtSecret;
use local_stack::realtime::Realtime;
use local_stack::with_cluster::TEST_JWT_SECRET;
use serde_json::json;
use tempfile::TempDir;

use crate::{Agent, Site, TestDb, repository};

/// A running origin; gone when this is dropped.
pub struct Origin {
    api: Api,
    secret: JwtSecret,
    folder: TempDir,
}

impl Origin {
    /// The origin of a database.
    pub async fn of(db: &TestDb) -> Result<Self> {
        Self::with(db, None).await
    }

    /// The same with the demo's two pages, for one site.
    pub async fn with_pages(db: &TestDb, site: &Site) -> Result<Self> {
        let now = jiff::Timestamp::now().as_second();
        let key = JwtSecret::new(TEST_JWT_SECRET).api_key("anon", now);
        Self::with(db, Some(DemoPages::of(&repository(), key, site.id))).await
    }

    async fn with(db: &TestDb, pages: Option<DemoPages>) -> Result<Self> {
        let (secret, folder) = (JwtSecret::new(TEST_JWT_SECRET), tempfile::tempdir()?);
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let files = folder.path().to_owned();
        let api = Api::serve(listener, db.server(), db.name(), &secret, files, pages).await?;
        Ok(Self {
            api,
            secret,
            folder,
        })
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        self.api.url()
    }

    /// The project's key for a role: `anon`, `service_role`.
    pub fn key(&self, role: &str) -> String {
        let now = jiff::Timestamp::now().as_second();
        self.secret.api_key(role, now)
    }

    /// An agent's access token.
    pub fn token(&self, agent: Agent) -> String {
        let now = jiff::Timestamp::now().as_second();
        self.secret
            .sign(&json!({"sub": agent.user, "role": "authenticated", "exp": now + 600}))
    }

    /// What keys and tokens are signed with.
    pub fn jwt_secret(&self) -> &str {
        self.secret.reveal()
    }

    /// Its Realtime, to be told what goes wrong.
    pub fn realtime(&self) -> &Realtime {
        self.api.realtime()
    }

    /// The folder that files of its Storage lie in.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }
}
