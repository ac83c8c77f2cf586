//! Rows of `realtime.messages` on their way to sockets: a temporary slot of logical
//! replication, which exists while somebody is connected. What is committed while there is
//! none is never streamed, as on the real server.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use pgwire_replication::{ReplicationClient, ReplicationConfig, ReplicationEvent, TlsConfig};
use serde_json::json;
use sqlx::Executor as _;
use tokio::time::Instant;

use super::frame::{Broadcast, Content};
use super::hub::{Hub, Key};
use super::pgoutput::{Reader, Row};
use crate::error::{Error, Result};
use crate::keys::random_hex;
use crate::server::{PASSWORD, SUPERUSER, Server};

/// The publication that the real server makes.
const PUBLICATION: &str = "supabase_realtime_messages_publication";

const MAKE_PUBLICATION: &str = "do $$
begin
    if not exists (select from pg_publication where pubname = 'supabase_realtime_messages_publication') then
        create publication supabase_realtime_messages_publication for table realtime.messages;
    end if;
end
$$";

/// How often it is looked whether anybody is connected still.
const LOOK: Duration = Duration::from_secs(1);

/// Streams rows of `database` to the hub, for ever.
pub(super) async fn run(hub: Arc<Hub>, server: Server, database: String) {
    let mut wanted = hub.wanted.subscribe();
    loop {
        // The first join asks for it, and every later one while it is not there.
        if wanted.changed().await.is_err() {
            return;
        }
        loop {
            let late = hub.faults().late_replication_ms;
            tokio::time::sleep(Duration::from_millis(late)).await;
            wanted.mark_unchanged();
            let ended = stream(&hub, &server, &database).await;
            hub.streaming.send_replace(false);
            match ended {
                Ok(Ended::NobodyThere) => {
                    wanted.mark_unchanged();
                    break;
                }
                Ok(Ended::Told) => {}
                Err(error) => tracing::warn!("realtime: the stream ended: {error}"),
            }
            let again = hub.settings().replication_retry_ms;
            tokio::time::sleep(Duration::from_millis(again)).await;
        }
    }
}

/// Why a stream ended well.
enum Ended {
    NobodyThere,
    Told,
}

async fn stream(hub: &Hub, server: &Server, database: &str) -> Result<Ended> {
    let mut stops = hub.stops.subscribe();
    let mut connection = server.connect(SUPERUSER, database).await?;
    if !hub.faults().missing_partition {
        connection
            .execute("select realtime.keep_partitions()")
            .await?;
    }
    connection.execute(MAKE_PUBLICATION).await?;
    sqlx::Connection::close(connection).await?;

    let slot = format!(
        "supabase_realtime_messages_replication_slot_{}",
        random_hex::<6>()
    );
    let config = ReplicationConfig::new(
        "127.0.0.1",
        SUPERUSER,
        PASSWORD,
        database,
        slot.as_str(),
        PUBLICATION,
    )
    .with_port(server.port())
    .with_tls(TlsConfig::disabled())
    .with_application_name("realtime_replication_connection");
    let mut client = ReplicationClient::connect_gated(config).await?;
    client
        .simple_query(&format!(
            "CREATE_REPLICATION_SLOT {slot} TEMPORARY LOGICAL pgoutput NOEXPORT_SNAPSHOT"
        ))
        .await?;
    client.start().await?;
    client.wait_started().await?;
    hub.streams.fetch_add(1, Ordering::Relaxed);
    hub.streaming.send_replace(true);

    let mut reader = Reader::default();
    let mut look = tokio::time::interval(LOOK);
    let mut busy = Instant::now();
    loop {
        tokio::select! {
            event = client.recv() => match event? {
                Some(ReplicationEvent::XLogData { data, .. }) => {
                    if let Some(row) = reader.message(data) {
                        deliver(hub, &row);
                    }
                }
                Some(ReplicationEvent::Commit { end_lsn, .. }) => client.update_applied_lsn(end_lsn),
                Some(ReplicationEvent::KeepAlive { wal_end, .. }) => client.update_applied_lsn(wal_end),
                Some(_) => {}
                None => return Err(Error::Replication("the server ended it".to_owned())),
            },
            _ = stops.changed() => return Ok(Ended::Told),
            _ = look.tick() => {
                if hub.sockets() > 0 {
                    busy = Instant::now();
                } else if busy.elapsed().as_millis() >= u128::from(hub.settings().replication_idle_ms) {
                    return Ok(Ended::NobodyThere);
                }
            }
        }
    }
}

/// Publishes a row. One that is incomplete, too large or one too many is skipped and never tried again.
fn deliver(hub: &Hub, row: &Row) {
    let lost = hub.faults().lost_broadcasts;
    if lost > 0.0 && rand::random::<f64>() < lost {
        return;
    }
    let Some((key, broadcast)) = broadcast_of(row) else {
        tracing::warn!("realtime: a row of realtime.messages is incomplete");
        return;
    };
    if broadcast.content.len() > hub.settings().max_payload_bytes {
        tracing::warn!("realtime: UnableToBroadcastChanges: payload too large");
        return;
    }
    if hub.publish(&key, broadcast, None).is_err() {
        tracing::warn!("realtime: UnableToBroadcastChanges: too many messages");
        hub.shut_down(&key, super::TOO_MANY_MESSAGES);
    }
}

/// Where a row goes, and what it says there.
fn broadcast_of(row: &Row) -> Option<(Key, Broadcast)> {
    row.text("inserted_at")?;
    let content = match row.bytes("binary_payload") {
        Some(bytes) => Content::Binary(bytes),
        None => Content::Json(row.text("payload")?.to_owned()),
    };
    let key = Key {
        private: row.text("private")? == "t",
        topic: row.text("topic")?.to_owned(),
    };
    let broadcast = Broadcast {
        topic: format!("{}{}", super::PREFIX, key.topic),
        event: row.text("event")?.to_owned(),
        content,
        meta: Some(json!({ "id": row.text("id")? })),
        as_text: false,
    };
    Some((key, broadcast))
}
