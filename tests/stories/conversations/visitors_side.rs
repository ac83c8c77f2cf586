//! What the visitor of a conversation does in it: reads, rates, ends, takes words back.

use anyhow::Result;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Refusal, Session};
use serde_json::{Value, json};

use crate::scene::{Scene, id, only};

impl Scene {
    /// Somebody with a session, and their chat in which they wrote once.
    async fn session_and_chat(&self) -> Result<(Session, Value)> {
        let session = self.site.session(&self.db).await?;
        let conversation = self.site.conversation(session.visitor).await?;
        let chat = json!({"id": conversation});
        self.visitor_writes(&chat, "Hello").await?;
        Ok((session, self.again(&chat).await?))
    }

    /// What a function answers to the visitor.
    async fn by_visitor(&self, session: &Session, call: &str) -> Result<Value, sqlx::Error> {
        let mut visitor = self
            .db
            .as_visitor(session)
            .await
            .map_err(|error| sqlx::Error::Configuration(error.into()))?;
        let ask = format!("select {call} as answer");
        Ok(visitor.rows(&ask).await?[0]["answer"].take())
    }
}

fn refused(result: Result<Value, sqlx::Error>, said: &str) {
    let refusal = Refusal::expect(result);
    let detail = refusal.detail.clone().unwrap_or_default();
    assert_eq!(
        format!("{} {detail}", refusal.sqlstate),
        said,
        "{refusal:?}"
    );
    assert!(refusal.hint.is_some_and(|hint| !hint.is_empty()));
}

#[tokio::test]
async fn the_agent_sees_that_a_message_was_shown_and_then_read() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (zoe, chat) = scene.session_and_chat().await?;
    let first = scene.answer(ada, &chat, "Hello Zoe").await?;
    let second = scene.answer(ada, &chat, "How can I help?").await?;
    assert_eq!(scene.again(&chat).await?["unread_visitor_count"], 2);
    assert_eq!(first["status"], "sent");

    let shown = format!("chat_read({}, null, true)", id(&chat));
    assert_eq!(scene.by_visitor(&zoe, &shown).await?["unread"], 2);
    for message in [&first, &second] {
        let now = scene.message_now(message).await?;
        assert_eq!(
            only(&now, "status delivery_state read_at"),
            json!({"status": "delivered", "delivery_state": "delivered", "read_at": null})
        );
    }
    let read = format!("chat_read({}, {})", id(&chat), first["public_seq"]);
    let answer = scene.by_visitor(&zoe, &read).await?;
    assert_eq!(
        answer,
        json!({"conversation_id": chat["id"], "unread": 1}),
        "a visitor hears nothing of the agents' numbers"
    );
    let now = scene.message_now(&first).await?;
    assert_eq!(now["status"], "read");
    assert!(now["read_at"].is_string());
    assert_eq!(scene.message_now(&second).await?["status"], "delivered");
    assert_eq!(scene.again(&chat).await?["unread_visitor_count"], 1);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_note_between_the_messages_is_not_counted_by_the_visitor() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (zoe, chat) = scene.session_and_chat().await?;
    let note = format!(
        "insert into mod_chat_messages (conversation_id, content, kind) values ({}, 'VIP', 'note') returning *",
        id(&chat)
    );
    scene.as_agent(ada, &note).await?;
    let answer = scene.answer(ada, &chat, "Hello Zoe").await?;
    assert_eq!(
        (&answer["seq"], &answer["public_seq"]),
        (&3.into(), &2.into())
    );
    let read = format!("chat_read({}, 2)", id(&chat));
    assert_eq!(scene.by_visitor(&zoe, &read).await?["unread"], 0);
    assert_eq!(scene.message_now(&answer).await?["status"], "read");
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_visitor_ends_the_chat_with_a_rating_in_one_call() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (zoe, chat) = scene.session_and_chat().await?;
    scene.answer(ada, &chat, "Hello Zoe").await?;
    let end = format!("chat_end({}, 5, ' Quick! ')", id(&chat));
    let answer = scene.by_visitor(&zoe, &end).await?;
    assert_eq!(
        only(&answer, "status rating rating_comment"),
        json!({"status": "closed", "rating": 5, "rating_comment": "Quick!"})
    );
    let ended = scene.again(&chat).await?;
    assert_eq!(ended["ended_by"], "visitor");
    assert!(
        ended["abandoned_at"].is_null() && ended["resolution_time_seconds"].is_number(),
        "{ended}"
    );
    assert_eq!(
        scene.newest(&chat).await?["content"],
        "Ended by the visitor"
    );
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 0);
    let again = format!("chat_end({})", id(&chat));
    assert_eq!(
        scene.by_visitor(&zoe, &again).await?["archived_at"],
        answer["archived_at"]
    );
    let rated = "chat.events where name in ('chat.conversation.rated', 'chat.conversation.closed')";
    assert_eq!(scene.count(rated).await?, 2);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn whoever_gives_up_before_an_agent_came_is_counted_as_abandoned() -> Result<()> {
    let scene = Scene::open().await?;
    let (zoe, chat) = scene.session_and_chat().await?;
    scene
        .as_owner("update mod_chat_conversations set pending_since = pending_since - interval '90 seconds'")
        .await?;
    let end = format!("chat_end({})", id(&chat));
    assert_eq!(scene.by_visitor(&zoe, &end).await?["status"], "missed");
    let given_up = scene.again(&chat).await?;
    assert!(given_up["abandoned_at"].is_string());
    assert!(
        given_up["wait_time_seconds"]
            .as_i64()
            .is_some_and(|seconds| seconds >= 90),
        "{given_up}"
    );
    assert!(given_up["resolution_time_seconds"].is_null());
    Ok(())
}

