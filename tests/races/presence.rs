//! Agents of two sites come, go, fall silent, answer or do not, and are heard again while people write to them, several
//! ticks at once clear up behind them, and what they did is counted.

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use pg_chat_tests::race::Race;
use pg_chat_tests::recount::assert_counters_but;
use pg_chat_tests::routed::assert_routed;
use pg_chat_tests::webhook::{receive, text};
use pg_chat_tests::{Agent, AgentIs, Number, Person, Site, TestDb};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};

const CLIENTS: usize = 12;
/// Agents of each site.
const AGENTS: usize = 3;
/// People who write to each site.
const PEOPLE: usize = 12;

#[cfg(test)]
#[tokio::test(flavor = "multi_thread")]
async fn ticks_and_agents_at_once_lose_no_figure_and_lock_nobody_out() -> Result<()> {
    race(Race::short()).await
}

/// At the end: every counter and figure equals a recount, no chat waits beside room, no deadlock.
pub async fn race(race: Race) -> Result<()> {
    let steps = race.size(60, 1500);
    let db = TestDb::new().await?;
    let mut sites = Vec::new();
    for number in ["106540352242922", "106540352242923"] {
        let site = Site::make(&db).await?;
        let number = site.number(&db, number).await?;
        db.as_owner(&format!(
            "insert into chat.presence_rules values ('{}', 60, 'return')",
            site.id
        ))
        .await?;
        db.as_owner(&format!(
            "insert into chat.routing_settings (site_id, unanswered_seconds, unanswered_limit) values ('{}', 60, 2)",
            site.id
        ))
        .await?;
        let mut agents = Vec::new();
        for n in 0..AGENTS {
            agents.push(
                site.agent(&format!("Agent {n}"), AgentIs::default())
                    .await?,
            );
        }
        sites.push((site, number, agents));
    }
    let mut players = Vec::new();
    for name in 0..CLIENTS {
        let (site, number, agents) = &sites[name % 2];
        let agent = agents[name / 2 % AGENTS];
        players.push(Player {
            person: db.as_user(agent.user).await?,
            db: &db,
            site,
            number,
            agent,
            chance: race.chance(name),
            name,
            written: 0,
        });
    }
    try_join_all(players.iter_mut().map(|player| player.play(steps))).await?;
    drop(players);

    // What is left is for the last ticks, when nobody is in their way.
    let mut left = 1;
    while left > 0 {
        let done = tick(&db).await?;
        left = ["returned", "unanswered", "lost", "counted", "routed"]
            .iter()
            .filter_map(|word| done[word].as_i64())
            .sum();
    }
    // Chats change hands after they were answered.
    assert_counters_but(&db, &["unread_agent_count"]).await?;
    assert_figures_are_whole(&db).await?;
    assert_routed(&db).await?;
    let deadlocks = db.deadlocks().await?;
    ensure!(deadlocks == 0, "{deadlocks} deadlocks");
    Ok(())
}

async fn tick(db: &TestDb) -> Result<Value> {
    Ok(sqlx::query_scalar("select chat_tick(5)")
        .fetch_one(db.as_worker())
        .await?)
}

/// Every star and every answer that was waited for stands in an agent's row.
async fn assert_figures_are_whole(db: &TestDb) -> Result<()> {
    let kept = db
        .row("select sum(total_ratings) as ratings, sum(total_rating_stars) as stars, sum(total_responses) as responses from mod_chat_agents")
        .await?;
    // An answer is waited for when the visitor wrote since the answer before it.
    let counted = db
        .row(
            "select count(c.rating) as ratings, sum(c.rating) as stars, (
                select count(*) from (
                    select m.sender_type, lag(m.sender_type::text) over (partition by m.conversation_id order by m.seq) as before
                    from mod_chat_messages m where m.kind = 'text') t
                where t.sender_type = 'agent' and t.before = 'visitor') as responses
            from mod_chat_conversations c",
        )
        .await?;
    ensure!(kept == counted, "kept {kept}, counted {counted}");
    ensure!(
        kept["responses"] != json!(0) && kept["ratings"] != json!(0),
        "there was something to count: {kept}"
    );
    Ok(())
}

/// One of those who play at once.
struct Player<'a> {
    db: &'a TestDb,
    site: &'a Site,
    number: &'a Number,
    agent: Agent,
    /// The agent, signed in.
    person: Person,
    chance: StdRng,
    name: usize,
    written: usize,
}

impl Player<'_> {
    async fn play(&mut self, steps: usize) -> Result<()> {
        for _ in 0..steps {
            self.step()
                .await
                .with_context(|| format!("client {}", self.name))?;
        }
        Ok(())
    }

    async fn step(&mut self) -> Result<()> {
        let agent = self.agent.id;
        match self.chance.random_range(0..16) {
            0..5 => self.write().await,
            5..8 => self.answer().await,
            8 => {
                self.owner(&format!(
                    "update mod_chat_conversations set status = 'resolved' where id = (
                        select id from mod_chat_conversations where assigned_agent_id = '{agent}' and status = 'active'
                        limit 1 for no key update skip locked)"
                ))
                .await
            }
            9 => {
                let stars = self.chance.random_range(1..=5);
                self.owner(&format!(
                    "update mod_chat_conversations set rating = {stars} where id = (
                        select id from mod_chat_conversations where assigned_agent_id = '{agent}' and rating is null
                        limit 1 for no key update skip locked)"
                ))
                .await
            }
            10 => {
                let status = ["online", "online", "away", "offline"][self.chance.random_range(0..4)];
                self.asks(&format!("select id from chat_set_status('{}', '{status}')", self.site.id))
                    .await
            }
            11 => {
                self.owner(&format!(
                    "update chat.heartbeats set seen_at = seen_at - interval '10 minutes' where agent_id = '{agent}'"
                ))
                .await
            }
            12 => {
                // A minute passes in which nobody answers.
                self.owner(
                    "select chat.tend_sites(5, chat.return_unanswered(5, clock_timestamp() + interval '1 minute'))",
                )
                .await
            }
            13 => {
                self.asks(&format!("select chat_heartbeat('{}') as said", self.site.id))
                    .await
            }
            _ => {
                tick(self.db).await?;
                Ok(())
            }
        }
    }

    async fn owner(&self, statement: &str) -> Result<()> {
        self.db.as_owner(statement).await?;
        Ok(())
    }

    async fn asks(&mut self, statement: &str) -> Result<()> {
        self.person.rows(statement).await?;
        Ok(())
    }

    /// One or several people write.
    async fn write(&mut self) -> Result<()> {
        let mut messages = Vec::new();
        for _ in 0..self.chance.random_range(1..=3) {
            self.written += 1;
            let phone = format!("1555060{:04}", self.chance.random_range(0..PEOPLE));
            let wamid = format!("wamid.{}.{}", self.name, self.written);
            messages.push(text(&phone, &wamid, "Hello"));
        }
        receive(self.db, self.number, &messages).await?;
        Ok(())
    }

    /// The agent answers in a chat of theirs that is open; it may be another's, or closed, before the answer is there.
    async fn answer(&mut self) -> Result<()> {
        let answer = format!(
            "insert into mod_chat_messages (conversation_id, content)
            select id, 'Hello' from mod_chat_conversations where assigned_agent_id = '{}' and status = 'active' limit 1",
            self.agent.id
        );
        match self.person.execute(&answer).await {
            Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("PT409") => Ok(()),
            other => Ok(other.map(|_| ())?),
        }
    }
}
