//! Lists, badges, search and saved lists: their functions look past the policies, so they ask for the right themselves.

use anyhow::{Context, Result, bail, ensure};

use super::refused;
use crate::world::World;

super::held_off!(
    the_inbox_of_a_foreign_site,
    badges_of_a_foreign_site,
    badges_of_ones_other_self,
    searching_a_foreign_site,
    reading_a_foreign_conversation,
    a_colleagues_own_list,
    a_foreign_list,
    a_list_by_an_error,
    listing_beyond_a_limit,
    counting_beyond_a_limit,
    the_queue_of_a_foreign_site,
    the_queue_beyond_a_limit,
    a_report_of_a_foreign_site,
    promises_beyond_a_limit,
    searching_beyond_a_limit,
);

async fn limit_supervisors(world: &World) -> Result<()> {
    world
        .as_owner("insert into chat.role_limits (site_id, role, sees) select id, 'supervisor', 'own' from sites on conflict do nothing")
        .await
}

pub async fn the_inbox_of_a_foreign_site(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    for call in ["* from chat_inbox", "chat_inbox_count"] {
        let foreign = format!("select {call}('{{\"siteId\": \"{}\"}}')", world.b.site.id);
        refused(agent.rows(&foreign).await, "PT403 chat/not_allowed").context(call)?;
    }
    let own = agent.rows("select site_id from chat_inbox()").await?;
    ensure!(
        own.len() == 1 && own[0]["site_id"] == world.a.site.id.to_string(),
        "all sites: {own:?}"
    );
    world
        .as_owner("update chat.permissions set allowed = false where permission = 'live-chat.conversations.view'")
        .await?;
    ensure!(agent.rows("select * from chat_inbox()").await?.is_empty());
    Ok(())
}

pub async fn badges_of_a_foreign_site(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let foreign = format!("select chat_counts('{}')", world.b.site.id);
    refused(agent.rows(&foreign).await, "PT403 chat/not_allowed")
}

/// Who is an agent at two sites is two agents.
pub async fn badges_of_ones_other_self(world: &World) -> Result<()> {
    let (a, b) = (&world.a, &world.b);
    world
        .as_owner(&format!(
            "insert into mod_chat_agents (id, site_id, user_id, display_name)
            values ('{0}', '{1}', '{2}', 'Ada, too');
            update mod_chat_conversations set assigned_agent_id = '{0}' where id = '{3}'",
            a.department, b.site.id, a.agent.user, b.conversation
        ))
        .await?;
    let mut agent = world.db.as_user(a.agent.user).await?;
    for site in [a.site.id, b.site.id] {
        let counts = format!("select chat_counts('{site}') as counts");
        let counts = agent.rows(&counts).await?;
        ensure!(counts[0]["counts"]["mine"] == 1, "{counts:?}");
    }
    Ok(())
}

pub async fn searching_a_foreign_site(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let search = |site| format!("select chat_search('{site}', 'hi') as said");
    refused(
        agent.rows(&search(world.b.site.id)).await,
        "PT403 chat/not_allowed",
    )?;
    for is_indexed in [false, true] {
        if is_indexed {
            index(world).await?;
        }
        let own = agent.rows(&search(world.a.site.id)).await?;
        ensure!(
            own[0]["said"]["hits"]
                .as_array()
                .is_some_and(|hits| hits.len() == 1),
            "indexed {is_indexed}: {own:?}"
        );
    }
    world
        .as_owner(&format!(
            "insert into chat.words_due (site_id, message_id) values ('{}', '{}')",
            world.b.site.id, world.b.message
        ))
        .await?;
    let own = agent.rows(&search(world.a.site.id)).await?;
    ensure!(
        own[0]["said"]["hits"]
            .as_array()
            .is_some_and(|hits| hits.len() == 1),
        "what site B has to index is found: {own:?}"
    );
    let other = format!(
        "select chat_search('{}', 'hi', conversation => '{}') as said",
        world.a.site.id, world.b.conversation
    );
    ensure!(agent.rows(&other).await?[0]["said"]["hits"] == serde_json::json!([]));
    Ok(())
}

pub async fn reading_a_foreign_conversation(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    for call in ["chat_messages('ID')", "chat_changes('ID', 0)"] {
        let statement = format!(
            "select {}",
            call.replace("ID", &world.b.conversation.to_string())
        );
        refused(
            agent.rows(&statement).await,
            "PT404 chat/no_such_conversation",
        )
        .context(call)?;
    }
    Ok(())
}

pub async fn a_colleagues_own_list(world: &World) -> Result<()> {
    world
        .as_owner("update chat.saved_views set is_shared = false")
        .await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    ensure!(
        admin
            .rows("select * from chat_saved_views")
            .await?
            .is_empty(),
        "a colleague's own list is seen"
    );
    let list = world
        .look(&format!(
            "select id from chat.saved_views where site_id = '{}'",
            world.a.site.id
        ))
        .await?;
    refused(
        admin
            .rows(&format!("select chat_delete_view('{list}')"))
            .await,
        "PT404 chat/no_such_view",
    )?;
    let save = format!(
        "select * from chat_save_view('{}', 'Mine', '{{}}', false, '{list}')",
        world.a.site.id
    );
    refused(admin.rows(&save).await, "PT404 chat/no_such_view")
}

