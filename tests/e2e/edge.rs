//! A worker of feature `edge`: the real program, with nothing open to it but HTTPS.

use anyhow::Result;
use chat_worker::check::{Mark, Report, report};
use chat_worker::config::Config;
use chat_worker::db::Failure;
use local_stack::server::{SUPERUSER, Server};
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{body_of_messages, text};
use pg_chat_tests::{Regime, TestDb, cluster_of_its_own, environment, wait_until};
use reqwest::StatusCode;
use sqlx::{Connection, Executor};

use crate::project::Project;
use crate::stage::{Stage, ZOE};

/// What `worker check` says with these settings, which are all that is configured.
async fn check(settings: &[(&str, String)]) -> Result<Report> {
    let settings = settings
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()))
        .chain([("CHAT_GRAPH_URL".to_owned(), "http://127.0.0.1:9".to_owned())]);
    Ok(report(&Config::load(None, settings)?).await)
}

/// There is a line of this mark that speaks of all this.
fn assert_line(report: &Report, mark: Mark, speaks_of: &[&str]) {
    let is_it = |line: &str| speaks_of.iter().all(|words| line.contains(words));
    let lines: Vec<_> = report.findings().iter().map(ToString::to_string).collect();
    let found = report
        .findings()
        .iter()
        .zip(&lines)
        .any(|(finding, line)| finding.mark == mark && is_it(line));
    assert!(
        found,
        "no line {mark:?} of {speaks_of:?} in:\n{}",
        lines.join("\n")
    );
}

#[tokio::test]
async fn a_message_comes_in_and_an_answer_goes_out_over_https_alone() -> Result<()> {
    let mut stage = Stage::over_https().await?;
    let conversation = stage.writes(ZOE, "Is it there yet?").await?;
    let first = stage.answers(conversation, "It arrives today ✓").await?;
    stage.once(first, "read").await?;
    let connections =
        "pg_stat_activity where datname = current_database() and application_name = 'chat_worker'";
    assert_eq!(stage.db.count(connections).await?, 0);

    stage.worker.kill().await?;
    let second = stage.answers(conversation, "Here it is").await?;
    stage.worker.restart().await?;
    stage.once(second, "read").await?;
    stage.meta().settled().await;
    assert_eq!(stage.words_on(ZOE), ["It arrives today ✓", "Here it is"]);
    assert_counters_equal_recount(&stage.db).await?;
    assert_eq!(stage.worker.stop().await?, Some(0));
    Ok(())
}

