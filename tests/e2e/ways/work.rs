//! Receiving, leases, attempts, retries and dead letters: the same over either way.

use anyhow::Result;
use chat_worker::db::{AttemptOutcome, Begun, Failure, JobOutcome, Received};
use pg_chat_tests::recount::assert_counters_equal_recount;
use serde_json::json;
use uuid::Uuid;

use super::desk::over_both_ways;

#[tokio::test]
async fn what_meta_delivers_again_is_known() -> Result<()> {
    over_both_ways(async |desk| {
        let first = desk.receives(&["wamid.1", "wamid.2", "wamid.3"]).await??;
        assert_eq!((first.stored, first.duplicate), (3, 0));
        let again = desk.receives(&["wamid.2", "wamid.3", "wamid.4"]).await??;
        assert_eq!((again.stored, again.duplicate), (1, 2));
        assert_eq!(desk.db.count("public.mod_chat_messages").await?, 4);
        assert_counters_equal_recount(&desk.db).await
    })
    .await
}

#[tokio::test]
async fn data_that_no_row_takes_is_told_from_faults_and_kept_as_a_dead_letter() -> Result<()> {
    over_both_ways(async |desk| {
        desk.db
            .as_owner(
                "alter table public.mod_chat_messages add constraint bad check (content <> 'bad')",
            )
            .await?;
        let Err(refused) = desk.receives(&["bad"]).await? else {
            anyhow::bail!("the constraint did not hold");
        };
        assert_eq!(refused.failure(), Failure::Data);
        assert_eq!(refused.sqlstate().as_deref(), Some("23514"));
        assert!(
            refused.to_string().contains("refused the data"),
            "{refused}"
        );
        assert_eq!(desk.db.count("public.mod_chat_messages").await?, 0);

        let item = desk.items(&["bad"])?.remove(0);
        desk.worker
            .keep_dead_letter(desk.number.app, "refused with SQLSTATE 23514", &item)
            .await?;
        let kept = desk.db.row("select reason from chat.dead_letters").await?;
        assert_eq!(kept["reason"], "refused with SQLSTATE 23514");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn answers_leave_one_after_the_other_and_end_once() -> Result<()> {
    over_both_ways(async |desk| {
        let ids = desk.answers_wait(&["first", "second"]).await?;
        let first = desk.begins_send().await?;
        assert_eq!(first.1.content.as_deref(), Some("first"));
        let more = desk.worker.claim_jobs(8, 0).await?;
        assert!(
            more.iter().all(|job| job.lane != first.0.lane),
            "the lane is busy"
        );
        assert_eq!(desk.was_accepted(&first, "wamid.out.1").await?, "accepted");
        let second = desk.begins_send().await?;
        assert_eq!(second.1.content.as_deref(), Some("second"));
        assert_eq!(desk.was_accepted(&second, "wamid.out.2").await?, "accepted");
        for id in ids {
            assert_eq!(desk.delivery(id).await?, "accepted");
        }
        assert_eq!(desk.db.count("chat.attempts").await?, 2);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_lease_is_its_holders_to_renew_to_end_and_to_give_back() -> Result<()> {
    over_both_ways(async |desk| {
        desk.answers_wait(&["first"]).await?;
        let job = desk.claims_send().await?;
        let nobodys = Uuid::new_v4();
        assert!(desk.worker.renew_lease(job.job_id, job.lease_token).await?);
        assert!(!desk.worker.renew_lease(job.job_id, nobodys).await?);
        let ended = desk
            .worker
            .finish_job(job.job_id, nobodys, &JobOutcome::Done)
            .await?;
        assert_eq!(ended, "stale");
        assert_eq!(
            desk.worker
                .give_back_jobs(&[nobodys, job.lease_token])
                .await?,
            1
        );
        let again = desk.claims_send().await?;
        assert_eq!(
            (again.job_id, again.tries),
            (job.job_id, 1),
            "it had not begun"
        );
        assert!(!desk.worker.renew_lease(job.job_id, job.lease_token).await?);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn what_is_to_be_tried_again_waits_its_time() -> Result<()> {
    over_both_ways(async |desk| {
        let ids = desk.answers_wait(&["first"]).await?;
        let (job, attempt) = desk.begins_send().await?;
        let outcome = AttemptOutcome::Retry {
            after_seconds: 60,
            code: Some(131_056),
            title: "Too fast".to_owned(),
            details: None,
            http: Some(400),
            token: None,
            stops: None,
        };
        desk.worker
            .finish_attempt(
                job.job_id,
                job.lease_token,
                attempt.message_id,
                attempt.attempt,
                &outcome,
            )
            .await?;
        let idle = desk.worker.claim_jobs(8, 0).await?;
        assert!(idle.iter().all(|job| job.kind != "whatsapp.send_message"));
        for job in &idle {
            desk.worker
                .finish_job(job.job_id, job.lease_token, &JobOutcome::Done)
                .await?;
        }
        let wait = desk.worker.next_job().await?.map(|wait| wait.as_secs());
        assert!(
            wait.is_some_and(|seconds| (50..=60).contains(&seconds)),
            "{wait:?}"
        );
        desk.db
            .as_owner("update chat.lanes set next_at = clock_timestamp()")
            .await?;
        let again = desk.begins_send().await?;
        assert_eq!((again.0.tries, again.1.attempt), (2, 2));
        desk.was_accepted(&again, "wamid.out").await?;
        assert_eq!(desk.delivery(ids[0]).await?, "accepted");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_worker_that_died_after_it_began_leaves_an_unknown_message_that_is_not_sent_again()
-> Result<()> {
    over_both_ways(async |desk| {
        let ids = desk.answers_wait(&["first"]).await?;
        let dead = desk.begins_send().await?;
        desk.leases_run_out().await?;
        let job = desk.claims_send().await?;
        let begun = desk
            .worker
            .begin_attempt(job.job_id, job.lease_token)
            .await?;
        assert!(
            matches!(&begun, Begun::No { state, .. } if state == "unknown"),
            "{begun:?}"
        );
        assert_eq!(desk.delivery(ids[0]).await?, "unknown");
        // That it left is true all the same.
        assert_eq!(desk.was_accepted(&dead, "wamid.out").await?, "accepted");
        assert_eq!(desk.delivery(ids[0]).await?, "accepted");
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_job_that_cannot_be_done_dies_with_its_reason() -> Result<()> {
    over_both_ways(async |desk| {
        desk.db
            .as_owner("select chat.enqueue('lane', 'test.job', 'reply', s.id, '{\"n\": 1}', true) from public.sites s")
            .await?;
        let job = desk.worker.claim_jobs(1, 0).await?.remove(0);
        assert_eq!((job.kind.as_str(), &job.payload), ("test.job", &json!({"n": 1})));
        let why = JobOutcome::Dead {
            why: "a kind that nobody knows".to_owned(),
        };
        desk.worker.finish_job(job.job_id, job.lease_token, &why).await?;
        let dead = desk.db.row("select reason from chat.jobs where died_at is not null").await?;
        assert_eq!(dead["reason"], "a kind that nobody knows");
        assert_eq!(desk.worker.facts().await?.dead_jobs, 1);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn nothing_received_is_nothing_stored() -> Result<()> {
    over_both_ways(async |desk| {
        assert_eq!(desk.receives(&[]).await??, Received::default());
        Ok(())
    })
    .await
}
