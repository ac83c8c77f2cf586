//! The queue: lanes keep their order, classes their rank, leases their owner.

mod dba;

use anyhow::{Context, Result};
use pg_chat_tests::webhook::text;
use serde_json::{Value, json};
use sqlx::postgres::{PgConnection, PgListener};
use sqlx::{AssertSqlSafe, Executor};

use crate::queue::Job;
use crate::scene::{Scene, YUKI, ZOE, only};

impl Scene {
    /// Puts a job into a lane as the owner.
    async fn enqueue(&self, lane: &str, class: &str, payload: &Value) -> Result<()> {
        self.as_owner(&format!(
            "select chat.enqueue('{lane}', 'test.job', '{class}', '{}', '{payload}', true)",
            self.site.id
        ))
        .await?;
        Ok(())
    }
}

fn payloads(jobs: &[Job]) -> Vec<Value> {
    jobs.iter().map(|job| job.payload.clone()).collect()
}

fn done() -> Value {
    json!({"is": "done"})
}

#[tokio::test]
async fn a_lane_gives_one_job_at_a_time_in_order() -> Result<()> {
    let scene = Scene::open().await?;
    for n in 1..=3 {
        scene.enqueue("lane", "bulk", &json!(n)).await?;
    }
    for n in 1..=3 {
        let jobs = scene.claim(8).await?;
        assert_eq!(payloads(&jobs), [json!(n)]);
        assert!(scene.claim(8).await?.is_empty(), "the lane is busy");
        assert_eq!(scene.end(&jobs[0], done()).await?, "done");
    }
    assert!(scene.claim(8).await?.is_empty());
    assert_eq!(scene.count("chat.jobs").await?, 0, "done jobs are gone");
    Ok(())
}

#[tokio::test]
async fn replies_come_before_all_else() -> Result<()> {
    let scene = Scene::open().await?;
    for class in ["bulk", "notification", "assistant", "reply"] {
        scene.enqueue(class, class, &json!(class)).await?;
    }
    let jobs = scene.claim(3).await?;
    assert_eq!(payloads(&jobs), ["reply", "assistant", "notification"]);
    Ok(())
}

#[tokio::test]
async fn two_workers_at_once_get_different_jobs() -> Result<()> {
    let scene = Scene::open().await?;
    for n in 0..4 {
        scene
            .enqueue(&format!("lane {n}"), "bulk", &json!(n))
            .await?;
    }
    let mut one = scene.db.as_worker().begin().await?;
    let first: Value = sqlx::query_scalar("select chat_claim_jobs(2)")
        .fetch_one(&mut *one)
        .await?;
    let second = scene.claim(8).await?;
    one.commit().await?;
    assert_eq!(
        (first.as_array().map(Vec::len), second.len()),
        (Some(2), 2),
        "none waited, none was doubled"
    );
    Ok(())
}

#[tokio::test]
async fn a_worker_that_stops_gives_back_what_it_has_not_begun() -> Result<()> {
    let scene = Scene::open().await?;
    scene.enqueue("lane", "bulk", &json!(1)).await?;
    let job = scene.claim(1).await?.remove(0);
    let given: i32 = sqlx::query_scalar("select chat_give_back_jobs($1)")
        .bind([job.lease_token])
        .fetch_one(scene.db.as_worker())
        .await?;
    assert_eq!(given, 1);
    assert_eq!(scene.end(&job, done()).await?, "stale");
    let again = scene.claim(1).await?.remove(0);
    assert_eq!(
        (again.job_id, again.tries),
        (job.job_id, 1),
        "giving back is no try"
    );
    Ok(())
}

/// Whoever adds to one of the lanes may want the other next.
#[tokio::test]
async fn giving_back_waits_for_nobody_who_adds_to_a_lane() -> Result<()> {
    let scene = Scene::open().await?;
    scene.enqueue("a", "bulk", &json!(1)).await?;
    scene.enqueue("b", "bulk", &json!(2)).await?;
    let leases: Vec<_> = scene
        .claim(2)
        .await?
        .iter()
        .map(|job| job.lease_token)
        .collect();
    let mut adds = scene.db.owner().begin().await?;
    adds.execute("select from chat.lanes where key = 'b' for update")
        .await?;
    let give_back = async || -> Result<i32> {
        let mut worker = scene.db.as_worker().begin().await?;
        worker.execute("set local lock_timeout = '1s'").await?;
        let given = sqlx::query_scalar("select chat_give_back_jobs($1)")
            .bind(&leases)
            .fetch_one(&mut *worker)
            .await?;
        worker.commit().await?;
        Ok(given)
    };
    assert_eq!(give_back().await?, 1);
    adds.commit().await?;
    assert_eq!(
        give_back().await?,
        1,
        "the other, when it is asked for again"
    );
    assert_eq!(scene.claim(2).await?.len(), 2);
    Ok(())
}

