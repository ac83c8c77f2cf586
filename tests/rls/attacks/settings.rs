//! Settings of a site: the whatsapp_* columns need a permission of their own, and claim a number.

use anyhow::{Result, bail, ensure};

use super::numbers::{connect, register};
use super::refused;
use crate::world::World;

super::held_off!(
    columns_of_another_permission,
    a_first_row_with_whatsapp,
    a_number_of_another_site,
    a_number_nobody_confirmed,
    an_account_of_another_site,
    a_foreign_promise,
);

async fn forbid(world: &World, permission: &str) -> Result<()> {
    world
        .as_owner(&format!(
            "delete from chat.permissions where site_id = '{0}';
            insert into chat.permissions (site_id, role, permission, allowed)
            values ('{0}', 'admin', '{permission}', false)",
            world.a.site.id
        ))
        .await
}

pub async fn columns_of_another_permission(world: &World) -> Result<()> {
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let set = |change: &str| format!("update mod_chat_widget_settings set {change}");
    let whatsapp = [
        "whatsapp_enabled = true",
        "whatsapp_phone_number = '+1 555'",
        "whatsapp_phone_number_id = '777'",
        "whatsapp_business_account_id = '888'",
        "whatsapp_welcome_template = 'hello'",
    ];
    forbid(world, "live-chat.whatsapp.manage").await?;
    for change in whatsapp {
        refused(admin.execute(&set(change)).await, "PT403 chat/not_allowed")?;
    }
    refused(
        admin
            .execute(&set("language = 'fr', whatsapp_enabled = true"))
            .await,
        "PT403 chat/not_allowed",
    )?;
    ensure!(
        admin.execute(&set("language = 'fr'")).await? == 1,
        "settings.manage is not enough for the language"
    );

    forbid(world, "live-chat.settings.manage").await?;
    for change in [
        "language = 'de'",
        "reopen_hours = 0",
        "blocked_ips = '{192.0.2.1}'",
        "allowed_domains = '{*}'",
    ] {
        refused(admin.execute(&set(change)).await, "PT403 chat/not_allowed")?;
    }
    for change in whatsapp {
        ensure!(
            admin.execute(&set(change)).await? == 1,
            "whatsapp.manage is not enough for {change}"
        );
    }
    Ok(())
}

pub async fn a_first_row_with_whatsapp(world: &World) -> Result<()> {
    world
        .as_owner("delete from mod_chat_widget_settings")
        .await?;
    forbid(world, "live-chat.whatsapp.manage").await?;
    let site = world.a.site.id;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    for (column, value) in [
        ("whatsapp_enabled", "true"),
        ("whatsapp_phone_number", "'+1 555'"),
        ("whatsapp_phone_number_id", "'777'"),
        ("whatsapp_business_account_id", "'888'"),
        ("whatsapp_welcome_template", "'hello'"),
    ] {
        let insert = format!(
            "insert into mod_chat_widget_settings (site_id, {column}) values ('{site}', {value})"
        );
        refused(admin.execute(&insert).await, "PT403 chat/not_allowed")?;
    }
    let plain =
        format!("insert into mod_chat_widget_settings (site_id, language) values ('{site}', 'fr')");
    ensure!(
        admin.execute(&plain).await? == 1,
        "settings.manage is not enough for a first row"
    );
    Ok(())
}

/// LC-01's settings name a number. Another site's is refused, and nothing of the refused write stays.
pub async fn a_number_of_another_site(world: &World) -> Result<()> {
    connect(world, &world.a, "first", "777").await?;
    let mut admin = world.db.as_user(world.b.admin.user).await?;
    let claimed = admin
        .execute("update mod_chat_widget_settings set whatsapp_enabled = true, whatsapp_phone_number_id = '777'")
        .await;
    refused(claimed, "PT409 chat/number_taken")?;
    let claims = world
        .look("select count(*) from chat.whatsapp_numbers")
        .await?;
    ensure!(claims == "1", "{claims} sites claim the number");
    Ok(())
}

/// A claim by settings takes nothing from the site that Graph then answers for.
pub async fn a_number_nobody_confirmed(world: &World) -> Result<()> {
    let mut admin = world.db.as_user(world.b.admin.user).await?;
    let claim = "update mod_chat_widget_settings set whatsapp_enabled = true, whatsapp_phone_number_id = '777'";
    ensure!(
        admin.execute(claim).await? == 1,
        "a number that is nobody's cannot be claimed"
    );
    let confirmed = world
        .look("select count(*) from chat.whatsapp_numbers where confirmed_at is not null")
        .await?;
    ensure!(confirmed == "0", "a claim confirmed itself");
    let known = register(world, &world.a, "first", "777").await?;
    ensure!(
        known["confirmed"] == false,
        "the owner of the number was not asked: {known}"
    );
    connect(world, &world.a, "first", "777").await?;
    Ok(())
}

/// A number goes by the account that its own site has connected: nobody sends with another site's token.
pub async fn an_account_of_another_site(world: &World) -> Result<()> {
    let theirs = connect(world, &world.b, "first", "777").await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let set = format!(
        "update mod_chat_widget_settings set whatsapp_enabled = true, whatsapp_phone_number_id = '888',
            whatsapp_business_account_id = '{}'",
        theirs.waba_id
    );
    if let Err(error) = admin.execute(&set).await {
        bail!("the account was looked for: {error}");
    }
    let account = "select account_id from chat.whatsapp_numbers where phone_number_id = '888'";
    ensure!(
        world.look(account).await? == "null",
        "the number goes by an account of site B"
    );
    Ok(())
}

pub async fn a_foreign_promise(world: &World) -> Result<()> {
    world
        .as_owner(&format!(
            "insert into chat.sla_policies (id, site_id, tag) values ('{0}', '{0}', 'vip');
            insert into chat.sla_policies (site_id, tag) select '{0}', 'tag ' || n from generate_series(1, 199) n",
            world.b.site.id
        ))
        .await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let delete = |site| format!("select chat_delete_sla('{site}', '{}')", world.b.site.id);
    refused(
        admin.execute(&delete(world.a.site.id)).await,
        "PT404 chat/no_such_policy",
    )?;
    refused(
        admin.execute(&delete(world.b.site.id)).await,
        "PT403 chat/not_allowed",
    )?;
    let save = |site, department: &str| {
        format!("select chat_save_sla('{site}', {department}, resolution_seconds => 60)")
    };
    let theirs = format!("'{}'", world.b.department);
    refused(
        admin.execute(&save(world.a.site.id, &theirs)).await,
        "PT404 chat/no_such_department",
    )?;
    refused(
        admin.execute(&save(world.b.site.id, "null")).await,
        "PT403 chat/not_allowed",
    )?;
    // However much another site promises, one's own shows and keeps what is its own.
    let saved = admin.execute(&save(world.a.site.id, "null")).await;
    ensure!(saved.is_ok(), "one's own cannot be saved: {saved:?}");
    let own = format!("select chat_sla('{}') as sla", world.a.site.id);
    let own = admin.rows(&own).await?;
    ensure!(
        own[0]["sla"].as_array().is_some_and(|sla| sla.len() == 1),
        "promises of another site are shown: {own:?}"
    );
    Ok(())
}
