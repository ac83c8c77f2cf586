//! What a policy says about a topic, asked as Realtime asks: rows are inserted into
//! `realtime.messages` and looked at under the joiner's role and claims, in a transaction
//! that is rolled back, so none of them reaches anybody.

use serde_json::Value;
use sqlx::postgres::{PgDatabaseError, PgPool};
use sqlx::{PgConnection, Postgres, Transaction};
use uuid::Uuid;

use super::token::Claims;

/// What may be read on a topic.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Reads {
    pub(super) broadcast: bool,
    pub(super) presence: bool,
}

/// Why it could not be asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unanswered {
    /// No partition of `realtime.messages` takes today's rows.
    MissingPartition,
    /// No connection was free in time.
    Busy,
    /// Anything else that is wrong with the database.
    Failed,
}

/// Who asks about what.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) claims: &'a Claims,
    /// Without `realtime:`.
    pub(super) topic: &'a str,
    /// The socket's `x-…` headers.
    pub(super) headers: &'a Value,
}

impl Question<'_> {
    /// Asks what may be read. Presence is only asked about when it is wanted.
    pub(super) async fn reads(&self, pool: &PgPool, presence: bool) -> Result<Reads, Unanswered> {
        let mut transaction = pool.begin().await.map_err(|error| Unanswered::of(&error))?;
        let answer = self.look(&mut transaction, presence).await;
        end(transaction).await;
        match answer {
            Ok(reads) => Ok(reads),
            Err(error) => match Unanswered::of(&error) {
                // What a policy raises is a no.
                Unanswered::Failed => {
                    tracing::warn!("realtime: policies of {}: {error}", self.topic);
                    Ok(Reads::default())
                }
                other => Err(other),
            },
        }
    }

    async fn look(
        &self,
        transaction: &mut PgConnection,
        presence: bool,
    ) -> Result<Reads, sqlx::Error> {
        let extensions: &[&str] = if presence {
            &["broadcast", "presence"]
        } else {
            &["broadcast"]
        };
        let mut probes = Vec::new();
        for extension in extensions {
            let id = Uuid::new_v4();
            sqlx::query(PROBE)
                .bind(self.topic)
                .bind(extension)
                .bind(id)
                .execute(&mut *transaction)
                .await?;
            probes.push(id);
        }
        self.become_caller(&mut *transaction).await?;
        let seen: Vec<Uuid> =
            sqlx::query_scalar("select id from realtime.messages where id = any ($1)")
                .bind(&probes)
                .fetch_all(&mut *transaction)
                .await?;
        let sees = |place: usize| probes.get(place).is_some_and(|id| seen.contains(id));
        Ok(Reads {
            broadcast: sees(0),
            presence: sees(1),
        })
    }

    /// Asks whether a row of `extension` may be written.
    pub(super) async fn writes(&self, pool: &PgPool, extension: &str) -> Result<bool, Unanswered> {
        let mut transaction = pool.begin().await.map_err(|error| Unanswered::of(&error))?;
        let answer = match self.become_caller(&mut transaction).await {
            Ok(()) => sqlx::query(PROBE)
                .bind(self.topic)
                .bind(extension)
                .bind(Uuid::new_v4())
                .execute(&mut *transaction)
                .await
                .map(drop),
            Err(error) => Err(error),
        };
        end(transaction).await;
        match answer {
            Ok(()) => Ok(true),
            Err(error) => match Unanswered::of(&error) {
                Unanswered::Failed => Ok(false),
                other => Err(other),
            },
        }
    }

    async fn become_caller(&self, transaction: &mut PgConnection) -> Result<(), sqlx::Error> {
        // The role comes last: it may set nothing else.
        sqlx::query(
            "select set_config('realtime.topic', $1, true), set_config('request.jwt.claims', $2, true),
                set_config('request.jwt.claim.sub', $3, true), set_config('request.jwt.claim.role', $4, true),
                set_config('request.headers', $5, true), set_config('role', $4, true)",
        )
        .bind(self.topic)
        .bind(self.claims.all.to_string())
        .bind(self.claims.all["sub"].as_str().unwrap_or_default())
        .bind(&self.claims.role)
        .bind(self.headers.to_string())
        .execute(transaction)
        .await
        .map(drop)
    }
}

/// A row with nothing in it that a policy could judge but its topic and extension.
const PROBE: &str = "insert into realtime.messages (topic, extension, id, inserted_at, updated_at)
    values ($1, $2, $3, now() at time zone 'UTC', now() at time zone 'UTC')";

async fn end(transaction: Transaction<'_, Postgres>) {
    if let Err(error) = transaction.rollback().await {
        tracing::warn!("realtime: a probe was not rolled back: {error}");
    }
}

impl Unanswered {
    fn of(error: &sqlx::Error) -> Self {
        match error {
            sqlx::Error::PoolTimedOut => Self::Busy,
            sqlx::Error::Database(refusal)
                if refusal.code().as_deref() == Some("23514")
                    && refusal
                        .try_downcast_ref::<PgDatabaseError>()
                        .is_some_and(|refusal| refusal.table() == Some("messages")) =>
            {
                Self::MissingPartition
            }
            _ => Self::Failed,
        }
    }

    /// As it is said to whoever wants to join.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::MissingPartition => {
                "MissingPartition: Realtime was unable to find the expected messages partition"
            }
            Self::Busy => "IncreaseConnectionPool: Please increase your connection pool size",
            Self::Failed => "Unknown Error on Channel",
        }
    }
}
