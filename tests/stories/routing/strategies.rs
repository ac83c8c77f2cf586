//! How a site or a department hands out its conversations.

use anyhow::Result;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Agent, AgentIs, Refusal};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::scene::{Scene, ZOE, id, only, uuid_of};

impl Scene {
    /// An admin, who takes no chats.
    pub async fn admin(&self) -> Result<Agent> {
        let is = AgentIs {
            role: "admin",
            status: "offline",
            ..AgentIs::default()
        };
        self.site.agent("Adam", is).await
    }

    /// Settings as an admin saves them: `"strategy => 'round_robin'"`.
    pub(super) async fn save_routing(&self, by: Agent, rest: &str) -> Result<Value, sqlx::Error> {
        let call = format!(
            "select chat_save_routing('{}', {rest}) as saved",
            self.site.id
        );
        Ok(self.as_agent(by, &call).await?.remove(0)["saved"].take())
    }

    pub(super) async fn online(&self, name: &str, max: i32) -> Result<Agent> {
        let is = AgentIs {
            max,
            ..AgentIs::default()
        };
        self.site.agent(name, is).await
    }

    async fn in_department(&self, name: &str, department: Uuid) -> Result<Agent> {
        let is = AgentIs {
            department: Some(department),
            ..AgentIs::default()
        };
        self.site.agent(name, is).await
    }

    /// Whom so many new chats go to.
    async fn takers(&self, chats: usize) -> Result<Vec<Option<Uuid>>> {
        let mut takers = Vec::new();
        for _ in 0..chats {
            let chat = self.chat().await?;
            takers.push(self.holder(&chat).await?);
        }
        Ok(takers)
    }

    pub(super) async fn reason(&self, chat: &Value) -> Result<Value> {
        let reason = format!(
            "select choice ->> 'reason' as reason from chat.choices where conversation_id = {} order by id desc limit 1",
            id(chat)
        );
        Ok(self.row(&reason).await?["reason"].take())
    }

    /// Whoever waits has waited so long.
    async fn wait(&self, seconds: u32) -> Result<()> {
        self.as_owner(&format!(
            "update mod_chat_conversations set pending_since = pending_since - interval '{seconds} seconds'
            where status = 'pending'"
        ))
        .await?;
        Ok(())
    }
}

#[tokio::test]
async fn in_turn_everybody_gets_one_however_busy_and_who_is_full_is_passed_over() -> Result<()> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    scene
        .save_routing(adam, "strategy => 'round_robin'")
        .await?;
    let ada = scene.online("Ada", 10).await?;
    let ben = scene.online("Ben", 1).await?;
    let cleo = scene.online("Cleo", 2).await?;
    let first: Vec<_> = scene.takers(3).await?;
    for agent in [ada, ben, cleo] {
        assert!(first.contains(&Some(agent.id)), "one each: {first:?}");
    }
    // Ben is full, Cleo after her second.
    let next = scene.takers(4).await?;
    assert!(!next.contains(&Some(ben.id)), "{next:?}");
    let cleos = next.iter().filter(|taker| **taker == Some(cleo.id));
    assert_eq!(cleos.count(), 1, "{next:?}");
    assert_eq!(&next[2..], [Some(ada.id), Some(ada.id)]);
    let last = scene.chat().await?;
    assert_eq!(scene.reason(&last).await?, "only_one_free");
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn who_talked_to_somebody_last_gets_their_next_chat_too() -> Result<()> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    let ada = scene.online("Ada", 5).await?;
    let zoe = scene.visit(ZOE).await?;
    scene.patch(ada, &zoe, "status = 'closed'").await?;
    let ben = scene.online("Ben", 5).await?;
    scene.given(ada, 2).await?;
    let ask_again = |wamid: &'static str| {
        let scene = &scene;
        async move {
            scene.hear_text(ZOE, wamid, "Again").await?;
            scene.conversation_of(ZOE).await
        }
    };
    scene.save_routing(adam, "strategy => 'sticky'").await?;
    let second = ask_again("wamid.again.1").await?;
    assert_ne!(second["id"], zoe["id"], "a closed chat stays closed");
    assert_eq!(
        scene.holder(&second).await?,
        Some(ada.id),
        "Ben is less busy"
    );
    assert_eq!(scene.reason(&second).await?, "knows_visitor");
    scene.patch(ada, &second, "status = 'closed'").await?;
    scene.turns(ada, "away").await?;
    let third = ask_again("wamid.again.2").await?;
    assert_eq!(
        scene.holder(&third).await?,
        Some(ben.id),
        "nobody waits for somebody who is away"
    );
    Ok(())
}

