//! Many first messages of one new person come at once.

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use pg_chat_tests::race::Race;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{receive, text};
use pg_chat_tests::{Site, TestDb};
use rand::RngExt;
use serde_json::{Value, json};

/// Deliveries at once.
const AT_ONCE: usize = 8;

#[cfg(test)]
#[tokio::test(flavor = "multi_thread")]
async fn one_new_person_is_one_person_however_many_deliveries_come_at_once() -> Result<()> {
    race(Race::short()).await
}

/// One visitor, one conversation and all messages for each new person; no delivery fails.
pub async fn race(race: Race) -> Result<()> {
    let people = race.size(60, 2_000);
    let db = TestDb::new().await?;
    let site = Site::make(&db).await?;
    let number = site.number(&db, "106540352242922").await?;
    let mut chance = race.chance(0);
    for person in 0..people {
        let by_id = chance.random_bool(0.5);
        let first_words = |n: usize| message(person, by_id, &format!("wamid.{person}.{n}"));
        // Some deliveries bring a second newcomer along, in either order.
        let deliveries = (0..AT_ONCE).map(|n| {
            let mut body = vec![first_words(n)];
            if n % 3 == 0 {
                body.insert(
                    n / 3 % 2,
                    message(
                        people + person,
                        !by_id,
                        &format!("wamid.other.{person}.{n}"),
                    ),
                );
            }
            body
        });
        try_join_all(deliveries.map(|body| {
            let (db, number) = (&db, &number);
            async move { receive(db, number, &body).await }
        }))
        .await?;
    }

    let expected = i64::try_from(2 * people)?;
    for table in [
        "public.mod_chat_visitors",
        "chat.identities",
        "public.mod_chat_conversations",
    ] {
        let rows = db.count(table).await?;
        ensure!(
            rows == expected,
            "{rows} rows of {table} for {expected} people"
        );
    }
    let messages = db.count("public.mod_chat_messages").await?;
    ensure!(
        messages == i64::try_from(people * (AT_ONCE + 3))?,
        "{messages} messages"
    );
    assert_counters_equal_recount(&db).await?;
    ensure!(db.deadlocks().await? == 0, "there were deadlocks");
    Ok(())
}

fn message(person: usize, by_id: bool, wamid: &str) -> Value {
    let mut message = text(&format!("1555030{person:04}"), wamid, "Hello");
    if by_id {
        message["from"] = json!(format!("US.newcomer{person}"));
    }
    message
}
