//! A site connects its own numbers: app, account and number in one call, with secrets that nobody but the worker reads.

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use pg_chat_tests::{Agent, AgentIs, Refusal, Site};
use serde_json::{Value, json};
use sqlx::Executor;
use uuid::Uuid;

use crate::scene::{Scene, ZOE, only};

/// 32 bytes 7 in base64: a public key as good as any for the database, which opens nothing.
pub const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
/// Meta's id of a second number.
pub const SECOND: &str = "106540352242999";

impl Scene {
    /// A worker publishes its key; its id.
    pub async fn publish_key(&self, key: &str) -> Result<String> {
        let published: Value = sqlx::query_scalar(
            "select public.chat_publish_worker_key($1, 'https://chat.example.com/')",
        )
        .bind(key)
        .fetch_one(self.db.as_worker())
        .await?;
        Ok(serde_json::from_value(published["key_id"].clone())?)
    }

    /// Something in the shape of a secret sealed for a key.
    pub fn sealed(key_id: &str) -> String {
        let mut envelope = vec![1];
        for digits in key_id.as_bytes().chunks(2) {
            let digits = std::str::from_utf8(digits).expect("digits are ASCII");
            envelope.push(u8::from_str_radix(digits, 16).expect("a key id is hexadecimal"));
        }
        envelope.extend(Uuid::new_v4().as_bytes().repeat(5));
        STANDARD.encode(envelope)
    }

    /// One function of the API that answers one value.
    pub async fn ask(&self, agent: Agent, call: &str) -> Result<Value, sqlx::Error> {
        let rows = self
            .as_agent(agent, &format!("select {call} as answer"))
            .await?;
        Ok(rows[0]["answer"].clone())
    }

    /// Connects the second number with secrets of its own.
    pub async fn connect(&self, admin: Agent) -> Result<Value> {
        let key = self.publish_key(KEY).await?;
        let call = self.connecting(&Self::sealed(&key), &Self::sealed(&key));
        Ok(self.ask(admin, &call).await?)
    }

    pub fn connecting(&self, token: &str, secret: &str) -> String {
        format!(
            "chat_save_whatsapp_number('{}', '{SECOND}', '77', '{token}', '{secret}', '2002')",
            self.site.id
        )
    }

    /// What the worker reads.
    pub async fn secrets(&self) -> Result<Value> {
        Ok(sqlx::query_scalar("select public.chat_whatsapp_secrets()")
            .fetch_one(self.db.as_worker())
            .await?)
    }

    /// Graph answers for the second number.
    pub async fn confirm_second(&self, details: Value) -> Result<()> {
        sqlx::query(
            "select public.chat_confirm_number((select id from chat.whatsapp_numbers where phone_number_id = $1), $2)",
        )
        .bind(SECOND)
        .bind(details)
        .execute(self.db.owner())
        .await?;
        Ok(())
    }
}

pub async fn with_admin() -> Result<(Scene, Agent)> {
    let scene = Scene::open().await?;
    let admin = AgentIs {
        role: "admin",
        ..AgentIs::default()
    };
    let eve = scene.site.agent("Eve", admin).await?;
    Ok((scene, eve))
}

pub fn code(answer: Result<Value, sqlx::Error>) -> String {
    let refusal = Refusal::expect(answer);
    assert!(refusal.hint.is_some(), "{refusal:?}");
    refusal.detail.unwrap_or_default()
}

#[tokio::test]
async fn a_number_is_connected_in_one_call_and_its_verify_token_shown_once() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let saved = scene.connect(eve).await?;
    let app = saved["app"].as_str().unwrap();
    assert_eq!(
        only(&saved, "confirmed callback_path callback_url"),
        json!({
            "confirmed": false, "callback_path": format!("/webhooks/whatsapp/{app}"),
            "callback_url": format!("https://chat.example.com/webhooks/whatsapp/{app}"),
        })
    );
    let shown = saved["verify_token"].as_str().unwrap();
    assert_eq!(shown.len(), 64);
    let kept: String = sqlx::query_scalar(
        "select encode(verify_token_hash, 'hex') from chat.whatsapp_apps where id = $1::uuid",
    )
    .bind(app)
    .fetch_one(scene.db.owner())
    .await?;
    let hash: String = sqlx::query_scalar("select encode(sha256($1::bytea), 'hex')")
        .bind(shown.as_bytes())
        .fetch_one(scene.db.owner())
        .await?;
    assert_eq!(kept, hash, "only its hash is kept");

    let again = format!(
        "chat_save_whatsapp_number('{}', '{SECOND}', '77')",
        scene.site.id
    );
    let again = scene.ask(eve, &again).await?;
    assert_eq!(again["verify_token"], Value::Null, "it is shown once");
    assert_eq!(again["number"], saved["number"]);
    let anew = format!(
        "chat_save_whatsapp_number('{}', '{SECOND}', '77', renew_verify_token => true)",
        scene.site.id
    );
    let anew = scene.ask(eve, &anew).await?;
    assert_ne!(anew["verify_token"], saved["verify_token"]);
    assert_eq!(
        scene
            .count("chat.jobs where kind = 'whatsapp.confirm_number'")
            .await?,
        1,
        "Graph has to answer for it"
    );
    Ok(())
}

