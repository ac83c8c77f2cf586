//! Every happening that LC-01 names leaves one row, in the transaction that made it happen.

use anyhow::Result;
use pg_chat_tests::AgentIs;
use serde_json::{Value, json};

use crate::scene::{Scene, ZOE, id};

impl Scene {
    /// Names of all events so far, and forgets them.
    async fn happened(&self) -> Result<Vec<String>> {
        let events = self
            .rows("select name from chat.events order by id")
            .await?;
        self.as_owner("delete from chat.events").await?;
        Ok(events
            .iter()
            .map(|event| event["name"].as_str().unwrap_or_default().to_owned())
            .collect())
    }
}

#[tokio::test]
async fn a_conversation_from_its_beginning_to_its_end() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    assert_eq!(
        scene.happened().await?,
        [
            "chat.conversation.created",
            "chat.message.received",
            "chat.conversation.assigned"
        ]
    );
    scene.answer(ada, &chat, "Hello Zoe").await?;
    assert_eq!(scene.happened().await?, ["chat.message.sent"]);
    scene
        .as_owner(&format!(
            "update mod_chat_conversations set rating = 5 where id = {}",
            id(&chat)
        ))
        .await?;
    assert_eq!(scene.happened().await?, ["chat.conversation.rated"]);
    scene.patch(ada, &chat, "status = 'resolved'").await?;
    assert_eq!(scene.happened().await?, ["chat.conversation.resolved"]);
    scene.patch(ada, &chat, "status = 'closed'").await?;
    assert_eq!(scene.happened().await?, ["chat.conversation.closed"]);
    scene.turns(ada, "away").await?;
    assert_eq!(scene.happened().await?, ["chat.agent.status_changed"]);
    scene.turns(ada, "away").await?;
    scene.patch(ada, &chat, "tags = '{late}'").await?;
    assert_eq!(scene.happened().await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_conversation_nobody_took_is_missed() -> Result<()> {
    let scene = Scene::open().await?;
    scene.visit(ZOE).await?;
    scene.happened().await?;
    scene
        .as_owner("update mod_chat_conversations set status = 'missed'")
        .await?;
    assert_eq!(scene.happened().await?, ["chat.conversation.missed"]);
    Ok(())
}

#[tokio::test]
async fn each_assignment_names_its_agent() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    let boss = scene
        .site
        .agent(
            "Boss",
            AgentIs {
                role: "supervisor",
                status: "away",
                ..AgentIs::default()
            },
        )
        .await?;
    scene
        .patch(boss, &chat, &format!("assigned_agent_id = '{}'", boss.id))
        .await?;
    let assigned = scene.rows("select agent_id as a from chat.events where name = 'chat.conversation.assigned' order by id").await?;
    assert_eq!(assigned, [json!({"a": ada.id}), json!({"a": boss.id})]);
    Ok(())
}

#[tokio::test]
async fn notes_repetitions_lines_of_the_system_and_history_are_no_events() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    scene.happened().await?;
    scene
        .hear_text(ZOE, &format!("wamid.visit.{ZOE}"), "Hello")
        .await?;
    let note = format!(
        "insert into mod_chat_messages (conversation_id, content, kind) values ({}, 'VIP', 'note') returning *",
        id(&chat)
    );
    scene.as_agent(ada, &note).await?;
    for (sender, kind, origin) in [
        ("system", "event", "live"),
        ("visitor", "text", "history"),
        ("agent", "text", "history"),
    ] {
        scene
            .as_owner(&format!(
            "insert into mod_chat_messages (conversation_id, content, sender_type, kind, origin)
            values ({}, 'words', '{sender}', '{kind}', '{origin}')", id(&chat)))
            .await?;
    }
    assert_eq!(scene.happened().await?, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn what_happens_on_whatsapp_has_a_twin_of_that_name() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    scene.answer(ada, &chat, "Hello Zoe").await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_messages (conversation_id, content, sender_type, kind, origin)
        values ({}, 'Your order', 'agent', 'template', 'echo')",
            id(&chat)
        ))
        .await?;
    let visitor = scene.site.visitor("Ivy").await?;
    let widget = json!({"id": scene.site.conversation(visitor).await?});
    scene.answer(ada, &widget, "Hello Ivy").await?;

    let twins: Vec<Value> = scene
        .rows("select name, conversation_id as c from chat.events_with_whatsapp where name like 'chat.whatsapp.%' order by id")
        .await?;
    let of_zoe = |name: &str| json!({"name": name, "c": chat["id"]});
    assert_eq!(
        twins,
        [
            of_zoe("chat.whatsapp.message_received"),
            of_zoe("chat.whatsapp.message_sent"),
            of_zoe("chat.whatsapp.template_sent"),
        ]
    );
    Ok(())
}
