//! What a site promises: clocks that follow what is written and done, are told once, and stand still when they should.

mod pauses;
mod policies;

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use pg_chat_tests::{Agent, Refusal, wait_until};
use serde_json::{Value, json};

use crate::scene::{Scene, id, only};

/// An hour until the first answer, half an hour for the later ones, four hours for all of it.
const PROMISES: &str =
    "first_response_seconds => 3600, next_response_seconds => 1800, resolution_seconds => 14400,
    in_business_hours => false, warn_percent => 50";

/// A site that promises something, its admin and an agent with room.
async fn scene() -> Result<(Scene, Agent, Agent)> {
    let (scene, ada) = Scene::with_agent().await?;
    let adam = scene.admin().await?;
    scene.promise(adam, PROMISES).await?;
    Ok((scene, adam, ada))
}

impl Scene {
    async fn promise(&self, by: Agent, rest: &str) -> Result<Value, sqlx::Error> {
        let call = format!("select chat_save_sla('{}', {rest}) as saved", self.site.id);
        Ok(self.as_agent(by, &call).await?.remove(0)["saved"].take())
    }

    /// Ticks look, so much later, until there is nothing left to look at. Whoever begins with a whole site waits for the
    /// transactions of others, and those of other tests are such.
    async fn look(&self, later: &str) -> Result<()> {
        let tick = format!("select chat.follow_sla(50, clock_timestamp() + '{later}') as looked");
        wait_until("the clocks are as they should be", async || {
            let looked = self.row(&tick).await?["looked"].take();
            let due = self.count("chat.sla_changes").await?;
            Ok((looked == 0 && due == 0).then_some(()))
        })
        .await
    }

    /// What was told of a conversation's clocks.
    async fn told_of(&self, chat: &Value) -> Result<Value> {
        let told = format!(
            "select coalesce(jsonb_agg(substr(name, 10) order by id), '[]') as told from chat.events
            where conversation_id = {} and name like 'chat.sla.%'",
            id(chat)
        );
        Ok(self.row(&told).await?["told"].take())
    }

    /// One clock as an agent is told.
    async fn clock(&self, agent: Agent, chat: &Value, target: &str) -> Result<Value> {
        let ask = format!("select chat_sla_of({}) as sla", id(chat));
        let sla = self.as_agent(agent, &ask).await?.remove(0)["sla"].take();
        let clocks = sla["clocks"].as_array().context("clocks")?;
        let clock = clocks.iter().find(|clock| clock["target"] == target);
        Ok(clock.cloned().unwrap_or_default())
    }

    /// In how many seconds, as kept, something is due of a conversation, and what.
    async fn due(&self, chat: &Value) -> Result<Value> {
        let due = format!(
            "select round(extract(epoch from k.due_at - c.created_at) / 60)::integer as minutes, k.target
            from mod_chat_conversations c left join chat.sla_cases k on k.conversation_id = c.id where c.id = {}",
            id(chat)
        );
        self.row(&due).await
    }

    async fn writes(&self, chat: &Value, sender: &str) -> Result<()> {
        self.as_owner(&format!(
            "insert into mod_chat_messages (conversation_id, sender_type, content) values ({}, '{sender}', 'Well')",
            id(chat)
        ))
        .await?;
        Ok(())
    }

    /// Somebody's chat, in which they have written.
    async fn asked(&self) -> Result<Value> {
        let chat = self.chat().await?;
        self.writes(&chat, "visitor").await?;
        Ok(chat)
    }
}

#[tokio::test]
async fn a_question_is_due_until_somebody_answers() -> Result<()> {
    let (scene, adam, ada) = scene().await?;
    let chat = scene.asked().await?;
    scene.look("0").await?;
    assert_eq!(
        scene.due(&chat).await?,
        json!({"minutes": 60, "target": "first_response"})
    );
    let listed = "select sla_due_at is not null as is_due, sla_target from chat_inbox()";
    assert_eq!(
        scene.as_agent(ada, listed).await?,
        [json!({"is_due": true, "sla_target": "first_response"})]
    );
    scene.answer(ada, &chat, "Hello").await?;
    scene.look("0").await?;
    assert_eq!(
        scene.due(&chat).await?,
        json!({"minutes": 240, "target": "resolution"})
    );
    let kept = scene.clock(ada, &chat, "first_response").await?;
    assert_eq!(
        only(&kept, "state breached warnings breaches"),
        json!({"state": "kept", "breached": false, "warnings": 0, "breaches": 0})
    );
    scene.writes(&chat, "visitor").await?;
    scene.look("0").await?;
    assert_eq!(
        scene.due(&chat).await?,
        json!({"minutes": 30, "target": "next_response"})
    );
    scene.patch(ada, &chat, "status = 'resolved'").await?;
    scene.look("1 day").await?;
    assert_eq!(scene.due(&chat).await?["minutes"], Value::Null);
    let dropped = scene.clock(ada, &chat, "next_response").await?;
    assert_eq!(dropped["state"], "dropped", "{dropped}");
    // What has ended is judged once, whatever is promised later.
    scene
        .promise(adam, "resolution_seconds => 1, in_business_hours => false")
        .await?;
    scene
        .as_owner("update mod_chat_conversations set created_at = created_at - interval '1 hour'")
        .await?;
    scene.patch(ada, &chat, "tags = '{late}'").await?;
    scene.look("1 day").await?;
    assert_eq!(scene.told_of(&chat).await?, json!([]));
    Ok(())
}

