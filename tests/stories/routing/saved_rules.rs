//! Rules of a site when they are saved: what cannot be meant, and two who save at once.

use anyhow::Result;
use serde_json::json;
use uuid::Uuid;

use super::site_rules::{page_to, quoted, refusal, scene};

#[tokio::test]
async fn rules_that_cannot_be_meant_are_refused_with_their_place() -> Result<()> {
    let (scene, adam) = scene().await?;
    let sales = scene.site.department("Sales", 5).await?;
    let care = scene.site.department("Care", 5).await?;
    scene
        .save_routing(
            adam,
            &format!("'{care}', fallback_seconds => 60, fallback_department => '{sales}'"),
        )
        .await?;
    let from_sales =
        json!({"name": "A", "if": {"department": [sales]}, "then": {"department": care}});
    for (rules, place) in [
        (json!(null), "rules: not a list"),
        (json!({}), "rules: not a list"),
        (
            json!([{"name": "A", "then": {"robot": true}}]),
            "rules[0].then.robot: unknown word",
        ),
        (
            json!([{"name": "A", "if": {"page": ["a b"]}, "then": {"priority": "low"}}]),
            "rules[0].if.page[0]: not a page",
        ),
        (
            json!([page_to("A", "*", Uuid::new_v4())]),
            "rules[0].then.department: no such department",
        ),
        (
            json!([{"name": "A", "if": {"number": ["7"]}, "then": {"priority": "low"}}]),
            "rules[0].if.number[0]: no such number",
        ),
        (
            json!([page_to("A", "*", sales), page_to("B", "*", care)]),
            "rules[1]: hidden (see rules[0])",
        ),
        (
            json!([from_sales]),
            "rules[0].then.department: loop (see fallback_department_id)",
        ),
        (
            json!(vec![
                json!({"name": "A", "if": {"tag": vec!["x".repeat(64); 100]}, "then": {"priority": "low"}});
                20
            ]),
            "more than 64 kB",
        ),
        (json!([[[[[[[[[[[[1]]]]]]]]]]]]), "9 levels"),
        (
            json!([{"name": "A", "if": {"visitor": {"seats": {"at_least": 1.1e300}}}, "then": {"priority": "low"}}]),
            "too large",
        ),
    ] {
        let call = scene.save_rules(adam, &rules).await;
        let (sqlstate, code, message) = refusal(call);
        assert_eq!(
            (&*sqlstate, &*code),
            ("PT422", "chat/routing_rules"),
            "{rules}"
        );
        assert!(message.contains(place), "{message}");
        assert_eq!(
            refusal(scene.try_rules(adam, &rules, "").await).1,
            "chat/routing_rules"
        );
    }
    Ok(())
}

#[tokio::test]
async fn of_two_who_save_at_once_nobody_undoes_the_others_rules() -> Result<()> {
    let (scene, adam) = scene().await?;
    let rules = json!([{"name": "A", "then": {"priority": "low"}}]);
    let with = |version: i32| format!("{}, version => {version}", quoted(&rules));
    for version in 0..2 {
        let saved = scene
            .asks(adam, "chat_save_routing_rules", &with(version))
            .await?;
        assert_eq!(saved["version"], version + 1);
    }
    let late = scene.asks(adam, "chat_save_routing_rules", &with(1)).await;
    let (sqlstate, code, _) = refusal(late);
    assert_eq!((&*sqlstate, &*code), ("PT409", "chat/changed_meanwhile"));
    for _ in 0..100 {
        scene.save_rules(adam, &rules).await?;
    }
    assert_eq!(
        scene.count("chat.routing_rules").await?,
        100,
        "older ones are gone"
    );
    Ok(())
}
