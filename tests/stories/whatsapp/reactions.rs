//! An emoji on a message is no message: it stands on its target.

use anyhow::Result;
use pg_chat_tests::Agent;
use pg_chat_tests::recount::assert_counters_equal_recount;
use serde_json::{Value, json};

use crate::scene::{Scene, ZOE, only};

/// Zoe's phone reacts to a message at some second of an hour.
pub fn reaction(wamid: &str, target: &str, emoji: &str, second: i64) -> Value {
    let at = (jiff::Timestamp::now().as_second() - 3_600 + second).to_string();
    json!({"from": ZOE, "id": wamid, "timestamp": at, "type": "reaction",
        "reaction": {"message_id": target, "emoji": emoji}})
}

/// The one entry of a message's reactions.
fn shown(message: &Value) -> &Value {
    let entries = message["reactions"]
        .as_object()
        .expect("reactions are an object");
    assert_eq!(entries.len(), 1, "one entry an actor: {entries:?}");
    entries.values().next().expect("one")
}

async fn scene_with_a_message() -> Result<(Scene, Agent, Value)> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.hear_text(ZOE, "wamid.1", "Done?").await?;
    let conversation = scene.conversation_of(ZOE).await?;
    Ok((scene, ada, conversation))
}

#[tokio::test]
async fn a_reaction_stands_on_its_message_and_takes_a_change() -> Result<()> {
    let (scene, _, conversation) = scene_with_a_message().await?;
    scene
        .hear(&[reaction("wamid.r", "wamid.1", "👍", 1)])
        .await?;
    let message = scene.message("wamid.1").await?;
    assert_eq!(shown(&message)["emoji"], "👍");
    assert!(
        message["reactions"]
            .get(format!(
                "visitor:{}",
                conversation["visitor_id"].as_str().unwrap()
            ))
            .is_some()
    );
    let after = scene.again(&conversation).await?;
    assert_eq!(message["change"], after["last_change"]);
    assert_eq!(
        only(
            &after,
            "message_count last_seq unread_agent_count last_message_text"
        ),
        only(
            &conversation,
            "message_count last_seq unread_agent_count last_message_text"
        )
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_reaction_is_taken_off_with_an_empty_emoji_and_with_none() -> Result<()> {
    let (scene, ..) = scene_with_a_message().await?;
    scene
        .hear(&[reaction("wamid.r1", "wamid.1", "👍", 1)])
        .await?;
    scene
        .hear(&[reaction("wamid.r2", "wamid.1", "", 2)])
        .await?;
    assert_eq!(
        shown(&scene.message("wamid.1").await?)["emoji"],
        json!(null)
    );
    scene
        .hear(&[reaction("wamid.r3", "wamid.1", "🎉", 3)])
        .await?;
    let mut absent = reaction("wamid.r4", "wamid.1", "", 4);
    absent["reaction"] = json!({"message_id": "wamid.1"});
    scene.hear(&[absent]).await?;
    assert_eq!(
        shown(&scene.message("wamid.1").await?)["emoji"],
        json!(null)
    );
    Ok(())
}

#[tokio::test]
async fn an_older_reaction_that_comes_late_does_not_undo_a_newer_one() -> Result<()> {
    let (scene, ..) = scene_with_a_message().await?;
    let newest = reaction("wamid.r3", "wamid.1", "", 30);
    scene.hear(std::slice::from_ref(&newest)).await?;
    let settled = scene.message("wamid.1").await?;
    scene
        .hear(&[reaction("wamid.r2", "wamid.1", "👎", 20)])
        .await?;
    scene.hear(&[newest]).await?;
    assert_eq!(scene.message("wamid.1").await?, settled);
    Ok(())
}

#[tokio::test]
async fn a_reaction_to_a_message_nobody_knows_is_a_placeholder() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .hear(&[reaction("wamid.r", "wamid.before.our.time", "👍", 1)])
        .await?;
    let message = scene.message("wamid.r").await?;
    assert_eq!(message["kind"], "unsupported");
    assert_eq!(message["metadata"]["raw"]["reaction"]["emoji"], "👍");
    assert_eq!(
        scene
            .hear(&[reaction("wamid.r", "wamid.before.our.time", "👍", 1)])
            .await?["duplicate"],
        1
    );
    Ok(())
}

#[tokio::test]
async fn a_reaction_to_what_an_agent_wrote_stands_there_too() -> Result<()> {
    let (scene, ada, conversation) = scene_with_a_message().await?;
    let answer = scene.answer(ada, &conversation, "Yes").await?;
    scene.as_owner("update mod_chat_messages set whatsapp_message_id = 'wamid.out' where sender_type = 'agent'").await?;
    scene
        .hear(&[reaction("wamid.r", "wamid.out", "❤️", 1)])
        .await?;
    assert_eq!(shown(&scene.message_now(&answer).await?)["emoji"], "❤️");
    Ok(())
}
