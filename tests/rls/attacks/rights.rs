//! Colleagues of one site: who lacks a permission is refused, column by column.

use anyhow::{Result, ensure};

use super::{allowed, refused};
use crate::world::World;

super::held_off!(
    columns_without_their_permission,
    seeing_without_permission,
    another_change_in_a_claim,
    claiming_for_somebody_else,
    claiming_for_ones_other_self,
    handing_out_without_an_agent_row,
    a_colleagues_private_answer,
    raising_oneself,
    working_after_deactivation,
    changing_everything,
);

/// Gives or takes a permission of a role at site A.
pub async fn set_permission(
    world: &World,
    role: &str,
    permission: &str,
    allowed: bool,
) -> Result<()> {
    world
        .as_owner(&format!(
            "insert into chat.permissions (site_id, role, permission, allowed)
            values ('{}', '{role}', 'live-chat.{permission}', {allowed})
            on conflict (site_id, role, permission) do update set allowed = excluded.allowed",
            world.a.site.id
        ))
        .await
}

/// A supervisor has all of these; each is taken away in turn, and only its columns go with it.
pub async fn columns_without_their_permission(world: &World) -> Result<()> {
    let a = &world.a;
    let mut supervisor = world.db.as_user(a.supervisor.user).await?;
    let changes = [
        ("conversations.reply", "subject = 'Refund'".to_owned()),
        ("conversations.reply", "tags = '{refund}'".to_owned()),
        ("conversations.assign", "priority = 'urgent'".to_owned()),
        (
            "conversations.assign",
            format!("department_id = '{}'", a.department),
        ),
        (
            "conversations.assign",
            format!("assigned_agent_id = '{}'", a.supervisor.id),
        ),
        (
            "conversations.assign",
            "assigned_agent_id = null".to_owned(),
        ),
        ("conversations.resolve", "status = 'resolved'".to_owned()),
    ];
    for (permission, change) in changes {
        let update = format!(
            "update mod_chat_conversations set {change} where id = '{}'",
            a.conversation
        );
        set_permission(world, "supervisor", permission, false).await?;
        refused(supervisor.execute(&update).await, "PT403 chat/not_allowed")?;
        set_permission(world, "supervisor", permission, true).await?;
        for other in [
            "conversations.reply",
            "conversations.assign",
            "conversations.resolve",
        ] {
            set_permission(world, "supervisor", other, other == permission).await?;
        }
        ensure!(
            supervisor.execute(&update).await? == 1,
            "{change} needs more than {permission}"
        );
    }
    Ok(())
}

pub async fn seeing_without_permission(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    set_permission(world, "agent", "conversations.view", false).await?;
    for table in [
        "mod_chat_conversations",
        "mod_chat_messages",
        "mod_chat_visitors",
    ] {
        let rows = agent.rows(&format!("select * from {table}")).await?;
        ensure!(rows.is_empty(), "{table} shows {} rows", rows.len());
    }
    let hidden = agent
        .rows(&format!(
            "select chat_explain_assignment('{}')",
            world.a.conversation
        ))
        .await;
    refused(hidden, "PT404 chat/no_such_conversation")?;
    ensure!(
        agent
            .execute("update mod_chat_conversations set tags = '{x}'")
            .await?
            == 0,
        "what is hidden was changed"
    );
    Ok(())
}

/// Taking an unassigned chat oneself needs no more than the right to reply, and so must not carry more.
pub async fn another_change_in_a_claim(world: &World) -> Result<()> {
    let a = &world.a;
    set_permission(world, "agent", "conversations.resolve", false).await?;
    world
        .as_owner(&format!(
            "update mod_chat_conversations set assigned_agent_id = null where id = '{}'",
            a.conversation
        ))
        .await?;
    let mut agent = world.db.as_user(a.agent.user).await?;
    let claim = format!(
        "update mod_chat_conversations set assigned_agent_id = '{}'",
        a.agent.id
    );
    for more in [
        "status = 'closed'",
        "status = 'resolved'",
        "status = 'waiting'",
        "priority = 'low'",
    ] {
        refused(
            agent.execute(&format!("{claim}, {more}")).await,
            "PT403 chat/not_allowed",
        )?;
    }
    ensure!(
        agent
            .execute(&format!("{claim}, status = 'active'"))
            .await?
            == 1,
        "nothing was claimed"
    );
    Ok(())
}

pub async fn claiming_for_somebody_else(world: &World) -> Result<()> {
    let a = &world.a;
    let mut agent = world.db.as_user(a.agent.user).await?;
    let give = format!(
        "update mod_chat_conversations set assigned_agent_id = '{}'",
        a.supervisor.id
    );
    refused(agent.execute(&give).await, "PT403 chat/not_allowed")?;
    world
        .as_owner(&format!(
            "update mod_chat_conversations set assigned_agent_id = null where id = '{}'",
            a.conversation
        ))
        .await?;
    refused(agent.execute(&give).await, "PT403 chat/not_allowed")?;
    set_permission(world, "agent", "conversations.reply", false).await?;
    let take = format!(
        "update mod_chat_conversations set assigned_agent_id = '{}'",
        a.agent.id
    );
    refused(agent.execute(&take).await, "PT403 chat/not_allowed")
}