/// A condition that fails on a row says that there is such a row. The barrier keeps it from seeing hidden ones.
pub async fn a_list_by_an_error(world: &World) -> Result<()> {
    world
        .as_owner("update chat.saved_views set name = 'sesame', is_shared = false")
        .await?;
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let guess = "select from chat_saved_views where 1 / (length(name) - 6) > 1";
    if let Err(error) = admin.execute(guess).await {
        bail!("a hidden row was seen: {error}");
    }
    Ok(())
}

pub async fn a_foreign_list(world: &World) -> Result<()> {
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let list = world
        .look(&format!(
            "select id from chat.saved_views where site_id = '{}'",
            world.b.site.id
        ))
        .await?;
    refused(
        admin
            .rows(&format!("select chat_delete_view('{list}')"))
            .await,
        "PT404 chat/no_such_view",
    )?;
    let save = |site, view: &str| format!("select chat_save_view('{site}', 'Ours', '{{}}'{view})");
    refused(
        admin.rows(&save(world.b.site.id, "")).await,
        "PT403 chat/not_allowed",
    )?;
    world
        .as_owner(&format!(
            "insert into mod_chat_agents (site_id, user_id, display_name, role) values ('{}', '{}', 'Adam', 'admin')",
            world.b.site.id, world.a.admin.user
        ))
        .await?;
    refused(
        admin
            .rows(&save(world.a.site.id, &format!(", view => '{list}'")))
            .await,
        "PT409 chat/view_of_another_site",
    )
}

pub async fn listing_beyond_a_limit(world: &World) -> Result<()> {
    limit_supervisors(world).await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    ensure!(
        supervisor
            .rows("select * from chat_inbox()")
            .await?
            .is_empty()
    );
    ensure!(supervisor.rows("select chat_inbox_count() as said").await?[0]["said"]["count"] == 0);
    Ok(())
}

pub async fn counting_beyond_a_limit(world: &World) -> Result<()> {
    limit_supervisors(world).await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    let counts = format!("select chat_counts('{}') as said", world.a.site.id);
    ensure!(supervisor.rows(&counts).await?[0]["said"]["open"] == 0);
    Ok(())
}

/// Broken promises to a colleague's visitor, and to those of another site.
pub async fn promises_beyond_a_limit(world: &World) -> Result<()> {
    limit_supervisors(world).await?;
    for house in [&world.a, &world.b] {
        world
            .as_owner(&format!(
                "insert into chat.sla_cases (conversation_id, site_id, read_seq, answered, due_at, target, breached)
                values ('{}', '{}', 0, false, now(), 'resolution', true)",
                house.conversation, house.site.id
            ))
            .await?;
    }
    let counts = format!("select chat_counts('{}') as said", world.a.site.id);
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    ensure!(supervisor.rows(&counts).await?[0]["said"]["sla_breached"] == 0);
    let sorted = "select id from chat_inbox('{\"sort\": \"sla\"}')";
    ensure!(supervisor.rows(sorted).await?.is_empty());
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    ensure!(agent.rows(&counts).await?[0]["said"]["sla_breached"] == 1);
    ensure!(agent.rows(sorted).await?.len() == 1);
    Ok(())
}

/// Messages are read themselves until the tick has put them into the index. That takes as long as anybody's transaction
/// does, so it is done by hand.
async fn index(world: &World) -> Result<()> {
    world
        .as_owner(
            "select chat.index_messages(array(select id from mod_chat_messages));
            update chat.words_progress set event_id = (select max(id) from chat.events);
            delete from chat.words_due",
        )
        .await
}

pub async fn searching_beyond_a_limit(world: &World) -> Result<()> {
    limit_supervisors(world).await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    let search = format!("select chat_search('{}', 'hi') as said", world.a.site.id);
    let nothing = serde_json::json!([]);
    ensure!(supervisor.rows(&search).await?[0]["said"]["hits"] == nothing);
    index(world).await?;
    ensure!(supervisor.rows(&search).await?[0]["said"]["hits"] == nothing);
    Ok(())
}

pub async fn the_queue_of_a_foreign_site(world: &World) -> Result<()> {
    for house in [&world.a, &world.b] {
        house.site.conversation(house.visitor).await?;
    }
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let queue = |site| format!("select chat_queue('{site}') as queue");
    refused(
        agent.rows(&queue(world.b.site.id)).await,
        "PT403 chat/not_allowed",
    )?;
    let own = agent.rows(&queue(world.a.site.id)).await?;
    ensure!(own[0]["queue"]["waiting"] == 1, "{own:?}");
    Ok(())
}

pub async fn the_queue_beyond_a_limit(world: &World) -> Result<()> {
    world.a.site.conversation(world.a.visitor).await?;
    limit_supervisors(world).await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    let queue = format!("select chat_queue('{}') as queue", world.a.site.id);
    let seen = supervisor.rows(&queue).await?;
    ensure!(
        seen[0]["queue"] == serde_json::json!({"waiting": 0, "chats": []}),
        "{seen:?}"
    );
    Ok(())
}

pub async fn a_report_of_a_foreign_site(world: &World) -> Result<()> {
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    let report =
        |site| format!("select chat_agent_load('{site}', now() - interval '1 hour', null)");
    refused(
        supervisor.rows(&report(world.b.site.id)).await,
        "PT403 chat/not_allowed",
    )?;
    supervisor.rows(&report(world.a.site.id)).await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    refused(
        agent.rows(&report(world.a.site.id)).await,
        "PT403 chat/not_allowed",
    )
}
