//! Messages both ways: people write from their phones, an agent's clients answer from several windows at once.

use std::cell::{Cell, RefCell};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use local_stack::graph::{Habits, Say, Simulator};
use pg_chat_tests::race::Race;
use pg_chat_tests::{Agent, TestDb, wait_until, wait_within};
use rand::RngExt;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Error};
use uuid::Uuid;

/// From how many windows at once the agent answers.
const WINDOWS: usize = 4;
/// Webhooks that may wait for an answer before people write more.
const MOST_WEBHOOKS: usize = 200;
/// Answers that may wait to leave before more are written, at least; for each person two more may.
const MOST_WAITING: usize = 100;
/// How long the queue may take to move on: a lease that has to run out, a minute for an unknown message, a pair's pause.
pub const PATIENCE: Duration = Duration::from_secs(400);

/// Somebody with a phone.
pub struct Human {
    /// The id of the phone at Meta.
    pub phone: String,
    /// What we know them by: the phone, or the BSUID of somebody who hides it.
    pub known_as: String,
    /// Their conversation.
    pub conversation: Uuid,
}

/// What somebody wrote.
pub struct Heard {
    pub wamid: String,
    pub known_as: String,
    pub kind: &'static str,
    pub content: String,
}

/// All that is said, and how far it is.
pub struct Traffic<'a> {
    pub db: &'a TestDb,
    pub meta: &'a Simulator,
    pub agent: Agent,
    pub race: Race,
    pub out: usize,
    pub into: usize,
    pub humans: Vec<Human>,
    pub heard: RefCell<Vec<Heard>>,
    /// Answers begun.
    begun: Cell<usize>,
    /// Answers that stand in their table.
    pub written: Cell<usize>,
    /// Answers that wait to leave, when somebody last looked.
    waiting: Cell<usize>,
    done: Cell<bool>,
}

impl<'a> Traffic<'a> {
    /// Everybody says hello, while all is well; their conversations.
    pub async fn begin(
        db: &'a TestDb,
        meta: &'a Simulator,
        agent: Agent,
        race: Race,
        (out, into): (usize, usize),
        people: usize,
    ) -> Result<Self> {
        let mut traffic = Self {
            db,
            meta,
            agent,
            race,
            out,
            into,
            humans: Vec::new(),
            heard: RefCell::default(),
            begun: Cell::new(0),
            written: Cell::new(0),
            waiting: Cell::new(0),
            done: Cell::new(false),
        };
        let mut chance = race.chance(1);
        for n in 0..people {
            let (phone, known_as) = traffic.somebody(n, &mut chance);
            traffic.says(&phone, &known_as, &mut chance)?;
            let human = Human {
                phone,
                known_as,
                conversation: Uuid::nil(),
            };
            traffic.humans.push(human);
        }
        meta.settled().await;
        for human in &mut traffic.humans {
            human.conversation = sqlx::query_scalar(
                "select c.id from public.mod_chat_conversations c
                join chat.identity_aliases a on a.identity_id = c.identity_id where a.value = $1",
            )
            .bind(&human.known_as)
            .fetch_one(db.owner())
            .await
            .context("somebody said hello and has no conversation")?;
        }
        Ok(traffic)
    }

    /// A phone like many others: most are read at once, some receive only, some are off, some hide their number.
    fn somebody(&self, n: usize, chance: &mut StdRng) -> (String, String) {
        let phone = format!("1555040{n:04}");
        let (reads, receives, hides_phone) = (
            chance.random_bool(0.8),
            chance.random_bool(0.85),
            chance.random_bool(0.1),
        );
        let habits = Habits {
            receives,
            reads,
            hides_phone,
            ..Habits::default()
        };
        self.meta.set_habits(&phone, habits);
        if !hides_phone {
            return (phone.clone(), phone);
        }
        let user_id = format!("US.human{n}");
        self.meta.set_user_id(&phone, &user_id);
        (phone, user_id)
    }

    /// How much of all that will be said has been said.
    pub fn progress(&self) -> usize {
        self.written.get() + self.heard.borrow().len()
    }

    /// Whether everything was said.
    pub fn is_done(&self) -> bool {
        self.done.get()
    }

    /// Until everything was said, both ways, neither much before the other.
    pub async fn run(&self) -> Result<()> {
        let answers = try_join_all((0..WINDOWS).map(|window| self.answer(window)));
        let watch = async {
            let mut looks = tokio::time::interval(Duration::from_millis(200));
            while self.written.get() < self.out {
                looks.tick().await;
                // While it is away nobody knows.
                if let Ok(waiting) = self.left_to_send().await {
                    self.waiting.set(waiting);
                }
            }
            Ok(())
        };
        tokio::try_join!(answers, self.write(), watch)?;
        self.done.set(true);
        Ok(())
    }

