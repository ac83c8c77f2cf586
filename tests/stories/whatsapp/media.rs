//! The file of a received message, as the database sees it: a job of its own, ready or failed once, and who gets an
//! address of it.

use anyhow::{Context, Result};
use pg_chat_tests::webhook::image;
use pg_chat_tests::{Agent, AgentIs, Refusal};
use serde_json::{Value, json};

use crate::scene::{Scene, YUKI, ZOE, id, only, uuid_of};

impl Scene {
    /// Zoe sends a photo; the message.
    async fn photo(&self) -> Result<Value> {
        self.hear(&[image(ZOE, "wamid.photo", "Look")]).await?;
        self.message("wamid.photo").await
    }

    /// A worker's call that gives a value.
    async fn worker(&self, call: &str) -> Result<Value, sqlx::Error> {
        let select = format!("select to_jsonb({call})");
        sqlx::query_scalar(sqlx::AssertSqlSafe(select))
            .fetch_one(self.db.as_worker())
            .await
    }

    /// The job of the only file that waits, leased: its id and lease as arguments.
    async fn leased(&self) -> Result<String> {
        let jobs = self.worker("chat_claim_jobs(10)").await?;
        let job = jobs
            .as_array()
            .into_iter()
            .flatten()
            .find(|job| job["kind"] == "whatsapp.fetch_media");
        let job = job.context("no file waits")?;
        Ok(format!(
            "{}, '{}'",
            job["job_id"],
            job["lease_token"].as_str().unwrap_or_default()
        ))
    }

    fn path_of(&self, message: &Value) -> String {
        format!("chat/{}/{}_image.jpg", self.site.id, uuid_of(message))
    }

    async fn ready(&self, message: &Value) -> Result<Value, sqlx::Error> {
        let path = self.path_of(message);
        self.worker(&format!(
            "chat_media_ready({}, '{path}', 1234, 'image/jpeg', 'ab')",
            id(message)
        ))
        .await
    }

    async fn url(&self, agent: Agent, message: &Value) -> Result<Value, sqlx::Error> {
        let ask = format!("select chat_file_url({}) as file", id(message));
        Ok(self.as_agent(agent, &ask).await?[0]["file"].clone())
    }
}

fn said<T: std::fmt::Debug>(result: Result<T, sqlx::Error>) -> (String, Option<String>) {
    let refusal = Refusal::expect(result);
    (refusal.sqlstate, refusal.detail)
}

fn refused(sqlstate: &str, detail: &str) -> (String, Option<String>) {
    (sqlstate.to_owned(), Some(detail.to_owned()))
}

#[tokio::test]
async fn a_file_has_a_job_of_its_own_which_names_all_that_is_needed() -> Result<()> {
    let scene = Scene::open().await?;
    let told = scene.hear(&[image(ZOE, "wamid.photo", "Look")]).await?;
    assert_eq!(
        (&told["stored"], &told["enqueued"]),
        (&json!(1), &json!(2)),
        "{told}"
    );
    scene.hear(&[image(ZOE, "wamid.photo", "Look")]).await?;
    assert_eq!(
        scene
            .count("chat.jobs where kind = 'whatsapp.fetch_media'")
            .await?,
        1,
        "a repeated webhook adds nothing"
    );
    let message = scene.message("wamid.photo").await?;
    let lease = scene.leased().await?;
    let facts = scene.worker(&format!("chat_begin_media({lease})")).await?;
    assert_eq!(
        only(
            &facts,
            "go kind media_id sha256 mime name folder phone_number_id message_id"
        ),
        json!({
            "go": true, "kind": "image", "media_id": "media-wamid.photo", "sha256": "c2hh", "mime": "image/jpeg",
            "name": null, "folder": format!("chat/{}", scene.site.id),
            "phone_number_id": scene.number.phone_number_id, "message_id": message["id"],
        })
    );
    assert_eq!(
        scene.worker(&format!("chat_renew_lease({lease})")).await?,
        true
    );
    let stale = lease.replace(|c: char| c.is_ascii_hexdigit() && c.is_alphabetic(), "0");
    assert_eq!(
        scene.worker(&format!("chat_renew_lease({stale})")).await?,
        false
    );
    assert_eq!(
        scene.worker(&format!("chat_begin_media({stale})")).await?["state"],
        "gone"
    );
    scene
        .as_owner("update chat.whatsapp_numbers set confirmed_at = null")
        .await?;
    assert_eq!(
        scene.worker(&format!("chat_begin_media({lease})")).await?["state"],
        "not_connected"
    );
    Ok(())
}

