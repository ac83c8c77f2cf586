//! An install beside a host that has sites, agencies and members of its own; what its roles may, and what they see.

mod limits;
mod module;
mod permissions;

use anyhow::Result;
use pg_chat_tests::{Regime, TestDb};
use serde_json::{Value, json};
use sqlx::Executor;
use uuid::Uuid;

/// The host's only user.
const USER: Uuid = Uuid::from_u128(0xc000_0000_0000_4000_8000_0000_0000_0001);

/// What a host looks like: other columns, a membership without `role`, no row security, one agency.
const HOST: &str = "
    create table public.agencies (id uuid primary key default gen_random_uuid(), title text not null);
    create table public.sites (
        id uuid primary key default gen_random_uuid(),
        agency_id uuid not null references public.agencies,
        domain text not null);
    create table public.agency_members (agency_id uuid not null references public.agencies, user_id uuid not null);
    comment on table public.sites is 'The host''s.';
    insert into public.agencies (id, title) values ('a0000000-0000-4000-8000-000000000001', 'Host');
    insert into public.sites (id, agency_id, domain)
    values ('b0000000-0000-4000-8000-000000000001', 'a0000000-0000-4000-8000-000000000001', 'example.org');
    insert into public.agency_members values
        ('a0000000-0000-4000-8000-000000000001', 'c0000000-0000-4000-8000-000000000001');";

/// Everything that an install might change about the host's tables, but references to them.
const HOST_TABLES: &str = "
    select jsonb_agg(to_jsonb(t) order by t.name) from (
        select c.relname as name, c.relrowsecurity, c.relacl::text, c.relowner::regrole::text,
            obj_description(c.oid, 'pg_class') as says,
            (select jsonb_agg(a.attname || ' ' || a.atttypid::regtype order by a.attnum) from pg_attribute a
                where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns,
            (select count(*) from pg_policy p where p.polrelid = c.oid) as policies,
            (select count(*) from pg_index i where i.indrelid = c.oid) as indexes,
            (select count(*) from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal) as triggers
        from pg_class c
        where c.oid in ('public.sites'::regclass, 'public.agencies'::regclass, 'public.agency_members'::regclass)
    ) t";

async fn host() -> Result<TestDb> {
    let host = TestDb::bare(Regime::Old).await?;
    host.owner().execute(HOST).await?;
    Ok(host)
}

#[tokio::test]
async fn a_hosts_own_tables_stay_as_they_were() -> Result<()> {
    let host = host().await?;
    let before: Value = sqlx::query_scalar(HOST_TABLES)
        .fetch_one(host.owner())
        .await?;
    host.install().await?;
    let after: Value = sqlx::query_scalar(HOST_TABLES)
        .fetch_one(host.owner())
        .await?;
    assert_eq!(after, before);
    Ok(())
}

#[tokio::test]
async fn a_host_without_roles_says_by_one_function_who_its_owners_are() -> Result<()> {
    let host = host().await?;
    host.install().await?;
    let mut user = host.as_user(USER).await?;
    let mine = "select unnest(chat.my_site_ids()) as site";
    assert_eq!(
        user.rows(mine).await?,
        Vec::<Value>::new(),
        "a member without a role has no rights"
    );
    host.owner()
        .execute(
            "create or replace function chat.member_role(p_user uuid, p_agency uuid) returns text
            language sql stable as $$ select 'owner' $$",
        )
        .await?;
    assert_eq!(user.rows(mine).await?.len(), 1);
    Ok(())
}

/// What a host replaced is the host's: the next version must not put ours back.
#[tokio::test]
async fn what_a_host_replaced_stays_after_an_upgrade() -> Result<()> {
    let host = host().await?;
    host.install().await?;
    host.owner()
        .execute(
            "create or replace function chat.member_role(p_user uuid, p_agency uuid) returns text
            language sql stable as $$ select 'owner' $$;
            create or replace function chat.module_enabled(p_site uuid) returns boolean
            language sql stable as $$ select false $$;
            create or replace function chat.sites_in_charge() returns uuid[]
            language sql stable as $$ select '{b0000000-0000-4000-8000-000000000001}'::uuid[] $$",
        )
        .await?;
    host.install().await?;
    let after = host
        .row(
            "select chat.member_role(null, null) as role, chat.module_enabled(null) as module,
                cardinality(chat.my_site_ids()) as sites",
        )
        .await?;
    assert_eq!(after, json!({"role": "owner", "module": false, "sites": 1}));
    Ok(())
}
