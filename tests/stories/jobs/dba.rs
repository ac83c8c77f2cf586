//! What people with psql see of the queue and do to it.

use anyhow::Result;
use pg_chat_tests::{AgentIs, Refusal};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};

use super::{done, payloads};
use crate::queue::Job;
use crate::scene::{Scene, YUKI, ZOE, only};

impl Scene {
    /// One value, asked by the owner in psql.
    pub async fn psql(&self, value: &str) -> Result<Value, sqlx::Error> {
        let select = format!("select to_jsonb({value})");
        sqlx::query_scalar(sqlx::AssertSqlSafe(select))
            .fetch_one(self.db.owner())
            .await
    }

    async fn queue_now(&self) -> Result<Vec<Value>> {
        let rows = self.rows("select * from chat.queue_now").await?;
        Ok(rows
            .iter()
            .map(|row| only(row, "kind waiting running lost retrying paused dead"))
            .collect())
    }

    async fn dead_job(&self) -> Result<Job> {
        self.enqueue("lane", "bulk", &json!(1)).await?;
        let job = self.claim(1).await?.remove(0);
        self.end(&job, json!({"is": "dead", "why": "no such host"}))
            .await?;
        Ok(job)
    }
}

fn queued(kind: &str, counts: [u8; 6]) -> Value {
    let [waiting, running, lost, retrying, paused, dead] = counts;
    json!({"kind": kind, "waiting": waiting, "running": running, "lost": lost, "retrying": retrying,
        "paused": paused, "dead": dead})
}

#[tokio::test]
async fn the_queue_is_seen_by_kind_and_state() -> Result<()> {
    let scene = Scene::open().await?;
    assert!(scene.queue_now().await?.is_empty());
    scene.dead_job().await?;
    for n in 0..4 {
        scene
            .enqueue(&format!("lane {n}"), "bulk", &json!(n))
            .await?;
    }
    let jobs = scene.claim(3).await?;
    scene
        .end(
            &jobs[0],
            json!({"is": "retry", "after_seconds": 60, "why": "busy"}),
        )
        .await?;
    scene
        .as_owner(&format!(
            "update chat.lanes set lease_until = now() - interval '1 second' where key = '{}'",
            jobs[1].lane
        ))
        .await?;
    assert_eq!(
        scene.queue_now().await?,
        [queued("test.job", [1, 1, 1, 1, 0, 1])]
    );
    let reason = scene.row("select last_reason from chat.queue_now").await?;
    assert_eq!(reason["last_reason"], "no such host");
    Ok(())
}

#[tokio::test]
async fn the_lag_is_how_long_a_worker_could_have_taken_the_oldest() -> Result<()> {
    let scene = Scene::open().await?;
    scene.enqueue("one", "reply", &json!(1)).await?;
    scene.enqueue("two", "bulk", &json!(1)).await?;
    scene
        .as_owner(
            "update chat.lanes set next_at = next_at - interval '90 seconds' where key = 'one'",
        )
        .await?;
    scene
        .as_owner("update chat.jobs set created_at = created_at - interval '90 seconds' where lane = 'one'")
        .await?;
    let lag = scene
        .rows("select class, lanes_due, seconds >= 90 as late from chat.lag")
        .await?;
    assert_eq!(
        lag,
        [
            json!({"class": "reply", "lanes_due": 1, "late": true}),
            json!({"class": "assistant", "lanes_due": 0, "late": false}),
            json!({"class": "notification", "lanes_due": 0, "late": false}),
            json!({"class": "bulk", "lanes_due": 1, "late": false}),
        ]
    );
    scene.claim(8).await?;
    assert_eq!(
        scene
            .count("chat.lag where lanes_due > 0 or seconds > 0")
            .await?,
        0,
        "what runs is not late"
    );
    Ok(())
}

