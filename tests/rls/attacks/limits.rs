//! Somebody whose role sees a part of its site tries the rest: the conversation of the world is Ada's, Sue sees her own.

use anyhow::{Context, Result, bail, ensure};
use pg_chat_tests::Refusal;

use super::refused;
use crate::world::World;

super::held_off!(
    conversations_beyond_a_limit,
    messages_beyond_a_limit,
    visitors_beyond_a_limit,
    changing_beyond_a_limit,
    answering_beyond_a_limit,
    asking_beyond_a_limit,
    trying_rules_beyond_a_limit,
    starting_what_a_colleague_has,
    a_live_visitors_other_chat,
);

/// Supervisors of site A see their own chats only.
pub async fn limit_supervisors(world: &World) -> Result<()> {
    world
        .as_owner(&format!(
            "insert into chat.role_limits (site_id, role, sees) values ('{}', 'supervisor', 'own')",
            world.a.site.id
        ))
        .await
}

async fn sees_none_of(world: &World, table: &str) -> Result<()> {
    limit_supervisors(world).await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    let rows = supervisor.rows(&format!("select * from {table}")).await?;
    ensure!(rows.is_empty(), "{table} shows {} rows", rows.len());
    Ok(())
}

/// Neither an agent's chat nor that of another whose role is limited alike.
pub async fn conversations_beyond_a_limit(world: &World) -> Result<()> {
    let a = &world.a;
    world
        .as_owner(&format!(
            "insert into mod_chat_agents (id, site_id, user_id, display_name, role)
            values ('{0}', '{1}', gen_random_uuid(), 'Sam', 'supervisor');
            insert into mod_chat_conversations (site_id, visitor_id, assigned_agent_id)
            select '{1}', '{2}', '{0}'",
            a.department, a.site.id, a.visitor
        ))
        .await?;
    sees_none_of(world, "mod_chat_conversations").await
}

pub async fn messages_beyond_a_limit(world: &World) -> Result<()> {
    sees_none_of(world, "mod_chat_messages").await
}

pub async fn visitors_beyond_a_limit(world: &World) -> Result<()> {
    sees_none_of(world, "mod_chat_visitors").await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    ensure!(
        supervisor
            .execute("update mod_chat_visitors set notes = 'x'")
            .await?
            == 0,
        "a visitor beyond the limit was changed"
    );
    Ok(())
}

/// Without a column in a condition, only the policy of the verb itself stands in the way.
pub async fn changing_beyond_a_limit(world: &World) -> Result<()> {
    limit_supervisors(world).await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    ensure!(
        supervisor
            .execute("update mod_chat_conversations set tags = '{x}'")
            .await?
            == 0,
        "a conversation beyond the limit was changed"
    );
    Ok(())
}

pub async fn answering_beyond_a_limit(world: &World) -> Result<()> {
    limit_supervisors(world).await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    let answer = format!(
        "insert into mod_chat_messages (conversation_id, content) values ('{}', 'x')",
        world.a.conversation
    );
    refused(
        supervisor.execute(&answer).await,
        "PT404 chat/no_such_conversation",
    )
}

/// Every function that takes a conversation or a message, so that none is forgotten: who it is comes before what is asked.
pub async fn asking_beyond_a_limit(world: &World) -> Result<()> {
    limit_supervisors(world).await?;
    let functions: Vec<(String, Option<bool>)> = sqlx::query_as(
        "select p.proname::text, 'conversation' = any (p.proargnames)
        from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proname like 'chat\\_%'
            and p.proargnames && '{conversation,message}' and p.proargtypes[0] = 'uuid'::regtype
            and has_function_privilege('authenticated', p.oid, 'execute')
        order by 1",
    )
    .fetch_all(world.db.owner())
    .await?;
    ensure!(functions.len() > 1, "there are such functions");
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    for (name, takes_conversation) in functions {
        let id = if takes_conversation == Some(true) {
            world.a.conversation
        } else {
            world.a.message
        };
        let nulls: String = sqlx::query_scalar(
            "select coalesce(string_agg(', null', ''), '') from pg_proc p, generate_series(2, p.pronargs - p.pronargdefaults)
            where p.proname = $1 and p.pronamespace = 'public'::regnamespace",
        )
        .bind(&name)
        .fetch_one(world.db.owner())
        .await?;
        let Err(error) = supervisor
            .execute(&format!("select public.{name}('{id}'{nulls})"))
            .await
        else {
            bail!("{name} answered about a conversation beyond the limit");
        };
        let refusal = Refusal::of(&error).with_context(|| format!("{name}: {error}"))?;
        ensure!(
            ["PT401", "PT403", "PT404"].contains(&refusal.sqlstate.as_str()),
            "{name} refused with {refusal:?}, but not for who asks"
        );
    }
    Ok(())
}

/// Whoever manages agents tries rules on all that came, and is shown none of what they do not see.
pub async fn trying_rules_beyond_a_limit(world: &World) -> Result<()> {
    limit_supervisors(world).await?;
    let site = world.a.site.id;
    world
        .as_owner(&format!(
            "insert into chat.permissions (site_id, role, permission, allowed)
            values ('{site}', 'supervisor', 'live-chat.agents.manage', true)"
        ))
        .await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    let call = format!("select chat_try_routing_rules('{site}', '[]') as tried");
    let tried = supervisor.rows(&call).await?.remove(0)["tried"].take();
    ensure!(tried["looked_at"] != 0, "nothing came: {tried}");
    ensure!(
        tried["no_rule"]["examples"] == serde_json::json!([]),
        "examples beyond the limit: {tried}"
    );
    Ok(())
}

/// Who starts a conversation by an outside id is given the one that is open, if it is theirs to see.
pub async fn starting_what_a_colleague_has(world: &World) -> Result<()> {
    let start = |words: &str| {
        format!(
            "select * from chat_start_conversation('{}', 'customer 7', '{words}')",
            world.a.site.id
        )
    };
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    agent.rows(&start("Hello")).await?;
    limit_supervisors(world).await?;
    let mut supervisor = world.db.as_user(world.a.supervisor.user).await?;
    refused(
        supervisor.rows(&start("Me too")).await,
        "PT403 chat/not_allowed",
    )
}

/// Somebody on the page is one's own by an older conversation; the open one is a colleague's.
pub async fn a_live_visitors_other_chat(world: &World) -> Result<()> {
    let a = &world.a;
    world
        .as_owner(&format!(
            "insert into mod_chat_conversations (site_id, visitor_id, status, last_agent_id, archived_at)
            values ('{}', '{}', 'resolved', '{}', now())",
            a.site.id, a.visitor, a.supervisor.id
        ))
        .await?;
    limit_supervisors(world).await?;
    let mut supervisor = world.db.as_user(a.supervisor.user).await?;
    let live = format!("select chat_live_visitors('{}', 86400) as live", a.site.id);
    let rows = supervisor.rows(&live).await?;
    let seen = &rows[0]["live"]["visitors"];
    ensure!(
        seen[0]["visitor_id"] == a.visitor.to_string(),
        "the visitor is not seen: {seen}"
    );
    ensure!(
        seen[0]["conversation_id"].is_null(),
        "a colleague's conversation is told: {seen}"
    );
    Ok(())
}
