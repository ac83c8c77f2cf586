//! A person writes on WhatsApp.

use anyhow::Result;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::webhook::{receive, text};
use pg_chat_tests::{AgentIs, Site, TestDb};
use uuid::Uuid;

#[tokio::test]
async fn a_text_opens_a_conversation_that_a_free_agent_gets() -> Result<()> {
    let db = TestDb::new().await?;
    let site = Site::make(&db).await?;
    let number = site.number(&db, "106540352242922").await?;
    let ada = site.agent("Ada", AgentIs::default()).await?;

    let answers = receive(&db, &number, &[text("16505551234", "wamid.one", "Hello")]).await?;
    assert_eq!((&answers[0]["stored"], &answers[0]["dead"]), (&1.into(), &0.into()), "{answers:?}");

    let (status, agent, preview): (String, Option<Uuid>, String) =
        sqlx::query_as("select status, assigned_agent_id, last_message_text from public.mod_chat_conversations")
            .fetch_one(db.owner())
            .await?;
    assert_eq!((status.as_str(), agent, preview.as_str()), ("active", Some(ada.id), "Hello"));
    assert_counters_equal_recount(&db).await
}
