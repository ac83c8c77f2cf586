//! The stage and what happens on it: a site, its project's origin, processes full of pages; everybody does as the script
//! says, and the doubles go wrong as it says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use local_stack::realtime::Command;
use pg_chat_tests::{
    Agent, AgentIs, Clients, Origin, Person, Site, TestDb, wait_until, wait_within,
};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use super::PATIENCE;
use super::cast::Cast;
use super::figures::Figures;
use super::proof::{self, Shows};
use super::script::{Act, Topic, Weather, fine};

/// Somebody who writes to the site.
pub struct Visitor {
    pub id: Uuid,
    pub conversation: Uuid,
}

/// An agent, and a connection for what they do elsewhere than on their page.
struct Desk {
    agent: Agent,
    elsewhere: Person,
}

/// Everything that runs.
pub struct Stage {
    pub cast: Cast,
    pub people: Vec<Visitor>,
    processes: Vec<Clients>,
    /// Who sleeps, and until when.
    asleep: Vec<(Instant, usize)>,
    desks: Vec<Desk>,
    /// Counts what was written, so that no two texts are alike.
    texts: usize,
    site: Site,
    origin: Origin,
    folder: TempDir,
    pub db: TestDb,
}

/// What is left when everybody has gone.
pub struct Record {
    pub db: TestDb,
    /// What visitors received.
    pub file: PathBuf,
    _folder: TempDir,
}

