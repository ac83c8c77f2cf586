//! Which state may follow which, and what follows from a change by itself.

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs, Refusal};
use serde_json::Value;

use crate::scene::{Scene, ZOE};

async fn scene_with_a_chat() -> Result<(Scene, Agent, Value)> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    Ok((scene, ada, chat))
}

#[tokio::test]
async fn a_change_that_makes_no_sense_is_refused_with_its_code() -> Result<()> {
    for (begin, end, code) in [
        ("closed", "resolved", "chat/closed_is_final"),
        ("resolved", "waiting", "chat/reopen_first"),
        ("active", "missed", "chat/only_pending_is_missed"),
    ] {
        let (scene, ada, chat) = scene_with_a_chat().await?;
        scene
            .patch(ada, &chat, &format!("status = '{begin}'"))
            .await?;
        let refusal = Refusal::expect(scene.patch(ada, &chat, &format!("status = '{end}'")).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            ("PT409", Some(code)),
            "{begin} to {end}"
        );
        assert!(refusal.hint.is_some());
    }
    Ok(())
}

#[tokio::test]
async fn nobody_is_active_without_an_agent() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene
        .site
        .agent(
            "Ada",
            AgentIs {
                status: "away",
                ..AgentIs::default()
            },
        )
        .await?;
    let chat = scene.visit(ZOE).await?;
    for status in ["active", "waiting"] {
        let refusal = Refusal::expect(
            scene
                .patch(ada, &chat, &format!("status = '{status}'"))
                .await,
        );
        assert_eq!(refusal.detail.as_deref(), Some("chat/needs_agent"));
    }
    Ok(())
}

#[tokio::test]
async fn an_agent_takes_a_waiting_chat_by_naming_themselves() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene
        .site
        .agent(
            "Ada",
            AgentIs {
                status: "away",
                ..AgentIs::default()
            },
        )
        .await?;
    let chat = scene.visit(ZOE).await?;
    let taken = scene
        .patch(ada, &chat, &format!("assigned_agent_id = '{}'", ada.id))
        .await?
        .remove(0);
    assert_eq!(taken["status"], "active");
    assert!(taken["pending_since"].is_null());
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 1);
    Ok(())
}

#[tokio::test]
async fn a_status_of_pending_takes_the_chat_from_its_agent() -> Result<()> {
    let (scene, ada, chat) = scene_with_a_chat().await?;
    scene.turns(ada, "away").await?;
    let is = AgentIs {
        role: "supervisor",
        status: "away",
        ..AgentIs::default()
    };
    let boss = scene.site.agent("Boss", is).await?;
    let waiting = scene
        .patch(boss, &chat, "status = 'pending'")
        .await?
        .remove(0);
    assert!(waiting["assigned_agent_id"].is_null());
    assert_eq!(waiting["last_agent_id"], ada.id.to_string());
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 0);
    Ok(())
}

#[tokio::test]
async fn a_person_may_open_again_what_is_closed() -> Result<()> {
    let (scene, ada, chat) = scene_with_a_chat().await?;
    scene.patch(ada, &chat, "status = 'closed'").await?;
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 0);
    scene.patch(ada, &chat, "status = 'active'").await?;
    let open = scene.again(&chat).await?;
    assert_eq!(
        (&open["status"], &open["assigned_agent_id"]),
        (&"active".into(), &ada.id.to_string().into())
    );
    assert!(open["archived_at"].is_null() && open["closed_at"].is_null());
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 1);
    Ok(())
}

#[tokio::test]
async fn two_chats_of_one_person_are_not_open_at_once() -> Result<()> {
    let (scene, ada, chat) = scene_with_a_chat().await?;
    scene.patch(ada, &chat, "status = 'closed'").await?;
    scene.hear_text(ZOE, "wamid.2", "Another matter").await?;
    let refusal = Refusal::expect(scene.patch(ada, &chat, "status = 'active'").await);
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT409", Some("chat/another_is_open"))
    );
    assert!(refusal.hint.is_some());
    Ok(())
}
