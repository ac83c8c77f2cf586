//! A database of one's own.

use anyhow::Result;
use local_stack::migrate::Sources;
use local_stack::server::{DefaultPrivileges, OWNER, SUPERUSER, Server};
use serde_json::Value;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use crate::lines::{Door, Lines};
use crate::person::{Caller, Person};
use crate::{Session, environment, keeper, repository, wait_until};

/// What Supabase granted by itself when the migrations ran.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Regime {
    /// Projects of 2026: nothing.
    New,
    /// Older projects: everything, to anon, authenticated and service_role.
    Old,
}

impl Regime {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::New, Self::Old];

    fn privileges(self) -> DefaultPrivileges {
        match self {
            Self::New => DefaultPrivileges::New,
            Self::Old => DefaultPrivileges::Old,
        }
    }

    fn template(self) -> &'static str {
        match self {
            Self::New => "chat_template_new",
            Self::Old => "chat_template_old",
        }
    }
}

/// A clone of a template, migrated and empty, or a database made by hand; gone when this is dropped, after a panic too.
#[derive(Debug)]
pub struct TestDb {
    name: String,
    server: Server,
    owner: Door,
    worker: Door,
    superuser: Door,
    lines: Lines,
}

impl TestDb {
    /// A clone under the regime of today's projects.
    pub async fn new() -> Result<Self> {
        Self::clone_of(Regime::New).await
    }

    /// A clone under a regime.
    pub async fn clone_of(regime: Regime) -> Result<Self> {
        Self::clone_on(&Server::on(environment().port), regime).await
    }

    /// A clone on a server that was made with templates.
    pub async fn clone_on(server: &Server, regime: Regime) -> Result<Self> {
        let name = new_name();
        keeper::copy(server, regime.template(), &name).await?;
        Ok(Self::named(name, server))
    }

    /// A database with what Supabase puts into it, and nothing of ours.
    pub async fn bare(regime: Regime) -> Result<Self> {
        let server = Server::on(environment().port);
        let name = new_name();
        server.make_database(&name, regime.privileges()).await?;
        Ok(Self::named(name, &server))
    }

    /// Applies the newest migration.
    pub async fn install(&self) -> Result<(), local_stack::error::Error> {
        Sources::of(&repository())
            .apply(&self.server, &self.name)
            .await
    }

    /// Applies the migration of a path from the repository's root.
    pub async fn install_from(&self, path: &str) -> Result<(), local_stack::error::Error> {
        Sources::of(&repository())
            .apply_file(&self.server, &self.name, path)
            .await
    }

    /// The server that it is on.
    pub fn server(&self) -> &Server {
        &self.server
    }

    fn named(name: String, server: &Server) -> Self {
        let lines = Lines::of(server, &name);
        Self {
            owner: Door::of(&lines, OWNER),
            worker: Door::of(&lines, "chat_worker"),
            superuser: Door::of(&lines, SUPERUSER),
            lines,
            server: server.clone(),
            name,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The address at which a role finds it, for other programs.
    pub fn url(&self, role: &str) -> String {
        self.server.url(role, &self.name)
    }

    /// Connections as `postgres`, who made every object and passes every policy. Opened on demand.
    pub fn owner(&self) -> &Door {
        &self.owner
    }

    /// Connections as `chat_worker`.
    pub fn as_worker(&self) -> &Door {
        &self.worker
    }

    /// Connections as the cluster's superuser.
    pub fn superuser(&self) -> &Door {
        &self.superuser
    }

    /// One connection of its own as a login role.
    pub async fn connect_as(&self, role: &str) -> Result<PgConnection> {
        Ok(self.server.connect(role, &self.name).await?)
    }

    /// Ends every other connection, and gives the superuser's that remains: backends report what they counted when they end.
    pub async fn alone(&self) -> Result<PgConnection> {
        self.leave().await;
        let mut connection = self.connect_as(SUPERUSER).await?;
        let end_others = "select count(pg_terminate_backend(pid)) from pg_stat_activity
            where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
        wait_until("the other connections are closed", async || {
            let open: i64 = sqlx::query_scalar(end_others)
                .fetch_one(&mut connection)
                .await?;
            Ok((open == 0).then_some(()))
        })
        .await?;
        Ok(connection)
    }

    /// How many transactions of this database were chosen as a deadlock's victim. The last thing a test asks.
    pub async fn deadlocks(&self) -> Result<i64> {
        let mut connection = self.alone().await?;
        let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
        Ok(sqlx::query_scalar(deadlocks)
            .fetch_one(&mut connection)
            .await?)
    }

    /// Lets somebody in.
    pub async fn enter(&self, caller: Caller) -> Result<Person> {
        Ok(Person::new(self.lines.clone(), caller))
    }

    /// Somebody who is signed in.
    pub async fn as_user(&self, user: Uuid) -> Result<Person> {
        self.enter(Caller::user(user)).await
    }

    /// Somebody with the anon key only.
    pub async fn as_anon(&self) -> Result<Person> {
        self.enter(Caller::anon()).await
    }

    /// A visitor: anon with the token of their session.
    pub async fn as_visitor(&self, session: &Session) -> Result<Person> {
        self.enter(Caller::visitor(session)?).await
    }

    /// Somebody whose token says what it likes: see [`Caller::with`].
    pub async fn as_caller(&self, role: &'static str, claims: Value) -> Result<Person> {
        self.enter(Caller::with(role, claims)).await
    }

    /// A copy of this database as it is now, which nobody may be connected to.
    pub async fn copy(&self) -> Result<Self> {
        let name = new_name();
        keeper::copy(&self.server, &self.name, &name).await?;
        Ok(Self::named(name, &self.server))
    }

    /// Closes every pooled connection, so that it can be copied.
    pub async fn leave(&self) {
        for door in [&self.owner, &self.worker, &self.superuser] {
            door.close().await;
        }
        self.lines.close();
    }
}

impl Drop for TestDb {
    fn drop(&mut self) {
        if let Err(error) = keeper::remove(&self.server, &self.name) {
            eprintln!("{} was not dropped: {error:#}", self.name);
        }
    }
}

/// A name that no other database has.
fn new_name() -> String {
    format!("t_{}", &Uuid::new_v4().simple().to_string()[..12])
}
