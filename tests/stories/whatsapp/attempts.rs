//! Handing a message to Graph: recorded before the call, ended by whoever knows, never done twice by accident.

use anyhow::Result;
use pg_chat_tests::Agent;
use serde_json::{Value, json};

use crate::queue::{accepted, again_in, unknown};
use crate::scene::{Scene, ZOE, id, only};

/// Two answers of Ada's wait to leave for Zoe.
async fn scene_with_two_answers() -> Result<(Scene, Agent, Value, Value)> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    let first = scene.answer(ada, &conversation, "first").await?;
    let second = scene.answer(ada, &conversation, "second").await?;
    Ok((scene, ada, first, second))
}

#[tokio::test]
async fn an_attempt_is_recorded_before_the_call() -> Result<()> {
    let (scene, _, first, _) = scene_with_two_answers().await?;
    let attempt = scene.begin_send().await?;
    let recorded = scene.row("select * from chat.attempts").await?;
    assert_eq!(
        only(
            &recorded,
            "message_id number lease_token outcome finished_at"
        ),
        json!({
            "message_id": first["id"], "number": 1, "lease_token": attempt.job.lease_token, "outcome": null,
            "finished_at": null,
        })
    );
    scene.end_send(&attempt, accepted("wamid.out")).await?;
    let ended = scene.row("select * from chat.attempts").await?;
    assert_eq!(
        only(&ended, "outcome wamid http"),
        json!({"outcome": "accepted", "wamid": "wamid.out", "http": 200})
    );
    Ok(())
}

#[tokio::test]
async fn a_worker_that_dies_before_it_began_loses_nothing() -> Result<()> {
    let (scene, ..) = scene_with_two_answers().await?;
    let lost = scene.claim_send().await?;
    scene.leases_run_out().await?;
    let attempt = scene.begin_send().await?;
    assert_eq!((attempt.job.job_id, attempt.job.tries), (lost.job_id, 2));
    assert_eq!(attempt.said["text"], "first");
    Ok(())
}

#[tokio::test]
async fn a_worker_that_dies_after_it_began_leaves_an_unknown_message_that_is_not_sent_again()
-> Result<()> {
    let (scene, _, first, _) = scene_with_two_answers().await?;
    scene.begin_send().await?;
    scene.leases_run_out().await?;
    let takeover = scene.claim_send().await?;
    let said = scene.begin(&takeover).await?;
    assert_eq!(
        only(&said, "go state"),
        json!({"go": false, "state": "unknown"})
    );
    assert_eq!(
        only(&scene.message_now(&first).await?, "delivery_state status"),
        json!({"delivery_state": "unknown", "status": "sending"})
    );
    assert_eq!(
        scene.row("select outcome from chat.attempts").await?["outcome"],
        "unknown"
    );
    assert!(
        scene.claim_send().await.is_err(),
        "its lane waits for a status"
    );
    Ok(())
}

#[tokio::test]
async fn a_lost_lease_changes_nothing_any_more() -> Result<()> {
    let (scene, _, first, _) = scene_with_two_answers().await?;
    let lost = scene.claim_send().await?;
    scene.leases_run_out().await?;
    let attempt = scene.begin_send().await?;
    assert_eq!(scene.begin(&lost).await?["state"], "stale");
    assert_eq!(scene.end(&lost, json!({"is": "done"})).await?, "stale");
    assert_eq!(
        scene
            .end(&lost, json!({"is": "dead", "why": "late"}))
            .await?,
        "stale"
    );
    assert_eq!(
        scene.message_now(&first).await?["delivery_state"],
        "sending"
    );
    assert_eq!(
        scene.end_send(&attempt, accepted("wamid.out")).await?,
        "accepted"
    );
    Ok(())
}

#[tokio::test]
async fn that_a_message_left_is_kept_even_by_a_worker_that_lost_its_lease() -> Result<()> {
    let (scene, _, first, second) = scene_with_two_answers().await?;
    let slow = scene.begin_send().await?;
    scene.leases_run_out().await?;
    let takeover = scene.claim_send().await?;
    scene.begin(&takeover).await?;
    assert_eq!(
        scene.end_send(&slow, accepted("wamid.out")).await?,
        "accepted"
    );
    assert_eq!(
        only(
            &scene.message_now(&first).await?,
            "delivery_state whatsapp_message_id"
        ),
        json!({"delivery_state": "accepted", "whatsapp_message_id": "wamid.out"})
    );
    let next = scene.begin_send().await?;
    assert_eq!(
        next.said["message_id"], second["id"],
        "the lane goes on at once"
    );
    Ok(())
}

