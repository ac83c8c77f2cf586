//! Files of visitors: asked before they are sent, and taken once.

use anyhow::Result;
use pg_chat_tests::Refusal;
use serde_json::{Value, json};
use uuid::Uuid;

use super::said;
use crate::scene::{Scene, id};

#[tokio::test]
async fn a_sites_rules_for_files_are_asked_before_a_byte_is_sent() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .set("max_file_size_mb = 1, allowed_file_types = '{image/*, Application/PDF}'")
        .await?;
    let mut zoe = scene.guest_without_form().await?;
    for (file, code) in [
        ("'a.png', 0, 'image/png'", "chat/file_too_large"),
        ("'a.png', 1048577, 'image/png'", "chat/file_too_large"),
        ("'a.png', null, 'image/png'", "chat/file_too_large"),
        ("'a.exe', 10, 'application/x-msdownload'", "chat/file_type"),
        ("'a.png', 10, 'image'", "chat/file_type"),
        ("'a.png', 10, null", "chat/file_type"),
        ("' ', 10, 'image/png'", "chat/file_name"),
        ("null, 10, 'image/png'", "chat/file_name"),
    ] {
        assert_eq!(
            zoe.is_refused(&format!("chat_request_upload({file})"))
                .await,
            said("PT422", code),
            "{file}"
        );
    }
    for good in [
        "'a.png', 1048576, 'image/png'",
        "'b.pdf', 1, 'application/pdf; charset=x'",
    ] {
        zoe.gets(&format!("chat_request_upload({good})")).await?;
    }
    scene.set("enable_file_uploads = false").await?;
    assert_eq!(
        zoe.is_refused("chat_request_upload('a.png', 1, 'image/png')")
            .await,
        said("PT422", "chat/uploads_off")
    );
    Ok(())
}

#[tokio::test]
async fn a_file_is_sent_once_by_the_session_that_put_it_there() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    let mut max = scene.guest().await?;
    let upload = zoe
        .gets("chat_request_upload('../../my photo.png', 2048, 'image/png')")
        .await?;
    let path = upload["path"].as_str().unwrap_or_default();
    let site = scene.site.id;
    assert!(
        path.starts_with(&format!("chat/{site}/")) && path.matches('/').count() == 2,
        "{path}"
    );
    let send = format!(
        "chat_post_message('', gen_random_uuid(), null, null, {})",
        upload["upload"].to_string().replace('"', "'")
    );
    assert_eq!(
        zoe.is_refused(&send).await,
        said("PT404", "chat/no_such_upload"),
        "nothing was put there"
    );
    scene
        .lies_in_storage(upload["path"].as_str().unwrap_or_default(), "{}")
        .await?;
    assert_eq!(
        max.is_refused(&send).await,
        said("PT404", "chat/no_such_upload"),
        "it is Zoe's"
    );
    let message = zoe.gets(&send).await?;
    assert_eq!(
        json!([
            message["kind"],
            message["content_type"],
            message["file_url"],
            message["file_name"],
            message["file_size"],
            message["file_state"]
        ]),
        json!(["image", "image", path, "../../my photo.png", 2048, "ready"])
    );
    assert_eq!(
        zoe.is_refused(&send).await,
        said("PT404", "chat/no_such_upload"),
        "it was sent already"
    );
    Ok(())
}

