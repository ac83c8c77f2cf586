//! An agent writes and reads while Meta delivers a thousand updates in one webhook, which it does after an outage: what
//! people wrote, and what became of our messages, some of it in the very conversations that the agent has open.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::seq::SliceRandom;
use sqlx::{Connection, Executor, PgConnection};
use uuid::Uuid;

use super::post::Webhook;
use super::{SUITE, Stage};
use crate::Size;
use crate::cluster::{Cluster, SUPERUSER};
use crate::figures::{self, Goal, Measure, percentile};
use crate::messages::Delivered;
use crate::path::{Case, SITE};

const UPDATES: usize = 1000;

/// Such webhooks one after the other in a round, so that a hundredth is more than one sample.
const WEBHOOKS: usize = 2;

/// Between two deeds of the agent.
const PAUSE: Duration = Duration::from_millis(5);

/// What the agent does, over and over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Deed {
    Insert,
    Page,
}

impl Deed {
    const ALL: [Self; 2] = [Self::Insert, Self::Page];

    fn name(self) -> &'static str {
        match self {
            Self::Insert => "an agent's own insert",
            Self::Page => "an agent's page of messages",
        }
    }

    fn statement(self) -> &'static str {
        match self {
            Self::Insert => {
                "insert into public.mod_chat_messages (conversation_id, content)
                values ($1, 'It is there, and can be sent today.')"
            }
            Self::Page => "select * from public.chat_messages($1)",
        }
    }
}

/// Each deed while nothing arrives and while a webhook lands, in turn; a table.
pub async fn run(cluster: &Cluster, stage: &mut Stage, size: Size) -> Result<Vec<Measure>> {
    let rounds = if size == Size::Large { 9 } else { 3 };
    println!("\n{rounds} rounds of {WEBHOOKS} webhooks of {UPDATES} updates each ...");
    let mut quiet = [Vec::new(), Vec::new()];
    let mut busy = [Vec::new(), Vec::new()];
    let mut rates = Vec::new();
    for round in 0..=rounds {
        let before = work(cluster, stage, async {
            tokio::time::sleep(Duration::from_millis(600)).await;
            Ok(())
        })
        .await?;
        let mut landing = Vec::new();
        for place in 0..WEBHOOKS {
            landing.push(webhook(stage, place).await?);
        }
        let (client, url) = (stage.client.clone(), stage.ours.url.clone());
        let began = Instant::now();
        let during = work(cluster, stage, async {
            for webhook in landing {
                webhook.post(&client, &url).await?;
            }
            Ok(())
        })
        .await?;
        let took = began.elapsed();
        stage.forget_queue().await?;
        // The first round fills caches and plans.
        if round == 0 {
            continue;
        }
        for place in 0..Deed::ALL.len() {
            quiet[place].push(percentile(&before[place], 99));
            busy[place].push(percentile(&during[place], 99));
        }
        #[expect(clippy::cast_precision_loss, reason = "thousands of updates")]
        rates.push((WEBHOOKS * UPDATES) as f64 / took.as_secs_f64());
    }
    let measure = |case: String, metric, unit, samples: &Vec<f64>| Measure {
        suite: SUITE,
        case,
        metric,
        unit,
        samples: samples.clone(),
        against: None,
        goal: None,
    };
    let mut all = Vec::new();
    for (place, deed) in Deed::ALL.into_iter().enumerate() {
        let name = deed.name();
        all.push(measure(
            format!("{name}, nothing arrives"),
            "p99",
            "ms",
            &quiet[place],
        ));
        all.push(Measure {
            goal: Some(Goal::AtMost(100.0)),
            ..measure(
                format!("{name}, a large webhook lands"),
                "p99",
                "ms",
                &busy[place],
            )
        });
    }
    all.push(measure(
        format!("ours, {UPDATES} updates a webhook"),
        "updates a second",
        "1/s",
        &rates,
    ));
    figures::print(
        &format!(
            "an agent while webhooks of {UPDATES} updates land, half messages and half statuses"
        ),
        &all,
    );
    Ok(all)
}

/// The `place`-th webhook of a round: half are messages of different people, half say that ours were delivered.
async fn webhook(stage: &mut Stage, place: usize) -> Result<Webhook> {
    let mut people: Vec<usize> = (0..stage.site.people.len()).collect();
    people.shuffle(stage.site.chance());
    let messages: Vec<_> = people
        .into_iter()
        .take(UPDATES / 2)
        .map(|person| stage.site.write(person))
        .collect();
    let of_ours: Vec<(String, String, String)> = sqlx::query_as(
        "select m.whatsapp_message_id, v.whatsapp_phone, m.id || ':1'
        from (
            select x.id, x.conversation_id, x.whatsapp_message_id from public.mod_chat_messages x
            where x.site_id = $1 and x.delivery_state = 'accepted' order by x.id offset $2 limit $3) m
        join public.mod_chat_conversations c on c.id = m.conversation_id
        join public.mod_chat_visitors v on v.id = c.visitor_id",
    )
    .bind(SITE)
    .bind(i64::try_from(place * UPDATES / 2)?)
    .bind(i64::try_from(UPDATES / 2)?)
    .fetch_all(&mut stage.admin)
    .await?;
    let delivered: Vec<_> = of_ours
        .into_iter()
        .map(|(wamid, phone, callback)| Delivered {
            wamid,
            phone,
            callback,
        })
        .collect();
    Webhook::of(&messages, &delivered)
}

/// Does both deeds over and over, each on a connection of its own, until something is done. Milliseconds of each.
async fn work(
    cluster: &Cluster,
    stage: &Stage,
    until: impl Future<Output = Result<()>>,
) -> Result<[Vec<f64>; 2]> {
    let over = Arc::new(AtomicBool::new(false));
    let places: Vec<Uuid> = stage.site.people.iter().map(|p| p.conversation).collect();
    let places = Arc::new(places);
    let mut tasks = Vec::new();
    for deed in Deed::ALL {
        let mut connection = agent(cluster).await?;
        let (over, places) = (Arc::clone(&over), Arc::clone(&places));
        tasks.push(tokio::spawn(async move {
            let mut took = Vec::new();
            // The first call plans; a pooled connection has done so long ago.
            for turn in 0_usize.. {
                let began = Instant::now();
                sqlx::query(deed.statement())
                    .bind(places[turn * 7919 % places.len()])
                    .execute(&mut connection)
                    .await?;
                if turn > 0 {
                    took.push(began.elapsed().as_secs_f64() * 1000.0);
                }
                if over.load(Ordering::Relaxed) {
                    break;
                }
                tokio::time::sleep(PAUSE).await;
            }
            connection.close().await?;
            anyhow::Ok(took)
        }));
    }
    let done = until.await;
    over.store(true, Ordering::Relaxed);
    let mut took = Vec::new();
    for task in tasks {
        took.push(task.await??);
    }
    done?;
    took.try_into().ok().context("as many samples as deeds")
}

/// A connection of an agent of the site, as PostgREST has it.
async fn agent(cluster: &Cluster) -> Result<PgConnection> {
    let mut agent = cluster.connect(SUPERUSER, Case::Ours.database()).await?;
    let user: Uuid = sqlx::query_scalar("select user_id from public.mod_chat_agents limit 1")
        .fetch_one(&mut agent)
        .await?;
    sqlx::query("select set_config('request.jwt.claims', $1, false)")
        .bind(format!(r#"{{"sub": "{user}", "role": "authenticated"}}"#))
        .execute(&mut agent)
        .await?;
    agent.execute("set role authenticated").await?;
    Ok(agent)
}
