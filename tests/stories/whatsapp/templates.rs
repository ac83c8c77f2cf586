//! Templates as they are known: fetched page by page, changed at once by what Meta tells, and shown to who picks one.

use anyhow::Result;
use pg_chat_tests::{Agent, Refusal};
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use crate::scene::{Scene, id, only};

/// A template as the worker hands it on.
pub fn template(name: &str, components: Value) -> Value {
    json!({"meta_id": "77", "name": name, "language": "en_US", "category": "UTILITY", "status": "APPROVED",
        "quality": "GREEN", "parameter_format": "POSITIONAL", "components": components, "rejected_reason": null})
}

pub fn body(text: &str) -> Value {
    json!([{"type": "BODY", "text": text}])
}

impl Scene {
    /// Begins a pass of a job; its id.
    async fn begin_pass(&self, job: i64) -> Result<Value> {
        Ok(
            sqlx::query_scalar("select public.chat_begin_template_sync($1, $2)")
                .bind(self.number.account)
                .bind(job)
                .fetch_one(self.db.as_worker())
                .await?,
        )
    }

    /// Hands in one page; what the database answered.
    async fn hand_in(&self, pass: &Value, templates: Value, after: Option<&str>) -> Result<Value> {
        Ok(sqlx::query_scalar(
            "select public.chat_store_templates($1, ($2 ->> 'pass')::uuid, $3, $4)",
        )
        .bind(self.number.account)
        .bind(pass)
        .bind(Json(templates))
        .bind(after)
        .fetch_one(self.db.as_worker())
        .await?)
    }

    /// The account has exactly these.
    pub async fn has_templates(&self, templates: Value) -> Result<()> {
        let pass = self.begin_pass(1).await?;
        self.hand_in(&pass, templates, None).await?;
        Ok(())
    }

    async fn names(&self) -> Result<Vec<Value>> {
        let rows = self
            .rows("select name from chat.whatsapp_templates order by name")
            .await?;
        Ok(rows.into_iter().map(|row| row["name"].clone()).collect())
    }

    pub async fn template(&self, name: &str) -> Result<Value> {
        self.row(&format!(
            "select * from chat.whatsapp_templates where name = '{name}'"
        ))
        .await
    }

    /// Meta tells something about the account.
    async fn tell(&self, field: &str, at: i64, value: Value) -> Result<Value> {
        self.take(&json!({"object": "whatsapp_business_account", "entry": [{"id": self.number.waba_id, "time": at,
            "changes": [{"field": field, "value": value}]}]}))
            .await
    }

    pub async fn send_template(
        &self,
        agent: Agent,
        conversation: &Value,
        rest: &str,
    ) -> Result<Vec<Value>, sqlx::Error> {
        self.as_agent(
            agent,
            &format!(
                "select * from chat_send_template({}, {rest})",
                id(conversation)
            ),
        )
        .await
    }
}

/// SQLSTATE, code and words of a refusal that also names a way out.
pub fn refused<T>(answer: Result<T, sqlx::Error>) -> (String, String, String) {
    let refusal = Refusal::expect(answer);
    assert!(
        refusal.hint.is_some(),
        "a refusal says what to do: {refusal:?}"
    );
    (
        refusal.sqlstate,
        refusal.detail.unwrap_or_default(),
        refusal.message,
    )
}

#[tokio::test]
async fn lesson_44_a_second_page_adds_and_only_a_complete_pass_takes_away() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .has_templates(json!([
            template("gone", body("x")),
            template("hello", body("Hi"))
        ]))
        .await?;
    let pass = scene.begin_pass(2).await?;
    assert_eq!(pass["after"], json!(null));
    let first = scene
        .hand_in(
            &pass,
            json!([
                template("hello", body("Hello")),
                template("news", body("News"))
            ]),
            Some("p2"),
        )
        .await?;
    assert_eq!(first, json!({"state": "stored", "removed": 0}));
    assert_eq!(
        scene.names().await?,
        ["gone", "hello", "news"],
        "the pass is not over"
    );
    assert_eq!(scene.template("hello").await?["components"], body("Hello"));
    // The worker died; the same job goes on after the page that was stored.
    let again = scene.begin_pass(2).await?;
    assert_eq!(again, json!({"pass": pass["pass"], "after": "p2"}));
    let last = scene
        .hand_in(&again, json!([template("offer", body("Offer"))]), None)
        .await?;
    assert_eq!(last, json!({"state": "stored", "removed": 1}));
    assert_eq!(scene.names().await?, ["hello", "news", "offer"]);
    Ok(())
}