impl Stage {
    /// Every page is open, everybody has said hello.
    pub async fn open(cast: Cast, seed: u64) -> Result<Self> {
        let db = TestDb::new().await?;
        let site = Site::make(&db).await?;
        // Nobody fills in a form, and everybody comes from one address.
        db.as_owner(&format!(
            "insert into public.mod_chat_widget_settings (site_id, pre_chat_enabled, show_agent_name, show_agent_avatar,
                sessions_per_minute, address_sessions_per_minute, messages_per_minute, address_messages_per_minute)
            values ('{}', false, false, false, 1000000, 1000000, 1000000, 1000000)",
            site.id
        ))
        .await?;
        let is = AgentIs {
            role: "supervisor",
            max: 1_000,
            ..AgentIs::default()
        };
        let mut desks = Vec::new();
        for agent in 0..cast.desks.len() {
            let agent = site.agent(&format!("Agent number {agent}"), is).await?;
            let elsewhere = db.as_user(agent.user).await?;
            desks.push(Desk { agent, elsewhere });
        }
        let (origin, folder) = (Origin::of(&db).await?, tempfile::tempdir()?);
        let file = folder.path().join("received");
        let processes = (0..cast.processes)
            .map(|n| Clients::start(&origin, &site, &file, seed.wrapping_add(n as u64)))
            .collect::<Result<_>>()?;
        let mut stage = Self {
            cast,
            people: Vec::new(),
            processes,
            asleep: Vec::new(),
            desks,
            texts: 0,
            site,
            origin,
            folder,
            db,
        };
        stage
            .weather(&Weather {
                settings: fine(),
                ..Weather::default()
            })
            .await?;
        stage.come_in().await?;
        Ok(stage)
    }

    async fn come_in(&mut self) -> Result<()> {
        for page in 0..self.cast.pages.len() {
            let browser = self.cast.pages[page];
            let answer = self
                .of(page)
                .ask(json!({"do": "visit", "who": page, "browser": browser}))
                .await?;
            let id: Uuid = serde_json::from_value(answer["visitor"].clone())?;
            if let Some(person) = self.people.get(browser) {
                ensure!(person.id == id, "a second tab is somebody else");
                continue;
            }
            let content = format!("Hello, this is visitor {page:06}");
            self.of(page)
                .ask(json!({"do": "send", "who": page, "content": content}))
                .await?;
            let conversation =
                wait_until("somebody who said hello has a conversation", async || {
                    let of = "select id from public.mod_chat_conversations where visitor_id = $1";
                    let found = sqlx::query_scalar(of).bind(id);
                    Ok(found.fetch_optional(self.db.owner()).await?)
                })
                .await?;
            self.people.push(Visitor { id, conversation });
        }
        for (agent, open) in self.cast.desks.iter().enumerate() {
            let page = self.cast.page_of_agent(agent);
            let open: Vec<_> = open.iter().map(|n| self.people[*n].conversation).collect();
            let user = self.desks[agent].agent.user;
            let work = json!({"do": "work", "who": page, "user": user, "conversations": open});
            self.of(page).ask(work).await?;
        }
        Ok(())
    }

    fn of(&self, page: usize) -> &Clients {
        &self.processes[self.cast.process_of(page)]
    }

    /// Whose page each visitor's is.
    pub fn visitors(&self) -> BTreeMap<usize, Uuid> {
        let pages = self.cast.pages.iter().enumerate();
        pages
            .map(|(page, person)| (page, self.people[*person].id))
            .collect()
    }

    /// Does one act of the script.
    pub async fn follow(&mut self, act: &Act) -> Result<()> {
        match act {
            Act::Ask { page } => {
                let content = self.words(&format!("question of page {page}"));
                let send = json!({"do": "send", "who": page, "content": content});
                self.of(*page).tell(send).await
            }
            Act::Answer {
                agent,
                conversation,
                note,
            } => {
                let kind = if *note { "note" } else { "answer" };
                let content = self.words(&format!("{kind} of agent {agent}"));
                let page = self.cast.page_of_agent(*agent);
                let conversation = self.people[*conversation].conversation;
                let send = json!({"do": "send", "who": page, "content": content,
                    "conversation": conversation, "note": note});
                self.of(page).tell(send).await
            }
            Act::Read { page } => {
                self.of(*page)
                    .tell(json!({"do": "read", "who": page}))
                    .await
            }
            Act::Type { page } => {
                self.of(*page)
                    .tell(json!({"do": "typed", "who": page}))
                    .await
            }
            Act::Reload { page } => {
                let reload = json!({"do": "reload", "who": page});
                self.of(*page).tell(reload).await
            }
            Act::Edit { agent, nth } => {
                let words = self.words(&format!("other words of agent {agent}"));
                self.revise(*agent, *nth, |id| {
                    format!("select chat_edit_message('{id}', '{words}') as row")
                })
                .await
            }
            Act::Delete { agent, nth } => {
                self.revise(*agent, *nth, |id| {
                    format!("select chat_delete_message('{id}') as row")
                })
                .await
            }
            Act::Prioritize {
                agent,
                conversation,
                priority,
            } => {
                let conversation = self.people[*conversation].conversation;
                let update = format!(
                    "update mod_chat_conversations set priority = '{priority}' where id = '{conversation}'"
                );
                let rows = self.desks[*agent].elsewhere.execute(&update).await?;
                ensure!(rows == 1, "agent {agent} cannot prioritize");
                Ok(())
            }
            Act::Sleep { process, millis } => {
                self.processes[*process].sleep()?;
                let until = Instant::now() + Duration::from_millis(*millis);
                self.asleep.push((until, *process));
                Ok(())
            }
            Act::DropSockets { code } => self.realtime(Command::DropSockets { code: *code }).await,
            Act::CloseChannels { topic } => {
                let topic = self.name(*topic);
                self.realtime(Command::CloseChannels { topic }).await
            }
            Act::CrashChannels { topic } => {
                let topic = self.name(*topic);
                self.realtime(Command::CrashChannels { topic }).await
            }
            Act::ExpireTokens { topic } => {
                let topic = self.name(*topic);
                self.realtime(Command::ExpireTokens { topic }).await
            }
            Act::StopReplication => self.realtime(Command::StopReplication).await,
            Act::Weather(weather) => self.weather(weather).await,
            Act::Muster => Ok(()),
        }
    }

    /// Words that nobody has said.
    fn words(&mut self, what: &str) -> String {
        self.texts += 1;
        format!("{what}, text {:06}", self.texts)
    }

    /// Edits or takes back one of the messages of an agent that are there.
    async fn revise(
        &mut self,
        agent: usize,
        nth: u32,
        statement: impl Fn(Uuid) -> String,
    ) -> Result<()> {
        let desk = &mut self.desks[agent];
        let theirs: Vec<Uuid> = sqlx::query_scalar(
            "select id from public.mod_chat_messages
            where sender_type = 'agent' and sender_id = $1 and deleted_at is null order by created_at, id",
        )
        .bind(desk.agent.id.to_string())
        .fetch_all(self.db.owner())
        .await?;
        if theirs.is_empty() {
            return Ok(());
        }
        let id = theirs[nth as usize % theirs.len()];
        let rows = desk.elsewhere.rows(&statement(id)).await;
        rows.with_context(|| format!("agent {agent} cannot revise {id}"))?;
        Ok(())
    }

    fn name(&self, topic: Topic) -> Option<String> {
        match topic {
            Topic::Every => None,
            Topic::Site => Some(format!("chat:site:{}", self.site.id)),
            Topic::Conversation(n) => {
                Some(format!("chat:conversation:{}", self.people[n].conversation))
            }
            Topic::Visitor(n) => Some(format!("chat:visitor:{}", self.people[n].id)),
        }
    }

    async fn realtime(&self, command: Command) -> Result<()> {
        Ok(self.origin.realtime().tell(command).await?)
    }

    async fn weather(&self, weather: &Weather) -> Result<()> {
        for process in &self.processes {
            let line = json!({"do": "line", "who": 0, "down": weather.down, "lost": weather.lost, "late": weather.late});
            process.tell(line).await?;
        }
        self.realtime(Command::Set {
            settings: weather.settings.clone(),
            faults: weather.faults.clone(),
        })
        .await
    }

    /// Opens the laptops whose time has come.
    pub fn wake_who_slept_enough(&mut self) -> Result<()> {
        let now = Instant::now();
        let (up, asleep): (Vec<_>, Vec<_>) =
            self.asleep.drain(..).partition(|(until, _)| *until <= now);
        self.asleep = asleep;
        for (_, process) in up {
            // Put to sleep twice, it sleeps until the later time.
            if self.asleep.iter().all(|(_, other)| *other != process) {
                self.processes[process].wake()?;
            }
        }
        Ok(())
    }

    /// How many messages the database has.
    pub async fn stored(&self) -> Result<usize> {
        let rows = self
            .db
            .count("public.mod_chat_messages where sender_type <> 'system'")
            .await?;
        Ok(usize::try_from(rows)? - self.people.len())
    }

    /// Fails when a page has shown what it may not, or was refused something.
    pub fn judged(&self) -> Result<()> {
        let wrong: Vec<_> = self.processes.iter().flat_map(Clients::wrong).collect();
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    }

    /// All is well, and soon every page shows what the database has.
    pub async fn muster(&mut self, figures: &mut Figures) -> Result<()> {
        for (until, _) in &mut self.asleep {
            *until = Instant::now();
        }
        self.wake_who_slept_enough()?;
        self.weather(&Weather {
            settings: fine(),
            ..Weather::default()
        })
        .await?;
        wait_within(
            PATIENCE,
            "everything that was written is stored",
            async || {
                self.judged()?;
                Ok((self.stored().await? >= figures.messages).then_some(()))
            },
        )
        .await?;
        ensure!(
            self.stored().await? == figures.messages,
            "something was written twice"
        );
        let mut wrong = Vec::new();
        let right = wait_within(PATIENCE, "every page is right", async || {
            self.judged()?;
            let seen = proof::compare(self).await?;
            wrong = seen.wrong;
            if !wrong.is_empty() {
                return Ok(None);
            }
            figures.pages += seen.pages;
            figures.lines += seen.lines;
            Ok(Some(()))
        })
        .await;
        right.with_context(|| wrong.join("\n"))
    }

    /// Every page hears of changes by itself again.
    pub async fn everybody_is_live(&self) -> Result<()> {
        let mut polling = Vec::new();
        let live = wait_within(PATIENCE, "every page is live again", async || {
            let shows = self.shows().await?.into_iter().enumerate();
            polling = shows
                .filter(|(_, shows)| !shows.is_live)
                .map(|(page, _)| page)
                .collect();
            Ok(polling.is_empty().then_some(()))
        })
        .await;
        live.with_context(|| format!("pages {polling:?} only ask every now and then"))
    }

    /// What every page shows, by number.
    pub async fn shows(&self) -> Result<Vec<Shows>> {
        let pages = (0..self.cast.clients()).map(|page| async move {
            let answer = self.of(page).ask(json!({"do": "show", "who": page}));
            anyhow::Ok(serde_json::from_value(answer.await?)?)
        });
        try_join_all(pages).await
    }

    /// Everybody goes.
    pub async fn leave(self) -> Result<Record> {
        for process in &self.processes {
            process.ask(json!({"do": "leave", "who": 0})).await?;
        }
        let file = self.folder.path().join("received");
        Ok(Record {
            db: self.db,
            file,
            _folder: self.folder,
        })
    }
}
