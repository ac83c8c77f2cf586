//! Messages planned for later.

use anyhow::Result;
use pg_chat_tests::{Agent, Refusal};
use serde_json::Value;

use crate::scene::{Scene, ZOE, id, only};

impl Scene {
    async fn plan(&self, agent: Agent, chat: &Value, more: &str) -> Result<Value, sqlx::Error> {
        let ask = format!("select chat_schedule_message({}, {more}) as plan", id(chat));
        Ok(self.as_agent(agent, &ask).await?[0]["plan"].take())
    }

    async fn sent_after(&self, time: &str) -> Result<Value> {
        let run = format!("select cardinality(chat.send_scheduled(10, now() + '{time}')) as sent");
        Ok(self.row(&run).await?["sent"].take())
    }

    async fn plan_now(&self, plan: &Value) -> Result<Value> {
        let ask = format!(
            "select * from chat.scheduled_messages where id = {}",
            id(plan)
        );
        self.row(&ask).await
    }
}

#[tokio::test]
async fn a_planned_message_is_sent_once_at_its_time_as_its_agent() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    let plan = scene
        .plan(ada, &chat, "'Is it solved?', now() + '2 hours'")
        .await?;
    assert_eq!(
        scene.again(&chat).await?["message_count"],
        1,
        "a plan is no message yet"
    );
    assert_eq!(scene.sent_after("1 hour").await?, 0);
    assert_eq!(scene.sent_after("3 hours").await?, 1);
    assert_eq!(scene.sent_after("4 hours").await?, 0);
    let sent = scene.newest(&chat).await?;
    assert_eq!(
        only(&sent, "id content sender_type sender_name sender_id"),
        serde_json::json!({"id": plan["id"], "content": "Is it solved?", "sender_type": "agent",
            "sender_name": "Ada", "sender_id": ada.id})
    );
    assert_eq!(scene.plan_now(&plan).await?["state"], "sent");
    Ok(())
}

#[tokio::test]
async fn a_planned_message_can_be_called_off_until_it_is_sent() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let ben = scene.colleague("agent").await?;
    let chat = scene.widget_chat().await?;
    let plan = scene
        .plan(ada, &chat, "'Still there?', now() + '1 hour'")
        .await?;
    let listed = format!("select * from chat_scheduled({}) as plan", id(&chat));
    assert_eq!(
        scene.as_agent(ben, &listed).await?[0]["plan"]["id"],
        plan["id"]
    );
    let cancel = format!("select chat_cancel_scheduled({}) as plan", id(&plan));
    assert_eq!(
        scene.as_agent(ben, &cancel).await?[0]["plan"]["state"],
        "cancelled"
    );
    let refusal = Refusal::expect(scene.as_agent(ben, &cancel).await);
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT409", Some("chat/not_scheduled"))
    );
    assert_eq!(scene.sent_after("2 hours").await?, 0);
    assert!(scene.as_agent(ada, &listed).await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_reminder_is_not_sent_to_somebody_who_wrote_meanwhile() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    let plan = scene
        .plan(ada, &chat, "'Still there?', now() + '1 hour', true")
        .await?;
    scene.visitor_writes(&chat, "Here I am").await?;
    scene.sent_after("2 hours").await?;
    assert_eq!(scene.plan_now(&plan).await?["state"], "cancelled");
    assert_eq!(scene.newest(&chat).await?["content"], "Here I am");
    Ok(())
}

#[tokio::test]
async fn a_planned_message_opens_a_resolved_chat_again_for_its_agent() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    scene
        .plan(ada, &chat, "'All well?', now() + '3 days'")
        .await?;
    scene.patch(ada, &chat, "status = 'resolved'").await?;
    scene.sent_after("4 days").await?;
    let now = scene.again(&chat).await?;
    assert_eq!(
        only(&now, "status assigned_agent_id last_message_text"),
        serde_json::json!({"status": "active", "assigned_agent_id": ada.id, "last_message_text": "All well?"})
    );
    Ok(())
}

#[tokio::test]
async fn what_would_open_a_chat_again_waits_for_the_next_tick_while_somebody_has_the_person()
-> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    let plan = scene
        .plan(ada, &chat, "'All well?', now() + '1 hour'")
        .await?;
    scene.patch(ada, &chat, "status = 'resolved'").await?;
    let receives = scene.has_person_of(&chat).await?;
    assert_eq!(scene.sent_after("2 hours").await?, 0);
    receives.commit().await?;
    assert_eq!(scene.plan_now(&plan).await?["state"], "waiting");
    assert_eq!(scene.sent_after("2 hours").await?, 1);
    assert_eq!(scene.newest(&chat).await?["content"], "All well?");
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_sent_fails_with_its_reason_and_holds_nobody_up() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let whatsapp = scene.visit(ZOE).await?;
    let chat = scene.widget_chat().await?;
    let closed = scene
        .plan(ada, &whatsapp, "'Hello again', now() + '1 hour'")
        .await?;
    scene.plan(ada, &chat, "'Hello', now() + '2 hours'").await?;
    scene
        .as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now() where channel = 'whatsapp'")
        .await?;
    assert_eq!(scene.sent_after("3 hours").await?, 2);
    let failed = scene.plan_now(&closed).await?;
    assert_eq!(
        (&failed["state"], &failed["error"]["code"]),
        (&"failed".into(), &"chat/window_closed".into())
    );
    assert_eq!(scene.newest(&chat).await?["content"], "Hello");
    let listed = format!("select * from chat_scheduled({}) as plan", id(&whatsapp));
    assert_eq!(
        scene.as_agent(ada, &listed).await?[0]["plan"]["state"],
        "failed"
    );
    Ok(())
}

#[tokio::test]
async fn the_tick_sends_what_is_due() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    scene.plan(ada, &chat, "'Hello', now() + '1 hour'").await?;
    scene
        .as_owner("update chat.scheduled_messages set due_at = now()")
        .await?;
    assert_eq!(scene.tick().await?["sent"], 1);
    assert_eq!(scene.newest(&chat).await?["content"], "Hello");
    Ok(())
}

#[tokio::test]
async fn a_plan_is_made_once_and_for_a_time_to_come() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (chat, other) = (scene.widget_chat().await?, scene.widget_chat().await?);
    let once = "'Hello', now() + '1 hour', false, '77777777-7777-4777-8777-777777777777'";
    let first = scene.plan(ada, &chat, once).await?;
    assert_eq!(
        scene.plan(ada, &chat, once).await?["created_at"],
        first["created_at"]
    );
    for (more, sqlstate, code) in [
        (
            "'Hello', now() - '1 hour'::interval",
            "PT422",
            "chat/schedule_time",
        ),
        ("'Hello', null", "PT422", "chat/schedule_time"),
        ("'', now() + '1 hour'", "PT422", "chat/text_length"),
    ] {
        let refusal = Refusal::expect(scene.plan(ada, &chat, more).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            (sqlstate, Some(code)),
            "{more}"
        );
    }
    let refusal = Refusal::expect(scene.plan(ada, &other, once).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/id_in_use"));
    Ok(())
}
