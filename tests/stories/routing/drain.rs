//! Whoever waits is taken as soon as somebody has room, the most urgent and then the oldest first.

use anyhow::Result;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Agent, AgentIs, Site};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::scene::{Scene, ZOE, id};

/// A site with one agent, offline, who has room for so many.
async fn scene_with_agent_of(max: i32) -> Result<(Scene, Agent)> {
    let scene = Scene::open().await?;
    let ada = scene
        .site
        .agent(
            "Ada",
            AgentIs {
                max,
                status: "offline",
                ..AgentIs::default()
            },
        )
        .await?;
    Ok((scene, ada))
}

async fn taken(scene: &Scene, line: &[Value]) -> Result<Vec<bool>> {
    let mut taken = Vec::new();
    for chat in line {
        taken.push(scene.holder(chat).await?.is_some());
    }
    Ok(taken)
}

#[tokio::test]
async fn an_agent_who_comes_online_takes_the_oldest_first() -> Result<()> {
    let (scene, ada) = scene_with_agent_of(2).await?;
    let line = scene.line_of(4).await?;
    scene.turns(ada, "online").await?;
    assert_eq!(taken(&scene, &line).await?, [true, true, false, false]);
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 2);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn the_most_urgent_is_taken_before_the_oldest() -> Result<()> {
    let (scene, ada) = scene_with_agent_of(2).await?;
    let line = scene.line_of(4).await?;
    for (place, priority) in ["low", "normal", "high", "urgent"].iter().enumerate() {
        let raise = format!(
            "update mod_chat_conversations set priority = '{priority}' where id = {}",
            id(&line[place])
        );
        scene.as_owner(&raise).await?;
    }
    scene.turns(ada, "online").await?;
    assert_eq!(taken(&scene, &line).await?, [false, false, true, true]);
    Ok(())
}

