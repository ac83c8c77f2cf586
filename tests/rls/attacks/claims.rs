//! Tokens that are well signed and say odd things, and settings that a session could make.

use anyhow::{Context, Result, ensure};
use pg_chat_tests::{Person, Refusal};
use serde_json::{Value, json};
use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::refused;
use crate::world::World;

super::held_off!(
    claims_that_name_nobody,
    claims_that_are_no_uuid,
    claims_that_promise_more,
    a_visitor_of_any_site,
    a_table_in_front_of_ours,
    settings_of_a_session,
);

const TABLES: [&str; 12] = [
    "agencies",
    "sites",
    "agency_members",
    "mod_chat_agents",
    "mod_chat_departments",
    "mod_chat_visitors",
    "mod_chat_conversations",
    "mod_chat_messages",
    "mod_chat_canned_responses",
    "mod_chat_knowledge_base",
    "mod_chat_analytics",
    "mod_chat_widget_settings",
];

/// Errs if a person sees a row of any table.
async fn sees_nothing(person: &mut Person, whose: &str) -> Result<()> {
    for table in TABLES {
        let rows = person.rows(&format!("select * from {table}")).await?;
        ensure!(
            rows.is_empty(),
            "{whose} show {} rows of {table}",
            rows.len()
        );
    }
    Ok(())
}

pub async fn claims_that_name_nobody(world: &World) -> Result<()> {
    for claims in [
        json!({}),
        json!({"role": "authenticated"}),
        json!({"role": "authenticated", "sub": null}),
        json!({"role": "authenticated", "sub": Uuid::nil()}),
        json!({"role": "authenticated", "sub": Uuid::new_v4()}),
    ] {
        let mut person = world.db.as_caller("authenticated", claims.clone()).await?;
        sees_nothing(&mut person, &claims.to_string()).await?;
        let online = person
            .rows(&format!(
                "select * from chat_set_status('{}', 'online')",
                world.a.site.id
            ))
            .await;
        refused(online, "PT403 chat/not_an_agent")?;
    }
    Ok(())
}

/// `auth.uid()` is Supabase's and casts: such a token is answered with 22P02, which PostgREST shows as 400. Rows, or an
/// error that looks like our fault, would be wrong.
pub async fn claims_that_are_no_uuid(world: &World) -> Result<()> {
    for sub in [
        json!("nobody"),
        json!(7),
        json!(["a"]),
        json!({"a": 1}),
        json!("' or true --"),
    ] {
        let claims = json!({"role": "authenticated", "sub": sub});
        let mut person = world.db.as_caller("authenticated", claims).await?;
        for table in TABLES {
            refused(
                person.rows(&format!("select * from {table}")).await,
                "22P02",
            )?;
        }
        let call = format!("select chat_explain_assignment('{}')", world.a.conversation);
        refused(person.rows(&call).await, "22P02")?;
    }
    Ok(())
}

/// Rights come from rows, not from what a token says about itself.
pub async fn claims_that_promise_more(world: &World) -> Result<()> {
    let a = &world.a;
    for more in [
        json!({"role": "service_role"}),
        json!({"role": "postgres", "is_admin": true}),
        json!({"site_id": a.site.id, "chat_site": a.site.id, "chat_session": Uuid::new_v4()}),
        json!({"app_metadata": {"role": "owner", "site_ids": [a.site.id]}, "user_metadata": {"role": "admin"}}),
    ] {
        let mut claims = json!({"role": "authenticated", "sub": Uuid::new_v4()});
        for (key, value) in more.as_object().into_iter().flatten() {
            claims[key] = value.clone();
        }
        let mut person = world.db.as_caller("authenticated", claims.clone()).await?;
        sees_nothing(&mut person, &claims.to_string()).await?;
        let written = person
            .execute(&format!(
                "insert into mod_chat_messages (conversation_id, content) values ('{}', 'x')",
                a.conversation
            ))
            .await;
        refused(written, "PT404 chat/no_such_conversation")?;
    }
    // An agent's claim to another site opens it no more than a stranger's.
    let claims: Value =
        json!({"role": "authenticated", "sub": a.agent.user, "chat_site": world.b.site.id});
    let mut agent = world.db.as_caller("authenticated", claims).await?;
    let seen = agent
        .rows(&format!(
            "select * from mod_chat_messages where site_id = '{}'",
            world.b.site.id
        ))
        .await?;
    ensure!(seen.is_empty(), "{seen:?}");
    Ok(())
}

