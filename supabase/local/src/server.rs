//! A running PostgreSQL server as its clients see it, and what is made in it
//! before any migration: Supabase's roles, schemas and default privileges.

use sqlx::postgres::{PgConnectOptions, PgConnection, PgSslMode};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _};

use crate::error::{Error, Result};
use crate::keys::JwtSecret;

/// Superuser of every cluster of ours, as on Supabase.
pub const SUPERUSER: &str = "supabase_admin";

/// Owner of databases and of everything migrations make. Not a superuser.
pub const OWNER: &str = "postgres";

/// Password of every login role. The server listens on loopback only.
pub const PASSWORD: &str = "postgres";

/// What Supabase grants by itself on objects that migrations make in `public`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum DefaultPrivileges {
    /// Older projects: everything, to anon, authenticated and service_role.
    Old,
    /// Projects of 2026: nothing.
    New,
}

/// Where a server of ours listens.
#[derive(Clone, Debug)]
pub struct Server {
    port: u16,
}

impl Server {
    /// The server on a loopback port.
    pub fn on(port: u16) -> Self {
        Self { port }
    }

    /// Its port on 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// How `role` connects to `database`.
    pub fn options(&self, role: &str, database: &str) -> PgConnectOptions {
        PgConnectOptions::new_without_pgpass()
            .host("127.0.0.1")
            .port(self.port)
            .username(role)
            .password(PASSWORD)
            .database(database)
            .ssl_mode(PgSslMode::Disable)
            // The whole migration is one statement, and slow: it would stand in the log.
            .disable_statement_logging()
    }

    /// The same as an address to print or to hand to another program.
    pub fn url(&self, role: &str, database: &str) -> String {
        format!(
            "postgresql://{role}:{PASSWORD}@127.0.0.1:{}/{database}",
            self.port
        )
    }

    /// Connects as `role` to `database`.
    pub async fn connect(&self, role: &str, database: &str) -> Result<PgConnection> {
        Ok(PgConnection::connect_with(&self.options(role, database)).await?)
    }

    /// Makes Supabase's roles, once a cluster, and shows every session the secret
    /// that signs tokens, as self-hosted Supabase does. Doing it again changes
    /// nothing.
    pub async fn make_roles(&self, secret: &JwtSecret) -> Result<()> {
        let mut connection = self.connect(SUPERUSER, "postgres").await?;
        run(
            &mut connection,
            "sql/roles.sql",
            include_str!("../sql/roles.sql"),
        )
        .await?;
        for role in ["authenticator", "postgres", "supabase_auth_admin"] {
            self.set_password(&mut connection, role).await?;
        }
        for (name, value) in [("jwt_secret", secret.reveal()), ("jwt_exp", "3600")] {
            let statement: String = sqlx::query_scalar(
                "select format('alter role all set app.settings.%s = %L', $1, $2)",
            )
            .bind(name)
            .bind(value)
            .fetch_one(&mut connection)
            .await?;
            connection.execute(AssertSqlSafe(statement)).await?;
        }
        connection.close().await?;
        Ok(())
    }

    /// Makes Supabase's schemas in `database` (made first when missing) and sets
    /// what it grants by itself from then on.
    pub async fn make_database(&self, database: &str, regime: DefaultPrivileges) -> Result<()> {
        let mut connection = self.connect(SUPERUSER, "postgres").await?;
        let exists: bool =
            sqlx::query_scalar("select exists (select from pg_database where datname = $1)")
                .bind(database)
                .fetch_one(&mut connection)
                .await?;
        let statement = if exists {
            format!("alter database {database} owner to {OWNER}")
        } else {
            format!("create database {database} owner {OWNER}")
        };
        connection.execute(AssertSqlSafe(statement)).await?;
        connection.close().await?;

        let mut connection = self.connect(SUPERUSER, database).await?;
        for (place, sql) in [
            ("sql/schemas.sql", include_str!("../sql/schemas.sql")),
            ("sql/auth.sql", include_str!("../sql/auth.sql")),
            ("sql/realtime.sql", include_str!("../sql/realtime.sql")),
            ("sql/vault.sql", include_str!("../sql/vault.sql")),
            ("sql/storage.sql", include_str!("../sql/storage.sql")),
        ] {
            run(&mut connection, place, sql).await?;
        }
        if regime == DefaultPrivileges::Old {
            let sql = include_str!("../sql/default_privileges_old.sql");
            run(&mut connection, "sql/default_privileges_old.sql", sql).await?;
        }
        connection.close().await?;
        Ok(())
    }

    /// Makes partitions of `realtime.messages` for the days ahead and drops old
    /// ones, as Realtime's janitor does.
    pub async fn keep_partitions(&self, database: &str) -> Result<()> {
        let mut connection = self.connect(SUPERUSER, database).await?;
        connection
            .execute("select realtime.keep_partitions()")
            .await?;
        connection.close().await?;
        Ok(())
    }

    /// Lets the role that the migrations made for the worker log in.
    pub async fn let_worker_in(&self) -> Result<()> {
        let mut connection = self.connect(SUPERUSER, "postgres").await?;
        self.set_password(&mut connection, "chat_worker").await?;
        connection.close().await?;
        Ok(())
    }

    /// Lets PostgREST become that role, as docs/edge.md says; without it nobody comes over HTTPS as the worker.
    pub async fn let_edge_worker_in(&self) -> Result<()> {
        let mut connection = self.connect(OWNER, "postgres").await?;
        connection
            .execute("grant chat_worker to authenticator")
            .await?;
        connection.close().await?;
        Ok(())
    }

    async fn set_password(&self, connection: &mut PgConnection, role: &str) -> Result<()> {
        connection
            .execute(AssertSqlSafe(format!(
                "alter role {role} login password '{PASSWORD}'"
            )))
            .await?;
        Ok(())
    }
}

/// Runs the statements of `sql` in one transaction; an error names the line of
/// `place` it stands on.
pub(crate) async fn run(connection: &mut PgConnection, place: &str, sql: &str) -> Result<()> {
    let mut transaction = connection.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut *transaction)
        .await
        .map_err(|error| at_line(place, sql, error))?;
    transaction
        .commit()
        .await
        .map_err(|error| at_line(place, sql, error))?;
    Ok(())
}

fn at_line(place: &str, sql: &str, error: sqlx::Error) -> Error {
    use sqlx::postgres::{PgDatabaseError, PgErrorPosition};
    let Some(refusal) = error
        .as_database_error()
        .and_then(|e| e.try_downcast_ref::<PgDatabaseError>())
    else {
        return Error::Database(error);
    };
    let place = match refusal.position() {
        Some(PgErrorPosition::Original(character)) => {
            let line = sql.chars().take(character).filter(|&c| c == '\n').count() + 1;
            format!("{place}:{line}")
        }
        _ => place.to_owned(),
    };
    let mut message = format!("{} {}", refusal.code(), refusal.message());
    for more in [refusal.detail(), refusal.hint(), refusal.r#where()]
        .into_iter()
        .flatten()
    {
        message.push('\n');
        message.push_str(more);
    }
    Error::Sql { place, message }
}
