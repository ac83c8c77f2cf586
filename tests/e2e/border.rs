//! The webhook's address: who is let in, and how much at once.

use anyhow::Result;
use local_stack::graph::{signature, wire};
use pg_chat_tests::graph::{APP_SECRET, VERIFY_TOKEN};
use pg_chat_tests::webhook::{body_of_messages, text};
use pg_chat_tests::{http_client, webhook};
use reqwest::StatusCode;

use crate::stage::{Stage, ZOE};

const WEBHOOK: &str = "/webhooks/whatsapp";
const FOUR_MIB: usize = 4 * 1024 * 1024;

#[tokio::test]
async fn metas_challenge_is_answered_as_plain_text() -> Result<()> {
    let stage = Stage::open().await?;
    let ask = |mode: &str, token: &str| {
        format!("{WEBHOOK}?hub.mode={mode}&hub.challenge=1158201444&hub.verify_token={token}")
    };
    let answer = stage.get(&ask("subscribe", VERIFY_TOKEN)).await?;
    assert_eq!(answer.status(), StatusCode::OK);
    let kind = answer.headers()["content-type"].to_str()?.to_owned();
    assert!(kind.starts_with("text/plain"), "{kind}");
    assert_eq!(answer.text().await?, "1158201444");

    for wrong in [
        ask("subscribe", "wrong"),
        ask("unsubscribe", VERIFY_TOKEN),
        WEBHOOK.to_owned(),
    ] {
        assert_eq!(
            stage.get(&wrong).await?.status(),
            StatusCode::FORBIDDEN,
            "{wrong}"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_our_app_has_not_signed_is_refused_counted_and_not_stored() -> Result<()> {
    let stage = Stage::open().await?;
    let body = wire(&body_of_messages(
        &stage.number,
        &[text(ZOE, "wamid.1", "Hello")],
    ));
    let unsigned = http_client()
        .post(stage.worker.url(WEBHOOK))
        .body(body.clone())
        .send()
        .await?;
    assert_eq!(unsigned.status(), StatusCode::UNAUTHORIZED);
    let of_another_app = signature("another secret", &body);
    let of_another_body = signature(APP_SECRET, b"{}");
    for wrong in [
        of_another_app.as_str(),
        &of_another_body,
        "sha256=",
        "sha1=00",
        "nonsense",
    ] {
        assert_eq!(
            stage.worker.post_bytes(body.clone(), wrong).await?,
            StatusCode::UNAUTHORIZED,
            "{wrong}"
        );
    }
    assert_eq!(stage.db.count("public.mod_chat_messages").await?, 0);
    assert_eq!(stage.db.count("chat.dead_letters").await?, 0);
    for (reason, times) in [("missing", 1.0), ("mismatch", 2.0), ("malformed", 3.0)] {
        let figure = format!("chat_webhook_signature_failures_total{{reason=\"{reason}\"}}");
        assert_eq!(stage.figure(&figure).await?, times, "{reason}");
    }
    Ok(())
}

#[tokio::test]
async fn a_signature_is_over_the_bytes_as_meta_wrote_them() -> Result<()> {
    let stage = Stage::open().await?;
    let body = wire(&body_of_messages(
        &stage.number,
        &[text(ZOE, "wamid.1", "Ärger mit 🚲 @ a/b")],
    ));
    assert!(
        String::from_utf8(body.clone())?.contains(r"\u00c4rger"),
        "Meta escapes what is not ASCII"
    );
    let signed = signature(APP_SECRET, &body);
    assert_eq!(
        stage.worker.post_bytes(body, &signed).await?,
        StatusCode::OK
    );
    let stored = stage
        .db
        .row("select content from public.mod_chat_messages")
        .await?;
    assert_eq!(stored["content"], "Ärger mit 🚲 @ a/b");
    Ok(())
}

#[tokio::test]
async fn a_signed_body_that_is_not_json_is_a_bad_request() -> Result<()> {
    let stage = Stage::open().await?;
    for body in [&b"not json"[..], b"", b"{\"object\":"] {
        let answer = stage
            .worker
            .post_bytes(body.to_vec(), &signature(APP_SECRET, body))
            .await?;
        assert_eq!(answer, StatusCode::BAD_REQUEST);
    }
    Ok(())
}

#[tokio::test]
async fn four_mebibytes_are_taken_and_not_a_byte_more() -> Result<()> {
    let stage = Stage::open().await?;
    let mut body = wire(&body_of_messages(
        &stage.number,
        &[text(ZOE, "wamid.1", "Hello")],
    ));
    body.resize(FOUR_MIB, b' ');
    assert_eq!(
        stage
            .worker
            .post_bytes(body.clone(), &signature(APP_SECRET, &body))
            .await?,
        StatusCode::OK
    );
    body.push(b' ');
    let answer = stage
        .worker
        .post_bytes(body.clone(), &signature(APP_SECRET, &body))
        .await?;
    assert_eq!(answer, StatusCode::PAYLOAD_TOO_LARGE);
    let log = stage.worker.log()?;
    assert!(
        log.lines()
            .any(|line| line.contains("ERROR") && line.contains("larger than")),
        "an error is logged"
    );
    assert_eq!(stage.db.count("public.mod_chat_messages").await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_message_to_an_unknown_number_is_taken_and_kept_aside() -> Result<()> {
    let stage = Stage::open().await?;
    let elsewhere = pg_chat_tests::Number {
        phone_number_id: "999".to_owned(),
        ..stage.number.clone()
    };
    let body = webhook::body_of_messages(&elsewhere, &[text(ZOE, "wamid.1", "Hello")]);
    assert_eq!(stage.worker.post(&body).await?, StatusCode::OK);
    assert_eq!(
        stage.db.row("select reason from chat.dead_letters").await?["reason"],
        "unknown_number"
    );
    assert_eq!(stage.figure("chat_dead_letters ").await?, 1.0);
    Ok(())
}

#[tokio::test]
async fn whoever_runs_the_worker_sees_how_it_is() -> Result<()> {
    let stage = Stage::open().await?;
    assert_eq!(stage.get("/healthz").await?.status(), StatusCode::OK);
    assert_eq!(stage.get("/readyz").await?.status(), StatusCode::OK);
    stage.writes(ZOE, "Hello").await?;
    assert_eq!(stage.figure("chat_database_up ").await?, 1.0);
    assert_eq!(
        stage
            .figure("chat_webhooks_total{outcome=\"stored\"}")
            .await?,
        1.0
    );
    assert_eq!(
        stage.figure("chat_items_total{outcome=\"stored\"}").await?,
        1.0
    );
    let confirmed = format!(
        "chat_number_confirmed{{phone_number_id=\"{}\"}}",
        stage.number.phone_number_id
    );
    assert_eq!(stage.figure(&confirmed).await?, 1.0);
    Ok(())
}