#[tokio::test]
async fn a_chat_that_needs_skills_waits_for_them_and_then_takes_the_best_there_is() -> Result<()> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    scene
        .save_routing(adam, "strategy => 'skills', skills_wait_seconds => 60")
        .await?;
    let ada = scene.online("Ada", 5).await?;
    let ben = scene.online("Ben", 5).await?;
    let cleo = scene.online("Cleo", 1).await?;
    let knows = |agent: Agent, skills: &str| {
        format!(
            "select id from chat_save_skills('{}', '{}', '{skills}')",
            scene.site.id, agent.id
        )
    };
    scene.as_agent(adam, &knows(ben, "{german}")).await?;
    scene
        .as_agent(adam, &knows(cleo, "{ German,BILLING,german}"))
        .await?;
    assert_eq!(
        scene.agent_now(cleo).await?["skills"],
        json!(["german", "billing"])
    );

    let needs = ", skills = '{billing,German }'";
    let first = scene.chat_with(needs).await?;
    assert_eq!(first["skills"], json!(["billing", "german"]));
    assert_eq!(scene.holder(&first).await?, Some(cleo.id));
    let second = scene.chat_with(needs).await?;
    assert_eq!(scene.holder(&second).await?, None, "Cleo is full");
    let other = scene.chat().await?;
    assert!(
        scene.holder(&other).await?.is_some(),
        "what needs no skills does not wait behind it"
    );
    scene.wait(61).await?;
    scene.tick().await?;
    assert_eq!(
        scene.holder(&second).await?,
        Some(ben.id),
        "one of two is better than none"
    );
    assert_eq!(scene.reason(&second).await?, "best_skills");
    let third = scene.chat_with(needs).await?;
    assert_eq!(scene.holder(&third).await?, None);
    scene
        .as_agent(adam, &knows(ada, "{billing,german}"))
        .await?;
    assert_eq!(
        scene.holder(&third).await?,
        Some(ada.id),
        "who learns it gets it at once"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn nobody_gets_more_within_an_hour_than_the_limit() -> Result<()> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    scene.save_routing(adam, "hourly_limit => 2").await?;
    let ada = scene.online("Ada", 10).await?;
    let ben = scene.online("Ben", 10).await?;
    let takers = scene.takers(5).await?;
    for agent in [ada, ben] {
        assert_eq!(
            takers
                .iter()
                .filter(|taker| **taker == Some(agent.id))
                .count(),
            2
        );
    }
    assert_eq!(takers[4], None, "the fifth waits");
    scene
        .as_owner("update chat.choices set at = at - interval '1 hour' where id = (select min(id) from chat.choices)")
        .await?;
    scene.tick().await?;
    assert_eq!(
        scene
            .count("mod_chat_conversations where status = 'pending'")
            .await?,
        0
    );
    Ok(())
}

#[tokio::test]
async fn after_a_time_others_stand_in_for_a_department() -> Result<()> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    let (sales, support) = (
        scene.site.department("Sales", 5).await?,
        scene.site.department("Support", 5).await?,
    );
    let fallback = format!("'{sales}', fallback_seconds => 30, fallback_department => '{support}'");
    scene.save_routing(adam, &fallback).await?;
    scene.online("Anybody", 5).await?;
    let sam = scene.in_department("Sam", support).await?;
    let of_sales = format!(", department_id = '{sales}'");
    let chat = scene.chat_with(&of_sales).await?;
    scene.tick().await?;
    assert_eq!(scene.holder(&chat).await?, None, "its own first");
    scene.wait(31).await?;
    scene.tick().await?;
    assert_eq!(scene.holder(&chat).await?, Some(sam.id));
    assert_eq!(
        scene.again(&chat).await?["department_id"],
        json!(sales),
        "it stays Sales'"
    );
    let sue = scene.in_department("Sue", sales).await?;
    scene.given(sue, 3).await?;
    let another = scene.chat_with(&of_sales).await?;
    assert_eq!(
        scene.holder(&another).await?,
        Some(sue.id),
        "busier, but its own"
    );
    assert_counters_equal_recount(&scene.db).await
}