#[tokio::test]
async fn a_chat_that_ends_makes_room_for_the_next() -> Result<()> {
    let (scene, ada) = scene_with_agent_of(1).await?;
    let line = scene.line_of(4).await?;
    scene.turns(ada, "online").await?;
    for (n, end) in ["resolved", "closed", "waiting"].iter().enumerate() {
        scene
            .patch(ada, &line[n], &format!("status = '{end}'"))
            .await?;
    }
    assert_eq!(
        taken(&scene, &line).await?,
        [true, true, true, false],
        "one that waits for its visitor keeps its place"
    );
    scene.as_owner(&format!(
        "update mod_chat_conversations set snoozed_until = now() + interval '1 day' where id = {}", id(&line[2]))).await?;
    assert_eq!(
        taken(&scene, &line).await?,
        [true, true, true, true],
        "one that is snoozed gives it up"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn who_goes_offline_keeps_their_chats() -> Result<()> {
    let (scene, ada) = scene_with_agent_of(1).await?;
    let line = scene.line_of(2).await?;
    scene.turns(ada, "online").await?;
    scene.turns(ada, "offline").await?;
    scene.patch(ada, &line[0], "status = 'resolved'").await?;
    assert_eq!(taken(&scene, &line).await?, [true, false]);
    Ok(())
}

#[tokio::test]
async fn more_room_is_filled_at_once_and_less_takes_nothing_away() -> Result<()> {
    let (scene, ada) = scene_with_agent_of(1).await?;
    let line = scene.line_of(4).await?;
    scene.turns(ada, "online").await?;
    let owner = Agent {
        id: ada.id,
        user: scene.site.owner,
    };
    let save = |max: i32| {
        format!(
            "select * from chat_save_agent('{}', '{}', 'Ada', max_concurrent_chats => {max})",
            scene.site.id, ada.user
        )
    };
    scene.as_agent(owner, &save(3)).await?;
    assert_eq!(taken(&scene, &line).await?, [true, true, true, false]);
    scene.as_agent(owner, &save(1)).await?;
    scene.patch(ada, &line[0], "status = 'resolved'").await?;
    assert_eq!(
        taken(&scene, &line).await?,
        [true, true, true, false],
        "two are still more than one"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn what_was_put_back_goes_to_somebody_who_is_there() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene.site.agent("Ada", AgentIs::default()).await?;
    let chat = scene.chat().await?;
    assert_eq!(scene.holder(&chat).await?, Some(ada.id));
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
    let ben = scene.site.agent("Ben", AgentIs::default()).await?;
    scene.patch(boss, &chat, "assigned_agent_id = null").await?;
    assert_eq!(
        scene.holder(&chat).await?,
        Some(ada.id),
        "whoever had it is asked first"
    );
    scene.turns(ada, "away").await?;
    scene.patch(boss, &chat, "assigned_agent_id = null").await?;
    assert_eq!(scene.holder(&chat).await?, Some(ben.id));
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_chat_that_somebody_held_while_others_were_handed_out_is_found_by_the_tick() -> Result<()>
{
    let (scene, ada) = scene_with_agent_of(5).await?;
    let chat = scene.line_of(1).await?.remove(0);
    let mut holder = scene.db.owner().begin().await?;
    sqlx::query("select from mod_chat_conversations for update")
        .execute(&mut *holder)
        .await?;
    scene.turns(ada, "online").await?;
    holder.rollback().await?;
    assert_eq!(scene.holder(&chat).await?, None, "it could not be touched");
    assert_eq!(scene.tick().await?["routed"], 1);
    assert_eq!(scene.holder(&chat).await?, Some(ada.id));
    Ok(())
}

#[tokio::test]
async fn a_chat_that_is_written_to_while_others_are_handed_out_is_taken_when_that_commits()
-> Result<()> {
    let (scene, ada) = scene_with_agent_of(5).await?;
    let chat = scene.visit(ZOE).await?;
    let mut writer = scene.db.owner().begin().await?;
    let message = format!(
        "insert into mod_chat_messages (conversation_id, sender_type, content) values ({}, 'visitor', 'Anybody?')",
        id(&chat)
    );
    sqlx::query(sqlx::AssertSqlSafe(message))
        .execute(&mut *writer)
        .await?;
    scene.turns(ada, "online").await?;
    assert_eq!(scene.holder(&chat).await?, None, "it could not be touched");
    writer.commit().await?;
    assert_eq!(scene.holder(&chat).await?, Some(ada.id), "without any tick");
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn every_site_counts_its_conversations_from_one() -> Result<()> {
    let scene = Scene::open().await?;
    let elsewhere = Site::make(&scene.db).await?;
    let visitor = elsewhere.visitor("Somebody").await?;
    elsewhere.conversation(visitor).await?;
    scene.line_of(3).await?;
    let numbers = scene
        .rows(&format!(
            "select session_number as n, site_id = '{}' as here from mod_chat_conversations order by 2 desc, 1",
            scene.site.id
        ))
        .await?;
    assert_eq!(
        numbers
            .iter()
            .map(|c| c["n"].as_str().unwrap())
            .collect::<Vec<_>>(),
        [
            "CHAT-00000001",
            "CHAT-00000002",
            "CHAT-00000003",
            "CHAT-00000001"
        ]
    );
    Ok(())
}

#[tokio::test]
async fn whoever_refers_to_a_waiting_chat_holds_up_nobody_who_routes_it() -> Result<()> {
    let (scene, ada) = scene_with_agent_of(1).await?;
    let line = scene.line_of(1).await?;
    let mut somebody = scene.db.connect_as("postgres").await?;
    let mut refers = somebody.begin().await?;
    let kept = format!(
        "select from mod_chat_conversations where id = {} for key share",
        id(&line[0])
    );
    refers.execute(AssertSqlSafe(kept)).await?;
    // They may route at their own end, and so wait for whoever routes now.
    let comes = format!(
        "set local lock_timeout = '1s'; update mod_chat_agents set status = 'online' where id = '{}'; select chat.drain('{}')",
        ada.id, scene.site.id
    );
    scene
        .db
        .owner()
        .execute(sqlx::raw_sql(AssertSqlSafe(comes)))
        .await?;
    assert_eq!(taken(&scene, &line).await?, [true]);
    refers.commit().await?;
    Ok(())
}
