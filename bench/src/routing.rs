//! Suite `routing`: how fast arriving chats find an agent, and how soon a waiting one is given to somebody who comes
//! online, by how many agents there are and how many chats wait.
//!
//! What waits while agents have room waits for a department that nobody works in; the worst that a queue can do to those
//! who pass it. Beside ours: the bare insert into the same table without triggers, and an insert with the statement that
//! first comes to mind, which keeps no reason and lets two arrivals race for an agent's last place.

use std::time::Instant;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::Size;
use crate::cluster::{Cluster, OWNER, SUPERUSER, TEMPLATE};
use crate::figures::{self, Figures, Goal, Measure};

const SUITE: &str = "routing";

const AGENTS: [usize; 3] = [10, 100, 1_000];
const WAITING: [usize; 3] = [0, 1_000, 50_000];

/// Clients whose chats arrive at once.
const CLIENTS: usize = 4;

/// Arrivals a round: fewer than all agents of the largest case have room for, and no more than four an agent.
const ARRIVALS: usize = 400;

/// How chats arrive.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Floor,
    Plain,
    Ours,
}

impl Way {
    const ALL: [Self; 3] = [Self::Floor, Self::Plain, Self::Ours];

    fn name(self) -> &'static str {
        match self {
            Self::Floor => "bare insert",
            Self::Plain => "plain statement",
            Self::Ours => "ours",
        }
    }

    /// One arrival at the site `arrivals`.
    fn statement(self) -> &'static str {
        match self {
            Self::Floor => {
                "insert into bench.conversations (site_id, visitor_id, department_id)
                values (bench.id('05', 1), bench.somebody(), bench.id('0d', 11))"
            }
            Self::Plain => {
                "select bench.assign_plainly(bench.id('05', 1), bench.somebody(), bench.id('0d', 11))"
            }
            Self::Ours => {
                "insert into public.mod_chat_conversations (site_id, visitor_id, department_id)
                values (bench.id('05', 1), bench.somebody(), bench.id('0d', 11))"
            }
        }
    }
}

/// Every number of agents with every number of waiting chats; a table of each.
pub async fn run(cluster: &Cluster, size: Size) -> Result<Figures> {
    let (rounds, turns) = if size == Size::Large {
        (15, 300)
    } else {
        (5, 100)
    };
    let mut all = Figures::default();
    for agents in AGENTS {
        let mut measures = Vec::new();
        for waiting in WAITING {
            let mut place = Place::make(cluster, agents, waiting).await?;
            measures.extend(place.arrivals(rounds).await?);
            if waiting > 0 {
                measures.push(place.latency(cluster, rounds, turns).await?);
            }
            place.leave().await?;
        }
        figures::print(
            &format!(
                "{agents} agents; {CLIENTS} clients, {rounds} rounds, everybody has room again after each"
            ),
            &measures,
        );
        all.add(measures);
    }
    Ok(all)
}

/// A database with the two sites of `sites.sql`.
struct Place {
    name: String,
    agents: usize,
    waiting: usize,
    admin: PgConnection,
    /// Those whose chats arrive; pooled connections live long, so they keep their plans.
    clients: Vec<PgConnection>,
}

impl Place {
    async fn make(cluster: &Cluster, agents: usize, waiting: usize) -> Result<Self> {
        let name = format!("bench_routing_{agents}_{waiting}");
        cluster.clone_database(&name, TEMPLATE).await?;
        let mut admin = cluster.connect(SUPERUSER, &name).await?;
        for (setting, value) in [("bench.agents", agents), ("bench.waiting", waiting)] {
            sqlx::query("select set_config($1, $2, false)")
                .bind(setting)
                .bind(value.to_string())
                .execute(&mut admin)
                .await?;
        }
        sqlx::raw_sql(include_str!("../sql/routing/sites.sql"))
            .execute(&mut admin)
            .await
            .context("sql/routing/sites.sql")?;
        admin.execute("vacuum (analyze)").await?;
        admin.execute("checkpoint").await?;
        let mut clients = try_join_all((0..CLIENTS).map(|_| cluster.connect(OWNER, &name))).await?;
        for client in &mut clients {
            // As in every function that a chat comes by. Between two paths PostgreSQL would plan its key checks anew.
            client.execute("set search_path = ''").await?;
        }
        Ok(Self {
            name,
            agents,
            waiting,
            admin,
            clients,
        })
    }

    fn case(&self, way: Way) -> String {
        format!("{}, {} waiting", way.name(), self.waiting)
    }

