//! A project as the worker of feature `edge` meets it: one origin with REST and Auth, the anon key, and the worker's own
//! user.

use anyhow::Result;
use local_stack::auth::new_user;
use local_stack::server::{SUPERUSER, Server};
use pg_chat_tests::{Origin, TestDb};
use sqlx::Connection;
use uuid::Uuid;

/// The worker's user.
pub const EMAIL: &str = "worker@example.org";
/// Their password.
pub const PASSWORD: &str = "password-of-the-test-worker";

/// A running origin.
pub struct Project {
    origin: Origin,
    /// The anon key.
    pub key: String,
}

impl Project {
    /// The origin of a database, where the worker's user can sign in.
    pub async fn of(db: &TestDb) -> Result<Self> {
        let origin = Origin::of(db).await?;
        let server = db.server();
        new_user(server, db.name(), Uuid::new_v4(), EMAIL, PASSWORD).await?;
        let project = Self {
            key: origin.key("anon"),
            origin,
        };
        project.make_worker_a(server, db, "chat_worker").await?;
        Ok(project)
    }

    /// Gives the worker's user a role, as an administrator of Auth does.
    pub async fn make_worker_a(&self, server: &Server, db: &TestDb, role: &str) -> Result<()> {
        let mut admin = server.connect(SUPERUSER, db.name()).await?;
        sqlx::query("update auth.users set role = $1 where email = $2")
            .bind(role)
            .bind(EMAIL)
            .execute(&mut admin)
            .await?;
        Ok(admin.close().await?)
    }

    /// Where it answers.
    pub fn url(&self) -> String {
        self.origin.url()
    }

    /// The worker's settings for reaching it at an address.
    pub fn settings(&self, url: String) -> Vec<(&'static str, String)> {
        vec![
            ("CHAT_EDGE_URL", url),
            ("CHAT_EDGE_KEY", self.key.clone()),
            ("CHAT_EDGE_EMAIL", EMAIL.to_owned()),
            ("CHAT_EDGE_PASSWORD", PASSWORD.to_owned()),
        ]
    }
}
