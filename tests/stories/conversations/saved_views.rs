//! Lists that people keep under a name.

use anyhow::Result;
use pg_chat_tests::{AgentIs, Refusal};
use serde_json::{Value, json};

use crate::scene::{Scene, only};

#[tokio::test]
async fn a_list_is_ones_own_or_everybodys() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let sue = scene
        .site
        .agent(
            "Sue",
            AgentIs {
                role: "supervisor",
                ..AgentIs::default()
            },
        )
        .await?;
    let save = |name: &str, rest: &str| {
        format!(
            "select * from chat_save_view('{}', '{name}', '{{\"tags\": \"vip\"}}'{rest})",
            scene.site.id
        )
    };
    let mine = scene.as_agent(ada, &save("Mine", "")).await?.remove(0);
    assert_eq!(
        only(&mine, "name filters is_shared is_mine"),
        json!({"name": "Mine", "filters": {"tags": "vip"}, "is_shared": false, "is_mine": true})
    );
    let shared = scene
        .as_agent(sue, &save("Ours", ", is_shared => true, sort_order => 2"))
        .await?
        .remove(0);
    let names = "select name from chat_saved_views order by name";
    assert_eq!(
        scene.as_agent(ada, names).await?,
        [json!({"name": "Mine"}), json!({"name": "Ours"})]
    );
    assert_eq!(scene.as_agent(sue, names).await?, [json!({"name": "Ours"})]);

    let renamed = scene
        .as_agent(
            ada,
            &save("My own", &format!(", view => '{}'", text(&mine))),
        )
        .await?
        .remove(0);
    assert_eq!(
        (&renamed["id"], &renamed["name"]),
        (&mine["id"], &json!("My own"))
    );
    let delete = |view: &Value| format!("select chat_delete_view('{}')", text(view));
    for (agent, statement, code) in [
        (
            ada,
            save("Ours", ", is_shared => true"),
            "PT403 chat/not_allowed",
        ),
        (
            ada,
            save("Taken", &format!(", view => '{}'", text(&shared))),
            "PT403 chat/not_allowed",
        ),
        (ada, delete(&shared), "PT403 chat/not_allowed"),
        (sue, delete(&mine), "PT404 chat/no_such_view"),
        (
            sue,
            "select chat_delete_view(null)".to_owned(),
            "PT404 chat/no_such_view",
        ),
        (ada, save(" ", ""), "PT422 chat/view_name"),
        (ada, save(&"x".repeat(81), ""), "PT422 chat/view_name"),
        (
            ada,
            save("Bad", "").replace("tags", "tag"),
            "PT422 chat/bad_filter",
        ),
    ] {
        let refusal = Refusal::expect(scene.as_agent(agent, &statement).await);
        assert_eq!(
            format!(
                "{} {}",
                refusal.sqlstate,
                refusal.detail.unwrap_or_default()
            ),
            code,
            "{statement}"
        );
    }
    scene.as_agent(ada, &delete(&mine)).await?;
    assert_eq!(scene.as_agent(ada, names).await?, [json!({"name": "Ours"})]);
    Ok(())
}

fn text(view: &Value) -> &str {
    view["id"].as_str().unwrap_or_default()
}
