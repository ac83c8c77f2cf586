//! The worker's own database access over one of the ways, with a line in between that can be cut.

use anyhow::{Context, Result, ensure};
use chat_rules::whatsapp::{Item, cut_runs, parse};
use chat_worker::config::Config;
use chat_worker::db::{Attempt, AttemptOutcome, Begun, ClaimedJob, Db, DbError, Received};
use pg_chat_tests::webhook::{body_of_messages, text};
use pg_chat_tests::{Agent, AgentIs, Number, Site, TestDb, environment};
use serde_json::Value;
use uuid::Uuid;

use super::line::Line;
use crate::project::Project;

/// Who writes.
pub const ZOE: &str = "15550100002";

/// How the database is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    Connection,
    Https,
}

/// A site with a number and an agent, and the worker's access to its database.
pub struct Desk {
    pub worker: Db,
    pub line: Line,
    pub number: Number,
    pub ada: Agent,
    _project: Option<Project>,
    /// Dropped last.
    pub db: TestDb,
}

/// Tries something over either way, each in a database of its own.
pub async fn over_both_ways(story: impl AsyncFn(&Desk) -> Result<()>) -> Result<()> {
    for way in [Way::Connection, Way::Https] {
        let desk = Desk::open(way).await?;
        story(&desk)
            .await
            .with_context(|| format!("over the way {way:?}"))?;
    }
    Ok(())
}

impl Desk {
    pub async fn open(way: Way) -> Result<Self> {
        let db = TestDb::new().await?;
        let site = Site::make(&db).await?;
        let ada = site.agent("Ada", AgentIs::default()).await?;
        let number = site.number(&db, "106540352242922").await?;
        let port = environment().port;
        let (line, project, mut settings) = match way {
            Way::Connection => {
                let line = Line::to(port).await?;
                let url = db.url("chat_worker");
                let url = url.replace(&format!(":{port}/"), &format!(":{}/", line.address.port()));
                (line, None, vec![("CHAT_DATABASE_URL", url)])
            }
            Way::Https => {
                let project = Project::of(&db).await?;
                let port = project
                    .url()
                    .rsplit(':')
                    .next()
                    .context("a port")?
                    .parse()?;
                let line = Line::to(port).await?;
                let settings = project.settings(format!("http://{}", line.address));
                (line, Some(project), settings)
            }
        };
        settings.push(("CHAT_DATABASE_ACQUIRE_MS", "2000".to_owned()));
        Ok(Self {
            worker: worker(&settings)?,
            line,
            number,
            ada,
            _project: project,
            db,
        })
    }

    /// What Meta would deliver of texts of Zoe's, by their wamids.
    pub fn items(&self, wamids: &[&str]) -> Result<Vec<Item>> {
        let texts: Vec<_> = wamids.iter().map(|wamid| text(ZOE, wamid, wamid)).collect();
        let body = serde_json::to_vec(&body_of_messages(&self.number, &texts))?;
        Ok(cut_runs(parse(&body)?).into_iter().flatten().collect())
    }

    /// Takes texts of Zoe's.
    pub async fn receives(&self, wamids: &[&str]) -> Result<Result<Received, DbError>> {
        let items = self.items(wamids)?;
        Ok(self.worker.receive_whatsapp(self.number.app, &items).await)
    }

    /// Zoe writes, and Ada's answers wait to leave; the ids of those.
    pub async fn answers_wait(&self, words: &[&str]) -> Result<Vec<Uuid>> {
        self.receives(&["wamid.in"]).await??;
        let conversation = self
            .db
            .row("select id from public.mod_chat_conversations")
            .await?;
        let conversation = serde_json::from_value(conversation["id"].clone())?;
        let mut ids = Vec::new();
        for words in words {
            let row = self.db.desk(self.ada).answer(conversation, words).await?;
            ids.push(serde_json::from_value(row["id"].clone())?);
        }
        Ok(ids)
    }

    /// Leases a send, which comes before all else.
    pub async fn claims_send(&self) -> Result<ClaimedJob> {
        let job = self.worker.claim_jobs(1, 0).await?.pop();
        let job = job.context("there is no job to be had")?;
        ensure!(job.kind == "whatsapp.send_message", "it is {}", job.kind);
        Ok(job)
    }

    /// Leases a send and begins it.
    pub async fn begins_send(&self) -> Result<(ClaimedJob, Attempt)> {
        let job = self.claims_send().await?;
        match self
            .worker
            .begin_attempt(job.job_id, job.lease_token)
            .await?
        {
            Begun::Go(attempt) => Ok((job, *attempt)),
            Begun::No { state, .. } => anyhow::bail!("it should have been let go: {state}"),
        }
    }

    /// Tells that Graph took a message.
    pub async fn was_accepted(
        &self,
        (job, attempt): &(ClaimedJob, Attempt),
        wamid: &str,
    ) -> Result<String, DbError> {
        let outcome = AttemptOutcome::Accepted {
            wamid: wamid.to_owned(),
            wa_id: None,
            http: 200,
        };
        self.worker
            .finish_attempt(
                job.job_id,
                job.lease_token,
                attempt.message_id,
                attempt.attempt,
                &outcome,
            )
            .await
    }

    /// The time of every lease is over.
    pub async fn leases_run_out(&self) -> Result<()> {
        let over = "update chat.lanes set lease_until = clock_timestamp() - interval '1 second' where busy";
        self.db.as_owner(over).await?;
        Ok(())
    }

    /// A message's delivery as it stands now.
    pub async fn delivery(&self, message: Uuid) -> Result<Value> {
        let row =
            format!("select delivery_state from public.mod_chat_messages where id = '{message}'");
        Ok(self.db.row(&row).await?["delivery_state"].take())
    }
}

/// Access with these settings.
pub fn worker(settings: &[(&str, String)]) -> Result<Db> {
    let settings = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    Ok(Db::new(&Config::load(None, settings)?)?)
}