#[tokio::test]
async fn a_file_becomes_ready_once_as_a_change_of_its_message() -> Result<()> {
    let scene = Scene::open().await?;
    let photo = scene.photo().await?;
    let told = "realtime.messages where payload ->> 'type' = 'status_change'";
    let before = scene.count(told).await?;
    assert_eq!(scene.ready(&photo).await?, "ready");
    let now = scene.message_now(&photo).await?;
    assert_eq!(
        only(
            &now,
            "file_state file_url file_name file_size file_mime_type"
        ),
        json!({
            "file_state": "ready", "file_url": scene.path_of(&photo), "file_name": "image.jpg", "file_size": 1234,
            "file_mime_type": "image/jpeg",
        })
    );
    assert!(now["change"].as_i64() > photo["change"].as_i64());
    assert!(scene.count(told).await? > before, "clients are told");
    // The worker died before it had ended the job, and another does it again.
    assert_eq!(scene.ready(&photo).await?, "ready");
    let failed = format!("chat_media_failed({}, 'too late')", id(&photo));
    assert_eq!(scene.worker(&failed).await?, "ready");
    assert_eq!(scene.message_now(&photo).await?, now);
    let lease = scene.leased().await?;
    assert_eq!(
        scene.worker(&format!("chat_begin_media({lease})")).await?["state"],
        "gone"
    );
    Ok(())
}

#[tokio::test]
async fn a_file_that_will_not_come_says_why() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let photo = scene.photo().await?;
    let failed = format!("chat_media_failed({}, 'Ask for it again.')", id(&photo));
    assert_eq!(scene.worker(&failed).await?, "failed");
    assert_eq!(
        scene.ready(&photo).await?,
        "failed",
        "nothing comes after the end"
    );
    let file = scene.url(ada, &photo).await?;
    assert_eq!(
        only(&file, "state url path why"),
        json!({"state": "failed", "url": null, "path": null, "why": "Ask for it again."})
    );
    Ok(())
}

