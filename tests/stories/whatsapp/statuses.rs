//! What Meta reports about a message that left: in any order, twice, too early, or contradicting itself.

use anyhow::Result;
use pg_chat_tests::Agent;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{status, text};
use serde_json::{Value, json};

use crate::queue::accepted;
use crate::scene::{Scene, ZOE, only};

/// A message of Ada's that Graph has taken as `wamid.out`.
async fn scene_with_an_answer() -> Result<(Scene, Agent, Value)> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    scene.answer(ada, &conversation, "On its way").await?;
    scene.send("wamid.out").await?;
    Ok((scene, ada, conversation))
}

fn failed(wamid: &str, code: u32) -> Value {
    let mut failed = status(ZOE, wamid, "failed", "");
    failed["errors"] = json!([{"code": code, "title": "Meta's title", "message": "Meta's title",
        "error_data": {"details": "What exactly was wrong."}}]);
    failed
}

#[tokio::test]
async fn statuses_in_any_order_end_in_the_furthest() -> Result<()> {
    for order in [
        ["sent", "delivered", "read"],
        ["read", "sent", "delivered"],
        ["delivered", "read", "sent"],
    ] {
        let (scene, ..) = scene_with_an_answer().await?;
        for word in order {
            scene
                .hear_statuses(&[status(ZOE, "wamid.out", word, "")])
                .await?;
        }
        let message = scene.message("wamid.out").await?;
        assert_eq!(
            only(&message, "delivery_state status whatsapp_status"),
            json!({"delivery_state": "read", "status": "read", "whatsapp_status": "read"}),
            "{order:?}"
        );
        assert!(!message["read_at"].is_null());
        let kept = message["metadata"]["statuses"]
            .as_object()
            .expect("the time of each");
        assert_eq!(kept.len(), 3, "{kept:?}");
        assert_counters_equal_recount(&scene.db).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_repeated_status_changes_nothing() -> Result<()> {
    let (scene, ..) = scene_with_an_answer().await?;
    let delivered = [status(ZOE, "wamid.out", "delivered", "")];
    scene.hear_statuses(&delivered).await?;
    let once = scene.message("wamid.out").await?;
    scene.hear_statuses(&delivered).await?;
    scene
        .hear_statuses(&[status(ZOE, "wamid.out", "delivered", "")])
        .await?;
    assert_eq!(scene.message("wamid.out").await?, once);
    Ok(())
}

#[tokio::test]
async fn all_statuses_of_one_webhook_are_applied() -> Result<()> {
    let (scene, ..) = scene_with_an_answer().await?;
    let words = ["read", "sent", "delivered"];
    scene
        .hear_statuses(&words.map(|word| status(ZOE, "wamid.out", word, "")))
        .await?;
    assert_eq!(scene.message("wamid.out").await?["delivery_state"], "read");
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_message_that_arrived_is_not_failed_by_a_second_report() -> Result<()> {
    for delivered_first in [true, false] {
        let (scene, ..) = scene_with_an_answer().await?;
        let mut reports = [
            status(ZOE, "wamid.out", "delivered", ""),
            failed("wamid.out", 131_026),
        ];
        if !delivered_first {
            reports.reverse();
        }
        for report in &reports {
            scene.hear_statuses(std::slice::from_ref(report)).await?;
        }
        let message = scene.message("wamid.out").await?;
        assert_eq!(
            message["delivery_state"], "delivered",
            "delivered first: {delivered_first}"
        );
        assert_eq!(
            message["metadata"]["error"]["code"], 131_026,
            "both facts are kept"
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_failure_is_shown_with_code_words_and_a_way_out() -> Result<()> {
    let (scene, ..) = scene_with_an_answer().await?;
    scene.hear_statuses(&[failed("wamid.out", 131_026)]).await?;
    let message = scene.message("wamid.out").await?;
    assert_eq!(
        only(&message, "delivery_state status"),
        json!({"delivery_state": "failed", "status": "failed"})
    );
    let error = &message["metadata"]["error"];
    assert_eq!(
        only(error, "code details"),
        json!({"code": 131_026, "details": "What exactly was wrong."})
    );
    assert!(
        error["title"].is_string() && error["advice"].is_string(),
        "{error}"
    );
    Ok(())
}

#[tokio::test]
async fn metas_word_that_the_window_is_closed_closes_it() -> Result<()> {
    let (scene, ada, conversation) = scene_with_an_answer().await?;
    scene.hear_statuses(&[failed("wamid.out", 131_047)]).await?;
    let refused = scene.try_answer(ada, &conversation, "Hello?").await;
    assert_eq!(
        pg_chat_tests::Refusal::expect(refused).detail.as_deref(),
        Some("chat/window_closed")
    );
    scene.hear(&[text(ZOE, "wamid.back", "I am back")]).await?;
    scene.answer(ada, &conversation, "Welcome back").await?;
    Ok(())
}

#[tokio::test]
async fn a_status_before_the_answer_finds_its_message_by_our_own_mark() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    let answer = scene.answer(ada, &conversation, "On its way").await?;
    let attempt = scene.begin_send().await?;
    scene
        .hear_statuses(&[status(ZOE, "wamid.out", "delivered", attempt.callback())])
        .await?;
    let early = scene.message_now(&answer).await?;
    assert_eq!(
        only(&early, "delivery_state whatsapp_message_id"),
        json!({"delivery_state": "delivered", "whatsapp_message_id": "wamid.out"})
    );
    assert_eq!(
        scene.end_send(&attempt, accepted("wamid.out")).await?,
        "accepted"
    );
    assert_eq!(
        scene.message_now(&answer).await?["delivery_state"],
        "delivered"
    );
    assert_eq!(
        scene
            .count("chat.jobs where kind = 'whatsapp.send_message'")
            .await?,
        0
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_status_without_a_mark_waits_for_the_answer_that_names_its_message() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    scene.answer(ada, &conversation, "On its way").await?;
    let attempt = scene.begin_send().await?;
    let words = ["read", "delivered"];
    scene
        .hear_statuses(&words.map(|word| status(ZOE, "wamid.out", word, "")))
        .await?;
    assert_eq!(scene.count("chat.orphan_statuses").await?, 2);
    scene.end_send(&attempt, accepted("wamid.out")).await?;
    let message = scene.message("wamid.out").await?;
    assert_eq!(
        only(&message, "delivery_state whatsapp_status"),
        json!({"delivery_state": "read", "whatsapp_status": "read"})
    );
    assert_eq!(scene.count("chat.orphan_statuses").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_status_filed_beside_its_message_is_found_by_the_tick() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    scene.answer(ada, &conversation, "On its way").await?;
    scene
        .hear_statuses(&[status(ZOE, "wamid.out", "delivered", "")])
        .await?;
    // The answer's transaction did not see the orphan, and the status's not the wamid.
    scene.as_owner("update mod_chat_messages set whatsapp_message_id = 'wamid.out' where sender_type = 'agent'").await?;
    assert_eq!(scene.tick().await?["orphans"], 1);
    assert_eq!(
        scene.message("wamid.out").await?["delivery_state"],
        "delivered"
    );
    assert_eq!(scene.tick().await?["orphans"], 0);
    Ok(())
}

#[tokio::test]
async fn a_status_of_a_message_that_somebody_wrote_to_us_changes_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    scene.hear_text(ZOE, "wamid.1", "Hello").await?;
    scene
        .hear_statuses(&[status(ZOE, "wamid.1", "read", "")])
        .await?;
    assert_eq!(
        scene.message("wamid.1").await?["delivery_state"],
        "received"
    );
    Ok(())
}

#[tokio::test]
async fn a_word_that_meta_may_invent_does_no_harm() -> Result<()> {
    let (scene, ..) = scene_with_an_answer().await?;
    scene
        .hear_statuses(&[status(ZOE, "wamid.out", "teleported", "")])
        .await?;
    let message = scene.message("wamid.out").await?;
    assert_eq!(
        only(&message, "delivery_state whatsapp_status"),
        json!({"delivery_state": "accepted", "whatsapp_status": null})
    );
    assert_counters_equal_recount(&scene.db).await
}
