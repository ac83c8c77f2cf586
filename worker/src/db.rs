//! The database as the worker sees it: one method a function. No other file names a function or
//! writes SQL, so this is the whole of what a second way to the database (HTTPS) must offer.

use crate::config;
use chat_rules::whatsapp::Item;
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPool, PgPoolOptions};
use sqlx::types::Json;
use std::{str::FromStr, time::Duration};
use uuid::Uuid;

mod answers;
mod failure;
pub use answers::*;
pub use failure::{DbError, Failure};

/// Where writers say that an idle lane got work. The payload is empty.
pub const JOBS_CHANNEL: &str = "chat_jobs";

/// The functions called here, as `to_regprocedure` reads them; `worker check` looks each one up.
pub const FUNCTIONS: [&str; 11] = [
    "public.chat_receive_whatsapp(uuid, jsonb)",
    "public.chat_keep_dead_letter(uuid, text, jsonb)",
    "public.chat_claim_jobs(integer)",
    "public.chat_begin_attempt(bigint, uuid)",
    "public.chat_finish_attempt(bigint, uuid, uuid, integer, jsonb)",
    "public.chat_finish_job(bigint, uuid, jsonb)",
    "public.chat_give_back_jobs(uuid[])",
    "public.chat_tick(integer)",
    "public.chat_register_whatsapp(text, uuid, text, text, text, text)",
    "public.chat_confirm_number(uuid, jsonb)",
    "public.chat_worker_facts()",
];

/// A pool of connections as role `chat_worker`.
#[derive(Clone, Debug)]
pub struct Db {
    pool: PgPool,
}

