//! What a story begins with: a site with a confirmed number, where nobody works yet; and what is asked again and again.

use anyhow::{Context, Result};
use pg_chat_tests::{Agent, AgentIs, Number, Site, TestDb, wait_until, webhook};
use serde_json::{Map, Value, json};
use sqlx::postgres::PgTransaction;
use uuid::Uuid;

/// The phones of two people who write to the site's number.
pub const ZOE: &str = "15550100002";
pub const YUKI: &str = "15550100003";

/// A database with one site and one number.
pub struct Scene {
    pub db: TestDb,
    pub site: Site,
    pub number: Number,
}

impl Scene {
    /// A site with a confirmed number and no agents.
    pub async fn open() -> Result<Self> {
        let db = TestDb::new().await?;
        let site = Site::make(&db).await?;
        let number = site.number(&db, "106540352242922").await?;
        Ok(Self { db, site, number })
    }

    /// The same with one agent, online, who has room for five.
    pub async fn with_agent() -> Result<(Self, Agent)> {
        let scene = Self::open().await?;
        let ada = scene.site.agent("Ada", AgentIs::default()).await?;
        Ok((scene, ada))
    }

    /// Puts a file where Storage would keep it, with what Storage says it is: `{size, mimetype}`.
    pub async fn lies_in_storage(&self, path: &str, is: &str) -> Result<()> {
        sqlx::query("insert into storage.objects (bucket_id, name, metadata) values ('chat-media', $1, $2::jsonb)")
            .bind(path)
            .bind(is)
            .execute(self.db.owner())
            .await?;
        Ok(())
    }

    /// Takes one webhook with these messages; what the database answered, added up over the runs.
    pub async fn hear(&self, messages: &[Value]) -> Result<Value> {
        self.take(&webhook::body_of_messages(&self.number, messages))
            .await
    }

    /// The same with one text, written now.
    pub async fn hear_text(&self, from: &str, wamid: &str, words: &str) -> Result<Value> {
        self.hear(&[webhook::text(from, wamid, words)]).await
    }

    /// Takes one webhook with these statuses.
    pub async fn hear_statuses(&self, statuses: &[Value]) -> Result<Value> {
        self.take(&webhook::body_of_statuses(&self.number, statuses))
            .await
    }

    /// Takes any webhook body that the number's app has signed.
    pub async fn take(&self, body: &Value) -> Result<Value> {
        let mut total = Map::new();
        for answer in webhook::take(&self.db, &self.number, body).await? {
            for (name, count) in answer.as_object().context("not an object")? {
                let sum = total.get(name).and_then(Value::as_i64).unwrap_or(0);
                total.insert(
                    name.clone(),
                    json!(sum + count.as_i64().context("not a count")?),
                );
            }
        }
        Ok(total.into())
    }

    /// Rows of a select, each as JSON, seen by the owner.
    pub async fn rows(&self, select: &str) -> Result<Vec<Value>> {
        self.db.rows(select).await
    }

    /// The only row of a select.
    pub async fn row(&self, select: &str) -> Result<Value> {
        self.db.row(select).await
    }

    /// How many rows a `from` clause has.
    pub async fn count(&self, from: &str) -> Result<i64> {
        self.db.count(from).await
    }

    /// Lets the owner do something that no client can, such as turning back a clock.
    pub async fn as_owner(&self, statement: &str) -> Result<u64> {
        self.db.as_owner(statement).await
    }

    /// Until so many wait for locks.
    pub async fn until_waiting(&self, many: i64) -> Result<()> {
        wait_until(&format!("{many} wait for a lock"), async || {
            let waiting = self
                .count("pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'")
                .await?;
            Ok((waiting >= many).then_some(()))
        })
        .await
    }

    /// Does something that must wait for a transaction, which is committed as soon as somebody waits.
    pub async fn while_open<T>(
        &self,
        open: PgTransaction<'_>,
        does: impl Future<Output = T>,
    ) -> Result<T> {
        let commits = async {
            self.until_waiting(1).await?;
            anyhow::Ok(open.commit().await?)
        };
        let (done, committed) = tokio::join!(does, commits);
        committed?;
        Ok(done)
    }

