//! Every choice is kept with its facts, so nobody has to guess afterwards.

use anyhow::Result;
use pg_chat_tests::{Agent, AgentIs, Refusal, Site};
use serde_json::{Value, json};

use crate::scene::{Scene, id};

impl Scene {
    async fn why(&self, agent: Agent, chat: &Value) -> Result<Value, sqlx::Error> {
        let ask = format!("select chat_explain_assignment({}) as why", id(chat));
        Ok(self.as_agent(agent, &ask).await?.remove(0)["why"].take())
    }
}

#[tokio::test]
async fn a_choice_is_explained_in_words_with_its_facts_and_losers() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene.site.agent("Ada", AgentIs::default()).await?;
    let ben = scene.site.agent("Ben", AgentIs::default()).await?;
    let cleo = scene
        .site
        .agent(
            "Cleo",
            AgentIs {
                status: "away",
                ..AgentIs::default()
            },
        )
        .await?;
    scene.given(ben, 1).await?;
    let chat = scene.chat().await?;
    let why = scene.why(ada, &chat).await?;
    assert_eq!(
        (&why["agent_id"], &why["agent_name"]),
        (&json!(ada.id), &json!("Ada"))
    );
    assert!(
        why["in_words"]
            .as_str()
            .is_some_and(|words| words.starts_with("Ada was the least busy")),
        "{why}"
    );
    assert_eq!(why["choice"]["reason"], "least_busy");
    let reason_of = |agent: Agent| {
        let losers = why["choice"]["losers"].as_array().expect("losers");
        losers
            .iter()
            .find(|loser| loser["agent_ids"] == json!([agent.id]))
            .map(|loser| loser["reason"].clone())
    };
    assert_eq!(reason_of(ben), Some(json!("busier")));
    assert_eq!(reason_of(cleo), Some(json!("not_online")));
    let loads = why["facts"]["candidates"].as_array().expect("candidates");
    assert_eq!(loads.len(), 3);
    assert!(!why["chosen_at"].is_null());
    Ok(())
}

#[tokio::test]
async fn a_persons_own_assignment_is_explained_as_such() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene.site.agent("Ada", AgentIs::default()).await?;
    let ben = scene
        .site
        .agent(
            "Ben",
            AgentIs {
                status: "away",
                ..AgentIs::default()
            },
        )
        .await?;
    let boss = scene
        .site
        .agent(
            "Boss",
            AgentIs {
                role: "supervisor",
                status: "away",
                ..AgentIs::default()
            },
        )
        .await?;
    let chat = scene.chat().await?;
    scene
        .patch(boss, &chat, &format!("assigned_agent_id = '{}'", ben.id))
        .await?;
    let why = scene.why(ada, &chat).await?;
    assert_eq!(why["in_words"], "Ben has it because a person assigned it");
    assert_eq!(why["choice"], json!(null));
    assert_eq!(scene.agent_now(ada).await?["current_chat_count"], 0);
    assert_eq!(scene.agent_now(ben).await?["current_chat_count"], 1);
    Ok(())
}

#[tokio::test]
async fn a_chat_that_waits_says_so() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene
        .site
        .agent(
            "Ada",
            AgentIs {
                status: "away",
                ..AgentIs::default()
            },
        )
        .await?;
    let chat = scene.chat().await?;
    let why = scene.why(ada, &chat).await?;
    assert!(
        why["in_words"]
            .as_str()
            .is_some_and(|words| words.starts_with("Nobody has it")),
        "{why}"
    );
    Ok(())
}

#[tokio::test]
async fn old_facts_are_forgotten_but_why_an_open_chat_is_whose_it_is() -> Result<()> {
    let scene = Scene::open().await?;
    let ada = scene.site.agent("Ada", AgentIs::default()).await?;
    let (open, over) = (scene.chat().await?, scene.chat().await?);
    scene.patch(ada, &over, "status = 'closed'").await?;
    let age = async |days: u32| {
        scene
            .as_owner(&format!(
                "update chat.choices set at = now() - interval '{days} days'"
            ))
            .await?;
        scene
            .as_owner("update chat.site_looks set facts_at = facts_at - interval '61 minutes'")
            .await?;
        anyhow::Ok(scene.tick().await?["facts"].clone())
    };
    assert_eq!(age(89).await?, 0);
    assert_eq!(age(91).await?, 1);
    let why = scene.why(ada, &over).await?;
    assert_eq!(why["facts"], Value::Null);
    let kept = &why["history"][0]["choice"];
    assert_eq!(
        (&kept["agent_id"], &kept["reason"]),
        (&json!(ada.id), &json!("only_one_free")),
        "who got it and why stays"
    );
    let why = scene.why(ada, &open).await?;
    assert_eq!(why["in_words"], "Ada was the only one online with room");
    assert_eq!(why["facts"]["candidates"][0]["agent_id"], json!(ada.id));

    scene.patch(ada, &open, "status = 'closed'").await?;
    scene
        .as_owner(&format!(
            "insert into mod_chat_widget_settings (site_id, choice_days) values ('{}', 365)
            on conflict (site_id) do update set choice_days = 365",
            scene.site.id
        ))
        .await?;
    assert_eq!(
        age(364).await?,
        0,
        "a site keeps them for as long as it likes"
    );
    assert_eq!(age(366).await?, 1);
    Ok(())
}

#[tokio::test]
async fn a_stranger_is_told_nothing() -> Result<()> {
    let scene = Scene::open().await?;
    let chat = scene.chat().await?;
    let elsewhere = Site::make(&scene.db).await?;
    let stranger = elsewhere
        .agent(
            "Stranger",
            AgentIs {
                role: "admin",
                ..AgentIs::default()
            },
        )
        .await?;
    let refusal = Refusal::expect(scene.why(stranger, &chat).await);
    assert_eq!(
        (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
        ("PT404", Some("chat/no_such_conversation"))
    );
    Ok(())
}
