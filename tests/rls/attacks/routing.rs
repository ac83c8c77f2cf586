//! Somebody gives conversations to others, beyond their room, or beyond their site.

use anyhow::{Result, anyhow, ensure};
use uuid::Uuid;

use super::refused;
use crate::world::{House, World};

super::held_off!(
    claiming_beyond_ones_room,
    handing_over_beyond_anybodys_room,
    moving_what_a_colleague_has,
    handing_over_as_nobodys_colleague,
    working_at_two_sites,
    the_skills_of_a_foreign_agent,
    handing_over_to_a_foreign_department,
    routing_to_a_foreign_department,
    the_default_department_of_another_site,
    reading_how_another_site_routes,
    the_hours_of_a_foreign_department,
    since_when_another_site_is_recorded,
);

/// A conversation of the house's visitor that nobody has.
async fn waiting(world: &World, house: &House) -> Result<Uuid> {
    let id = Uuid::new_v4();
    let insert = format!(
        "insert into mod_chat_conversations (id, site_id, visitor_id) values ('{id}', '{}', '{}')",
        house.site.id, house.visitor
    );
    world.as_owner(&insert).await?;
    Ok(id)
}

/// To go beyond a limit is to assign, even to oneself.
pub async fn claiming_beyond_ones_room(world: &World) -> Result<()> {
    let waits = waiting(world, &world.a).await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let claim = |beyond: bool| format!("select * from chat_claim('{waits}', {beyond})");
    refused(agent.rows(&claim(true)).await, "PT403 chat/not_allowed")?;
    ensure!(
        agent.rows(&claim(false)).await?.len() == 1,
        "what waits can be claimed"
    );
    Ok(())
}

pub async fn handing_over_beyond_anybodys_room(world: &World) -> Result<()> {
    let a = &world.a;
    let mut agent = world.db.as_user(a.agent.user).await?;
    let hand = format!(
        "select * from chat_transfer('{}', '{}', override => true)",
        a.conversation, a.supervisor.id
    );
    refused(agent.rows(&hand).await, "PT403 chat/not_allowed")
}

/// Who may answer may give back what is their own, and nothing else.
pub async fn moving_what_a_colleague_has(world: &World) -> Result<()> {
    let a = &world.a;
    let theirs = waiting(world, a).await?;
    world
        .as_owner(&format!(
            "update mod_chat_conversations set assigned_agent_id = '{}' where id = '{theirs}'",
            a.supervisor.id
        ))
        .await?;
    let mut agent = world.db.as_user(a.agent.user).await?;
    for moved in [
        format!("chat_unassign('{theirs}')"),
        format!(
            "chat_transfer('{theirs}', department => '{}')",
            a.department
        ),
    ] {
        let called = agent.rows(&format!("select * from {moved}")).await;
        refused(called, "PT403 chat/not_allowed")?;
    }
    gives_back(world).await
}

/// The agent gives back what is their own, and it is kept that they did.
async fn gives_back(world: &World) -> Result<()> {
    let a = &world.a;
    let mut agent = world.db.as_user(a.agent.user).await?;
    let own = format!("select * from chat_unassign('{}')", a.conversation);
    let given = agent
        .rows(&own)
        .await
        .map_err(|error| anyhow!("one's own could not be given back: {error}"))?;
    ensure!(given.len() == 1, "one's own can be given back");
    who_did_it_is(world, a.agent.id).await
}

async fn who_did_it_is(world: &World, agent: Uuid) -> Result<()> {
    let by = world
        .look("select choice ->> 'by_agent_id' from chat.choices order by id desc limit 1")
        .await?;
    ensure!(by == agent.to_string(), "{by} did it, and not {agent}");
    Ok(())
}

/// A note is a colleague's: an owner who is no agent of the site writes none.
pub async fn handing_over_as_nobodys_colleague(world: &World) -> Result<()> {
    let a = &world.a;
    let mut owner = world.db.as_user(a.site.owner).await?;
    let hand = |note: &str| {
        format!(
            "select * from chat_transfer('{}', department => '{}', note => {note})",
            a.conversation, a.department
        )
    };
    refused(
        owner.rows(&hand("'Thine.'")).await,
        "PT403 chat/not_an_agent",
    )?;
    ensure!(
        owner.rows(&hand("null")).await?.len() == 1,
        "an owner may hand over without a note"
    );
    Ok(())
}

