//! What a site asks before a chat, and of whoever finds nobody there.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use uuid::Uuid;

use super::said;
use crate::scene::Scene;

fn problems(answer: &Value) -> Vec<String> {
    let list = answer["problems"].as_array().cloned().unwrap_or_default();
    list.iter()
        .map(|p| {
            format!(
                "{} {}",
                p["field"].as_str().unwrap_or_default(),
                p["problem"].as_str().unwrap_or_default()
            )
        })
        .collect()
}

#[tokio::test]
async fn nobody_writes_before_the_form_is_filled_in() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest().await?;
    assert_eq!(
        zoe.is_refused("chat_post_message('Hello')").await,
        said("PT422", "chat/form_required")
    );
    let answer = zoe
        .gets(r#"chat_submit_form('pre_chat', '{"name": " ", "email": "zoe@", "phone": "x"}')"#)
        .await?;
    assert_eq!(
        (&answer["code"], &answer["details"]),
        (&json!("PT422"), &json!("chat/form_invalid"))
    );
    assert_eq!(
        problems(&answer),
        ["name missing", "email not_an_email", "phone not_a_phone"]
    );
    let given = r#"{"name": "Zoe", "email": "zoe@example.org", "message": "Hello"}"#;
    let answer = zoe
        .gets(&format!("chat_submit_form('pre_chat', '{given}')"))
        .await?;
    assert_eq!(
        (
            &answer["message"]["content"],
            &answer["message"]["sender_name"]
        ),
        (&json!("Hello"), &json!("Zoe"))
    );
    zoe.writes("And more").await?;
    assert_eq!(
        scene
            .db
            .row("select name, email, phone from mod_chat_visitors")
            .await?,
        json!({"name": "Zoe", "email": "zoe@example.org", "phone": null})
    );
    assert_eq!(scene.db.count("mod_chat_conversations").await?, 1);
    Ok(())
}

#[tokio::test]
async fn each_setting_asks_for_its_field() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .set("pre_chat_name_required = false, pre_chat_email_required = false")
        .await?;
    for (setting, field) in [
        ("pre_chat_name_required = true", Some("name missing")),
        ("pre_chat_email_required = true", Some("email missing")),
        (
            "pre_chat_phone_enabled = true, pre_chat_phone_required = true",
            Some("phone missing"),
        ),
        ("pre_chat_message_required = true", Some("message missing")),
        // A phone that is not asked for cannot be required.
        ("pre_chat_phone_required = true", None),
    ] {
        scene.set("pre_chat_name_required = false, pre_chat_email_required = false, pre_chat_phone_enabled = false,
            pre_chat_phone_required = false, pre_chat_message_required = false").await?;
        scene.set(setting).await?;
        let answer = scene
            .guest()
            .await?
            .gets("chat_submit_form('pre_chat', '{}')")
            .await?;
        assert_eq!(
            problems(&answer),
            field.into_iter().collect::<Vec<_>>(),
            "{setting}"
        );
    }
    scene
        .set("pre_chat_enabled = false, pre_chat_name_required = true")
        .await?;
    scene.guest().await?.writes("No form at all").await?;
    Ok(())
}

#[tokio::test]
async fn the_department_chosen_gets_the_chat() -> Result<()> {
    let scene = Scene::open().await?;
    let sales = scene.site.department("Sales", 5).await?;
    let mut zoe = scene.guest_without_form().await?;
    let form = |department: &str| {
        format!(
            "chat_submit_form('pre_chat', '{{\"message\": \"Hi\", \"department_id\": \"{department}\"}}')"
        )
    };
    // A site that does not let people choose takes no choice.
    assert_eq!(
        problems(&zoe.gets(&form(&sales.to_string())).await?),
        ["department_id unknown"]
    );
    scene.set("pre_chat_department_selector = true").await?;
    for other in [Uuid::new_v4().to_string(), "x".to_owned()] {
        assert_eq!(
            problems(&zoe.gets(&form(&other)).await?),
            ["department_id unknown"]
        );
    }
    zoe.gets(&form(&sales.to_string())).await?;
    assert_eq!(
        scene
            .db
            .row("select department_id from mod_chat_conversations")
            .await?,
        json!({"department_id": sales})
    );
    Ok(())
}

#[tokio::test]
async fn a_department_that_is_just_being_deleted_is_unknown() -> Result<()> {
    let scene = Scene::open().await?;
    scene.set("pre_chat_department_selector = true").await?;
    let sales = scene.site.department("Sales", 5).await?;
    let mut zoe = scene.guest_without_form().await?;
    let mut deletes = scene.db.owner().begin().await?;
    let delete = format!("delete from mod_chat_departments where id = '{sales}'");
    sqlx::query(sqlx::AssertSqlSafe(delete))
        .execute(&mut *deletes)
        .await?;
    let form = format!(
        "chat_submit_form('pre_chat', '{{\"message\": \"Hi\", \"department_id\": \"{sales}\"}}')"
    );
    let answer = scene.while_open(deletes, zoe.gets(&form)).await??;
    assert_eq!(problems(&answer), ["department_id unknown"]);
    Ok(())
}

