//! One of those who call at once: whoever it has to be, with all that clients remember.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use anyhow::Result;
use local_stack::graph::signature;
use local_stack::server::OWNER;
use pg_chat_tests::{Number, Person, Session, TestDb, rows_at_once, wait_until};
use serde_json::{Value, json};
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::callers::{Caller, claims};
use crate::calls::{Call, Kind};
use crate::chance::Chance;
use crate::known::Known;
use crate::leases::Leases;
use crate::wording::quote;
use crate::world::{Place, World};

/// After so many calls of all, whoever makes the next one looks anew what there is.
const LOOK_EVERY: usize = 200;
/// Visitors' sessions one has at a time.
const SESSIONS: usize = 12;
/// Messages and conversations of their own that somebody remembers.
const REMEMBERED: usize = 6;
/// People whose memories are kept.
const MEMORIES: usize = 500;
/// Longest that a statement may take: whatever takes longer waits for somebody who waits for it.
const PATIENCE: &str = "set statement_timeout = '60s'";

/// Where the calls come from, as proxies tell it; the last entry is theirs, what stands before may be forged.
const ADDRESSES: &[&str] = &[
    "203.0.113.9",
    "203.0.113.20",
    "198.51.100.7",
    "2001:db8::1",
    "evil, 203.0.113.9",
    "not an address",
];
const BROWSERS: &[&str] = &[
    "Mozilla/5.0 (X11; Linux x86_64; rv:130.0) Gecko/20100101 Firefox/130.0",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_0 like Mac OS X) AppleWebKit/605.1.15 Version/17.0 Mobile/15E148 Safari/604.1",
    "\u{202e}x",
];

/// The three ways into the database.
struct Doors {
    /// As PostgREST comes: anybody.
    api: Person,
    worker: PgConnection,
    owner: PgConnection,
}

impl Doors {
    async fn open(db: &TestDb) -> Result<Self> {
        let mut api = db.as_anon().await?;
        let mut worker = db.connect_as("chat_worker").await?;
        let mut owner = db.connect_as("postgres").await?;
        for connection in [api.connection().await?, &mut worker, &mut owner] {
            connection.execute(PATIENCE).await?;
        }
        Ok(Self { api, worker, owner })
    }
}

/// What somebody who calls has seen of their own.
#[derive(Default)]
struct Memory {
    conversations: Vec<String>,
    messages: Vec<String>,
}

/// A connection and its client.
pub struct Player<'a> {
    db: &'a TestDb,
    pub world: &'a World,
    pub chance: Chance,
    doors: Option<Doors>,
    known: Arc<Known>,
    /// The site that the running call is about.
    at: usize,
    pub sessions: Vec<Session>,
    /// The user or the session that calls now.
    pub acting: Uuid,
    memories: HashMap<Uuid, Memory>,
    pub leases: Leases,
    /// Bodies that Meta may deliver again, and to which app.
    pub delivered: Vec<(Uuid, Value)>,
}

impl<'a> Player<'a> {
    pub fn new(db: &'a TestDb, world: &'a World, chance: Chance) -> Self {
        Self {
            db,
            world,
            chance,
            doors: None,
            known: Arc::default(),
            at: 0,
            sessions: Vec::new(),
            acting: Uuid::nil(),
            memories: HashMap::new(),
            leases: Leases::default(),
            delivered: Vec::new(),
        }
    }

    /// The next call: at some site, of some kind.
    pub async fn next(&mut self, kinds: &[&Kind]) -> Result<Call, sqlx::Error> {
        let before = self.world.begun.fetch_add(1, Ordering::Relaxed);
        if before.is_multiple_of(LOOK_EVERY) {
            self.world.see(Known::look(self.db.owner()).await?);
        }
        self.known = self.world.known();
        self.acting = Uuid::nil();
        self.at = self.chance.below(self.world.places.len());
        let all: u32 = kinds.iter().map(|kind| kind.weight).sum();
        loop {
            let mut left = self.chance.below(all as usize) as u32;
            for kind in kinds {
                if left < kind.weight {
                    if kind.bends && self.place().strict {
                        break;
                    }
                    return Ok(kind.call(self));
                }
                left -= kind.weight;
            }
        }
    }

