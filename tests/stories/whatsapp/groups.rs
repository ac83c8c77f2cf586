//! What people write in groups, answers that go there, and what a group tells of itself.

use anyhow::Result;
use pg_chat_tests::webhook::body_of;
use pg_chat_tests::{Agent, Refusal, webhook};
use serde_json::{Value, json};

use super::phone_app::{echo, seconds_ago};
use crate::scene::{Scene, YUKI, ZOE, id, only};

const GROUP: &str = "Y2FwaV9ncm91cDox";

impl Scene {
    /// Zoe writes in a group; her conversation.
    async fn hear_in_group(&self, wamid: &str) -> Result<Value> {
        let mut text = webhook::text(ZOE, wamid, "Hi all");
        text["group_id"] = json!(GROUP);
        self.hear(&[text]).await?;
        self.conversation_of(ZOE).await
    }

    async fn answer_group(
        &self,
        agent: Agent,
        conversation: &Value,
        group: &str,
    ) -> Result<Vec<Value>, sqlx::Error> {
        let row = format!(
            "insert into mod_chat_messages (conversation_id, sender_type, content, metadata)
            values ({}, 'agent', 'To all', '{{\"group_id\": \"{group}\"}}') returning *",
            id(conversation)
        );
        self.as_agent(agent, &row).await
    }
}

fn code(answer: Result<Vec<Value>, sqlx::Error>) -> String {
    let refusal = Refusal::expect(answer);
    assert!(refusal.hint.is_some(), "{refusal:?}");
    refusal.detail.unwrap_or_default()
}

#[tokio::test]
async fn what_somebody_writes_in_a_group_stays_theirs_and_is_marked() -> Result<()> {
    let (scene, _) = Scene::with_agent().await?;
    let alone = scene.visit(ZOE).await?;
    let home = scene.hear_in_group("wamid.group").await?;
    assert_eq!(home["id"], alone["id"]);
    let message = scene.message("wamid.group").await?;
    assert_eq!(message["metadata"]["group_id"], GROUP);
    let before = scene.message(&format!("wamid.visit.{ZOE}")).await?;
    assert_eq!(before["metadata"].get("group_id"), None);
    Ok(())
}

#[tokio::test]
async fn an_answer_goes_to_the_group_only_where_it_says_so() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let home = scene.hear_in_group("wamid.group").await?;
    scene.answer_group(ada, &home, GROUP).await?;
    scene.answer(ada, &home, "To you alone").await?;
    let attempt = scene.begin_send().await?;
    assert_eq!(attempt.said["metadata"]["group_id"], GROUP);
    // Graph answers for the group; that is nobody's phone.
    let accepted = json!({"is": "accepted", "wamid": "wamid.out", "wa_id": GROUP, "http": 200});
    scene.end_send(&attempt, accepted).await?;
    assert_eq!(
        scene
            .count(&format!("chat.identity_aliases where value = '{GROUP}'"))
            .await?,
        0
    );
    let alone = scene.send("wamid.alone").await?;
    assert_eq!(alone.said["metadata"], json!({}));
    Ok(())
}

#[tokio::test]
async fn a_group_that_nobody_wrote_from_is_not_written_to() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let home = scene.hear_in_group("wamid.group").await?;
    assert_eq!(
        code(scene.answer_group(ada, &home, "Y2FwaV9ncm91cDoy").await),
        "chat/unknown_group"
    );
    let other = scene.visit(YUKI).await?;
    assert_eq!(
        code(scene.answer_group(ada, &other, GROUP).await),
        "chat/unknown_group",
        "another person's group"
    );
    assert_eq!(
        scene
            .count("mod_chat_messages where sender_type = 'agent'")
            .await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn a_reaction_in_a_group_is_refused_and_not_sent_to_the_person() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.hear_in_group("wamid.group").await?;
    let message = scene.message("wamid.group").await?;
    let react = format!("select chat_react({}, '\u{1f44d}')", id(&message));
    assert_eq!(code(scene.as_agent(ada, &react).await), "chat/in_a_group");
    assert_eq!(scene.message("wamid.group").await?["reactions"], json!({}));
    Ok(())
}

#[tokio::test]
async fn what_goes_to_a_group_makes_nobody() -> Result<()> {
    let scene = Scene::open().await?;
    let mut to_all = echo("wamid.e1", "Hi all");
    to_all["to"] = json!("Y2hhdF8x");
    to_all["recipient_type"] = json!("group");
    assert_eq!(scene.hear_echoes(&[to_all]).await?["dead"], 1);
    let letter = scene
        .row("select reason, item -> 'metadata' ->> 'group_id' as group_id from chat.dead_letters")
        .await?;
    assert_eq!(
        letter,
        json!({"reason": "no_person", "group_id": "Y2hhdF8x"})
    );
    assert_eq!(scene.count("mod_chat_visitors").await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_happens_to_a_group_is_kept_and_makes_nobody() -> Result<()> {
    let scene = Scene::open().await?;
    let joined = json!({"groups": [{"group_id": "Y2hhdF8x", "type": "group_participants_add", "timestamp": seconds_ago(5),
        "added_participants": [{"wa_id": ZOE}]}]});
    let body = body_of(&scene.number, "group_participants_update", joined);
    assert_eq!(scene.take(&body).await?["stored"], 1);
    assert_eq!(scene.take(&body).await?["duplicate"], 1);
    let told = scene
        .as_boss(&format!(
            "select t as told from chat_whatsapp_told('{}', 'group_participants_update') t",
            scene.site.id
        ))
        .await?;
    assert_eq!(told.len(), 1);
    assert_eq!(
        only(&told[0]["told"], "subject event"),
        json!({"subject": "Y2hhdF8x", "event": "group_participants_add"})
    );
    assert_eq!(
        told[0]["told"]["facts"]["added_participants"],
        json!([{"wa_id": ZOE}])
    );
    assert_eq!(
        scene
            .count("chat.events where name = 'chat.whatsapp.group_changed'")
            .await?,
        1
    );
    assert_eq!(scene.count("mod_chat_visitors").await?, 0);
    // Of a number that is not the app's: nothing is lost.
    let mut stray = body.clone();
    stray["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] = json!("1");
    assert_eq!(scene.take(&stray).await?["dead"], 1);
    Ok(())
}
