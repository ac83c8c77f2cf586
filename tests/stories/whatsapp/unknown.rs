//! A send whose end nobody knows: shown so, settled by a status, else by the number's policy, never sent again blindly.

use anyhow::Result;
use pg_chat_tests::webhook::status;
use pg_chat_tests::{Agent, Refusal};
use serde_json::{Value, json};

use crate::queue::{Attempt, again_in, unknown};
use crate::scene::{Scene, ZOE, id, only};

/// Ada's first answer is unknown, her second waits behind it.
async fn scene_with_an_unknown() -> Result<(Scene, Agent, Value, Attempt)> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    let first = scene.answer(ada, &conversation, "first").await?;
    scene.answer(ada, &conversation, "second").await?;
    let attempt = scene.begin_send().await?;
    assert_eq!(scene.end_send(&attempt, unknown()).await?, "unknown");
    Ok((scene, ada, first, attempt))
}

#[tokio::test]
async fn a_status_settles_it_and_the_next_answer_leaves_at_once() -> Result<()> {
    let (scene, _, first, attempt) = scene_with_an_unknown().await?;
    assert!(
        scene.claim_send().await.is_err(),
        "the second answer waits to keep its place"
    );
    scene
        .hear_statuses(&[status(ZOE, "wamid.out", "sent", attempt.callback())])
        .await?;
    assert_eq!(
        only(
            &scene.message_now(&first).await?,
            "delivery_state whatsapp_message_id"
        ),
        json!({"delivery_state": "sent", "whatsapp_message_id": "wamid.out"})
    );
    assert_eq!(
        scene.row("select outcome from chat.attempts").await?["outcome"],
        "accepted"
    );
    assert_eq!(scene.begin_send().await?.said["text"], "second");
    Ok(())
}

#[tokio::test]
async fn after_a_minute_without_a_status_the_lane_goes_on_without_it() -> Result<()> {
    let (scene, _, first, _) = scene_with_an_unknown().await?;
    scene.pauses_end().await?;
    let said = scene.begin(&scene.claim_send().await?).await?;
    assert_eq!(
        only(&said, "go state"),
        json!({"go": false, "state": "unknown"})
    );
    assert_eq!(scene.begin_send().await?.said["text"], "second");
    assert_eq!(
        scene.message_now(&first).await?["delivery_state"],
        "unknown"
    );
    Ok(())
}

#[tokio::test]
async fn a_status_settles_it_after_the_lane_went_on_too() -> Result<()> {
    let (scene, _, first, attempt) = scene_with_an_unknown().await?;
    scene.pauses_end().await?;
    scene.begin(&scene.claim_send().await?).await?;
    scene
        .hear_statuses(&[status(ZOE, "wamid.out", "read", attempt.callback())])
        .await?;
    assert_eq!(scene.message_now(&first).await?["delivery_state"], "read");
    Ok(())
}

#[tokio::test]
async fn a_failure_settles_it_as_well() -> Result<()> {
    let (scene, _, first, attempt) = scene_with_an_unknown().await?;
    let mut failed = status(ZOE, "wamid.out", "failed", attempt.callback());
    failed["errors"] = json!([{"code": 131_026, "title": "Message undeliverable"}]);
    scene.hear_statuses(&[failed]).await?;
    assert_eq!(scene.message_now(&first).await?["status"], "failed");
    assert_eq!(scene.begin_send().await?.said["text"], "second");
    Ok(())
}

#[tokio::test]
async fn a_number_that_asks_leaves_it_to_the_agent_with_an_explanation() -> Result<()> {
    let (scene, _, first, _) = scene_with_an_unknown().await?;
    assert_eq!(
        scene.tick().await?["settled"],
        0,
        "a status gets ten minutes"
    );
    scene.unknown_for_long().await?;
    assert_eq!(scene.tick().await?["settled"], 1);
    let message = scene.message_now(&first).await?;
    assert_eq!(
        only(&message, "delivery_state status"),
        json!({"delivery_state": "unknown", "status": "sending"})
    );
    assert!(
        message["metadata"]["error"]["advice"].is_string(),
        "{message}"
    );
    assert_eq!(scene.tick().await?["settled"], 0, "once");
    Ok(())
}