#[tokio::test]
async fn what_is_not_sealed_is_refused_and_not_repeated() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let key_call = "chat_worker_key()";
    assert_eq!(code(scene.ask(eve, key_call).await), "chat/no_worker_key");
    let key = scene.publish_key(KEY).await?;
    assert_eq!(
        scene.ask(eve, key_call).await?,
        json!({"key_id": key, "public_key": KEY, "algorithm": "x25519-xsalsa20-poly1305-seal", "version": 1})
    );
    let sealed = Scene::sealed(&key);
    let open =
        "EAAGm0PX4ZCpsBAplaintokenplaintokenplaintokenplaintokenplaintokenplaintokenplaintok0";
    for unsealed in ["", "secret", open, &sealed[4..], &STANDARD.encode([1; 40])] {
        let refusal = Refusal::expect(scene.ask(eve, &scene.connecting(unsealed, &sealed)).await);
        assert_eq!(
            refusal.detail.as_deref(),
            Some("chat/not_sealed"),
            "{unsealed}"
        );
        assert!(
            unsealed.is_empty() || !refusal.message.contains(unsealed),
            "{refusal:?}"
        );
    }
    let stranger = Scene::sealed("00112233aabbccdd");
    for (token, secret) in [(&stranger, &sealed), (&sealed, &stranger)] {
        let answer = scene.ask(eve, &scene.connecting(token, secret)).await;
        assert_eq!(code(answer), "chat/unknown_worker_key");
    }
    assert_eq!(scene.count("chat.sealed_secrets").await?, 0);
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_used_is_named() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let key = scene.publish_key(KEY).await?;
    let (site, sealed) = (scene.site.id, Scene::sealed(&key));
    for (rest, expected) in [
        (
            format!("'{SECOND}', '77', '{sealed}'"),
            "chat/app_secret_missing",
        ),
        (
            format!("'{SECOND}', '77', null, '{sealed}'"),
            "chat/access_token_missing",
        ),
        (
            format!("'+1 555', '77', '{sealed}', '{sealed}'"),
            "chat/bad_meta_id",
        ),
        (
            format!("'{SECOND}', '77', '{sealed}', '{sealed}', graph_version => '26'"),
            "chat/bad_graph_version",
        ),
        (
            format!("'{SECOND}', '77', '{sealed}', '{sealed}', unknown_policy => 'x'"),
            "chat/bad_unknown_policy",
        ),
    ] {
        let call = format!("chat_save_whatsapp_number('{site}', {rest})");
        assert_eq!(code(scene.ask(eve, &call).await), expected, "{rest}");
    }
    let rival = Site::make(&scene.db).await?;
    let taken = rival.number(&scene.db, SECOND).await?;
    let call = scene.connecting(&sealed, &sealed);
    assert_eq!(code(scene.ask(eve, &call).await), "chat/number_taken");
    drop(taken);
    Ok(())
}

#[tokio::test]
async fn nobody_but_the_worker_reads_secrets_and_no_list_shows_them() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let saved = scene.connect(eve).await?;
    let secrets = scene.secrets().await?;
    let (secret, token) = (&secrets["apps"][0]["secret"], {
        let accounts = secrets["accounts"].as_array().unwrap();
        accounts
            .iter()
            .find(|one| one["id"] == saved["account"])
            .unwrap()["token"]
            .clone()
    });
    assert!(secret.is_string() && token.is_string());
    let number = saved["number"].as_str().unwrap();
    for call in [
        format!("chat_whatsapp_numbers('{}')", scene.site.id),
        format!("chat_whatsapp_health('{number}')"),
    ] {
        let shown = scene.ask(eve, &call).await?.to_string();
        for hidden in [secret, &token, &saved["verify_token"]] {
            assert!(!shown.contains(hidden.as_str().unwrap()), "{call}");
        }
    }
    let known: Value = sqlx::query_scalar("select public.chat_whatsapp_secrets($1)")
        .bind(secrets["version"].as_str())
        .fetch_one(scene.db.as_worker())
        .await?;
    assert_eq!(
        known,
        json!({"version": secrets["version"]}),
        "nothing is new"
    );
    Ok(())
}

