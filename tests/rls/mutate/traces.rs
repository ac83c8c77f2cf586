//! Which functions an attack runs, so that a mutated body meets first the attacks that can tell.

use std::collections::BTreeSet;

use anyhow::Result;
use local_stack::server::SUPERUSER;
use pg_chat_tests::wait_until;
use sqlx::{AssertSqlSafe, Connection, Executor};

use crate::attacks::Attack;
use crate::world::World;

/// Functions, as `schema.name`, that an attack runs. PostgreSQL counts calls of all but inlined functions.
pub async fn trace(template: &World, attack: Attack) -> Result<BTreeSet<String>> {
    let world = template.copy().await?;
    let count = format!(
        "alter database {} set track_functions = 'all'",
        world.db.name()
    );
    let mut connection = world.db.connect_as(SUPERUSER).await?;
    connection.execute(AssertSqlSafe(count)).await?;
    connection.close().await?;
    (attack.tried)(&world).await?;
    world.db.leave().await;
    let mut connection = world.db.connect_as(SUPERUSER).await?;
    // Backends report what they counted when they end.
    let others = "select count(*) from pg_stat_activity
        where datname = current_database() and pid <> pg_backend_pid() and backend_type = 'client backend'";
    wait_until("the attack's connections are closed", async || {
        let open: i64 = sqlx::query_scalar(others)
            .fetch_one(&mut connection)
            .await?;
        Ok((open == 0).then_some(()))
    })
    .await?;
    let ran: Vec<String> =
        sqlx::query_scalar("select schemaname || '.' || funcname from pg_stat_user_functions")
            .fetch_all(&mut connection)
            .await?;
    Ok(ran.into_iter().collect())
}
