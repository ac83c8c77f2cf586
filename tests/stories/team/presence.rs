//! Agents whose dashboard has gone silent.

use anyhow::Result;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Agent, AgentIs, Refusal};
use serde_json::{Value, json};

use crate::scene::{Scene, ZOE, id, only};

impl Scene {
    async fn beats(&self, agent: Agent) -> Result<Value> {
        Ok(self
            .said(agent, &format!("chat_heartbeat('{}')", self.site.id))
            .await?)
    }

    /// Everybody was last heard so many seconds earlier than they were.
    async fn silent_for(&self, seconds: u32) -> Result<()> {
        self.as_owner(&format!(
            "update chat.heartbeats set seen_at = seen_at - interval '{seconds} seconds'"
        ))
        .await?;
        Ok(())
    }

    async fn presence_rule(&self, seconds: u32, chats: &str) -> Result<()> {
        self.as_owner(&format!(
            "insert into chat.presence_rules values ('{}', {seconds}, '{chats}')",
            self.site.id
        ))
        .await?;
        Ok(())
    }

    async fn status_of(&self, agent: Agent) -> Result<Value> {
        Ok(self.agent_now(agent).await?["status"].clone())
    }
}

#[tokio::test]
async fn an_agent_who_is_heard_stays_online() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.turns(ada, "online").await?;
    scene.silent_for(100).await?;
    assert_eq!(
        scene.beats(ada).await?,
        json!({"status": "online", "chats": 0, "again_in_seconds": 30})
    );
    scene.silent_for(100).await?;
    assert_eq!(scene.tick().await?["lost"], 0);
    assert_eq!(scene.status_of(ada).await?, "online");
    Ok(())
}

#[tokio::test]
async fn an_agent_who_falls_silent_goes_offline_and_is_back_when_heard_again() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.turns(ada, "online").await?;
    scene.silent_for(121).await?;
    assert_eq!(scene.tick().await?["lost"], 1);
    assert_eq!(scene.status_of(ada).await?, "offline");
    assert_eq!(scene.tick().await?["lost"], 0, "once is enough");
    let zoe = scene.visit(ZOE).await?;
    assert_eq!(zoe["status"], "pending", "nobody is there");

    assert_eq!(scene.beats(ada).await?["status"], "online");
    assert_eq!(
        scene.again(&zoe).await?["assigned_agent_id"],
        json!(ada.id),
        "who comes back takes who waits"
    );
    assert_eq!(
        scene
            .count("chat.events where name = 'chat.agent.status_changed'")
            .await?,
        2
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn an_agent_who_was_busy_comes_back_busy() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.turns(ada, "busy").await?;
    scene.silent_for(121).await?;
    scene.tick().await?;
    assert_eq!(scene.beats(ada).await?["status"], "busy");
    Ok(())
}

/// A tab that was left open is no word of its owner.
#[tokio::test]
async fn a_heartbeat_brings_nobody_back_who_went_offline_themselves() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.turns(ada, "online").await?;
    scene.silent_for(121).await?;
    scene.tick().await?;
    scene.turns(ada, "offline").await?;
    assert_eq!(scene.beats(ada).await?["status"], "offline");
    assert_eq!(scene.count("chat.heartbeats").await?, 0);
    Ok(())
}

#[tokio::test]
async fn chats_of_a_silent_agent_stay_unless_the_site_wants_them_back() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    scene.turns(ada, "online").await?;
    scene.silent_for(121).await?;
    for _ in 0..2 {
        scene.tick().await?;
    }
    assert_eq!(scene.again(&zoe).await?["assigned_agent_id"], json!(ada.id));

    scene.presence_rule(120, "return").await?;
    assert_eq!(scene.tick().await?["returned"], 1);
    let words = scene
        .said(
            ada,
            &format!("chat_explain_assignment({}) ->> 'in_words'", id(&zoe)),
        )
        .await?;
    assert!(
        words
            .as_str()
            .is_some_and(|words| words.ends_with("It came back because Ada went offline")),
        "{words}"
    );
    let ben = scene.site.agent("Ben", AgentIs::default()).await?;
    scene.tick().await?;
    assert_eq!(
        only(
            &scene.again(&zoe).await?,
            "status assigned_agent_id last_agent_id"
        ),
        json!({"status": "active", "assigned_agent_id": ben.id, "last_agent_id": ada.id}),
        "Ben took it"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_chat_that_waits_for_the_visitor_returns_when_they_write() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    scene.presence_rule(120, "return").await?;
    scene.patch(ada, &zoe, "status = 'waiting'").await?;
    scene.turns(ada, "offline").await?;
    assert_eq!(scene.tick().await?["returned"], 0);
    scene.hear_text(ZOE, "wamid.more", "Still there?").await?;
    assert_eq!(scene.tick().await?["returned"], 1);
    assert_eq!(scene.again(&zoe).await?["status"], "pending");
    Ok(())
}

#[tokio::test]
async fn a_site_says_how_long_silence_may_last() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.turns(ada, "online").await?;
    scene.presence_rule(0, "stay").await?;
    scene.silent_for(100_000).await?;
    assert_eq!(scene.tick().await?["lost"], 0);
    assert_eq!(scene.beats(ada).await?["again_in_seconds"], Value::Null);

    let admin = AgentIs {
        role: "admin",
        ..AgentIs::default()
    };
    let admin = scene.site.agent("Adam", admin).await?;
    let save = |values: &str| format!("chat_save_presence('{}', {values})", scene.site.id);
    assert_eq!(
        scene.said(admin, &save("60, 'return'")).await?,
        json!({"silent_seconds": 60, "offline_chats": "return"})
    );
    scene.silent_for(61).await?;
    assert_eq!(scene.tick().await?["lost"], 1);
    for (agent, values, code) in [
        (admin, "14, 'stay'", "chat/silent_seconds"),
        (admin, "60, 'vanish'", "chat/offline_chats"),
        (ada, "60, 'stay'", "chat/not_allowed"),
    ] {
        let refusal = Refusal::expect(scene.said(agent, &save(values)).await);
        assert_eq!(refusal.detail.as_deref(), Some(code), "{values}");
    }
    Ok(())
}

#[tokio::test]
async fn two_ticks_at_once_lose_an_agent_once() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.turns(ada, "online").await?;
    scene.silent_for(121).await?;
    let (one, two) = tokio::join!(scene.tick(), scene.tick());
    assert_eq!(
        one?["lost"].as_i64().unwrap_or(0) + two?["lost"].as_i64().unwrap_or(0),
        1
    );
    assert_eq!(
        scene
            .count("chat.events where name = 'chat.agent.status_changed'")
            .await?,
        1
    );
    Ok(())
}
