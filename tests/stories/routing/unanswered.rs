//! Chats go back to the queue of agents who do not answer, or have left.

use anyhow::Result;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Agent, AgentIs};
use serde_json::{Value, json};

use crate::scene::{Scene, ZOE, id, only};

impl Scene {
    async fn agent_called(&self, name: &str, status: &'static str, max: i32) -> Result<Agent> {
        let is = AgentIs {
            status,
            max,
            ..AgentIs::default()
        };
        self.site.agent(name, is).await
    }

    /// A site where Adam, who is offline, gives agents a minute to answer; Ada, the only one there, has Zoe's chat.
    async fn with_a_minute_to_answer(rest: &str) -> Result<(Self, Agent, Agent, Value)> {
        let scene = Self::open().await?;
        let adam = scene.admin().await?;
        scene
            .save_routing(adam, &format!("unanswered_seconds => 60{rest}"))
            .await?;
        let ada = scene.agent_called("Ada", "online", 5).await?;
        let zoe = scene.visit(ZOE).await?;
        assert_eq!(scene.holder(&zoe).await?, Some(ada.id));
        Ok((scene, adam, ada, zoe))
    }

    /// Everything happened so long before it did.
    async fn passes(&self, seconds: u32) -> Result<()> {
        for (table, columns) in [
            ("mod_chat_messages", &["created_at"][..]),
            (
                "mod_chat_conversations",
                &["agent_joined_at", "pending_since"],
            ),
            ("chat.choices", &["at"]),
        ] {
            let set: Vec<_> = columns
                .iter()
                .map(|column| format!("{column} = {column} - interval '{seconds} seconds'"))
                .collect();
            self.as_owner(&format!("update {table} set {}", set.join(", ")))
                .await?;
        }
        Ok(())
    }

    async fn taken_back(&self) -> Result<Value> {
        Ok(self.tick().await?["unanswered"].clone())
    }

    /// Reasons of a chat's kept choices, in order.
    async fn reasons(&self, chat: &Value) -> Result<Vec<String>> {
        let kept = self
            .rows(&format!(
                "select choice ->> 'reason' as reason from chat.choices where conversation_id = {} order by id",
                id(chat)
            ))
            .await?;
        Ok(kept
            .iter()
            .map(|row| row["reason"].as_str().expect("a reason").to_owned())
            .collect())
    }
}

