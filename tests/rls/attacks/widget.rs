//! What a visitor may try with a good token: other visitors' chats, and the site's own rules.

use anyhow::{Result, bail, ensure};
use pg_chat_tests::{Person, Session};
use serde_json::{Value, json};
use sqlx::Connection;
use uuid::Uuid;

use super::{allowed, refused};
use crate::world::World;

super::held_off!(
    anothers_chat,
    a_note_about_oneself,
    a_message_in_anothers_chat,
    the_id_of_anothers_message,
    a_quote_of_anothers_message,
    anothers_file,
    a_file_anywhere,
    anothers_words_by_an_error,
    a_proof_that_is_none,
    no_form,
    a_domain_that_is_not_allowed,
    a_key_for_oneself,
    writing_while_blocked,
    the_chats_of_another_customer,
    a_customer_of_two_sites,
    what_a_foreign_site_offers,
    a_site_that_is_not,
);

/// The visitor of site A, where no form is asked for, and somebody else there.
async fn two(world: &World) -> Result<(Person, Session)> {
    world
        .as_owner("update mod_chat_widget_settings set pre_chat_enabled = false")
        .await?;
    let other = world.a.site.session(&world.db).await?;
    Ok((world.db.as_visitor(&other).await?, other))
}

async fn answer(person: &mut Person, call: &str) -> Result<Value, sqlx::Error> {
    let mut rows = person.rows(&format!("select {call} as answer")).await?;
    Ok(rows
        .pop()
        .map_or(Value::Null, |mut row| row["answer"].take()))
}

pub async fn anothers_chat(world: &World) -> Result<()> {
    let (mut thief, _) = two(world).await?;
    for view in ["chat_my_conversations", "chat_my_messages"] {
        let rows = thief.rows(&format!("select * from {view}")).await?;
        ensure!(rows.is_empty(), "{view} shows {rows:?}");
    }
    Ok(())
}

pub async fn a_note_about_oneself(world: &World) -> Result<()> {
    world
        .as_owner(&format!(
            "insert into mod_chat_messages (conversation_id, sender_type, kind, content)
            values ('{}', 'agent', 'note', 'A difficult one')",
            world.a.conversation
        ))
        .await?;
    let mut visitor = world.db.as_visitor(&world.a.session).await?;
    let rows = visitor.rows("select content from chat_my_messages").await?;
    ensure!(rows == [json!({"content": "Hi"})], "{rows:?}");
    Ok(())
}

pub async fn a_message_in_anothers_chat(world: &World) -> Result<()> {
    let (mut thief, _) = two(world).await?;
    let post = format!(
        "chat_post_message('x', gen_random_uuid(), '{}')",
        world.a.conversation
    );
    refused(
        answer(&mut thief, &post).await,
        "PT404 chat/no_such_conversation",
    )
}

pub async fn a_quote_of_anothers_message(world: &World) -> Result<()> {
    let (mut thief, _) = two(world).await?;
    let post = format!(
        "chat_post_message('x', gen_random_uuid(), null, '{}')",
        world.a.message
    );
    refused(
        answer(&mut thief, &post).await,
        "PT404 chat/no_such_message",
    )
}

pub async fn anothers_file(world: &World) -> Result<()> {
    let (mut thief, _) = two(world).await?;
    let mut visitor = world.db.as_visitor(&world.a.session).await?;
    let upload = answer(&mut visitor, "chat_request_upload('a.png', 1, 'image/png')").await?;
    world
        .as_owner(&format!(
            "insert into storage.objects (bucket_id, name) values ('chat-media', '{}')",
            upload["path"].as_str().unwrap_or_default()
        ))
        .await?;
    let post = format!(
        "chat_post_message('', gen_random_uuid(), null, null, '{}')",
        upload["upload"].as_str().unwrap_or_default()
    );
    refused(answer(&mut thief, &post).await, "PT404 chat/no_such_upload")?;
    let upload = answer(&mut visitor, "chat_request_upload('b.png', 1, 'image/png')").await?;
    let put = format!(
        "insert into storage.objects (bucket_id, name) values ('chat-media', '{}')",
        upload["path"].as_str().unwrap_or_default()
    );
    refused(thief.execute(&put).await, "42501")
}

