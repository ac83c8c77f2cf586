//! Nothing that Meta delivers is lost: not for one bad item among many, not while the database is away.

use anyhow::Result;
use local_stack::graph::{Call, Fault, Misbehaviour};
use local_stack::server::{SUPERUSER, Server};
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{body_of_messages, status, text};
use pg_chat_tests::{Door, TestDb, environment, wait_until};
use reqwest::StatusCode;
use serde_json::json;
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};

use crate::stage::{Stage, ZOE};

/// The database lets nobody in, until this is told to end.
struct Away {
    admin: PgConnection,
    database: String,
}

impl Away {
    async fn begin(db: &TestDb) -> Result<Self> {
        let admin = Server::on(environment().port)
            .connect(SUPERUSER, "postgres")
            .await?;
        let mut away = Self {
            admin,
            database: db.name().to_owned(),
        };
        away.let_in(false).await?;
        sqlx::query("select pg_terminate_backend(pid) from pg_stat_activity where datname = $1")
            .bind(&away.database)
            .execute(&mut away.admin)
            .await?;
        Ok(away)
    }

    async fn end(mut self) -> Result<()> {
        self.let_in(true).await?;
        Ok(self.admin.close().await?)
    }

    async fn let_in(&mut self, everybody: bool) -> Result<()> {
        let alter = format!(
            "alter database {} allow_connections {everybody}",
            self.database
        );
        self.admin.execute(AssertSqlSafe(alter)).await?;
        Ok(())
    }
}

/// Makes the database refuse a message with this text, as a bug of ours might.
async fn refuse_a_text(owner: &Door) -> Result<()> {
    sqlx::query("alter table public.mod_chat_messages add constraint bad check (content <> 'bad')")
        .execute(owner)
        .await?;
    Ok(())
}

#[tokio::test]
async fn of_a_thousand_messages_one_bad_one_becomes_a_placeholder() -> Result<()> {
    let stage = Stage::open().await?;
    refuse_a_text(stage.db.owner()).await?;
    let messages: Vec<_> = (0..1_000)
        .map(|n| {
            let words = if n == 617 {
                "bad".to_owned()
            } else {
                format!("number {n}")
            };
            text(
                &format!("165055500{:02}", n % 20),
                &format!("wamid.{n}"),
                &words,
            )
        })
        .collect();
    assert_eq!(
        stage
            .worker
            .post(&body_of_messages(&stage.number, &messages))
            .await?,
        StatusCode::OK
    );

    assert_eq!(
        stage
            .db
            .count("public.mod_chat_messages where kind = 'text'")
            .await?,
        999
    );
    let bad = stage
        .db
        .row("select * from public.mod_chat_messages where kind <> 'text'")
        .await?;
    assert_eq!(
        (&bad["kind"], &bad["whatsapp_message_id"], &bad["content"]),
        (&json!("unknown"), &json!("wamid.617"), &json!(null))
    );
    assert_eq!(bad["metadata"]["raw"]["text"]["body"], "bad");
    assert_eq!(stage.db.count("public.mod_chat_conversations").await?, 20);
    assert_counters_equal_recount(&stage.db).await
}

#[tokio::test]
async fn lesson_07_a_status_that_nobody_can_keep_costs_the_messages_beside_it_nothing() -> Result<()>
{
    let stage = Stage::open().await?;
    sqlx::query("alter table chat.orphan_statuses add constraint bad check (wamid <> 'bad')")
        .execute(stage.db.owner())
        .await?;
    let mut body = body_of_messages(&stage.number, &[text(ZOE, "wamid.1", "Hello")]);
    let statuses: Vec<_> = ["good", "bad", "fine"]
        .map(|wamid| status(ZOE, wamid, "sent", ""))
        .into();
    body["entry"][0]["changes"][0]["value"]["statuses"] = json!(statuses);
    assert_eq!(stage.worker.post(&body).await?, StatusCode::OK);
    assert_eq!(stage.db.count("public.mod_chat_messages").await?, 1);
    let kept = stage
        .db
        .rows("select wamid from chat.orphan_statuses order by 1")
        .await?;
    assert_eq!(json!(kept), json!([{"wamid": "fine"}, {"wamid": "good"}]));
    assert_eq!(stage.db.count("chat.dead_letters").await?, 1);
    Ok(())
}

#[tokio::test]
async fn lesson_13_while_every_job_hangs_webhooks_are_taken_and_meta_repeats_none() -> Result<()> {
    let stage = Stage::open().await?;
    let never = Fault::next(Misbehaviour::NeverAnswer).on(Call::MarkRead);
    stage.meta().add_fault(never.times(u32::MAX))?;
    // More than the worker has slots.
    for n in 0..12 {
        stage.writes(&format!("165055500{n:02}"), "Hello").await?;
    }
    stage.writes(ZOE, "Anybody?").await?;
    stage.meta().settled().await;
    let log = stage.meta().deliveries().log;
    assert_eq!(log.len(), 13);
    assert!(log.iter().all(|webhook| webhook.tries == 1), "{log:?}");
    Ok(())
}

#[tokio::test]
async fn a_delivery_while_the_database_is_away_is_asked_for_again_and_stored_once() -> Result<()> {
    let stage = Stage::open_with(&[
        ("CHAT_DATABASE_ACQUIRE_MS", "300"),
        ("CHAT_WEBHOOKS_TRIES", "2"),
    ])
    .await?;
    let body = body_of_messages(
        &stage.number,
        &[
            text(ZOE, "wamid.1", "Hello"),
            text(ZOE, "wamid.2", "Anybody?"),
        ],
    );
    let away = Away::begin(&stage.db).await?;
    for _ in 0..3 {
        assert_eq!(
            stage.worker.post(&body).await?,
            StatusCode::SERVICE_UNAVAILABLE
        );
    }
    assert_eq!(
        stage.get("/readyz").await?.status(),
        StatusCode::SERVICE_UNAVAILABLE
    );
    assert_eq!(stage.get("/healthz").await?.status(), StatusCode::OK);
    assert_eq!(stage.figure("chat_database_up ").await?, 0.0);
    away.end().await?;

    wait_until("the repeated delivery is taken", async || {
        Ok((stage.worker.post(&body).await? == StatusCode::OK).then_some(()))
    })
    .await?;
    assert_eq!(stage.worker.post(&body).await?, StatusCode::OK);
    assert_eq!(stage.db.count("public.mod_chat_messages").await?, 2);
    assert_eq!(stage.db.count("public.mod_chat_conversations").await?, 1);
    assert_counters_equal_recount(&stage.db).await
}