#[tokio::test]
async fn a_conversation_is_rated_once_by_its_visitor_when_somebody_has_answered() -> Result<()> {
    let scene = Scene::open().await?;
    let (zoe, chat) = scene.session_and_chat().await?;
    let (yan, _) = scene.session_and_chat().await?;
    let rate = |more: &str| format!("chat_rate({}, {more})", id(&chat));
    refused(
        scene.by_visitor(&zoe, &rate("5")).await,
        "PT409 chat/nothing_to_rate",
    );
    let ben = scene.colleague("agent").await?;
    scene
        .patch(ben, &chat, &format!("assigned_agent_id = '{}'", ben.id))
        .await?;
    scene.answer(ben, &chat, "Hello").await?;
    for more in ["0", "6", "null", "-1"] {
        refused(
            scene.by_visitor(&zoe, &rate(more)).await,
            "PT422 chat/rating_range",
        );
    }
    refused(
        scene.by_visitor(&zoe, &rate("5, repeat('x', 2001)")).await,
        "PT422 chat/comment_length",
    );
    refused(
        scene.by_visitor(&yan, &rate("1")).await,
        "PT404 chat/no_such_conversation",
    );
    assert_eq!(
        scene.by_visitor(&zoe, &rate("4, 'Good'")).await?["rating"],
        4
    );
    refused(
        scene.by_visitor(&zoe, &rate("1")).await,
        "PT409 chat/already_rated",
    );
    let kept = scene.again(&chat).await?;
    assert_eq!(
        only(&kept, "rating rating_comment status"),
        json!({"rating": 4, "rating_comment": "Good", "status": "active"})
    );
    assert!(kept["rated_at"].is_string());
    Ok(())
}

#[tokio::test]
async fn a_site_without_ratings_takes_none() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (zoe, chat) = scene.session_and_chat().await?;
    scene.answer(ada, &chat, "Hello").await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_widget_settings (site_id, enable_satisfaction_rating) values ('{}', false)
            on conflict (site_id) do update set enable_satisfaction_rating = false",
            scene.site.id
        ))
        .await?;
    let rate = format!("chat_rate({}, 5)", id(&chat));
    refused(scene.by_visitor(&zoe, &rate).await, "PT409 chat/rating_off");
    Ok(())
}

