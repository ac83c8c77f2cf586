//! How a number is: what its tests, its webhooks and refusals of its token say, and what a refused token holds up.

use anyhow::Result;
use pg_chat_tests::{AgentIs, Site};
use serde_json::{Value, json};
use sqlx::Executor;
use uuid::Uuid;

use super::connecting::{KEY, SECOND, code, with_admin};
use crate::queue::accepted;
use crate::scene::{Scene, YUKI, ZOE, only};

#[tokio::test]
async fn a_test_is_a_job_and_its_result_stands_in_the_health() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let number = scene.row("select id from chat.whatsapp_numbers").await?["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let health = format!("chat_whatsapp_health('{number}')");
    assert_eq!(
        scene
            .ask(eve, &format!("chat_test_whatsapp_number('{number}')"))
            .await?["state"],
        "queued"
    );
    let job = scene.claim(1).await?.remove(0);
    assert_eq!(job.kind, "whatsapp.test_number");
    assert_eq!(job.payload["waba_id"], json!(scene.number.waba_id));
    sqlx::query("select public.chat_note_number_test($1::uuid, $2, $3)")
        .bind(&number)
        .bind(json!({"ok": true, "problems": []}))
        .bind(json!({"id": scene.number.phone_number_id, "throughput": {"level": "STANDARD"}}))
        .execute(scene.db.as_worker())
        .await?;
    scene.end(&job, json!({"is": "done"})).await?;
    let seen = scene.ask(eve, &health).await?;
    assert_eq!(
        only(&seen["test"], "state ok"),
        json!({"state": "done", "ok": true})
    );
    assert_eq!(seen["throughput"], json!({"per_second": 80, "halved": 0}));

    let send = |to: &str| format!("chat_send_whatsapp_test('{number}', '{to}')");
    assert_eq!(code(scene.ask(eve, &send("none")).await), "chat/bad_phone");
    let bad = format!("chat_send_whatsapp_test('{number}', '{ZOE}', 'Not a name')");
    assert_eq!(code(scene.ask(eve, &bad).await), "chat/bad_template_name");
    assert_eq!(scene.ask(eve, &send("+1 555-010 0002")).await?["to"], ZOE);
    assert_eq!(
        code(scene.ask(eve, &send(ZOE)).await),
        "chat/test_under_way"
    );
    let note = async |result: Value| -> Result<bool> {
        Ok(
            sqlx::query_scalar("select public.chat_note_test_send($1::uuid, $2)")
                .bind(&number)
                .bind(result)
                .fetch_one(scene.db.as_worker())
                .await?,
        )
    };
    assert!(note(json!({"state": "sending"})).await?);
    assert!(
        !note(json!({"state": "sending"})).await?,
        "it is not sent twice"
    );
    assert!(note(json!({"state": "sent", "wamid": "wamid.test"})).await?);
    assert_eq!(scene.ask(eve, &health).await?["test_send"]["state"], "sent");
    let other = Site::make(&scene.db).await?;
    let stranger = other
        .agent(
            "Mallory",
            AgentIs {
                role: "admin",
                ..AgentIs::default()
            },
        )
        .await?;
    for call in [
        health,
        send(ZOE),
        format!("chat_disconnect_whatsapp_number('{number}')"),
    ] {
        assert_eq!(
            code(scene.ask(stranger, &call).await),
            "chat/no_such_number"
        );
    }
    Ok(())
}

#[tokio::test]
async fn when_webhooks_come_and_are_refused_is_kept_by_app() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let note = async |heard: Value| -> Result<()> {
        sqlx::query("select public.chat_note_webhooks($1)")
            .bind(heard)
            .execute(scene.db.as_worker())
            .await?;
        Ok(())
    };
    let app = scene.number.app;
    note(
        json!([{"app": app, "webhook_at": "2026-11-20T10:00:00Z", "refused": 0},
        {"app": Uuid::new_v4(), "webhook_at": "2026-11-20T10:00:00Z", "refused": 0}]),
    )
    .await?;
    note(json!([{"app": app, "refused_at": "2026-11-20T10:00:05Z", "why": "mismatch", "refused": 3}])).await?;
    note(json!([{"app": app, "webhook_at": "2026-11-20T09:00:00Z", "refused": 0}])).await?;
    let number = scene.row("select id from chat.whatsapp_numbers").await?;
    let health = format!("chat_whatsapp_health('{}')", number["id"].as_str().unwrap());
    assert_eq!(
        scene.ask(eve, &health).await?["webhooks"],
        json!({"last_at": "2026-11-20T10:00:00+00:00", "last_refused_at": "2026-11-20T10:00:05+00:00",
            "last_refused_why": "mismatch", "refused": 3})
    );
    Ok(())
}

