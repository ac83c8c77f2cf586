//! People of other sites, and what needs more than the right to reply.

use anyhow::{Result, ensure};

use super::refused;
use super::rights::set_permission;
use crate::world::World;

super::held_off!(
    people_of_a_foreign_site,
    blocking_without_the_right,
    erasing_without_the_right,
    an_address_without_the_right,
    a_foreign_block,
    an_address_of_visitors_elsewhere,
);

/// Every function that takes a visitor, tried by an admin of the neighbouring site.
pub async fn people_of_a_foreign_site(world: &World) -> Result<()> {
    let mut neighbour = world.db.as_user(world.b.admin.user).await?;
    let (foreign, own) = (world.a.visitor, world.b.visitor);
    for call in [
        format!("chat_person('{foreign}')"),
        format!("chat_block_visitor('{foreign}')"),
        format!("chat_erase_visitor('{foreign}')"),
        format!("chat_export_visitor('{foreign}')"),
        format!("chat_tag_visitor('{foreign}', '{{mine}}')"),
        format!("chat_set_custom_data('{foreign}', '{{}}')"),
        format!("chat_merge_visitors('{foreign}', '{own}')"),
        format!("chat_merge_visitors('{own}', '{foreign}')"),
        format!("chat_unmerge_visitor('{foreign}')"),
        format!("chat_visits('{foreign}')"),
    ] {
        refused(
            neighbour.rows(&format!("select {call}")).await,
            "PT404 chat/no_such_visitor",
        )?;
    }
    for call in [
        "chat_blocks('{}')",
        "chat_block_address('{}', '192.0.2.1')",
        "chat_live_visitors('{}')",
        "chat_erasures('{}')",
    ] {
        let call = call.replace("{}", &world.a.site.id.to_string());
        refused(
            neighbour.rows(&format!("select {call}")).await,
            "PT403 chat/not_allowed",
        )?;
    }
    Ok(())
}

pub async fn blocking_without_the_right(world: &World) -> Result<()> {
    set_permission(world, "agent", "conversations.resolve", false).await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let block = format!("select chat_block_visitor('{}')", world.a.visitor);
    refused(agent.rows(&block).await, "PT403 chat/not_allowed")?;
    set_permission(world, "agent", "conversations.reply", false).await?;
    for call in ["chat_tag_visitor", "chat_unmerge_visitor"] {
        refused(
            agent
                .rows(&format!("select {call}('{}')", world.a.visitor))
                .await,
            "PT403 chat/not_allowed",
        )?;
    }
    Ok(())
}

/// A supervisor leads people, and neither hands out nor destroys what is kept of somebody.
pub async fn erasing_without_the_right(world: &World) -> Result<()> {
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    for call in ["chat_erase_visitor", "chat_export_visitor"] {
        refused(
            supervisor
                .rows(&format!("select {call}('{}')", world.a.visitor))
                .await,
            "PT403 chat/not_allowed",
        )?;
    }
    let proofs = format!("select chat_erasures('{}')", world.a.site.id);
    refused(supervisor.rows(&proofs).await, "PT403 chat/not_allowed")?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let erased = admin
        .rows(&format!("select chat_erase_visitor('{}')", world.a.visitor))
        .await?;
    ensure!(erased.len() == 1, "an admin could not erase");
    let shown = admin.rows(&proofs).await?;
    ensure!(shown[0]["chat_erasures"][0]["visitor_ids"][0] == world.a.visitor.to_string());
    Ok(())
}

pub async fn an_address_without_the_right(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let block = format!(
        "select chat_block_address('{}', '192.0.2.1')",
        world.a.site.id
    );
    refused(agent.rows(&block).await, "PT403 chat/not_allowed")?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let blocked = admin.rows(&block).await?;
    let unblock = format!(
        "select chat_unblock({})",
        blocked[0]["chat_block_address"]["block"]
            .to_string()
            .replace('"', "'")
    );
    refused(agent.rows(&unblock).await, "PT403 chat/not_allowed")
}

pub async fn a_foreign_block(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let blocked = agent
        .rows(&format!("select chat_block_visitor('{}')", world.a.visitor))
        .await?;
    let unblock = format!(
        "select chat_unblock({})",
        blocked[0]["chat_block_visitor"]["block"]
            .to_string()
            .replace('"', "'")
    );
    let mut neighbour = world.db.as_user(world.b.admin.user).await?;
    refused(neighbour.rows(&unblock).await, "PT404 chat/no_such_block")?;
    ensure!(agent.rows(&unblock).await?.len() == 1);
    Ok(())
}

/// Whoever is blocked at one site goes on talking at another.
pub async fn an_address_of_visitors_elsewhere(world: &World) -> Result<()> {
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let block = format!(
        "select chat_block_address('{}', '127.0.0.0/8')",
        world.a.site.id
    );
    admin.rows(&block).await?;
    let ended = world
        .look("select array_agg(distinct site_id) from chat.sessions where ended_at is not null")
        .await?;
    ensure!(
        ended == format!("{{{}}}", world.a.site.id),
        "sessions were ended of {ended}"
    );
    Ok(())
}
