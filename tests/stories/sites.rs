//! An install beside a host that has sites, agencies and members of its own; what its roles may, and what they see.

mod limits;
mod module;
mod permissions;

use anyhow::Result;
use local_stack::migrate::Sources;
use local_stack::server::{DefaultPrivileges, OWNER, SUPERUSER, Server};
use pg_chat_tests::{environment, repository};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection};
use uuid::Uuid;

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

/// A database made by hand, gone at the end.
struct Host {
    server: Server,
    database: String,
}

impl Host {
    async fn make() -> Result<Self> {
        let server = Server::on(environment().port);
        let database = format!("host_{}", &Uuid::new_v4().simple().to_string()[..12]);
        server
            .make_database(&database, DefaultPrivileges::Old)
            .await?;
        Ok(Self { server, database })
    }

    async fn connect(&self) -> Result<PgConnection> {
        Ok(self.server.connect(OWNER, &self.database).await?)
    }

    async fn drop(self) -> Result<()> {
        let mut admin = self.server.connect(SUPERUSER, "postgres").await?;
        admin
            .execute(AssertSqlSafe(format!(
                "drop database {} with (force)",
                self.database
            )))
            .await?;
        admin.close().await?;
        Ok(())
    }
}

#[tokio::test]
async fn a_hosts_own_tables_stay_as_they_were() -> Result<()> {
    let host = Host::make().await?;
    let mut owner = host.connect().await?;
    owner.execute(HOST).await?;
    let before: Value = sqlx::query_scalar(HOST_TABLES)
        .fetch_one(&mut owner)
        .await?;
    Sources::of(&repository())
        .apply(&host.server, &host.database)
        .await?;
    let after: Value = sqlx::query_scalar(HOST_TABLES)
        .fetch_one(&mut owner)
        .await?;
    owner.close().await?;
    host.drop().await?;
    assert_eq!(after, before);
    Ok(())
}

#[tokio::test]
async fn a_host_without_roles_says_by_one_function_who_its_owners_are() -> Result<()> {
    let host = Host::make().await?;
    let mut owner = host.connect().await?;
    owner.execute(HOST).await?;
    Sources::of(&repository())
        .apply(&host.server, &host.database)
        .await?;
    let claims = json!({"sub": "c0000000-0000-4000-8000-000000000001", "role": "authenticated"});
    sqlx::query("select set_config('request.jwt.claims', $1, false)")
        .bind(claims.to_string())
        .execute(&mut owner)
        .await?;
    let mine = "select chat.my_site_ids()";
    let before: Vec<Uuid> = sqlx::query_scalar(mine).fetch_one(&mut owner).await?;
    owner
        .execute(
            "create or replace function chat.member_role(p_user uuid, p_agency uuid) returns text
            language sql stable as $$ select 'owner' $$",
        )
        .await?;
    let after: Vec<Uuid> = sqlx::query_scalar(mine).fetch_one(&mut owner).await?;
    owner.close().await?;
    host.drop().await?;
    assert_eq!(
        before,
        Vec::<Uuid>::new(),
        "a member without a role has no rights"
    );
    assert_eq!(after.len(), 1);
    Ok(())
}

/// What a host replaced is the host's: the next version must not put ours back.
#[tokio::test]
async fn what_a_host_replaced_stays_after_an_upgrade() -> Result<()> {
    let host = Host::make().await?;
    let mut owner = host.connect().await?;
    owner.execute(HOST).await?;
    let sources = Sources::of(&repository());
    sources.apply(&host.server, &host.database).await?;
    owner
        .execute(
            "create or replace function chat.member_role(p_user uuid, p_agency uuid) returns text
            language sql stable as $$ select 'owner' $$;
            create or replace function chat.module_enabled(p_site uuid) returns boolean
            language sql stable as $$ select false $$;
            create or replace function chat.sites_in_charge() returns uuid[]
            language sql stable as $$ select '{b0000000-0000-4000-8000-000000000001}'::uuid[] $$",
        )
        .await?;
    sources.apply(&host.server, &host.database).await?;
    let after: Value = sqlx::query_scalar(
        "select jsonb_build_object('role', chat.member_role(null, null), 'module', chat.module_enabled(null),
            'sites', cardinality(chat.my_site_ids()))",
    )
    .fetch_one(&mut owner)
    .await?;
    owner.close().await?;
    host.drop().await?;
    assert_eq!(after, json!({"role": "owner", "module": false, "sites": 1}));
    Ok(())
}
