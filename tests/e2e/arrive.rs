//! A person writes on WhatsApp.

use anyhow::Result;
use local_stack::graph::Say;
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Site, TestDb, Worker, wait_until};

#[tokio::test]
async fn what_a_phone_writes_is_stored_and_marked_as_read() -> Result<()> {
    let db = TestDb::new().await?;
    let site = Site::make(&db).await?;
    let number = site.number(&db, "106540352242922").await?;
    let (graph, mut worker) = Worker::start(&db, &site, &number).await?;

    let said = graph.simulator().say("16505551234", Say::text("Hello"))?;

    wait_until("the phone shows blue ticks", async || {
        let phone = graph.simulator().phone("16505551234");
        Ok(phone
            .bubbles
            .iter()
            .any(|bubble| bubble.marked_read)
            .then_some(()))
    })
    .await?;
    let (wamid, content): (String, String) =
        sqlx::query_as("select whatsapp_message_id, content from public.mod_chat_messages")
            .fetch_one(db.owner())
            .await?;
    assert_eq!((wamid, content.as_str()), (said.wamid, "Hello"));
    assert_eq!(worker.stop().await?, Some(0));
    assert_counters_equal_recount(&db).await
}
