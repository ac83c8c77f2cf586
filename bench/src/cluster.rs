//! The throw-away cluster that `cargo x bench` starts around us.

use anyhow::{Context, Result};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

/// The cluster's superuser.
pub const SUPERUSER: &str = "supabase_admin";

/// Who made every object of ours.
pub const OWNER: &str = "postgres";

/// Who calls the functions that are measured.
pub const WORKER: &str = "chat_worker";

/// The migrated and empty database that every other one is cloned from.
pub const TEMPLATE: &str = "chat_template_new";

/// Where the server listens on the loopback.
#[derive(Clone, Debug)]
pub struct Cluster {
    port: u16,
    password: String,
}

impl Cluster {
    /// The cluster the environment names.
    pub fn from_environment() -> Result<Self> {
        let variable = |name| {
            std::env::var(name).context("a measurement needs a cluster: run `cargo x bench NAME`")
        };
        let port = variable("PG_CHAT_TEST_PORT")?
            .parse()
            .context("PG_CHAT_TEST_PORT is no port")?;
        Ok(Self {
            port,
            password: variable("PG_CHAT_TEST_PASSWORD")?,
        })
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// One connection of a role.
    pub async fn connect(&self, role: &str, database: &str) -> Result<PgConnection> {
        let options = PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(role)
            .password(&self.password)
            .database(database)
            .ssl_mode(PgSslMode::Disable);
        PgConnection::connect_with(&options)
            .await
            .with_context(|| format!("{role} cannot connect to {database}"))
    }

    /// How another program connects as a role.
    pub fn url(&self, role: &str, database: &str) -> String {
        let (port, password) = (self.port, &self.password);
        format!("postgres://{role}:{password}@127.0.0.1:{port}/{database}?sslmode=disable")
    }

    /// Makes a database out of another one that nobody is connected to, in place of an earlier one of that name.
    pub async fn clone_database(&self, name: &str, template: &str) -> Result<()> {
        let mut admin = self.connect(SUPERUSER, "postgres").await?;
        let clone = [
            format!("drop database if exists {name} with (force)"),
            format!("create database {name} template {template} owner {OWNER}"),
        ];
        for statement in clone {
            admin
                .execute(AssertSqlSafe(statement))
                .await
                .with_context(|| format!("cannot make {name}"))?;
        }
        Ok(admin.close().await?)
    }

    /// Makes the throw-away server wait for its disk as one in production does, and write no checkpoint but the
    /// ones that are asked for. Durability alone changes: full pages after a checkpoint would fall on whichever
    /// case comes first.
    pub async fn write_as_in_production(&self) -> Result<()> {
        let mut admin = self.connect(SUPERUSER, "postgres").await?;
        for statement in [
            "alter system set fsync = on",
            "alter system set checkpoint_timeout = '1h'",
            "alter system set max_wal_size = '8GB'",
            "select pg_reload_conf()",
        ] {
            admin.execute(statement).await?;
        }
        Ok(admin.close().await?)
    }
}
