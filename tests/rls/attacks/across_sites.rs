//! Rows of one's own site that name something of a foreign one. The attacker is as strong as can be: admin of site A,
//! and in some cases admin of both sites, who may see both and still must not mix them.

use anyhow::{Result, ensure};
use pg_chat_tests::Person;

use super::refused;
use crate::world::World;

super::held_off!(
    a_message_into_a_foreign_conversation,
    a_message_under_another_site,
    a_reply_to_a_foreign_message,
    a_foreign_agent,
    a_foreign_department,
    a_foreign_department_saved,
    rules_that_send_to_a_foreign_department,
    another_sites_first_choice,
    a_foreign_visitor,
    rows_for_a_foreign_site,
    functions_for_a_foreign_site,
);

/// The admin of site A, made an admin of site B too.
async fn admin_of_both(world: &World) -> Result<Person> {
    let (a, b) = (&world.a, &world.b);
    world
        .as_owner(&format!(
            "insert into mod_chat_agents (site_id, user_id, display_name, role) values ('{}', '{}', 'Adam', 'admin')",
            b.site.id, a.admin.user
        ))
        .await?;
    world.db.as_user(a.admin.user).await
}

pub async fn a_message_into_a_foreign_conversation(world: &World) -> Result<()> {
    let (a, b) = (&world.a, &world.b);
    let mut agent = world.db.as_user(a.agent.user).await?;
    let written = agent
        .execute(&format!(
            "insert into mod_chat_messages (site_id, conversation_id, content) values ('{}', '{}', 'Hello')",
            a.site.id, b.conversation
        ))
        .await;
    refused(written, "PT404 chat/no_such_conversation")?;
    let last = world
        .look(&format!(
            "select last_seq from mod_chat_conversations where id = '{}'",
            b.conversation
        ))
        .await?;
    ensure!(last == "1", "the foreign conversation has {last} messages");
    Ok(())
}

/// The site of a message is that of its conversation, whatever the row says.
pub async fn a_message_under_another_site(world: &World) -> Result<()> {
    let (a, b) = (&world.a, &world.b);
    let mut admin = admin_of_both(world).await?;
    let rows = admin
        .rows(&format!(
            "insert into mod_chat_messages (site_id, conversation_id, content) values ('{}', '{}', 'Hello')
            returning site_id, sender_id",
            b.site.id, a.conversation
        ))
        .await?;
    ensure!(
        rows[0]["site_id"] == a.site.id.to_string(),
        "the message stands in {}",
        rows[0]["site_id"]
    );
    ensure!(
        rows[0]["sender_id"] == a.admin.id.to_string(),
        "its author is {}",
        rows[0]["sender_id"]
    );
    Ok(())
}

pub async fn a_reply_to_a_foreign_message(world: &World) -> Result<()> {
    let (a, b) = (&world.a, &world.b);
    let mut admin = admin_of_both(world).await?;
    let written = admin
        .execute(&format!(
            "insert into mod_chat_messages (conversation_id, content, reply_to_id) values ('{}', 'Hello', '{}')",
            a.conversation, b.message
        ))
        .await;
    refused(written, "PT422 chat/no_such_reply")
}

pub async fn a_foreign_agent(world: &World) -> Result<()> {
    let (a, b) = (&world.a, &world.b);
    let mut admin = admin_of_both(world).await?;
    let assigned = admin
        .execute(&format!(
            "update mod_chat_conversations set assigned_agent_id = '{}' where id = '{}'",
            b.agent.id, a.conversation
        ))
        .await;
    refused(assigned, "23503")
}

pub async fn a_foreign_department(world: &World) -> Result<()> {
    let (a, b) = (&world.a, &world.b);
    let mut admin = admin_of_both(world).await?;
    let moved = admin
        .execute(&format!(
            "update mod_chat_conversations set department_id = '{}' where id = '{}'",
            b.department, a.conversation
        ))
        .await;
    refused(moved, "23503")?;
    let saved = admin
        .rows(&format!(
            "select * from chat_save_agent('{}', '{}', 'Ada', department_id => '{}')",
            a.site.id, a.agent.user, b.department
        ))
        .await;
    refused(saved, "PT404 chat/no_such_department")
}

