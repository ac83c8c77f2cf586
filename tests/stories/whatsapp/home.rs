//! Where the next message of a person goes: on with the open conversation, back to an old one, or to a new one.

use anyhow::Result;
use pg_chat_tests::AgentIs;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{receive, text};

use crate::scene::{Scene, ZOE, id};

/// Turns back the time at which a conversation ended.
async fn ended_hours_ago(scene: &Scene, hours: u32) -> Result<()> {
    let ended =
        format!("update mod_chat_conversations set archived_at = now() - interval '{hours} hours'");
    scene.as_owner(&ended).await?;
    Ok(())
}

#[tokio::test]
async fn a_message_soon_after_it_was_resolved_reopens_the_conversation() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    scene
        .patch(ada, &conversation, "status = 'resolved'")
        .await?;
    ended_hours_ago(&scene, 23).await?;
    scene.hear_text(ZOE, "wamid.2", "One more thing").await?;
    let now = scene.again(&conversation).await?;
    assert_eq!(
        (now["status"].as_str(), now["last_seq"].as_i64()),
        (Some("active"), Some(2))
    );
    assert!(
        now["archived_at"].is_null() && now["resolved_at"].is_null(),
        "{now}"
    );
    assert_eq!(scene.count("mod_chat_conversations").await?, 1);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_message_long_after_it_was_resolved_begins_a_new_conversation() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    scene
        .patch(ada, &conversation, "status = 'resolved'")
        .await?;
    ended_hours_ago(&scene, 25).await?;
    scene.hear_text(ZOE, "wamid.2", "Hello again").await?;
    assert_eq!(scene.again(&conversation).await?["status"], "resolved");
    let newest = scene.conversation_of(ZOE).await?;
    assert_ne!(newest["id"], conversation["id"]);
    assert_eq!(newest["session_number"], "CHAT-00000002");
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_site_says_for_how_long_a_conversation_may_come_back() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let settings = format!(
        "insert into mod_chat_widget_settings (site_id, reopen_hours) values ('{}', 48)",
        scene.site.id
    );
    scene.as_owner(&settings).await?;
    let conversation = scene.visit(ZOE).await?;
    scene
        .patch(ada, &conversation, "status = 'resolved'")
        .await?;
    ended_hours_ago(&scene, 47).await?;
    scene.hear_text(ZOE, "wamid.2", "Within two days").await?;
    assert_eq!(scene.again(&conversation).await?["status"], "active");

    scene
        .as_owner("update mod_chat_widget_settings set reopen_hours = 0")
        .await?;
    scene
        .patch(ada, &conversation, "status = 'resolved'")
        .await?;
    scene.hear_text(ZOE, "wamid.3", "A moment later").await?;
    assert_eq!(
        scene.again(&conversation).await?["status"],
        "resolved",
        "0 hours means never"
    );
    assert_eq!(scene.count("mod_chat_conversations").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_missed_conversation_comes_back_like_a_resolved_one() -> Result<()> {
    let scene = Scene::open().await?;
    let conversation = scene.visit(ZOE).await?;
    scene
        .as_owner("update mod_chat_conversations set status = 'missed'")
        .await?;
    scene.hear_text(ZOE, "wamid.2", "Anybody there?").await?;
    assert_eq!(scene.again(&conversation).await?["status"], "pending");
    Ok(())
}

#[tokio::test]
async fn a_closed_conversation_is_not_reopened_by_a_message() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    scene.patch(ada, &conversation, "status = 'closed'").await?;
    scene.hear_text(ZOE, "wamid.2", "A moment later").await?;
    assert_eq!(scene.again(&conversation).await?["status"], "closed");
    assert_eq!(scene.count("mod_chat_conversations").await?, 2);
    Ok(())
}

#[tokio::test]
async fn somebody_who_writes_ends_the_waiting() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    scene
        .patch(ada, &conversation, "status = 'waiting'")
        .await?;
    scene
        .as_owner(&format!(
            "update mod_chat_conversations set snoozed_until = now() + interval '1 day' where id = {}",
            id(&conversation)
        ))
        .await?;
    assert_eq!(
        scene.agent_now(ada).await?["current_chat_count"],
        0,
        "a snoozed chat is no load"
    );
    scene
        .hear_text(ZOE, "wamid.2", "Here is the number you asked for")
        .await?;
    let now = scene.again(&conversation).await?;
    assert_eq!(now["status"], "active");
    assert!(now["snoozed_until"].is_null());
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 1);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn what_comes_back_goes_to_whoever_had_it_if_they_have_room() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    scene
        .patch(ada, &conversation, "status = 'resolved'")
        .await?;
    // Ben has never had a chat, so he would be chosen otherwise.
    scene.site.agent("Ben", AgentIs::default()).await?;
    scene.hear_text(ZOE, "wamid.2", "Me again").await?;
    assert_eq!(
        scene.again(&conversation).await?["assigned_agent_id"],
        ada.id.to_string()
    );
    Ok(())
}

#[tokio::test]
async fn two_numbers_of_a_site_have_a_conversation_each() -> Result<()> {
    let scene = Scene::open().await?;
    let second = scene.site.number(&scene.db, "206540352242922").await?;
    scene.hear_text(ZOE, "wamid.1", "To sales").await?;
    receive(&scene.db, &second, &[text(ZOE, "wamid.2", "To support")]).await?;
    let numbers = scene
        .rows("select phone_number_id as n from mod_chat_conversations order by 1")
        .await?;
    assert_eq!(
        numbers.iter().map(|c| &c["n"]).collect::<Vec<_>>(),
        ["106540352242922", "206540352242922"]
    );
    Ok(())
}