#[tokio::test]
async fn whoever_finds_nobody_there_leaves_a_message_and_an_address() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    let answer = zoe
        .gets("chat_submit_form('offline', '{\"name\": \"Zoe\"}')")
        .await?;
    assert_eq!(problems(&answer), ["email missing", "message missing"]);
    let left = r#"{"email": "zoe@example.org", "message": "Call me"}"#;
    zoe.gets(&format!("chat_submit_form('offline', '{left}')"))
        .await?;
    assert_eq!(
        scene
            .db
            .row("select status, metadata from mod_chat_conversations")
            .await?,
        json!({"status": "pending", "metadata": {"form": "offline"}})
    );
    assert_eq!(
        zoe.is_refused("chat_submit_form('survey', '{}')").await,
        said("PT422", "chat/unknown_form")
    );
    Ok(())
}

#[tokio::test]
async fn a_form_sent_twice_is_one_message() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    let send = format!(
        "chat_submit_form('pre_chat', '{{\"message\": \"Hi\"}}', '{}')",
        Uuid::new_v4()
    );
    assert_eq!(zoe.gets(&send).await?, zoe.gets(&send).await?);
    assert_eq!(scene.db.count("mod_chat_messages").await?, 1);
    Ok(())
}

/// What somebody types finds nothing: neither the person who has that address nor their chats.
#[tokio::test]
async fn a_typed_address_finds_nobody() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    let form = r#"chat_submit_form('pre_chat', '{"email": "zoe@example.org", "phone": "+44 20 7946 0000", "message": "x"}')"#;
    zoe.gets(form).await?;
    let mut thief = scene.guest().await?;
    thief.gets(form).await?;
    assert_eq!(thief.sees("select * from chat_my_messages").await?.len(), 1);
    assert_eq!(scene.db.count("mod_chat_visitors").await?, 2);
    assert_eq!(scene.db.count("chat.identity_aliases").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_site_that_asks_for_consent_gets_it_to_the_text_that_was_shown() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .set("privacy_required = true, privacy_text = 'We keep it for a year.'")
        .await?;
    let mut zoe = scene.guest_without_form().await?;
    assert_eq!(
        zoe.is_refused("chat_post_message('Hello')").await,
        said("PT422", "chat/consent_required")
    );
    assert_eq!(
        zoe.is_refused("chat_consent(1)").await,
        said("PT409", "chat/privacy_changed")
    );
    let given = zoe.gets("chat_consent(2)").await?;
    assert_eq!(zoe.gets("chat_consent(2)").await?, given, "given once");
    zoe.writes("Hello").await?;

    scene.set("privacy_text = 'We keep it for ever.'").await?;
    assert_eq!(
        zoe.is_refused("chat_post_message('More')").await,
        said("PT422", "chat/consent_required")
    );
    let with_form = r#"chat_submit_form('pre_chat', '{"message": "More", "privacy_version": 3}')"#;
    zoe.gets(with_form).await?;
    let kept = scene
        .db
        .rows("select version, privacy_text from chat.consents order by version")
        .await?;
    assert_eq!(
        kept,
        [
            json!({"version": 2, "privacy_text": "We keep it for a year."}),
            json!({"version": 3, "privacy_text": "We keep it for ever."})
        ]
    );
    let odd = zoe
        .gets(r#"chat_submit_form('pre_chat', '{"privacy_version": "x"}')"#)
        .await?;
    ensure!(problems(&odd) == ["privacy_version unknown"], "{odd}");
    Ok(())
}

#[tokio::test]
async fn values_of_every_odd_kind_are_said_to_be_so() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    let deep = format!("{}1{}", "[".repeat(2000), "]".repeat(2000));
    for given in [
        "null".to_owned(),
        "[]".to_owned(),
        "7".to_owned(),
        "\"x\"".to_owned(),
        deep,
    ] {
        let answer = zoe
            .gets(&format!("chat_submit_form('pre_chat', '{given}')"))
            .await?;
        assert_eq!(answer["message"], Value::Null, "{given:.20}");
    }
    let answer = zoe
        .gets(r#"chat_submit_form('pre_chat', '{"name": {"a": 1}, "email": [], "phone": 7, "message": true, "department_id": {}}')"#)
        .await?;
    assert_eq!(
        problems(&answer),
        [
            "name not_text",
            "email not_text",
            "phone not_text",
            "message not_text",
            "department_id unknown"
        ]
    );
    let marks = "chat_submit_form('pre_chat', jsonb_build_object('name', U&'Zo\\202Ee\\0007'))";
    zoe.gets(marks).await?;
    assert_eq!(
        scene.db.row("select name from mod_chat_visitors").await?,
        json!({"name": "Zoe"})
    );
    Ok(())
}
