//! No faster than Meta lets a number and a pair send, whichever worker claims.

use anyhow::Result;
use pg_chat_tests::{Agent, wait_until};
use serde_json::{Value, json};
use sqlx::Executor;

use crate::queue::again_in;
use crate::scene::{Scene, ZOE};

impl Scene {
    /// The number may send so many a second, and owes nothing.
    async fn may_send(&self, per_second: i32) -> Result<()> {
        self.as_owner(&format!(
            "update chat.send_rates set per_second = {per_second}, owed_until = 'epoch', halved = 0, halved_at = 'epoch'"
        ))
        .await?;
        Ok(())
    }

    /// So many people wrote and have an answer waiting.
    async fn answers_wait(&self, agent: Agent, people: usize) -> Result<Vec<Value>> {
        let mut conversations = Vec::new();
        for person in 0..people {
            let conversation = self.visit(&format!("1555010{person:04}")).await?;
            self.answer(agent, &conversation, "Hello").await?;
            conversations.push(conversation);
        }
        Ok(conversations)
    }

    async fn claimed_sends(&self, slots: i32) -> Result<usize> {
        let jobs = self.claim(slots).await?;
        Ok(jobs
            .iter()
            .filter(|job| job.lane.starts_with("send:"))
            .count())
    }
}

#[tokio::test]
async fn a_number_sends_no_faster_than_it_may() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.answers_wait(ada, 6).await?;
    scene.may_send(100).await?;
    assert_eq!(
        scene.claimed_sends(10).await?,
        4,
        "less than a twentieth of a second's worth at once"
    );
    let waits: f64 = sqlx::query_scalar("select public.chat_next_job()")
        .fetch_one(scene.db.as_worker())
        .await?;
    assert!(
        waits <= 0.0109,
        "the next one's turn comes in a hundredth of a second: {waits}"
    );
    assert_eq!(
        scene
            .count("chat.lanes where key like 'send:%' and not busy")
            .await?,
        2
    );
    // A while later.
    scene
        .as_owner("update chat.send_rates set owed_until = owed_until - interval '1 second'")
        .await?;
    scene.pauses_end().await?;
    assert_eq!(scene.claimed_sends(10).await?, 2);
    Ok(())
}

/// Who takes just now may have looked at other numbers before, and keep their rates until it ends.
#[tokio::test]
async fn a_claim_waits_for_nobody_who_takes_of_the_same_number() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.answers_wait(ada, 2).await?;
    scene.may_send(100).await?;
    let mut takes = scene.db.as_worker().begin().await?;
    let first: Value = sqlx::query_scalar("select public.chat_claim_jobs(1)")
        .fetch_one(&mut *takes)
        .await?;
    assert!(first[0]["lane"].as_str().unwrap().starts_with("send:"));
    let mut other = scene.db.as_worker().begin().await?;
    other.execute("set local lock_timeout = '1s'").await?;
    let marks: Value = sqlx::query_scalar("select public.chat_claim_jobs(8)")
        .fetch_one(&mut *other)
        .await?;
    assert_eq!(
        json!([marks[0]["kind"], marks[1]["kind"], marks[2]]),
        json!(["whatsapp.mark_read", "whatsapp.mark_read", null])
    );
    other.commit().await?;
    takes.commit().await?;
    let sends = wait_until("the other send has its turn", async || {
        let sends = scene.claimed_sends(8).await?;
        Ok((sends > 0).then_some(sends))
    })
    .await?;
    assert_eq!(sends, 1);
    Ok(())
}

#[tokio::test]
async fn what_is_no_send_does_not_wait_for_a_limit() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.answers_wait(ada, 3).await?;
    scene.may_send(1).await?;
    let jobs = scene.claim(10).await?;
    let marks = jobs
        .iter()
        .filter(|job| job.kind == "whatsapp.mark_read")
        .count();
    assert_eq!((jobs.len(), marks), (4, 3));
    Ok(())
}

#[tokio::test]
async fn a_claim_looks_past_what_a_limit_holds() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.answers_wait(ada, 5).await?;
    scene.may_send(1).await?;
    assert_eq!(scene.claim(2).await?.len(), 1);
    let jobs = scene.claim(2).await?;
    assert!(
        !jobs.is_empty(),
        "behind four sends that wait there are read marks"
    );
    assert!(jobs.iter().all(|job| job.kind == "whatsapp.mark_read"));
    Ok(())
}

