//! People arrive, write and are done with, agents come and go, and no timer helps: nobody waits beside a free agent.

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use pg_chat_tests::race::{Race, under_every_strategy};
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::routed::assert_routed;
use pg_chat_tests::webhook::{receive, text};
use pg_chat_tests::{Agent, AgentIs, Number, Person, Site, TestDb};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;

const CLIENTS: usize = 16;
const AGENTS: usize = 6;
const CAPACITY: i32 = 3;
/// What each client does in a round.
const STEPS: usize = 3;
/// People who write, more than there is room for.
const PEOPLE: usize = 60;

#[cfg(test)]
#[tokio::test(flavor = "multi_thread")]
async fn nobody_waits_while_somebody_has_room() -> Result<()> {
    race(Race::short()).await
}

/// At the end, without any tick: no chat waits beside room, nobody has more than their room, no deadlock; under every strategy.
pub async fn race(race: Race) -> Result<()> {
    under_every_strategy(async |strategy| under(race, strategy).await).await
}

async fn under(race: Race, strategy: &str) -> Result<TestDb> {
    // Many short rounds: whoever is left waiting shows only when nobody comes after to take them.
    let rounds = race.size(20, 300);
    let db = TestDb::new().await?;
    let site = Site::make(&db).await?;
    let number = site.number(&db, "106540352242922").await?;
    site.hand_out_by(strategy).await?;
    let mut agents = Vec::new();
    for n in 0..AGENTS {
        agents.push(
            site.agent(
                &format!("Agent {n}"),
                AgentIs {
                    max: CAPACITY,
                    ..AgentIs::default()
                },
            )
            .await?,
        );
    }
    let mut players = Vec::new();
    for name in 0..CLIENTS {
        let agent = agents[name % AGENTS];
        players.push(Player {
            person: db.as_user(agent.user).await?,
            agent,
            db: &db,
            site: &site,
            number: &number,
            chance: race.chance(name),
            name,
            written: 0,
        });
    }
    for round in 0..rounds {
        try_join_all(players.iter_mut().map(Player::play)).await?;
        assert_routed(&db)
            .await
            .with_context(|| format!("after round {round}"))?;
        assert_counters_equal_recount(&db).await?;
    }
    drop(players);
    Ok(db)
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
    async fn play(&mut self) -> Result<()> {
        for _ in 0..STEPS {
            self.step().await?;
        }
        Ok(())
    }

    async fn step(&mut self) -> Result<()> {
        match self.chance.random_range(0..10) {
            0..4 => self.write().await,
            4..7 => self.end_a_chat().await,
            7 => self.answer().await,
            _ => self.come_or_go().await,
        }
    }

    /// One or several people write, known ones or new.
    async fn write(&mut self) -> Result<()> {
        let mut messages = Vec::new();
        for _ in 0..self.chance.random_range(1..=4) {
            self.written += 1;
            let phone = format!("1555040{:04}", self.chance.random_range(0..PEOPLE));
            messages.push(text(
                &phone,
                &format!("wamid.{}.{}", self.name, self.written),
                "Hello",
            ));
        }
        receive(self.db, self.number, &messages).await?;
        Ok(())
    }

    /// Some open conversation, whoever's it is.
    async fn some_chat(&mut self, status: &str) -> Result<Option<Value>> {
        let of_site = format!("site_id = '{}' and status = '{status}'", self.site.id);
        let chats = self
            .db
            .rows(&format!(
                "select id, assigned_agent_id from mod_chat_conversations where {of_site}"
            ))
            .await?;
        Ok(chats.choose(&mut self.chance).cloned())
    }

    async fn end_a_chat(&mut self) -> Result<()> {
        let Some(chat) = self.some_chat("active").await? else {
            return Ok(());
        };
        let end = ["resolved", "closed"][self.chance.random_range(0..2)];
        let id = chat["id"].as_str().context("id")?;
        self.person.execute(&format!("update mod_chat_conversations set status = '{end}' where id = '{id}' and status = 'active'")).await?;
        Ok(())
    }

    /// A note, which is welcome in every conversation, waiting ones too.
    async fn answer(&mut self) -> Result<()> {
        let status = if self.chance.random_bool(0.5) {
            "pending"
        } else {
            "active"
        };
        let Some(chat) = self.some_chat(status).await? else {
            return Ok(());
        };
        let id = chat["id"].as_str().context("id")?;
        let note = format!(
            "insert into mod_chat_messages (conversation_id, content, kind) values ('{id}', 'seen', 'note')"
        );
        self.person.execute(&note).await?;
        Ok(())
    }

    async fn come_or_go(&mut self) -> Result<()> {
        let status = ["online", "online", "away", "offline"][self.chance.random_range(0..4)];
        let rows = self
            .person
            .rows(&format!(
                "select * from chat_set_status('{}', '{status}')",
                self.site.id
            ))
            .await?;
        ensure!(
            rows[0]["id"] == self.agent.id.to_string(),
            "somebody else's status was set"
        );
        Ok(())
    }
}