    /// Chats a second, each way in turn.
    async fn arrivals(&mut self, rounds: usize) -> Result<Vec<Measure>> {
        let mut rates: [Vec<f64>; 3] = Default::default();
        // The first rounds warm caches and plans.
        for round in 0..rounds + 2 {
            for (way, rates) in Way::ALL.into_iter().zip(&mut rates) {
                let rate = self.arrive(way).await?;
                if round > 1 {
                    rates.push(rate);
                }
            }
        }
        let plain = rates[1].clone();
        Ok(Way::ALL
            .into_iter()
            .zip(rates)
            .map(|(way, samples)| Measure {
                suite: SUITE,
                case: format!("{} agents, {}", self.agents, self.case(way)),
                metric: "decisions a second",
                unit: "1/s",
                samples,
                against: None,
                goal: (way == Way::Ours && self.agents == 100).then_some(Goal::AtLeast(500.0)),
            })
            .map(|measure| with_ratio(measure, &plain))
            .collect())
    }

    /// All arrivals of a round; every one must have found an agent.
    async fn arrive(&mut self, way: Way) -> Result<f64> {
        let each = ARRIVALS.min(self.agents * 4) / CLIENTS;
        let begun = Instant::now();
        let clients = std::mem::take(&mut self.clients)
            .into_iter()
            .map(|mut client| {
                tokio::spawn(async move {
                    for _ in 0..each {
                        client.execute(way.statement()).await?;
                    }
                    anyhow::Ok(client)
                })
            });
        self.clients = try_join_all(clients)
            .await?
            .into_iter()
            .collect::<Result<_>>()?;
        let seconds = begun.elapsed().as_secs_f64();
        let arrived = each * CLIENTS;
        if way == Way::Ours {
            let assigned: i64 = sqlx::query_scalar(
                "select count(*) from public.mod_chat_conversations where status = 'active'",
            )
            .fetch_one(&mut self.admin)
            .await?;
            ensure!(
                usize::try_from(assigned)? == arrived,
                "{arrived} chats arrived and {assigned} have an agent"
            );
        }
        self.clear().await?;
        #[expect(clippy::cast_precision_loss, reason = "hundreds of chats")]
        Ok(arrived as f64 / seconds)
    }

    /// From "online" until the call is back: the chat is theirs and committed then.
    async fn latency(&mut self, cluster: &Cluster, rounds: usize, turns: usize) -> Result<Measure> {
        let mut agent = cluster.connect(SUPERUSER, &self.name).await?;
        agent.execute("set role authenticated").await?;
        let claims = format!(
            r#"{{"sub": "0c000000-0000-4000-8000-{:012}", "role": "authenticated"}}"#,
            200_000 + self.agents
        );
        sqlx::query("select set_config('request.jwt.claims', $1, false)")
            .bind(claims)
            .execute(&mut agent)
            .await?;
        let mut samples = Vec::new();
        for round in 0..=rounds {
            let mut took = Vec::new();
            for _ in 0..turns {
                let begun = Instant::now();
                let got: i32 = sqlx::query_scalar(
                    "select current_chat_count from public.chat_set_status(
                        (select '05000000-0000-4000-8000-000000000002'::uuid), 'online')",
                )
                .fetch_one(&mut agent)
                .await?;
                took.push(begun.elapsed().as_secs_f64() * 1000.0);
                ensure!(got == 1, "who came online was given {got} chats");
                self.clear().await?;
            }
            took.sort_by(f64::total_cmp);
            if round > 0 {
                samples.push(took[took.len() * 99 / 100]);
            }
        }
        agent.close().await?;
        Ok(Measure {
            suite: SUITE,
            case: format!("{} agents, {}", self.agents, self.case(Way::Ours)),
            metric: "online to assigned, p99",
            unit: "ms",
            samples,
            against: None,
            goal: (self.waiting == 50_000).then_some(Goal::AtMost(100.0)),
        })
    }

    async fn leave(self) -> Result<()> {
        for connection in self.clients.into_iter().chain([self.admin]) {
            connection.close().await?;
        }
        Ok(())
    }

    async fn clear(&mut self) -> Result<()> {
        self.admin
            .execute(AssertSqlSafe("select bench.clear()"))
            .await?;
        Ok(())
    }
}

/// The ratio to the plain statement, where there is no goal: a goal is of the figure itself.
fn with_ratio(measure: Measure, plain: &[f64]) -> Measure {
    if measure.goal.is_some() || measure.case.contains(Way::Plain.name()) {
        return measure;
    }
    Measure {
        against: Some((Way::Plain.name().to_owned(), plain.to_vec())),
        ..measure
    }
}
