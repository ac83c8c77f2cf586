//! What a refusal says: an SQLSTATE that PostgREST answers with its last three digits, a stable code for programs, and
//! a hint for people.

use anyhow::{Context, Result, ensure};
use pg_chat_tests::webhook::{self, text};

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
        (
            "content, kind",
            "'x', 'image'",
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
