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
            .find(|loser| loser["agent_id"] == json!(agent.id))
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