#[tokio::test]
async fn a_late_no_of_a_worker_that_lost_its_lease_is_not_believed() -> Result<()> {
    for late in [
        again_in(1),
        unknown(),
        json!({"is": "failed", "code": 131_026, "title": "No"}),
    ] {
        let (scene, _, first, _) = scene_with_two_answers().await?;
        let slow = scene.begin_send().await?;
        scene.leases_run_out().await?;
        let takeover = scene.claim_send().await?;
        scene.begin(&takeover).await?;
        assert_eq!(scene.end_send(&slow, late).await?, "stale");
        assert_eq!(
            scene.message_now(&first).await?["delivery_state"],
            "unknown"
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_is_tried_again_holds_its_lane() -> Result<()> {
    let (scene, _, first, _) = scene_with_two_answers().await?;
    let attempt = scene.begin_send().await?;
    assert_eq!(scene.end_send(&attempt, again_in(60)).await?, "retry");
    assert!(
        scene.claim_send().await.is_err(),
        "the second answer waits behind the first"
    );
    assert_eq!(scene.message_now(&first).await?["status"], "sending");

    scene.pairs_rested().await?;
    let again = scene.begin_send().await?;
    assert_eq!(
        (&again.said["text"], again.number(), again.job.tries),
        (&json!("first"), 2, 2)
    );
    scene.end_send(&again, accepted("wamid.1")).await?;
    scene.pairs_rested().await?;
    assert_eq!(scene.begin_send().await?.said["text"], "second");
    let outcomes = scene
        .rows("select outcome, code from chat.attempts order by number limit 2")
        .await?;
    assert_eq!(outcomes[0], json!({"outcome": "retry", "code": 131_056}));
    Ok(())
}

#[tokio::test]
async fn a_refused_message_shows_code_words_and_advice_and_the_lane_goes_on() -> Result<()> {
    let (scene, _, first, _) = scene_with_two_answers().await?;
    let attempt = scene.begin_send().await?;
    let error = json!({"code": 131_026, "title": "Cannot be delivered", "details": "no WhatsApp", "advice": "Call them."});
    let mut outcome = error.clone();
    outcome["is"] = json!("failed");
    outcome["http"] = json!(400);
    outcome["closes_window"] = json!(false);
    assert_eq!(scene.end_send(&attempt, outcome).await?, "failed");
    let message = scene.message_now(&first).await?;
    assert_eq!(
        (&message["status"], &message["metadata"]["error"]),
        (&json!("failed"), &error)
    );
    assert_eq!(scene.begin_send().await?.said["text"], "second");
    Ok(())
}

#[tokio::test]
async fn a_refusal_for_the_window_closes_it_here_too() -> Result<()> {
    let (scene, _, _, second) = scene_with_two_answers().await?;
    let attempt = scene.begin_send().await?;
    let outcome = json!({"is": "failed", "code": 131_047, "title": "Closed", "details": null, "advice": "Wait.",
        "http": 400, "closes_window": true});
    scene.end_send(&attempt, outcome).await?;
    let said = scene.begin(&scene.claim_send().await?).await?;
    assert_eq!(
        only(&said, "go state"),
        json!({"go": false, "state": "failed"})
    );
    assert_eq!(
        scene.message_now(&second).await?["metadata"]["error"]["code"],
        131_047
    );
    Ok(())
}

#[tokio::test]
async fn a_window_that_closes_while_a_message_waits_fails_it_with_advice() -> Result<()> {
    let (scene, _, first, _) = scene_with_two_answers().await?;
    scene
        .as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now()")
        .await?;
    let said = scene.begin(&scene.claim_send().await?).await?;
    assert_eq!(
        only(&said, "go state"),
        json!({"go": false, "state": "failed"})
    );
    let message = scene.message_now(&first).await?;
    assert_eq!(message["status"], "failed");
    assert!(
        message["metadata"]["error"]["advice"].is_string(),
        "{message}"
    );
    assert_eq!(
        scene.count("chat.attempts").await?,
        0,
        "Graph was never asked"
    );
    Ok(())
}

#[tokio::test]
async fn a_number_that_was_taken_away_sends_nothing() -> Result<()> {
    let (scene, _, first, _) = scene_with_two_answers().await?;
    scene
        .as_owner("update chat.whatsapp_numbers set confirmed_at = null")
        .await?;
    let said = scene.begin(&scene.claim_send().await?).await?;
    assert_eq!(
        only(&said, "go state"),
        json!({"go": false, "state": "failed"})
    );
    assert!(scene.message_now(&first).await?["metadata"]["error"]["advice"].is_string());
    Ok(())
}

#[tokio::test]
async fn a_job_whose_message_is_gone_just_ends() -> Result<()> {
    let (scene, _, first, _) = scene_with_two_answers().await?;
    let job = scene.claim_send().await?;
    scene
        .as_owner(&format!(
            "delete from mod_chat_messages where id = {}",
            id(&first)
        ))
        .await?;
    assert_eq!(scene.begin(&job).await?["state"], "gone");
    assert_eq!(scene.begin_send().await?.said["text"], "second");
    Ok(())
}
