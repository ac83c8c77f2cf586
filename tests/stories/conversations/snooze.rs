//! A chat that is put aside, and how it comes back.

use anyhow::Result;
use pg_chat_tests::{Agent, Refusal};
use serde_json::Value;

use crate::scene::{Scene, id};

impl Scene {
    async fn snooze(
        &self,
        agent: Agent,
        chat: &Value,
        until: &str,
    ) -> Result<Vec<Value>, sqlx::Error> {
        let ask = format!("select * from chat_snooze({}, {until})", id(chat));
        self.as_agent(agent, &ask).await
    }
}

#[tokio::test]
async fn a_snoozed_chat_takes_no_room_and_comes_back_at_its_time() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    let row = scene.snooze(ada, &chat, "now() + '2 hours'").await?;
    assert_eq!(row[0]["status"], "waiting");
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 0);

    let wake = |hours: i32| {
        format!("select cardinality(chat.wake_snoozed(10, now() + '{hours} hours')) as woken")
    };
    assert_eq!(scene.row(&wake(1)).await?["woken"], 0);
    assert_eq!(scene.row(&wake(3)).await?["woken"], 1);
    let awake = scene.again(&chat).await?;
    assert_eq!(
        (&awake["status"], &awake["assigned_agent_id"]),
        (&"active".into(), &ada.id.to_string().into())
    );
    assert!(awake["snoozed_until"].is_null());
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 1);
    Ok(())
}

#[tokio::test]
async fn the_tick_wakes_chats_and_their_agents_room_is_counted_before_others_are_handed_out()
-> Result<()> {
    let scene = Scene::open().await?;
    let is = pg_chat_tests::AgentIs {
        max: 1,
        ..Default::default()
    };
    let ada = scene.site.agent("Ada", is).await?;
    let ben = scene.site.agent("Ben", is).await?;
    let chats = [scene.widget_chat().await?, scene.widget_chat().await?];
    for chat in &chats {
        let agent = if chat["assigned_agent_id"] == ada.id.to_string() {
            ada
        } else {
            ben
        };
        scene.turns(agent, "away").await?;
        scene.snooze(agent, chat, "now() + '1 hour'").await?;
    }
    let waiting = scene.widget_chat().await?;
    assert_eq!(waiting["status"], "pending");
    scene
        .as_owner("update mod_chat_conversations set snoozed_until = now() where snoozed_until is not null")
        .await?;
    scene
        .as_owner("update mod_chat_agents set status = 'online'")
        .await?;
    assert_eq!(scene.tick().await?["woken"], 2);
    for agent in [ada, ben] {
        assert_eq!(scene.agent_now(agent).await?["current_chat_count"], 1);
    }
    assert_eq!(scene.again(&waiting).await?["status"], "pending");
    Ok(())
}

#[tokio::test]
async fn a_snooze_ends_with_the_visitors_next_words_or_by_hand() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    scene.snooze(ada, &chat, "now() + '1 day'").await?;
    scene.visitor_writes(&chat, "One more thing").await?;
    let awake = scene.again(&chat).await?;
    assert_eq!(awake["status"], "active");
    assert!(awake["snoozed_until"].is_null());

    scene.snooze(ada, &chat, "now() + '1 day'").await?;
    let awake = scene.snooze(ada, &chat, "null").await?;
    assert_eq!(awake[0]["status"], "active");
    assert!(awake[0]["snoozed_until"].is_null());
    Ok(())
}

#[tokio::test]
async fn what_is_nobodys_or_past_cannot_be_snoozed() -> Result<()> {
    let scene = Scene::open().await?;
    let ben = scene.colleague("agent").await?;
    let chat = scene.widget_chat().await?;
    for (until, sqlstate, code) in [
        ("now() + '1 hour'", "PT409", "chat/needs_agent"),
        ("now() - '1 hour'::interval", "PT422", "chat/snooze_time"),
        ("'infinity'", "PT422", "chat/snooze_time"),
    ] {
        let refusal = Refusal::expect(scene.snooze(ben, &chat, until).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            (sqlstate, Some(code)),
            "{until}"
        );
        assert!(refusal.hint.is_some());
    }
    Ok(())
}