#[tokio::test]
async fn of_two_passes_the_later_counts() -> Result<()> {
    let scene = Scene::open().await?;
    let old = scene.begin_pass(1).await?;
    let new = scene.begin_pass(2).await?;
    assert_ne!(old["pass"], new["pass"]);
    scene
        .hand_in(&new, json!([template("hello", body("Hi"))]), None)
        .await?;
    let stale = scene
        .hand_in(&old, json!([template("old", body("Hi"))]), None)
        .await?;
    assert_eq!(stale, json!({"state": "stale", "removed": 0}));
    assert_eq!(scene.names().await?, ["hello"]);
    let gone: Value = sqlx::query_scalar("select public.chat_begin_template_sync($1, 1)")
        .bind(Uuid::nil())
        .fetch_one(scene.db.as_worker())
        .await?;
    assert_eq!(gone["pass"], json!(null));
    Ok(())
}

#[tokio::test]
async fn templates_are_looked_at_when_a_number_is_new_once_a_day_and_when_asked() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    assert_eq!(
        scene.tick().await?["templates"],
        0,
        "it was looked at today"
    );
    scene.as_owner("delete from chat.template_syncs").await?;
    assert_eq!(scene.tick().await?["templates"], 1, "a number that is new");
    assert_eq!(scene.tick().await?["templates"], 0);
    let job = scene.claim(1).await?.remove(0);
    assert_eq!(job.kind, "whatsapp.sync_templates");
    assert_eq!(
        only(&job.payload, "account_id waba_id site_id graph_version"),
        json!({"account_id": scene.number.account, "waba_id": scene.number.waba_id, "site_id": scene.site.id,
            "graph_version": "v26.0"})
    );
    scene.end(&job, json!({"is": "done"})).await?;
    scene
        .as_owner("update chat.template_syncs set due_at = now() - interval '1 second'")
        .await?;
    assert_eq!(scene.tick().await?["templates"], 1, "a day later");

    let ask = format!(
        "select chat_sync_whatsapp_templates('{}') as asked",
        scene.site.id
    );
    let refusal = refused(scene.as_agent(ada, &ask).await);
    assert_eq!(
        (refusal.0.as_str(), refusal.1.as_str()),
        ("PT403", "chat/not_allowed")
    );
    let boss = scene
        .site
        .agent(
            "Eve",
            pg_chat_tests::AgentIs {
                role: "admin",
                ..Default::default()
            },
        )
        .await?;
    let asked = scene.as_agent(boss, &ask).await?.remove(0);
    assert_eq!(asked["asked"]["asked"], 1);
    let nothing = format!(
        "select chat_sync_whatsapp_templates('{}', '{}')",
        scene.site.id,
        Uuid::nil()
    );
    assert_eq!(
        refused(scene.as_agent(boss, &nothing).await).1,
        "chat/no_such_number"
    );
    Ok(())
}

