//! What must be when nobody does anything any more.

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::{TestDb, wait_until};

/// When the tick began that had nothing left to do: what only time brought since is for the next.
#[derive(Debug)]
pub struct AtRest(String);

/// Ends every pause and ticks until there is nothing left to do.
pub async fn come_to_rest(db: &TestDb) -> Result<AtRest> {
    db.as_owner(
        "do $$ declare p record; begin
            for p in select * from chat.pauses loop
                if p.what = 'kind' then perform chat.resume(kind => p.name); else perform chat.resume(number => p.name); end if;
            end loop;
        end $$",
    )
    .await?;
    let mut last = Value::Null;
    wait_until("ticks have nothing left to do", async || {
        let (began, done): (String, Value) =
            sqlx::query_as("select clock_timestamp()::text, chat_tick(200)")
                .fetch_one(db.as_worker())
                .await?;
        let left: i64 = ["orphans", "settled", "returned", "unanswered", "sent", "woken", "resolved", "missed", "aside", "lost", "counted", "routed", "sla", "crm"]
            .iter()
            .filter_map(|word| done[word].as_i64())
            .sum();
        let unread = db
            .count(
                "chat.words_progress p where p.event_id < coalesce((select max(id) from chat.events), 0)
                or (select event_id from chat.crm_progress) < (select max(id) from chat.events)
                or exists (select from chat.crm_due where next_at <= clock_timestamp())
                or exists (select from chat.words_due) or exists (select from chat.sla_changes)
                or exists (select from chat.sla_policies)
                    and (select event_id from chat.sla_progress) < (select max(id) from chat.events)",
            )
            .await?;
        last = done;
        Ok((left == 0 && unread == 0).then_some(AtRest(began)))
    })
    .await
    .with_context(|| format!("the last tick did {last}"))
}

/// Fails, naming each thing that is not as it must be. Choices of agents up to `judged` never change any more and were
/// looked at before; gives the newest one.
pub async fn assert_nothing_is_amiss(db: &TestDb, rest: &AtRest, judged: i64) -> Result<i64> {
    let wrong: Vec<String> = sqlx::query_scalar(include_str!("invariants.sql"))
        .bind(judged)
        .bind(&rest.0)
        .fetch_all(db.owner())
        .await?;
    ensure!(
        wrong.is_empty(),
        "{} things are not as they must be:\n  {}",
        wrong.len(),
        wrong.join("\n  ")
    );
    Ok(
        sqlx::query_scalar("select coalesce(max(h.id), 0) from chat.choices h")
            .fetch_one(db.owner())
            .await?,
    )
}
