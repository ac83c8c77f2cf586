//! Who somebody is: a phone, a business-scoped id (BSUID), or both; several spellings, changed numbers.

use anyhow::Result;
use pg_chat_tests::Site;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{receive, text};
use serde_json::{Value, json};

use crate::scene::{Scene, ZOE};

const ZOES_ID: &str = "US.13491208655302741918";

/// A text from somebody who shows only a BSUID, or that and a phone.
fn from_user(bsuid: &str, phone: Option<&str>, wamid: &str) -> Value {
    let mut message = text("", wamid, "Hello");
    match phone {
        Some(phone) => message["from"] = json!(phone),
        None => drop(message.as_object_mut().expect("an object").remove("from")),
    }
    message["from_user_id"] = json!(bsuid);
    message
}

async fn person_of(scene: &Scene, wamid: &str) -> Result<Value> {
    Ok(scene.message(wamid).await?["sender_id"].clone())
}

#[tokio::test]
async fn somebody_without_a_phone_is_a_person_like_others() -> Result<()> {
    let scene = Scene::open().await?;
    scene.hear(&[from_user(ZOES_ID, None, "wamid.1")]).await?;
    scene.hear(&[from_user(ZOES_ID, None, "wamid.2")]).await?;
    assert_eq!(scene.count("mod_chat_conversations").await?, 1);
    let person = scene.row("select * from mod_chat_visitors").await?;
    assert_eq!(
        (&person["whatsapp_phone"], &person["phone"]),
        (&json!(null), &json!(null))
    );
    Ok(())
}

#[tokio::test]
async fn a_phone_and_an_id_that_come_together_become_one_person() -> Result<()> {
    let scene = Scene::open().await?;
    scene.hear_text(ZOE, "wamid.phone", "by phone").await?;
    scene
        .hear(&[from_user(ZOES_ID, Some(ZOE), "wamid.both")])
        .await?;
    scene.hear(&[from_user(ZOES_ID, None, "wamid.id")]).await?;
    assert_eq!(scene.count("mod_chat_visitors").await?, 1);
    assert_eq!(scene.count("mod_chat_conversations").await?, 1);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn when_id_and_phone_name_two_people_the_id_wins_and_the_phone_stays_where_it_was()
-> Result<()> {
    let scene = Scene::open().await?;
    scene.hear(&[from_user(ZOES_ID, None, "wamid.id")]).await?;
    scene
        .hear_text(ZOE, "wamid.phone", "somebody with her old phone")
        .await?;
    scene
        .hear(&[from_user(ZOES_ID, Some(ZOE), "wamid.both")])
        .await?;
    scene
        .hear_text(ZOE, "wamid.phone.again", "still me")
        .await?;

    assert_eq!(
        person_of(&scene, "wamid.both").await?,
        person_of(&scene, "wamid.id").await?
    );
    assert_eq!(
        person_of(&scene, "wamid.phone.again").await?,
        person_of(&scene, "wamid.phone").await?
    );
    assert_ne!(
        person_of(&scene, "wamid.id").await?,
        person_of(&scene, "wamid.phone").await?
    );
    Ok(())
}

#[tokio::test]
async fn two_spellings_of_a_phone_are_one_person() -> Result<()> {
    let scene = Scene::open().await?;
    // Brazil's ninth digit, Mexico's 1.
    for (n, (one, other)) in [
        ("5511987654321", "551187654321"),
        ("525512345678", "5215512345678"),
    ]
    .iter()
    .enumerate()
    {
        scene
            .hear_text(one, &format!("wamid.{n}.one"), "Olá")
            .await?;
        scene
            .hear_text(other, &format!("wamid.{n}.other"), "Hola")
            .await?;
        assert_eq!(
            person_of(&scene, &format!("wamid.{n}.one")).await?,
            person_of(&scene, &format!("wamid.{n}.other")).await?
        );
    }
    assert_eq!(scene.count("mod_chat_conversations").await?, 2);
    Ok(())
}

#[tokio::test]
async fn a_brazilian_landline_is_nobody_elses_spelling() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .hear_text("551132345678", "wamid.landline", "Olá")
        .await?;
    scene
        .hear_text("5511932345678", "wamid.mobile", "Olá")
        .await?;
    assert_eq!(scene.count("mod_chat_visitors").await?, 2);
    Ok(())
}

#[tokio::test]
async fn somebody_with_a_new_number_stays_the_same_person() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .hear_text(ZOE, "wamid.old", "with the old number")
        .await?;
    scene
        .hear(&[json!({"from": ZOE, "id": "wamid.changed", "timestamp": "1760000000", "type": "system",
            "system": {"body": "Zoe changed from 15550100002 to 15550100099", "wa_id": "15550100099",
                "type": "user_changed_number"}})])
        .await?;
    scene
        .hear_text("15550100099", "wamid.new", "with the new one")
        .await?;
    assert_eq!(
        person_of(&scene, "wamid.new").await?,
        person_of(&scene, "wamid.old").await?
    );
    assert_eq!(scene.count("mod_chat_conversations").await?, 1);
    assert_eq!(scene.message("wamid.changed").await?["kind"], "system");
    assert_eq!(
        scene.conversation_of(ZOE).await?["unread_agent_count"],
        2,
        "a line of the system is not unread"
    );
    Ok(())
}

#[tokio::test]
async fn the_same_phone_is_another_person_at_another_site() -> Result<()> {
    let scene = Scene::open().await?;
    let elsewhere = Site::make(&scene.db).await?;
    let number = elsewhere.number(&scene.db, "206540352242922").await?;
    scene.hear_text(ZOE, "wamid.here", "Hello").await?;
    receive(&scene.db, &number, &[text(ZOE, "wamid.there", "Hello")]).await?;
    assert_ne!(
        person_of(&scene, "wamid.here").await?,
        person_of(&scene, "wamid.there").await?
    );
    let sites = scene
        .rows("select distinct site_id from mod_chat_visitors")
        .await?;
    assert_eq!(sites.len(), 2);
    Ok(())
}