#[tokio::test]
async fn a_dead_job_keeps_its_reason_and_its_lane_goes_on() -> Result<()> {
    let scene = Scene::open().await?;
    scene.enqueue("lane", "bulk", &json!(1)).await?;
    scene.enqueue("lane", "bulk", &json!(2)).await?;
    let job = scene.claim(1).await?.remove(0);
    assert_eq!(
        scene
            .end(&job, json!({"is": "dead", "why": "no such number"}))
            .await?,
        "dead"
    );
    assert_eq!(payloads(&scene.claim(1).await?), [json!(2)]);
    let dead = scene
        .row("select * from chat.jobs where died_at is not null")
        .await?;
    assert_eq!(
        only(&dead, "payload reason"),
        json!({"payload": 1, "reason": "no such number"})
    );
    Ok(())
}

#[tokio::test]
async fn a_job_that_is_tried_again_waits_and_counts_its_tries() -> Result<()> {
    let scene = Scene::open().await?;
    scene.enqueue("lane", "bulk", &json!(1)).await?;
    let job = scene.claim(1).await?.remove(0);
    assert_eq!(
        scene
            .end(
                &job,
                json!({"is": "retry", "after_seconds": 60, "why": "busy"})
            )
            .await?,
        "retry"
    );
    assert!(scene.claim(1).await?.is_empty());
    scene.pauses_end().await?;
    assert_eq!(scene.claim(1).await?.remove(0).tries, 2);
    Ok(())
}

#[tokio::test]
async fn a_lease_that_ran_out_is_taken_over_first_of_all() -> Result<()> {
    let scene = Scene::open().await?;
    scene.enqueue("lost", "bulk", &json!("lost")).await?;
    let lost = scene.claim(1).await?.remove(0);
    scene.enqueue("new", "reply", &json!("new")).await?;
    scene.leases_run_out().await?;
    let taken = scene.claim(1).await?.remove(0);
    assert_eq!((taken.job_id, taken.tries), (lost.job_id, 2));
    assert_ne!(taken.lease_token, lost.lease_token);
    Ok(())
}

#[tokio::test]
async fn jobs_deleted_by_hand_hold_up_nothing_whether_they_waited_or_ran() -> Result<()> {
    let scene = Scene::open().await?;
    for n in 1..=4 {
        scene
            .enqueue(&format!("lane {n}"), "reply", &json!(n))
            .await?;
    }
    let ran = scene.claim(2).await?;
    scene.as_owner("delete from chat.jobs").await?;
    assert_eq!(scene.end(&ran[0], done()).await?, "stale");
    scene.leases_run_out().await?;

    // Two lanes seem lost and two due, as many as are asked for and all before this one.
    scene.enqueue("later", "bulk", &json!("later")).await?;
    let found = scene.claim(2).await?;
    assert_eq!(payloads(&found), [json!("later")]);
    assert_eq!(scene.end(&found[0], done()).await?, "done");
    assert!(scene.claim(8).await?.is_empty());
    let not_idle = "chat.lanes where busy or ready or idle_since is null";
    assert_eq!(scene.count(not_idle).await?, 0);

    scene.enqueue("lane 1", "reply", &json!("again")).await?;
    assert_eq!(payloads(&scene.claim(8).await?), [json!("again")]);
    Ok(())
}

