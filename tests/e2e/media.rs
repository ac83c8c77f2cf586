//! Files that people send: from a phone through Meta into Storage, and from there to who may see them.

use std::time::Duration;

use anyhow::{Context, Result};
use local_stack::graph::{Call, Fault, Media, Misbehaviour, Say};
use pg_chat_tests::{http_client, wait_until};
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::stage::{Stage, ZOE};

/// The beginning that every JPEG has, and more.
const JPEG: &[u8] = b"\xff\xd8\xff\xe0\x00\x10JFIF a small picture";
pub const PDF: &[u8] = b"%PDF-1.7 a small document";

/// A worker that waits little.
pub const QUICK: [(&str, &str); 3] = [
    ("CHAT_GRAPH_TIMEOUT_MS", "1500"),
    ("CHAT_GRAPH_CONNECT_MS", "500"),
    ("CHAT_QUEUE_POLL_MS", "200"),
];

impl Stage {
    /// A phone sends a file that Meta has; the id of the message.
    async fn sends(&self, kind: &str, file: &Media, more: Value) -> Result<Uuid> {
        let said = self.meta().say(ZOE, Say::file(kind, file, more))?;
        wait_until("the message is stored before its file", async || {
            let home = "select id from public.mod_chat_messages where whatsapp_message_id = $1";
            Ok(sqlx::query_scalar(home)
                .bind(&said.wamid)
                .fetch_optional(self.db.owner())
                .await?)
        })
        .await
    }

    /// A message once its file is in a state, however long its job would wait.
    async fn once_file(&self, message: Uuid, state: &str) -> Result<Value> {
        wait_until(&format!("the file is {state}"), async || {
            let row = self.message(message).await?;
            if row["file_state"] == state {
                return Ok(Some(row));
            }
            self.pauses_end().await?;
            Ok(None)
        })
        .await
    }

    /// What is in the bucket.
    async fn in_storage(&self) -> Result<Vec<Value>> {
        self.db
            .rows("select name, metadata ->> 'mimetype' as mime from storage.objects where bucket_id = 'chat-media'")
            .await
    }

    /// The bytes behind an address that Ada asked for.
    async fn opened(&self, message: Uuid) -> Result<Vec<u8>> {
        let ask = format!("select chat_file_url('{message}') as file");
        let file = self.db.desk(self.ada).rows(&ask).await?[0]["file"].clone();
        let url = format!(
            "{}{}",
            self.storage()?,
            file["url"].as_str().context("no address")?
        );
        let answer = http_client().get(url).send().await?.error_for_status()?;
        Ok(answer.bytes().await?.to_vec())
    }
}

#[tokio::test]
async fn a_picture_lies_in_storage_and_who_reads_the_chat_opens_it() -> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    let file = stage.meta().add_media(JPEG, "image/jpeg");
    let message = stage
        .sends("image", &file, json!({"caption": "Look"}))
        .await?;
    let row = stage.once_file(message, "ready").await?;
    let site = row["site_id"].as_str().context("a site")?;
    assert_eq!(
        json!([
            row["file_url"],
            row["file_size"],
            row["file_mime_type"],
            row["content"]
        ]),
        json!([
            format!("chat/{site}/{message}_image.jpg"),
            JPEG.len(),
            "image/jpeg",
            "Look"
        ])
    );
    assert_eq!(
        stage.in_storage().await?,
        [json!({"name": row["file_url"], "mime": "image/jpeg"})]
    );
    assert_eq!(stage.opened(message).await?, JPEG);
    let told = format!(
        "realtime.messages where payload ->> 'message_id' = '{message}' and payload ->> 'change' = '{}'",
        row["change"]
    );
    assert!(
        stage.db.count(&told).await? > 0,
        "clients are told that it is ready"
    );
    Ok(())
}