#[tokio::test]
async fn numbers_are_listed_with_their_state() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    scene.connect(eve).await?;
    let list = format!("chat_whatsapp_numbers('{}')", scene.site.id);
    let listed = scene.ask(eve, &list).await?;
    let words = "phone_number_id state is_default is_configured has_access_token has_app_secret";
    assert_eq!(
        [only(&listed[0], words), only(&listed[1], words)],
        [
            json!({"phone_number_id": scene.number.phone_number_id, "state": "connected", "is_default": true,
                "is_configured": true, "has_access_token": false, "has_app_secret": true}),
            json!({"phone_number_id": SECOND, "state": "unconfirmed", "is_default": false,
                "is_configured": false, "has_access_token": true, "has_app_secret": true}),
        ]
    );
    scene.confirm_second(json!({"id": SECOND})).await?;
    let make_default = format!(
        "chat_save_whatsapp_number('{}', '{SECOND}', '77', is_default => true)",
        scene.site.id
    );
    scene.ask(eve, &make_default).await?;
    let listed = scene.ask(eve, &list).await?;
    assert_eq!(
        only(&listed[0], "state is_default"),
        json!({"state": "connected", "is_default": false})
    );
    assert_eq!(
        only(&listed[1], "state is_default"),
        json!({"state": "connected", "is_default": true})
    );
    Ok(())
}

#[tokio::test]
async fn what_a_worker_is_configured_with_does_not_undo_what_people_saved() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let saved = scene.connect(eve).await?;
    let known: Value = sqlx::query_scalar(
        "select public.chat_register_whatsapp('environment', $1, '77', $2, 'v25.0', '1001')",
    )
    .bind(scene.site.id)
    .bind(SECOND)
    .fetch_one(scene.db.as_worker())
    .await?;
    assert_eq!(known["account"], saved["account"]);
    let account = scene
        .row("select * from chat.whatsapp_accounts where waba_id = '77'")
        .await?;
    assert_eq!(
        only(&account, "app_id graph_version"),
        json!({"app_id": saved["app"], "graph_version": "v26.0"})
    );
    Ok(())
}

#[tokio::test]
async fn a_number_that_moves_to_another_account_is_asked_for_again() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    scene.connect(eve).await?;
    scene.confirm_second(json!({"id": SECOND})).await?;
    let key = scene.publish_key(KEY).await?;
    let moved = format!(
        "chat_save_whatsapp_number('{}', '{SECOND}', '78', '{}', meta_app_id => '2002')",
        scene.site.id,
        Scene::sealed(&key)
    );
    assert_eq!(scene.ask(eve, &moved).await?["confirmed"], false);
    Ok(())
}

#[tokio::test]
async fn a_disconnected_number_is_wiped_and_what_waited_fails_visibly() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let conversation = scene.visit(ZOE).await?;
    let answer = scene.answer(eve, &conversation, "On its way").await?;
    let number = scene.row("select id from chat.whatsapp_numbers").await?;
    let disconnect = |number: &Value| {
        format!(
            "chat_disconnect_whatsapp_number('{}')",
            number.as_str().unwrap()
        )
    };
    let gone = scene.ask(eve, &disconnect(&number["id"])).await?;
    assert_eq!(
        only(&gone, "disconnected failing"),
        json!({"disconnected": true, "failing": 1})
    );
    let job = scene.claim_send().await?;
    assert_eq!(scene.begin(&job).await?["state"], "failed");
    let failed = scene.message_now(&answer).await?;
    assert_eq!(failed["delivery_state"], "failed");
    assert_eq!(
        failed["metadata"]["error"]["title"],
        "The WhatsApp number is not connected"
    );
    assert_eq!(
        scene.hear_text(ZOE, "wamid.late", "Hello?").await?["dead"],
        1
    );
    assert_eq!(
        scene.message(&format!("wamid.visit.{ZOE}")).await?["content"],
        "Hello",
        "history stays"
    );
    // Neither a worker's start nor a settings page connects it again.
    scene
        .as_owner(&format!(
            "insert into mod_chat_widget_settings (site_id, whatsapp_enabled, whatsapp_phone_number_id)
            values ('{}', true, '{}')",
            scene.site.id, scene.number.phone_number_id
        ))
        .await?;
    assert_eq!(
        scene
            .count("chat.jobs where kind = 'whatsapp.confirm_number'")
            .await?,
        0
    );

    let saved = scene.connect(eve).await?;
    let gone = scene.ask(eve, &disconnect(&saved["number"])).await?;
    assert_eq!(gone["app_wiped"], true);
    assert_eq!(scene.count("chat.sealed_secrets").await?, 0);
    assert_eq!(
        scene
            .count("chat.whatsapp_apps where verify_token_hash is not null")
            .await?,
        0
    );
    let test = format!(
        "chat_test_whatsapp_number('{}')",
        saved["number"].as_str().unwrap()
    );
    assert_eq!(
        code(scene.ask(eve, &test).await),
        "chat/number_not_connected"
    );
    let without = format!(
        "chat_save_whatsapp_number('{}', '{SECOND}', '77')",
        scene.site.id
    );
    assert_eq!(
        code(scene.ask(eve, &without).await),
        "chat/app_secret_missing"
    );
    assert_eq!(
        scene.connect(eve).await?["number"],
        saved["number"],
        "it can be connected again"
    );
    Ok(())
}