#[tokio::test]
async fn what_nobody_has_sorted_is_the_default_departments() -> Result<()> {
    let scene = Scene::open().await?;
    let sales = scene.site.department("Sales", 5).await?;
    scene
        .as_owner("update mod_chat_departments set is_default = true")
        .await?;
    let (free, seller) = (
        scene.online("Free", 5).await?,
        scene.in_department("Sue", sales).await?,
    );
    let chat = scene.chat().await?;
    assert_eq!(
        only(&chat, "department_id assigned_agent_id"),
        json!({"department_id": sales, "assigned_agent_id": seller.id})
    );
    scene
        .as_owner("update mod_chat_departments set is_active = false")
        .await?;
    let chat = scene.chat().await?;
    assert_eq!(
        only(&chat, "department_id assigned_agent_id"),
        json!({"department_id": null, "assigned_agent_id": free.id})
    );
    Ok(())
}

#[tokio::test]
async fn a_department_without_settings_of_its_own_has_its_sites() -> Result<()> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    let sales = scene.site.department("Sales", 5).await?;
    scene.site.department("Support", 5).await?;
    scene.save_routing(adam, "strategy => 'sticky'").await?;
    let told = scene
        .save_routing(
            adam,
            &format!("'{sales}', 'round_robin', hourly_limit => 3"),
        )
        .await?;
    let shown: Vec<_> = told
        .as_array()
        .expect("a list")
        .iter()
        .map(|row| only(row, "department_name is_own strategy hourly_limit"))
        .collect();
    assert_eq!(
        shown,
        [
            json!({"department_name": null, "is_own": true, "strategy": "sticky", "hourly_limit": null}),
            json!({"department_name": "Sales", "is_own": true, "strategy": "round_robin", "hourly_limit": 3}),
            json!({"department_name": "Support", "is_own": false, "strategy": "sticky", "hourly_limit": null}),
        ]
    );
    Ok(())
}

#[tokio::test]
async fn settings_that_cannot_be_meant_are_refused() -> Result<()> {
    let scene = Scene::open().await?;
    let adam = scene.admin().await?;
    let ada = scene.online("Ada", 5).await?;
    let sales = scene.site.department("Sales", 5).await?;
    let gone = scene.site.department("Gone", 5).await?;
    scene
        .as_owner(&format!(
            "update mod_chat_departments set is_active = false where id = '{gone}'"
        ))
        .await?;
    for (rest, code) in [
        ("strategy => 'luck'".to_owned(), "chat/unknown_strategy"),
        ("unanswered_seconds => 9".to_owned(), "chat/unanswered"),
        ("unanswered_limit => 0".to_owned(), "chat/unanswered"),
        ("unanswered_limit => null".to_owned(), "chat/unanswered"),
        ("hourly_limit => 0".to_owned(), "chat/routing_limits"),
        ("fallback_seconds => -1".to_owned(), "chat/routing_limits"),
        (format!("fallback_department => '{sales}'"), "chat/fallback"),
        (
            format!("'{sales}', fallback_seconds => 1, fallback_department => '{sales}'"),
            "chat/fallback",
        ),
        (format!("'{gone}'"), "chat/no_such_department"),
        (
            format!(
                "'{sales}', fallback_seconds => 1, fallback_department => '{}'",
                Uuid::new_v4()
            ),
            "chat/no_such_department",
        ),
    ] {
        let refusal = Refusal::expect(scene.save_routing(adam, &rest).await);
        assert_eq!(refusal.detail.as_deref(), Some(code), "{rest}");
    }
    let refusal = Refusal::expect(scene.save_routing(ada, "strategy => 'sticky'").await);
    assert_eq!(refusal.detail.as_deref(), Some("chat/not_allowed"));
    let many: Vec<_> = (0..21).map(|n| n.to_string()).collect();
    for (call, code) in [
        (
            format!(
                "chat_save_skills('{}', '{}', '{{{}}}')",
                scene.site.id,
                ada.id,
                many.join(",")
            ),
            "chat/skills",
        ),
        (
            format!(
                "chat_save_skills('{}', '{}', '{{}}')",
                scene.site.id,
                Uuid::new_v4()
            ),
            "chat/no_such_agent",
        ),
    ] {
        let refusal = Refusal::expect(
            scene
                .as_agent(adam, &format!("select id from {call}"))
                .await,
        );
        assert_eq!(refusal.detail.as_deref(), Some(code), "{call}");
    }
    let chat = scene.chat().await?;
    let refusal = Refusal::expect(
        scene.as_agent(ada, &format!("update mod_chat_conversations set skills = '{{x}}' where id = '{}' returning id", uuid_of(&chat))).await,
    );
    assert_eq!(
        refusal.detail.as_deref(),
        Some("chat/not_allowed"),
        "what a chat needs is a supervisor's to say"
    );
    Ok(())
}
