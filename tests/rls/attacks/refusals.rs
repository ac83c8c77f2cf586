//! What a refusal says: an SQLSTATE that PostgREST answers with its last three digits, a stable code for programs, and
//! a hint for people.

use anyhow::{Context, Result, ensure};
use pg_chat_tests::wait_until;
use pg_chat_tests::webhook::{self, text};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor};

use super::numbers::connect;
use super::refused;
use crate::world::World;

#[tokio::test]
async fn a_person_is_told_what_and_what_else() -> Result<()> {
    let world = World::new().await?;
    let (a, b) = (&world.a, &world.b);
    let mut admin = world.db.as_user(a.admin.user).await?;
    let conversation = format!(
        "update mod_chat_conversations set status = 'STATUS' where id = '{}'",
        a.conversation
    );
    for (statement, said) in [
        (
            format!("select chat_set_status('{}', 'online')", b.site.id),
            "PT403 chat/not_an_agent",
        ),
        (
            format!("select chat_set_status('{}', 'asleep')", a.site.id),
            "PT422 chat/unknown_status",
        ),
        (
            format!("select chat_set_status('{}', null)", a.site.id),
            "PT422 chat/unknown_status",
        ),
        (
            format!(
                "select chat_save_agent('{}', '{}', 'Eve')",
                b.site.id, a.agent.user
            ),
            "PT403 chat/not_allowed",
        ),
        (
            format!(
                "select chat_save_agent('{}', '{}', 'Ada', max_concurrent_chats => -1)",
                a.site.id, a.agent.user
            ),
            "PT422 chat/capacity",
        ),
        (
            format!("select chat_explain_assignment('{}')", b.conversation),
            "PT404 chat/no_such_conversation",
        ),
        (
            "select chat_explain_assignment(null)".to_owned(),
            "PT404 chat/no_such_conversation",
        ),
        (
            format!("select chat_resend_message('{}')", b.message),
            "PT404 chat/no_such_message",
        ),
        (
            format!("select chat_resend_message('{}')", a.message),
            "PT409 chat/nothing_to_resend",
        ),
        (
            conversation.replace("STATUS", "missed"),
            "PT409 chat/only_pending_is_missed",
        ),
        (
            format!(
                "insert into mod_chat_messages (conversation_id, content) values ('{}', 'x')",
                b.conversation
            ),
            "PT404 chat/no_such_conversation",
        ),
        (
            format!(
                "insert into mod_chat_messages (id, conversation_id, content) values ('{}', '{}', 'x')",
                b.message, a.conversation
            ),
            "PT409 chat/id_in_use",
        ),
    ] {
        refused(admin.execute(&statement).await, said).context(statement)?;
    }
    ensure!(
        admin
            .execute(&conversation.replace("STATUS", "closed"))
            .await?
            == 1
    );
    refused(
        admin
            .execute(&conversation.replace("STATUS", "resolved"))
            .await,
        "PT409 chat/closed_is_final",
    )?;
    let answer = format!(
        "insert into mod_chat_messages (conversation_id, content) values ('{}', 'x')",
        a.conversation
    );
    refused(
        admin.execute(&answer).await,
        "PT409 chat/conversation_not_open",
    )
}

#[tokio::test]
async fn an_agent_is_told_why_whatsapp_takes_no_message() -> Result<()> {
    let world = World::new().await?;
    let ours = connect(&world, &world.a, "first", "777").await?;
    webhook::receive(&world.db, &ours, &[text("15550001", "wamid.1", "Hi")]).await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let insert = |columns: &str, values: &str| {
        format!(
            "insert into mod_chat_messages (conversation_id, {columns})
            select id, {values} from mod_chat_conversations where channel = 'whatsapp'"
        )
    };
    for (columns, values, said) in [
        ("content, kind", "'x', 'image'", "PT422 chat/file_missing"),
        (
            "content, kind",
            "'x', 'order'",
            "PT422 chat/kind_not_sendable",
        ),
        ("content", "''", "PT422 chat/text_length"),
        ("content", "repeat('x', 4097)", "PT422 chat/text_length"),
    ] {
        refused(agent.execute(&insert(columns, values)).await, said).context(columns.to_owned())?;
    }
    world
        .as_owner("update mod_chat_conversations set whatsapp_window_expires_at = now() where channel = 'whatsapp'")
        .await?;
    refused(
        agent.execute(&insert("content", "'x'")).await,
        "PT422 chat/window_closed",
    )?;
    ensure!(
        agent
            .execute(&insert("content, kind", "'x', 'note'"))
            .await?
            == 1,
        "a note needs no window"
    );
    Ok(())
}

