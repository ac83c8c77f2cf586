//! Internal notes, the colleagues they name, and what replies to what.

use anyhow::Result;
use pg_chat_tests::{Agent, Refusal};
use serde_json::Value;

use crate::scene::{Scene, id};

impl Scene {
    async fn note(
        &self,
        agent: Agent,
        chat: &Value,
        mentions: &[Agent],
    ) -> Result<Value, sqlx::Error> {
        let ids: Vec<_> = mentions.iter().map(|agent| agent.id.to_string()).collect();
        let insert = format!(
            "insert into mod_chat_messages (conversation_id, content, kind, mentions)
            values ({}, 'Please look', 'note', '{{{}}}') returning *",
            id(chat),
            ids.join(",")
        );
        Ok(self.as_agent(agent, &insert).await?.remove(0))
    }

    async fn mentions(&self, agent: Agent) -> Result<usize> {
        let ask = format!("select * from chat_mentions('{}')", self.site.id);
        Ok(self.as_agent(agent, &ask).await?.len())
    }
}

#[tokio::test]
async fn whoever_a_note_names_finds_it_until_they_have_read_it() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (ben, eve) = (
        scene.colleague("agent").await?,
        scene.colleague("agent").await?,
    );
    let chat = scene.widget_chat().await?;
    let note = scene.note(ada, &chat, &[ben, ada, ben]).await?;
    assert!(note["public_seq"].is_null() && note["is_internal_note"] == true);
    assert_eq!(
        (
            scene.mentions(ada).await?,
            scene.mentions(ben).await?,
            scene.mentions(eve).await?
        ),
        (0, 1, 0),
        "nobody is told of naming themselves"
    );
    scene
        .as_agent(ben, &format!("select chat_read({}) as a", id(&chat)))
        .await?;
    assert_eq!(scene.mentions(ben).await?, 0);
    let all = format!("select * from chat_mentions('{}', false)", scene.site.id);
    assert_eq!(scene.as_agent(ben, &all).await?[0]["id"], note["id"]);
    Ok(())
}

#[tokio::test]
async fn only_notes_name_colleagues_and_only_colleagues_are_named() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    let stranger = Agent {
        id: uuid::Uuid::new_v4(),
        ..ada
    };
    let refusal = Refusal::expect(scene.note(ada, &chat, &[stranger]).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/no_such_agent"));
    let open = format!(
        "insert into mod_chat_messages (conversation_id, content, mentions) values ({}, 'Hi', '{{{}}}') returning *",
        id(&chat),
        ada.id
    );
    let refusal = Refusal::expect(scene.as_agent(ada, &open).await);
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT422", Some("chat/mention_outside_note"))
    );
    Ok(())
}

#[tokio::test]
async fn a_reply_quotes_its_own_conversation_and_never_a_note() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (chat, other) = (scene.widget_chat().await?, scene.widget_chat().await?);
    let question = scene.newest(&chat).await?;
    let reply = |quoted: &Value, kind: &str| {
        format!(
            "insert into mod_chat_messages (conversation_id, content, kind, reply_to_id)
            values ({}, 'So it is', '{kind}', {}) returning *",
            id(&chat),
            id(quoted)
        )
    };
    let answer = scene.as_agent(ada, &reply(&question, "text")).await?;
    assert_eq!(answer[0]["reply_to_id"], question["id"]);

    let elsewhere = scene.newest(&other).await?;
    let refusal = Refusal::expect(scene.as_agent(ada, &reply(&elsewhere, "text")).await);
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT422", Some("chat/no_such_reply"))
    );
    let note = scene.note(ada, &chat, &[]).await?;
    let refusal = Refusal::expect(scene.as_agent(ada, &reply(&note, "text")).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/reply_to_note"));
    scene.as_agent(ada, &reply(&note, "note")).await?;
    Ok(())
}

#[tokio::test]
async fn tags_are_kept_once_and_tidy_and_words_about_a_chat_have_a_limit() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    let row = scene
        .patch(
            ada,
            &chat,
            "tags = array[' vip', 'refund', '', 'vip '], subject = 'Refund', internal_notes = 'Knows the boss'",
        )
        .await?;
    assert_eq!(row[0]["tags"], serde_json::json!(["vip", "refund"]));
    assert_eq!(row[0]["internal_notes"], "Knows the boss");
    for (set, code) in [
        ("tags = array[repeat('x', 65)]", "chat/tags"),
        (
            "tags = array(select n::text from generate_series(1, 51) n)",
            "chat/tags",
        ),
        ("subject = repeat('x', 501)", "chat/subject_length"),
    ] {
        let refusal = Refusal::expect(scene.patch(ada, &chat, set).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            ("PT422", Some(code)),
            "{set}"
        );
    }
    Ok(())
}
