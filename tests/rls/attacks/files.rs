//! Files of chats: Storage asks our policies, a message may carry only what its writer reads, and an address is signed
//! for readers of the message.

use anyhow::{Result, ensure};
use uuid::Uuid;

use super::limits::limit_supervisors;
use super::{allowed, refused};
use crate::world::{House, World};

super::held_off!(
    files_of_a_foreign_site,
    a_file_for_a_foreign_site,
    a_file_without_the_right_to_answer,
    a_file_for_ones_own_site,
    a_file_in_another_bucket,
    files_of_another_bucket,
    files_beyond_a_limit,
    a_file_that_another_sites_message_names,
    a_colleagues_file_carried_away,
    a_foreign_sites_file_carried_away,
    the_address_of_a_foreign_file,
    the_address_of_a_file_beside_a_note,
    the_address_of_another_sites_path,
);

/// Puts a file of site A into Storage and into the message of the world; its path.
async fn file_of_a(world: &World) -> Result<String> {
    let path = format!("chat/{}/{}_plan.pdf", world.a.site.id, Uuid::new_v4());
    world
        .as_owner(&format!(
            "insert into storage.objects (bucket_id, name, metadata)
            values ('chat-media', '{path}', '{{\"size\": 1, \"mimetype\": \"application/pdf\"}}');
            update mod_chat_messages set file_url = '{path}', file_state = 'ready' where id = '{}'",
            world.a.message
        ))
        .await?;
    Ok(path)
}

const ALL: &str = "select name from storage.objects where bucket_id = 'chat-media'";

pub async fn files_of_a_foreign_site(world: &World) -> Result<()> {
    file_of_a(world).await?;
    let mut own = world.db.as_user(world.a.agent.user).await?;
    ensure!(
        own.rows(ALL).await?.len() == 1,
        "who is of the site reads it"
    );
    let mut spy = world.db.as_user(world.b.agent.user).await?;
    ensure!(
        spy.rows(ALL).await?.is_empty(),
        "site B reads files of site A"
    );
    Ok(())
}

pub async fn a_file_for_a_foreign_site(world: &World) -> Result<()> {
    cannot_put(world, &world.b, &world.a).await
}

/// Who may view and no more puts no file either.
pub async fn a_file_without_the_right_to_answer(world: &World) -> Result<()> {
    cannot_put(world, &world.c, &world.c).await
}

/// The agent of a house is refused a file at a site.
async fn cannot_put(world: &World, whose: &House, at: &House) -> Result<()> {
    let mut agent = world.db.as_user(whose.agent.user).await?;
    let put = format!(
        "insert into storage.objects (bucket_id, name) values ('chat-media', 'chat/{}/{}_a.png')",
        at.site.id,
        Uuid::new_v4()
    );
    refused(agent.execute(&put).await, "42501")
}

/// Who answers at a site puts a file there, by the same policy that keeps strangers out.
pub async fn a_file_for_ones_own_site(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let put = format!(
        "insert into storage.objects (bucket_id, name) values ('chat-media', 'chat/{}/{}_a.png')",
        world.a.site.id,
        Uuid::new_v4()
    );
    allowed(agent.execute(&put).await).map(drop)
}

/// A bucket of the host's, which our policies say nothing of.
async fn avatars(world: &World) -> Result<()> {
    world
        .as_owner("insert into storage.buckets (id, name) values ('avatars', 'avatars')")
        .await
}

pub async fn a_file_in_another_bucket(world: &World) -> Result<()> {
    avatars(world).await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let put = format!(
        "insert into storage.objects (bucket_id, name) values ('avatars', 'chat/{}/{}_a.png')",
        world.a.site.id,
        Uuid::new_v4()
    );
    refused(agent.execute(&put).await, "42501")
}

pub async fn files_of_another_bucket(world: &World) -> Result<()> {
    avatars(world).await?;
    let path = file_of_a(world).await?;
    world
        .as_owner(&format!(
            "insert into storage.objects (bucket_id, name) values ('avatars', '{path}')"
        ))
        .await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    ensure!(
        agent
            .rows("select bucket_id from storage.objects")
            .await?
            .len()
            == 1,
        "a file of the same path is read in another bucket"
    );
    Ok(())
}

