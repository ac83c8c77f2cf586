//! What one message does to the counters and the preview, by who wrote it and how it came.

use anyhow::Result;
use pg_chat_tests::Agent;
use pg_chat_tests::recount::assert_counters_equal_recount;
use serde_json::{Value, json};

use crate::scene::{Scene, id, only};

const COUNTERS: &str =
    "message_count inbound_count outbound_public_count unread_agent_count unread_visitor_count";

impl Scene {
    /// Writes a message as no client could: `columns` and `values` of an insert.
    async fn write(&self, conversation: &Value, columns: &str, values: &str) -> Result<()> {
        self.as_owner(&format!(
            "insert into mod_chat_messages (conversation_id, content, {columns}) values ({}, 'words', {values})",
            id(conversation)
        ))
        .await?;
        Ok(())
    }

    /// What a message adds to the counters.
    async fn adds(&self, conversation: &Value, columns: &str, values: &str) -> Result<[i64; 5]> {
        let counters = |row: &Value| {
            let mut counters = COUNTERS
                .split_whitespace()
                .map(|name| row[name].as_i64().expect("a count"));
            [(); 5].map(|()| counters.next().expect("five counters"))
        };
        let before = counters(&self.again(conversation).await?);
        self.write(conversation, columns, values).await?;
        let after = counters(&self.again(conversation).await?);
        Ok(std::array::from_fn(|n| after[n] - before[n]))
    }
}

/// An unassigned conversation over the widget, and somebody who works there.
async fn scene_with_a_chat() -> Result<(Scene, Agent, Value)> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.turns(ada, "away").await?;
    let visitor = scene.site.visitor("Ivy").await?;
    let conversation = json!({"id": scene.site.conversation(visitor).await?});
    Ok((scene, ada, conversation))
}

#[tokio::test]
async fn each_sender_moves_the_counters_that_are_theirs() -> Result<()> {
    let (scene, ada, chat) = scene_with_a_chat().await?;
    let agent = format!("'agent', '{}'", ada.id);
    // message_count, inbound, outbound_public, unread_agent, unread_visitor
    for (who, columns, values, adds) in [
        ("a visitor", "sender_type", "'visitor'", [1, 1, 0, 1, 0]),
        (
            "an agent who is not the assignee",
            "sender_type, sender_id",
            agent.as_str(),
            [1, 0, 1, 0, 1],
        ),
        ("the assistant", "sender_type", "'ai'", [1, 0, 1, 0, 1]),
        (
            "a line of the system",
            "sender_type, kind",
            "'system', 'event'",
            [1, 0, 0, 0, 0],
        ),
        (
            "a note",
            "sender_type, kind",
            "'agent', 'note'",
            [1, 0, 0, 0, 0],
        ),
        (
            "an echo of the business's phone",
            "sender_type, origin",
            "'agent', 'echo'",
            [1, 0, 1, 0, 1],
        ),
        (
            "a visitor's imported message",
            "sender_type, origin",
            "'visitor', 'history'",
            [1, 0, 0, 0, 0],
        ),
        (
            "an agent's imported message",
            "sender_type, origin",
            "'agent', 'history'",
            [1, 0, 0, 0, 0],
        ),
    ] {
        assert_eq!(scene.adds(&chat, columns, values).await?, adds, "{who}");
    }
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn the_assignees_own_answer_clears_what_is_unread() -> Result<()> {
    let (scene, ada, chat) = scene_with_a_chat().await?;
    for _ in 0..3 {
        scene.write(&chat, "sender_type", "'visitor'").await?;
    }
    scene
        .patch(ada, &chat, &format!("assigned_agent_id = '{}'", ada.id))
        .await?;
    for (columns, values) in [
        ("sender_type", "'ai'"),
        ("sender_type, origin", "'agent', 'echo'"),
        ("sender_type", "'agent'"),
    ] {
        scene.write(&chat, columns, values).await?;
        assert_eq!(
            scene.again(&chat).await?["unread_agent_count"],
            3,
            "{values} is not the assignee"
        );
    }
    scene.answer(ada, &chat, "Here I am").await?;
    assert_eq!(scene.again(&chat).await?["unread_agent_count"], 0);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn the_preview_is_the_latest_message_somebody_wrote_to_somebody() -> Result<()> {
    let (scene, _, chat) = scene_with_a_chat().await?;
    scene.write(&chat, "sender_type", "'visitor'").await?;
    scene.as_owner(&format!(
        "insert into mod_chat_messages (conversation_id, sender_type, content) values ({}, 'agent', '{}')",
        id(&chat), "é".repeat(300))).await?;
    let preview = only(
        &scene.again(&chat).await?,
        "last_message_text last_message_by last_message_at",
    );
    assert_eq!(preview["last_message_text"], "é".repeat(200));
    assert_eq!(preview["last_message_by"], "agent");
    for (columns, values) in [
        ("sender_type, kind", "'agent', 'note'"),
        ("sender_type, kind", "'system', 'event'"),
        ("sender_type, origin", "'visitor', 'history'"),
        (
            "sender_type, sent_at",
            "'visitor', now() - interval '1 hour'",
        ),
    ] {
        scene.write(&chat, columns, values).await?;
        assert_eq!(
            only(
                &scene.again(&chat).await?,
                "last_message_text last_message_by last_message_at"
            ),
            preview,
            "{values}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_message_without_words_leaves_the_line_to_its_kind() -> Result<()> {
    let (scene, _, chat) = scene_with_a_chat().await?;
    scene.as_owner(&format!(
        "insert into mod_chat_messages (conversation_id, sender_type, kind) values ({}, 'visitor', 'sticker')", id(&chat))).await?;
    assert_eq!(
        only(
            &scene.again(&chat).await?,
            "last_message_text last_message_by"
        ),
        json!({"last_message_text": "", "last_message_by": "visitor"})
    );
    Ok(())
}

#[tokio::test]
async fn numbers_have_no_gaps_and_notes_have_no_public_one() -> Result<()> {
    let (scene, _, chat) = scene_with_a_chat().await?;
    for values in [
        "'visitor', 'text'",
        "'agent', 'note'",
        "'agent', 'text'",
        "'agent', 'note'",
        "'visitor', 'text'",
    ] {
        scene.write(&chat, "sender_type, kind", values).await?;
    }
    let numbers = scene
        .rows("select seq, public_seq from mod_chat_messages order by seq")
        .await?;
    let expected = [
        (1, Some(1)),
        (2, None),
        (3, Some(2)),
        (4, None),
        (5, Some(3)),
    ];
    assert_eq!(
        numbers,
        expected.map(|(seq, public)| json!({"seq": seq, "public_seq": public}))
    );
    assert_counters_equal_recount(&scene.db).await
}