#[tokio::test]
async fn lesson_45_what_meta_tells_of_a_template_counts_at_once() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .has_templates(json!([template("hello", body("Hi"))]))
        .await?;
    let about = |more: Value| {
        let mut value = json!({"message_template_id": 77, "message_template_name": "hello", "message_template_language": "en-US"});
        value
            .as_object_mut()
            .unwrap()
            .extend(more.as_object().unwrap().clone());
        value
    };
    let paused = about(json!({"event": "PAUSED", "other_info": {"title": "FIRST_PAUSE"}}));
    assert_eq!(
        scene
            .tell("message_template_status_update", 2_000, paused.clone())
            .await?["stored"],
        1
    );
    assert_eq!(
        only(&scene.template("hello").await?, "status note"),
        json!({"status": "PAUSED", "note": "FIRST_PAUSE"})
    );
    assert_eq!(
        scene
            .tell("message_template_status_update", 2_000, paused)
            .await?["duplicate"],
        1,
        "Meta delivers twice"
    );
    // An older word that comes late changes nothing; it is kept.
    let late = about(json!({"event": "APPROVED"}));
    assert_eq!(
        scene
            .tell("message_template_status_update", 1_000, late.clone())
            .await?["stored"],
        1
    );
    assert_eq!(scene.template("hello").await?["status"], "PAUSED");
    scene
        .tell("message_template_status_update", 3_000, late)
        .await?;
    assert_eq!(scene.template("hello").await?["status"], "APPROVED");
    scene
        .tell(
            "message_template_quality_update",
            3_000,
            about(json!({"new_quality_score": "RED"})),
        )
        .await?;
    scene
        .tell(
            "template_category_update",
            3_000,
            about(json!({"new_category": "UTILITY", "correct_category": "MARKETING"})),
        )
        .await?;
    let now = scene.template("hello").await?;
    assert_eq!(
        only(&now, "quality category next_category"),
        json!({"quality": "RED", "category": "UTILITY", "next_category": "MARKETING"})
    );
    scene
        .tell(
            "message_template_components_update",
            3_000,
            about(json!({"message_template_element": "Hello {{1}}"})),
        )
        .await?;
    assert_eq!(
        scene.template("hello").await?["components"],
        body("Hello {{1}}")
    );
    assert_eq!(
        scene
            .count("chat.events where name = 'chat.whatsapp.template_changed'")
            .await?,
        5
    );
    assert_eq!(scene.count("chat.dead_letters").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_page_that_was_on_its_way_does_not_undo_what_meta_told_meanwhile() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .has_templates(json!([template("hello", body("Hi"))]))
        .await?;
    let pass = scene.begin_pass(2).await?;
    let told = json!({"event": "DISABLED", "message_template_name": "hello", "message_template_language": "en_US"});
    scene
        .tell("message_template_status_update", 2_000, told)
        .await?;
    scene
        .hand_in(&pass, json!([template("hello", body("Hi"))]), None)
        .await?;
    assert_eq!(scene.template("hello").await?["status"], "DISABLED");
    scene
        .has_templates(json!([template("hello", body("Hi"))]))
        .await?;
    assert_eq!(
        scene.template("hello").await?["status"],
        "APPROVED",
        "the next pass began later"
    );
    Ok(())
}

#[tokio::test]
async fn a_template_nobody_has_seen_is_fetched() -> Result<()> {
    let scene = Scene::open().await?;
    let told = json!({"event": "APPROVED", "message_template_name": "brand_new", "message_template_language": "en_US"});
    assert_eq!(
        scene
            .tell("message_template_status_update", 2_000, told)
            .await?["stored"],
        1
    );
    assert_eq!(scene.names().await?, Vec::<Value>::new());
    assert_eq!(scene.tick().await?["templates"], 1);
    Ok(())
}

#[tokio::test]
async fn an_account_of_somebody_else_is_told_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    scene
        .has_templates(json!([template("hello", body("Hi"))]))
        .await?;
    // Another site names the same account, but no number of it was ever confirmed with its token.
    let thief = pg_chat_tests::Site::make(&scene.db).await?;
    scene
        .as_owner(&format!(
            "insert into chat.whatsapp_accounts (site_id, app_id, waba_id) values ('{}', '{}', '{}')",
            thief.id, scene.number.app, scene.number.waba_id
        ))
        .await?;
    let told = json!({"event": "DISABLED", "message_template_name": "hello", "message_template_language": "en_US"});
    scene
        .tell("message_template_status_update", 2_000, told.clone())
        .await?;
    assert_eq!(
        scene
            .count(&format!(
                "chat.whatsapp_told where site_id = '{}'",
                thief.id
            ))
            .await?,
        0
    );
    let elsewhere = json!({"object": "whatsapp_business_account", "entry": [{"id": "1", "time": 5,
        "changes": [{"field": "message_template_status_update", "value": told}]}]});
    assert_eq!(scene.take(&elsewhere).await?["dead"], 1);
    assert_eq!(
        scene.row("select reason from chat.dead_letters").await?["reason"],
        "unknown_account"
    );
    Ok(())
}

