//! Names, tags, notes and custom data: what they may hold, and changing them beside colleagues.

use anyhow::Result;
use serde_json::json;

use super::said;
use crate::scene::Scene;

#[tokio::test]
async fn two_agents_who_tag_at_once_lose_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.visitor("Zoe").await?;
    scene
        .as_boss(&format!(
            "select * from chat_tag_visitor('{zoe}', '{{vip,refund}}')"
        ))
        .await?;
    let (one, other) = (
        format!("select * from chat_tag_visitor('{zoe}', '{{french}}')"),
        format!("select * from chat_tag_visitor('{zoe}', '{{angry,vip}}', '{{refund}}')"),
    );
    let (one, other) = tokio::join!(scene.as_boss(&one), scene.as_boss(&other));
    one?;
    other?;
    let mut tags: Vec<String> =
        serde_json::from_value(scene.visitor_now(zoe).await?["tags"].clone())?;
    tags.sort();
    assert_eq!(tags, ["angry", "french", "vip"]);
    Ok(())
}

#[tokio::test]
async fn custom_data_changes_key_by_key() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.visitor("Zoe").await?;
    for changes in [
        r#"{"plan": "pro", "seats": 3}"#,
        r#"{"seats": null, "since": {"year": 2020}}"#,
    ] {
        scene
            .as_boss(&format!(
                "select * from chat_set_custom_data('{zoe}', '{changes}')"
            ))
            .await?;
    }
    assert_eq!(
        scene.visitor_now(zoe).await?["custom_data"],
        json!({"plan": "pro", "since": {"year": 2020}})
    );
    for wrong in ["[1]", "null", "\"x\""] {
        assert_eq!(
            scene
                .boss_is_refused(&format!(
                    "select * from chat_set_custom_data('{zoe}', '{wrong}')"
                ))
                .await,
            said("PT422", "chat/custom_data"),
            "{wrong}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_patch_is_cleaned_and_what_is_too_much_is_refused() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.site.visitor("Zoe").await?;
    let patch = |set: &str| {
        format!("update mod_chat_visitors set {set} where id = '{zoe}' returning name, tags")
    };
    // An override would show the rest of the line from right to left; marks that a language needs stay.
    let cleaned = scene
        .as_boss(&patch(
            r#"name = E'  Zo\u202E\u0007e\n\nB \u05D0\u200F ', tags = array[' vip ', 'vip', '', E'a\tb']"#,
        ))
        .await?;
    assert_eq!(
        cleaned,
        [json!({"name": "Zo e B \u{5d0}\u{200f}", "tags": ["vip", "a b"]})]
    );
    for (set, code) in [
        ("name = repeat('x', 201)", "chat/too_long"),
        ("email = repeat('x', 321)", "chat/too_long"),
        ("notes = repeat('x', 10000000)", "chat/too_long"),
        (
            "tags = array_fill('x'::text, '{1}') || repeat('x', 65)",
            "chat/too_many_tags",
        ),
        (
            "tags = array(select 't' || n from generate_series(1, 51) n)",
            "chat/too_many_tags",
        ),
        ("custom_data = '[]'", "chat/custom_data"),
        (
            r#"custom_data = (repeat('{"a":', 17) || '1' || repeat('}', 17))::jsonb"#,
            "chat/custom_data",
        ),
        (
            "custom_data = jsonb_build_object('x', (select string_agg(md5(n::text), '') from generate_series(1, 9000) n))",
            "chat/custom_data",
        ),
    ] {
        assert_eq!(
            scene.boss_is_refused(&patch(set)).await,
            said("PT422", code),
            "{set}"
        );
    }
    Ok(())
}