#[tokio::test]
async fn two_workers_tell_of_an_app_that_is_written_and_referred_to_and_wait_in_turn() -> Result<()>
{
    let (scene, _) = with_admin().await?;
    let app = scene.number.app;
    let (mut refers, mut writes) = (
        scene.db.owner().begin().await?,
        scene.db.owner().begin().await?,
    );
    sqlx::query("select from chat.whatsapp_apps where id = $1 for key share")
        .bind(app)
        .execute(&mut *refers)
        .await?;
    sqlx::query("update chat.whatsapp_apps set refused_count = 1 where id = $1")
        .bind(app)
        .execute(&mut *writes)
        .await?;
    let tells = async |nth: i64| -> Result<()> {
        // One behind the other, at the row as it was before it was written.
        scene.until_waiting(nth).await?;
        sqlx::query("select public.chat_note_webhooks($1)")
            .bind(json!([{"app": app, "refused": 1}]))
            .execute(scene.db.as_worker())
            .await?;
        Ok(())
    };
    let commits = async {
        scene.until_waiting(2).await?;
        anyhow::Ok(writes.commit().await?)
    };
    let (first, second, committed) = tokio::join!(tells(0), tells(1), commits);
    committed?;
    first?;
    second?;
    refers.rollback().await?;
    let told = scene
        .row("select refused_count from chat.whatsapp_apps")
        .await?;
    assert_eq!(told["refused_count"], 3);
    Ok(())
}

/// Ends a send with Graph's word about the token.
fn token_refused(account: Uuid, mark: Option<&str>) -> Value {
    json!({"is": "retry", "after_seconds": 300, "code": 190, "title": "Invalid OAuth access token", "details": null,
        "http": 401, "token": {"account": account, "mark": mark}})
}

#[tokio::test]
async fn lesson_33_a_refused_token_holds_the_queue_until_there_is_another() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let use_token = async |mark: &str| -> Result<bool> {
        Ok(
            sqlx::query_scalar("select public.chat_token_in_use($1, $2)")
                .bind(scene.number.account)
                .bind(mark)
                .fetch_one(scene.db.as_worker())
                .await?,
        )
    };
    assert!(use_token("old").await?);
    let conversation = scene.visit(ZOE).await?;
    let answer = scene.answer(eve, &conversation, "On its way").await?;
    let attempt = scene.begin_send().await?;
    scene
        .end_send(&attempt, token_refused(scene.number.account, Some("old")))
        .await?;
    assert!(scene.claim_send().await.is_err(), "it waits");
    assert_eq!(
        scene.message_now(&answer).await?["delivery_state"],
        "sending"
    );
    let number = scene.row("select id from chat.whatsapp_numbers").await?;
    let health = format!("chat_whatsapp_health('{}')", number["id"].as_str().unwrap());
    let seen = scene.ask(eve, &health).await?;
    assert_eq!(seen["state"], "auth_failed");
    assert_eq!(seen["auth"]["error"]["code"], 190);
    assert_eq!(seen["queue"]["waiting"], 1);
    assert_eq!(seen["last_error"]["code"], 190);
    scene.visit(YUKI).await?;
    assert_eq!(
        scene
            .count("chat.events where name = 'chat.whatsapp.auth_failed'")
            .await?,
        1
    );

    assert!(
        !use_token("old").await?,
        "a restart with the same token changes nothing"
    );
    assert!(scene.claim_send().await.is_err());
    assert!(use_token("new").await?);
    let job = scene.claim_send().await?;
    assert_eq!(job.tries, 1, "the wait is not held against it");
    assert_eq!(scene.begin(&job).await?["go"], true);
    assert_eq!(
        scene
            .count("chat.events where name = 'chat.whatsapp.auth_restored'")
            .await?,
        1
    );
    assert_eq!(scene.ask(eve, &health).await?["state"], "connected");
    Ok(())
}