pub async fn a_file_anywhere(world: &World) -> Result<()> {
    let (mut visitor, _) = two(world).await?;
    let put =
        "insert into storage.objects (bucket_id, name) values ('chat-media', 'chat/mine.png')";
    refused(visitor.execute(put).await, "42501")?;
    let told = answer(&mut visitor, "chat_request_upload('a.png', 1, 'image/png')").await?;
    let path = told["path"].to_string().replace('"', "'");
    let put = |bucket: &str| {
        format!("insert into storage.objects (bucket_id, name) values ('{bucket}', {path})")
    };
    world
        .as_owner("insert into storage.buckets (id, name) values ('private', 'private')")
        .await?;
    refused(visitor.execute(&put("private")).await, "42501")?;
    allowed(visitor.execute(&put("chat-media")).await)?;
    Ok(())
}

/// A condition that fails on a row says that there is such a row. A barrier keeps it from seeing hidden ones.
pub async fn anothers_words_by_an_error(world: &World) -> Result<()> {
    world
        .as_owner(&format!(
            "update mod_chat_conversations set subject = 'sesame' where id = '{}';
            insert into mod_chat_messages (conversation_id, sender_type, content) values ('{0}', 'agent', 'sesame')",
            world.b.conversation
        ))
        .await?;
    let mut visitor = world.db.as_visitor(&world.a.session).await?;
    for guess in [
        "select from chat_my_messages where 1 / (length(content) - 6) > 1",
        "select from chat_my_conversations where 1 / (length(subject) - 6) > 1",
    ] {
        if let Err(error) = visitor.execute(guess).await {
            bail!("a hidden row was seen: {error}");
        }
    }
    Ok(())
}

/// The id of a user of the site, with a hash that somebody made up.
pub async fn a_proof_that_is_none(world: &World) -> Result<()> {
    let (mut thief, session) = two(world).await?;
    let mut boss = world.db.as_user(world.a.site.owner).await?;
    let rotate = format!("chat_rotate_identity_key('{}')", world.a.site.id);
    answer(&mut boss, &rotate).await?;
    let identify = format!("chat_identify('user-7', '{}')", "0".repeat(64));
    let said = answer(&mut thief, &identify).await?;
    ensure!(said["details"] == "chat/wrong_proof", "{said}");
    let aliases = world
        .look("select count(*) from chat.identity_aliases")
        .await?;
    ensure!(aliases == "0", "session {} has a name", session.id);
    Ok(())
}

pub async fn no_form(world: &World) -> Result<()> {
    let other = world.a.site.session(&world.db).await?;
    let mut visitor = world.db.as_visitor(&other).await?;
    refused(
        answer(&mut visitor, "chat_post_message('x')").await,
        "PT422 chat/form_required",
    )
}

pub async fn a_domain_that_is_not_allowed(world: &World) -> Result<()> {
    world
        .as_owner("update mod_chat_widget_settings set allowed_domains = '{shop.example}'")
        .await?;
    let mut anon = world.db.as_anon().await?;
    let mut request = anon.begin().await?;
    sqlx::query(
        "select set_config('request.headers', '{\"origin\": \"https://evil.example\"}', true)",
    )
    .execute(&mut *request)
    .await?;
    for call in [
        "select chat_open_session($1)",
        "select chat_widget_config($1)",
    ] {
        let mut attempt = request.begin().await?;
        let opened = sqlx::query(call)
            .bind(world.a.site.id)
            .execute(&mut *attempt)
            .await;
        refused(opened, "PT403 chat/domain_not_allowed")?;
        attempt.rollback().await?;
    }
    Ok(())
}

