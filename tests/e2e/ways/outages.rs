//! The way breaks: before a call, after it, in the middle, for a while. Nothing is lost and nothing is doubled.

use anyhow::{Result, ensure};
use chat_worker::db::Failure;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{TestDb, wait_until};

use super::desk::{Desk, Way, over_both_ways, worker};
use crate::project::{PASSWORD, Project};

#[tokio::test]
async fn what_was_stored_though_nobody_heard_of_it_is_stored_once() -> Result<()> {
    over_both_ways(async |desk| {
        desk.receives(&["wamid.0"]).await??;
        desk.line.lose("\"stored\"");
        let Err(lost) = desk.receives(&["wamid.1", "wamid.2"]).await? else {
            anyhow::bail!("the answer arrived");
        };
        assert_eq!(lost.failure(), Failure::Passing, "{lost}");
        desk.line.open();
        let again = desk.receives(&["wamid.1", "wamid.2"]).await??;
        assert_eq!((again.stored, again.duplicate), (0, 2));
        assert_eq!(desk.db.count("public.mod_chat_messages").await?, 3);
        assert_counters_equal_recount(&desk.db).await
    })
    .await
}

#[tokio::test]
async fn a_lease_that_nobody_heard_of_runs_out_and_its_job_comes_again() -> Result<()> {
    over_both_ways(async |desk| {
        desk.answers_wait(&["first"]).await?;
        desk.line.lose("lease_token");
        ensure!(desk.claims_send().await.is_err(), "the answer arrived");
        desk.line.open();
        let idle = desk.worker.claim_jobs(8, 0).await?;
        assert!(
            idle.iter().all(|job| job.kind != "whatsapp.send_message"),
            "it is leased"
        );
        desk.leases_run_out().await?;
        let again = desk.begins_send().await?;
        assert_eq!(
            (again.0.tries, again.1.attempt),
            (2, 1),
            "no attempt was made"
        );
        Ok(())
    })
    .await
}

#[tokio::test]
async fn an_end_that_was_told_though_nobody_heard_so_is_told_again() -> Result<()> {
    over_both_ways(async |desk| {
        let ids = desk.answers_wait(&["first", "second"]).await?;
        let first = desk.begins_send().await?;
        desk.line.lose("accepted");
        let Err(lost) = desk.was_accepted(&first, "wamid.out.1").await else {
            anyhow::bail!("the answer arrived");
        };
        assert_eq!(lost.failure(), Failure::Passing, "{lost}");
        desk.line.open();
        assert_eq!(desk.was_accepted(&first, "wamid.out.1").await?, "accepted");
        assert_eq!(desk.delivery(ids[0]).await?, "accepted");
        assert_eq!(desk.db.count("chat.attempts").await?, 1);
        let second = desk.begins_send().await?;
        assert_eq!(second.1.content.as_deref(), Some("second"));
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_way_that_was_cut_is_found_again() -> Result<()> {
    over_both_ways(async |desk| {
        desk.receives(&["wamid.1"]).await??;
        desk.line.cut();
        for _ in 0..3 {
            let Err(away) = desk.receives(&["wamid.2"]).await? else {
                anyhow::bail!("it went through");
            };
            assert_eq!(away.failure(), Failure::Passing, "{away}");
        }
        desk.line.open();
        wait_until("the way is found again", async || {
            Ok(desk.receives(&["wamid.2"]).await?.ok().map(drop))
        })
        .await?;
        assert_eq!(desk.db.count("public.mod_chat_messages").await?, 2);
        Ok(())
    })
    .await
}

#[tokio::test]
async fn a_gateway_with_nothing_behind_it_is_an_outage_and_no_refusal() -> Result<()> {
    let desk = Desk::open(Way::Https).await?;
    desk.receives(&["wamid.1"]).await??;
    for (status, failure) in [
        ("503 Service Unavailable", Failure::Passing),
        ("502 Bad Gateway", Failure::Passing),
        ("429 Too Many Requests", Failure::Passing),
        ("404 Not Found", Failure::Fault),
        ("413 Content Too Large", Failure::Fault),
        ("307 Temporary Redirect", Failure::Fault),
    ] {
        desk.line.answer(status);
        let Err(error) = desk.receives(&["wamid.2"]).await? else {
            anyhow::bail!("{status} was taken for an answer");
        };
        assert_eq!(error.failure(), failure, "{error}");
    }
    desk.line.open();
    desk.receives(&["wamid.2"]).await??;
    assert_eq!(desk.db.count("public.mod_chat_messages").await?, 2);
    Ok(())
}

#[tokio::test]
async fn auth_that_is_away_at_the_beginning_is_waited_for() -> Result<()> {
    let desk = Desk::open(Way::Https).await?;
    desk.line.answer("503 Service Unavailable");
    let Err(away) = desk.receives(&["wamid.1"]).await? else {
        anyhow::bail!("it went through");
    };
    assert_eq!(away.failure(), Failure::Passing, "{away}");
    assert!(
        away.to_string().contains("Supabase Auth answered 503"),
        "{away}"
    );
    desk.line.open();
    wait_until("Auth lets the worker in", async || {
        Ok(desk.receives(&["wamid.1"]).await?.ok().map(drop))
    })
    .await
}

#[tokio::test]
async fn a_wrong_password_is_a_fault_that_names_the_settings_and_asks_no_more_than_now_and_then()
-> Result<()> {
    let db = TestDb::new().await?;
    let project = Project::of(&db).await?;
    let mut settings = project.settings(project.url());
    settings.push(("CHAT_EDGE_PASSWORD", "another".to_owned()));
    let stranger = worker(&settings)?;
    let Err(refused) = stranger.next_job().await else {
        anyhow::bail!("it was let in");
    };
    assert_eq!(refused.failure(), Failure::Fault);
    let said = refused.to_string();
    assert!(
        said.contains("Invalid login credentials") && said.contains("edge.password"),
        "{said}"
    );
    assert!(!said.contains("another") && !said.contains(PASSWORD));
    // Whoever asks in the pause hears the same, though the right password would be asked for by now.
    assert_eq!(
        stranger.next_job().await.map_err(|error| error.to_string()),
        Err(said)
    );
    Ok(())
}

#[tokio::test]
async fn tokens_that_are_not_the_projects_any_more_are_replaced() -> Result<()> {
    let desk = Desk::open(Way::Https).await?;
    desk.receives(&["wamid.1"]).await??;
    // Signed out everywhere: the token cannot be renewed, and goes on being good until its end.
    sqlx::query("delete from auth.sessions")
        .execute(desk.db.superuser())
        .await?;
    desk.receives(&["wamid.2"]).await??;
    assert_eq!(desk.db.count("public.mod_chat_messages").await?, 2);
    Ok(())
}
