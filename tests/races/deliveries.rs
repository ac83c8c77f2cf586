//! Deliveries repeat and overtake each other while the worker is killed, and an agent answers meanwhile.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use local_stack::graph::{Author, Delivery, Fault, Handle, Misbehaviour, Order, PhoneView};
use pg_chat_tests::race::Race;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Agent, AgentIs, Site, TestDb, Worker, wait_until};
use uuid::Uuid;

use crate::storm::{Size, Storm};

/// How often the worker is killed.
const KILLS: usize = 5;

#[cfg(test)]
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_while_the_worker_is_killed() -> Result<()> {
    race(Race::short()).await
}

/// Every message is stored once, every answer is on its phone once, and no tick ever went back.
pub async fn race(race: Race) -> Result<()> {
    let size = Size {
        clients: 16,
        people: race.size(20, 100),
        messages: race.size(200, 1_000),
        times: race.size(10, 20),
    };
    let db = TestDb::new().await?;
    let site = Site::make(&db).await?;
    let ada = site
        .agent(
            "Ada",
            AgentIs {
                max: 1_000,
                ..AgentIs::default()
            },
        )
        .await?;
    let number = site.number(&db, "106540352242922").await?;
    watch_for_regressions(&db).await?;
    let (graph, mut worker) =
        Worker::start_with(&db, &site, &number, &[("CHAT_LOG_LEVEL", "warn")]).await?;
    graph.simulator().set_delivery(Delivery {
        order: Order::Shuffled,
        copies: 1,
        concurrency: 4,
        ..Delivery::default()
    })?;
    misbehave(&graph)?;

    let storm = Storm::new(size, race, &number, &worker);
    let mut answers = Vec::new();
    let kills = async {
        for kill in 1..=KILLS {
            storm.until(kill, KILLS + 1).await?;
            answers.extend(answer_everybody(&db, ada, kill).await?);
            worker.kill().await?;
            // The dead worker's leases, and only its, as nobody else works.
            db.as_owner("update chat.lanes set lease_until = clock_timestamp() where busy")
                .await?;
            worker.restart().await?;
        }
        Ok(())
    };
    tokio::try_join!(storm.rage(), kills)?;
    storm.assert_all_stored_once(&db).await?;

    come_to_rest(&db, ada, &graph).await?;
    assert_each_answer_is_on_its_phone_once(&graph.simulator().phones(), &answers)?;
    ensure!(
        db.count("public.regressions").await? == 0,
        "ticks went back"
    );
    ensure!(
        db.count("chat.orphan_statuses").await? == 0,
        "statuses found no message"
    );
    assert_counters_equal_recount(&db).await?;
    ensure!(
        worker.stop().await? == Some(0),
        "the worker did not stop well"
    );
    Ok(())
}

/// Answers take a moment, so that some are under way when the worker is killed; and a few lines are cut before anything
/// was sent.
fn misbehave(graph: &Handle) -> Result<()> {
    let cut = Fault {
        after: 10,
        ..Fault::next(Misbehaviour::CutBefore).times(3)
    };
    graph.simulator().add_fault(cut)?;
    graph
        .simulator()
        .add_fault(Fault::next(Misbehaviour::Slow { millis: 50 }).times(u32::MAX))?;
    Ok(())
}

/// Notes every step back of a delivery, but a person's word to send again.
async fn watch_for_regressions(db: &TestDb) -> Result<()> {
    sqlx::raw_sql(
        "create table public.regressions (message_id uuid, before text, after text);
        create function public.note_regression() returns trigger language plpgsql security definer as $$
        begin
            insert into public.regressions values (new.id, old.delivery_state, new.delivery_state);
            return null;
        end $$;
        create trigger note_regression after update on public.mod_chat_messages
        for each row when (new.delivery_state <> 'queued'
            and chat.delivery_next(old.delivery_state, new.delivery_state) is distinct from new.delivery_state)
        execute function public.note_regression();",
    )
    .execute(db.owner())
    .await?;
    Ok(())
}

/// An answer and the phone that must show it.
struct Answer {
    phone: String,
    words: String,
}

/// Ada answers in every conversation there is.
async fn answer_everybody(db: &TestDb, ada: Agent, round: usize) -> Result<Vec<Answer>> {
    let chats: Vec<(Uuid, String)> = sqlx::query_as(
        "select c.id, v.whatsapp_phone from public.mod_chat_conversations c
        join public.mod_chat_visitors v on v.id = c.visitor_id order by c.id",
    )
    .fetch_all(db.owner())
    .await?;
    let mut answers = Vec::new();
    for (chat, phone) in chats {
        let words = format!("answer {round} to {phone}");
        let row = db.desk(ada).answer(chat, &words).await?;
        ensure!(
            row["delivery_state"] == "queued",
            "an answer was not queued: {row}"
        );
        answers.push(Answer { phone, words });
    }
    Ok(answers)
}

/// Waits until nothing moves any more. What stayed unknown although Meta has told everything it knows never left: Ada
/// has it sent again, as its advice says.
async fn come_to_rest(db: &TestDb, ada: Agent, graph: &Handle) -> Result<()> {
    wait_until("all answers have left or are unknown", async || {
        db.as_owner("update chat.lanes set next_at = clock_timestamp() where not busy")
            .await?;
        let busy = db
            .count("public.mod_chat_messages where delivery_state in ('queued', 'sending')")
            .await?;
        Ok((busy == 0).then_some(()))
    })
    .await?;
    graph.simulator().settled().await;
    let unknown = db
        .rows(
            "select id from public.mod_chat_messages where delivery_state = 'unknown' order by id",
        )
        .await?;
    let told = db
        .count("chat.attempts where outcome = 'accepted' and http is null")
        .await?;
    println!(
        "{told} sends were settled by a status alone, {} by an agent",
        unknown.len()
    );
    for message in unknown {
        let id = message["id"].as_str().unwrap_or_default();
        db.desk(ada)
            .rows(&format!("select * from chat_resend_message('{id}')"))
            .await?;
    }
    wait_until("everything is read", async || {
        let unread = db
            .rows("select delivery_state from public.mod_chat_messages where sender_type = 'agent' and delivery_state <> 'read'")
            .await?;
        Ok(unread.is_empty().then_some(()))
    })
    .await?;
    graph.simulator().settled().await;
    Ok(())
}

fn assert_each_answer_is_on_its_phone_once(phones: &[PhoneView], answers: &[Answer]) -> Result<()> {
    let mut shown: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for phone in phones {
        for bubble in phone
            .bubbles
            .iter()
            .filter(|bubble| bubble.by == Author::Business)
        {
            *shown.entry((&phone.phone, &bubble.text)).or_default() += 1;
        }
    }
    for answer in answers {
        let times = shown
            .remove(&(answer.phone.as_str(), answer.words.as_str()))
            .unwrap_or(0);
        ensure!(
            times == 1,
            "`{}` is {times} times on its phone",
            answer.words
        );
    }
    ensure!(shown.is_empty(), "phones show what nobody wrote: {shown:?}");
    Ok(())
}