/// Both change the account and the number.
#[tokio::test]
async fn a_token_is_replaced_while_a_send_says_that_it_is_refused() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let conversation = scene.visit(ZOE).await?;
    scene.answer(eve, &conversation, "On its way").await?;
    let attempt = scene.begin_send().await?;
    let key = scene.publish_key(KEY).await?;
    let save = format!(
        "chat_save_whatsapp_number('{}', '{}', '{}', '{}')",
        scene.site.id,
        scene.number.phone_number_id,
        scene.number.waba_id,
        Scene::sealed(&key)
    );
    let mut holds = scene.db.owner().begin().await?;
    holds
        .execute("select from chat.whatsapp_accounts for no key update")
        .await?;
    let (saved, ended, let_go) = tokio::join!(
        scene.ask(eve, &save),
        async {
            scene.until_waiting(1).await?;
            let refused = token_refused(scene.number.account, None);
            scene.end_send(&attempt, refused).await
        },
        async {
            scene.until_waiting(2).await?;
            anyhow::Ok(holds.commit().await?)
        },
    );
    let_go?;
    saved?;
    ended?;
    assert_eq!(
        scene.count("chat.pauses").await?,
        0,
        "it was said of the token before"
    );
    Ok(())
}

#[tokio::test]
async fn lesson_34_a_refusal_of_an_older_token_or_without_a_word_on_it_stops_nothing() -> Result<()>
{
    let (scene, eve) = with_admin().await?;
    let conversation = scene.visit(ZOE).await?;
    scene.answer(eve, &conversation, "On its way").await?;
    let attempt = scene.begin_send().await?;
    scene
        .end_send(&attempt, token_refused(scene.number.account, Some("older")))
        .await?;
    assert_eq!(
        scene.count("chat.pauses").await?,
        0,
        "it was said of another token"
    );
    scene.pauses_end().await?;
    let attempt = scene.begin_send().await?;
    let away = json!({"is": "retry", "after_seconds": 300, "code": null, "title": "HTTP 401", "details": null, "http": 401});
    scene.end_send(&attempt, away).await?;
    assert_eq!(
        scene
            .count("chat.whatsapp_accounts where auth_failed_at is not null")
            .await?,
        0
    );
    scene.pauses_end().await?;
    let attempt = scene.begin_send().await?;
    scene.end_send(&attempt, accepted("wamid.out")).await?;
    Ok(())
}

#[tokio::test]
async fn a_refused_token_stops_its_account_only_and_a_good_test_ends_it() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let saved = scene.connect(eve).await?;
    scene.confirm_second(json!({"id": SECOND})).await?;
    let conversation = scene.visit(ZOE).await?;
    scene.answer(eve, &conversation, "On its way").await?;
    let mark = scene
        .row("select token_mark from chat.whatsapp_accounts where waba_id = '77'")
        .await?;
    let refused: bool = sqlx::query_scalar("select chat.token_refused($1::uuid, $2, '{}')")
        .bind(saved["account"].as_str())
        .bind(mark["token_mark"].as_str())
        .fetch_one(scene.db.owner())
        .await?;
    assert!(refused);
    scene.claim_send().await?;
    let list = format!("chat_whatsapp_numbers('{}')", scene.site.id);
    assert_eq!(scene.ask(eve, &list).await?[1]["state"], "auth_failed");
    sqlx::query("select public.chat_note_number_test($1::uuid, '{\"ok\": true}')")
        .bind(saved["number"].as_str())
        .execute(scene.db.as_worker())
        .await?;
    assert_eq!(scene.ask(eve, &list).await?[1]["state"], "connected");
    assert_eq!(scene.count("chat.pauses").await?, 0);
    // So does another token.
    sqlx::query("select chat.token_refused($1::uuid, $2, '{}')")
        .bind(saved["account"].as_str())
        .bind(mark["token_mark"].as_str())
        .execute(scene.db.owner())
        .await?;
    scene.connect(eve).await?;
    assert_eq!(scene.ask(eve, &list).await?[1]["state"], "connected");
    Ok(())
}
