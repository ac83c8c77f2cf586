//! What is broadcast: once a topic and change, gap-free for whoever may see it, and never in a message's way.

use anyhow::{Context, Result, ensure};
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::status;
use pg_chat_tests::{AgentIs, Refusal, TestDb};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;

use crate::scene::{Scene, ZOE, id};

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
async fn a_visitor_hears_that_an_agent_joined_and_that_nobody_is_there_any_more() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    scene.turns(ada, "offline").await?;
    let visitor = scene.site.visitor("Ivy").await?;
    let chat = scene.site.conversation(visitor).await?;
    scene.turns(ada, "online").await?;
    scene
        .as_owner(&format!(
            "update mod_chat_conversations set assigned_agent_id = null, status = 'pending' where id = '{chat}'"
        ))
        .await?;
    let types = |told: Vec<Value>| -> Vec<String> {
        let types = told.iter().filter_map(|payload| payload["type"].as_str());
        types.map(str::to_owned).collect()
    };
    let to_visitor = types(scene.told(&format!("chat:visitor:{visitor}")).await?);
    let to_agents = types(scene.told(&format!("chat:conversation:{chat}")).await?);
    assert_eq!(to_visitor[..2], ["agent_joined", "agent_left"]);
    assert_eq!(to_agents[..2], ["conversation_assigned", "agent_left"]);
    assert_eq!(to_visitor.len(), to_agents.len());
    Ok(())
}

#[tokio::test]
async fn tables_are_told_by_postgres_changes_once_the_owner_says_so() -> Result<()> {
    let db = TestDb::new().await?;
    let published = "select tablename from pg_publication_tables where pubname = 'supabase_realtime' order by 1";
    assert!(db.rows(published).await?.is_empty(), "off by itself");
    let enable = "select unnest(chat.enable_postgres_changes()) as told";
    let tables = [
        json!({"told": "public.mod_chat_conversations"}),
        json!({"told": "public.mod_chat_messages"}),
    ];
    for _ in 0..2 {
        assert_eq!(db.rows(enable).await?, tables);
    }
    assert_eq!(db.rows(published).await?.len(), 2);
    // What is streamed of a row that goes is its id: no policy is asked about it.
    let identities = db
        .rows("select relreplident from pg_class where relname in ('mod_chat_messages', 'mod_chat_conversations')")
        .await?;
    assert!(identities.iter().all(|row| row["relreplident"] == "d"));
    for statement in [
        "create table public.of_the_host ()",
        "alter publication supabase_realtime add table public.of_the_host",
    ] {
        db.as_owner(statement).await?;
    }
    let end = "select coalesce(cardinality(chat.enable_postgres_changes(false)), -1) as left";
    assert_eq!(db.rows(end).await?, [json!({"left": 0})]);
    assert_eq!(
        db.rows(published).await?,
        [json!({"tablename": "of_the_host"})]
    );
    sqlx::query("drop schema realtime cascade")
        .execute(db.superuser())
        .await?;
    let refused = db.as_owner("select chat.enable_postgres_changes()").await;
    let refused = refused.expect_err("there is no Realtime");
    let refusal = refused
        .downcast_ref()
        .and_then(Refusal::of)
        .context(refused.to_string())?;
    assert_eq!(refusal.detail.as_deref(), Some("chat/no_realtime"));
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

#[tokio::test]
async fn a_broadcast_says_ids_and_numbers_and_nothing_to_hide() -> Result<()> {
    let scene = Scene::open().await?;
    scene.lively().await?;
    let told = scene
        .rows("select distinct k.key from realtime.messages m, jsonb_each(m.payload) k order by 1")
        .await?;
    let keys: Vec<&str> = told.iter().filter_map(|row| row["key"].as_str()).collect();
    assert_eq!(
        keys,
        [
            "change",
            "conversation_id",
            "message_id",
            "prev",
            "type",
            "v"
        ]
    );
    Ok(())
}

const POLICIES: &str = "select p.oid::bigint as id, p.polname as name from pg_policy p
    where p.polrelid = 'realtime.messages'::regclass order by 2";

#[tokio::test]
async fn policies_of_topics_are_made_once_and_mended_when_they_differ() -> Result<()> {
    let db = TestDb::new().await?;
    let made = db.rows(POLICIES).await?;
    let names: Vec<&str> = made.iter().filter_map(|row| row["name"].as_str()).collect();
    assert_eq!(names, ["chat_topics_hear", "chat_topics_speak"]);
    db.install().await?;
    assert_eq!(
        db.rows(POLICIES).await?,
        made,
        "what is right is not touched"
    );
    db.as_owner("alter policy chat_topics_hear on realtime.messages using (true)")
        .await?;
    db.install().await?;
    let mended = db.rows(POLICIES).await?;
    assert_ne!(mended[0], made[0], "what was changed is made anew");
    assert_eq!(mended[1], made[1]);
    Ok(())
}

#[tokio::test]
async fn without_the_right_to_make_policies_or_without_realtime_the_rest_is_installed() -> Result<()>
{
    let db = TestDb::new().await?;
    for take_away in [
        "drop policy chat_topics_hear on realtime.messages",
        "alter table realtime.messages owner to supabase_admin",
    ] {
        sqlx::query(take_away).execute(db.superuser()).await?;
    }
    db.install().await?;
    assert_eq!(
        db.rows(POLICIES).await?.len(),
        1,
        "nobody hears, rather than everybody"
    );
    sqlx::query(AssertSqlSafe("drop schema realtime cascade"))
        .execute(db.superuser())
        .await?;
    db.install().await?;
    Ok(())
}