#[tokio::test]
async fn a_worker_is_told_what_its_environment_has_wrong() -> Result<()> {
    let world = World::new().await?;
    let registered = sqlx::query(
        "select chat_register_whatsapp('first', gen_random_uuid(), '1', '2', 'v26.0', '3')",
    )
    .execute(world.db.as_worker())
    .await;
    refused(registered, "PT404 chat/no_such_site")
}

#[tokio::test]
async fn many_changes_at_once_stay_at_one_site() -> Result<()> {
    let world = World::new().await?;
    let (a, b) = (&world.a, &world.b);
    world
        .as_owner(&format!(
            "insert into mod_chat_agents (site_id, user_id, display_name, role) values ('{}', '{}', 'Adam', 'admin')",
            b.site.id, a.admin.user
        ))
        .await?;
    let mut admin = world.db.as_user(a.admin.user).await?;
    let bulk = format!(
        "select chat_bulk(array['{}', '{}']::uuid[], '{{\"subject\": \"Both\"}}')",
        a.conversation, b.conversation
    );
    refused(admin.execute(&bulk).await, "PT422 chat/one_site")
}

#[tokio::test]
async fn a_project_without_a_key_is_told_where_to_put_it() -> Result<()> {
    let world = World::new().await?;
    let mut anon = world.db.as_anon().await?;
    let mut request = anon.begin().await?;
    request
        .execute("set local app.settings.jwt_secret = ''")
        .await?;
    let open = format!("select chat_open_session('{}')", world.a.site.id);
    refused(
        request.execute(AssertSqlSafe(open)).await,
        "PT503 chat/no_token_key",
    )
}

#[tokio::test]
async fn a_job_ends_in_a_way_that_is_known() -> Result<()> {
    let world = World::new().await?;
    world
        .as_owner(&format!(
            "select chat.enqueue('lane', 'test.job', 'bulk', '{}', '{{}}', true)",
            world.a.site.id
        ))
        .await?;
    let jobs: Value = sqlx::query_scalar("select chat_claim_jobs(1)")
        .fetch_one(world.db.as_worker())
        .await?;
    let finished = sqlx::query(
        "select chat_finish_job(($1 ->> 'job_id')::bigint, ($1 ->> 'lease_token')::uuid, '{\"is\": \"perhaps\"}')",
    )
    .bind(&jobs[0])
    .execute(world.db.as_worker())
    .await;
    refused(finished, "PT422 chat/unknown_outcome")
}

/// The merge knows whom it merges into before it has the locks, so it looks again when it has them.
#[tokio::test]
async fn a_merge_that_another_one_overtook_begins_again() -> Result<()> {
    let world = World::new().await?;
    let a = &world.a;
    let (second, third) = (
        a.site.visitor("Zoe Q.").await?,
        a.site.visitor("Z. Quinn").await?,
    );
    let mut other = world.db.owner().begin().await?;
    sqlx::query("update mod_chat_visitors set merged_into = $1 where id = $2")
        .bind(third)
        .bind(second)
        .execute(&mut *other)
        .await?;
    let mut agent = world.db.as_user(a.agent.user).await?;
    let merge = format!(
        "select * from chat_merge_visitors('{}', '{second}')",
        a.visitor
    );
    let overtaken = async { anyhow::Ok(agent.execute(&merge).await) };
    let commit = async {
        wait_until("the merge waits for the other", async || {
            let waiting = world
                .look("select count(*) from pg_stat_activity where wait_event_type = 'Lock' and query like '%chat_merge_visitors%'
                    and datname = current_database() and pid <> pg_backend_pid()")
                .await?;
            Ok((waiting == "1").then_some(()))
        })
        .await?;
        Ok(other.commit().await?)
    };
    let (result, ()) = futures_util::try_join!(overtaken, commit)?;
    refused(result, "PT409 chat/changed_meanwhile")
}

#[tokio::test]
async fn a_database_without_a_vault_says_what_to_install() -> Result<()> {
    let world = World::new().await?;
    sqlx::raw_sql("drop schema if exists vault cascade")
        .execute(world.db.superuser())
        .await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let rotate = format!("select chat_rotate_identity_key('{}')", world.a.site.id);
    refused(admin.execute(&rotate).await, "PT503 chat/no_vault")
}
