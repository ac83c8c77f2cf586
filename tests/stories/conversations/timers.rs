//! Chats that end because nothing happened for long.

use anyhow::Result;
use serde_json::Value;

use crate::scene::{Scene, id};

impl Scene {
    async fn settings(&self, set: &str) -> Result<()> {
        let (columns, values): (Vec<_>, Vec<_>) = set
            .split(", ")
            .filter_map(|one| one.split_once(" = "))
            .unzip();
        self.as_owner(&format!(
            "insert into mod_chat_widget_settings (site_id, {}) values ('{}', {})",
            columns.join(", "),
            self.site.id,
            values.join(", ")
        ))
        .await?;
        Ok(())
    }

    async fn after(&self, timer: &str, time: &str) -> Result<Value> {
        let run = format!("select cardinality(chat.{timer}(10, now() + '{time}')) as ended");
        Ok(self.row(&run).await?["ended"].take())
    }
}

#[tokio::test]
async fn an_answered_chat_that_hears_nothing_more_is_resolved() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.settings("auto_resolve_hours = 48").await?;
    let (answered, unanswered) = (scene.widget_chat().await?, scene.widget_chat().await?);
    scene.answer(ada, &answered, "Like this").await?;
    assert_eq!(scene.after("resolve_idle", "47 hours").await?, 0);
    assert_eq!(scene.after("resolve_idle", "49 hours").await?, 1);
    let over = scene.again(&answered).await?;
    assert_eq!(
        (&over["status"], &over["ended_by"]),
        (&"resolved".into(), &"system".into())
    );
    let line = scene.newest(&answered).await?;
    assert_eq!(
        (&line["kind"], &line["content"]),
        (
            &"event".into(),
            &"Resolved after 48 hours without an answer".into()
        )
    );
    assert_eq!(
        scene.again(&unanswered).await?["status"],
        "active",
        "who waits for us is never ended by time"
    );
    scene.visitor_writes(&answered, "Oh, thanks").await?;
    Ok(())
}

#[tokio::test]
async fn a_snoozed_chat_is_not_resolved_by_time() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.settings("auto_resolve_hours = 1").await?;
    let chat = scene.widget_chat().await?;
    scene.answer(ada, &chat, "I will ask").await?;
    let snooze = format!("select * from chat_snooze({}, now() + '3 days')", id(&chat));
    scene.as_agent(ada, &snooze).await?;
    assert_eq!(scene.after("resolve_idle", "2 hours").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_chat_that_nobody_took_in_time_is_missed() -> Result<()> {
    let scene = Scene::open().await?;
    scene.settings("missed_after_minutes = 30").await?;
    let chat = scene.widget_chat().await?;
    assert_eq!(scene.after("miss_unanswered", "29 minutes").await?, 0);
    assert_eq!(scene.after("miss_unanswered", "31 minutes").await?, 1);
    let missed = scene.again(&chat).await?;
    assert_eq!(missed["status"], "missed");
    assert!(
        missed["wait_time_seconds"].is_number() && missed["abandoned_at"].is_null(),
        "{missed}"
    );
    Ok(())
}

#[tokio::test]
async fn a_site_that_asks_for_nothing_has_nothing_ended() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    scene.answer(ada, &chat, "Like this").await?;
    scene.turns(ada, "away").await?;
    scene.widget_chat().await?;
    for timer in ["resolve_idle", "miss_unanswered"] {
        assert_eq!(scene.after(timer, "300 days").await?, 0);
    }
    let ticked = scene.tick().await?;
    assert_eq!(
        (&ticked["resolved"], &ticked["missed"], &ticked["sent"]),
        (&0.into(), &0.into(), &0.into())
    );
    Ok(())
}
