//! Chats arrive while agents claim, hand over and give back, supervisors assign the same ones, departments stand in for
//! each other, rules change and people leave the team, under every strategy.

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use pg_chat_tests::race::{Race, under_every_strategy};
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::routed::assert_routed_by_the_tick;
use pg_chat_tests::{Agent, AgentIs, Person, Refusal, Site, TestDb};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use uuid::Uuid;

const AGENTS: usize = 6;
const CAPACITY: i32 = 3;
const STEPS: usize = 4;

#[cfg(test)]
#[tokio::test(flavor = "multi_thread")]
async fn however_chats_change_hands_nobody_is_over_their_room_and_no_chat_is_lost() -> Result<()> {
    race(Race::short()).await
}

/// After every round: nobody over capacity, nobody waits whom the rule would give to somebody, every kept choice comes out
/// the same again; at the end no deadlock.
pub async fn race(race: Race) -> Result<()> {
    under_every_strategy(async |strategy| under(race, strategy).await).await
}

async fn under(race: Race, strategy: &str) -> Result<TestDb> {
    let rounds = race.size(12, 150);
    let db = TestDb::new().await?;
    let site = Site::make(&db).await?;
    let departments = [
        site.department("Sales", 2).await?,
        site.department("Support", 3).await?,
    ];
    let mut agents = Vec::new();
    for n in 0..AGENTS {
        let is = AgentIs {
            role: if n < 2 { "supervisor" } else { "agent" },
            max: CAPACITY,
            department: departments.get(n % 3).copied(),
            ..AgentIs::default()
        };
        agents.push(site.agent(&format!("Agent {n}"), is).await?);
    }
    let mut owner = db.as_user(site.owner).await?;
    for department in [format!("'{}'", departments[0]), "null".to_owned()] {
        owner
            .rows(&format!(
                "select chat_save_routing('{}', {department}, '{strategy}', skills_wait_seconds => 0, fallback_seconds => 0,
                    fallback_department => '{}')",
                site.id, departments[1]
            ))
            .await?;
    }
    let mut players = Vec::new();
    for (name, agent) in agents.iter().enumerate() {
        players.push(Player {
            db: &db,
            site: &site,
            departments,
            agents: agents.clone(),
            me: *agent,
            person: db.as_user(agent.user).await?,
            owner: db.as_user(site.owner).await?,
            chance: race.chance(name),
            done: 0,
        });
    }
    for round in 0..rounds {
        try_join_all(players.iter_mut().map(Player::play)).await?;
        // Whoever was refused held a chat that a drain may have passed by; that is the tick's.
        assert_routed_by_the_tick(&db)
            .await
            .with_context(|| format!("after round {round}"))?;
        assert_counters_equal_recount(&db).await?;
    }
    let done: usize = players.iter().map(|player| player.done).sum();
    ensure!(
        done > rounds * AGENTS,
        "nearly everything was refused: {done}"
    );
    drop((players, owner));
    Ok(db)
}

/// An agent, signed in, and the owner of the agency, who changes the team.
struct Player<'a> {
    db: &'a TestDb,
    site: &'a Site,
    departments: [Uuid; 2],
    agents: Vec<Agent>,
    me: Agent,
    person: Person,
    owner: Person,
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
        let what = self.chance.random_range(0..16);
        if what < 4 {
            let visitor = self.site.visitor("Somebody").await?;
            self.site.conversation(visitor).await?;
            self.done += 1;
            return Ok(());
        }
        let site = self.site.id;
        let to = self.agents.choose(&mut self.chance).context("agents")?.id;
        let department = self.departments[self.chance.random_range(0..2)];
        let status = if what < 6 { "pending" } else { "active" };
        let chat = self.some_chat(status).await?;
        let statement = match (what, chat) {
            (4 | 5, Some(chat)) => format!("select id from chat_claim('{chat}')"),
            (6 | 7, Some(chat)) => {
                format!("select id from chat_transfer('{chat}', '{to}', note => 'Yours')")
            }
            (8, Some(chat)) => {
                format!("select id from chat_transfer('{chat}', department => '{department}')")
            }
            (9, Some(chat)) => format!("select id from chat_assign('{chat}', '{to}')"),
            (10, Some(chat)) => format!("select id from chat_unassign('{chat}')"),
            (11 | 12, Some(chat)) => {
                format!(
                    "update mod_chat_conversations set status = 'closed' where id = '{chat}' returning id"
                )
            }
            (13, _) => {
                let status = ["online", "online", "away"][self.chance.random_range(0..3)];
                format!("select id from chat_set_status('{site}', '{status}')")
            }
            (14, _) => return self.leave_or_return().await,
            (15, _) => return self.save_rules(department).await,
            _ => return Ok(()),
        };
        let done = self.person.rows(&statement).await;
        self.count(&statement, done.map(drop))
    }

    /// The owner takes this agent out of the team, or back in, in the middle of whatever goes on.
    async fn leave_or_return(&mut self) -> Result<()> {
        let (stays, n) = (self.chance.random_bool(0.7), self.chance.random_range(0..3));
        let department = self.departments.get(n);
        let department = department.map_or("null".to_owned(), |id| format!("'{id}'"));
        let role: String = sqlx::query_scalar("select role from mod_chat_agents where id = $1")
            .bind(self.me.id)
            .fetch_one(self.db.owner())
            .await?;
        let save = format!(
            "select id from chat_save_agent('{}', '{}', 'Agent', '{role}', {department}, {CAPACITY}, {stays})",
            self.site.id, self.me.user
        );
        let saved = self.owner.rows(&save).await;
        self.count(&save, saved.map(drop))
    }

    /// From now on what comes is a department's, or nobody's.
    async fn save_rules(&mut self, department: Uuid) -> Result<()> {
        let rules = if self.chance.random_bool(0.7) {
            format!(
                r#"[{{"name": "All", "if": {{"form": {{"name": {{"given": true}}}}}}, "then": {{"department": "{department}"}}}}]"#
            )
        } else {
            "[]".to_owned()
        };
        let save = format!(
            "select chat_save_routing_rules('{}', '{rules}')",
            self.site.id
        );
        let saved = self.owner.rows(&save).await;
        self.count(&save, saved.map(drop))
    }

    async fn some_chat(&mut self, status: &str) -> Result<Option<Uuid>> {
        let chats: Vec<Uuid> = sqlx::query_scalar(
            "select id from mod_chat_conversations where site_id = $1 and status = $2 order by id",
        )
        .bind(self.site.id)
        .bind(status)
        .fetch_all(self.db.owner())
        .await?;
        Ok(chats.choose(&mut self.chance).copied())
    }

    /// A refusal is an answer; anything else is not.
    fn count(&mut self, statement: &str, answer: Result<(), sqlx::Error>) -> Result<()> {
        match answer {
            Ok(()) => self.done += 1,
            Err(error) => {
                let refusal = Refusal::of(&error).context("not the database's")?;
                ensure!(
                    refusal.sqlstate.starts_with("PT4"),
                    "{statement}: {refusal:?}"
                );
            }
        }
        Ok(())
    }
}
