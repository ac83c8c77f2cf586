//! The queue as people see it: places, what they may expect, and what visitors hear of it.

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs, Refusal, Session};
use serde_json::{Value, json};

use super::by_hand::said;
use crate::scene::{Scene, ZOE, id, only};

impl Scene {
    async fn queue(&self, by: Agent, rest: &str) -> Result<Value> {
        Ok(self
            .said(by, &format!("chat_queue('{}'{rest})", self.site.id))
            .await?)
    }

    async fn place(&self, session: &Session, chat: &Value) -> Result<Value, sqlx::Error> {
        let mut visitor = self
            .db
            .as_visitor(session)
            .await
            .map_err(|error| sqlx::Error::Configuration(error.into()))?;
        let ask = format!("select chat_queue_position({}) as place", id(chat));
        Ok(visitor.rows(&ask).await?[0]["place"].take())
    }

    /// Somebody with a session who waits.
    async fn comes(&self) -> Result<(Session, Value)> {
        let session = self.site.session(&self.db).await?;
        let chat = json!({"id": self.site.conversation(session.visitor).await?});
        Ok((session, self.again(&chat).await?))
    }

    /// What was told on a visitor's topic of their place.
    async fn heard(&self, session: &Session) -> Result<Vec<Value>> {
        let heard = self
            .rows(&format!(
                "select payload from realtime.messages
                where topic = 'chat:visitor:{}' and event = 'queue_position' order by inserted_at",
                session.visitor
            ))
            .await?;
        Ok(heard
            .into_iter()
            .map(|row| only(&row["payload"], "position expected_seconds from_chats"))
            .collect())
    }

    /// How many visitors a tick tells, the last one having been so many seconds ago.
    async fn told_after(&self, seconds: u32) -> Result<Value> {
        self.told_before(seconds).await?;
        Ok(self.tick().await?["told"].clone())
    }

    async fn told_before(&self, seconds: u32) -> Result<()> {
        for (table, column) in [("queue_told", "told_at"), ("site_looks", "queue_at")] {
            self.as_owner(&format!(
                "update chat.{table} set {column} = clock_timestamp() - interval '{seconds} seconds'"
            ))
            .await?;
        }
        Ok(())
    }
}

fn places(queue: &Value) -> Vec<Value> {
    let chats = queue["chats"].as_array().expect("a list");
    chats
        .iter()
        .map(|chat| json!([chat["conversation_id"], chat["position"]]))
        .collect()
}

#[tokio::test]
async fn everybody_who_waits_has_a_place_in_the_line_of_their_department() -> Result<()> {
    let scene = Scene::open().await?;
    let boss = scene.admin().await?;
    let sales = scene.site.department("Sales", 5).await?;
    let line = scene.line_of(3).await?;
    let sold = scene
        .chat_with(&format!(
            ", department_id = '{sales}', pending_since = now() - interval '2 hours'"
        ))
        .await?;
    let urgent = scene
        .chat_with(&format!(", department_id = '{sales}', priority = 'urgent'"))
        .await?;
    let queue = scene.queue(boss, "").await?;
    assert_eq!(queue["waiting"], 5);
    assert_eq!(
        places(&queue),
        [
            json!([urgent["id"], 1]),
            json!([sold["id"], 2]),
            json!([line[0]["id"], 1]),
            json!([line[1]["id"], 2]),
            json!([line[2]["id"], 3]),
        ],
        "by urgency and age; places count within a department"
    );
    assert_eq!(
        only(
            &queue["chats"][0],
            "department_id department_name priority visitor_name channel"
        ),
        json!({"department_id": sales, "department_name": "Sales", "priority": "urgent",
            "visitor_name": "Somebody", "channel": "widget"})
    );
    let page = scene.queue(boss, ", 2").await?;
    assert_eq!((&page["waiting"], places(&page).len()), (&json!(5), 2));
    assert_eq!(
        scene
            .refusal(boss, &format!("chat_queue('{}', 0)", scene.site.id))
            .await,
        said("PT422", "chat/page_size")
    );

    let (zoe, chat) = scene.comes().await?;
    let place = scene.place(&zoe, &chat).await?;
    assert_eq!(
        only(&place, "conversation_id status position"),
        json!({"conversation_id": chat["id"], "status": "pending", "position": 4})
    );
    let last = scene.queue(boss, "").await?["chats"][5].take();
    for field in [
        "waiting_since",
        "position",
        "expected_wait",
        "reason",
        "from_chats",
    ] {
        assert_eq!(last[field], place[field], "{field} is the same to both");
    }
    scene
        .as_owner("update mod_chat_conversations set status = 'closed'")
        .await?;
    assert_eq!(
        scene.place(&zoe, &chat).await?,
        json!({"conversation_id": chat["id"], "status": "closed", "position": null})
    );
    let refusal = Refusal::expect(scene.place(&zoe, &line[0]).await);
    assert_eq!(
        refusal.detail.as_deref(),
        Some("chat/no_such_conversation"),
        "somebody else's"
    );
    Ok(())
}

