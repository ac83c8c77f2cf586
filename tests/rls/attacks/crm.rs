//! A site's CRM: what is told, and whether anything is, is its own affair.

use anyhow::{Result, ensure};
use serde_json::json;

use super::allowed;
use crate::world::World;

super::held_off!(
    a_switch_of_another_site,
    what_another_sites_crm_refused,
    switching_off_what_another_site_waits_for,
);

pub async fn a_switch_of_another_site(world: &World) -> Result<()> {
    world
        .as_owner(&format!(
            "insert into chat.crm_settings (site_id, is_on) values ('{}', false)",
            world.b.site.id
        ))
        .await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let call = format!("select chat_crm('{}') as crm", world.a.site.id);
    let rows = allowed(admin.rows(&call).await)?;
    ensure!(rows[0]["crm"]["is_on"] == true, "site A is told {rows:?}");
    Ok(())
}

/// Something that site B's CRM was not told.
async fn untold(world: &World) -> Result<()> {
    world
        .as_owner(&format!(
            "insert into chat.crm_due (event_id, site_id, conversation_id, name, at, tries, next_at, error)
            values (1000000, '{}', '{}', 'chat.conversation.created', now(), 9, null, 'no')",
            world.b.site.id, world.b.conversation
        ))
        .await
}

const UNTOLD: &str = "select count(*) from chat.crm_due where event_id = 1000000 and tries = 9";

pub async fn what_another_sites_crm_refused(world: &World) -> Result<()> {
    untold(world).await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    for call in ["chat_crm", "chat_retry_crm"] {
        let call = format!("select {call}('{}') as crm", world.a.site.id);
        let rows = allowed(admin.rows(&call).await)?;
        ensure!(
            rows[0]["crm"]["failed"] == json!([]),
            "site A is shown {rows:?}"
        );
    }
    let left = world.look(UNTOLD).await?;
    ensure!(left == "1", "site A has site B's CRM told anew");
    Ok(())
}

pub async fn switching_off_what_another_site_waits_for(world: &World) -> Result<()> {
    untold(world).await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let call = format!("select chat_save_crm('{}', false)", world.a.site.id);
    allowed(admin.execute(&call).await)?;
    let left = world.look(UNTOLD).await?;
    ensure!(left == "1", "site B's CRM will never be told");
    Ok(())
}