#[tokio::test]
async fn a_path_is_the_messages_own() -> Result<()> {
    let scene = Scene::open().await?;
    let photo = scene.photo().await?;
    let own = scene.path_of(&photo);
    for path in [
        own.replace("chat/", "other/"),
        own.replace("_image", "_../image"),
        own.replace("_image", "image"),
        format!("chat/{0}/{0}_image.jpg", scene.site.id),
        own.replace("image.jpg", "bild der küche.jpg"),
    ] {
        let call = format!(
            "chat_media_ready({}, '{path}', 1, 'image/jpeg', 'ab')",
            id(&photo)
        );
        assert_eq!(
            said(scene.worker(&call).await),
            refused("PT422", "chat/bad_path"),
            "{path}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_comes_after_its_message_was_erased_is_deleted_again() -> Result<()> {
    let scene = Scene::open().await?;
    let photo = scene.photo().await?;
    let erase = format!(
        "select chat.erase_person(visitor_id) from mod_chat_conversations where id = '{}'",
        photo["conversation_id"].as_str().unwrap_or_default()
    );
    scene.rows(&erase).await?;
    assert_eq!(
        scene
            .count("chat.lanes where kind = 'whatsapp.fetch_media'")
            .await?,
        0
    );
    assert_eq!(scene.ready(&photo).await?, "gone");
    let jobs = scene.worker("chat_claim_jobs(10)").await?;
    let job = &jobs[0];
    assert_eq!(job["kind"], "storage.delete", "{jobs}");
    let lease = format!(
        "{}, '{}'",
        job["job_id"],
        job["lease_token"].as_str().unwrap_or_default()
    );
    let files = scene
        .worker(&format!("chat_files_to_delete({lease})"))
        .await?;
    assert_eq!(files[0]["path"], json!(scene.path_of(&photo)));
    let gone = format!("chat_files_deleted('{{{}}}')", files[0]["id"]);
    assert_eq!(scene.worker(&gone).await?, 1);
    assert_eq!(
        scene
            .worker(&format!("chat_files_to_delete({lease})"))
            .await?,
        json!([])
    );
    Ok(())
}

#[tokio::test]
async fn files_of_edited_messages_are_erased_too_and_those_that_others_have_stay() -> Result<()> {
    let scene = Scene::open().await?;
    let photo = scene.photo().await?;
    scene.ready(&photo).await?;
    scene.hear(&[image(YUKI, "wamid.yuki", "Mine")]).await?;
    let path = scene.path_of(&photo);
    let kept = path.replace("image.jpg", "kept.jpg");
    scene
        .as_owner(&format!(
            "insert into chat.message_versions (site_id, message_id, version, file, replaced_at, replaced_by)
            values ('{0}', {1}, 1, jsonb_build_object('url', '{kept}'), now(), 'agent:1'),
                ('{0}', {1}, 2, jsonb_build_object('url', '{path}2'), now(), 'agent:1')",
            scene.site.id,
            id(&photo)
        ))
        .await?;
    scene
        .as_owner(&format!(
            "update mod_chat_messages set file_url = '{kept}' where whatsapp_message_id = 'wamid.yuki'"
        ))
        .await?;
    let erase = format!(
        "select chat.erase_person(visitor_id) from mod_chat_conversations where id = '{}'",
        photo["conversation_id"].as_str().unwrap_or_default()
    );
    scene.rows(&erase).await?;
    let jobs = scene.worker("chat_claim_jobs(10)").await?;
    let deletes = jobs
        .as_array()
        .into_iter()
        .flatten()
        .find(|job| job["kind"] == "storage.delete");
    let job = deletes.context("files are to be deleted")?;
    let lease = format!(
        "{}, '{}'",
        job["job_id"],
        job["lease_token"].as_str().unwrap_or_default()
    );
    let files = scene
        .worker(&format!("chat_files_to_delete({lease})"))
        .await?;
    let paths: Vec<_> = files
        .as_array()
        .into_iter()
        .flatten()
        .map(|file| file["path"].clone())
        .collect();
    assert_eq!(paths.len(), 2, "{paths:?}");
    assert!(
        paths.contains(&json!(path)) && paths.contains(&json!(format!("{path}2"))),
        "{paths:?}"
    );
    assert_eq!(
        scene.count("chat.file_deletions").await?,
        2,
        "Yuki's is hers"
    );
    Ok(())
}

#[tokio::test]
async fn who_reads_a_message_gets_an_address_of_its_file() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let photo = scene.photo().await?;
    assert_eq!(scene.url(ada, &photo).await?["state"], "pending");
    scene.ready(&photo).await?;
    let file = scene.url(ada, &photo).await?;
    let path = scene.path_of(&photo);
    let url = file["url"].as_str().unwrap_or_default();
    assert!(
        url.starts_with(&format!(
            "/storage/v1/object/sign/chat-media/{path}?token=ey"
        )),
        "{file}"
    );
    assert_eq!(
        only(&file, "state bucket path name size_bytes mime_type"),
        json!({
            "state": "ready", "bucket": "chat-media", "path": path, "name": "image.jpg", "size_bytes": 1234,
            "mime_type": "image/jpeg",
        })
    );
    let other = pg_chat_tests::Site::make(&scene.db).await?;
    let eve = other.agent("Eve", AgentIs::default()).await?;
    assert_eq!(
        said(scene.url(eve, &photo).await),
        refused("PT404", "chat/no_such_message")
    );
    scene.hear_text(ZOE, "wamid.words", "Only words").await?;
    let words = scene.message("wamid.words").await?;
    assert_eq!(
        said(scene.url(ada, &words).await),
        refused("PT404", "chat/no_file")
    );
    // Whatever wrote another site's path into the row: it is not signed.
    scene
        .as_owner(&format!(
            "update mod_chat_messages set file_url = replace(file_url, site_id::text, '{}') where id = {}",
            other.id,
            id(&photo)
        ))
        .await?;
    let file = scene.url(ada, &photo).await?;
    assert_eq!(
        only(&file, "url path bucket"),
        json!({"url": null, "path": null, "bucket": null})
    );
    Ok(())
}

#[tokio::test]
async fn an_agent_sends_a_file_that_is_there_and_that_they_may_read() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    let path = format!("chat/{}/{}_offer.pdf", scene.site.id, uuid_of(&chat));
    let send = |path: &str| {
        format!(
            "insert into mod_chat_messages (conversation_id, content, content_type, file_url, file_size)
            values ({}, 'Our offer', 'file', '{path}', 1) returning *",
            id(&chat)
        )
    };
    scene
        .lies_in_storage(&path, r#"{"size": 321, "mimetype": "application/pdf"}"#)
        .await?;
    let sent = scene.as_agent(ada, &send(&path)).await?;
    assert_eq!(
        only(
            &sent[0],
            "file_url file_name file_size file_mime_type file_state kind"
        ),
        json!({
            "file_url": path, "file_name": "offer.pdf", "file_size": 321, "file_mime_type": "application/pdf",
            "file_state": "ready", "kind": "document",
        })
    );
    for elsewhere in ["/etc/passwd", "chat/1/a.png"] {
        assert_eq!(
            said(scene.as_agent(ada, &send(elsewhere)).await),
            refused("PT422", "chat/not_your_file"),
            "{elsewhere}"
        );
    }
    scene
        .as_agent(ada, &send("https://example.org/a.png"))
        .await?;
    Ok(())
}

#[tokio::test]
async fn files_leave_slots_to_replies() -> Result<()> {
    let scene = Scene::open().await?;
    for person in 3..7 {
        let photo = image(
            &format!("1555010000{person}"),
            &format!("wamid.{person}"),
            "",
        );
        scene.hear(&[photo]).await?;
    }
    let kinds = |jobs: &Value| {
        let files = |job: &&Value| job["kind"] == "whatsapp.fetch_media";
        let jobs = jobs.as_array().cloned().unwrap_or_default();
        (jobs.iter().filter(files).count(), jobs.len())
    };
    // The four read marks come first.
    assert_eq!(
        kinds(&scene.worker("chat_claim_jobs(10, 0)").await?),
        (0, 4)
    );
    assert_eq!(
        kinds(&scene.worker("chat_claim_jobs(10, 1)").await?),
        (1, 1)
    );
    assert_eq!(
        kinds(&scene.worker("chat_claim_jobs(10, 0)").await?),
        (0, 0)
    );
    scene
        .as_owner("update chat.lanes set lease_until = now() - interval '1 s' where busy and class = 'bulk'")
        .await?;
    assert_eq!(
        kinds(&scene.worker("chat_claim_jobs(10, 0)").await?),
        (0, 0),
        "a lost one is bulk, too"
    );
    assert_eq!(kinds(&scene.worker("chat_claim_jobs(10)").await?), (4, 4));
    Ok(())
}