impl Db {
    /// Makes the pool without connecting: a worker starts while its database is away.
    pub fn new(config: &config::Database) -> Result<Self, DbError> {
        let options = PgConnectOptions::from_str(config.url.expose())
            .map_err(|_| DbError::Address)?
            .application_name("chat_worker");
        let statement_timeout = config.statement_ms.to_string();
        let pool = PgPoolOptions::new()
            .max_connections(config.connections.saturating_add(1))
            .acquire_timeout(Duration::from_millis(config.acquire_ms))
            .after_connect(move |connection, _| {
                let statement_timeout = statement_timeout.clone();
                Box::pin(async move {
                    sqlx::query("select set_config('statement_timeout', $1, false)")
                        .bind(statement_timeout)
                        .execute(connection)
                        .await?;
                    Ok(())
                })
            })
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// Takes one run of items in one transaction. The transaction has committed when this returns:
    /// the driver reads on until the server is ready again, past the deferred triggers.
    pub async fn receive_whatsapp(&self, app: Uuid, items: &[Item]) -> Result<Received, DbError> {
        let query = sqlx::query_scalar("select public.chat_receive_whatsapp($1, $2)")
            .bind(app)
            .bind(Json(items));
        read(query.fetch_one(&self.pool).await?)
    }

    /// Keeps an item that no row takes, with the reason.
    pub async fn keep_dead_letter(
        &self,
        app: Uuid,
        reason: &str,
        item: &Item,
    ) -> Result<(), DbError> {
        sqlx::query("select public.chat_keep_dead_letter($1, $2, $3)")
            .bind(app)
            .bind(reason)
            .bind(Json(item))
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Leases up to `slots` jobs.
    pub async fn claim_jobs(&self, slots: i32) -> Result<Vec<ClaimedJob>, DbError> {
        read(
            sqlx::query_scalar("select public.chat_claim_jobs($1)")
                .bind(slots)
                .fetch_one(&self.pool)
                .await?,
        )
    }

    /// Records an attempt and says what to send, or that there is nothing to send.
    pub async fn begin_attempt(&self, job_id: i64, lease_token: Uuid) -> Result<Begun, DbError> {
        let query = sqlx::query_scalar("select public.chat_begin_attempt($1, $2)")
            .bind(job_id)
            .bind(lease_token);
        let Json(answer): Json<Value> = query.fetch_one(&self.pool).await?;
        if answer["go"].as_bool() == Some(true) {
            return Ok(Begun::Go(Box::new(read(Json(answer))?)));
        }
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        Ok(Begun::No {
            state: text("state").unwrap_or_else(|| "gone".to_owned()),
            why: text("why"),
        })
    }

    /// Stores how an attempt ended and ends or reschedules its job. Returns the message's state.
    pub async fn finish_attempt(
        &self,
        job_id: i64,
        lease_token: Uuid,
        message_id: Uuid,
        attempt: i32,
        outcome: &AttemptOutcome,
    ) -> Result<String, DbError> {
        let query = sqlx::query_scalar("select public.chat_finish_attempt($1, $2, $3, $4, $5)")
            .bind(job_id)
            .bind(lease_token)
            .bind(message_id)
            .bind(attempt)
            .bind(Json(outcome));
        state(query.fetch_one(&self.pool).await?)
    }

    /// Ends or reschedules a job. Returns the state that it has now.
    pub async fn finish_job(
        &self,
        job_id: i64,
        lease_token: Uuid,
        outcome: &JobOutcome,
    ) -> Result<String, DbError> {
        let query = sqlx::query_scalar("select public.chat_finish_job($1, $2, $3)")
            .bind(job_id)
            .bind(lease_token)
            .bind(Json(outcome));
        state(query.fetch_one(&self.pool).await?)
    }

    /// Returns leases that were not used. Returns how many were still ours.
    pub async fn give_back_jobs(&self, lease_tokens: &[Uuid]) -> Result<i32, DbError> {
        let query = sqlx::query_scalar("select public.chat_give_back_jobs($1)").bind(lease_tokens);
        Ok(query.fetch_one(&self.pool).await?)
    }

    /// Drives the database's timers, at most `batch` rows of each kind.
    pub async fn tick(&self, batch: i32) -> Result<Ticked, DbError> {
        read(
            sqlx::query_scalar("select public.chat_tick($1)")
                .bind(batch)
                .fetch_one(&self.pool)
                .await?,
        )
    }

    /// Says what the configuration knows; repeatable.
    pub async fn register_whatsapp(
        &self,
        registration: &Registration<'_>,
    ) -> Result<Registered, DbError> {
        let query =
            sqlx::query_scalar("select public.chat_register_whatsapp($1, $2, $3, $4, $5, $6)")
                .bind(registration.app_name)
                .bind(registration.site_id)
                .bind(registration.waba_id)
                .bind(registration.phone_number_id)
                .bind(registration.graph_version)
                .bind(registration.app_id);
        read(query.fetch_one(&self.pool).await?)
    }

    /// Hands in what Graph said about a number when asked with its site's own token.
    pub async fn confirm_number(
        &self,
        number: Uuid,
        details: &Value,
    ) -> Result<Confirmed, DbError> {
        let query = sqlx::query_scalar("select public.chat_confirm_number($1, $2)")
            .bind(number)
            .bind(Json(details));
        read(query.fetch_one(&self.pool).await?)
    }

    /// Queue figures, version and clock.
    pub async fn facts(&self) -> Result<Facts, DbError> {
        read(
            sqlx::query_scalar("select public.chat_worker_facts()")
                .fetch_one(&self.pool)
                .await?,
        )
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), DbError> {
        sqlx::query("select 1").execute(&self.pool).await?;
        Ok(())
    }

    /// The role that we are, and whether it is bound by row-level security as it should be.
    pub async fn role(&self) -> Result<(String, bool), DbError> {
        let query = sqlx::query_as(
            "select rolname::text, not (rolsuper or rolbypassrls) from pg_catalog.pg_roles where rolname = current_user",
        );
        Ok(query.fetch_one(&self.pool).await?)
    }

    /// Whether a function of [`FUNCTIONS`] exists and may be executed by us.
    pub async fn function(&self, signature: &str) -> Result<(bool, bool), DbError> {
        let query = sqlx::query_as(
            "select f is not null, coalesce(has_function_privilege(f, 'execute'), false)
             from (select to_regprocedure($1)::oid as f) found",
        );
        Ok(query.bind(signature).fetch_one(&self.pool).await?)
    }

    /// A listener on `channel`. It holds a connection of its own and reconnects.
    pub async fn listen(&self, channel: &str) -> Result<PgListener, DbError> {
        let mut listener = PgListener::connect_with(&self.pool).await?;
        listener.ignore_pool_close_event(false);
        listener.listen(channel).await?;
        Ok(listener)
    }

    /// Calls whoever listens on `channel`.
    pub async fn notify(&self, channel: &str) -> Result<(), DbError> {
        sqlx::query("select pg_notify($1, '')")
            .bind(channel)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Ends every connection.
    pub async fn close(&self) {
        self.pool.close().await;
    }
}

/// Reads a jsonb answer. One that does not fit means that worker and migrations differ.
fn read<T: DeserializeOwned>(Json(answer): Json<Value>) -> Result<T, DbError> {
    serde_json::from_value(answer).map_err(DbError::Answer)
}

/// The `state` of an answer.
fn state(Json(answer): Json<Value>) -> Result<String, DbError> {
    #[derive(Deserialize)]
    struct State {
        state: String,
    }
    read::<State>(Json(answer)).map(|answer| answer.state)
}