#[tokio::test]
async fn a_status_that_comes_even_later_takes_the_question_away() -> Result<()> {
    let (scene, _, first, attempt) = scene_with_an_unknown().await?;
    scene.unknown_for_long().await?;
    scene.tick().await?;
    scene
        .hear_statuses(&[status(ZOE, "wamid.out", "delivered", attempt.callback())])
        .await?;
    let message = scene.message_now(&first).await?;
    assert_eq!(
        (&message["delivery_state"], &message["metadata"]["error"]),
        (&json!("delivered"), &json!(null))
    );
    Ok(())
}

#[tokio::test]
async fn a_number_that_resends_sends_it_again_as_another_attempt() -> Result<()> {
    let (scene, _, first, _) = scene_with_an_unknown().await?;
    scene
        .as_owner("update chat.whatsapp_numbers set unknown_policy = 'resend'")
        .await?;
    scene.pauses_end().await?;
    scene.begin(&scene.claim_send().await?).await?;
    scene.send("wamid.second").await?;
    scene.unknown_for_long().await?;
    assert_eq!(scene.tick().await?["settled"], 1);
    let again = scene.send("wamid.first").await?;
    assert_eq!(
        (&again.said["message_id"], again.number()),
        (&first["id"], 2)
    );
    assert_eq!(
        scene.message_now(&first).await?["delivery_state"],
        "accepted"
    );
    Ok(())
}

#[tokio::test]
async fn an_agent_may_have_it_sent_again() -> Result<()> {
    let (scene, ada, first, _) = scene_with_an_unknown().await?;
    let resend = format!("select * from chat_resend_message({})", id(&first));
    let queued = scene.as_agent(ada, &resend).await?.remove(0);
    assert_eq!(queued["delivery_state"], "queued");
    let next = scene.send("wamid.second").await?;
    assert_eq!(
        next.said["text"], "second",
        "it goes to the end of the line"
    );
    assert_eq!(scene.send("wamid.first").await?.number(), 2);
    let refusal = Refusal::expect(scene.as_agent(ada, &resend).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/nothing_to_resend"));
    Ok(())
}

/// The job that a worker holds stays; so the message has two, and a status takes both away.
#[tokio::test]
async fn one_that_is_sent_again_while_a_worker_holds_it_is_settled_all_the_same() -> Result<()> {
    let (scene, ada, first, _) = scene_with_an_unknown().await?;
    scene
        .as_owner(
            "update chat.lanes set next_at = clock_timestamp() where next_at > clock_timestamp()",
        )
        .await?;
    let job = scene.claim_send().await?;
    scene
        .as_agent(
            ada,
            &format!("select * from chat_resend_message({})", id(&first)),
        )
        .await?;
    let said = scene.begin(&job).await?;
    let again = Attempt { job, said };
    assert_eq!(scene.end_send(&again, again_in(60)).await?, "retry");
    scene
        .hear_statuses(&[status(ZOE, "wamid.first", "delivered", again.callback())])
        .await?;
    assert_eq!(
        scene.message_now(&first).await?["delivery_state"],
        "delivered"
    );
    assert_eq!(scene.send("wamid.second").await?.said["text"], "second");
    assert_eq!(
        scene
            .count("chat.jobs where kind = 'whatsapp.send_message'")
            .await?,
        0
    );
    Ok(())
}

/// Its change may route at commit; a routing row that is taken only then is out of order, and two ticks wait for each other.
#[tokio::test]
async fn a_tick_that_settles_one_holds_its_sites_routing_row_before_it_commits() -> Result<()> {
    let (scene, ..) = scene_with_an_unknown().await?;
    // Nothing else is left that a tick would look at this site for.
    scene.tick().await?;
    scene.unknown_for_long().await?;
    let mut tick = scene.db.as_worker().begin().await?;
    let did: Value = sqlx::query_scalar("select chat_tick()")
        .fetch_one(&mut *tick)
        .await?;
    assert_eq!(did["settled"], 1);
    let free = "select count(*) from (select from chat.routing for update skip locked) free";
    let free: i64 = sqlx::query_scalar(free).fetch_one(scene.db.owner()).await?;
    assert_eq!(free, 0);
    tick.commit().await?;
    Ok(())
}
