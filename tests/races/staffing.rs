//! People arrive while agents come and go, capacities are lowered below what somebody has, departments are switched off,
//! stand in for each other and become the default, and rules, skills and shares of the hour change, under every strategy.

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use pg_chat_tests::race::{Race, under_every_strategy};
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::routed::assert_routed_by_the_tick;
use pg_chat_tests::{Agent, AgentIs, Person, Refusal, Site, TestDb};
use rand::RngExt;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use serde_json::json;
use sqlx::AssertSqlSafe;
use uuid::Uuid;

const AGENTS: usize = 6;
const STEPS: usize = 5;
/// More than there is room for; they come again and again.
const PEOPLE: usize = 40;
const SKILLS: [&str; 3] = ["german", "refunds", "french"];

#[cfg(test)]
#[tokio::test(flavor = "multi_thread")]
async fn whatever_changes_in_the_team_all_that_can_be_handed_out_is() -> Result<()> {
    race(Race::short()).await
}

/// After every round and its tick: all that could be handed out is, nobody got more than their room or share, every kept
/// choice comes out the same again, every counter equals a recount; at the end no deadlock.
pub async fn race(race: Race) -> Result<()> {
    under_every_strategy(async |strategy| under(race, strategy).await).await
}

async fn under(race: Race, strategy: &'static str) -> Result<TestDb> {
    let rounds = race.size(6, 100);
    let db = TestDb::new().await?;
    let site = Site::make(&db).await?;
    let mut departments = Vec::new();
    for (name, max) in [("Sales", 2), ("Support", 3), ("Night", 5)] {
        departments.push(site.department(name, max).await?);
    }
    let visitors =
        try_join_all((0..PEOPLE).map(async |n| site.visitor(&format!("Visitor {n}")).await))
            .await?;
    let mut players = Vec::new();
    for name in 0..AGENTS {
        let is = AgentIs {
            max: 3,
            department: departments.get(name % 4).copied(),
            ..AgentIs::default()
        };
        let me = site.agent(&format!("Agent {name}"), is).await?;
        players.push(Player {
            db: &db,
            site: &site,
            strategy,
            departments: &departments,
            visitors: &visitors,
            me,
            person: db.as_user(me.user).await?,
            owner: db.as_user(site.owner).await?,
            chance: race.chance(name),
            done: 0,
        });
    }
    // Some of it from the beginning, as short races end soon.
    for player in players.iter_mut().take(3) {
        player.hand_out_otherwise().await?;
        player.save_skills().await?;
        player.save_rules().await?;
    }
    for round in 0..rounds {
        try_join_all(players.iter_mut().map(Player::play)).await?;
        assert_routed_by_the_tick(&db)
            .await
            .with_context(|| format!("after round {round}"))?;
        assert_counters_equal_recount(&db).await?;
    }
    let done: usize = players.iter().map(|player| player.done).sum();
    ensure!(
        done > rounds * AGENTS * STEPS / 2,
        "nearly everything was refused: {done}"
    );
    drop(players);
    Ok(db)
}

