//! Who has read how far, and what of it is shown.

use anyhow::Result;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Agent, Refusal};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};

use crate::scene::{Scene, ZOE, id, only};

impl Scene {
    async fn read(&self, agent: Agent, chat: &Value, up_to: &str) -> Result<Value, sqlx::Error> {
        let ask = format!("select chat_read({}, {up_to}) as answer", id(chat));
        Ok(self.as_agent(agent, &ask).await?[0]["answer"].take())
    }
}

#[tokio::test]
async fn whoever_has_the_chat_clears_it_for_the_team_and_others_only_for_themselves() -> Result<()>
{
    let (scene, ada) = Scene::with_agent().await?;
    let ben = scene.colleague("agent").await?;
    let chat = scene.widget_chat().await?;
    scene.visitor_writes(&chat, "Anybody?").await?;
    assert_eq!(scene.again(&chat).await?["unread_agent_count"], 2);

    assert_eq!(scene.read(ben, &chat, "null").await?["unread"], 0);
    assert_eq!(scene.again(&chat).await?["unread_agent_count"], 2);
    assert_eq!(
        scene.newest(&chat).await?["status"],
        "delivered",
        "a colleague's look is not shown to the visitor"
    );

    let answer = scene.read(ada, &chat, "1").await?;
    assert_eq!(
        only(&answer, "read_seq unread"),
        json!({"read_seq": 1, "unread": 1})
    );
    assert_eq!(scene.again(&chat).await?["unread_agent_count"], 1);
    scene.read(ada, &chat, "null").await?;
    let read = scene.newest(&chat).await?;
    assert_eq!(
        only(&read, "status delivery_state"),
        json!({"status": "read", "delivery_state": "received"})
    );
    assert!(read["read_at"].is_string());
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn what_nobody_has_is_cleared_by_anybody() -> Result<()> {
    let scene = Scene::open().await?;
    let ben = scene.colleague("agent").await?;
    let chat = scene.widget_chat().await?;
    scene.read(ben, &chat, "null").await?;
    assert_eq!(scene.again(&chat).await?["unread_agent_count"], 0);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn a_cursor_never_goes_back_nor_past_the_end() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    scene.visitor_writes(&chat, "Anybody?").await?;
    assert_eq!(scene.read(ada, &chat, "99").await?["read_seq"], 2);
    let again = scene.read(ada, &chat, "-7").await?;
    assert_eq!(
        only(&again, "read_seq unread"),
        json!({"read_seq": 2, "unread": 0})
    );
    scene.visitor_writes(&chat, "Hm").await?;
    assert_eq!(scene.again(&chat).await?["unread_agent_count"], 1);
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn what_somebody_had_read_before_the_chat_was_theirs_counts_once_it_is() -> Result<()> {
    let (scene, _) = Scene::with_agent().await?;
    let boss = scene.colleague("supervisor").await?;
    let chat = scene.widget_chat().await?;
    scene.visitor_writes(&chat, "Anybody?").await?;
    scene.read(boss, &chat, "null").await?;
    scene
        .patch(boss, &chat, &format!("assigned_agent_id = '{}'", boss.id))
        .await?;
    assert_eq!(scene.again(&chat).await?["unread_agent_count"], 2);
    scene.read(boss, &chat, "1").await?;
    assert_eq!(scene.again(&chat).await?["unread_agent_count"], 0);
    assert_eq!(scene.newest(&chat).await?["status"], "read");
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn each_message_that_is_read_takes_the_next_change_and_is_told() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    scene.visitor_writes(&chat, "Anybody?").await?;
    let before = scene.again(&chat).await?["last_change"]
        .as_i64()
        .expect("a number");
    scene.read(ada, &chat, "null").await?;
    let changes = scene
        .rows("select change - change_before as step, change from mod_chat_messages order by seq")
        .await?;
    assert_eq!(changes[0]["change"], before + 1);
    assert_eq!(changes[1], json!({"change": before + 2, "step": 1}));
    assert_eq!(scene.again(&chat).await?["last_public_change"], before + 2);
    let told = format!(
        "realtime.messages where topic = 'chat:visitor:{}' and (payload ->> 'change')::bigint > {before}",
        chat["visitor_id"].as_str().expect("a visitor")
    );
    assert_eq!(scene.count(&told).await?, 2);
    scene.read(ada, &chat, "null").await?;
    assert_eq!(
        scene.again(&chat).await?["last_change"],
        before + 2,
        "reading again changes nothing"
    );
    Ok(())
}

#[tokio::test]
async fn whoever_answers_has_read() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    let question = scene.newest(&chat).await?;
    let answer = scene.answer(ada, &chat, "Hello Zoe").await?;
    assert_eq!(scene.message_now(&question).await?["status"], "read");
    let cursor = scene.row("select * from chat.cursors").await?;
    assert_eq!(
        only(&cursor, "agent_id read_seq read_count"),
        json!({"agent_id": ada.id, "read_seq": answer["seq"], "read_count": 1})
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn on_whatsapp_reading_clears_and_leaves_the_ticks_to_meta() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    scene.read(ada, &chat, "null").await?;
    assert_eq!(scene.again(&chat).await?["unread_agent_count"], 0);
    assert_eq!(scene.newest(&chat).await?["status"], "delivered");
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn nobody_reads_a_chat_they_may_not_see_or_without_being_an_agent() -> Result<()> {
    let (scene, _) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    let elsewhere = pg_chat_tests::Site::make(&scene.db).await?;
    let stranger = elsewhere.agent("Eve", Default::default()).await?;
    let refusal = Refusal::expect(scene.read(stranger, &chat, "null").await);
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT404", Some("chat/no_such_conversation"))
    );
    let owner = Agent {
        user: scene.site.owner,
        id: scene.site.owner,
    };
    let refusal = Refusal::expect(scene.read(owner, &chat, "null").await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/not_an_agent"));
    Ok(())
}

#[tokio::test]
async fn a_chat_that_is_erased_while_somebody_waits_for_it_is_not_there() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    for call in [
        "chat_read(%)",
        "chat_snooze(%, clock_timestamp() + interval '1 hour')",
    ] {
        let chat = scene.visit(ZOE).await?;
        let mut erasing = scene.db.owner().begin().await?;
        let erase = format!(
            "select chat.erase_person('{}')",
            chat["visitor_id"].as_str().unwrap_or_default()
        );
        erasing.execute(AssertSqlSafe(erase)).await?;
        let call = format!("select * from {}", call.replace('%', &id(&chat)));
        let said = scene
            .while_open(erasing, scene.as_agent(ada, &call))
            .await?;
        assert_eq!(
            Refusal::expect(said).detail.as_deref(),
            Some("chat/no_such_conversation"),
            "{call}"
        );
    }
    Ok(())
}