#[tokio::test]
async fn what_was_put_there_counts_whatever_was_said_of_it_before() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .set("max_file_size_mb = 1, allowed_file_types = '{image/*}'")
        .await?;
    let mut zoe = scene.guest_without_form().await?;
    for (is, answer) in [
        (
            r#"{"size": 1048577, "mimetype": "image/png"}"#,
            Err("chat/file_too_large"),
        ),
        (
            r#"{"size": 9999999999, "mimetype": "image/png"}"#,
            Err("chat/file_too_large"),
        ),
        (
            r#"{"size": 10, "mimetype": "text/html"}"#,
            Err("chat/file_type"),
        ),
        (r#"{"size": 10}"#, Err("chat/file_type")),
        (
            r#"{"size": 1048576, "mimetype": "image/JPEG; q=1"}"#,
            Ok(json!([1_048_576, "image/jpeg"])),
        ),
    ] {
        let upload = zoe
            .gets("chat_request_upload('a.png', 10, 'image/png')")
            .await?;
        scene
            .lies_in_storage(upload["path"].as_str().unwrap_or_default(), is)
            .await?;
        let send = format!(
            "chat_post_message('', gen_random_uuid(), null, null, {})",
            upload["upload"].to_string().replace('"', "'")
        );
        match answer {
            Err(code) => assert_eq!(zoe.is_refused(&send).await, said("PT422", code), "{is}"),
            Ok(shown) => {
                let message = zoe.gets(&send).await?;
                assert_eq!(
                    json!([message["file_size"], message["file_mime_type"]]),
                    shown
                );
            }
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_sites_rules_for_files_hold_for_its_agents_too_and_metas_for_what_leaves_by_whatsapp()
-> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene
        .set("max_file_size_mb = 1, allowed_file_types = '{image/*}'")
        .await?;
    let mut zoe = scene.guest_without_form().await?;
    zoe.gets("chat_post_message('Hello')").await?;
    let on_the_page = scene
        .row("select * from mod_chat_conversations where channel <> 'whatsapp'")
        .await?;
    let by_whatsapp = scene.visit("15550100001").await?;
    for (is, refusal) in [
        (r#"{"size": 1048576, "mimetype": "image/png"}"#, None),
        (
            r#"{"size": 1048577, "mimetype": "image/png"}"#,
            Some("chat/file_too_large"),
        ),
        (
            r#"{"size": 10, "mimetype": "application/pdf"}"#,
            Some("chat/file_type"),
        ),
    ] {
        let path = format!("chat/{}/{}_offer", scene.site.id, Uuid::new_v4());
        scene.lies_in_storage(&path, is).await?;
        let send = |conversation: &Value| {
            format!(
                "insert into mod_chat_messages (conversation_id, content, content_type, file_url)
                values ({}, 'Our offer', 'file', '{path}') returning id",
                id(conversation)
            )
        };
        let shown = scene.as_agent(ada, &send(&on_the_page)).await;
        match refusal {
            None => assert_eq!(shown?.len(), 1, "{is}"),
            Some(code) => {
                let refusal = Refusal::expect(shown);
                assert_eq!(refusal.detail.as_deref(), Some(code), "{is}");
            }
        }
        scene.as_agent(ada, &send(&by_whatsapp)).await?;
    }
    Ok(())
}

#[tokio::test]
async fn storage_takes_a_visitors_file_only_where_they_asked_for_a_place() -> Result<()> {
    let scene = Scene::open().await?;
    let mut zoe = scene.guest_without_form().await?;
    let mut max = scene.guest().await?;
    let upload = zoe
        .gets("chat_request_upload('a.png', 10, 'image/png')")
        .await?;
    let path = upload["path"].as_str().unwrap_or_default();
    let put = |path: &str| {
        format!(
            "insert into storage.objects (bucket_id, name) values ('chat-media', '{path}') returning name"
        )
    };
    for wrong in [
        put("chat/x"),
        put(&format!("{path}x")),
        put(path).replace("chat-media", "other"),
    ] {
        assert_eq!(zoe_refused(zoe.sees(&wrong).await), "42501", "{wrong}");
    }
    assert_eq!(
        zoe_refused(max.sees(&put(path)).await),
        "42501",
        "another's place"
    );
    zoe.sees(&put(path).replace(" returning name", " returning 1"))
        .await?;
    Ok(())
}

fn zoe_refused(result: Result<Vec<Value>, sqlx::Error>) -> String {
    Refusal::expect(result).sqlstate
}