#[tokio::test]
async fn visitors_revise_their_own_words_for_as_long_as_the_site_lets_them() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (zoe, chat) = scene.session_and_chat().await?;
    let question = scene.newest(&chat).await?;
    let edit = |words: &str| format!("chat_edit_message({}, '{words}')", id(&question));
    let edited = scene.by_visitor(&zoe, &edit("Hello!")).await?;
    assert_eq!(edited["content"], "Hello!");
    for inner in ["seq", "sender_id", "metadata", "mentions"] {
        assert!(edited.get(inner).is_none(), "{inner} is not a visitor's");
    }
    assert_eq!(
        scene.message_now(&question).await?["content"],
        "Hello!",
        "the team sees it too"
    );

    let answer = scene.answer(ada, &chat, "Hello Zoe").await?;
    let of_answer = |what: &str| format!("chat_{what}({}", id(&answer));
    refused(
        scene
            .by_visitor(&zoe, &format!("{}, 'Mine')", of_answer("edit_message")))
            .await,
        "PT403 chat/not_your_message",
    );
    refused(
        scene
            .by_visitor(&zoe, &format!("{})", of_answer("delete_message")))
            .await,
        "PT403 chat/not_your_message",
    );
    let liked = scene
        .by_visitor(&zoe, &format!("{}, '👍')", of_answer("react")))
        .await?;
    assert_eq!(
        liked["reactions"],
        json!([{"by": "visitor", "emoji": "👍"}])
    );

    scene
        .as_owner("update mod_chat_messages set created_at = created_at - interval '16 minutes'")
        .await?;
    refused(
        scene.by_visitor(&zoe, &edit("Hello?")).await,
        "PT409 chat/too_late",
    );
    let delete = format!("chat_delete_message({})", id(&question));
    refused(scene.by_visitor(&zoe, &delete).await, "PT409 chat/too_late");
    Ok(())
}

#[tokio::test]
async fn a_visitor_has_no_hand_in_notes_and_in_the_chats_of_others() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (zoe, chat) = scene.session_and_chat().await?;
    let (yan, _) = scene.session_and_chat().await?;
    let question = scene.newest(&chat).await?;
    let note = format!(
        "insert into mod_chat_messages (conversation_id, content, kind) values ({}, 'VIP', 'note') returning *",
        id(&chat)
    );
    let note = scene.as_agent(ada, &note).await?.remove(0);
    for (session, message) in [(&zoe, &note), (&yan, &question)] {
        for call in [
            format!("chat_edit_message({}, 'x')", id(message)),
            format!("chat_delete_message({})", id(message)),
            format!("chat_react({}, '👍')", id(message)),
        ] {
            refused(
                scene.by_visitor(session, &call).await,
                "PT404 chat/no_such_message",
            );
        }
    }
    for call in ["chat_read", "chat_end"] {
        refused(
            scene
                .by_visitor(&yan, &format!("{call}({})", id(&chat)))
                .await,
            "PT404 chat/no_such_conversation",
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_dead_token_is_told_so_by_each_of_these() -> Result<()> {
    let (scene, _) = Scene::with_agent().await?;
    let (zoe, chat) = scene.session_and_chat().await?;
    let question = scene.newest(&chat).await?;
    scene.by_visitor(&zoe, "chat_end_session()").await?;
    for call in [
        format!("chat_read({})", id(&chat)),
        format!("chat_end({})", id(&chat)),
        format!("chat_rate({}, 5)", id(&chat)),
        format!("chat_edit_message({}, 'x')", id(&question)),
        format!("chat_delete_message({})", id(&question)),
        format!("chat_react({}, '👍')", id(&question)),
    ] {
        refused(
            scene.by_visitor(&zoe, &call).await,
            "PT401 chat/session_dead",
        );
    }
    Ok(())
}