#[tokio::test]
async fn a_document_keeps_what_the_person_called_it() -> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    let file = stage.meta().add_media(PDF, "application/pdf");
    let message = stage
        .sends(
            "document",
            &file,
            json!({"filename": "Rechnung März/1.pdf"}),
        )
        .await?;
    let row = stage.once_file(message, "ready").await?;
    assert_eq!(row["file_name"], "Rechnung März/1.pdf");
    let path = row["file_url"].as_str().unwrap_or_default();
    assert!(
        path.ends_with(&format!("{message}_Rechnung_M_rz_1.pdf")),
        "{path}"
    );
    assert_eq!(stage.opened(message).await?, PDF);
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_not_what_was_said_is_not_kept_and_the_message_says_so() -> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    let lies = |call, does| Fault::next(does).on(call).times(9);
    for (says, bytes, mime, fault) in [
        (
            "damaged",
            JPEG,
            "image/jpeg",
            Some(lies(Call::Media, Misbehaviour::LieAboutLength)),
        ),
        (
            "damaged",
            JPEG,
            "image/jpeg",
            Some(lies(Call::Media, Misbehaviour::LieAboutDigest)),
        ),
        (
            "damaged",
            JPEG,
            "image/jpeg",
            Some(lies(Call::Download, Misbehaviour::OtherBytes)),
        ),
        (
            "does not lie at WhatsApp",
            JPEG,
            "image/jpeg",
            Some(lies(Call::Download, Misbehaviour::Redirect { away: true })),
        ),
        ("not what it is called", PDF, "image/jpeg", None),
        (
            "not what it is called",
            b"<html><script>1</script>".as_slice(),
            "image/png",
            None,
        ),
    ] {
        stage.meta().clear_faults();
        if let Some(fault) = fault {
            stage.meta().add_fault(fault)?;
        }
        let file = stage.meta().add_media(bytes, mime);
        let message = stage.sends("image", &file, json!({})).await?;
        let row = stage.once_file(message, "failed").await?;
        let why = row["metadata"]["media"]["error"]
            .as_str()
            .unwrap_or_default();
        assert!(why.contains(says), "{why}");
        assert_eq!(row["file_url"], Value::Null);
    }
    assert_eq!(stage.in_storage().await?, Vec::<Value>::new());
    // The worker says so of the message first, and then of the job.
    wait_until("nobody tries on", async || {
        let jobs = stage
            .db
            .count("chat.jobs where kind = 'whatsapp.fetch_media'");
        Ok((jobs.await? == 0).then_some(()))
    })
    .await
}

#[tokio::test]
async fn what_meta_forgot_will_not_come() -> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    let file = stage.meta().add_media(JPEG, "image/jpeg");
    stage.meta().forget_media(&file.id);
    let message = stage.sends("image", &file, json!({})).await?;
    let row = stage.once_file(message, "failed").await?;
    let why = row["metadata"]["media"]["error"]
        .as_str()
        .unwrap_or_default();
    assert!(why.contains("does not have this file any more"), "{why}");
    Ok(())
}

#[tokio::test]
async fn a_file_comes_in_the_end_whatever_happens_on_the_way() -> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    for (call, does) in [
        (Call::Download, Misbehaviour::Gone),
        (Call::Download, Misbehaviour::Redirect { away: false }),
        (Call::Download, Misbehaviour::OtherBytes),
        (Call::Download, Misbehaviour::CutAfter),
        (Call::Download, Misbehaviour::NeverAnswer),
        (
            Call::Download,
            Misbehaviour::BrokenAnswer {
                http: 503,
                sent: true,
            },
        ),
        (Call::Media, Misbehaviour::Slow { millis: 300 }),
        (Call::Media, Misbehaviour::NeverAnswer),
        (
            Call::Media,
            Misbehaviour::Refuse {
                code: 190,
                http: None,
            },
        ),
        (
            Call::Media,
            Misbehaviour::Refuse {
                code: 4,
                http: None,
            },
        ),
    ] {
        stage.meta().add_fault(Fault::next(does).on(call))?;
        let file = stage.meta().add_media(JPEG, "image/jpeg");
        let message = stage.sends("image", &file, json!({})).await?;
        stage.once_file(message, "ready").await?;
        assert!(stage.meta().faults().is_empty(), "{does:?} was met");
    }
    assert_eq!(stage.in_storage().await?.len(), 10);
    Ok(())
}

#[tokio::test]
async fn an_address_that_is_over_is_asked_for_anew() -> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    // The address lives five minutes of Meta's clock, and these pass while the download hangs.
    stage
        .meta()
        .add_fault(Fault::next(Misbehaviour::Gone).on(Call::Download))?;
    let file = stage.meta().add_media(JPEG, "image/jpeg");
    let message = stage.sends("image", &file, json!({})).await?;
    let row = stage.once_file(message, "ready").await?;
    assert_eq!(row["file_state"], "ready");
    assert!(
        !stage.worker.log()?.contains("job retry"),
        "at once, not as another try"
    );
    Ok(())
}

