//! Editing, taking back and reacting, as agents do it.

use anyhow::Result;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Agent, Refusal};
use serde_json::{Value, json};

use crate::scene::{Scene, ZOE, id, only};

impl Scene {
    async fn edit(&self, agent: Agent, message: &Value, words: &str) -> Result<Value, sqlx::Error> {
        let ask = format!(
            "select chat_edit_message({}, '{words}') as answer",
            id(message)
        );
        Ok(self.as_agent(agent, &ask).await?[0]["answer"].take())
    }

    async fn delete(&self, agent: Agent, message: &Value) -> Result<Value, sqlx::Error> {
        let ask = format!("select chat_delete_message({}) as answer", id(message));
        Ok(self.as_agent(agent, &ask).await?[0]["answer"].take())
    }

    async fn react(
        &self,
        agent: Agent,
        message: &Value,
        emoji: &str,
    ) -> Result<Value, sqlx::Error> {
        let ask = format!("select chat_react({}, {emoji}) as answer", id(message));
        Ok(self.as_agent(agent, &ask).await?[0]["answer"].take())
    }
}

fn refused<T>(result: Result<T, sqlx::Error>, said: &str) {
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
async fn an_edited_message_keeps_its_place_and_what_it_said() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    let answer = scene.answer(ada, &chat, "Nine to fife").await?;
    let edited = scene.edit(ada, &answer, "Nine to five").await?;
    assert_eq!(
        only(&edited, "seq public_seq sent_at"),
        only(&answer, "seq public_seq sent_at")
    );
    assert_eq!(edited["content"], "Nine to five");
    assert!(edited["edited_at"].is_string());
    assert_eq!(
        scene.again(&chat).await?["last_message_text"],
        "Nine to five"
    );

    let again = scene.edit(ada, &answer, "Nine to five").await?;
    assert_eq!(
        again["change"], edited["change"],
        "the same words are no edit"
    );
    scene.edit(ada, &answer, "Nine to six").await?;
    let history = format!("select chat_message_history({}) as h", id(&answer));
    let history = scene.as_agent(ada, &history).await?[0]["h"].take();
    let said: Vec<_> = history
        .as_array()
        .into_iter()
        .flatten()
        .map(|v| &v["content"])
        .collect();
    assert_eq!(said, ["Nine to fife", "Nine to five"]);
    assert_eq!(history[0]["replaced_by"], format!("agent:{}", ada.id));
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_message_taken_back_leaves_a_tombstone() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    let answer = scene.answer(ada, &chat, "A secret").await?;
    scene.react(ada, &answer, "'👍'").await?;
    let gone = scene.delete(ada, &answer).await?;
    assert_eq!(
        only(&gone, "seq content reactions metadata"),
        json!({"seq": answer["seq"], "content": null, "reactions": {}, "metadata": {}})
    );
    assert!(gone["deleted_at"].is_string());
    assert_eq!(scene.again(&chat).await?["last_message_text"], "");
    refused(
        scene.delete(ada, &answer).await,
        "PT409 chat/message_deleted",
    );
    refused(
        scene.edit(ada, &answer, "New").await,
        "PT409 chat/message_deleted",
    );
    refused(
        scene.react(ada, &answer, "'👍'").await,
        "PT409 chat/message_deleted",
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn others_words_are_taken_back_by_whoever_may_assign_and_edited_by_nobody() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (ben, boss) = (
        scene.colleague("agent").await?,
        scene.colleague("supervisor").await?,
    );
    let chat = scene.widget_chat().await?;
    let answer = scene.answer(ada, &chat, "Hello").await?;
    refused(
        scene.edit(boss, &answer, "Hi").await,
        "PT403 chat/not_your_message",
    );
    refused(
        scene.delete(ben, &answer).await,
        "PT403 chat/not_your_message",
    );
    assert!(scene.delete(boss, &answer).await?["deleted_at"].is_string());
    let question = scene
        .row("select * from mod_chat_messages where sender_type = 'visitor'")
        .await?;
    assert!(scene.delete(boss, &question).await?["content"].is_null());
    Ok(())
}

#[tokio::test]
async fn whatsapp_takes_nothing_back_and_notes_are_ours() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    let answer = scene.answer(ada, &chat, "Hello").await?;
    refused(
        scene.edit(ada, &answer, "Hi").await,
        "PT409 chat/already_sent",
    );
    refused(scene.delete(ada, &answer).await, "PT409 chat/already_sent");
    refused(
        scene.react(ada, &answer, "'👍'").await,
        "PT409 chat/not_sent_yet",
    );
    let note = format!(
        "insert into mod_chat_messages (conversation_id, content, kind) values ({}, 'VIP', 'note') returning *",
        id(&chat)
    );
    let note = scene.as_agent(ada, &note).await?.remove(0);
    let public = scene.again(&chat).await?["last_public_change"].take();
    scene.edit(ada, &note, "Very important").await?;
    scene.react(ada, &note, "'👀'").await?;
    scene.delete(ada, &note).await?;
    assert_eq!(
        scene.again(&chat).await?["last_public_change"],
        public,
        "of a note the visitor hears nothing"
    );
    Ok(())
}

