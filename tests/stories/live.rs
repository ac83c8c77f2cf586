//! What is broadcast: once a topic and change, gap-free for whoever may see it, and never in a message's way.

use anyhow::{Context, Result, ensure};
use pg_chat_tests::AgentIs;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::status;
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::scene::{Scene, id};

const ZOE: &str = "15550100002";

impl Scene {
    /// Payloads of a topic in the order of their changes.
    async fn told(&self, topic: &str) -> Result<Vec<Value>> {
        let told = self
            .rows(&format!(
                "select payload, event, private from realtime.messages where topic = '{topic}'
                order by (payload ->> 'change')::bigint"
            ))
            .await?;
        told.into_iter()
            .map(|mut row| {
                ensure!(
                    row["event"] == row["payload"]["type"] && row["private"] == true,
                    "{row}"
                );
                ensure!(row["payload"]["v"] == 1, "{row}");
                Ok(row["payload"].take())
            })
            .collect()
    }

    /// A conversation in which everything happened that this issue knows.
    async fn lively(&self) -> Result<Value> {
        let ada = self
            .site
            .agent(
                "Ada",
                AgentIs {
                    role: "supervisor",
                    ..AgentIs::default()
                },
            )
            .await?;
        self.hear(&[
            pg_chat_tests::webhook::text(ZOE, "wamid.1", "Hello"),
            pg_chat_tests::webhook::text(ZOE, "wamid.2", "Anybody there?"),
        ])
        .await?;
        let chat = self.conversation_of(ZOE).await?;
        self.answer(ada, &chat, "Hello Zoe").await?;
        let note = format!(
            "insert into mod_chat_messages (conversation_id, content, kind) values ({}, 'VIP', 'note') returning *",
            id(&chat)
        );
        self.as_agent(ada, &note).await?;
        self.patch(ada, &chat, "tags = '{vip}', priority = 'high'")
            .await?;
        self.send("wamid.out").await?;
        let statuses = ["delivered", "sent", "read", "read"];
        self.hear_statuses(&statuses.map(|word| status(ZOE, "wamid.out", word, "")))
            .await?;
        self.hear(&[
            json!({"from": ZOE, "id": "wamid.r", "timestamp": "1760000000", "type": "reaction",
            "reaction": {"message_id": "wamid.out", "emoji": "👍"}}),
        ])
        .await?;
        self.patch(ada, &chat, "status = 'waiting'").await?;
        self.hear_text(ZOE, "wamid.3", "Thank you").await?;
        self.patch(ada, &chat, "status = 'resolved'").await?;
        self.hear_text(ZOE, "wamid.4", "One more thing").await?;
        self.again(&chat).await
    }
}

/// Every change names the one before it on the same topic, from nothing to `last`.
fn assert_chain(told: &[Value], last: &Value) {
    let mut before = json!(0);
    for payload in told {
        assert_eq!(
            payload["prev"], before,
            "a gap or a doubled change before {payload}"
        );
        before = payload["change"].clone();
    }
    assert_eq!(&before, last, "the last change was told");
}

#[tokio::test]
async fn agents_are_told_every_change_once_and_without_a_gap() -> Result<()> {
    let scene = Scene::open().await?;
    let chat = scene.lively().await?;
    let told = scene
        .told(&format!(
            "chat:conversation:{}",
            chat["id"].as_str().context("id")?
        ))
        .await?;
    assert_chain(&told, &chat["last_change"]);
    let in_inbox = scene.told(&format!("chat:site:{}", scene.site.id)).await?;
    let of_chat = |payload: &&Value| payload["conversation_id"] == chat["id"];
    let changes = |told: &[Value]| {
        told.iter()
            .filter(of_chat)
            .map(|p| p["change"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        changes(&in_inbox),
        changes(&told),
        "the inbox hears of the same changes"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn the_visitor_is_told_what_concerns_them_without_a_gap_and_no_note() -> Result<()> {
    let scene = Scene::open().await?;
    let chat = scene.lively().await?;
    let told = scene
        .told(&format!(
            "chat:visitor:{}",
            chat["visitor_id"].as_str().context("visitor")?
        ))
        .await?;
    assert_chain(&told, &chat["last_public_change"]);
    let hidden = scene
        .rows("select id, change from mod_chat_messages where public_seq is null")
        .await?;
    assert_eq!(hidden.len(), 1);
    assert!(
        told.iter()
            .all(|payload| payload["message_id"] != hidden[0]["id"])
    );
    let tagged = scene
        .count(&format!(
            "realtime.messages where topic like 'chat:visitor:%' and payload ->> 'change' = '{}'",
            hidden[0]["change"]
        ))
        .await?;
    assert_eq!(tagged, 0);
    Ok(())
}

#[tokio::test]
async fn each_happening_has_its_name() -> Result<()> {
    let scene = Scene::open().await?;
    let chat = scene.lively().await?;
    let told = scene
        .told(&format!(
            "chat:conversation:{}",
            chat["id"].as_str().context("id")?
        ))
        .await?;
    let names = |kind: &str| {
        told.iter()
            .filter(|payload| payload["type"] == kind)
            .count()
    };
    assert_eq!(
        names("new_message"),
        6,
        "four of Zoe's, an answer and a note"
    );
    assert_eq!(
        names("conversation_assigned"),
        2,
        "at first and after it came back"
    );
    assert_eq!(names("conversation_resolved"), 1);
    assert!(
        names("status_change") >= 6,
        "ticks, a reaction, tags, waiting: {told:?}"
    );
    Ok(())
}

#[tokio::test]
async fn the_site_hears_when_an_agent_comes_and_goes() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.turns(ada, "away").await?;
    let told = scene.told(&format!("chat:site:{}", scene.site.id)).await?;
    assert_eq!(
        told,
        [json!({"v": 1, "type": "status_change", "agent_id": ada.id, "status": "away"})]
    );
    Ok(())
}

#[tokio::test]
async fn imported_history_is_not_told_as_news() -> Result<()> {
    let scene = Scene::open().await?;
    let visitor = scene.site.visitor("Ivy").await?;
    let chat = scene.site.conversation(visitor).await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_messages (conversation_id, content, sender_type, origin)
            values ('{chat}', 'long ago', 'visitor', 'history')"
        ))
        .await?;
    assert_eq!(scene.count("realtime.messages").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_broadcast_that_fails_is_counted_and_costs_no_message() -> Result<()> {
    let scene = Scene::open().await?;
    let refuse =
        "alter table realtime.messages add constraint broken check (topic is null) not valid";
    sqlx::query(refuse).execute(scene.db.superuser()).await?;
    scene.lively().await?;
    assert_eq!(scene.count("realtime.messages").await?, 0);
    let facts: Value = sqlx::query_scalar("select chat_worker_facts()")
        .fetch_one(scene.db.as_worker())
        .await?;
    assert!(
        facts["broadcast_failures"]
            .as_i64()
            .is_some_and(|failed| failed >= 10),
        "{facts}"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn everything_works_where_there_is_no_realtime() -> Result<()> {
    let scene = Scene::open().await?;
    sqlx::query(AssertSqlSafe("drop schema realtime cascade"))
        .execute(scene.db.superuser())
        .await?;
    scene.lively().await?;
    let facts: Value = sqlx::query_scalar("select chat_worker_facts()")
        .fetch_one(scene.db.as_worker())
        .await?;
    assert_eq!(facts["broadcast_failures"], 0);
    assert_counters_equal_recount(&scene.db).await
}