#[tokio::test]
async fn the_wait_is_what_a_step_took_lately_or_nothing_is_said() -> Result<()> {
    let scene = Scene::open().await?;
    let boss = scene.admin().await?;
    let is = AgentIs {
        status: "offline",
        max: 3,
        ..AgentIs::default()
    };
    let ada = scene.site.agent("Ada", is).await?;
    let line = scene.line_of(5).await?;
    let expected = async || {
        let queue = scene.queue(boss, "").await?;
        let chats = queue["chats"].as_array().expect("a list");
        anyhow::Ok(
            chats
                .iter()
                .map(|chat| {
                    only(
                        chat,
                        "expected_wait expected_seconds seconds_per_chat from_chats reason",
                    )
                })
                .collect::<Vec<_>>(),
        )
    };
    let unknown = |from: i32, reason: &str| {
        json!({"expected_wait": null, "expected_seconds": null, "seconds_per_chat": null,
            "from_chats": from, "reason": reason})
    };
    assert_eq!(expected().await?[0], unknown(0, "nobody_there"));
    scene.turns(ada, "online").await?;
    assert_eq!(
        scene
            .count("chat.choices where waited_seconds > 3000")
            .await?,
        3
    );
    scene
        .as_owner("update chat.choices set waited_seconds = null where id = (select min(id) from chat.choices)")
        .await?;
    assert_eq!(
        expected().await?[0],
        unknown(2, "too_few_chats"),
        "two are too few"
    );
    // A minute between them.
    scene
        .as_owner(
            "update chat.choices k set waited_seconds = 3500,
                at = now() - (select count(*) from chat.choices o where o.id >= k.id) * interval '1 minute'",
        )
        .await?;
    let known = |seconds: i32, wait: &str| {
        json!({"expected_wait": wait, "expected_seconds": seconds, "seconds_per_chat": 60,
            "from_chats": 3, "reason": null})
    };
    assert_eq!(
        expected().await?,
        [known(60, "00:01:00"), known(120, "00:02:00")]
    );
    scene
        .as_owner("update chat.choices set at = at - interval '4 hours'")
        .await?;
    assert_eq!(
        expected().await?[0],
        unknown(0, "too_few_chats"),
        "that is too long ago"
    );
    // A line that is claimed from needs somebody who is there, online or not.
    let sales = scene.site.department("Sales", 5).await?;
    scene
        .as_owner("update mod_chat_departments set auto_assign = false")
        .await?;
    scene
        .as_owner(&format!(
            "update mod_chat_agents set department_id = '{sales}', status = 'away'"
        ))
        .await?;
    scene
        .as_owner(&format!(
            "update mod_chat_conversations set department_id = '{sales}' where id = {}",
            id(&line[4])
        ))
        .await?;
    assert_eq!(
        expected().await?,
        [unknown(0, "nobody_there"), unknown(0, "too_few_chats")]
    );
    Ok(())
}

#[tokio::test]
async fn a_visitor_hears_when_they_moved_and_not_each_second() -> Result<()> {
    let scene = Scene::open().await?;
    let boss = scene.admin().await?;
    scene.visit(ZOE).await?;
    let (zoe, first) = scene.comes().await?;
    let (yan, second) = scene.comes().await?;
    let at = |place: i32| json!({"position": place, "expected_seconds": null, "from_chats": 0});
    assert_eq!(
        scene.told_after(0).await?,
        2,
        "WhatsApp has nobody who listens"
    );
    assert_eq!(scene.heard(&zoe).await?, [at(2)]);
    assert_eq!(scene.heard(&yan).await?, [at(3)]);
    assert_eq!(scene.told_after(60).await?, 0, "nothing moved");

    scene
        .as_owner("update mod_chat_conversations set status = 'closed' where channel = 'whatsapp'")
        .await?;
    assert_eq!(
        scene.told_after(0).await?,
        0,
        "a site is looked at every five seconds"
    );
    scene.told_before(11).await?;
    let (one, two) = tokio::join!(scene.tick(), scene.tick());
    let sum = |tick: Result<Value>| anyhow::Ok(tick?["told"].as_i64().unwrap_or(0));
    assert_eq!(sum(one)? + sum(two)?, 2, "two workers tell it once");
    assert_eq!(scene.heard(&zoe).await?, [at(2), at(1)]);

    scene
        .calls(boss, &format!("chat_claim({})", id(&first)))
        .await?;
    assert_eq!(
        scene.told_after(6).await?,
        0,
        "nobody hears it twice within ten seconds"
    );
    assert_eq!(scene.told_after(11).await?, 1);
    let yans = scene.heard(&yan).await?;
    assert_eq!(yans[..2], [at(3), at(2)]);
    // Where this took a second, the first one has had to wait, and counts.
    assert_eq!(yans[2]["position"], 1);
    assert_eq!(yans.len(), 3);
    assert_eq!(
        scene.heard(&zoe).await?.len(),
        2,
        "who has an agent is told that instead"
    );
    scene.patch(boss, &second, "status = 'closed'").await?;
    assert_eq!(scene.told_after(11).await?, 0);
    assert_eq!(scene.count("chat.queue_told").await?, 0);
    Ok(())
}