#[tokio::test]
async fn a_newer_read_mark_replaces_one_that_still_waits() -> Result<()> {
    let scene = Scene::open().await?;
    scene.hear_text(ZOE, "wamid.1", "One").await?;
    scene
        .hear(&[
            text(ZOE, "wamid.2", "Two"),
            text(ZOE, "wamid.3", "Three"),
            text(YUKI, "wamid.4", "Me too"),
        ])
        .await?;
    let marks = scene
        .rows("select payload from chat.jobs where kind = 'whatsapp.mark_read' order by lane")
        .await?;
    let mut wamids = marks
        .iter()
        .map(|job| job["payload"]["wamid"].as_str().unwrap_or_default())
        .collect::<Vec<_>>();
    wamids.sort_unstable();
    assert_eq!(wamids, ["wamid.3", "wamid.4"]);

    let running = scene.claim(2).await?;
    scene.hear_text(ZOE, "wamid.5", "Four").await?;
    assert_eq!(
        scene
            .count("chat.jobs where kind = 'whatsapp.mark_read'")
            .await?,
        3,
        "one that runs is left alone"
    );
    for job in &running {
        scene.end(job, done()).await?;
    }
    assert_eq!(scene.claim(2).await?.remove(0).payload["wamid"], "wamid.5");
    Ok(())
}

#[tokio::test]
async fn a_lane_that_was_idle_for_a_day_is_swept() -> Result<()> {
    let scene = Scene::open().await?;
    for lane in ["old", "young", "waiting"] {
        scene.enqueue(lane, "bulk", &json!(lane)).await?;
    }
    for job in scene.claim(8).await? {
        if job.lane == "waiting" {
            scene
                .end(
                    &job,
                    json!({"is": "retry", "after_seconds": 60, "why": "busy"}),
                )
                .await?;
        } else {
            scene.end(&job, done()).await?;
        }
    }
    scene
        .as_owner("update chat.lanes set idle_since = idle_since - interval '25 hours' where key in ('old', 'waiting')")
        .await?;
    assert_eq!(scene.tick().await?["lanes"], 1);
    let left = scene
        .rows("select key from chat.lanes where key in ('old', 'young', 'waiting') order by 1")
        .await?;
    assert_eq!(left, [json!({"key": "waiting"}), json!({"key": "young"})]);
    Ok(())
}

#[tokio::test]
async fn a_worker_is_called_when_an_idle_lane_gets_a_job_and_not_by_a_webhook() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let mut bell = PgListener::connect_with(scene.db.as_worker().pool()).await?;
    bell.listen_all(["chat_jobs", "the_end"]).await?;
    let zoe = scene.visit(ZOE).await?;
    scene.answer(ada, &zoe, "rings").await?;
    scene
        .answer(ada, &zoe, "does not: its lane is ready already")
        .await?;
    let yuki = scene.visit(YUKI).await?;
    scene.answer(ada, &yuki, "rings").await?;
    scene.as_owner("notify the_end").await?;
    let mut rings = 0;
    while bell.recv().await?.channel() == "chat_jobs" {
        rings += 1;
    }
    assert_eq!(rings, 2);
    Ok(())
}

/// Pages that a call reads, counted by PostgreSQL.
async fn pages_of(owner: &mut PgConnection, call: &str) -> Result<i64> {
    let explain = format!("explain (analyze, buffers, timing off, format json) select {call}");
    let plan: Value = sqlx::query_scalar(AssertSqlSafe(explain))
        .fetch_one(owner)
        .await?;
    plan[0]["Plan"]["Shared Hit Blocks"]
        .as_i64()
        .context("no pages")
}

/// Thousands of people whose messages are tried again later, and thousands who wrote in the last day.
#[tokio::test]
async fn lanes_that_are_not_due_cost_a_claim_and_a_tick_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    let mut owner = scene.db.connect_as("postgres").await?;
    scene.enqueue("due", "reply", &json!(1)).await?;
    for call in ["chat_claim_jobs(8)", "chat.sweep_lanes(8)"] {
        // The first of a connection reads the catalog as well.
        pages_of(&mut owner, call).await?;
        let alone = pages_of(&mut owner, call).await?;
        scene
            .as_owner(&format!(
                "insert into chat.lanes (key, kind, class, urgency, ready, next_at, idle_since)
                select '{call}' || n, 'test.job', 'reply', 1, n % 2 = 0,
                    clock_timestamp() + (1 + random()) * interval '1 hour',
                    case when n % 2 = 1 then clock_timestamp() - random() * interval '20 hours' end
                from generate_series(1, 4000) n"
            ))
            .await?;
        sqlx::query("analyze chat.lanes")
            .execute(scene.db.owner())
            .await?;
        pages_of(&mut owner, call).await?;
        let beside = pages_of(&mut owner, call).await?;
        assert!(
            beside < alone + 200,
            "{call} reads {beside} pages beside 4,000 lanes that are not due, {alone} alone"
        );
    }
    Ok(())
}
