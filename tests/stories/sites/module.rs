//! The module's switch.

use anyhow::Result;
use pg_chat_tests::{AgentIs, Refusal};
use serde_json::json;

use crate::scene::{Scene, ZOE};

#[tokio::test]
async fn a_site_turns_the_module_off_and_whatsapp_is_stored_all_the_same() -> Result<()> {
    let scene = Scene::open().await?;
    let admin = AgentIs {
        role: "admin",
        ..AgentIs::default()
    };
    let admin = scene.site.agent("Adam", admin).await?;
    let asked = format!("select chat.module_enabled('{}') as is", scene.site.id);
    assert_eq!(
        scene.row(&asked).await?["is"],
        true,
        "on until it is turned off"
    );
    let turn = |on: &str| format!("chat_set_module('{}', {on})", scene.site.id);
    assert_eq!(
        scene.said(admin, &turn("false")).await?,
        json!({"enabled": false})
    );
    assert_eq!(scene.row(&asked).await?["is"], false);
    scene.hear_text(ZOE, "wamid.1", "Hello?").await?;
    assert_eq!(scene.message("wamid.1").await?["content"], "Hello?");
    assert_eq!(
        scene.said(admin, &turn("true")).await?,
        json!({"enabled": true})
    );

    let refusal = Refusal::expect(scene.said(admin, &turn("null")).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/on_or_off"));
    let agent = scene.site.agent("Ada", AgentIs::default()).await?;
    let refusal = Refusal::expect(scene.said(agent, &turn("false")).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/not_allowed"));
    Ok(())
}