/// What one does at a site is done by the agent one is there.
pub async fn working_at_two_sites(world: &World) -> Result<()> {
    let (a, b) = (&world.a, &world.b);
    world
        .as_owner(&format!(
            "insert into mod_chat_agents (site_id, user_id, display_name) values ('{}', '{}', 'Ada')",
            b.site.id, a.agent.user
        ))
        .await?;
    gives_back(world).await
}

pub async fn the_skills_of_a_foreign_agent(world: &World) -> Result<()> {
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let save = format!(
        "select * from chat_save_skills('{}', '{}', '{{french}}')",
        world.a.site.id, world.b.agent.id
    );
    refused(admin.rows(&save).await, "PT404 chat/no_such_agent")
}

pub async fn handing_over_to_a_foreign_department(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let hand = |department| {
        let of = world.a.conversation;
        format!("select * from chat_transfer('{of}', department => '{department}')")
    };
    refused(
        agent.rows(&hand(world.b.department)).await,
        "PT404 chat/no_such_department",
    )?;
    ensure!(
        agent.rows(&hand(world.a.department)).await?.len() == 1,
        "the site's own department can be handed to"
    );
    Ok(())
}

pub async fn routing_to_a_foreign_department(world: &World) -> Result<()> {
    let mut admin = world.db.as_user(world.a.admin.user).await?;
    let (ours, theirs) = (world.a.department, world.b.department);
    for (department, fallback) in [(theirs, ours), (ours, theirs)] {
        let save = format!(
            "select chat_save_routing('{}', '{department}', fallback_seconds => 60, fallback_department => '{fallback}')",
            world.a.site.id
        );
        refused(admin.rows(&save).await, "PT404 chat/no_such_department")?;
    }
    Ok(())
}

/// What nobody has sorted is the default department's; not that of a site which has one.
pub async fn the_default_department_of_another_site(world: &World) -> Result<()> {
    let default = format!(
        "update mod_chat_departments set is_default = true, sort_order = -1 where id = '{}'",
        world.b.department
    );
    world.as_owner(&default).await?;
    let came = waiting(world, &world.a)
        .await
        .map_err(|error| anyhow!("another site's department was tried: {error}"))?;
    let department = world
        .look(&format!(
            "select department_id from mod_chat_conversations where id = '{came}'"
        ))
        .await?;
    ensure!(department == "null", "it went to department {department}");
    Ok(())
}

pub async fn reading_how_another_site_routes(world: &World) -> Result<()> {
    let save = format!(
        "insert into chat.routing_settings (site_id, strategy) values ('{}', 'sticky')",
        world.b.site.id
    );
    world.as_owner(&save).await?;
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    let told = agent
        .rows(&format!(
            "select chat_routing('{}') as told",
            world.a.site.id
        ))
        .await?;
    let own = told[0]["told"].as_array().cloned().unwrap_or_default();
    ensure!(
        own.len() == 2 && own.iter().all(|row| row["is_own"] == false),
        "another site's settings are among {own:?}"
    );
    Ok(())
}

pub async fn the_hours_of_a_foreign_department(world: &World) -> Result<()> {
    let mut anon = world.db.as_anon().await?;
    let hours = |department| format!("select chat_hours('{}', '{department}')", world.a.site.id);
    refused(
        anon.rows(&hours(world.b.department)).await,
        "PT404 chat/no_such_department",
    )?;
    ensure!(
        anon.rows(&hours(world.a.department)).await?.len() == 1,
        "the site's own department has hours"
    );
    Ok(())
}

/// How far back a simulation can look is a matter of the site's own agents.
pub async fn since_when_another_site_is_recorded(world: &World) -> Result<()> {
    let (a, b) = (&world.a, &world.b);
    world
        .as_owner(&format!(
            "insert into chat.agent_states (site_id, agent_id, status, capacity, load, at)
            values ('{}', '{}', 'online', 5, 0, '2001-02-03')",
            b.site.id, b.agent.id
        ))
        .await?;
    let mut supervisor = world.db.as_user(a.supervisor.user).await?;
    let told = supervisor
        .rows(&format!(
            "select chat_simulate_routing('{}', now() - interval '1 day', null) ->> 'known_since' as since",
            a.site.id
        ))
        .await?;
    let since = told[0]["since"].as_str().unwrap_or_default();
    ensure!(
        !since.is_empty() && !since.starts_with("2001"),
        "the site's agents are known since '{since}'"
    );
    Ok(())
}
