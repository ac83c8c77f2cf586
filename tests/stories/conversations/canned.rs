//! Ready answers: found by a few letters, filled in, counted.

use anyhow::Result;
use pg_chat_tests::{Agent, Refusal};
use serde_json::{Value, json};

use crate::scene::{Scene, id, only};

impl Scene {
    async fn keep(
        &self,
        agent: Agent,
        title: &str,
        shortcut: &str,
        content: &str,
        shared: bool,
    ) -> Result<Value> {
        let insert = format!(
            "insert into mod_chat_canned_responses (site_id, title, shortcut, content, is_shared)
            values ('{}', '{title}', '{shortcut}', '{content}', {shared}) returning *",
            self.site.id
        );
        Ok(self.as_agent(agent, &insert).await?.remove(0))
    }

    async fn find(&self, agent: Agent, query: &str) -> Result<Vec<String>> {
        let ask = format!(
            "select title from chat_find_canned('{}', '{query}')",
            self.site.id
        );
        let rows = self.as_agent(agent, &ask).await?;
        Ok(rows
            .iter()
            .map(|row| row["title"].as_str().unwrap_or_default().to_owned())
            .collect())
    }

    async fn using(
        &self,
        agent: Agent,
        response: &Value,
        chat: &Value,
    ) -> Result<Value, sqlx::Error> {
        let ask = format!(
            "select chat_use_canned({}, {}) as answer",
            id(response),
            id(chat)
        );
        Ok(self.as_agent(agent, &ask).await?[0]["answer"].take())
    }
}

#[tokio::test]
async fn a_shortcut_finds_its_answer_and_ones_own_come_first() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let ben = scene.colleague("agent").await?;
    scene
        .keep(ada, "Refund", "/refund", "All of it back", true)
        .await?;
    scene
        .keep(ada, "Return", "re", "Send it back", true)
        .await?;
    scene.keep(ada, "Mine", "/reply", "Dear", false).await?;
    scene
        .keep(ada, "Hours", "/hours", "No refund on Sundays", true)
        .await?;
    assert_eq!(scene.find(ada, "/re").await?, ["Return", "Mine", "Refund"]);
    assert_eq!(
        scene.find(ben, "/RE").await?,
        ["Return", "Refund"],
        "private ones stay private"
    );
    assert_eq!(
        scene.find(ben, "refund").await?,
        ["Refund", "Hours"],
        "words look into texts as well"
    );
    scene
        .as_owner("update mod_chat_canned_responses set category = 'Billing', tags = '{Money}' where title = 'Return'")
        .await?;
    for word in ["billing", "money"] {
        assert_eq!(
            scene.find(ben, word).await?,
            ["Return"],
            "{word} is its category or tag"
        );
    }
    assert_eq!(scene.find(ben, "").await?.len(), 3);
    assert!(scene.find(ben, "100%_").await?.is_empty());
    Ok(())
}

#[tokio::test]
async fn using_an_answer_fills_its_places_and_counts() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.widget_chat().await?;
    let hello = scene
        .keep(
            ada,
            "Hello",
            "/hi",
            "Hello {{visitor.first_name|there}}, {{agent.name}} here about {{conversation.number}}. {{visitor.email}}{{order}}",
            true,
        )
        .await?;
    let answer = scene.using(ada, &hello, &chat).await?;
    let number = chat["session_number"].as_str().unwrap_or_default();
    assert_eq!(
        only(&answer, "content missing unknown"),
        json!({"content": format!("Hello Zoe, Ada here about {number}. {{{{order}}}}"),
            "missing": ["visitor.email"], "unknown": ["order"]})
    );
    scene.using(ada, &hello, &chat).await?;
    let kept = scene
        .row("select usage_count, last_used_at is not null as used from mod_chat_canned_responses")
        .await?;
    assert_eq!(kept, json!({"usage_count": 2, "used": true}));
    Ok(())
}

#[tokio::test]
async fn nobody_uses_a_colleagues_private_answer_or_one_of_another_site() -> Result<()> {
    let (scene, ada) = Scene::with_agent().await?;
    let ben = scene.colleague("agent").await?;
    let chat = scene.widget_chat().await?;
    let mine = scene.keep(ada, "Mine", "/m", "Dear", false).await?;
    let elsewhere = pg_chat_tests::Site::make(&scene.db).await?;
    let stranger = elsewhere.agent("Eve", Default::default()).await?;
    for (agent, code) in [
        (ben, "chat/no_such_canned"),
        (stranger, "chat/no_such_conversation"),
    ] {
        let refusal = Refusal::expect(scene.using(agent, &mine, &chat).await);
        assert_eq!(
            (refusal.sqlstate.as_str(), refusal.detail.as_deref()),
            ("PT404", Some(code))
        );
    }
    assert_eq!(
        scene
            .row("select usage_count from mod_chat_canned_responses")
            .await?["usage_count"],
        0
    );
    Ok(())
}
