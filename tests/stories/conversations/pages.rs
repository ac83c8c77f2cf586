//! Reading a conversation: pages both ways, and what changed since.

use anyhow::Result;
use pg_chat_tests::{Agent, Refusal};
use serde_json::{Value, json};

use crate::scene::{Scene, ZOE, id};

/// A conversation of twelve messages, a note among them, of which the sixth was written first.
async fn long_chat() -> Result<(Scene, Agent, Value)> {
    let (scene, ada) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    for n in 2..=12 {
        let (kind, sent_at) = match n {
            4 => ("note", "now()"),
            6 => ("text", "now() - interval '1 hour'"),
            _ => ("text", "now()"),
        };
        scene
            .as_owner(&format!(
                "insert into mod_chat_messages (conversation_id, sender_type, kind, content, sent_at)
                values ({}, 'agent', '{kind}', '{n}', {sent_at})",
                id(&chat)
            ))
            .await?;
    }
    Ok((scene, ada, chat))
}

impl Scene {
    /// The `seq`s of a page, in the order it shows them.
    async fn page(&self, agent: Agent, chat: &Value, arguments: &str) -> Result<Vec<i64>> {
        let page = self
            .as_agent(
                agent,
                &format!("select * from chat_messages({}, {arguments})", id(chat)),
            )
            .await?;
        Ok(page.iter().filter_map(|row| row["seq"].as_i64()).collect())
    }

    async fn changes(&self, agent: Agent, chat: &Value, since: i64, size: i64) -> Result<Value> {
        let said = self
            .as_agent(
                agent,
                &format!("select chat_changes({}, {since}, {size}) as said", id(chat)),
            )
            .await?;
        Ok(said[0]["said"].clone())
    }
}

#[tokio::test]
async fn pages_go_back_and_forth_and_meet() -> Result<()> {
    let (scene, ada, chat) = long_chat().await?;
    assert_eq!(
        scene.page(ada, &chat, "page_size => 4").await?,
        [9, 10, 11, 12]
    );
    // Within a page, by when it was written.
    assert_eq!(
        scene
            .page(ada, &chat, "before => 9, page_size => 4")
            .await?,
        [6, 5, 7, 8]
    );
    assert_eq!(
        scene
            .page(ada, &chat, "before => 5, page_size => 9")
            .await?,
        [1, 2, 3, 4]
    );
    assert_eq!(
        scene.page(ada, &chat, "after => 8, page_size => 3").await?,
        [9, 10, 11]
    );
    assert_eq!(
        scene
            .page(ada, &chat, "after => 11, page_size => 3")
            .await?,
        [12]
    );
    assert_eq!(scene.page(ada, &chat, "after => 12").await?, [0; 0]);
    Ok(())
}

#[tokio::test]
async fn a_client_that_was_away_gets_every_change_once() -> Result<()> {
    let (scene, ada, chat) = long_chat().await?;
    let mut since = 0;
    let mut seen = Vec::new();
    loop {
        let said = scene.changes(ada, &chat, since, 5).await?;
        seen.extend(
            said["messages"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|m| m["seq"].clone()),
        );
        since = said["change"].as_i64().expect("a number");
        if said["more"] == false {
            break;
        }
    }
    assert_eq!(seen, (1..=12).map(|n| json!(n)).collect::<Vec<_>>());
    let quiet = scene.changes(ada, &chat, since, 5).await?;
    assert_eq!(
        quiet,
        json!({"conversation": null, "messages": [], "more": false, "change": since})
    );

    scene.patch(ada, &chat, "subject = 'Parcel'").await?;
    scene.hear_text(ZOE, "wamid.13", "Still there?").await?;
    let news = scene.changes(ada, &chat, since, 5).await?;
    assert_eq!(news["conversation"]["subject"], "Parcel");
    assert_eq!(news["messages"][0]["content"], "Still there?");
    assert_eq!(news["change"], since + 2);
    Ok(())
}

#[tokio::test]
async fn a_page_that_cannot_be_says_why() -> Result<()> {
    let (scene, ada, chat) = long_chat().await?;
    let chat = id(&chat);
    for (call, code) in [
        (
            format!("chat_messages({chat}, before => 3, after => 1)"),
            "PT422 chat/two_ways",
        ),
        (
            format!("chat_messages({chat}, page_size => 501)"),
            "PT422 chat/page_size",
        ),
        (
            format!("chat_messages({chat}, page_size => null)"),
            "PT422 chat/page_size",
        ),
        (
            "chat_messages(gen_random_uuid())".to_owned(),
            "PT404 chat/no_such_conversation",
        ),
        (
            format!("chat_changes({chat}, 0, 0)"),
            "PT422 chat/page_size",
        ),
        (
            "chat_changes(null, 0)".to_owned(),
            "PT404 chat/no_such_conversation",
        ),
    ] {
        let refusal = Refusal::expect(scene.as_agent(ada, &format!("select * from {call}")).await);
        let said = format!(
            "{} {}",
            refusal.sqlstate,
            refusal.detail.unwrap_or_default()
        );
        assert_eq!(said, code, "{call}");
    }
    Ok(())
}
