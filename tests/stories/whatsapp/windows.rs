//! Until when one may write, what is free, who wants no marketing, and what it cost.

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs, Refusal, webhook};
use serde_json::{Value, json};

use crate::queue::accepted;
use crate::scene::{Scene, YUKI, ZOE, id, only, uuid_of};

impl Scene {
    async fn window(&self, agent: Agent, conversation: &Value) -> Result<Value, sqlx::Error> {
        let ask = format!("select chat_window({}) as said", id(conversation));
        Ok(self.as_agent(agent, &ask).await?[0]["said"].take())
    }

    /// A message of an agent that Graph has taken, and its callback data.
    async fn sent(&self, agent: Agent, conversation: &Value, wamid: &str) -> Result<String> {
        self.answer(agent, conversation, "Hello").await?;
        let attempt = self.begin_send().await?;
        self.end_send(&attempt, accepted(wamid)).await?;
        Ok(attempt.callback().to_owned())
    }

    /// Somebody writes, so many seconds ago; what was counted.
    async fn wrote(&self, wamid: &str, words: &str, seconds_ago: i64) -> Result<Value> {
        let mut text = webhook::text(ZOE, wamid, words);
        let at = jiff::Timestamp::now().as_second() - seconds_ago;
        text["timestamp"] = json!(at.to_string());
        self.hear(&[text]).await
    }

    /// What somebody said of marketing, null when nothing, and whether they may be sent some.
    async fn wish(&self, phone: &str) -> Result<Value> {
        let wish = format!(
            "select w.wish, chat.may_market(a.identity_id) as may
            from chat.identity_aliases a left join chat.marketing_wishes w on w.identity_id = a.identity_id
            where a.value = '{phone}'"
        );
        self.row(&wish).await
    }
}

fn priced(status: Value, category: &str, billable: bool) -> Value {
    let mut status = status;
    status["pricing"] = json!({"billable": billable, "pricing_model": "PMP", "category": category,
        "type": if billable { "regular" } else { "free_customer_service" }});
    status
}

#[tokio::test]
async fn a_countdown_is_asked_of_the_conversation() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    let window = scene.window(ada, &zoe).await?;
    assert_eq!(
        only(
            &window,
            "open free_entry_until free_entry_seconds_left may_market"
        ),
        json!({"open": true, "free_entry_until": null, "free_entry_seconds_left": null, "may_market": true})
    );
    let left = window["seconds_left"].as_i64().unwrap();
    assert!((86_000..=86_400).contains(&left), "{left} s");
    let expires: jiff::Timestamp = window["expires_at"].as_str().unwrap().parse()?;
    let kept: jiff::Timestamp = zoe["whatsapp_window_expires_at"]
        .as_str()
        .unwrap()
        .parse()?;
    assert_eq!(expires, kept);
    scene
        .as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now() - interval '1 minute'")
        .await?;
    assert_eq!(
        only(&scene.window(ada, &zoe).await?, "open seconds_left"),
        json!({"open": false, "seconds_left": 0})
    );
    let ivy = scene.site.visitor("Ivy").await?;
    let ivy = json!({"id": scene.site.conversation(ivy).await?});
    assert_eq!(
        only(
            &scene.window(ada, &ivy).await?,
            "open expires_at may_market"
        ),
        json!({"open": true, "expires_at": null, "may_market": null})
    );
    let nobody = json!({"id": uuid::Uuid::new_v4()});
    let refusal = Refusal::expect(scene.window(ada, &nobody).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/no_such_conversation"));
    Ok(())
}

#[tokio::test]
async fn who_came_by_an_ad_is_free_until_meta_says_and_must_still_have_written() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    let callback = scene.sent(ada, &zoe, "wamid.out").await?;
    let ends = jiff::Timestamp::now().as_second() + 259_200;
    let mut status = webhook::status(ZOE, "wamid.out", "sent", &callback);
    status["pricing"] =
        json!({"billable": false, "type": "free_entry_point", "category": "referral_conversion"});
    status["conversation"] = json!({"id": "c", "expiration_timestamp": ends.to_string()});
    scene.hear_statuses(&[status.clone()]).await?;
    let window = scene.window(ada, &zoe).await?;
    let left = window["free_entry_seconds_left"].as_i64().unwrap();
    assert!((259_000..=259_200).contains(&left), "{left} s");
    // An earlier end that comes late takes nothing away; the 24 hours are another thing.
    status["conversation"]["expiration_timestamp"] = json!((ends - 3_600).to_string());
    scene.hear_statuses(&[status]).await?;
    assert_eq!(
        scene.window(ada, &zoe).await?["free_entry_until"],
        window["free_entry_until"]
    );
    scene
        .as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now()")
        .await?;
    let refusal = Refusal::expect(scene.try_answer(ada, &zoe, "More").await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/window_closed"));
    // A conversation of an older version's status that says nothing of free entry is none.
    let yuki = scene.visit(YUKI).await?;
    let callback = scene.sent(ada, &yuki, "wamid.out.2").await?;
    let mut status = webhook::status(YUKI, "wamid.out.2", "sent", &callback);
    status["conversation"] =
        json!({"id": "c", "expiration_timestamp": ends.to_string(), "origin": {"type": "service"}});
    scene.hear_statuses(&[status]).await?;
    assert_eq!(
        scene.window(ada, &yuki).await?["free_entry_until"],
        json!(null)
    );
    Ok(())
}