#[tokio::test]
async fn while_rest_is_away_meta_is_asked_again_and_answers_wait() -> Result<()> {
    let stage = Stage::over_https().await?;
    let line = stage.line()?;
    let conversation = stage.writes(ZOE, "Hello").await?;
    let webhook = body_of_messages(&stage.number, &[text(ZOE, "wamid.late", "Are you there?")]);

    line.answer("503 Service Unavailable");
    assert_eq!(
        stage.worker.post(&webhook).await?,
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(
        stage.get("/readyz").await?.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    let answer = stage.answers(conversation, "Yes").await?;
    line.open();
    wait_until("Meta's repetition is taken", async || {
        Ok((stage.worker.post(&webhook).await? == StatusCode::OK).then_some(()))
    })
    .await?;
    assert_eq!(stage.worker.post(&webhook).await?, StatusCode::OK);
    stage.once(answer, "read").await?;
    stage.meta().settled().await;
    assert_eq!(stage.words_on(ZOE), ["Yes"]);
    let texts = "public.mod_chat_messages where content = 'Are you there?'";
    assert_eq!(stage.db.count(texts).await?, 1);
    assert_counters_equal_recount(&stage.db).await
}

#[tokio::test]
async fn check_says_what_is_missing_and_what_is_wrong() -> Result<()> {
    let db = TestDb::new().await?;
    let project = Project::of(&db).await?;
    let good = project.settings(project.url());
    let with = |name: &'static str, value: &str| {
        let mut settings = good.clone();
        settings.push((name, value.to_owned()));
        settings
    };

    let all_well = check(&good).await?;
    for words in [
        "it answers",
        "chat_worker",
        "not over HTTPS",
        "functions: all",
    ] {
        assert_line(&all_well, Mark::Ok, &[words]);
    }
    for name in ["CHAT_EDGE_KEY", "CHAT_EDGE_EMAIL", "CHAT_EDGE_PASSWORD"] {
        let less: Vec<_> = good
            .iter()
            .filter(|(given, _)| *given != name)
            .cloned()
            .collect();
        assert_line(&check(&less).await?, Mark::Missing, &[name]);
        assert_line(&check(&less).await?, Mark::Wrong, &["database", name]);
    }
    let wrong_password = check(&with("CHAT_EDGE_PASSWORD", "another")).await?;
    assert_line(
        &wrong_password,
        Mark::Wrong,
        &["Invalid login credentials", "edge.password"],
    );
    let open = check(&with("CHAT_EDGE_URL", "http://project.example")).await?;
    assert_line(&open, Mark::Wrong, &["CHAT_EDGE_URL", "https"]);
    let nobody = check(&with("CHAT_EDGE_URL", "http://127.0.0.1:9")).await?;
    assert_line(&nobody, Mark::Wrong, &["CHAT_EDGE_URL", "reach"]);
    let service_key = check(&with("CHAT_EDGE_KEY", "sb_secret_0123456789")).await?;
    assert_line(
        &service_key,
        Mark::Wrong,
        &["CHAT_EDGE_KEY", "every policy"],
    );

    let server = Server::on(environment().port);
    for role in ["authenticated", "service_role", "postgres"] {
        project.make_worker_a(&server, &db, role).await?;
        assert_line(
            &check(&good).await?,
            Mark::Wrong,
            &[role, "chat_worker", "docs/edge.md"],
        );
    }
    Ok(())
}

#[tokio::test]
async fn two_ways_at_once_are_refused() -> Result<()> {
    let both = [
        ("CHAT_DATABASE_URL", "postgresql://127.0.0.1/db".to_owned()),
        ("CHAT_EDGE_URL", "https://project.example".to_owned()),
    ];
    let refused = check(&both).await.err().map(|error| error.to_string());
    assert!(refused.is_some_and(|said| said.contains("set one")));
    Ok(())
}

#[tokio::test]
async fn nobody_becomes_the_worker_until_postgrest_is_let_and_a_crash_is_survived() -> Result<()> {
    let mut cluster = cluster_of_its_own().await?;
    let mut admin = cluster.server().connect(SUPERUSER, "postgres").await?;
    // Who granted takes it back: since PostgreSQL 16 a membership is its grantor's.
    admin.execute("set role postgres").await?;
    admin
        .execute("revoke chat_worker from authenticator")
        .await?;
    let db = TestDb::clone_on(cluster.server(), Regime::New).await?;
    let project = Project::of(&db).await?;
    let settings = project.settings(project.url());
    let advice = "grant chat_worker to authenticator";
    assert_line(
        &check(&settings).await?,
        Mark::Wrong,
        &["database", "42501", advice],
    );
    // As our migrations leave it, only its owner has to say so.
    admin.execute(advice).await?;
    admin.close().await?;
    assert_line(
        &check(&settings).await?,
        Mark::Ok,
        &["database role", "chat_worker"],
    );

    let worker = crate::ways::desk::worker(&settings)?;
    worker.ping().await?;
    cluster.crash().await?;
    let Err(away) = worker.ping().await else {
        anyhow::bail!("it answered without a database");
    };
    assert_eq!(away.failure(), Failure::Passing, "{away}");
    cluster.start().await?;
    wait_until("PostgREST has its database again", async || {
        Ok(worker.ping().await.ok())
    })
    .await
}
