//! Writing in somebody else's name, or over somebody else's words.

use anyhow::{Result, ensure};

use super::refused;
use crate::world::World;

super::held_off!(
    speaking_as_somebody_else,
    speaking_without_an_agent_row,
    an_id_that_stands_elsewhere,
    speaking_as_a_foreign_agent,
    changing_what_was_said,
    numbers_that_count,
);

/// The author comes from the token.
pub async fn speaking_as_somebody_else(world: &World) -> Result<()> {
    let a = &world.a;
    let mut agent = world.db.as_user(a.agent.user).await?;
    for (sender_type, sender) in [
        ("visitor", a.visitor.to_string()),
        ("system", String::new()),
        ("ai", "assistant".to_owned()),
        ("agent", a.supervisor.id.to_string()),
    ] {
        let rows = agent
            .rows(&format!(
                "insert into mod_chat_messages
                    (conversation_id, sender_type, sender_id, sender_name, sender_avatar, content)
                values ('{}', '{sender_type}', '{sender}', 'The boss', 'https://example.com/boss.png', 'Pay me')
                returning sender_type, sender_id, sender_name, sender_avatar",
                a.conversation
            ))
            .await?;
        let id = a.agent.id.to_string();
        ensure!(
            rows[0]["sender_type"] == "agent" && rows[0]["sender_id"] == id.as_str(),
            "the author is {}",
            rows[0]
        );
        ensure!(
            rows[0]["sender_name"] == "Ada" && rows[0]["sender_avatar"].is_null(),
            "the author is {}",
            rows[0]
        );
    }
    Ok(())
}

/// Owners and admins of the agency may do everything in their sites, but a message needs a person who answers.
pub async fn speaking_without_an_agent_row(world: &World) -> Result<()> {
    let a = &world.a;
    for user in [a.site.owner, a.agency_admin] {
        let mut person = world.db.as_user(user).await?;
        let written = person
            .execute(&format!(
                "insert into mod_chat_messages (conversation_id, sender_type, sender_id, content)
                values ('{}', 'agent', '{}', 'Hello')",
                a.conversation, a.agent.id
            ))
            .await;
        refused(written, "PT403 chat/not_an_agent")?;
        let online = person
            .rows(&format!(
                "select * from chat_set_status('{}', 'online')",
                a.site.id
            ))
            .await;
        refused(online, "PT403 chat/not_an_agent")?;
    }
    Ok(())
}

/// A client makes the id. One that stands in another conversation is refused; a repetition writes nothing and burns no
/// number.
pub async fn an_id_that_stands_elsewhere(world: &World) -> Result<()> {
    let (a, b) = (&world.a, &world.b);
    let mut agent = world.db.as_user(a.agent.user).await?;
    let insert = |id| {
        format!(
            "insert into mod_chat_messages (id, conversation_id, content) values ('{id}', '{}', 'x')",
            a.conversation
        )
    };
    refused(
        agent.execute(&insert(b.message)).await,
        "PT409 chat/id_in_use",
    )?;
    let repeated = agent
        .rows(&format!("{} returning id", insert(a.message)))
        .await?;
    ensure!(
        repeated.is_empty(),
        "a repetition was written: {repeated:?}"
    );
    let numbers = world
        .look(&format!(
            "select (last_seq, last_change)::text from mod_chat_conversations where id = '{}'",
            a.conversation
        ))
        .await?;
    let of_message = world
        .look(&format!(
            "select (seq, change)::text from mod_chat_messages where id = '{}'",
            a.message
        ))
        .await?;
    ensure!(
        numbers == of_message,
        "the conversation stands at {numbers}, its only message at {of_message}"
    );
    Ok(())
}

pub async fn changing_what_was_said(world: &World) -> Result<()> {
    for user in [world.a.agent.user, world.a.admin.user, world.a.site.owner] {
        let mut person = world.db.as_user(user).await?;
        refused(
            person
                .execute("update mod_chat_messages set content = 'I never said that'")
                .await,
            "42501",
        )?;
        refused(
            person.execute("delete from mod_chat_messages").await,
            "42501",
        )?;
        refused(
            person.execute("delete from mod_chat_conversations").await,
            "42501",
        )?;
        refused(person.execute("delete from mod_chat_agents").await, "42501")?;
    }
    Ok(())
}

/// Counters, numbers, delivery, load and capacity are the database's alone.
pub async fn numbers_that_count(world: &World) -> Result<()> {
    let a = &world.a;
    for user in [a.agent.user, a.admin.user, a.site.owner] {
        let mut person = world.db.as_user(user).await?;
        for column in [
            "seq",
            "public_seq",
            "change",
            "sent_at",
            "delivery_state",
            "whatsapp_message_id",
            "reactions",
            "file_state",
        ] {
            let insert = format!(
                "insert into mod_chat_messages (conversation_id, content, {column}) values ('{}', 'x', null)",
                a.conversation
            );
            refused(person.execute(&insert).await, "42501")?;
        }
        for (table, column) in [
            ("mod_chat_conversations", "last_seq"),
            ("mod_chat_conversations", "last_change"),
            ("mod_chat_conversations", "unread_agent_count"),
            ("mod_chat_conversations", "whatsapp_window_expires_at"),
            ("mod_chat_conversations", "phone_number_id"),
            ("mod_chat_conversations", "visitor_id"),
            ("mod_chat_agents", "status"),
            ("mod_chat_agents", "role"),
            ("mod_chat_agents", "is_active"),
            ("mod_chat_agents", "current_chat_count"),
            ("mod_chat_agents", "max_concurrent_chats"),
            ("mod_chat_agents", "department_id"),
            ("mod_chat_departments", "max_concurrent_chats"),
            ("mod_chat_visitors", "total_messages"),
        ] {
            refused(
                person
                    .execute(&format!("update {table} set {column} = {column}"))
                    .await,
                "42501",
            )?;
        }
    }
    Ok(())
}

/// A program with the service key says who writes, but not somebody of another site.
pub async fn speaking_as_a_foreign_agent(world: &World) -> Result<()> {
    let claims = serde_json::json!({"role": "service_role"});
    let mut program = world.db.as_caller("service_role", claims).await?;
    let insert = format!(
        "insert into mod_chat_messages (conversation_id, sender_type, sender_id, content)
        values ('{}', 'agent', '{}', 'Hello')",
        world.a.conversation, world.b.agent.id
    );
    refused(program.execute(&insert).await, "PT422 chat/no_such_agent")
}