/// A visitor reads no table, whichever site or session the token says, their own among them.
pub async fn a_visitor_of_any_site(world: &World) -> Result<()> {
    for (site, session) in [
        (json!(world.a.site.id), json!(world.a.session.id)),
        (json!(world.a.site.id), json!(Uuid::new_v4())),
        (json!(world.b.site.id), json!(world.b.visitor)),
        (json!("*"), json!(null)),
    ] {
        for sub in [json!(null), json!(world.a.agent.user)] {
            let claims =
                json!({"role": "anon", "chat_site": site, "chat_session": session, "sub": sub});
            let mut visitor = world.db.as_caller("anon", claims).await?;
            for table in TABLES {
                refused(
                    visitor.rows(&format!("select * from {table}")).await,
                    "42501",
                )?;
            }
            refused(
                visitor.rows("select chat.my_site_ids() as mine").await,
                "42501",
            )?;
            refused(
                visitor
                    .rows(&format!(
                        "select chat_explain_assignment('{}')",
                        world.a.conversation
                    ))
                    .await,
                "42501",
            )?;
        }
    }
    Ok(())
}

/// Names in our functions are bound to their schemas, so a temporary table cannot stand in for ours.
pub async fn a_table_in_front_of_ours(world: &World) -> Result<()> {
    let a = &world.a;
    let mut customer = world.db.as_user(Uuid::new_v4()).await?;
    let mut request = customer.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "create temporary table mod_chat_agents (id uuid, site_id uuid, user_id uuid, role text, is_active boolean);
        create temporary table agency_members (user_id uuid, agency_id uuid, role text);
        create temporary table sites (id uuid, agency_id uuid);
        create temporary table permissions (site_id uuid, role text, permission text, allowed boolean);
        insert into mod_chat_agents select gen_random_uuid(), '{0}', auth.uid(), 'admin', true;
        insert into agency_members values (auth.uid(), '{1}', 'owner');
        insert into sites values ('{0}', '{1}');
        set local search_path = pg_temp, chat, public",
        a.site.id, a.site.agency
    )))
    .execute(&mut *request)
    .await?;
    let seen: i64 = sqlx::query_scalar("select count(*) from mod_chat_conversations")
        .fetch_one(&mut *request)
        .await?;
    ensure!(seen == 0, "{seen} conversations are seen");
    let may: bool = sqlx::query_scalar("select chat.may($1, 'live-chat.agents.manage')")
        .bind(a.site.id)
        .fetch_one(&mut *request)
        .await?;
    ensure!(!may, "a temporary table gave rights");
    Ok(())
}

pub async fn settings_of_a_session(world: &World) -> Result<()> {
    let mut agent = world.db.as_user(world.a.agent.user).await?;
    // Rows that a policy hides turn a query into an error then; they do not come out.
    let mut request = agent.begin().await?;
    sqlx::raw_sql("set local row_security = off")
        .execute(&mut *request)
        .await?;
    refused(
        sqlx::query("select from mod_chat_messages")
            .fetch_all(&mut *request)
            .await,
        "42501",
    )?;
    request.rollback().await?;
    for setting in [
        "session_replication_role = replica",
        "session_authorization = 'postgres'",
        "role = 'postgres'",
    ] {
        let mut request = agent.begin().await?;
        let set = sqlx::raw_sql(AssertSqlSafe(format!("set local {setting}")))
            .execute(&mut *request)
            .await;
        refused(set, "42501").with_context(|| setting.to_owned())?;
        request.rollback().await?;
    }
    // Settings under names of ours mean nothing to the database.
    let mut request = agent.begin().await?;
    sqlx::raw_sql(AssertSqlSafe(format!(
        "set local chat.site = '{0}'; set local chat.user_id = '{1}'; set local app.settings.role = 'owner'",
        world.b.site.id, world.b.site.owner
    )))
    .execute(&mut *request)
    .await?;
    let foreign = sqlx::query("select from mod_chat_messages where site_id = $1")
        .bind(world.b.site.id)
        .fetch_all(&mut *request)
        .await
        .map_err(|error| anyhow::anyhow!("{:?}", Refusal::of(&error)))?;
    ensure!(foreign.is_empty(), "{} foreign rows", foreign.len());
    Ok(())
}
