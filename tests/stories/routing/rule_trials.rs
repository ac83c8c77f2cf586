//! What rules would have done with what came.

use anyhow::Result;
use pg_chat_tests::Agent;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use super::site_rules::{page_to, quoted, refusal, scene};
use crate::scene::{Scene, only, uuid_of};

impl Scene {
    /// What rules would have done; `rest` as it follows in the call.
    pub(super) async fn try_rules(
        &self,
        by: Agent,
        rules: &Value,
        rest: &str,
    ) -> Result<Value, sqlx::Error> {
        let rest = format!("{}{rest}", quoted(rules));
        self.asks(by, "chat_try_routing_rules", &rest).await
    }
}

#[tokio::test]
async fn a_dry_run_says_whom_rules_would_have_met_and_writes_nothing() -> Result<()> {
    let (scene, adam) = scene().await?;
    scene.set("language = 'en'").await?;
    let sales = scene.site.department("Sales", 5).await?;
    let care = scene.site.department("Care", 5).await?;
    let first = json!([page_to("Cart", "/cart*", sales)]);
    scene.save_rules(adam, &first).await?;
    let cart = scene.comes_from("https://shop.example/cart").await?;
    let help = scene.comes_from("https://shop.example/help").await?;
    let old = scene
        .comes_with(
            "page_url, created_at",
            "'https://shop.example/cart', now() - interval '8 days'",
        )
        .await?;
    let tried = json!([
        page_to("Help", "/help*", care),
        page_to("Rest", "/cart*", sales)
    ]);
    let call = format!(
        "select chat_try_routing_rules('{}', {}) as answer",
        scene.site.id,
        quoted(&tried)
    );
    let mut person = scene.db.as_user(adam.user).await?;
    let mut request = person.begin().await?;
    sqlx::query("set transaction read only")
        .execute(&mut *request)
        .await?;
    let said: Value = sqlx::query_scalar(AssertSqlSafe(call))
        .fetch_one(&mut *request)
        .await?;
    request.commit().await?;
    assert_eq!(
        only(&said, "looked_at cut"),
        json!({"looked_at": 2, "cut": false})
    );
    assert_eq!(
        said["rules"],
        json!([
            {"place": 1, "name": "Help", "matched": 1, "differs": 1, "examples": [
                {"conversation_id": help["id"], "session_number": help["session_number"], "differs": true}]},
            {"place": 2, "name": "Rest", "matched": 1, "differs": 0, "examples": [
                {"conversation_id": cart["id"], "session_number": cart["session_number"], "differs": false}]},
        ])
    );
    // Without the rule that met it, a chat would not have gone where it went.
    let none = scene.try_rules(adam, &json!([]), ", 30").await?;
    assert_eq!(
        only(&none["no_rule"], "matched differs"),
        json!({"matched": 3, "differs": 2}),
        "{} is of eight days ago",
        uuid_of(&old)
    );
    let saved = scene.try_rules(adam, &json!(null), "::jsonb").await;
    assert_eq!(
        refusal(saved).1,
        "chat/routing_rules",
        "null in JSON is no list"
    );
    let saved = scene.asks(adam, "chat_try_routing_rules", "null").await?;
    assert_eq!(saved["rules"][0]["matched"], 1, "the saved ones");
    for days in [0, 91] {
        let (sqlstate, code, _) =
            refusal(scene.try_rules(adam, &tried, &format!(", {days}")).await);
        assert_eq!((&*sqlstate, &*code), ("PT422", "chat/trial_days"));
    }
    Ok(())
}

#[tokio::test]
async fn a_dry_run_looks_at_two_thousand_at_most_and_says_when_there_were_more() -> Result<()> {
    let (scene, adam) = scene().await?;
    let sales = scene.site.department("Sales", 5).await?;
    let visitor = scene.site.visitor("Somebody").await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_conversations (site_id, visitor_id, status, page_url)
            select '{}', '{visitor}', 'closed', 'https://shop.example/' || n from generate_series(1, 2001) n",
            scene.site.id
        ))
        .await?;
    let rules = json!([page_to("All", "*", sales)]);
    let said = scene.try_rules(adam, &rules, "").await?;
    assert_eq!(
        only(&said, "looked_at cut"),
        json!({"looked_at": 2000, "cut": true})
    );
    assert_eq!(said["rules"][0]["matched"], 2000);
    assert_eq!(
        said["rules"][0]["examples"].as_array().map(Vec::len),
        Some(3)
    );
    Ok(())
}
