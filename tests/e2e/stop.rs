//! A worker that is asked to stop ends what it has begun, gives back the rest, and has said nothing it should not.

use anyhow::Result;
use local_stack::graph::{Fault, Misbehaviour};
use pg_chat_tests::graph::{ACCESS_TOKEN, APP_SECRET, VERIFY_TOKEN};
use pg_chat_tests::wait_until;
use serde_json::Value;

use crate::stage::{Stage, ZOE};

#[tokio::test]
async fn a_send_that_has_begun_hears_its_answer_and_the_rest_is_given_back() -> Result<()> {
    let mut stage = Stage::open_with(&[("CHAT_QUEUE_SLOTS", "1")]).await?;
    let zoe = stage.writes(ZOE, "Hello").await?;
    let yuki = stage.writes("16505551235", "Hello").await?;
    stage
        .meta()
        .add_fault(Fault::next(Misbehaviour::Slow { millis: 2_000 }).to(ZOE))?;
    let slow = stage.answers(zoe, "slow").await?;
    wait_until("the send has begun", async || {
        let begun = format!("chat.attempts where message_id = '{slow}'");
        Ok((stage.db.count(&begun).await? == 1).then_some(()))
    })
    .await?;
    let waiting = stage.answers(yuki, "waits").await?;
    assert_eq!(stage.worker.stop().await?, Some(0));
    let sent = stage.message(slow).await?;
    assert!(
        !sent["whatsapp_message_id"].is_null(),
        "its answer was heard: {sent}"
    );
    assert_eq!(
        stage.db.count("chat.lanes where busy").await?,
        0,
        "no lease is left"
    );

    stage.worker.restart().await?;
    stage.once(slow, "read").await?;
    stage.once(waiting, "read").await?;
    assert_eq!(stage.words_on(ZOE), ["slow"]);
    Ok(())
}

#[tokio::test]
async fn neither_form_of_the_log_holds_a_secret_a_text_or_a_phone() -> Result<()> {
    for format in ["human", "json"] {
        let mut stage =
            Stage::open_with(&[("CHAT_LOG_FORMAT", format), ("CHAT_LOG_LEVEL", "debug")]).await?;
        let conversation = stage.writes(ZOE, "my-very-private-question").await?;
        stage.meta().add_fault(Fault::next(Misbehaviour::Refuse {
            code: 131_026,
            http: None,
        }))?;
        let failed = stage
            .answers(conversation, "a-first-private-answer")
            .await?;
        stage.once(failed, "failed").await?;
        let answer = stage
            .answers(conversation, "a-second-private-answer")
            .await?;
        stage.once(answer, "read").await?;
        stage
            .worker
            .post_bytes(b"{\"a\":\"unsigned-private-text\"}".to_vec(), "sha256=00")
            .await?;
        wait_until("the refusal is logged", async || {
            Ok(stage.worker.log()?.contains("malformed").then_some(()))
        })
        .await?;
        stage.worker.stop().await?;

        let log = stage.worker.log()?;
        let secrets = [
            APP_SECRET,
            VERIFY_TOKEN,
            ACCESS_TOKEN,
            "private-question",
            "private-answer",
            "private-text",
            ZOE,
        ];
        for secret in secrets {
            assert!(!log.contains(secret), "the {format} log holds {secret}");
        }
        if format == "json" {
            for line in log.lines() {
                serde_json::from_str::<Value>(line)?;
            }
        }
    }
    Ok(())
}
