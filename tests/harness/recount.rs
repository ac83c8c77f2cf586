//! Every counter against the rows it counts.

use anyhow::{Result, ensure};

use crate::TestDb;

/// Fails, naming each difference, unless every number and counter equals a recount:
/// `seq`, `public_seq` and `change` of messages, counters and preview of conversations, loads and handled chats of
/// agents, totals of visitors, session numbers, lanes.
///
/// Who was assigned when a message was written is not kept, so `unread_agent_count` is recounted as if the agent
/// assigned now had been so whenever they wrote. Tests that reassign a conversation after its agent has answered look
/// at that counter themselves.
pub async fn assert_counters_equal_recount(db: &TestDb) -> Result<()> {
    assert_counters_but(db, &[]).await
}

/// The same without the counters that a test looks at itself.
pub async fn assert_counters_but(db: &TestDb, left_out: &[&str]) -> Result<()> {
    let mut differences: Vec<String> = sqlx::query_scalar(include_str!("recount.sql"))
        .fetch_all(db.owner())
        .await?;
    differences.retain(|line| !left_out.iter().any(|field| line.contains(field)));
    ensure!(
        differences.is_empty(),
        "{} counters differ from a recount:\n  {}",
        differences.len(),
        differences.join("\n  ")
    );
    Ok(())
}
