//! Conversations open at once for agents who cannot take them all.

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use pg_chat_tests::race::{Race, under_every_strategy};
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::routed::assert_routed;
use pg_chat_tests::{AgentIs, Site, TestDb};

const AGENTS: i64 = 3;
const CAPACITY: i64 = 5;

#[cfg(test)]
#[tokio::test(flavor = "multi_thread")]
async fn agents_fill_to_capacity_and_the_rest_waits() -> Result<()> {
    race(Race::short()).await
}

/// Every agent is full, everybody else waits, and no transaction was chosen as a deadlock's victim; under every strategy.
pub async fn race(race: Race) -> Result<()> {
    under_every_strategy(async |strategy| under(race, strategy).await).await
}

async fn under(race: Race, strategy: &str) -> Result<TestDb> {
    let conversations = race.size(50, 2_000);
    let db = TestDb::new().await?;
    let site = Site::make(&db).await?;
    site.hand_out_by(strategy).await?;
    for n in 0..AGENTS {
        let is = AgentIs {
            max: i32::try_from(CAPACITY)?,
            ..AgentIs::default()
        };
        site.agent(&format!("Agent {n}"), is).await?;
    }
    let visitors = try_join_all((0..conversations).map(|n| {
        let site = &site;
        async move { site.visitor(&format!("Visitor {n}")).await }
    }))
    .await?;
    try_join_all(
        visitors
            .into_iter()
            .map(|visitor| site.conversation(visitor)),
    )
    .await?;

    let (assigned, pending, fullest): (i64, i64, i32) = sqlx::query_as(
        "select count(*) filter (where status = 'active'), count(*) filter (where status = 'pending'),
            (select max(current_chat_count) from public.mod_chat_agents)
        from public.mod_chat_conversations",
    )
    .fetch_one(db.owner())
    .await?;
    let room = AGENTS * CAPACITY;
    let waiting = i64::try_from(conversations)? - room;
    ensure!(
        (assigned, pending) == (room, waiting),
        "{assigned} assigned, {pending} pending; room is {room}"
    );
    ensure!(
        i64::from(fullest) == CAPACITY,
        "an agent has {fullest} chats"
    );
    assert_routed(&db).await?;
    assert_counters_equal_recount(&db).await?;
    Ok(db)
}
