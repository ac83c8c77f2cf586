//! The ways to store a message that are compared.

use anyhow::Result;
use serde_json::Value;
use sqlx::types::Json;
use sqlx::{Executor, PgConnection};
use uuid::Uuid;

use super::site::{APP, SITE, Site};
use crate::cluster::{Cluster, OWNER, WORKER};
use crate::messages::Message;

/// One way to store a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Case {
    /// The floor: an insert into a table with LC-01's columns, a primary key and one foreign key.
    Floor,
    /// The peer: LC-01's tables, indexes and row triggers.
    Seeds,
    /// The peer, given the event row, the queue row and the broadcast that our path writes.
    SeedsEqual,
    /// The whole path where there is no schema `realtime`.
    OursQuiet,
    /// The whole path.
    Ours,
}

impl Case {
    /// Every one of them.
    pub const ALL: [Self; 5] = [
        Self::Floor,
        Self::Seeds,
        Self::SeedsEqual,
        Self::OursQuiet,
        Self::Ours,
    ];

    /// As the tables call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Floor => "bare insert",
            Self::Seeds => "seeds' way",
            Self::SeedsEqual => "seeds' way, equal work",
            Self::OursQuiet => "ours without broadcast",
            Self::Ours => "ours",
        }
    }

    /// Where it is done.
    pub fn database(self) -> &'static str {
        if self == Self::OursQuiet {
            "bench_path_quiet"
        } else {
            "bench_path"
        }
    }

    /// A connection of the role that does it; commits of the role wait for the disk or not.
    pub async fn connect(
        self,
        cluster: &Cluster,
        synchronous_commit: &str,
    ) -> Result<PgConnection> {
        let role = if matches!(self, Self::Ours | Self::OursQuiet) {
            WORKER
        } else {
            OWNER
        };
        let mut connection = cluster.connect(role, self.database()).await?;
        sqlx::query("select set_config('synchronous_commit', $1, false)")
            .bind(synchronous_commit)
            .execute(&mut connection)
            .await?;
        Ok(connection)
    }

    /// Finishes the work it has queued, as a worker would have by the time a person writes again: every lane idle,
    /// no job left.
    pub async fn settle(self, admin: &mut PgConnection) -> Result<()> {
        let statements: &[&str] = match self {
            Self::Floor | Self::Seeds => &[],
            Self::SeedsEqual => &[
                "delete from seeds.jobs",
                "update seeds.lanes set ready = false where ready",
                "vacuum seeds.jobs, seeds.lanes",
            ],
            Self::OursQuiet | Self::Ours => &[
                "delete from chat.jobs",
                "update chat.lanes set ready = false, idle_since = clock_timestamp() where ready",
                "vacuum chat.jobs, chat.lanes",
            ],
        };
        for statement in statements {
            admin.execute(*statement).await?;
        }
        Ok(())
    }

    /// Stores every message with a call and a transaction of its own.
    pub async fn over_the_wire(self, connection: &mut PgConnection, batch: &Batch) -> Result<()> {
        let statement = match self {
            Self::OursQuiet | Self::Ours => {
                for run in &batch.runs {
                    sqlx::query("select public.chat_receive_whatsapp($1, $2)")
                        .bind(APP)
                        .bind(Json(run))
                        .execute(&mut *connection)
                        .await?;
                }
                return Ok(());
            }
            Self::Floor => concat!(
                "insert into floor.messages (site_id, conversation_id, sender_type, sender_id, sender_name, content, ",
                "status, whatsapp_message_id) values ($1, $2, 'visitor', $3, $4, $5, 'delivered', $6)"
            ),
            Self::Seeds => concat!(
                "insert into seeds.messages (site_id, conversation_id, sender_type, sender_id, sender_name, content, ",
                "status, whatsapp_message_id) values ($1, $2, 'visitor', $3, $4, $5, 'delivered', $6)"
            ),
            Self::SeedsEqual => "select seeds.receive($1, $2, $3, $4, $5, $6)",
        };
        for n in 0..batch.wamids.len() {
            sqlx::query(statement)
                .bind(SITE)
                .bind(batch.conversations[n])
                .bind(&batch.visitors[n])
                .bind(&batch.names[n])
                .bind(&batch.texts[n])
                .bind(&batch.wamids[n])
                .execute(&mut *connection)
                .await?;
        }
        Ok(())
    }

    /// Stores every message in a transaction of its own, in one call that loops.
    pub async fn in_one_backend(self, connection: &mut PgConnection, batch: &Batch) -> Result<()> {
        let statement = match self {
            Self::OursQuiet | Self::Ours => {
                let runs: Vec<_> = batch.runs.iter().map(Json).collect();
                sqlx::query("call bench.each($1, $2)")
                    .bind(APP)
                    .bind(runs)
                    .execute(connection)
                    .await?;
                return Ok(());
            }
            Self::Floor => "call floor.each($1, $2, $3, $4, $5, $6)",
            Self::Seeds => "call seeds.each($1, $2, $3, $4, $5, $6)",
            Self::SeedsEqual => "call seeds.each_with_equal_work($1, $2, $3, $4, $5, $6)",
        };
        sqlx::query(statement)
            .bind(SITE)
            .bind(&batch.conversations)
            .bind(&batch.visitors)
            .bind(&batch.names)
            .bind(&batch.texts)
            .bind(&batch.wamids)
            .execute(connection)
            .await?;
        Ok(())
    }
}

/// Messages in the form each case takes them: columns for the peers, runs for us.
#[derive(Debug)]
pub struct Batch {
    conversations: Vec<Uuid>,
    visitors: Vec<String>,
    names: Vec<String>,
    texts: Vec<String>,
    wamids: Vec<String>,
    runs: Vec<Value>,
}

impl Batch {
    /// Turns messages of people of the site into all forms.
    pub fn of(messages: &[Message], site: &Site) -> Result<Self> {
        Ok(Self {
            conversations: messages
                .iter()
                .map(|m| site.people[m.person].conversation)
                .collect(),
            visitors: messages
                .iter()
                .map(|m| site.people[m.person].visitor.to_string())
                .collect(),
            names: messages.iter().map(|m| m.name.clone()).collect(),
            texts: messages.iter().map(|m| m.text.clone()).collect(),
            wamids: messages.iter().map(|m| m.wamid.clone()).collect(),
            runs: messages.iter().map(Message::run).collect::<Result<_>>()?,
        })
    }

    /// How many messages.
    pub fn len(&self) -> usize {
        self.wamids.len()
    }
}
