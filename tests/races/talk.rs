//! Agents, programs and ticks at the same few conversations of two sites at once: everybody reads, answers, revises,
//! snoozes, plans and sorts. Whatever is refused says so; nothing deadlocks, and every counter equals a recount.

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use pg_chat_tests::race::Race;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{AgentIs, Person, Refusal, Site, TestDb, wait_until};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::json;
use uuid::Uuid;

const SITES: usize = 2;
/// Of each site.
const AGENTS: usize = 4;
/// External ids of each site, so conversations that are open at once.
const PEOPLE: usize = 5;
const STEPS: usize = 4;

#[cfg(test)]
#[tokio::test(flavor = "multi_thread")]
async fn many_hands_in_few_conversations_leave_every_counter_right() -> Result<()> {
    race(Race::short()).await
}

/// At the end: no deadlock, every plan came to an end, sent ones once, every counter as recounted.
pub async fn race(race: Race) -> Result<()> {
    let rounds = race.size(25, 500);
    let db = TestDb::new().await?;
    let mut players = Vec::new();
    for place in 0..SITES {
        let site = Site::make(&db).await?;
        for n in 0..AGENTS {
            let is = AgentIs {
                role: if n == 0 { "supervisor" } else { "agent" },
                max: 3,
                ..AgentIs::default()
            };
            let agent = site.agent(&format!("Agent {n}"), is).await?;
            players.push(Player {
                db: &db,
                site: site.id,
                agent: db.as_user(agent.user).await?,
                program: db
                    .as_caller("service_role", json!({"role": "service_role"}))
                    .await?,
                chance: race.chance(place * AGENTS + n),
                done: 0,
            });
        }
    }
    for _ in 0..rounds {
        try_join_all(players.iter_mut().map(Player::play)).await?;
        assert_counters_equal_recount(&db).await?;
    }
    let done: usize = players.iter().map(|player| player.done).sum();
    ensure!(done > rounds, "nearly everything was refused");
    wait_until("every plan has come to an end", async || {
        tick(&db).await?;
        let open = db
            .count("chat.scheduled_messages where state = 'waiting'")
            .await?;
        Ok((open == 0).then_some(()))
    })
    .await?;
    let lost = "chat.scheduled_messages s left join mod_chat_messages m on m.id = s.id
        where (s.state = 'sent') <> (m.id is not null)";
    ensure!(db.count(lost).await? == 0, "a plan and its message differ");
    assert_counters_equal_recount(&db).await?;
    drop(players);
    let deadlocks = db.deadlocks().await?;
    ensure!(deadlocks == 0, "{deadlocks} deadlocks");
    Ok(())
}

async fn tick(db: &TestDb) -> Result<()> {
    sqlx::query("select chat_tick(5)")
        .execute(db.as_worker())
        .await?;
    Ok(())
}

/// An agent with a dashboard, a program of theirs, and a worker's tick now and then.
struct Player<'a> {
    db: &'a TestDb,
    site: Uuid,
    agent: Person,
    program: Person,
    chance: StdRng,
    /// What was not refused.
    done: usize,
}

impl Player<'_> {
    async fn play(&mut self) -> Result<()> {
        for _ in 0..STEPS {
            self.step().await?;
        }
        Ok(())
    }

    async fn step(&mut self) -> Result<()> {
        let person = self.chance.random_range(0..PEOPLE);
        let chat = self.some("mod_chat_conversations").await?;
        let message = self.some("mod_chat_messages").await?;
        let statement = match (self.chance.random_range(0..14), chat, message) {
            (0, ..) => return tick(self.db).await,
            (1..4, ..) | (_, None, _) | (_, _, None) => {
                let hear = format!(
                    "select * from chat_receive_api('{}', 'person {person}', 'Hello')",
                    self.site
                );
                let heard = self.program.execute(&hear).await;
                return self.count(&hear, heard);
            }
            (4, Some(chat), _) => format!(
                "insert into mod_chat_messages (conversation_id, content) values ('{chat}', 'Yes')"
            ),
            (5 | 6, Some(chat), _) => {
                format!(
                    "select chat_read('{chat}', {})",
                    self.chance.random_range(0..20)
                )
            }
            (7, _, Some(message)) => {
                format!("select chat_edit_message('{message}', 'Yes, {person}')")
            }
            (8, _, Some(message)) => format!("select chat_delete_message('{message}')"),
            (9, _, Some(message)) => format!("select chat_react('{message}', '👍')"),
            (10, Some(chat), _) => {
                format!("select chat_snooze('{chat}', clock_timestamp() + '{person} milliseconds')")
            }
            (11, Some(chat), _) => format!(
                "select chat_schedule_message('{chat}', 'Still there?', clock_timestamp() + '{} milliseconds', {})",
                person + 1,
                self.chance.random_bool(0.5)
            ),
            (12, ..) => self.bulk().await?,
            _ => format!(
                "select chat_set_status('{}', '{}')",
                self.site,
                ["online", "online", "away"][self.chance.random_range(0..3)]
            ),
        };
        let said = self.agent.execute(&statement).await;
        self.count(&statement, said)
    }

    async fn bulk(&mut self) -> Result<String> {
        let change = [
            json!({"status": "resolved"}),
            json!({"status": "active"}),
            json!({"status": "pending"}),
            json!({"status": "closed", "add_tags": ["done"]}),
            json!({"priority": "urgent"}),
        ];
        let mut chats = Vec::new();
        for _ in 0..4 {
            chats.extend(self.some("mod_chat_conversations").await?);
        }
        Ok(format!(
            "select chat_bulk('{{{}}}', '{}')",
            chats.join(","),
            change.choose(&mut self.chance).context("a change")?
        ))
    }

    /// The id of some row of this site.
    async fn some(&mut self, table: &str) -> Result<Option<String>> {
        let ids = self
            .db
            .rows(&format!(
                "select id from {table} where site_id = '{}'",
                self.site
            ))
            .await?;
        let some = ids.choose(&mut self.chance);
        Ok(some.and_then(|row| row["id"].as_str()).map(str::to_owned))
    }

    /// A refusal of ours is an answer; anything else is a fault.
    fn count(&mut self, statement: &str, said: Result<u64, sqlx::Error>) -> Result<()> {
        match said {
            Ok(_) => self.done += 1,
            Err(error) => {
                let refused = Refusal::of(&error).is_some_and(|r| r.sqlstate.starts_with("PT"));
                if !refused {
                    return Err(error).context(statement.to_owned());
                }
            }
        }
        Ok(())
    }
}