#[tokio::test]
async fn a_worker_that_dies_with_a_file_in_hand_loses_and_doubles_nothing() -> Result<()> {
    let mut stage = Stage::with_storage(&QUICK).await?;
    let first = stage.writes(ZOE, "A picture comes").await?;
    // Nobody can tell the database that the file is there, for as long as this is open.
    let mut holds = stage.db.owner().begin().await?;
    sqlx::query("select from public.mod_chat_conversations where id = $1 for update")
        .bind(first)
        .execute(&mut *holds)
        .await?;
    let file = stage.meta().add_media(JPEG, "image/jpeg");
    let said = stage
        .meta()
        .say(ZOE, Say::file("image", &file, json!({})))?;
    holds.commit().await?;
    let message: Uuid = wait_until("the message is stored", async || {
        let home = "select id from public.mod_chat_messages where whatsapp_message_id = $1";
        Ok(sqlx::query_scalar(home)
            .bind(&said.wamid)
            .fetch_optional(stage.db.owner())
            .await?)
    })
    .await?;
    stage.once_file(message, "ready").await?;

    // The same, with the worker killed between the upload and the word of it.
    let mut holds = stage.db.owner().begin().await?;
    stage
        .meta()
        .add_fault(Fault::next(Misbehaviour::Slow { millis: 500 }).on(Call::Download))?;
    let file = stage.meta().add_media(JPEG, "image/jpeg");
    let message = stage.sends("image", &file, json!({})).await?;
    sqlx::query("select from public.mod_chat_conversations where id = $1 for update")
        .bind(first)
        .execute(&mut *holds)
        .await?;
    wait_until("the file is in Storage", async || {
        Ok((stage.in_storage().await?.len() == 2).then_some(()))
    })
    .await?;
    let pid = stage.worker.pid().context("the worker runs")?;
    kill_process(pid, Signal::KILL)?;
    wait_until("the worker is gone", async || {
        Ok(stage.worker.has_ended()?.then_some(()))
    })
    .await?;
    // What it had asked for waits still; its connections go as they would with its machine.
    wait_until("its connections are gone", async || {
        let left: i64 = sqlx::query_scalar(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity
            where datname = current_database() and usename = 'chat_worker'",
        )
        .fetch_one(stage.db.superuser())
        .await?;
        Ok((left == 0).then_some(()))
    })
    .await?;
    holds.rollback().await?;
    assert_eq!(stage.message(message).await?["file_state"], "pending");
    stage.worker.restart().await?;
    stage
        .db
        .as_owner("update chat.lanes set lease_until = clock_timestamp() where busy")
        .await?;
    stage.once_file(message, "ready").await?;
    assert_eq!(stage.in_storage().await?.len(), 2, "nothing doubled");
    assert_eq!(stage.opened(message).await?, JPEG);
    Ok(())
}

#[tokio::test]
async fn files_that_hang_hold_no_reply() -> Result<()> {
    let stage = Stage::with_storage(&[("CHAT_QUEUE_POLL_MS", "200")]).await?;
    let conversation = stage.writes(ZOE, "Ten pictures").await?;
    stage.meta().add_fault(
        Fault::next(Misbehaviour::Slow { millis: 15_000 })
            .on(Call::Download)
            .times(10),
    )?;
    for _ in 0..10 {
        let file = stage.meta().add_media(JPEG, "image/jpeg");
        stage.sends("image", &file, json!({})).await?;
    }
    wait_until("downloads run", async || {
        let running = "chat.lanes where busy and kind = 'whatsapp.fetch_media'";
        Ok((stage.db.count(running).await? == 3).then_some(()))
    })
    .await?;
    let answer = stage.answers(conversation, "They are coming").await?;
    tokio::time::timeout(Duration::from_secs(10), stage.once(answer, "read"))
        .await
        .context("a reply waited for files")??;
    Ok(())
}

#[tokio::test]
async fn what_storage_does_not_take_fails_with_words_and_what_it_cannot_take_now_waits()
-> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    stage
        .db
        .as_owner("update storage.buckets set file_size_limit = 10")
        .await?;
    let file = stage.meta().add_media(JPEG, "image/jpeg");
    let message = stage.sends("image", &file, json!({})).await?;
    let row = stage.once_file(message, "failed").await?;
    assert!(
        row["metadata"]["media"]["error"]
            .as_str()
            .unwrap_or_default()
            .contains("too large")
    );

    stage
        .db
        .as_owner("update storage.buckets set file_size_limit = null, id = 'away' where id = 'chat-media'")
        .await?;
    let message = stage.sends("image", &file, json!({})).await?;
    wait_until("it was tried", async || {
        let tried = "chat.lanes where kind = 'whatsapp.fetch_media' and held_since is not null";
        Ok((stage.db.count(tried).await? == 1).then_some(()))
    })
    .await?;
    assert_eq!(stage.message(message).await?["file_state"], "pending");
    stage
        .db
        .as_owner("update storage.buckets set id = 'chat-media' where id = 'away'")
        .await?;
    stage.once_file(message, "ready").await?;
    Ok(())
}

#[tokio::test]
async fn the_files_of_an_erased_person_leave_storage() -> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    let file = stage.meta().add_media(JPEG, "image/jpeg");
    let message = stage.sends("image", &file, json!({})).await?;
    let row = stage.once_file(message, "ready").await?;
    stage
        .db
        .as_owner(&format!(
            "select chat.erase_person(visitor_id) from mod_chat_conversations where id = {}",
            row["conversation_id"].to_string().replace('"', "'")
        ))
        .await?;
    wait_until("the file is gone", async || {
        let left = stage.in_storage().await?.len()
            + usize::try_from(stage.db.count("chat.file_deletions").await?)?;
        Ok((left == 0).then_some(()))
    })
    .await
}
