//! Visitors' tokens that do not count any more, or never did here.

use anyhow::{Result, ensure};
use pg_chat_tests::Person;
use serde_json::{Value, json};

use super::refused;
use crate::world::World;

super::held_off!(
    a_token_of_another_site,
    a_session_that_is_over,
    a_token_that_has_expired,
    a_token_that_never_expires,
    a_session_that_has_run_out,
    a_key_at_another_site,
    a_key_of_somebody_blocked,
    an_address_that_is_blocked,
    a_site_that_is_off,
);

async fn page(person: &mut Person) -> Result<Vec<Value>, sqlx::Error> {
    person
        .rows("select chat_set_page('{\"url\": \"https://x.example/\"}')")
        .await
}

/// A token of site A whose session is one of site B's.
pub async fn a_token_of_another_site(world: &World) -> Result<()> {
    let mut claims = world.a.session.claims()?;
    claims["chat_session"] = json!(world.b.session.id);
    let mut visitor = world.db.as_caller("anon", claims).await?;
    refused(page(&mut visitor).await, "PT401 chat/session_foreign")
}

pub async fn a_session_that_is_over(world: &World) -> Result<()> {
    let mut visitor = world.db.as_visitor(&world.a.session).await?;
    visitor.rows("select chat_end_session()").await?;
    refused(page(&mut visitor).await, "PT401 chat/session_dead")
}

pub async fn a_token_that_has_expired(world: &World) -> Result<()> {
    let mut claims = world.a.session.claims()?;
    claims["exp"] = json!(jiff::Timestamp::now().as_second() - 1);
    let mut visitor = world.db.as_caller("anon", claims).await?;
    refused(page(&mut visitor).await, "PT401 chat/session_expired")
}

pub async fn a_token_that_never_expires(world: &World) -> Result<()> {
    let mut claims = world.a.session.claims()?;
    claims["exp"] = Value::Null;
    let mut visitor = world.db.as_caller("anon", claims).await?;
    refused(page(&mut visitor).await, "PT401 chat/session_expired")
}

pub async fn a_session_that_has_run_out(world: &World) -> Result<()> {
    world
        .as_owner("update chat.sessions set expires_at = now()")
        .await?;
    let mut visitor = world.db.as_visitor(&world.a.session).await?;
    refused(page(&mut visitor).await, "PT401 chat/session_dead")
}

pub async fn a_key_at_another_site(world: &World) -> Result<()> {
    let mut anon = world.db.as_anon().await?;
    let open = format!(
        "select chat_open_session('{}', '{}') as answer",
        world.b.site.id, world.a.session.key
    );
    let answer = anon.rows(&open).await?;
    ensure!(
        answer[0]["answer"]["resumed"] == false,
        "a key of site A opens its session at site B"
    );
    Ok(())
}

pub async fn a_key_of_somebody_blocked(world: &World) -> Result<()> {
    let a = &world.a;
    world
        .as_owner(&format!(
            "insert into chat.blocks (site_id, visitor_id) values ('{}', '{}')",
            a.site.id, a.visitor
        ))
        .await?;
    let mut anon = world.db.as_anon().await?;
    let open = format!(
        "select chat_open_session('{}', '{}')",
        a.site.id, a.session.key
    );
    refused(anon.rows(&open).await, "PT403 chat/blocked")
}

/// A site that has switched the module off has no widget, and its tokens count no more.
pub async fn a_site_that_is_off(world: &World) -> Result<()> {
    let site = world.a.site.id;
    world
        .as_owner(&format!(
            "insert into chat.modules (site_id, enabled) values ('{site}', false)"
        ))
        .await?;
    let mut anon = world.db.as_anon().await?;
    for call in ["chat_open_session", "chat_widget_config", "chat_hours"] {
        let call = format!("select {call}('{site}')");
        refused(anon.rows(&call).await, "PT403 chat/module_off")?;
    }
    let mut visitor = world.db.as_visitor(&world.a.session).await?;
    refused(page(&mut visitor).await, "PT403 chat/module_off")
}

pub async fn an_address_that_is_blocked(world: &World) -> Result<()> {
    let site = world.a.site.id;
    world
        .as_owner(&format!(
            "insert into chat.blocks (site_id, address) values ('{site}', '127.0.0.0/8')"
        ))
        .await?;
    let mut anon = world.db.as_anon().await?;
    let open = format!("select chat_open_session('{site}')");
    refused(anon.rows(&open).await, "PT403 chat/blocked")
}
