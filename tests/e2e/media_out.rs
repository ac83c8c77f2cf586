//! Files that agents send: from Storage to Meta, and by their id to the phone.

use anyhow::{Context, Result};
use local_stack::graph::{Call, Fault, Misbehaviour};
use local_stack::keys::JwtSecret;
use local_stack::with_cluster::TEST_JWT_SECRET;
use pg_chat_tests::{http_client, wait_until};
use serde_json::json;
use uuid::Uuid;

use crate::media::{PDF, QUICK};
use crate::stage::{Stage, ZOE};

/// An Opus recording as browsers make it: the page's header, then what it holds.
fn opus() -> Vec<u8> {
    let mut bytes = b"OggS".to_vec();
    bytes.resize(28, 0);
    bytes.extend(b"OpusHead\x01\x01");
    bytes
}

impl Stage {
    /// Ada puts a file into Storage; its path.
    async fn puts_file(
        &self,
        conversation: Uuid,
        (name, bytes, mime): (&str, &[u8], &str),
    ) -> Result<String> {
        let row = format!("select site_id from mod_chat_conversations where id = '{conversation}'");
        let site = self.db.row(&row).await?["site_id"].clone();
        let path = format!(
            "chat/{}/{}_{name}",
            site.as_str().context("a site")?,
            Uuid::new_v4()
        );
        let key = JwtSecret::new(TEST_JWT_SECRET)
            .api_key("service_role", jiff::Timestamp::now().as_second());
        let put = http_client()
            .post(format!(
                "{}/storage/v1/object/chat-media/{path}",
                self.storage()?
            ))
            .bearer_auth(key)
            .header("content-type", mime)
            .body(bytes.to_vec());
        put.send().await?.error_for_status()?;
        Ok(path)
    }

    /// Ada puts a file into Storage and sends it; the id of her message.
    async fn sends_file(
        &self,
        conversation: Uuid,
        content_type: &str,
        file: (&str, &[u8], &str),
    ) -> Result<Uuid> {
        let path = self.puts_file(conversation, file).await?;
        let sent = self
            .db
            .desk(self.ada)
            .rows(&format!(
                "insert into mod_chat_messages (conversation_id, content_type, file_url)
                values ('{conversation}', '{content_type}', '{path}') returning id"
            ))
            .await?;
        Ok(serde_json::from_value(sent[0]["id"].clone())?)
    }
}

#[tokio::test]
async fn a_document_goes_to_meta_and_leaves_by_its_id() -> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    let conversation = stage.writes(ZOE, "What does it cost?").await?;
    let offer = ("offer.pdf", PDF, "application/pdf");
    let message = stage.sends_file(conversation, "file", offer).await?;
    let row = stage.once(message, "read").await?;
    let uploads = stage.meta().uploads();
    assert_eq!(uploads.len(), 1);
    assert_eq!(
        (
            uploads[0].name.as_deref(),
            uploads[0].mime_type.as_str(),
            &uploads[0].bytes[..]
        ),
        (Some("offer.pdf"), "application/pdf", PDF)
    );
    assert_eq!(row["metadata"]["uploaded"]["id"], json!(uploads[0].id));
    assert_eq!(stage.sent_to(ZOE)[0].kind, "document");
    Ok(())
}

#[tokio::test]
async fn a_templates_header_takes_a_file_of_the_bucket() -> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    let conversation = stage.writes(ZOE, "What does it cost?").await?;
    let offer = ("offer.pdf", PDF, "application/pdf");
    let path = stage.puts_file(conversation, offer).await?;
    let row = format!(
        "insert into mod_chat_messages (conversation_id, kind, content, file_url, metadata)
        values ('{conversation}', 'template', 'Our offer', '{path}', '{{\"template\": {{\"name\": \"offer\", \"language\": \"en_US\",
            \"components\": [{{\"type\": \"header\", \"parameters\": [{{\"type\": \"document\", \"document\": {{\"path\": \"{path}\"}}}}]}}]}}}}')
        returning id"
    );
    let sent = stage.db.desk(stage.ada).rows(&row).await?;
    let message = serde_json::from_value(sent[0]["id"].clone())?;
    stage.once(message, "read").await?;
    let uploads = stage.meta().uploads();
    assert_eq!(uploads.len(), 1, "it is handed over as the header's kind");
    assert_eq!(
        (uploads[0].name.as_deref(), uploads[0].mime_type.as_str()),
        (Some("offer.pdf"), "application/pdf")
    );
    assert_eq!(stage.sent_to(ZOE)[0].kind, "template");
    Ok(())
}

#[tokio::test]
async fn a_recording_goes_out_as_what_its_bytes_are() -> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    let conversation = stage.writes(ZOE, "Call me").await?;
    let recording = ("recording.mp4", &opus()[..], "video/mp4");
    let message = stage.sends_file(conversation, "audio", recording).await?;
    stage.once(message, "read").await?;
    let uploads = stage.meta().uploads();
    assert_eq!(
        (uploads[0].name.as_deref(), uploads[0].mime_type.as_str()),
        (Some("recording.mp4.ogg"), "audio/ogg; codecs=opus")
    );
    Ok(())
}

#[tokio::test]
async fn a_file_that_whatsapp_would_refuse_is_not_handed_over_and_advice_is_given() -> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    let conversation = stage.writes(ZOE, "Show me").await?;
    let webp = (
        "a.webp",
        b"RIFF\x10\0\0\0WEBPVP8 a picture".as_slice(),
        "image/webp",
    );
    let message = stage.sends_file(conversation, "image", webp).await?;
    let row = stage.once(message, "failed").await?;
    let advice = row["metadata"]["error"]["advice"]
        .as_str()
        .unwrap_or_default();
    assert!(advice.contains("JPEG or PNG"), "{row}");
    assert_eq!(stage.meta().uploads(), []);
    let next = stage.answers(conversation, "I will send another").await?;
    stage.once(next, "read").await?;
    Ok(())
}

#[tokio::test]
async fn a_file_that_meta_did_not_get_is_handed_over_again_and_sent_once() -> Result<()> {
    let stage = Stage::with_storage(&QUICK).await?;
    let conversation = stage.writes(ZOE, "What does it cost?").await?;
    for does in [
        Misbehaviour::CutBefore,
        Misbehaviour::BrokenAnswer {
            http: 503,
            sent: true,
        },
        Misbehaviour::Refuse {
            code: 131_016,
            http: None,
        },
    ] {
        stage.meta().add_fault(Fault::next(does).on(Call::Upload))?;
    }
    let offer = ("offer.pdf", PDF, "application/pdf");
    let message = stage.sends_file(conversation, "file", offer).await?;
    wait_until("it is read", async || {
        stage.pauses_end().await?;
        Ok((stage.message(message).await?["delivery_state"] == "read").then_some(()))
    })
    .await?;
    assert_eq!(stage.sent_to(ZOE).len(), 1);
    assert!(stage.meta().faults().is_empty());
    Ok(())
}