#[tokio::test]
async fn a_chat_that_its_agent_does_not_answer_goes_to_somebody_else() -> Result<()> {
    let (scene, adam, ada, zoe) = Scene::with_a_minute_to_answer("").await?;
    let ben = scene.agent_called("Ben", "online", 5).await?;
    assert_eq!(scene.taken_back().await?, 0, "there is time left");
    scene.passes(61).await?;
    scene.as_owner("delete from realtime.messages").await?;
    assert_eq!(scene.taken_back().await?, 1);
    let now = scene.again(&zoe).await?;
    assert_eq!(
        only(&now, "status assigned_agent_id last_agent_id"),
        json!({"status": "active", "assigned_agent_id": ben.id, "last_agent_id": ada.id}),
        "Ben has it in the same transaction"
    );
    assert_eq!(
        scene.reasons(&zoe).await?,
        ["only_one_free", "not_answered", "only_one_free"]
    );
    let history = scene
        .said(
            adam,
            &format!("chat_explain_assignment({}) -> 'history' -> 1", id(&zoe)),
        )
        .await?;
    assert_eq!(
        only(&history["choice"], "reason from_agent_id seconds"),
        json!({"reason": "not_answered", "from_agent_id": ada.id, "seconds": 60})
    );
    let replayed = scene
        .row("select choice @> chat.judge_unanswered(facts) as again from chat.choices where agent_id is null")
        .await?;
    assert_eq!(replayed["again"], true, "from the facts it comes out again");
    let line = scene
        .row(&format!(
            "select content, sender_type, public_seq is not null as public, metadata ->> 'reason' as reason
            from mod_chat_messages where conversation_id = {} and kind = 'event'",
            id(&zoe)
        ))
        .await?;
    assert_eq!(
        line,
        json!({"content": "Back in the queue for a colleague", "sender_type": "system", "public": true,
            "reason": "not_answered"})
    );
    let visitor = now["visitor_id"].as_str().expect("a visitor");
    let site = scene.site.id;
    for topic in [
        format!("chat:site:{site}"),
        format!("chat:visitor:{visitor}"),
    ] {
        let told = scene
            .count(&format!(
                "realtime.messages where topic = '{topic}' and event in ('agent_left', 'conversation_assigned', 'agent_joined')"
            ))
            .await?;
        assert_eq!(told, 2, "{topic} hears that Ada lost it and Ben got it");
    }
    scene.tick().await?;
    let figures = scene.agent_now(ada).await?;
    assert_eq!(
        only(&figures, "total_unanswered current_chat_count"),
        json!({"total_unanswered": 1, "current_chat_count": 0})
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn an_answer_ends_the_wait_and_a_note_does_not() -> Result<()> {
    let (scene, _, ada, zoe) = Scene::with_a_minute_to_answer("").await?;
    let ben = scene.agent_called("Ben", "online", 5).await?;
    scene.passes(40).await?;
    scene.answer(ada, &zoe, "One moment").await?;
    scene.passes(100).await?;
    assert_eq!(scene.taken_back().await?, 0, "it is Zoe's turn");
    scene.hear_text(ZOE, "wamid.more", "Are you there?").await?;
    scene.passes(40).await?;
    scene.hear_text(ZOE, "wamid.again", "Hello?").await?;
    scene.passes(5).await?;
    assert_eq!(scene.taken_back().await?, 0, "45 seconds since she asked");
    let note = format!(
        "insert into mod_chat_messages (conversation_id, content, kind) values ({}, 'Whose?', 'note') returning id",
        id(&zoe)
    );
    scene.as_agent(ada, &note).await?;
    scene.passes(16).await?;
    assert_eq!(scene.taken_back().await?, 1);
    assert_eq!(scene.holder(&zoe).await?, Some(ben.id));
    Ok(())
}

#[tokio::test]
async fn it_is_taken_back_only_for_somebody_who_is_there_and_keeps_its_place() -> Result<()> {
    let (scene, adam, ada, zoe) = Scene::with_a_minute_to_answer("").await?;
    scene.passes(3600).await?;
    assert_eq!(scene.taken_back().await?, 0, "nobody else works here");
    let ben = scene.agent_called("Ben", "away", 1).await?;
    assert_eq!(scene.taken_back().await?, 0, "Ben is away");
    scene.given(ben, 1).await?;
    scene.turns(ada, "busy").await?;
    let later = scene.chat().await?;
    scene.turns(ben, "online").await?;
    assert_eq!(
        scene.taken_back().await?,
        1,
        "Ben is full and will have room"
    );
    let waits = scene.again(&zoe).await?;
    assert_eq!(
        only(&waits, "status returned_by"),
        json!({"status": "pending", "returned_by": ada.id})
    );
    let words = scene.words(adam, &zoe).await?;
    assert!(
        words.starts_with("Nobody has it")
            && words.ends_with("It came back because Ada did not answer within 60 seconds"),
        "{words}"
    );
    let queue = scene
        .said(
            adam,
            &format!("chat_queue('{}') -> 'chats' -> 0", scene.site.id),
        )
        .await?;
    assert_eq!(
        queue["conversation_id"], zoe["id"],
        "she has waited longer than who came later"
    );
    scene
        .as_owner(&format!(
            "update mod_chat_conversations set status = 'closed' where assigned_agent_id = '{}'",
            ben.id
        ))
        .await?;
    assert_eq!(
        (scene.holder(&zoe).await?, scene.holder(&later).await?),
        (Some(ben.id), None)
    );
    assert_eq!(
        scene
            .count("chat.choices where agent_id is not null and waited_seconds > 0")
            .await?,
        0,
        "what came back is no measure of the line"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn nothing_is_taken_back_for_ever() -> Result<()> {
    let (scene, _, ada, zoe) = Scene::with_a_minute_to_answer(", unanswered_limit => 2").await?;
    let ben = scene.agent_called("Ben", "online", 5).await?;
    let mut holders = Vec::new();
    for _ in 0..4 {
        scene.passes(61).await?;
        scene.tick().await?;
        holders.push(scene.holder(&zoe).await?);
    }
    assert_eq!(
        holders,
        [Some(ben.id), Some(ada.id), Some(ada.id), Some(ada.id)],
        "twice, and then it stays"
    );
    scene.answer(ada, &zoe, "Sorry!").await?;
    scene.hear_text(ZOE, "wamid.more", "And?").await?;
    scene.passes(61).await?;
    assert_eq!(scene.taken_back().await?, 1, "an answer begins it anew");
    Ok(())
}

#[tokio::test]
async fn a_department_gives_its_agents_their_own_time() -> Result<()> {
    let (scene, adam, ada, zoe) = Scene::with_a_minute_to_answer("").await?;
    let sales = scene.site.department("Sales", 5).await?;
    scene
        .save_routing(adam, &format!("'{sales}', unanswered_seconds => 600"))
        .await?;
    let ben = scene.agent_called("Ben", "online", 5).await?;
    scene
        .as_owner(&format!(
            "update mod_chat_agents set department_id = '{sales}'"
        ))
        .await?;
    scene
        .as_owner(&format!(
            "update mod_chat_conversations set department_id = '{sales}' where id = {}",
            id(&zoe)
        ))
        .await?;
    scene.passes(61).await?;
    assert_eq!(scene.taken_back().await?, 0);
    assert_eq!(scene.holder(&zoe).await?, Some(ada.id));
    scene.passes(540).await?;
    assert_eq!(scene.taken_back().await?, 1);
    assert_eq!(scene.holder(&zoe).await?, Some(ben.id));
    let told = scene
        .said(adam, &format!("chat_routing('{}')", scene.site.id))
        .await?;
    assert_eq!(
        only(&told[1], "unanswered_seconds unanswered_limit"),
        json!({"unanswered_seconds": 600, "unanswered_limit": 3})
    );
    Ok(())
}

#[tokio::test]
async fn what_came_back_is_not_missed_before_it_had_its_time() -> Result<()> {
    let (scene, _, ada, zoe) = Scene::with_a_minute_to_answer("").await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_widget_settings (site_id, missed_after_minutes) values ('{}', 5)
            on conflict (site_id) do update set missed_after_minutes = 5",
            scene.site.id
        ))
        .await?;
    scene.passes(3600).await?;
    let ben = scene.agent_called("Ben", "online", 1).await?;
    scene.given(ben, 1).await?;
    scene.turns(ada, "busy").await?;
    assert_eq!(scene.taken_back().await?, 1);
    assert_eq!(scene.tick().await?["missed"], 0);
    assert_eq!(scene.again(&zoe).await?["status"], "pending");
    scene.passes(301).await?;
    assert_eq!(scene.tick().await?["missed"], 1);
    Ok(())
}

#[tokio::test]
async fn chats_of_somebody_who_has_left_go_to_who_is_there() -> Result<()> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    let ada = scene.agent_called("Ada", "online", 5).await?;
    let (chat, asleep) = (scene.chat().await?, scene.chat().await?);
    scene
        .as_owner(&format!(
            "update mod_chat_conversations set status = 'waiting' where id = {}",
            id(&asleep)
        ))
        .await?;
    let leave = format!(
        "chat_save_agent('{}', '{}', 'Ada', is_active => false)",
        scene.site.id, ada.user
    );
    scene.calls(adam, &leave).await?;
    assert_eq!(
        scene.tick().await?["returned"],
        1,
        "one waits for its visitor"
    );
    let words = scene.words(adam, &chat).await?;
    assert!(
        words.ends_with("It came back because Ada has left the team"),
        "{words}"
    );
    let ben = scene.agent_called("Ben", "online", 5).await?;
    scene.tick().await?;
    assert_eq!(scene.holder(&chat).await?, Some(ben.id));
    scene.visitor_writes(&asleep, "I am back").await?;
    assert_eq!(scene.tick().await?["returned"], 1);
    assert_eq!(scene.holder(&asleep).await?, Some(ben.id));
    assert_counters_equal_recount(&scene.db).await
}
