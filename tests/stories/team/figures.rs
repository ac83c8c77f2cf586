//! What agents did, added up in their rows.

use anyhow::Result;
use pg_chat_tests::Agent;
use pg_chat_tests::recount::assert_counters_equal_recount;
use serde_json::{Value, json};

use crate::scene::{Scene, YUKI, ZOE, id, only};

impl Scene {
    async fn figures(&self, agent: Agent) -> Result<Value> {
        self.tick().await?;
        let mut figures = only(
            &self.agent_now(agent).await?,
            "total_chats_handled avg_response_time_seconds avg_rating total_ratings",
        );
        // 3.5, not 3.50
        figures["avg_rating"] = json!(figures["avg_rating"].as_f64());
        Ok(figures)
    }

    /// A visitor's messages were written so many seconds earlier than they were.
    async fn written_earlier(&self, chat: &Value, seconds: u32) -> Result<()> {
        self.as_owner(&format!(
            "update mod_chat_messages set sent_at = sent_at - interval '{seconds} seconds'
            where sender_type = 'visitor' and conversation_id = {}",
            id(chat)
        ))
        .await?;
        Ok(())
    }

    async fn rate(&self, chat: &Value, stars: &str) -> Result<()> {
        self.as_owner(&format!(
            "update mod_chat_conversations set rating = {stars} where id = {}",
            id(chat)
        ))
        .await?;
        Ok(())
    }
}

#[tokio::test]
async fn an_agent_handles_each_conversation_once_however_often_they_write() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    let yuki = scene.visit(YUKI).await?;
    for words in ["Hello", "How can I help?", "Anything else?"] {
        scene.answer(ada, &zoe, words).await?;
    }
    scene.answer(ada, &yuki, "Hello").await?;
    assert_eq!(scene.figures(ada).await?["total_chats_handled"], 2);
    assert_eq!(scene.count("chat.agent_deeds").await?, 0, "all is counted");
    assert_eq!(scene.figures(ada).await?["total_chats_handled"], 2);
    assert_counters_equal_recount(&scene.db).await
}

/// From the first thing they wrote to the answer; what an agent adds unasked is no answer.
#[tokio::test]
async fn a_response_is_timed_from_the_first_message_that_nobody_had_answered() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    scene.hear_text(ZOE, "wamid.2", "Hello?").await?;
    scene.written_earlier(&zoe, 90).await?;
    scene.answer(ada, &zoe, "Sorry for the wait").await?;
    scene.answer(ada, &zoe, "What is it?").await?;
    let seconds = scene.figures(ada).await?["avg_response_time_seconds"].clone();
    assert!(
        seconds
            .as_i64()
            .is_some_and(|its| (90..=100).contains(&its)),
        "{seconds}"
    );

    scene.hear_text(ZOE, "wamid.3", "Thanks").await?;
    scene.answer(ada, &zoe, "You are welcome").await?;
    let row = scene
        .row("select total_responses, avg_response_time_seconds as average from mod_chat_agents")
        .await;
    assert_eq!(
        row?["total_responses"], 1,
        "the tick has not counted it yet"
    );
    scene.tick().await?;
    let agent = scene.agent_now(ada).await?;
    assert_eq!(agent["total_responses"], 2);
    assert!(
        agent["avg_response_time_seconds"]
            .as_i64()
            .is_some_and(|its| (45..=50).contains(&its))
    );
    Ok(())
}

#[tokio::test]
async fn a_note_counts_for_nothing() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    scene
        .as_agent(
            ada,
            &format!(
                "insert into mod_chat_messages (conversation_id, content, kind) values ({}, 'VIP', 'note') returning id",
                id(&zoe)
            ),
        )
        .await?;
    assert_eq!(scene.figures(ada).await?["total_chats_handled"], 0);
    Ok(())
}

#[tokio::test]
async fn stars_count_for_whoever_has_the_conversation_or_had_it_last() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    let yuki = scene.visit(YUKI).await?;
    scene.patch(ada, &zoe, "status = 'resolved'").await?;
    scene.rate(&zoe, "5").await?;
    scene.turns(ada, "away").await?;
    scene
        .as_owner("update mod_chat_conversations set status = 'pending' where status = 'active'")
        .await?;
    scene.rate(&yuki, "2").await?;
    assert_eq!(
        scene.figures(ada).await?,
        json!({"total_chats_handled": 0, "avg_response_time_seconds": 0, "avg_rating": 3.5, "total_ratings": 2})
    );
    scene.rate(&yuki, "4").await?;
    assert_eq!(scene.figures(ada).await?["avg_rating"], 4.5);
    scene.rate(&yuki, "null").await?;
    let figures = scene.figures(ada).await?;
    assert_eq!(
        (&figures["avg_rating"], &figures["total_ratings"]),
        (&json!(5.0), &json!(1))
    );
    Ok(())
}
