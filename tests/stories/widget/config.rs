//! What a page learns of a site before anybody writes, and on which pages.

use anyhow::{Result, ensure};
use pg_chat_tests::{AgentIs, Refusal};
use serde_json::{Value, json};

use crate::scene::Scene;

async fn config(scene: &Scene, origin: Option<&str>) -> Result<Value, sqlx::Error> {
    let mut anon = scene
        .db
        .as_anon()
        .await
        .map_err(|e| sqlx::Error::Configuration(e.into()))?;
    let mut request = anon.begin().await?;
    let headers = json!({"x-forwarded-for": "192.0.2.1", "origin": origin});
    sqlx::query("select set_config('request.headers', $1, true)")
        .bind(headers.to_string())
        .execute(&mut *request)
        .await?;
    let config = sqlx::query_scalar("select chat_widget_config($1)")
        .bind(scene.site.id)
        .fetch_one(&mut *request)
        .await?;
    request.commit().await?;
    Ok(config)
}

#[tokio::test]
async fn a_page_gets_the_public_part_of_the_settings_and_nothing_else() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .set(
            "company_name = 'Shop', blocked_ips = '{203.0.113.9}', allowed_domains = '{shop.example}',
            whatsapp_business_account_id = 'secret', whatsapp_phone_number = '+15550100', privacy_text = 'We keep it.'",
        )
        .await?;
    let config = config(&scene, None).await?;
    assert_eq!(config["company_name"], "Shop");
    assert_eq!(
        config["welcome_message"],
        "Hi there! How can we help you today?"
    );
    assert_eq!(
        (&config["privacy_text"], &config["privacy_version"]),
        (&json!("We keep it."), &json!(2))
    );
    for closed in [
        "blocked_ips",
        "allowed_domains",
        "whatsapp_business_account_id",
        "whatsapp_phone_number_id",
        "reopen_hours",
        "messages_per_minute",
        "sessions_per_minute",
        "id",
    ] {
        ensure!(config.get(closed).is_none(), "{closed} is public");
    }
    assert_eq!(
        config["whatsapp_phone_number"],
        Value::Null,
        "a number that is not offered"
    );
    Ok(())
}

#[tokio::test]
async fn a_page_learns_whether_somebody_is_there_and_which_departments_to_choose_from() -> Result<()>
{
    let scene = Scene::open().await?;
    scene.site.department("Sales", 5).await?;
    let before = config(&scene, None).await?;
    assert_eq!(
        (&before["online"], &before["departments"]),
        (&json!(false), &json!([]))
    );
    scene.site.agent("Ada", AgentIs::default()).await?;
    scene.set("pre_chat_department_selector = true").await?;
    let after = config(&scene, None).await?;
    assert_eq!(after["online"], true);
    assert_eq!(after["departments"][0]["name"], "Sales");
    Ok(())
}

#[tokio::test]
async fn only_allowed_domains_open_the_widget() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .set("allowed_domains = '{shop.example,*.shop.example}'")
        .await?;
    for good in [
        None,
        Some("https://shop.example"),
        Some("https://www.shop.example:8443"),
    ] {
        config(&scene, good).await?;
    }
    for bad in [
        "https://evil.example",
        "https://evilshop.example",
        "null",
        "",
    ] {
        let refusal = Refusal::expect(config(&scene, Some(bad)).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            ("PT403", Some("chat/domain_not_allowed"))
        );
        let mut anon = scene.db.as_anon().await?;
        let mut request = anon.begin().await?;
        sqlx::query("select set_config('request.headers', $1, true)")
            .bind(json!({"origin": bad}).to_string())
            .execute(&mut *request)
            .await?;
        let opened = sqlx::query("select chat_open_session($1)")
            .bind(scene.site.id)
            .execute(&mut *request)
            .await;
        assert_eq!(
            Refusal::expect(opened).detail.as_deref(),
            Some("chat/domain_not_allowed")
        );
    }
    assert_eq!(scene.db.count("chat.sessions").await?, 0);
    Ok(())
}
