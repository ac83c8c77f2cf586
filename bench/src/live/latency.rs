//! From the moment at which COMMIT is sent until a message is at each socket that listens. Beside ours: the bare row of a
//! broadcast to the same agents.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use sqlx::{Connection, PgConnection};
use tokio::time::{MissedTickBehavior, interval, timeout};
use uuid::Uuid;

use super::stage::{self, DATABASE, SITE, Stage};
use super::{AGENTS, SUITE, VISITORS};
use crate::Size;
use crate::cluster::{Cluster, SUPERUSER};
use crate::figures::{self, Goal, Measure, percentile};

/// From one message to the next: twenty a second, two thousand deliveries.
const PACE: Duration = Duration::from_millis(50);

/// Longest that a message may be on its way.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Floor,
    Ours,
}

/// Milliseconds of every delivery of a round.
#[derive(Default)]
struct Deliveries {
    to_agents: Vec<f64>,
    to_visitors: Vec<f64>,
}

/// Rounds of each way in turn.
pub async fn run(cluster: &Cluster, stage: &mut Stage, size: Size) -> Result<Vec<Measure>> {
    let (rounds, messages) = if size == Size::Large {
        (11, 400)
    } else {
        (5, 100)
    };
    let mut agent = stage::agent(cluster, DATABASE).await?;
    let mut superuser = cluster.connect(SUPERUSER, DATABASE).await?;
    let mut floor = Vec::new();
    let mut ours = Vec::new();
    for round in 0..=rounds {
        let bare = deliver(stage, &mut superuser, Way::Floor, messages).await?;
        let whole = deliver(stage, &mut agent, Way::Ours, messages).await?;
        // The first round fills caches and plans.
        if round > 0 {
            floor.push(bare);
            ours.push(whole);
        }
    }
    agent.close().await?;
    superuser.close().await?;
    let measures = report(&floor, &ours);
    let heading = format!(
        "commit to socket: {AGENTS} agents hear of everything, {VISITORS} visitors of themselves; \
        {rounds} rounds of {messages} messages, 20 a second"
    );
    figures::print(&heading, &measures);
    Ok(measures)
}

/// Sends messages at a pace and waits until every one is everywhere.
async fn deliver(
    stage: &mut Stage,
    connection: &mut PgConnection,
    way: Way,
    messages: usize,
) -> Result<Deliveries> {
    let mut sent: HashMap<Uuid, Instant> = HashMap::new();
    let mut pace = interval(PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for n in 0..messages {
        pace.tick().await;
        let visitor = &stage.visitors[n % VISITORS];
        let mut transaction = connection.begin().await?;
        let message: Uuid = match way {
            Way::Floor => sqlx::query_scalar(
                "insert into realtime.messages (topic, extension, event, payload, private, inserted_at, updated_at)
                select 'chat:site:' || $1, 'broadcast', 'new_message',
                    jsonb_build_object('type', 'new_message', 'message_id', m.id), true,
                    now() at time zone 'UTC', now() at time zone 'UTC'
                from (select gen_random_uuid() as id) m returning (payload ->> 'message_id')::uuid",
            )
            .bind(SITE.to_string()),
            Way::Ours => sqlx::query_scalar(
                "insert into public.mod_chat_messages (conversation_id, content)
                values ($1::uuid, 'It is on its way and will be with you tomorrow.') returning id",
            )
            .bind(visitor.conversation.to_string()),
        }
        .fetch_one(&mut *transaction)
        .await?;
        sent.insert(message, Instant::now());
        transaction.commit().await?;
    }
    let each = match way {
        Way::Floor => AGENTS,
        Way::Ours => AGENTS + 1,
    };
    let mut deliveries = Deliveries::default();
    for n in 0..messages * each {
        let heard = timeout(PATIENCE, stage.heard.recv())
            .await
            .with_context(|| format!("{n} of {} deliveries came", messages * each))?
            .context("every socket has ended")?;
        let begun = sent.get(&heard.message);
        let begun = begun.context("something else was told")?;
        let millis = heard.at.saturating_duration_since(*begun).as_secs_f64() * 1e3;
        if heard.socket < AGENTS {
            deliveries.to_agents.push(millis);
        } else {
            deliveries.to_visitors.push(millis);
        }
    }
    ensure!(
        deliveries.to_agents.len() == messages * AGENTS,
        "something was delivered twice"
    );
    Ok(deliveries)
}

fn report(floor: &[Deliveries], ours: &[Deliveries]) -> Vec<Measure> {
    let samples = |rounds: &[Deliveries], of: fn(&Deliveries) -> &Vec<f64>, percent| -> Vec<f64> {
        rounds
            .iter()
            .map(|round| percentile(of(round), percent))
            .collect()
    };
    let agents: fn(&Deliveries) -> &Vec<f64> = |round| &round.to_agents;
    let visitors: fn(&Deliveries) -> &Vec<f64> = |round| &round.to_visitors;
    let mut measures = Vec::new();
    for (metric, percent, goal) in [
        ("commit to socket, p50", 50, None),
        ("commit to socket, p99", 99, Some(Goal::AtMost(250.0))),
    ] {
        let bare = samples(floor, agents, percent);
        for (case, samples, goal) in [
            ("a bare row, to agents", bare.clone(), None),
            ("ours, to agents", samples(ours, agents, percent), goal),
            ("ours, to visitors", samples(ours, visitors, percent), goal),
        ] {
            measures.push(Measure {
                suite: SUITE,
                case: case.to_owned(),
                metric,
                unit: "ms",
                samples,
                // A goal is of the figure itself.
                against: (case.starts_with("ours") && goal.is_none())
                    .then(|| ("a bare row".to_owned(), bare.clone())),
                goal,
            });
        }
    }
    measures
}
