//! Rows that are told again to whoever joins with `replay`.

use serde_json::{Value, json};
use sqlx::Row as _;
use sqlx::postgres::PgPool;
use uuid::Uuid;

use super::PREFIX;
use super::channel::Replay;
use super::frame::{Broadcast, Content};

/// The newest private rows of a topic since then, oldest first.
pub(super) async fn rows(pool: &PgPool, topic: &str, wanted: Replay) -> Vec<Broadcast> {
    let rows = sqlx::query(
        "select m.id, m.event, m.payload::text as payload
        from realtime.messages m
        where m.topic = $1 and m.extension = 'broadcast' and m.private is true and m.payload is not null
            and m.inserted_at >= to_timestamp($2 / 1000.0) at time zone 'UTC'
            and m.inserted_at < now() at time zone 'UTC' + interval '1 minute'
        order by m.inserted_at desc
        limit $3",
    )
    .bind(topic)
    .bind(wanted.since)
    .bind(wanted.limit)
    .fetch_all(pool)
    .await;
    let rows = rows.unwrap_or_else(|error| {
        tracing::warn!("realtime: nothing was replayed: {error}");
        Vec::new()
    });
    let broadcast = |row: &sqlx::postgres::PgRow| -> Result<Broadcast, sqlx::Error> {
        let id: Uuid = row.try_get("id")?;
        let meta: Value = json!({ "id": id, "replayed": true });
        Ok(Broadcast {
            topic: format!("{PREFIX}{topic}"),
            event: row.try_get("event")?,
            content: Content::Json(row.try_get("payload")?),
            meta: Some(meta),
            as_text: true,
        })
    };
    rows.iter()
        .rev()
        .filter_map(|row| broadcast(row).ok())
        .collect()
}