#[tokio::test]
async fn who_waits_is_seen_in_the_order_of_the_queue() -> Result<()> {
    let scene = Scene::open().await?;
    let zoe = scene.visit(ZOE).await?;
    let yuki = scene.visit(YUKI).await?;
    scene
        .as_owner(
            "update mod_chat_conversations set priority = 'urgent'
            where visitor_id = (select id from mod_chat_visitors where name = 'Phone 15550100003')",
        )
        .await?;
    let waiting = scene
        .rows("select place, conversation_id, visitor, agents_with_room from chat.waiting_now")
        .await?;
    assert_eq!(
        waiting,
        [
            json!({"place": 1, "conversation_id": yuki["id"], "visitor": "Phone 15550100003", "agents_with_room": 0}),
            json!({"place": 2, "conversation_id": zoe["id"], "visitor": format!("Phone {ZOE}"), "agents_with_room": 0}),
        ]
    );
    scene.site.agent("Ada", AgentIs::default()).await?;
    scene.tick().await?;
    assert_eq!(scene.count("chat.waiting_now").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_kind_that_is_paused_waits_and_the_rest_goes_on() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    scene.answer(ada, &zoe, "Hello").await?;
    assert_eq!(
        scene
            .psql("chat.pause(kind => 'whatsapp', reason => 'Meta is down')")
            .await?,
        2,
        "the answer and the read mark"
    );
    scene.enqueue("other", "bulk", &json!("other")).await?;
    assert_eq!(payloads(&scene.claim(8).await?), [json!("other")]);

    // What comes while it is paused is put aside by whoever finds it, who looks on.
    scene.visit(YUKI).await?;
    scene.enqueue("third", "bulk", &json!("third")).await?;
    assert_eq!(payloads(&scene.claim(1).await?), [json!("third")]);
    assert!(scene.claim(8).await?.is_empty());
    let paused: i64 = scene
        .queue_now()
        .await?
        .iter()
        .filter_map(|row| row["paused"].as_i64())
        .sum();
    assert_eq!(paused, 3);

    assert_eq!(scene.psql("chat.resume(kind => 'whatsapp')").await?, 3);
    assert_eq!(scene.claim(8).await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_number_that_is_paused_sends_nothing_while_another_does() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    scene.claim(8).await?;
    scene
        .psql("chat.pause(number => '106540352242922')")
        .await?;
    scene.answer(ada, &zoe, "Held back").await?;
    scene
        .enqueue("send:777:somebody", "reply", &json!("of another number"))
        .await?;
    assert_eq!(
        payloads(&scene.claim(8).await?),
        [json!("of another number")]
    );
    scene
        .psql("chat.resume(number => '106540352242922')")
        .await?;
    assert_eq!(scene.claim_send().await?.kind, "whatsapp.send_message");
    Ok(())
}

#[tokio::test]
async fn what_two_pauses_hold_goes_on_after_both() -> Result<()> {
    let scene = Scene::open().await?;
    scene.enqueue("send:777:x", "reply", &json!(1)).await?;
    scene.psql("chat.pause(kind => 'test.job')").await?;
    scene.psql("chat.pause(number => '777')").await?;
    assert_eq!(scene.psql("chat.resume(kind => 'test.job')").await?, 0);
    assert!(scene.claim(1).await?.is_empty());
    assert_eq!(scene.psql("chat.resume(number => '777')").await?, 1);
    assert_eq!(scene.claim(1).await?.len(), 1);
    Ok(())
}

/// The claim puts the lane aside and does not commit: a resume in between waits for it and wakes the lane.
#[tokio::test]
async fn a_resume_misses_no_lane_that_is_just_put_aside() -> Result<()> {
    let scene = Scene::open().await?;
    scene.psql("chat.pause(kind => 'test.job')").await?;
    scene.enqueue("lane", "bulk", &json!(1)).await?;
    let mut claim = scene.db.as_worker().begin().await?;
    claim.execute("select chat_claim_jobs(8)").await?;
    let resume = scene.psql("chat.resume(kind => 'test.job')");
    let woken = scene.while_open(claim, resume).await?;
    assert_eq!(woken?, 1);
    assert_eq!(scene.claim(1).await?.len(), 1);
    Ok(())
}

/// Whoever adds a job holds the lane until they commit: passed by and forgotten, it would stay aside for ever.
#[tokio::test]
async fn a_resume_misses_no_lane_that_somebody_just_adds_to() -> Result<()> {
    let scene = Scene::open().await?;
    scene.enqueue("lane", "bulk", &json!(1)).await?;
    scene.psql("chat.pause(kind => 'test.job')").await?;
    let mut adds = scene.db.owner().begin().await?;
    adds.execute("select from chat.lanes where key = 'lane' for update")
        .await?;
    assert_eq!(scene.psql("chat.resume(kind => 'test.job')").await?, 1);
    scene.tick().await?;
    assert!(scene.claim(1).await?.is_empty(), "somebody has it");
    adds.commit().await?;
    scene.tick().await?;
    assert_eq!(scene.claim(1).await?.len(), 1);
    assert_eq!(scene.count("chat.left_aside").await?, 0);
    Ok(())
}

/// An answer makes a send and a read mark, each in a lane of its own, and in its own order.
#[tokio::test]
async fn a_resume_and_who_adds_to_two_lanes_do_not_wait_for_each_other() -> Result<()> {
    let scene = Scene::open().await?;
    for lane in ["a", "b"] {
        scene.enqueue(lane, "bulk", &json!(1)).await?;
    }
    scene.psql("chat.pause(kind => 'test.job')").await?;
    let mut adds = scene.db.owner().begin().await?;
    adds.execute("select from chat.lanes where key = 'b' for update")
        .await?;
    let mut resume = scene.db.owner().begin().await?;
    resume
        .execute("select chat.resume(kind => 'test.job')")
        .await?;
    let second = async {
        adds.execute("select from chat.lanes where key = 'a' for update")
            .await?;
        anyhow::Ok(adds.commit().await?)
    };
    scene.while_open(resume, second).await??;
    scene.tick().await?;
    assert_eq!(scene.claim(8).await?.len(), 2);
    Ok(())
}

/// The resume may have lanes that the claim wants.
#[tokio::test]
async fn a_claim_waits_for_no_resume_and_leaves_its_lanes_to_the_next() -> Result<()> {
    let scene = Scene::open().await?;
    scene.psql("chat.pause(number => '777')").await?;
    scene.enqueue("send:777:x", "reply", &json!(1)).await?;
    scene.enqueue("send:888:x", "reply", &json!(2)).await?;
    let mut resume = scene.db.owner().begin().await?;
    resume
        .execute("select chat.resume(number => '777')")
        .await?;
    let mut claim = scene.db.as_worker().begin().await?;
    claim.execute("set local lock_timeout = '1s'").await?;
    let claimed: Value = sqlx::query_scalar("select chat_claim_jobs(8)")
        .fetch_one(&mut *claim)
        .await?;
    claim.commit().await?;
    assert_eq!(claimed.as_array().map(Vec::len), Some(1));
    assert_eq!(claimed[0]["lane"], "send:888:x");
    resume.commit().await?;
    assert_eq!(scene.claim(8).await?.len(), 1);
    Ok(())
}

/// Whoever writes to somebody else waits for neither.
#[tokio::test]
async fn a_pause_or_a_resume_has_no_lane_but_those_it_is_about() -> Result<()> {
    let scene = Scene::open().await?;
    for lane in ["send:777:x", "send:888:x", "send:999:x"] {
        scene.enqueue(lane, "reply", &json!(1)).await?;
    }
    scene.psql("chat.pause(number => '999')").await?;
    for turn in [
        "chat.pause(number => '777')",
        "chat.resume(number => '777')",
    ] {
        let mut turns = scene.db.owner().begin().await?;
        sqlx::query(AssertSqlSafe(format!("select {turn}")))
            .execute(&mut *turns)
            .await?;
        let others = "select key from chat.lanes where key in ('send:888:x', 'send:999:x') for update skip locked";
        assert_eq!(scene.db.rows(others).await?.len(), 2, "{turn}");
        turns.commit().await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_pause_that_cannot_be_says_why() -> Result<()> {
    let scene = Scene::open().await?;
    for (call, code) in [
        ("chat.pause()", "chat/kind_or_number"),
        (
            "chat.pause(kind => 'x', number => 'y')",
            "chat/kind_or_number",
        ),
        ("chat.resume(kind => 'x')", "chat/no_such_pause"),
    ] {
        let refusal = Refusal::expect(scene.psql(call).await);
        assert_eq!(refusal.detail.as_deref(), Some(code), "{call}");
        assert!(refusal.hint.is_some(), "{call}");
    }
    Ok(())
}

#[tokio::test]
async fn a_dead_job_that_is_retried_comes_before_what_was_queued_later() -> Result<()> {
    let scene = Scene::open().await?;
    let job = scene.dead_job().await?;
    scene.enqueue("lane", "bulk", &json!(2)).await?;
    let said = scene
        .psql(&format!("chat_retry_job({})", job.job_id))
        .await?;
    assert_eq!(said["died_of"], "no such host");
    let again = scene.claim(1).await?.remove(0);
    assert_eq!((again.job_id, again.tries), (job.job_id, 1));
    scene.end(&again, done()).await?;
    assert_eq!(payloads(&scene.claim(1).await?), [json!(2)]);

    let refusal = Refusal::expect(scene.psql(&format!("chat_retry_job({})", job.job_id)).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/no_such_job"));
    Ok(())
}

#[tokio::test]
async fn a_lane_stays_as_long_as_it_has_a_dead_job() -> Result<()> {
    let scene = Scene::open().await?;
    let job = scene.dead_job().await?;
    scene
        .as_owner("update chat.lanes set idle_since = idle_since - interval '25 hours'")
        .await?;
    scene.tick().await?;
    scene
        .psql(&format!("chat_retry_job({})", job.job_id))
        .await?;
    assert_eq!(scene.claim(1).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_dead_job_is_retried_by_whoever_keeps_the_settings_of_its_site() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let is = AgentIs {
        role: "admin",
        ..AgentIs::default()
    };
    let admin = scene.site.agent("Adam", is).await?;
    let other = pg_chat_tests::Site::make(&scene.db).await?;
    let stranger = other.agent("Eve", is).await?;
    let call = format!("chat_retry_job({})", scene.dead_job().await?.job_id);
    for agent in [ada, stranger] {
        let refusal = Refusal::expect(scene.said(agent, &call).await);
        assert_eq!(refusal.detail.as_deref(), Some("chat/no_such_job"));
    }
    assert_eq!(scene.said(admin, &call).await?["lane"], "lane");
    Ok(())
}
