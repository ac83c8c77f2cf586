-- What: agencies, sites and members for an install that has no host dashboard.
-- Why: every row of pg_chat belongs to a site. A host that has `public.sites` keeps its own three tables untouched.
-- Leaves out: who may do what (policies/sites.sql); how a host names its roles (member_role.sql).

do $$
begin
    if to_regclass('public.sites') is not null then
        return;
    end if;

    create table public.agencies (
        id uuid primary key default gen_random_uuid(),
        name text not null
    );
    comment on table public.agencies is 'pg_chat standalone: who owns sites.';

    create table public.sites (
        id uuid primary key default gen_random_uuid(),
        agency_id uuid not null references public.agencies (id) on delete cascade,
        name text not null
    );
    comment on table public.sites is 'pg_chat standalone: one website or business with its own inbox.';
    create index sites_agency_id_idx on public.sites (agency_id);

    create table public.agency_members (
        agency_id uuid not null references public.agencies (id) on delete cascade,
        user_id uuid not null,
        role text not null default 'member' check (role in ('owner', 'admin', 'member')),
        primary key (agency_id, user_id)
    );
    comment on table public.agency_members is 'pg_chat standalone: users of an agency. Owners and admins may do everything in its sites; members need an agent row.';
    create index agency_members_user_id_idx on public.agency_members (user_id);
end
$$;