    /// Makes a call; the rows that it answers.
    pub async fn make(&mut self, call: &Call) -> Result<Vec<Value>, sqlx::Error> {
        let (claims, headers) = (claims(&call.caller), self.headers());
        if self.doors.is_none() {
            let opened = Doors::open(self.db).await;
            // Whatever keeps us out is a connection that is not there.
            self.doors =
                Some(opened.map_err(|error| sqlx::Error::Io(std::io::Error::other(error)))?);
        }
        let Some(doors) = &mut self.doors else {
            return Err(sqlx::Error::PoolClosed);
        };
        match call.caller {
            Caller::Worker => one_transaction(&mut doors.worker, &call.statement).await,
            Caller::Owner => one_transaction(&mut doors.owner, &call.statement).await,
            Caller::User(_) => {
                doors.api.turn_into("authenticated", &claims, &headers);
                doors.api.rows(&call.statement).await
            }
            Caller::Anon(_) => {
                doors.api.turn_into("anon", &claims, &headers);
                doors.api.rows(&call.statement).await
            }
            Caller::Service => {
                doors.api.turn_into("service_role", &claims, &headers);
                doors.api.rows(&call.statement).await
            }
        }
    }

    /// Waits until PostgreSQL answers again.
    pub async fn wait_for_postgresql(&self) -> Result<()> {
        wait_until("PostgreSQL is back", async || {
            Ok(self.db.connect_as(OWNER).await.ok())
        })
        .await?;
        Ok(())
    }

    /// PostgreSQL is gone, and with it all connections and what the worker held.
    pub fn lose_connections(&mut self) {
        self.doors = None;
        self.leases.lose_all();
    }

    /// Remembers what an answer brings.
    pub fn learn(&mut self, call: &Call, rows: &[Value]) {
        let answer = rows.first().map_or(&Value::Null, |row| &row[call.name]);
        self.leases.learn(call.name, answer);
        self.remember(rows.first().unwrap_or(&Value::Null), answer);
        if call.name == "chat_rotate_identity_key"
            && let Some(place) = self.world.place_of(&answer["site_id"])
        {
            place.keep_identity_key(&answer["key"]);
        }
        if matches!(call.name, "chat_open_session" | "chat_identify")
            && let Ok(session) = Session::of(&with_key(answer))
        {
            self.sessions.retain(|known| known.id != session.id);
            self.sessions.insert(0, session);
            self.sessions.truncate(SESSIONS);
        }
    }

    /// Whose message this is, they may edit it; whose conversation, they may rate it.
    fn remember(&mut self, row: &Value, answer: &Value) {
        for message in [row, answer, &answer["message"]] {
            let (Some(id), Some(chat)) =
                (message["id"].as_str(), message["conversation_id"].as_str())
            else {
                continue;
            };
            if self.memories.len() > MEMORIES {
                self.memories.clear();
            }
            let memory = self.memories.entry(self.acting).or_default();
            for (ids, id) in [
                (&mut memory.messages, id),
                (&mut memory.conversations, chat),
            ] {
                ids.retain(|known| known != id);
                ids.insert(0, id.to_owned());
                ids.truncate(REMEMBERED);
            }
        }
    }

    /// Something of whoever calls now.
    fn own(&mut self, kind: &str) -> Option<String> {
        let memory = self.memories.get(&self.acting)?;
        let ids = match kind {
            "conversations" => &memory.conversations,
            "messages" => &memory.messages,
            _ => return None,
        };
        self.chance.some(ids).cloned()
    }

    /// Whoever is told that their session is over opens another.
    pub fn hear(&mut self, code: &str) {
        if matches!(code, "chat/session_dead" | "chat/session_foreign") {
            self.sessions.retain(|session| session.id != self.acting);
        }
    }

    fn headers(&mut self) -> Value {
        let mut headers = json!({
            "x-forwarded-for": ADDRESSES[self.chance.below(ADDRESSES.len())],
            "user-agent": BROWSERS[self.chance.below(BROWSERS.len())],
        });
        if self.chance.one_in(3) {
            headers["origin"] =
                json!(
                    self.chance
                        .one_of(&["https://shop.example", "null", "https://\u{202e}"])
                );
        }
        headers
    }

    // Ids --------------------------------------------------------------------------------------------------------------