#[tokio::test]
async fn a_warning_and_a_broken_promise_are_told_once() -> Result<()> {
    let (scene, _, ada) = scene().await?;
    let chat = scene.asked().await?;
    for later in [
        "0",
        "29 minutes",
        "31 minutes",
        "31 minutes",
        "61 minutes",
        "61 minutes",
        "90 minutes",
    ] {
        scene.look(later).await?;
    }
    assert_eq!(
        scene.told_of(&chat).await?,
        json!(["first_response_warning", "first_response_breached"])
    );
    let broadcast = scene
        .rows("select distinct payload ->> 'type' as type, topic like 'chat:site:%' as to_site from realtime.messages
            where event like 'sla_%' order by 1")
        .await?;
    assert_eq!(
        broadcast,
        [
            json!({"type": "sla_breached", "to_site": true}),
            json!({"type": "sla_changed", "to_site": true}),
            json!({"type": "sla_warning", "to_site": true}),
        ]
    );
    // Late is late, and the next question is another clock.
    scene.answer(ada, &chat, "Sorry").await?;
    scene.writes(&chat, "visitor").await?;
    scene.look("31 minutes").await?;
    assert_eq!(
        scene.told_of(&chat).await?,
        json!([
            "first_response_warning",
            "first_response_breached",
            "next_response_breached"
        ])
    );
    Ok(())
}

#[tokio::test]
async fn many_ticks_at_once_and_one_that_is_cut_off_tell_it_once() -> Result<()> {
    let (scene, _, _) = scene().await?;
    let mut chats = Vec::new();
    for _ in 0..12 {
        chats.push(scene.asked().await?);
    }
    scene.look("0").await?;
    let tick = "select chat.follow_sla(5, clock_timestamp() + '110 minutes')";
    let mut cut_off = scene.db.owner().begin().await?;
    sqlx::query(tick).execute(&mut *cut_off).await?;
    cut_off.rollback().await?;
    try_join_all((0..8).map(async |_| {
        for _ in 0..6 {
            scene.as_owner(tick).await?;
        }
        anyhow::Ok(())
    }))
    .await?;
    scene.look("110 minutes").await?;
    for chat in &chats {
        assert_eq!(
            scene.told_of(chat).await?,
            json!(["first_response_breached"])
        );
    }
    Ok(())
}

#[tokio::test]
async fn what_was_answered_in_time_is_no_breach_however_late_the_tick_comes() -> Result<()> {
    let (scene, _, ada) = scene().await?;
    let chat = scene.asked().await?;
    scene.look("0").await?;
    scene.answer(ada, &chat, "Hello").await?;
    scene.look("61 minutes").await?;
    assert_eq!(scene.told_of(&chat).await?, json!([]));
    Ok(())
}

#[tokio::test]
async fn what_becomes_visible_late_is_not_passed_by() -> Result<()> {
    let (scene, _, _) = scene().await?;
    let (slow, quick) = (scene.asked().await?, scene.asked().await?);
    scene.look("110 minutes").await?;
    let mut open = scene.db.owner().begin().await?;
    let ask = format!(
        "insert into mod_chat_messages (conversation_id, sender_type, content) values ({}, 'ai', 'Yes')",
        id(&slow)
    );
    sqlx::query(sqlx::AssertSqlSafe(ask))
        .execute(&mut *open)
        .await?;
    scene.writes(&quick, "ai").await?;
    scene.as_owner("select chat.follow_sla(50)").await?;
    let answered = |chat: &Value| {
        format!(
            "chat.sla_cases where answered and conversation_id = {}",
            id(chat)
        )
    };
    assert_eq!(
        scene.count(&answered(&quick)).await?,
        1,
        "nobody waits for a stranger's transaction"
    );
    open.commit().await?;
    wait_until("the other is looked at, too", async || {
        scene.as_owner("select chat.follow_sla(50)").await?;
        let seen = scene.count(&answered(&slow)).await?;
        Ok((seen == 1).then_some(()))
    })
    .await
}

#[tokio::test]
async fn the_inbox_shows_what_is_due_first() -> Result<()> {
    let (scene, adam, ada) = scene().await?;
    scene
        .promise(adam, "tag => 'vip', first_response_seconds => 600, in_business_hours => false, warn_percent => 50")
        .await?;
    let (usual, vip, answered) = (
        scene.asked().await?,
        scene.asked().await?,
        scene.asked().await?,
    );
    scene.patch(adam, &vip, "tags = '{vip}'").await?;
    scene.answer(ada, &answered, "Hello").await?;
    scene.look("0").await?;
    let page = async |rest: &str| -> Result<Vec<Value>> {
        let ask = format!("select id, sla_due_at from chat_inbox({rest})");
        Ok(scene.as_agent(ada, &ask).await?)
    };
    let ids = |rows: &[Value]| rows.iter().map(|row| row["id"].clone()).collect::<Vec<_>>();
    let all = page("'{\"sort\": \"sla\"}'").await?;
    assert_eq!(
        ids(&all),
        [&vip, &usual, &answered].map(|chat| chat["id"].clone())
    );
    let after = all[0].to_string();
    let rest = page(&format!("'{{\"sort\": \"sla\"}}', '{after}', 1")).await?;
    assert_eq!(ids(&rest), [usual["id"].clone()]);
    for after in ["{}", "{\"sla_due_at\": \"x\", \"id\": \"y\"}"] {
        let ask = format!("select id from chat_inbox('{{\"sort\": \"sla\"}}', '{after}')");
        let refusal = Refusal::expect(scene.as_agent(ada, &ask).await);
        assert_eq!(refusal.detail.as_deref(), Some("chat/bad_after"));
    }
    assert_eq!(page("'{\"sla\": \"running\"}'").await?.len(), 3);
    assert_eq!(page("'{\"sla\": \"warned\"}'").await?.len(), 0);
    scene.look("6 minutes").await?;
    assert_eq!(
        ids(&page("'{\"sla\": \"warned\"}'").await?),
        [vip["id"].clone()]
    );
    scene.look("11 minutes").await?;
    assert_eq!(
        ids(&page("'{\"sla\": \"breached\"}'").await?),
        [vip["id"].clone()]
    );
    let counts = format!("select chat_counts('{}') as counts", scene.site.id);
    let counts = scene.as_agent(ada, &counts).await?.remove(0);
    assert_eq!(
        only(&counts["counts"], "sla_warned sla_breached"),
        json!({"sla_warned": 0, "sla_breached": 1})
    );
    for bad in ["{\"sla\": \"late\"}", "{\"sort\": \"name\"}"] {
        let ask = format!("select id from chat_inbox('{bad}')");
        let refusal = Refusal::expect(scene.as_agent(ada, &ask).await);
        assert_eq!(refusal.detail.as_deref(), Some("chat/bad_filter"));
    }
    Ok(())
}

#[tokio::test]
async fn nothing_of_an_erased_persons_clocks_is_left_and_nobody_waits_for_the_eraser() -> Result<()>
{
    let (scene, _, ada) = scene().await?;
    let (gone, stays) = (scene.asked().await?, scene.asked().await?);
    scene.patch(ada, &gone, "status = 'waiting'").await?;
    scene.look("0").await?;
    let person = scene.again(&gone).await?["visitor_id"].clone();
    let erase = format!("select chat.erase_person({})", id(&json!({"id": person})));
    let mut erasing = scene.db.owner().begin().await?;
    sqlx::query(sqlx::AssertSqlSafe(erase))
        .execute(&mut *erasing)
        .await?;
    scene
        .as_owner("select chat.follow_sla(50, clock_timestamp() + '110 minutes')")
        .await?;
    assert_eq!(
        scene.told_of(&stays).await?,
        json!(["first_response_breached"])
    );
    erasing.commit().await?;
    scene.look("110 minutes").await?;
    let of_gone = format!("where conversation_id = {}", id(&gone));
    for table in ["sla_cases", "sla_clocks", "sla_pauses", "sla_changes"] {
        assert_eq!(
            scene.count(&format!("chat.{table} {of_gone}")).await?,
            0,
            "{table}"
        );
    }
    Ok(())
}