#[tokio::test]
async fn everybody_has_one_reaction_and_may_take_it_back() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let ben = scene.colleague("agent").await?;
    let chat = scene.widget_chat().await?;
    let question = scene.newest(&chat).await?;
    scene.react(ada, &question, "'👍'").await?;
    let both = scene.react(ben, &question, "'❤️'").await?;
    let same = scene.react(ben, &question, "'❤️'").await?;
    assert_eq!(same["change"], both["change"]);
    let last = scene.react(ada, &question, "null").await?;
    let emoji = |agent: Agent| &last["reactions"][format!("agent:{}", agent.id)]["emoji"];
    assert_eq!((emoji(ada), emoji(ben)), (&Value::Null, &"❤️".into()));
    for text in ["''", "'ok'", "'<b>'", "repeat('👍', 17)", "e'👍\\n'"] {
        refused(
            scene.react(ada, &question, text).await,
            "PT422 chat/not_an_emoji",
        );
    }
    Ok(())
}

#[tokio::test]
async fn words_have_a_length_and_messages_a_site() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    let answer = scene.answer(ada, &chat, "Hello").await?;
    refused(
        scene.edit(ada, &answer, " ").await,
        "PT422 chat/text_length",
    );
    refused(
        scene.edit(ada, &answer, &"x".repeat(10_001)).await,
        "PT422 chat/text_length",
    );
    let elsewhere = pg_chat_tests::Site::make(&scene.db).await?;
    let stranger = elsewhere.agent("Eve", Default::default()).await?;
    refused(
        scene.edit(stranger, &answer, "x").await,
        "PT404 chat/no_such_message",
    );
    let history = format!("select chat_message_history({}) as h", id(&answer));
    refused(
        scene.as_agent(stranger, &history).await,
        "PT404 chat/no_such_message",
    );
    Ok(())
}

#[tokio::test]
async fn files_have_no_words_to_edit_and_lines_of_the_system_stay() -> Result<()> {
    let scene = Scene::open().await?;
    let boss = scene
        .site
        .agent(
            "Boss",
            pg_chat_tests::AgentIs {
                role: "supervisor",
                ..Default::default()
            },
        )
        .await?;
    let chat = scene.widget_chat().await?;
    let picture = format!(
        "insert into mod_chat_messages (conversation_id, kind, content) values ({}, 'image', 'Our shop') returning *",
        id(&chat)
    );
    let picture = scene.as_agent(boss, &picture).await?.remove(0);
    refused(
        scene.edit(boss, &picture, "Our door").await,
        "PT409 chat/not_editable",
    );
    scene.delete(boss, &picture).await?;
    let line = format!(
        "insert into mod_chat_messages (conversation_id, sender_type, kind, content) values ({}, 'system', 'event', 'Began')",
        id(&chat)
    );
    scene.as_owner(&line).await?;
    let line = scene.newest(&chat).await?;
    refused(scene.delete(boss, &line).await, "PT409 chat/not_deletable");
    Ok(())
}