/// The other side of that rule: an owner is no agent, and may give out a chat that nobody has.
pub async fn handing_out_without_an_agent_row(world: &World) -> Result<()> {
    let a = &world.a;
    world
        .as_owner(&format!(
            "update mod_chat_conversations set assigned_agent_id = null where id = '{}'",
            a.conversation
        ))
        .await?;
    let mut owner = world.db.as_user(a.site.owner).await?;
    let give = format!(
        "update mod_chat_conversations set assigned_agent_id = '{}'",
        a.agent.id
    );
    ensure!(
        owner.execute(&give).await? == 1,
        "an owner could not give out a chat"
    );
    Ok(())
}

pub async fn a_colleagues_private_answer(world: &World) -> Result<()> {
    let a = &world.a;
    let mut agent = world.db.as_user(a.agent.user).await?;
    agent
        .execute(&format!(
            "insert into mod_chat_canned_responses (site_id, title, content, is_shared)
            values ('{}', 'Mine', 'For me', false)",
            a.site.id
        ))
        .await?;
    ensure!(
        agent
            .rows("select * from mod_chat_canned_responses where title = 'Mine'")
            .await?
            .len()
            == 1
    );
    let mut supervisor = world.db.as_user(a.supervisor.user).await?;
    let seen = supervisor
        .rows("select * from mod_chat_canned_responses where title = 'Mine'")
        .await?;
    ensure!(seen.is_empty(), "a colleague sees {seen:?}");
    // Without a column in a condition, only the policy of the verb itself stands in the way.
    supervisor
        .execute("update mod_chat_canned_responses set content = 'For all'")
        .await?;
    // Making a shared answer private would take it from everybody.
    let hidden = supervisor
        .execute("update mod_chat_canned_responses set is_shared = false")
        .await;
    refused(hidden, "42501")?;
    supervisor
        .execute("delete from mod_chat_canned_responses")
        .await?;
    let left = world
        .look("select content from mod_chat_canned_responses where title = 'Mine'")
        .await?;
    ensure!(left == "For me", "a colleague left {left}");
    Ok(())
}

pub async fn raising_oneself(world: &World) -> Result<()> {
    let a = &world.a;
    for agent in [a.agent, a.supervisor] {
        let mut person = world.db.as_user(agent.user).await?;
        let saved = person
            .rows(&format!(
                "select * from chat_save_agent('{}', '{}', 'Me', 'admin')",
                a.site.id, agent.user
            ))
            .await;
        refused(saved, "PT403 chat/not_allowed")?;
        refused(
            person
                .execute("update chat.permissions set allowed = true")
                .await,
            "42501",
        )?;
        let joined = format!(
            "insert into agency_members values ('{}', '{}', 'owner')",
            a.site.agency, agent.user
        );
        refused(person.execute(&joined).await, "42501")?;
    }
    Ok(())
}

/// The token lives on for an hour; the row decides.
pub async fn working_after_deactivation(world: &World) -> Result<()> {
    let a = &world.a;
    let mut person = world.db.as_user(a.deactivated.user).await?;
    for table in [
        "sites",
        "mod_chat_agents",
        "mod_chat_conversations",
        "mod_chat_messages",
        "mod_chat_visitors",
    ] {
        let rows = person.rows(&format!("select * from {table}")).await?;
        ensure!(rows.is_empty(), "{table} shows {} rows", rows.len());
    }
    let online = person
        .rows(&format!(
            "select * from chat_set_status('{}', 'online')",
            a.site.id
        ))
        .await;
    refused(online, "PT403 chat/not_an_agent")?;
    let written = person
        .execute(&format!(
            "insert into mod_chat_messages (conversation_id, content) values ('{}', 'x')",
            a.conversation
        ))
        .await;
    refused(written, "PT404 chat/no_such_conversation")
}

/// A change of every row is one of the rows that one sees. A hidden one is left alone, and not even refused: a refusal
/// would tell that it is there.
pub async fn changing_everything(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let changed = allowed(
        agent
            .execute("update mod_chat_conversations set subject = 'Mine'")
            .await,
    )?;
    ensure!(changed == 1, "{changed} conversations were changed");
    Ok(())
}

/// Who is an agent at two sites claims as the one who works there, and else hands out what is not theirs to hand out.
pub async fn claiming_for_ones_other_self(world: &World) -> Result<()> {
    let (a, b) = (&world.a, &world.b);
    world
        .as_owner(&format!(
            "insert into mod_chat_agents (id, site_id, user_id, display_name)
            values ('{0}', '{1}', '{2}', 'Ada, too');
            update mod_chat_conversations set assigned_agent_id = null where id = '{3}'",
            a.department, b.site.id, a.agent.user, a.conversation
        ))
        .await?;
    let mut agent = world.db.as_user(a.agent.user).await?;
    let claim = format!(
        "update mod_chat_conversations set assigned_agent_id = '{}' where id = '{}'",
        a.department, a.conversation
    );
    refused(agent.execute(&claim).await, "PT403 chat/not_allowed")
}