/// No client may open a conversation by a row at all; the key holds even for the owner of the tables.
pub async fn a_foreign_visitor(world: &World) -> Result<()> {
    let (a, b) = (&world.a, &world.b);
    let insert = format!(
        "insert into mod_chat_conversations (site_id, visitor_id) values ('{}', '{}')",
        a.site.id, b.visitor
    );
    refused(admin_of_both(world).await?.execute(&insert).await, "42501")?;
    let by_owner = sqlx::raw_sql(sqlx::AssertSqlSafe(insert))
        .execute(world.db.owner())
        .await;
    refused(by_owner, "23503")
}

pub async fn rows_for_a_foreign_site(world: &World) -> Result<()> {
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let b = world.b.site.id;
    for (table, columns, values) in [
        (
            "mod_chat_canned_responses",
            "title, content",
            "'Hello', 'Hello!'",
        ),
        (
            "mod_chat_knowledge_base",
            "title, content",
            "'Hours', 'Never.'",
        ),
        ("mod_chat_departments", "name", "'Ours'"),
    ] {
        let written = admin
            .execute(&format!(
                "insert into {table} (site_id, {columns}) values ('{b}', {values})"
            ))
            .await;
        refused(written, "42501")?;
        let moved = admin
            .execute(&format!("update {table} set site_id = '{b}'"))
            .await;
        refused(moved, "42501")?;
    }
    let settings = admin
        .execute(&format!(
            "insert into mod_chat_widget_settings (site_id) values ('{b}')"
        ))
        .await;
    refused(settings, "PT403 chat/not_allowed")
}

pub async fn functions_for_a_foreign_site(world: &World) -> Result<()> {
    let b = &world.b;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    for (call, said) in [
        (
            format!("chat_set_status('{}', 'online')", b.site.id),
            "PT403 chat/not_an_agent",
        ),
        (
            format!(
                "chat_save_agent('{}', '{}', 'Eve')",
                b.site.id, world.a.admin.user
            ),
            "PT403 chat/not_allowed",
        ),
        (
            format!("chat_explain_assignment('{}')", b.conversation),
            "PT404 chat/no_such_conversation",
        ),
        (
            format!("chat_resend_message('{}')", b.message),
            "PT404 chat/no_such_message",
        ),
        (
            format!("chat.author_of('{}')", b.conversation),
            "PT404 chat/no_such_conversation",
        ),
    ] {
        refused(admin.rows(&format!("select {call} as answer")).await, said)?;
    }
    Ok(())
}

/// Rules send to departments of their own site.
pub async fn rules_that_send_to_a_foreign_department(world: &World) -> Result<()> {
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let save = format!(
        "select chat_save_routing_rules('{}', '[{{\"name\": \"Away\", \"then\": {{\"department\": \"{}\"}}}}]')",
        world.a.site.id, world.b.department
    );
    refused(admin.rows(&save).await, "PT422 chat/routing_rules")
}

/// A department keeps its site, whoever saves one by its id.
pub async fn a_foreign_department_saved(world: &World) -> Result<()> {
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let save = format!(
        "select chat_save_department('{}', 'Mine', '{}')",
        world.a.site.id, world.b.department
    );
    refused(admin.rows(&save).await, "PT404 chat/no_such_department")
}

/// A site has one department that is chosen by itself; making one so undoes it for the others of this site.
pub async fn another_sites_first_choice(world: &World) -> Result<()> {
    let b = &world.b;
    world
        .as_owner(&format!(
            "update mod_chat_departments set is_default = true where id = '{}'",
            b.department
        ))
        .await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let save = format!(
        "select chat_save_department('{}', 'First', is_default => true)",
        world.a.site.id
    );
    admin.rows(&save).await?;
    let default = format!(
        "select is_default from mod_chat_departments where id = '{}'",
        b.department
    );
    ensure!(
        world.look(&default).await? == "true",
        "site B lost its department of first choice"
    );
    Ok(())
}
