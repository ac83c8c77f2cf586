//! Who may change what roles may, and who has which, tries to give more than they have.

use anyhow::{Result, ensure};

use super::numbers::connect;
use super::refused;
use super::rights::set_permission;
use crate::world::World;

super::held_off!(
    raising_oneself_as_a_manager_of_agents,
    giving_what_one_has_not,
    changing_a_role_that_is_not_below_ones_own,
    undoing_what_another_site_decided,
    limiting_to_a_foreign_number,
);

/// Who manages agents raises nobody above themselves, nor touches those above them.
pub async fn raising_oneself_as_a_manager_of_agents(world: &World) -> Result<()> {
    let a = &world.a;
    set_permission(world, "supervisor", "agents.manage", true).await?;
    let mut person = world.db.as_user(a.supervisor.user).await?;
    for (user, role) in [
        (a.supervisor.user, "admin"),
        (a.agent.user, "admin"),
        (a.admin.user, "agent"),
    ] {
        let saved = person
            .rows(&format!(
                "select * from chat_save_agent('{}', '{user}', 'Me', '{role}')",
                a.site.id
            ))
            .await;
        refused(saved, "PT403 chat/role_too_high")?;
    }
    let equal = format!(
        "select * from chat_save_agent('{}', '{}', 'Ada', 'supervisor')",
        a.site.id, a.agent.user
    );
    ensure!(
        person.rows(&equal).await?.len() == 1,
        "a role as high as one's own can be given"
    );
    Ok(())
}

fn save_permission(world: &World, role: &str, permission: &str) -> String {
    format!(
        "select chat_save_permission('{}', '{role}', 'live-chat.{permission}', true)",
        world.a.site.id
    )
}

pub async fn giving_what_one_has_not(world: &World) -> Result<()> {
    set_permission(world, "admin", "whatsapp.manage", false).await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    refused(
        admin
            .rows(&save_permission(world, "agent", "whatsapp.manage"))
            .await,
        "PT403 chat/not_allowed",
    )?;
    let given = admin
        .rows(&save_permission(world, "agent", "kb.manage"))
        .await?;
    ensure!(given.len() == 1, "what one has can be given");
    Ok(())
}

pub async fn changing_a_role_that_is_not_below_ones_own(world: &World) -> Result<()> {
    let a = &world.a;
    set_permission(world, "supervisor", "agents.manage", true).await?;
    for (user, role) in [
        (a.supervisor.user, "supervisor"),
        (a.supervisor.user, "admin"),
        (a.admin.user, "admin"),
    ] {
        let mut person = world.db.as_user(user).await?;
        refused(
            person
                .rows(&save_permission(world, role, "conversations.view"))
                .await,
            "PT403 chat/role_too_high",
        )?;
        let limit = format!(
            "select chat_save_role_limit('{}', '{role}', 'site')",
            a.site.id
        );
        refused(person.rows(&limit).await, "PT403 chat/role_too_high")?;
    }
    let mut owner = world.db.as_user(a.site.owner).await?;
    owner
        .rows(&save_permission(world, "admin", "conversations.view"))
        .await?;
    Ok(())
}

/// To take a decision back is to delete its row: of one's own site only.
pub async fn undoing_what_another_site_decided(world: &World) -> Result<()> {
    let site = world.a.site.id;
    world
        .as_owner(&format!(
            "insert into chat.role_limits (site_id, role, sees) values ('{site}', 'agent', 'own');
            insert into chat.permissions (site_id, role, permission, allowed)
            values ('{site}', 'agent', 'live-chat.canned.manage', false)"
        ))
        .await?;
    let mut neighbour = world.db.as_user(world.b.admin.user).await?;
    for call in [
        format!(
            "select chat_save_role_limit('{}', 'agent', 'site')",
            world.b.site.id
        ),
        format!(
            "select chat_save_permission('{}', 'agent', 'live-chat.canned.manage', null)",
            world.b.site.id
        ),
    ] {
        neighbour.rows(&call).await?;
    }
    for table in ["chat.role_limits", "chat.permissions"] {
        let left = format!("select count(*) from {table} where site_id = '{site}'");
        ensure!(
            world.look(&left).await? == "1",
            "what site A decided is gone from {table}"
        );
    }
    Ok(())
}

pub async fn limiting_to_a_foreign_number(world: &World) -> Result<()> {
    connect(world, &world.b, "first", "777").await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let limit = format!(
        "select chat_save_role_limit('{}', 'agent', 'number', '777')",
        world.a.site.id
    );
    refused(admin.rows(&limit).await, "PT422 chat/no_such_number")
}
