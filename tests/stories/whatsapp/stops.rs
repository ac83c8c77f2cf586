//! Numbers that Graph refuses for another reason than the token: the owner hears of it, and nothing is lost.

use anyhow::Result;
use serde_json::{Value, json};

use super::connecting::with_admin;
use crate::queue::{accepted, again_in};
use crate::scene::{Scene, YUKI, ZOE, only};

/// Graph refuses the number, as the worker says it.
fn locked() -> Value {
    json!({"is": "retry", "after_seconds": 300, "code": 131_031, "title": "Account has been locked",
        "details": "for a while", "http": 403, "stops": "Open the account's quality page at Meta."})
}

impl Scene {
    async fn events_named(&self, name: &str) -> Result<i64> {
        self.count(&format!("chat.events where name = '{name}'"))
            .await
    }

    /// The health of the only number.
    async fn health(&self, admin: pg_chat_tests::Agent) -> Result<Value> {
        let number = self.row("select id from chat.whatsapp_numbers").await?;
        let health = format!("chat_whatsapp_health('{}')", number["id"].as_str().unwrap());
        Ok(self.ask(admin, &health).await?)
    }
}

#[tokio::test]
async fn a_number_that_graph_refuses_tells_its_owner_once_and_says_when_it_is_well() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let conversation = scene.visit(ZOE).await?;
    scene.answer(eve, &conversation, "On its way").await?;
    assert_eq!(scene.health(eve).await?["stopped"], Value::Null);
    for _ in 0..2 {
        let attempt = scene.begin_send().await?;
        scene.end_send(&attempt, locked()).await?;
        scene.pauses_end().await?;
    }
    let health = scene.health(eve).await?;
    assert_eq!(health["state"], "stopped");
    assert_eq!(
        only(&health["stopped"], "code title details advice"),
        json!({"code": 131_031, "title": "Account has been locked", "details": "for a while",
            "advice": "Open the account's quality page at Meta."})
    );
    assert!(health["stopped"]["since"].is_string());
    assert_eq!(scene.events_named("chat.whatsapp.stopped").await?, 1);
    scene.visit(YUKI).await?;
    assert_eq!(scene.tick().await?["stops"], 0, "it waits still");

    scene.send("wamid.out").await?;
    assert_eq!(scene.events_named("chat.whatsapp.resumed").await?, 1);
    let health = scene.health(eve).await?;
    assert_eq!(
        only(&health, "state stopped"),
        json!({"state": "connected", "stopped": null})
    );
    Ok(())
}

#[tokio::test]
async fn what_passes_by_itself_is_no_stop() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let conversation = scene.visit(ZOE).await?;
    scene.answer(eve, &conversation, "On its way").await?;
    let attempt = scene.begin_send().await?;
    scene.end_send(&attempt, again_in(1)).await?;
    assert_eq!(scene.health(eve).await?["state"], "connected");
    scene.pauses_end().await?;
    let attempt = scene.begin_send().await?;
    scene.end_send(&attempt, accepted("wamid.out")).await?;
    assert_eq!(
        scene
            .count("chat.events where name like 'chat.whatsapp.%'")
            .await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn a_stop_for_which_nothing_waits_any_more_is_forgotten() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let conversation = scene.visit(ZOE).await?;
    scene.answer(eve, &conversation, "On its way").await?;
    let attempt = scene.begin_send().await?;
    scene.end_send(&attempt, locked()).await?;
    scene
        .as_owner(
            "update chat.number_stops set last_at = clock_timestamp() - interval '16 minutes'",
        )
        .await?;
    assert_eq!(scene.tick().await?["stops"], 1);
    assert_eq!(scene.health(eve).await?["state"], "connected");
    assert_eq!(
        scene.events_named("chat.whatsapp.resumed").await?,
        0,
        "nobody knows whether it is well"
    );
    Ok(())
}
