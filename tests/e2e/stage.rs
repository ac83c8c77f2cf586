//! A site with a number and an agent, a worker that serves it, and Meta on the other side.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use local_stack::graph::{Author, Bubble, Handle, Say, Simulator};
use pg_chat_tests::{
    Agent, AgentIs, Number, Origin, Site, TestDb, Worker, http_client, wait_until,
};
use serde_json::Value;
use uuid::Uuid;

use crate::project::Project;
use crate::ways::line::Line;

/// Meta's id of the stage's number.
pub const NUMBER: &str = "106540352242922";

/// The phone of somebody who writes to it.
pub const ZOE: &str = "16505551234";

/// Everything that runs. Dropped in this order: the worker first, the database last.
pub struct Stage {
    pub worker: Worker,
    pub graph: Handle,
    pub number: Number,
    pub ada: Agent,
    /// The project's origin with Storage; where the stage has it.
    origin: Option<Origin>,
    /// What the worker has instead of a connection, and the line to it; where the stage is of feature `edge`.
    https: Option<(Line, Project)>,
    pub db: TestDb,
}

impl Stage {
    /// One number, and Ada, who is online and has room for a hundred.
    pub async fn open() -> Result<Self> {
        Self::open_with(&[]).await
    }

    /// The same with settings of the worker, by their names in the environment.
    pub async fn open_with(settings: &[(&str, &str)]) -> Result<Self> {
        Self::open_for(&BTreeSet::new(), settings).await
    }

    /// The same with Storage, which the worker puts files into.
    pub async fn with_storage(settings: &[(&str, &str)]) -> Result<Self> {
        let db = TestDb::new().await?;
        let origin = Origin::of(&db).await?;
        let (url, key) = (origin.url(), origin.key("service_role"));
        let settings: Vec<_> = settings
            .iter()
            .copied()
            .chain([
                ("SUPABASE_URL", url.as_str()),
                ("SUPABASE_SERVICE_ROLE_KEY", &key),
            ])
            .collect();
        let stage = Self::on(db, &BTreeSet::new(), &settings).await?;
        Ok(Self {
            origin: Some(origin),
            ..stage
        })
    }

    /// The same with nothing open to the worker but HTTPS, and a line in between that can be cut.
    pub async fn over_https() -> Result<Self> {
        let db = TestDb::new().await?;
        let project = Project::of(&db).await?;
        let port = project
            .url()
            .rsplit(':')
            .next()
            .context("a port")?
            .parse()?;
        let line = Line::to(port).await?;
        let https = project.settings(format!("http://{}", line.address));
        let settings: Vec<_> = https
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .chain([("CHAT_DATABASE_URL", "")])
            .collect();
        let stage = Self::on(db, &BTreeSet::new(), &settings).await?;
        Ok(Self {
            https: Some((line, project)),
            ..stage
        })
    }

    /// The line over which the worker has its database.
    pub fn line(&self) -> Result<&Line> {
        let (line, _) = self
            .https
            .as_ref()
            .context("this stage is not over HTTPS")?;
        Ok(line)
    }

    /// The project's origin.
    pub fn storage(&self) -> Result<String> {
        let origin = self.origin.as_ref().context("this stage has no Storage")?;
        Ok(origin.url())
    }

    /// The same with more numbers, which only receive: Meta knows nothing of them.
    pub async fn open_for(
        more_numbers: &BTreeSet<String>,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        Self::on(TestDb::new().await?, more_numbers, settings).await
    }

    async fn on(
        db: TestDb,
        more_numbers: &BTreeSet<String>,
        settings: &[(&str, &str)],
    ) -> Result<Self> {
        let site = Site::make(&db).await?;
        let ada = site
            .agent(
                "Ada",
                AgentIs {
                    max: 100,
                    ..AgentIs::default()
                },
            )
            .await?;
        let number = site.number(&db, NUMBER).await?;
        for number in more_numbers.iter().filter(|number| *number != NUMBER) {
            site.number(&db, number).await?;
        }
        let (graph, worker) = Worker::start_with(&db, &site, &number, settings).await?;
        Ok(Self {
            worker,
            graph,
            number,
            ada,
            origin: None,
            https: None,
            db,
        })
    }

    /// Meta, to be directed.
    pub fn meta(&self) -> &Simulator {
        self.graph.simulator()
    }

    /// Somebody writes a text; the conversation it went to, once it is there.
    pub async fn writes(&self, phone: &str, words: &str) -> Result<Uuid> {
        let said = self.meta().say(phone, Say::text(words))?;
        wait_until("what a phone wrote is stored", async || {
            let home = "select conversation_id from public.mod_chat_messages where whatsapp_message_id = $1";
            Ok(sqlx::query_scalar(home).bind(&said.wamid).fetch_optional(self.db.owner()).await?)
        })
        .await
    }

    /// Ada answers; the id of her message.
    pub async fn answers(&self, conversation: Uuid, words: &str) -> Result<Uuid> {
        let row = self.db.desk(self.ada).answer(conversation, words).await?;
        Ok(serde_json::from_value(row["id"].clone())?)
    }

    /// A message as it stands now.
    pub async fn message(&self, id: Uuid) -> Result<Value> {
        self.db
            .row(&format!(
                "select * from public.mod_chat_messages where id = '{id}'"
            ))
            .await
    }

    /// A message once its delivery has got to a state.
    pub async fn once(&self, id: Uuid, state: &str) -> Result<Value> {
        wait_until(&format!("the message is {state}"), async || {
            let message = self.message(id).await?;
            Ok((message["delivery_state"] == state).then_some(message))
        })
        .await
    }

    /// What the business has sent to a phone, in the order in which Meta took it.
    pub fn sent_to(&self, phone: &str) -> Vec<Bubble> {
        let mut bubbles = self.meta().phone(phone).bubbles;
        bubbles.retain(|bubble| bubble.by == Author::Business);
        bubbles
    }

    /// The words of it.
    pub fn words_on(&self, phone: &str) -> Vec<String> {
        self.sent_to(phone)
            .into_iter()
            .map(|bubble| bubble.text)
            .collect()
    }

    /// Every pause of the queue is over.
    pub async fn pauses_end(&self) -> Result<()> {
        self.db
            .as_owner("update chat.lanes set next_at = clock_timestamp() where not busy")
            .await?;
        Ok(())
    }

    /// Asks one of the worker's own pages.
    pub async fn get(&self, path: &str) -> Result<reqwest::Response> {
        Ok(http_client().get(self.worker.url(path)).send().await?)
    }

    /// A figure of /metrics by the beginning of its line, labels included; 0 when there is none.
    pub async fn figure(&self, begins: &str) -> Result<f64> {
        let answer = self.get("/metrics").await?;
        ensure!(answer.status() == 200, "the figures cannot be had");
        let page = answer.text().await?;
        let line = page.lines().find(|line| line.starts_with(begins));
        line.map_or(Ok(0.0), |line| {
            let figure = line.rsplit(' ').next().context("a line has a figure")?;
            Ok(figure.parse()?)
        })
    }
}
