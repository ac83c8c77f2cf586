//! An agent answers, the phone gets it, and the ticks come back.

use anyhow::Result;
use local_stack::graph::{Delivery, Habits, Order};
use pg_chat_tests::recount::assert_counters_equal_recount;
use serde_json::json;

use crate::stage::{Stage, ZOE};

const YUKI: &str = "16505551235";

#[tokio::test]
async fn an_answer_reaches_the_phone_and_ends_read_however_the_ticks_are_shuffled() -> Result<()> {
    let stage = Stage::open().await?;
    let shuffled = Delivery {
        order: Order::Shuffled,
        copies: 2,
        concurrency: 4,
        ..Delivery::default()
    };
    stage.meta().set_delivery(shuffled)?;
    let conversation = stage.writes(ZOE, "Is it there yet?").await?;
    let answer = stage
        .answers(conversation, "It arrives today, 14:00 – 16:00 ✓")
        .await?;
    let read = stage.once(answer, "read").await?;
    stage.meta().settled().await;
    assert_eq!(
        (&read["status"], &read["whatsapp_status"]),
        (&json!("read"), &json!("read"))
    );
    assert_eq!(
        stage.message(answer).await?["delivery_state"],
        "read",
        "nothing turned it back"
    );
    let bubbles = stage.sent_to(ZOE);
    assert_eq!(bubbles.len(), 1);
    assert_eq!(bubbles[0].text, "It arrives today, 14:00 – 16:00 ✓");
    assert_eq!(json!(bubbles[0].wamid), read["whatsapp_message_id"]);
    assert_counters_equal_recount(&stage.db).await
}

#[tokio::test]
async fn ticks_that_come_before_graphs_answer_are_not_lost() -> Result<()> {
    let stage = Stage::open().await?;
    stage.meta().set_delivery(Delivery {
        before_answer: true,
        concurrency: 4,
        ..Delivery::default()
    })?;
    let conversation = stage.writes(ZOE, "Hello").await?;
    let answer = stage.answers(conversation, "Hello Zoe").await?;
    stage.once(answer, "read").await?;
    stage.meta().settled().await;
    assert_eq!(stage.db.count("chat.orphan_statuses").await?, 0);
    assert_eq!(stage.words_on(ZOE), ["Hello Zoe"]);
    Ok(())
}

#[tokio::test]
async fn answers_arrive_in_the_order_written() -> Result<()> {
    let stage = Stage::open().await?;
    let zoe = stage.writes(ZOE, "Hello").await?;
    let yuki = stage.writes(YUKI, "Hello").await?;
    let words: Vec<_> = (0..12).map(|n| format!("number {n}")).collect();
    let mut last = Vec::new();
    for words in &words {
        last = vec![
            stage.answers(zoe, words).await?,
            stage.answers(yuki, words).await?,
        ];
    }
    for answer in last {
        stage.once(answer, "read").await?;
    }
    assert_eq!(stage.words_on(ZOE), words);
    assert_eq!(stage.words_on(YUKI), words);
    Ok(())
}

#[tokio::test]
async fn somebody_who_shows_no_phone_is_answered_all_the_same() -> Result<()> {
    let stage = Stage::open().await?;
    stage.meta().set_user_id(ZOE, "US.13491208655302741918");
    stage.meta().set_habits(
        ZOE,
        Habits {
            hides_phone: true,
            ..Habits::default()
        },
    );
    let conversation = stage.writes(ZOE, "Guess who").await?;
    let answer = stage
        .answers(conversation, "Hello, whoever you are")
        .await?;
    stage.once(answer, "read").await?;
    assert_eq!(stage.words_on(ZOE), ["Hello, whoever you are"]);
    let person = stage
        .db
        .row("select whatsapp_phone from public.mod_chat_visitors")
        .await?;
    assert_eq!(person["whatsapp_phone"], json!(null));
    Ok(())
}

#[tokio::test]
async fn a_phone_that_is_off_gets_it_later() -> Result<()> {
    let stage = Stage::open().await?;
    let conversation = stage.writes(ZOE, "Hello").await?;
    stage.meta().set_habits(
        ZOE,
        Habits {
            receives: false,
            ..Habits::default()
        },
    );
    let answer = stage.answers(conversation, "Hello Zoe").await?;
    stage.once(answer, "sent").await?;
    stage.meta().receive(ZOE);
    stage.once(answer, "delivered").await?;
    stage.meta().read(ZOE);
    stage.once(answer, "read").await?;
    Ok(())
}
