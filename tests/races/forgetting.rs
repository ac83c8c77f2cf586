//! People write on WhatsApp and turn pages, while agents answer, merge, block, forgive and erase them.

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use pg_chat_tests::race::Race;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{receive, text};
use pg_chat_tests::{AgentIs, Number, Person, Refusal, Session, Site, TestDb};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::Value;

const CLIENTS: usize = 8;
/// Few, so that they meet.
const PEOPLE: usize = 12;

#[cfg(test)]
#[tokio::test(flavor = "multi_thread")]
async fn people_may_be_erased_while_everything_happens_to_them() -> Result<()> {
    race(Race::short()).await
}

/// At the end no deadlock, every counter equals its recount, no merge is a circle, and everybody can write.
pub async fn race(race: Race) -> Result<()> {
    let steps = race.size(60, 3_000);
    let db = TestDb::new().await?;
    let site = Site::make(&db).await?;
    let number = site.number(&db, "106540352242922").await?;
    // Nobody waits for an allowance here.
    db.as_owner(
        "insert into mod_chat_widget_settings (site_id, sessions_per_minute, address_sessions_per_minute)
        select id, 10000000, 10000000 from sites",
    )
    .await?;
    let is = AgentIs {
        role: "admin",
        ..AgentIs::default()
    };
    let mut players = Vec::new();
    for name in 0..CLIENTS {
        let agent = site.agent(&format!("Agent {name}"), is).await?;
        players.push(Player {
            person: db.as_user(agent.user).await?,
            session: None,
            db: &db,
            site: &site,
            number: &number,
            chance: race.chance(name),
            name,
            written: 0,
        });
    }
    try_join_all(players.iter_mut().map(|player| player.play(steps))).await?;
    drop(players);

    db.as_owner("delete from chat.blocks").await?;
    for person in 0..PEOPLE {
        let last = format!("wamid.last.{person}");
        receive(&db, &number, &[text(&phone(person), &last, "Goodbye")]).await?;
        let stored = format!("mod_chat_messages where whatsapp_message_id = '{last}'");
        ensure!(db.count(&stored).await? == 1, "{last} is lost");
    }
    ensure!(db.count("chat.erasures").await? > 0, "nobody was erased");
    let circles = "mod_chat_visitors v join mod_chat_visitors p on p.id = chat.person_of(v.id)
        where p.merged_into is not null";
    ensure!(db.count(circles).await? == 0, "some are merged in a circle");
    assert_counters_equal_recount(&db).await?;
    let deadlocks = db.deadlocks().await?;
    ensure!(deadlocks == 0, "{deadlocks} deadlocks");
    Ok(())
}

fn phone(person: usize) -> String {
    format!("1555050{person:04}")
}

/// One of those who play at once: an agent, and a visitor in their browser.
struct Player<'a> {
    db: &'a TestDb,
    site: &'a Site,
    number: &'a Number,
    person: Person,
    session: Option<Session>,
    chance: StdRng,
    name: usize,
    written: usize,
}

impl Player<'_> {
    async fn play(&mut self, steps: usize) -> Result<()> {
        for _ in 0..steps {
            match self.chance.random_range(0..20) {
                0..8 => self.write().await?,
                8..11 => self.turn_page().await?,
                11..13 => self.answer().await?,
                13..15 => self.with_two("chat_merge_visitors").await?,
                15 => self.with_one("chat_unmerge_visitor").await?,
                16 => self.with_one("chat_tag_visitor").await?,
                17 => self.with_one("chat_block_visitor").await?,
                18 => self.forgive().await?,
                _ => self.with_one("chat_erase_visitor").await?,
            }
        }
        Ok(())
    }

    /// One or several people write. What met an erasure is delivered again, as Meta does after a 503.
    async fn write(&mut self) -> Result<()> {
        let mut messages = Vec::new();
        for _ in 0..self.chance.random_range(1..=4) {
            self.written += 1;
            let wamid = format!("wamid.{}.{}", self.name, self.written);
            let person = phone(self.chance.random_range(0..PEOPLE));
            messages.push(text(&person, &wamid, "Hello"));
        }
        loop {
            let Err(error) = receive(self.db, self.number, &messages).await else {
                return Ok(());
            };
            let again = error
                .downcast_ref::<sqlx::Error>()
                .and_then(Refusal::of)
                .is_some_and(|refusal| refusal.sqlstate == "40001");
            if !again {
                return Err(error.context("a delivery failed"));
            }
        }
    }

    /// A page turned with one's session, or a new session when that is over.
    async fn turn_page(&mut self) -> Result<()> {
        if let Some(session) = &self.session {
            let mut visitor = self.db.as_visitor(session).await?;
            let page = format!(
                "select chat_set_page('{{\"url\": \"https://shop.example/{}\"}}')",
                self.chance.random_range(0..5)
            );
            if allowed(visitor.rows(&page).await)?.is_some() {
                return Ok(());
            }
        }
        self.session = Some(self.site.session(self.db).await?);
        Ok(())
    }

    async fn answer(&mut self) -> Result<()> {
        let open = "select id from mod_chat_conversations where archived_at is null and channel = 'whatsapp'";
        let Some(chat) = self.some(open).await? else {
            return Ok(());
        };
        let insert = format!(
            "insert into mod_chat_messages (conversation_id, content) values ('{chat}', 'Yes?') returning id"
        );
        self.ask(&insert).await
    }

    async fn with_one(&mut self, function: &str) -> Result<()> {
        let Some(visitor) = self.some("select id from mod_chat_visitors").await? else {
            return Ok(());
        };
        self.ask(&format!("select {function}('{visitor}')")).await
    }

    async fn with_two(&mut self, function: &str) -> Result<()> {
        let (one, other) = (
            self.some("select id from mod_chat_visitors").await?,
            self.some("select id from mod_chat_visitors").await?,
        );
        let (Some(one), Some(other)) = (one, other) else {
            return Ok(());
        };
        self.ask(&format!("select {function}('{one}', '{other}')"))
            .await
    }

    async fn forgive(&mut self) -> Result<()> {
        let Some(block) = self.some("select id from chat.blocks").await? else {
            return Ok(());
        };
        self.ask(&format!("select chat_unblock('{block}')")).await
    }

    /// The id of any row of a select.
    async fn some(&mut self, select: &str) -> Result<Option<String>> {
        let rows = self.db.rows(select).await?;
        let Some(row) = rows.choose(&mut self.chance) else {
            return Ok(None);
        };
        Ok(Some(row["id"].as_str().context("id")?.to_owned()))
    }

    async fn ask(&mut self, statement: &str) -> Result<()> {
        allowed(self.person.rows(statement).await)
            .with_context(|| statement.to_owned())
            .map(drop)
    }
}

/// Rows, or nothing when the database said no in its own words: somebody was faster.
fn allowed(answer: Result<Vec<Value>, sqlx::Error>) -> Result<Option<Vec<Value>>> {
    match answer {
        Ok(rows) => Ok(Some(rows)),
        Err(error) => {
            let said_no =
                Refusal::of(&error).is_some_and(|refusal| refusal.sqlstate.starts_with("PT4"));
            ensure!(said_no, "failed: {error}");
            Ok(None)
        }
    }
}
