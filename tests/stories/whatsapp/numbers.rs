//! Whose a message is, is said by the number it came to, once the number is confirmed. What fits nobody is kept aside.

use anyhow::Result;
use pg_chat_tests::webhook::{body_of_messages, take, text};
use pg_chat_tests::{Number, Refusal, Site};
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use crate::scene::{Scene, ZOE, only};

impl Scene {
    /// The only dead letter.
    async fn dead_letter(&self) -> Result<Value> {
        self.row("select * from chat.dead_letters").await
    }
}

#[tokio::test]
async fn a_message_to_a_number_nobody_has_is_kept_with_its_reason() -> Result<()> {
    let scene = Scene::open().await?;
    let elsewhere = Number {
        phone_number_id: "999".to_owned(),
        ..scene.number.clone()
    };
    let answers = take(
        &scene.db,
        &elsewhere,
        &body_of_messages(&elsewhere, &[text(ZOE, "wamid.1", "Hello")]),
    )
    .await?;
    assert_eq!(
        answers,
        [json!({"stored": 0, "duplicate": 0, "dead": 1, "enqueued": 0})]
    );
    let letter = scene.dead_letter().await?;
    assert_eq!(
        only(&letter, "reason phone_number_id"),
        json!({"reason": "unknown_number", "phone_number_id": "999"})
    );
    assert_eq!(letter["item"]["wamid"], "wamid.1");
    assert_eq!(scene.count("mod_chat_messages").await?, 0);
    Ok(())
}

#[tokio::test]
async fn an_app_cannot_sign_for_the_number_of_another_app() -> Result<()> {
    let scene = Scene::open().await?;
    let other: Value = sqlx::query_scalar(
        "select public.chat_register_whatsapp('second', null, null, null, 'v26.0', null)",
    )
    .fetch_one(scene.db.as_worker())
    .await?;
    let forged = Number {
        app: serde_json::from_value(other["app"].clone())?,
        ..scene.number.clone()
    };
    take(
        &scene.db,
        &forged,
        &body_of_messages(&forged, &[text(ZOE, "wamid.1", "Hello")]),
    )
    .await?;
    assert_eq!(scene.dead_letter().await?["reason"], "unknown_number");
    Ok(())
}

#[tokio::test]
async fn a_number_receives_only_after_graph_has_confirmed_it() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .as_owner("update chat.whatsapp_numbers set confirmed_at = null")
        .await?;
    scene.hear_text(ZOE, "wamid.1", "Hello").await?;
    assert_eq!(scene.dead_letter().await?["reason"], "unknown_number");
    Ok(())
}

#[tokio::test]
async fn a_number_that_a_site_has_confirmed_cannot_be_registered_for_another() -> Result<()> {
    let scene = Scene::open().await?;
    let thief = Site::make(&scene.db).await?;
    let refused = sqlx::query_scalar::<_, Value>(
        "select public.chat_register_whatsapp('environment', $1, 'waba', $2, 'v26.0', null)",
    )
    .bind(thief.id)
    .bind(&scene.number.phone_number_id)
    .fetch_one(scene.db.as_worker())
    .await;
    let refusal = Refusal::expect(refused);
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT409", Some("chat/number_taken"))
    );
    Ok(())
}

#[tokio::test]
async fn of_two_claims_on_a_number_the_first_that_graph_confirms_has_it() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .as_owner("update chat.whatsapp_numbers set confirmed_at = null")
        .await?;
    let rival = Site::make(&scene.db).await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_widget_settings (site_id, whatsapp_enabled, whatsapp_phone_number_id)
            values ('{}', true, '{}')",
            rival.id, scene.number.phone_number_id
        ))
        .await?;
    assert_eq!(
        scene.count("chat.whatsapp_numbers").await?,
        2,
        "both claim it"
    );
    let confirm = async |site: Uuid| -> Result<Value> {
        Ok(sqlx::query_scalar(
            "select public.chat_confirm_number(
                (select id from chat.whatsapp_numbers where site_id = $1), '{}')",
        )
        .bind(site)
        .fetch_one(scene.db.owner())
        .await?)
    };
    assert_eq!(confirm(scene.site.id).await?["confirmed"], true);
    assert_eq!(confirm(rival.id).await?["confirmed"], false);
    Ok(())
}

#[tokio::test]
async fn a_message_from_nobody_is_kept_aside() -> Result<()> {
    let scene = Scene::open().await?;
    let mut body = body_of_messages(&scene.number, &[text("", "wamid.1", "Hello")]);
    body["entry"][0]["changes"][0]["value"]["contacts"] = json!([]);
    assert_eq!(scene.take(&body).await?["dead"], 1);
    assert_eq!(scene.dead_letter().await?["reason"], "no_sender");
    Ok(())
}

#[tokio::test]
async fn a_field_that_is_not_handled_is_kept_aside() -> Result<()> {
    let scene = Scene::open().await?;
    let body = json!({"object": "whatsapp_business_account", "entry": [{"id": scene.number.waba_id, "changes": [
        {"field": "automatic_events", "value": {"event_name": "LeadSubmitted"}}]}]});
    assert_eq!(scene.take(&body).await?["dead"], 1);
    let letter = scene.dead_letter().await?;
    assert_eq!(letter["reason"], "field_not_handled");
    assert_eq!(letter["item"]["field"], "automatic_events");
    Ok(())
}

#[tokio::test]
async fn one_letter_that_is_dead_costs_the_others_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    let unknown = json!({"what": "message", "phone_number_id": "999", "phone": ZOE, "wamid": "wamid.dead",
        "kind": "text", "content": "Hello"});
    let known = json!({"what": "message", "phone_number_id": scene.number.phone_number_id, "phone": ZOE,
        "wamid": "wamid.alive", "kind": "text", "content": "Hello"});
    let answer: Value = sqlx::query_scalar("select public.chat_receive_whatsapp($1, $2)")
        .bind(scene.number.app)
        .bind(Json([unknown, known]))
        .fetch_one(scene.db.as_worker())
        .await?;
    assert_eq!(
        only(&answer, "stored dead"),
        json!({"stored": 1, "dead": 1})
    );
    Ok(())
}