#[tokio::test]
async fn stop_is_a_message_and_a_wish_until_somebody_starts_again() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let zoe = scene.visit(ZOE).await?;
    assert_eq!(scene.wish(ZOE).await?, json!({"wish": null, "may": true}));
    let said = scene.wrote("wamid.2", " Stop! ", 60).await?;
    assert_eq!(
        only(&said, "stored enqueued"),
        json!({"stored": 1, "enqueued": 1})
    );
    assert_eq!(scene.message("wamid.2").await?["content"], " Stop! ");
    assert_eq!(
        scene.wish(ZOE).await?,
        json!({"wish": "stop", "may": false})
    );
    assert_eq!(scene.window(ada, &zoe).await?["may_market"], false);
    scene
        .wrote("wamid.3", "Where does the bus stop", 40)
        .await?;
    assert_eq!(scene.wish(ZOE).await?["may"], false);
    scene.wrote("wamid.4", "START", 20).await?;
    assert_eq!(scene.wish(ZOE).await?["may"], true);
    // The same delivery again wishes nothing anew.
    scene.wrote("wamid.2", " Stop! ", 10).await?;
    assert_eq!(scene.wish(ZOE).await?["may"], true);
    Ok(())
}

#[tokio::test]
async fn a_refusal_of_metas_is_a_wish() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let (zoe, yuki) = (scene.visit(ZOE).await?, scene.visit(YUKI).await?);
    let callback = scene.sent(ada, &zoe, "wamid.out").await?;
    let mut failed = webhook::status(ZOE, "wamid.out", "failed", &callback);
    failed["errors"] = json!([{"code": 131_050, "title": "User stopped marketing"}]);
    scene.hear_statuses(&[failed]).await?;
    // The other is refused at once.
    scene.answer(ada, &yuki, "Hello").await?;
    let attempt = scene.begin_send().await?;
    let refused = json!({"is": "failed", "code": 131_050, "title": "no", "details": null, "advice": null, "http": 400});
    scene.end_send(&attempt, refused).await?;
    for phone in [ZOE, YUKI] {
        assert_eq!(
            scene.wish(phone).await?,
            json!({"wish": "stop", "may": false})
        );
    }
    let gone = format!(
        "delete from chat.identities where id = '{}'",
        zoe["identity_id"].as_str().unwrap()
    );
    scene
        .as_owner(&format!(
            "delete from mod_chat_conversations where id = '{}'",
            uuid_of(&zoe)
        ))
        .await?;
    scene.as_owner(&gone).await?;
    assert_eq!(
        scene.count("chat.marketing_wishes").await?,
        1,
        "forgotten with the person"
    );
    Ok(())
}

#[tokio::test]
async fn what_it_cost_is_counted_once_a_message() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let boss = AgentIs {
        role: "admin",
        ..AgentIs::default()
    };
    let boss = scene.site.agent("Boss", boss).await?;
    let zoe = scene.visit(ZOE).await?;
    for (n, (category, billable)) in [
        ("service", false),
        ("service", false),
        ("service", true),
        ("utility", true),
    ]
    .into_iter()
    .enumerate()
    {
        let wamid = format!("wamid.out.{n}");
        let callback = scene.sent(ada, &zoe, &wamid).await?;
        for word in ["sent", "delivered", "delivered"] {
            let status = webhook::status(ZOE, &wamid, word, &callback);
            scene
                .hear_statuses(&[priced(status, category, billable)])
                .await?;
        }
    }
    // One without a price is not counted, nor what an agent only says of prices.
    scene.sent(ada, &zoe, "wamid.out.9").await?;
    let note = format!(
        "insert into mod_chat_messages (conversation_id, content, kind, metadata)
        values ({}, 'x', 'note', '{{\"pricing\": {{\"billable\": true}}}}') returning id",
        id(&zoe)
    );
    scene.as_agent(ada, &note).await?;
    let ask = |since: &str| {
        format!(
            "select chat_whatsapp_costs('{}', now() - interval '{since}') as costs",
            scene.site.id
        )
    };
    let costs = scene.as_agent(boss, &ask("1 day")).await?[0]["costs"].take();
    let month = scene
        .row("select to_char(now() at time zone 'UTC', 'YYYY-MM') as month")
        .await?["month"]
        .take();
    let number = &scene.number.phone_number_id;
    assert_eq!(
        costs,
        json!([
            {"phone_number_id": number, "month": month, "category": "service", "billable": 1, "free": 2},
            {"phone_number_id": number, "month": month, "category": "utility", "billable": 1, "free": 0},
        ])
    );
    let refusal = Refusal::expect(scene.as_agent(boss, &ask("367 days")).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/report_period"));
    let refusal = Refusal::expect(scene.as_agent(ada, &ask("1 day")).await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/not_allowed"));
    Ok(())
}
