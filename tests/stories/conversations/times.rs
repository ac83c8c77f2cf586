//! How long somebody waited, was answered after, and until it was resolved.

use anyhow::Result;
use pg_chat_tests::AgentIs;
use serde_json::Value;

use crate::scene::{Scene, ZOE};

/// About ninety seconds.
fn about_ninety(seconds: &Value) -> bool {
    seconds
        .as_i64()
        .is_some_and(|seconds| (90..150).contains(&seconds))
}

#[tokio::test]
async fn waiting_answering_and_resolving_are_timed_once() -> Result<()> {
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
    let chat = scene.visit(ZOE).await?;
    let earlier = "update mod_chat_conversations
        set created_at = created_at - interval '90 seconds', pending_since = pending_since - interval '90 seconds'";
    scene.as_owner(earlier).await?;
    scene.turns(ada, "online").await?;
    let taken = scene.again(&chat).await?;
    assert!(about_ninety(&taken["wait_time_seconds"]), "{taken}");
    assert!(!taken["agent_joined_at"].is_null());

    scene.answer(ada, &chat, "Hello Zoe").await?;
    let answered = scene.again(&chat).await?;
    assert!(
        about_ninety(&answered["first_response_time_seconds"]),
        "{answered}"
    );
    scene.as_owner(earlier).await?;
    scene.answer(ada, &chat, "Still there?").await?;
    assert_eq!(
        scene.again(&chat).await?["first_response_time_seconds"],
        answered["first_response_time_seconds"]
    );

    scene.patch(ada, &chat, "status = 'resolved'").await?;
    let resolved = scene.again(&chat).await?;
    assert!(
        resolved["resolution_time_seconds"]
            .as_i64()
            .is_some_and(|s| (180..300).contains(&s)),
        "{resolved}"
    );
    assert!(!resolved["resolved_at"].is_null() && !resolved["archived_at"].is_null());
    Ok(())
}

#[tokio::test]
async fn neither_a_note_nor_the_assistant_is_a_first_response() -> Result<()> {
    let (scene, _) = Scene::with_agent().await?;
    let chat = scene.visit(ZOE).await?;
    for values in ["'ai', 'text'", "'agent', 'note'", "'system', 'event'"] {
        scene
            .as_owner(&format!(
                "insert into mod_chat_messages (conversation_id, content, sender_type, kind)
                select id, 'words', {values} from mod_chat_conversations"
            ))
            .await?;
    }
    assert!(scene.again(&chat).await?["first_response_time_seconds"].is_null());
    Ok(())
}