#[tokio::test]
async fn a_picker_shows_what_a_template_wants_and_why_one_cannot_be_sent() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let offer = json!([
        {"type": "HEADER", "format": "IMAGE"},
        {"type": "BODY", "text": "Hi {{1}}, {{2}} off", "example": {"body_text": [["Ann", "10 %"]]}},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "Shop", "url": "https://x.example/{{1}}"}]}]);
    let mut rejected = template("refused", body("Buy!"));
    rejected["status"] = json!("REJECTED");
    rejected["rejected_reason"] = json!("PROMOTIONAL");
    scene
        .has_templates(json!([
            template("offer", offer),
            rejected,
            template("wheel", json!([{"type": "CAROUSEL"}]))
        ]))
        .await?;
    let site = scene.site.id;
    let listed = scene
        .as_agent(ada, &format!("select t from chat_templates('{site}') t"))
        .await?;
    let listed: Vec<Value> = listed.into_iter().map(|row| row["t"].clone()).collect();
    assert_eq!(
        only(&listed[0], "name language status sendable why_not preview"),
        json!({"name": "offer", "language": "en_US", "status": "APPROVED", "sendable": true, "why_not": null,
            "preview": "[image]\nHi Ann, 10 % off\n[Shop]"})
    );
    let places: Vec<_> = listed[0]["parameters"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["where"].clone())
        .collect();
    assert_eq!(places, ["header", "body {{1}}", "body {{2}}", "button 1"]);
    assert_eq!(
        listed[1]["why_not"],
        "WhatsApp rejected this template (PROMOTIONAL)"
    );
    assert_eq!(
        listed[2]["why_not"],
        "it has a carousel without cards, which cannot be filled from here"
    );
    for (filters, names) in [
        (json!({"sendable": true}), vec!["offer"]),
        (json!({"status": "rejected"}), vec!["refused"]),
        (json!({"search": "10 %"}), vec!["offer"]),
        (
            json!({"number": scene.number.phone_number_id, "category": "utility", "language": "en-US"}),
            vec!["offer", "refused", "wheel"],
        ),
        (json!({"number": "another"}), vec![]),
    ] {
        let listed = scene
            .as_agent(
                ada,
                &format!(
                    "select t ->> 'name' as name from chat_templates('{site}', '{filters}') t"
                ),
            )
            .await?;
        let found: Vec<_> = listed
            .iter()
            .map(|row| row["name"].as_str().unwrap())
            .collect();
        assert_eq!(found, names, "{filters}");
    }
    let wrong = scene
        .as_agent(
            ada,
            &format!("select chat_templates('{site}', '{{\"shoe\": 1}}')"),
        )
        .await;
    assert_eq!(refused(wrong).1, "chat/bad_filter");

    let preview = |parameters: Value| {
        format!("select chat_preview_template('{site}', 'offer', 'en_US', '{parameters}') as p")
    };
    let half = scene
        .as_agent(ada, &preview(json!({"body": ["Zoe"]})))
        .await?
        .remove(0);
    let missing: Vec<_> = half["p"]["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|p| p["where"].clone())
        .collect();
    assert_eq!(missing, ["header", "body {{2}}", "button 1"]);
    let full = json!({"header": {"id": "9"}, "body": ["Zoe", "20 %"], "buttons": ["z"]});
    let full = scene.as_agent(ada, &preview(full)).await?.remove(0);
    assert_eq!(full["p"]["preview"], "[image]\nHi Zoe, 20 % off\n[Shop]");
    Ok(())
}