    pub fn place(&self) -> &'a Place {
        &self.world.places[self.at]
    }

    /// A number of this place that routes, as the app has it that Meta posts for; now and then the one that was here first.
    pub fn number(&mut self) -> Number {
        let first = &self.place().number;
        let routing = self.known.of(self.place().site.id, "routing");
        match self
            .chance
            .some(routing)
            .and_then(|one| one.split_once('/'))
        {
            Some((id, app)) if !self.chance.one_in(20) => Number {
                phone_number_id: id.to_owned(),
                app: app.parse().unwrap_or(first.app),
                ..first.clone()
            },
            _ => first.clone(),
        }
    }

    /// Another site, not the strict one; where somebody strays to.
    pub fn elsewhere(&mut self) -> &'a Place {
        let free: Vec<_> = self
            .world
            .places
            .iter()
            .filter(|place| !place.strict)
            .collect();
        free[self.chance.below(free.len())]
    }

    /// The site of this call; now and then another, or none.
    pub fn site(&mut self) -> String {
        match self.chance.below(40) {
            0 => self.dead_id(),
            1 => quote(&self.elsewhere().site.id.to_string()),
            2 => "null".to_owned(),
            _ => quote(&self.place().site.id.to_string()),
        }
    }

    /// An id of nothing.
    pub fn dead_id(&mut self) -> String {
        quote(&self.chance.id())
    }

    /// Some id of a kind at this site, as it is; a dead one where there is none.
    pub fn raw(&mut self, kind: &str) -> String {
        match self.chance.some(self.known.of(self.place().site.id, kind)) {
            Some(id) => id.clone(),
            None => self.chance.id(),
        }
    }

    /// The same as a literal; a part of them foreign, dead or null.
    pub fn one(&mut self, kind: &str) -> String {
        match self.chance.below(40) {
            0 => "null".to_owned(),
            1 => {
                // A dead id is of the kind's own type.
                if ["dead_jobs", "waba_ids"].contains(&kind) {
                    "987654321".to_owned()
                } else {
                    self.dead_id()
                }
            }
            2 => {
                let site = self.elsewhere().site.id;
                let of_theirs = self.chance.some(self.known.of(site, kind)).cloned();
                of_theirs.map_or_else(|| "null".to_owned(), |id| quote(&id))
            }
            _ => {
                // Visitors see nothing else.
                let visits = self
                    .sessions
                    .iter()
                    .any(|session| session.id == self.acting);
                if (self.chance.one_in(2) || visits && self.chance.one_in(2))
                    && let Some(own) = self.own(kind)
                {
                    return quote(&own);
                }
                if self.known.of(self.place().site.id, kind).is_empty() {
                    return "null".to_owned();
                }
                quote(&self.raw(kind))
            }
        }
    }

    /// An array of some.
    pub fn several(&mut self, kind: &str) -> String {
        match self.chance.below(20) {
            0 => "null".to_owned(),
            1 => "'{}'".to_owned(),
            2 => "'{NULL}'".to_owned(),
            _ => {
                let many = 1 + self.chance.below(5);
                let some: Vec<_> = (0..many).map(|_| self.raw(kind)).collect();
                crate::wording::array(&some)
            }
        }
    }

    /// A new id, or, as of a client that tries again, one that is there.
    pub fn fresh_or(&mut self, kind: &str) -> String {
        if self.chance.one_in(4) {
            self.one(kind)
        } else {
            self.dead_id()
        }
    }

    /// Somebody by a number that grows: most are new, some come back.
    pub fn person(&mut self) -> usize {
        let people = self.world.people();
        if self.chance.one_in(3) {
            self.chance.below(people)
        } else {
            people - 1 - self.chance.below(30)
        }
    }

    /// A phone of somebody.
    pub fn phone(&mut self) -> String {
        format!("1555{:07}", self.person())
    }

    /// The id that the customer's own system knows somebody by.
    pub fn external_id(&mut self) -> String {
        if self.chance.one_in(20) {
            return self.chance.text();
        }
        quote(&format!("customer {}", self.person()))
    }

    /// What renews some session; now and then nobody's.
    pub fn session_key(&mut self) -> String {
        match self.chance.some(&self.sessions) {
            Some(session) if !self.chance.one_in(10) => quote(&session.key),
            _ => self.chance.text(),
        }
    }

    /// What proves a user of this site; now and then of none.
    pub fn proof_of(&mut self, user: &str) -> String {
        if self.chance.one_in(6) {
            return "00".repeat(32);
        }
        let signed = signature(&self.place().identity_key(), user.as_bytes());
        signed.trim_start_matches("sha256=").to_owned()
    }
}

/// An answer of chat_identify is as that of chat_open_session, without the key.
fn with_key(answer: &Value) -> Value {
    let mut answer = answer.clone();
    if answer.is_object() && answer["key"].is_null() {
        answer["key"] = json!("");
    }
    answer
}

/// A statement of somebody with a login of their own.
async fn one_transaction(
    connection: &mut PgConnection,
    statement: &str,
) -> Result<Vec<Value>, sqlx::Error> {
    if statement.starts_with("update") {
        connection.execute(AssertSqlSafe(statement)).await?;
        return Ok(Vec::new());
    }
    rows_at_once(connection, "", statement).await
}