pub async fn files_beyond_a_limit(world: &World) -> Result<()> {
    file_of_a(world).await?;
    limit_supervisors(world).await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    ensure!(
        supervisor.rows(ALL).await?.is_empty(),
        "a colleague's file is read"
    );
    Ok(())
}

/// Who sees own chats only names a colleague's file in a chat of their own, and would read it there.
/// That another site's message names it makes nobody of this site its reader.
pub async fn a_file_that_another_sites_message_names(world: &World) -> Result<()> {
    let path = file_of_a(world).await?;
    world
        .as_owner(&format!(
            "update mod_chat_messages set file_url = '{path}', file_state = 'ready' where id = '{}'",
            world.b.message
        ))
        .await?;
    limit_supervisors(world).await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    ensure!(
        supervisor.rows(ALL).await?.is_empty(),
        "a colleague's file is read"
    );
    Ok(())
}

pub async fn a_colleagues_file_carried_away(world: &World) -> Result<()> {
    let path = file_of_a(world).await?;
    limit_supervisors(world).await?;
    let (own, a) = (Uuid::new_v4(), &world.a);
    world
        .as_owner(&format!(
            "insert into mod_chat_conversations (id, site_id, visitor_id, assigned_agent_id)
            values ('{own}', '{}', '{}', '{}')",
            a.site.id, a.visitor, a.supervisor.id
        ))
        .await?;
    let mut supervisor = world.db.as_user(a.supervisor.user).await?;
    let send = format!(
        "insert into mod_chat_messages (conversation_id, content, file_url) values ('{own}', 'Look', '{path}')"
    );
    refused(supervisor.execute(&send).await, "PT404 chat/no_such_file")
}

/// An agent of two sites would show people of the one what belongs to the other.
pub async fn a_foreign_sites_file_carried_away(world: &World) -> Result<()> {
    let path = file_of_a(world).await?;
    let b = &world.b;
    world
        .as_owner(&format!(
            "insert into mod_chat_agents (site_id, user_id, display_name, role, status)
            values ('{}', '{}', 'Both', 'agent', 'offline')",
            world.a.site.id, b.agent.user
        ))
        .await?;
    let mut both = world.db.as_user(b.agent.user).await?;
    let send = format!(
        "insert into mod_chat_messages (conversation_id, content, file_url) values ('{}', 'Look', '{path}')",
        b.conversation
    );
    refused(both.execute(&send).await, "PT422 chat/not_your_file")
}

pub async fn the_address_of_a_foreign_file(world: &World) -> Result<()> {
    file_of_a(world).await?;
    let ask = format!("select chat_file_url('{}')", world.a.message);
    let mut own = world.db.as_visitor(&world.a.session).await?;
    ensure!(own.rows(&ask).await.is_ok(), "the person whose chat it is");
    let mut spy = world.db.as_user(world.b.agent.user).await?;
    refused(spy.rows(&ask).await, "PT404 chat/no_such_message")?;
    let mut stranger = world.db.as_visitor(&world.b.session).await?;
    refused(stranger.rows(&ask).await, "PT404 chat/no_such_message")
}

pub async fn the_address_of_a_file_beside_a_note(world: &World) -> Result<()> {
    let path = file_of_a(world).await?;
    let note = Uuid::new_v4();
    world
        .as_owner(&format!(
            "insert into mod_chat_messages (id, conversation_id, sender_type, content, kind, file_url, file_state)
            values ('{note}', '{}', 'agent', 'For us', 'note', '{path}', 'ready')",
            world.a.conversation
        ))
        .await?;
    let mut visitor = world.db.as_visitor(&world.a.session).await?;
    let ask = format!("select chat_file_url('{note}')");
    refused(visitor.rows(&ask).await, "PT404 chat/no_such_message")
}

/// Whatever wrote the path into the row, the signature is of the message's own site.
pub async fn the_address_of_another_sites_path(world: &World) -> Result<()> {
    let path = file_of_a(world).await?;
    world
        .as_owner(&format!(
            "update mod_chat_messages set file_url = '{path}', file_state = 'ready' where id = '{}'",
            world.b.message
        ))
        .await?;
    let mut spy = world.db.as_user(world.b.agent.user).await?;
    let ask = format!(
        "select chat_file_url('{}') ->> 'url' as url",
        world.b.message
    );
    let url = spy.rows(&ask).await?[0]["url"].clone();
    ensure!(url.is_null(), "it is signed: {url}");
    Ok(())
}