#[tokio::test]
async fn the_rate_follows_what_graph_says_of_the_number() -> Result<()> {
    let (scene, _) = Scene::with_agent().await?;
    for (details, expected) in [
        (json!({"throughput": {"level": "HIGH"}}), 1000),
        (
            json!({"throughput": {"level": "HIGH"}, "is_on_biz_app": true}),
            20,
        ),
        (
            json!({"throughput": {"level": "STANDARD"}, "is_on_biz_app": false}),
            80,
        ),
        (json!({}), 80),
    ] {
        sqlx::query(
            "select public.chat_confirm_number((select id from chat.whatsapp_numbers), $1)",
        )
        .bind(&details)
        .execute(scene.db.owner())
        .await?;
        let rate = scene.row("select per_second from chat.send_rates").await?;
        assert_eq!(rate["per_second"], expected, "{details}");
    }
    Ok(())
}

#[tokio::test]
async fn too_fast_for_graph_halves_the_numbers_rate_for_a_while() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.answers_wait(ada, 2).await?;
    let too_fast = json!({"is": "retry", "after_seconds": 1, "code": 130_429, "title": "Too fast", "details": null, "http": 400});
    for _ in 0..2 {
        let attempt = scene.begin_send().await?;
        scene.end_send(&attempt, too_fast.clone()).await?;
        scene
            .as_owner("update chat.send_rates set owed_until = 'epoch'")
            .await?;
    }
    let rate = async || scene.row("select halved from chat.send_rates").await;
    assert_eq!(rate().await?["halved"], 1, "two at once say it once");
    scene
        .as_owner("update chat.send_rates set per_second = 200")
        .await?;
    let granted = async || -> Result<i32> {
        scene
            .as_owner("update chat.send_rates set owed_until = 'epoch'")
            .await?;
        let taken = "select granted from chat.take_sends((select phone_number_id from chat.send_rates), 100, clock_timestamp())";
        Ok(sqlx::query_scalar(taken)
            .fetch_one(scene.db.owner())
            .await?)
    };
    assert_eq!(granted().await?, 4, "half of nine");
    scene
        .as_owner("update chat.send_rates set halved = 6")
        .await?;
    assert_eq!(granted().await?, 1, "never nothing");
    scene
        .as_owner(
            "update chat.send_rates set halved = 1, halved_at = now() - interval '61 seconds'",
        )
        .await?;
    assert_eq!(granted().await?, 9, "a minute later it is as before");
    Ok(())
}

#[tokio::test]
async fn lesson_39_a_pair_has_a_burst_of_45_and_then_one_in_six_seconds() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let conversation = scene.visit(ZOE).await?;
    for number in 0..47 {
        scene
            .answer(ada, &conversation, &format!("{number}"))
            .await?;
    }
    for number in 0..45 {
        scene.send(&format!("wamid.{number}")).await?;
    }
    assert!(scene.claim_send().await.is_err(), "the pair rests");
    let rests: f64 = sqlx::query_scalar(
        "select extract(epoch from next_at - now())::float8 from chat.lanes where key like 'send:%'",
    )
    .fetch_one(scene.db.owner())
    .await?;
    assert!((0.0..=6.0).contains(&rests), "not for {rests} s");
    scene
        .as_owner("update chat.lanes set owed_until = owed_until - interval '6 seconds', next_at = now() where key like 'send:%'")
        .await?;
    scene.send("wamid.46").await?;
    assert!(scene.claim_send().await.is_err());
    scene.pauses_end().await?;
    assert!(
        scene.claim_send().await.is_err(),
        "looking sooner is of no use"
    );
    Ok(())
}

#[tokio::test]
async fn too_fast_for_a_pair_slows_that_person_only() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.answers_wait(ada, 2).await?;
    let attempt = scene.begin_send().await?;
    scene.end_send(&attempt, again_in(1)).await?;
    let slow = scene.row("select key, owed_until > now() + interval '255 seconds' as spent from chat.lanes where attempts = 1 and key like 'send:%'").await?;
    assert_eq!(slow["spent"], true, "no more bursts to them");
    let other = scene.begin_send().await?;
    assert_ne!(json!(other.job.lane), slow["key"]);
    Ok(())
}