/// A resume waits for lanes, and whoever saves a token enqueues a job and ends pauses.
#[tokio::test]
async fn a_token_is_saved_while_a_pause_ends() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    scene.connect(eve).await?;
    scene.psql("chat.pause(kind => 'whatsapp')").await?;
    let mut before = scene.db.owner().begin().await?;
    before.execute("select chat.pause(kind => 'crm')").await?;
    // The resume is the next, and the lane that it wants is the one of the job that the save enqueues.
    let (resumed, saved, let_go) = tokio::join!(
        scene.psql("chat.resume(kind => 'whatsapp')"),
        async {
            scene.until_waiting(1).await?;
            scene.connect(eve).await
        },
        async {
            scene.until_waiting(2).await?;
            anyhow::Ok(before.commit().await?)
        },
    );
    let_go?;
    assert_eq!(resumed?, 1);
    saved?;
    Ok(())
}

/// Both need the app, the account and the number.
#[tokio::test]
async fn of_a_save_and_a_disconnecting_at_once_one_comes_after_the_other() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let saved = scene.connect(eve).await?;
    let mut holds = scene.db.owner().begin().await?;
    holds
        .execute("select from chat.whatsapp_accounts where waba_id = '77' for no key update")
        .await?;
    let disconnect = format!(
        "chat_disconnect_whatsapp_number('{}')",
        saved["number"].as_str().unwrap()
    );
    // The save has the app and waits for the account; the disconnecting must not have the number by then.
    let (again, gone, let_go) = tokio::join!(
        scene.connect(eve),
        async {
            scene.until_waiting(1).await?;
            anyhow::Ok(scene.ask(eve, &disconnect).await?)
        },
        async {
            scene.until_waiting(2).await?;
            anyhow::Ok(holds.commit().await?)
        },
    );
    let_go?;
    again?;
    assert_eq!(gone?["disconnected"], true);
    Ok(())
}

#[tokio::test]
async fn a_site_shares_an_app_only_where_somebody_manages_both() -> Result<()> {
    let (scene, eve) = with_admin().await?;
    let saved = scene.connect(eve).await?;
    let other = Site::make(&scene.db).await?;
    let admin = AgentIs {
        role: "admin",
        ..AgentIs::default()
    };
    let mallory = other.agent("Mallory", admin).await?;
    let key = scene.publish_key(KEY).await?;
    let token = Scene::sealed(&key);
    let join = format!(
        "chat_save_whatsapp_number('{}', '106540352242888', '88', '{token}', meta_app_id => '2002')",
        other.id
    );
    assert_eq!(
        code(scene.ask(mallory, &join).await),
        "chat/app_secret_missing"
    );
    scene
        .as_owner(&format!(
            "insert into mod_chat_agents (site_id, user_id, display_name, role) values ('{}', '{}', 'Eve', 'admin')",
            other.id, eve.user
        ))
        .await?;
    let joined = scene.ask(eve, &join).await?;
    assert_eq!(joined["app"], saved["app"]);
    let steal = join.replace(
        "meta_app_id",
        &format!("app_secret => '{token}', meta_app_id"),
    );
    assert_eq!(code(scene.ask(mallory, &steal).await), "chat/not_allowed");
    Ok(())
}
