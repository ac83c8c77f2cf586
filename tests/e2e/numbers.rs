//! A number that a person connected: app and account come out of the database, opened with the worker's key.

use std::io::Write as _;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use local_stack::graph::{App, Number as GraphNumber, Token, signature, wire};
use pg_chat_tests::webhook::{body_of_messages, text};
use pg_chat_tests::{AgentIs, Number, Site, environment, http_client, wait_until};
use serde_json::Value;

use crate::stage::Stage;

/// Meta's ids and secrets of the second app, account and number.
const NUMBER: &str = "206540352242999";
const WABA: &str = "2077";
const APP: &str = "2002";
const APP_SECRET: &str = "secret-of-the-saved-app";
const TOKEN: &str = "access-token-of-the-saved-account";
/// Two private keys.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const NEW_KEY: &str = "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg=";

/// Runs the worker's program with a secret on its standard input; what it said.
async fn worker(arguments: &[&str], settings: &[(&str, &str)], input: &str) -> Result<String> {
    let mut command = Command::new(environment().programs.join("worker"));
    command
        .args(arguments)
        .env_clear()
        .envs(settings.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    let input = input.to_owned();
    let output = tokio::task::spawn_blocking(move || -> Result<_> {
        let mut child = command.spawn()?;
        child
            .stdin
            .take()
            .context("it has an input")?
            .write_all(input.as_bytes())?;
        Ok(child.wait_with_output()?)
    })
    .await??;
    ensure!(output.status.success(), "it ended with {}", output.status);
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

async fn sealed(key: &str, secret: &str) -> Result<String> {
    worker(
        &["seal"],
        &[("CHAT_SECRETS_PRIVATE_KEY", key)],
        &format!("{secret}\n"),
    )
    .await
}

/// A second site with an admin, and what they saved.
struct Saved {
    stage: Stage,
    site: Site,
    admin: pg_chat_tests::Agent,
    answer: Value,
    number: Number,
}

impl Saved {
    async fn open() -> Result<Self> {
        let stage = Stage::open_with(&[("CHAT_SECRETS_PRIVATE_KEY", KEY)]).await?;
        let site = Site::make(&stage.db).await?;
        let admin = AgentIs {
            role: "admin",
            ..AgentIs::default()
        };
        let admin = site.agent("Eve", admin).await?;
        stage.meta().add_app(App {
            app_id: APP.to_owned(),
            app_secret: APP_SECRET.into(),
            webhook_url: stage.worker.url("/webhooks/whatsapp"),
        });
        stage
            .meta()
            .add_number(GraphNumber::new(NUMBER, WABA, "+1 555-010-0009"));
        stage.meta().add_token(Token::new(TOKEN, APP));
        let answer = save(&stage, &site, admin, TOKEN).await?;
        wait_until("Graph has confirmed the saved number", async || {
            let confirmed = stage.db.count(&format!(
                "chat.whatsapp_numbers where phone_number_id = '{NUMBER}' and confirmed_at is not null"
            )).await?;
            Ok((confirmed == 1).then_some(()))
        })
        .await?;
        let id = |name: &str| -> Result<uuid::Uuid> {
            Ok(serde_json::from_value(answer[name].clone())?)
        };
        let number = Number {
            phone_number_id: NUMBER.to_owned(),
            waba_id: WABA.to_owned(),
            app: id("app")?,
            account: id("account")?,
        };
        Ok(Self {
            stage,
            site,
            admin,
            answer,
            number,
        })
    }

    /// Posts a text to the number, signed by a secret, at one of the worker's paths.
    async fn post(&self, path: &str, secret: &str, wamid: &str) -> Result<u16> {
        let body = wire(&body_of_messages(
            &self.number,
            &[text("15550100077", wamid, "Hello")],
        ));
        let answer = http_client()
            .post(self.stage.worker.url(path))
            .header("x-hub-signature-256", signature(secret, &body))
            .body(body)
            .send()
            .await?;
        Ok(answer.status().as_u16())
    }

    async fn ask(&self, call: &str) -> Result<Value> {
        let rows = self
            .stage
            .db
            .desk(self.admin)
            .rows(&format!("select {call} as answer"))
            .await?;
        Ok(rows[0]["answer"].clone())
    }

    fn number_id(&self) -> &str {
        self.answer["number"].as_str().unwrap_or_default()
    }
}

async fn save(
    stage: &Stage,
    site: &Site,
    admin: pg_chat_tests::Agent,
    token: &str,
) -> Result<Value> {
    let (token, secret) = (sealed(KEY, token).await?, sealed(KEY, APP_SECRET).await?);
    let call = format!(
        "select chat_save_whatsapp_number('{}', '{NUMBER}', '{WABA}', '{token}', '{secret}', '{APP}') as answer",
        site.id
    );
    Ok(stage.db.desk(admin).rows(&call).await?[0]["answer"].clone())
}

#[tokio::test]
async fn lesson_18_a_saved_number_receives_at_its_apps_address_and_at_that_of_all() -> Result<()> {
    let saved = Saved::open().await?;
    let own = saved.answer["callback_path"]
        .as_str()
        .context("it has an address")?
        .to_owned();
    assert_eq!(
        saved
            .post("/webhooks/whatsapp", APP_SECRET, "wamid.a")
            .await?,
        200
    );
    assert_eq!(saved.post(&own, APP_SECRET, "wamid.b").await?, 200);
    assert_eq!(
        saved
            .post(&own, pg_chat_tests::graph::APP_SECRET, "wamid.c")
            .await?,
        401,
        "signed by another app"
    );
    assert_eq!(
        saved
            .post("/webhooks/whatsapp/environment", APP_SECRET, "wamid.d")
            .await?,
        401
    );
    assert_eq!(
        saved
            .post("/webhooks/whatsapp/nobody", APP_SECRET, "wamid.e")
            .await?,
        401
    );
    assert_eq!(saved.stage.db.count("mod_chat_messages").await?, 2);
    let verify = saved.answer["verify_token"]
        .as_str()
        .context("it is shown")?;
    for (path, token, expected) in [
        (own.as_str(), verify, 200),
        ("/api/webhooks/whatsapp", verify, 200),
        (own.as_str(), pg_chat_tests::graph::VERIFY_TOKEN, 403),
    ] {
        let asked = format!("{path}?hub.mode=subscribe&hub.challenge=42&hub.verify_token={token}");
        assert_eq!(
            saved.stage.get(&asked).await?.status().as_u16(),
            expected,
            "{path}"
        );
    }
    let health = format!("chat_whatsapp_health('{}')", saved.number_id());
    let webhooks = wait_until("the database was told when webhooks came", async || {
        let webhooks = saved.ask(&health).await?["webhooks"].clone();
        Ok(
            (webhooks["refused"].as_i64() > Some(0) && webhooks["last_at"].is_string())
                .then_some(webhooks),
        )
    })
    .await?;
    assert_eq!(webhooks["last_refused_why"], "mismatch");
    Ok(())
}

#[tokio::test]
async fn lesson_23_a_test_says_what_graph_knows_and_a_test_message_leaves_once() -> Result<()> {
    let saved = Saved::open().await?;
    saved
        .ask(&format!(
            "chat_test_whatsapp_number('{}')",
            saved.number_id()
        ))
        .await?;
    let health = format!("chat_whatsapp_health('{}')", saved.number_id());
    let test = wait_until("the test is done", async || {
        let test = saved.ask(&health).await?["test"].clone();
        Ok((test["state"] == "done").then_some(test))
    })
    .await?;
    assert_eq!(test["token"]["ok"], true, "{test}");
    assert_eq!(test["number"]["quality"], "GREEN", "{test}");
    assert_eq!(test["number"]["throughput"], "STANDARD");
    assert_eq!(
        test["subscription"]["ok"], false,
        "nobody subscribed the app: {test}"
    );
    assert_eq!(test["ok"], false);
    saved
        .ask(&format!(
            "chat_send_whatsapp_test('{}', '15550100078')",
            saved.number_id()
        ))
        .await?;
    let sent = wait_until("the test message has ended", async || {
        let sent = saved.ask(&health).await?["test_send"].clone();
        Ok(matches!(sent["state"].as_str(), Some("sent" | "failed")).then_some(sent))
    })
    .await?;
    assert!(
        sent["state"] == "sent" || sent["advice"].is_string(),
        "{sent}"
    );
    Ok(())
}

#[tokio::test]
async fn lesson_33_a_token_revoked_in_the_middle_waits_for_the_next_and_then_everything_leaves()
-> Result<()> {
    let saved = Saved::open().await?;
    assert_eq!(
        saved
            .post("/webhooks/whatsapp", APP_SECRET, "wamid.a")
            .await?,
        200
    );
    let conversation: uuid::Uuid = sqlx::query_scalar(
        "select conversation_id from mod_chat_messages where whatsapp_message_id = 'wamid.a'",
    )
    .fetch_one(saved.stage.db.owner())
    .await?;
    let desk = saved.stage.db.desk(saved.admin);
    let first: uuid::Uuid =
        serde_json::from_value(desk.answer(conversation, "one").await?["id"].clone())?;
    saved.stage.once(first, "accepted").await?;
    saved.stage.meta().expire_token(TOKEN);
    let second: uuid::Uuid =
        serde_json::from_value(desk.answer(conversation, "two").await?["id"].clone())?;
    let health = format!("chat_whatsapp_health('{}')", saved.number_id());
    wait_until("the account's token has failed", async || {
        Ok((saved.ask(&health).await?["state"] == "auth_failed").then_some(()))
    })
    .await?;
    assert_eq!(
        saved
            .post("/webhooks/whatsapp", APP_SECRET, "wamid.b")
            .await?,
        200,
        "what comes in is not stopped"
    );
    saved
        .stage
        .meta()
        .add_token(Token::new("the-next-token", APP));
    save(&saved.stage, &saved.site, saved.admin, "the-next-token").await?;
    saved.stage.once(second, "accepted").await?;
    Ok(())
}

#[tokio::test]
async fn a_key_is_rotated_and_the_secrets_open_with_the_new_one() -> Result<()> {
    let mut saved = Saved::open().await?;
    let url = saved.stage.db.url("chat_worker");
    let settings = [
        ("CHAT_DATABASE_URL", url.as_str()),
        ("CHAT_SECRETS_PRIVATE_KEY", NEW_KEY),
        ("CHAT_SECRETS_OLD_PRIVATE_KEY", KEY),
    ];
    let said = worker(&["rotate-key"], &settings, "").await?;
    assert!(said.starts_with("2 secrets were sealed anew"), "{said}");
    let again = worker(&["rotate-key"], &settings, "").await?;
    assert!(again.starts_with("0 secrets"), "{again}");
    // A worker with the key of before says so, and believes nothing it cannot check.
    wait_until("the worker says that it cannot open them", async || {
        Ok(saved
            .stage
            .worker
            .log()?
            .contains("cannot be opened, so its webhooks are refused")
            .then_some(()))
    })
    .await?;
    assert_eq!(
        saved
            .post("/webhooks/whatsapp", APP_SECRET, "wamid.a")
            .await?,
        401
    );
    saved.stage.worker.stop().await?;
    saved.stage.worker.set("CHAT_SECRETS_PRIVATE_KEY", NEW_KEY);
    saved.stage.worker.restart().await?;
    assert_eq!(
        saved
            .post("/webhooks/whatsapp", APP_SECRET, "wamid.a")
            .await?,
        200
    );
    let log = saved.stage.worker.log()?;
    for secret in [APP_SECRET, TOKEN, KEY, NEW_KEY] {
        assert!(!log.contains(secret), "a secret is logged");
    }
    Ok(())
}
