//! Messages of an agent, from their insert to Graph's acceptance, against what Meta lets a number send.
//!
//! The simulator refuses what is too fast with 130429, as Meta does. A second's worth may go at once; what counts is the
//! pace after that.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use local_stack::graph::Limits;
use serde_json::json;
use sqlx::types::Json;
use uuid::Uuid;

use super::{SUITE, Stage};
use crate::Size;
use crate::figures::{self, Goal, Measure};
use crate::messages::PHONE_NUMBER_ID;
use crate::path::SITE;

/// The longest that one round may take.
const PATIENCE: Duration = Duration::from_secs(180);

/// What Meta lets a number send a second.
struct Limit {
    level: &'static str,
    per_second: u32,
    messages: u32,
}

const LIMITS: [Limit; 2] = [
    Limit {
        level: "STANDARD",
        per_second: 80,
        messages: 320,
    },
    Limit {
        level: "HIGH",
        per_second: 1000,
        messages: 2000,
    },
];

/// Both limits in each round; a table.
pub async fn run(stage: &mut Stage, size: Size) -> Result<Vec<Measure>> {
    let rounds = if size == Size::Large { 7 } else { 2 };
    let mut rates = [Vec::new(), Vec::new()];
    let mut refusals = [Vec::new(), Vec::new()];
    println!("\n{rounds} rounds of sends under each limit ...");
    for _ in 0..rounds {
        for (place, limit) in LIMITS.iter().enumerate() {
            let (rate, refused) = send(stage, limit).await?;
            rates[place].push(rate);
            refusals[place].push(refused);
        }
    }
    let measure = |limit: &Limit, metric, unit, samples: Vec<f64>| Measure {
        suite: SUITE,
        case: format!("sends, limit {} a second", limit.per_second),
        metric,
        unit,
        samples,
        against: None,
        goal: None,
    };
    let all: Vec<_> = LIMITS
        .iter()
        .zip(rates.into_iter().zip(refusals))
        .flat_map(|(limit, (rates, refused))| {
            let of_limit = vec![f64::from(limit.per_second); rates.len()];
            let usual = limit.per_second == LIMITS[0].per_second;
            [
                Measure {
                    against: Some(("the limit".to_owned(), of_limit)),
                    goal: usual.then_some(Goal::AtLeast(0.9)),
                    ..measure(limit, "accepted a second", "1/s", rates)
                },
                Measure {
                    goal: Some(Goal::AtMost(0.0)),
                    ..measure(limit, "refused as too fast", "", refused)
                },
            ]
        })
        .collect();
    figures::print(
        "an agent's messages to as many people, to Graph's acceptance",
        &all,
    );
    Ok(all)
}

/// One message to each of so many people; how many a second Graph took, and how many it found too fast.
async fn send(stage: &mut Stage, limit: &Limit) -> Result<(f64, f64)> {
    stage.meta().set_limits(Limits {
        per_second: Some(usize::try_from(limit.per_second)?),
        pair: None,
    });
    sqlx::query("select chat.follow_throughput($1, $2)")
        .bind(PHONE_NUMBER_ID)
        .bind(Json(json!({"throughput": {"level": limit.level}})))
        .execute(&mut stage.admin)
        .await?;
    // What was taken before is over by then, here and there.
    tokio::time::sleep(Duration::from_millis(1100)).await;
    let agent: Uuid =
        sqlx::query_scalar("select id from public.mod_chat_agents where site_id = $1 limit 1")
            .bind(SITE)
            .fetch_one(&mut stage.admin)
            .await?;
    let sent: Vec<Uuid> = sqlx::query_scalar(
        "insert into public.mod_chat_messages (conversation_id, site_id, sender_type, sender_id, content)
        select c.id, c.site_id, 'agent', $2::text, 'It is there, and can be sent today.'
        from public.mod_chat_conversations c
        where c.site_id = $1 and c.archived_at is null
        order by c.id offset (random() * 5000)::integer limit $3
        returning id",
    )
    .bind(SITE)
    .bind(agent.to_string())
    .bind(i64::from(limit.messages))
    .fetch_all(&mut stage.admin)
    .await?;
    let began = Instant::now();
    loop {
        let left: i64 = sqlx::query_scalar(
            "select count(*) from public.mod_chat_messages where id = any ($1) and delivery_state <> 'accepted'",
        )
        .bind(&sent)
        .fetch_one(&mut stage.admin)
        .await?;
        if left == 0 {
            break;
        }
        ensure!(began.elapsed() < PATIENCE, "{left} messages are not sent");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // After the first second, in which a second's worth may go at once.
    let (rate, refused): (f64, i64) = sqlx::query_as(
        "select count(*) filter (where outcome = 'accepted' and finished_at > first + interval '1 second')::float8
                / greatest(extract(epoch from max(finished_at) - min(first))::float8 - 1, 0.001),
            count(*) filter (where code = 130429)
        from (select *, min(started_at) over () as first from chat.attempts where message_id = any ($1)) a",
    )
    .bind(&sent)
    .fetch_one(&mut stage.admin)
    .await?;
    stage.meta().set_limits(Limits::default());
    #[expect(clippy::cast_precision_loss, reason = "hundreds of messages")]
    Ok((rate, refused as f64))
}
