//! Suite `path`: what it costs the server to take one WhatsApp message, from the call that the worker makes to the
//! commit, deferred triggers included.
//!
//! The sender is known, their conversation is open and assigned: the common case. It is held against the least that
//! storing a message can cost and against the users' own plan ([`Case`]), first [`spread`] over ten thousand
//! conversations, then in one [`hot`] one with eight clients.

mod case;
mod hot;
mod site;
mod spread;

use anyhow::Result;
use sqlx::{Connection, PgConnection};

use crate::Size;
use crate::cluster::{Cluster, SUPERUSER};
use crate::figures::Figures;

pub use case::{Batch, Case};
pub use site::{SITE, Site};

const SUITE: &str = "path";

/// Measures both and prints each table when it is done.
pub async fn run(cluster: &Cluster, size: Size) -> Result<Figures> {
    cluster.write_as_in_production().await?;
    let history = if size == Size::Large { 40 } else { 4 };
    let mut site = Site::make(cluster, history).await?;
    site.make_peers(cluster).await?;
    say_settings(&mut cluster.connect(SUPERUSER, Case::Ours.database()).await?).await?;
    let mut figures = Figures::default();
    figures.add(spread::run(cluster, &mut site, size).await?);
    figures.add(hot::run(cluster, &mut site, size).await?);
    Ok(figures)
}

/// The settings that the figures depend on.
async fn say_settings(connection: &mut PgConnection) -> Result<()> {
    let settings: Vec<String> = sqlx::query_scalar(
        "select format('%s = %s', n, current_setting(n))
        from unnest(array['server_version', 'fsync', 'full_page_writes', 'wal_level', 'shared_buffers', 'autovacuum',
            'jit']) n",
    )
    .fetch_all(&mut *connection)
    .await?;
    let fillfactors: Vec<String> = sqlx::query_scalar(
        "select format('%s.%s %s', n.nspname, c.relname, split_part(o, '=', 2))
        from pg_class c join pg_namespace n on n.oid = c.relnamespace, unnest(c.reloptions) o
        where o like 'fillfactor=%' and n.nspname in ('public', 'chat') order by 1",
    )
    .fetch_all(&mut *connection)
    .await?;
    println!("settings: {}", settings.join(", "));
    println!(
        "fillfactor: {}; all others, and all tables of the peers, 100",
        fillfactors.join(", ")
    );
    Ok(())
}

/// Closes connections in the order given.
async fn close(connections: impl IntoIterator<Item = PgConnection>) -> Result<()> {
    for connection in connections {
        connection.close().await?;
    }
    Ok(())
}