/// Whoever has the key can be any user of the site.
pub async fn a_key_for_oneself(world: &World) -> Result<()> {
    for user in [world.a.agent.user, world.b.site.owner, world.a.member] {
        let mut person = world.db.as_user(user).await?;
        let rotate = format!("chat_rotate_identity_key('{}')", world.a.site.id);
        refused(answer(&mut person, &rotate).await, "PT403 chat/not_allowed")?;
    }
    Ok(())
}

/// A block by address ends no session of another address, nor does one that the owner of the database writes.
pub async fn writing_while_blocked(world: &World) -> Result<()> {
    let (mut blocked, session) = two(world).await?;
    world
        .as_owner(&format!(
            "insert into chat.blocks (site_id, visitor_id) values ('{}', '{}')",
            session.site, session.visitor
        ))
        .await?;
    refused(
        answer(&mut blocked, "chat_post_message('x')").await,
        "PT403 chat/blocked",
    )
}

/// Customers who are signed in with Supabase have what they wrote under their own login.
pub async fn the_chats_of_another_customer(world: &World) -> Result<()> {
    let mut customer = world.db.as_user(Uuid::new_v4()).await?;
    let open = format!("chat_open_session('{}')", world.a.site.id);
    answer(&mut customer, &open).await?;
    world
        .as_owner(
            "insert into mod_chat_conversations (site_id, visitor_id)
            select i.site_id, i.visitor_id from chat.identities i
            join chat.identity_aliases a on a.identity_id = i.id and a.kind = 'auth'",
        )
        .await?;
    let mine = "select id from chat_my_conversations";
    ensure!(customer.rows(mine).await?.len() == 1);
    let mut other = world.db.as_user(Uuid::new_v4()).await?;
    ensure!(other.rows(mine).await?.is_empty(), "another's chat is seen");
    Ok(())
}

/// Who is online and which departments there are is said of the site that was asked for.
pub async fn what_a_foreign_site_offers(world: &World) -> Result<()> {
    world
        .as_owner(&format!(
            "update mod_chat_widget_settings set pre_chat_department_selector = true;
            update mod_chat_agents set status = 'online' where id = '{}'",
            world.b.agent.id
        ))
        .await?;
    let mut anon = world.db.as_anon().await?;
    let config = format!("chat_widget_config('{}')", world.a.site.id);
    let config = answer(&mut anon, &config).await?;
    ensure!(
        config["online"] == false,
        "agents of site B are on: {config}"
    );
    ensure!(
        config["departments"].as_array().map(Vec::len) == Some(1),
        "departments of site B: {config}"
    );
    Ok(())
}

/// Sites share their logins, not what they know of people.
pub async fn a_customer_of_two_sites(world: &World) -> Result<()> {
    let mut customer = world.db.as_user(Uuid::new_v4()).await?;
    let mut known = Vec::new();
    for site in [world.a.site.id, world.b.site.id] {
        let open = format!("chat_open_session('{site}')");
        match answer(&mut customer, &open).await {
            Ok(said) => known.push(said["visitor_id"].clone()),
            Err(error) => bail!("the person of the other site was taken: {error}"),
        }
    }
    ensure!(known[0] != known[1], "site B knows the person of site A");
    Ok(())
}

pub async fn the_id_of_anothers_message(world: &World) -> Result<()> {
    let (mut thief, _) = two(world).await?;
    let post = format!("chat_post_message('x', '{}')", world.a.message);
    refused(answer(&mut thief, &post).await, "PT409 chat/id_in_use")
}

pub async fn a_site_that_is_not(world: &World) -> Result<()> {
    let (mut person, _) = two(world).await?;
    for call in ["chat_open_session", "chat_hours"] {
        let call = format!("{call}('{}')", Uuid::new_v4());
        refused(answer(&mut person, &call).await, "PT404 chat/no_such_site")?;
    }
    Ok(())
}