    /// Has the person of a conversation, as whoever receives of them, until the answer ends.
    pub async fn has_person_of(&self, conversation: &Value) -> Result<PgTransaction<'static>> {
        let mut has = self.db.owner().begin().await?;
        sqlx::query("select chat.lock_identities(array[$1::uuid])")
            .bind(conversation["identity_id"].as_str())
            .execute(&mut *has)
            .await?;
        Ok(has)
    }

    /// The person who is known by a phone number, as their newest conversation.
    pub async fn conversation_of(&self, phone: &str) -> Result<Value> {
        self.row(&format!(
            "select c.* from public.mod_chat_conversations c
            join chat.identity_aliases a on a.identity_id = c.identity_id
            where a.value = '{phone}' order by c.created_at desc limit 1"
        ))
        .await
    }

    /// A conversation as it stands now.
    pub async fn again(&self, conversation: &Value) -> Result<Value> {
        self.row(&format!(
            "select * from public.mod_chat_conversations where id = {}",
            id(conversation)
        ))
        .await
    }

    /// A message by Meta's id.
    pub async fn message(&self, wamid: &str) -> Result<Value> {
        self.row(&format!(
            "select * from public.mod_chat_messages where whatsapp_message_id = '{wamid}'"
        ))
        .await
    }

    /// A message by our id, as it stands now.
    pub async fn message_now(&self, message: &Value) -> Result<Value> {
        self.row(&format!(
            "select * from public.mod_chat_messages where id = {}",
            id(message)
        ))
        .await
    }

    /// An agent's row.
    pub async fn agent_now(&self, agent: Agent) -> Result<Value> {
        self.row(&format!(
            "select * from public.mod_chat_agents where id = '{}'",
            agent.id
        ))
        .await
    }

    /// Another person's first words, and the conversation they begin.
    pub async fn visit(&self, phone: &str) -> Result<Value> {
        self.hear_text(phone, &format!("wamid.visit.{phone}"), "Hello")
            .await?;
        self.conversation_of(phone).await
    }

    /// An agent answers by inserting a row, as a dashboard does.
    pub async fn answer(&self, agent: Agent, conversation: &Value, words: &str) -> Result<Value> {
        Ok(self.try_answer(agent, conversation, words).await?)
    }

    /// The same, when the database may say no.
    pub async fn try_answer(
        &self,
        agent: Agent,
        conversation: &Value,
        words: &str,
    ) -> Result<Value, sqlx::Error> {
        self.db
            .desk(agent)
            .answer(uuid_of(conversation), words)
            .await
    }

    /// An agent changes a conversation by a plain PATCH.
    pub async fn patch(
        &self,
        agent: Agent,
        conversation: &Value,
        set: &str,
    ) -> Result<Vec<Value>, sqlx::Error> {
        self.db.desk(agent).patch(uuid_of(conversation), set).await
    }

    /// One statement that gives rows, as an agent through PostgREST.
    pub async fn as_agent(&self, agent: Agent, statement: &str) -> Result<Vec<Value>, sqlx::Error> {
        self.db.desk(agent).rows(statement).await
    }

    /// An agent says whether they are there.
    pub async fn turns(&self, agent: Agent, status: &str) -> Result<()> {
        Ok(self.db.desk(agent).turns(self.site.id, status).await?)
    }
}

/// The id of a row.
pub fn uuid_of(row: &Value) -> Uuid {
    row["id"]
        .as_str()
        .and_then(|id| id.parse().ok())
        .expect("every row has an id")
}

/// The id of a row, quoted for SQL.
pub fn id(row: &Value) -> String {
    format!("'{}'", uuid_of(row))
}

/// Some fields of a row, in words separated by blanks.
pub fn only(row: &Value, fields: &str) -> Value {
    fields
        .split_whitespace()
        .map(|field| (field.to_owned(), row[field].clone()))
        .collect::<Map<_, _>>()
        .into()
}