    /// Answers that have not left and not failed.
    pub async fn left_to_send(&self) -> Result<usize> {
        let left = self
            .db
            .count("public.mod_chat_messages where delivery_state in ('queued', 'sending')")
            .await?;
        Ok(usize::try_from(left)?)
    }

    /// People write, whoever it may be next.
    async fn write(&self) -> Result<()> {
        let mut chance = self.race.chance(2);
        while self.heard.borrow().len() < self.into {
            wait_within(PATIENCE, "what people wrote is taken", async || {
                let said = self.heard.borrow().len() * self.out;
                let ahead = said > (self.written.get() + self.humans.len()) * self.into;
                Ok((!ahead && self.meta.posts().open < MOST_WEBHOOKS).then_some(()))
            })
            .await?;
            let human = &self.humans[chance.random_range(0..self.humans.len())];
            self.says(&human.phone, &human.known_as, &mut chance)?;
        }
        Ok(())
    }

    fn says(&self, phone: &str, known_as: &str, chance: &mut StdRng) -> Result<()> {
        let n = self.heard.borrow().len();
        let (kind, content, say) = if chance.random_bool(0.2) {
            let name = format!("place {n}");
            let place = json!({"latitude": 48.1, "longitude": 11.5, "name": name});
            let say = Say {
                message: Some(json!({"type": "location", "location": place})),
                ..Say::default()
            };
            ("location", name, say)
        } else {
            let words = format!("What about n\u{ba} {n}? \u{1f642} \"{phone}\"");
            ("text", words.clone(), Say::text(words))
        };
        let copies = u32::from(chance.random_bool(0.3)) * chance.random_range(1..=3);
        let said = self.meta.say(phone, Say { copies, ..say })?;
        self.heard.borrow_mut().push(Heard {
            wamid: said.wamid,
            known_as: known_as.to_owned(),
            kind,
            content,
        });
        Ok(())
    }

    /// One window of the agent's: a row an answer, with an id of its own making, written again until the database has it.
    async fn answer(&self, window: usize) -> Result<()> {
        let mut chance = self.race.chance(10 + window);
        let mut person = None;
        while self.begun.get() < self.out {
            self.begun.set(self.begun.get() + 1);
            wait_within(PATIENCE, "answers leave", async || {
                let ahead = self.written.get() * self.into
                    > (self.heard.borrow().len() + self.humans.len()) * self.out;
                let much = self.waiting.get() > MOST_WAITING + self.humans.len() * 2;
                Ok((!ahead && !much).then_some(()))
            })
            .await?;
            let human = &self.humans[chance.random_range(0..self.humans.len())];
            let id = uuid::Builder::from_random_bytes(chance.random()).into_uuid();
            let insert = format!(
                "insert into mod_chat_messages (id, conversation_id, content)
                values ('{id}', '{}', 'Answer {id} to {}') returning *",
                human.conversation, human.phone
            );
            let rows = wait_until("an answer is written", async || {
                if person.is_none() {
                    person = self.db.as_user(self.agent.user).await.ok();
                }
                let Some(somebody) = &mut person else {
                    return Ok(None);
                };
                match somebody.rows(&insert).await {
                    Ok(rows) => Ok(Some(rows)),
                    Err(error) if is_away(&error) => {
                        person = None;
                        Ok(None)
                    }
                    Err(error) => Err(error).context("an answer was refused"),
                }
            })
            .await?;
            // None where it was written before its answer was lost.
            if let Some(row) = rows.first() {
                ensure!(row["delivery_state"] == "queued", "not queued: {row}");
            }
            self.written.set(self.written.get() + 1);
        }
        Ok(())
    }

    /// Rows of a select, as JSON, however often PostgreSQL dies meanwhile.
    pub async fn rows(&self, select: &str) -> Result<Vec<Value>> {
        let statement = format!("select to_jsonb(x) from ({select}) x");
        wait_until("PostgreSQL answers", async || {
            let rows = sqlx::query_scalar(AssertSqlSafe(statement.clone()));
            match rows.fetch_all(self.db.owner()).await {
                Ok(rows) => Ok(Some(rows)),
                Err(error) if is_away(&error) => Ok(None),
                Err(error) => Err(error.into()),
            }
        })
        .await
    }
}

/// PostgreSQL died, or is not back yet.
fn is_away(error: &Error) -> bool {
    match error {
        Error::Database(refusal) => refusal.code().is_some_and(|code| code.starts_with("57P")),
        Error::Io(_) | Error::Tls(_) | Error::Protocol(_) | Error::WorkerCrashed => true,
        other => matches!(other, Error::PoolTimedOut),
    }
}
