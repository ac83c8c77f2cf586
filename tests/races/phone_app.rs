//! A number's past is imported while people write and the business answers in its phone: each message stands once.

use anyhow::{Result, ensure};
use futures_util::future::try_join_all;
use pg_chat_tests::race::Race;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{body_of, body_of_messages, take, text};
use pg_chat_tests::{Site, TestDb};
use rand::seq::SliceRandom;
use serde_json::{Value, json};

const BUSINESS: &str = "15550100001";
/// People whose messages one delivery mixes.
const TOGETHER: usize = 3;

#[cfg(test)]
#[tokio::test(flavor = "multi_thread")]
async fn an_import_beside_live_messages_and_echoes_stores_each_once() -> Result<()> {
    race(Race::short()).await
}

/// One row a message, one past a person, no deadlock; whatever comes first, twice or at once.
pub async fn race(race: Race) -> Result<()> {
    let rounds = race.size(25, 800);
    let db = TestDb::new().await?;
    let site = Site::make(&db).await?;
    let number = site.number(&db, "106540352242922").await?;
    let mut chance = race.chance(0);
    for round in 0..rounds {
        let people: Vec<_> = (0..TOGETHER)
            .map(|n| format!("1555040{:04}", round * TOGETHER + n))
            .collect();
        let mut mixed = |each: &dyn Fn(&str) -> Vec<Value>| {
            let mut said: Vec<_> = people.iter().flat_map(|phone| each(phone)).collect();
            said.shuffle(&mut chance);
            said
        };
        let live = body_of_messages(
            &number,
            &mixed(&|phone| (0..3).map(|n| theirs(phone, n)).collect()),
        );
        let echoes = mixed(&|phone| (0..3).map(|n| ours(phone, n)).collect());
        let echoes = body_of(
            &number,
            "smb_message_echoes",
            json!({"message_echoes": echoes}),
        );
        let contacts = mixed(&|phone| vec![contact(phone)]);
        let contacts = body_of(
            &number,
            "smb_app_state_sync",
            json!({"state_sync": contacts}),
        );
        let threads = mixed(&|phone| vec![thread(phone)]);
        let past = json!({"history": [{"metadata": {"progress": 50}, "threads": threads}]});
        let past = body_of(&number, "history", past);
        let deliveries = [live, echoes, contacts, past];
        try_join_all(deliveries.iter().chain(&deliveries).map(|body| {
            let (db, number) = (&db, &number);
            async move { take(db, number, body).await }
        }))
        .await?;
    }

    let people = i64::try_from(rounds * TOGETHER)?;
    for (table, rows) in [
        ("public.mod_chat_visitors", people),
        ("chat.identities", people),
        ("public.mod_chat_conversations where is_history", people),
        ("public.mod_chat_messages", 8 * people),
        ("public.mod_chat_visitors where name is null", 0),
        ("chat.dead_letters", 0),
        ("chat.jobs where kind = 'whatsapp.send_message'", 0),
    ] {
        let counted = db.count(table).await?;
        ensure!(counted == rows, "{counted} of {table}, not {rows}");
    }
    assert_counters_equal_recount(&db).await?;
    ensure!(db.deadlocks().await? == 0, "there were deadlocks");
    Ok(())
}

fn theirs(phone: &str, n: usize) -> Value {
    text(phone, &format!("wamid.{phone}.theirs.{n}"), "Hello")
}

fn ours(phone: &str, n: usize) -> Value {
    let mut echo = text(BUSINESS, &format!("wamid.{phone}.ours.{n}"), "Hi");
    echo["to"] = json!(phone);
    echo
}

fn contact(phone: &str) -> Value {
    json!({"type": "contact", "action": "add", "metadata": {"timestamp": "1760000000"},
        "contact": {"full_name": "Somebody", "phone_number": phone}})
}

/// Two that are live as well, and two that only the past has.
fn thread(phone: &str) -> Value {
    let mut messages = vec![theirs(phone, 0), ours(phone, 0)];
    messages.extend([theirs(phone, 7), ours(phone, 7)]);
    json!({"id": phone, "messages": messages})
}