/// An agent, signed in, and the owner of the agency, who changes the team.
struct Player<'a> {
    db: &'a TestDb,
    site: &'a Site,
    strategy: &'static str,
    departments: &'a [Uuid],
    visitors: &'a [Uuid],
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
            match self.chance.random_range(0..24) {
                0..7 => self.arrive().await?,
                7..14 => self.end_a_chat().await?,
                14 | 15 => self.come_or_go().await?,
                16 | 17 => self.change_agent().await?,
                18 | 19 => self.change_department().await?,
                20 => self.hand_out_otherwise().await?,
                21 => self.save_rules().await?,
                22 => self.save_skills().await?,
                _ => self.let_an_hour_pass().await?,
            }
        }
        Ok(())
    }

    /// A department's id, or null as it is in a statement.
    fn some_department(&mut self) -> String {
        let n = self.chance.random_range(0..=self.departments.len());
        let department = self.departments.get(n);
        department.map_or("null".to_owned(), |id| format!("'{id}'"))
    }

    /// Up to two skills.
    fn some_skills(&mut self) -> Vec<&'static str> {
        let many = self.chance.random_range(0..=2);
        SKILLS.sample(&mut self.chance, many).copied().collect()
    }

    /// Somebody opens a chat, in a department or none, urgently or not, for any agent or one with skills.
    async fn arrive(&mut self) -> Result<()> {
        let department = self.some_department();
        let priority = ["low", "normal", "normal", "urgent"][self.chance.random_range(0..4)];
        let skills = self.some_skills().join(",");
        let visitor = self.visitors.choose(&mut self.chance).context("visitors")?;
        let page = ["/pricing", "/help", "/"][self.chance.random_range(0..3)];
        let open = format!(
            "insert into mod_chat_conversations (site_id, visitor_id, department_id, priority, skills, page_url)
            values ('{}', '{visitor}', {department}, '{priority}', '{{{skills}}}', 'https://shop.example{page}')",
            self.site.id
        );
        sqlx::query(AssertSqlSafe(open))
            .execute(self.db.owner())
            .await
            .context("somebody arrives")?;
        self.done += 1;
        Ok(())
    }

    /// One that somebody has, or one that waits.
    async fn end_a_chat(&mut self) -> Result<()> {
        let status = ["active", "active", "pending"][self.chance.random_range(0..3)];
        let chats: Vec<Uuid> = sqlx::query_scalar(
            "select id from mod_chat_conversations where site_id = $1 and status = $2 order by id",
        )
        .bind(self.site.id)
        .bind(status)
        .fetch_all(self.db.owner())
        .await?;
        let Some(chat) = chats.choose(&mut self.chance) else {
            return Ok(());
        };
        let end = format!(
            "update mod_chat_conversations set status = 'closed' where id = '{chat}' and status = '{status}' returning id"
        );
        let ended = self.person.rows(&end).await;
        self.count(&end, ended.map(drop))
    }

    async fn come_or_go(&mut self) -> Result<()> {
        let status = ["online", "online", "online", "away", "offline"];
        let status = status[self.chance.random_range(0..status.len())];
        let set = format!(
            "select id from chat_set_status('{}', '{status}')",
            self.site.id
        );
        let is_set = self.person.rows(&set).await;
        self.count(&set, is_set.map(drop))
    }

    /// Another capacity, department, or none, and now and then out of the team or back in.
    async fn change_agent(&mut self) -> Result<()> {
        let (max, stays) = (
            self.chance.random_range(0..=4),
            self.chance.random_bool(0.85),
        );
        let department = self.some_department();
        let save = format!(
            "select id from chat_save_agent('{}', '{}', 'Agent', 'agent', {department}, {max}, {stays})",
            self.site.id, self.me.user
        );
        self.by_owner(save).await
    }

    /// Another capacity an agent; by itself or by hand; switched off or on; the default or not.
    async fn change_department(&mut self) -> Result<()> {
        let department = self
            .departments
            .choose(&mut self.chance)
            .context("departments")?;
        let save = format!(
            "select id from chat_save_department('{}', 'Department', '{department}', is_default => {},
                is_active => {}, auto_assign => {}, max_concurrent_chats => {})",
            self.site.id,
            self.chance.random_bool(0.5),
            self.chance.random_bool(0.8),
            self.chance.random_bool(0.8),
            self.chance.random_range(0..=4)
        );
        self.by_owner(save).await
    }

    /// Others stand in at once, after a second or never; shares of the hour; waiting for skills.
    async fn hand_out_otherwise(&mut self) -> Result<()> {
        let (department, stands_in) = (self.some_department(), self.some_department());
        let mut seconds = || ["0", "1", "null"][self.chance.random_range(0..3)];
        let (fallback, skills_wait) = (seconds(), seconds());
        let stands_in = if fallback == "null" || stands_in == department {
            "null"
        } else {
            &stands_in
        };
        let share = ["null", "2", "5"][self.chance.random_range(0..3)];
        let save = format!(
            "select chat_save_routing('{}', {department}, '{}', hourly_limit => {share}, skills_wait_seconds => {skills_wait},
                fallback_seconds => {fallback}, fallback_department => {stands_in})",
            self.site.id, self.strategy
        );
        self.by_owner(save).await
    }

    /// What comes from a page goes to a department, or is urgent, or asks for skills.
    async fn save_rules(&mut self) -> Result<()> {
        let department = self
            .departments
            .choose(&mut self.chance)
            .context("departments")?;
        let skills = [SKILLS[self.chance.random_range(0..SKILLS.len())]];
        let rules = json!([
            {"name": "Pricing", "if": {"page": ["/pricing*"]}, "then": {"department": department}},
            {"name": "Help", "if": {"page": ["/help*"]}, "then": {"priority": "high", "skills": skills}},
        ]);
        let rules = if self.chance.random_bool(0.8) {
            rules
        } else {
            json!([])
        };
        self.by_owner(format!(
            "select chat_save_routing_rules('{}', '{rules}')",
            self.site.id
        ))
        .await
    }

    async fn save_skills(&mut self) -> Result<()> {
        let skills = self.some_skills().join(",");
        self.by_owner(format!(
            "select id from chat_save_skills('{}', '{}', '{{{skills}}}')",
            self.site.id, self.me.id
        ))
        .await
    }

    /// Everybody may have their share again.
    async fn let_an_hour_pass(&mut self) -> Result<()> {
        sqlx::query(
            "update chat.choices k set at = k.at - interval '1 hour'
            from (select id from chat.choices order by id for no key update) one_by_one where k.id = one_by_one.id",
        )
        .execute(self.db.owner())
        .await
        .context("an hour passes")?;
        Ok(())
    }

    async fn by_owner(&mut self, statement: String) -> Result<()> {
        let answer = self.owner.rows(&statement).await;
        self.count(&statement, answer.map(drop))
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
