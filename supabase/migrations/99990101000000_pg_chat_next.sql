-- pg_chat 0.2.0: the whole schema and its policies, and the way there from every earlier release.
-- Apply it in one transaction. Written by `cargo x migrations` from the files named in sql/ORDER; change those.

-- file: sql/upgrade.sql
-- What: looks which release a database has, before anything is changed.
-- Why: an older migration would put old functions over newer tables, and half a migration is worse than none. The changes
--      between releases (sql/changes/) run by what is found here, `pg_chat.had`, until the end of the transaction.
-- Leaves out: the changes themselves.

do $$
declare
    had text;
begin
    if to_regprocedure('chat.version()') is not null then
        had := chat.version();
    end if;
    if string_to_array(had, '.')::integer[] > string_to_array('0.2.0', '.')::integer[] then
        raise exception 'this database has pg_chat %, and this is the migration of %', had, '0.2.0'
            using errcode = 'PT409', detail = 'chat/older_release',
                hint = 'nothing was changed. Apply the newest file of supabase/migrations; it is enough alone';
    end if;
    perform set_config('pg_chat.had', coalesce(had, 'nothing'), true);
end
$$;

-- What was set for the transaction is gone where each statement is one of its own.
do $$
begin
    if coalesce(current_setting('pg_chat.had', true), '') = '' then
        raise exception 'a migration is applied in one transaction'
            using errcode = 'PT409', detail = 'chat/no_transaction',
                hint = 'nothing was changed. With psql: psql -v ON_ERROR_STOP=1 -1 -f FILE';
    end if;
end
$$;

-- file: sql/chat.sql
-- What: the schema everything inside lives in, and the extension with the rules.
-- Why: `chat` is not exposed by PostgREST; what people call is `public.chat_*`.
-- Leaves out: grants; those are policies/.

create schema if not exists chat;
comment on schema chat is 'pg_chat: everything inside. Not exposed; people and programs use public.chat_* and public.mod_chat_*.';

-- Trusted: a role with CREATE on the database installs it, no superuser needed.
create schema if not exists chat_rules;
-- This version and no newer one that the server may have: the wrappers were made for it.
create extension if not exists pg_chat_ext schema chat_rules version '0.1.0';
do $$
declare
    has constant text := (select e.extversion from pg_catalog.pg_extension e where e.extname = 'pg_chat_ext');
begin
    if string_to_array(has, '.')::integer[] < string_to_array('0.1.0', '.')::integer[] then
        if not exists (
            select from pg_catalog.pg_extension_update_paths('pg_chat_ext') p
            where p.source = has and p.target = '0.1.0' and p.path is not null)
        then
            raise exception 'the server has no files of pg_chat_ext 0.1.0; this database has %', has
                using errcode = 'PT409', detail = 'chat/older_library',
                    hint = 'nothing was changed. Install the extension''s files of this release on the database server first; then apply again';
        end if;
        alter extension pg_chat_ext update to '0.1.0';
    end if;
end
$$;

-- file: sql/rules.sql
-- What: what the extension says of itself.
-- Why: as with the rules of each room, nothing but a wrapper names chat_rules.
-- Leaves out: rules.

create or replace function chat.library_version()
returns text
language sql stable parallel safe
as $$ select chat_rules.library_version() $$;
comment on function chat.library_version() is
    'The release of the extension''s library that this connection has loaded.';

-- file: sql/version.sql
-- What: the release of pg_chat that a database has.
-- Why: a definition, as what it tells of is: a dump without rows has it, too. The library is looked at because its rules
--      are asked by functions of this release; an older one would not know all that they ask.
-- Leaves out: what the database had before (upgrade.sql).

create or replace function chat.version()
returns text
language sql immutable parallel safe
as $$ select '0.2.0' $$;
comment on function chat.version() is 'The release of pg_chat whose migration this database has had.';

do $$
begin
    if string_to_array(chat.library_version(), '.')::integer[] < string_to_array(chat.version(), '.')::integer[] then
        raise exception 'the server has the library of pg_chat_ext %, and this is the migration of %',
            chat.library_version(), chat.version()
            using errcode = 'PT409', detail = 'chat/older_library',
                hint = 'nothing was changed. Install the extension''s files of this release on the database server first; then apply again';
    end if;
end
$$;

-- file: policies/_roles.sql
-- What: the worker's role.
-- Why: it may call its listed functions and nothing else: no table grant.
-- Leaves out: its password; whoever installs makes it a login.

do $$
begin
    if not exists (select from pg_catalog.pg_roles where rolname = 'chat_worker') then
        create role chat_worker nologin noinherit;
    end if;
end
$$;

-- file: sql/changes/0.2.0/assistant_of_a_conversation.sql
do $once$
begin
    if string_to_array(nullif(current_setting('pg_chat.had'), 'nothing'), '.')::integer[] < array[0, 2, 0] then
        execute $change$
-- What: conversations get a column for whether the assistant answers. Why: rules of the site say so (routing/sort_by_rules.sql).
-- Leaves out: its comment; that is said where the column is. It has no default, so no row is written.

alter table public.mod_chat_conversations add column assistant boolean;
$change$;
    end if;
end
$once$;

-- file: sql/changes/0.2.0/sites_a_tick_changed.sql
do $once$
begin
    if string_to_array(nullif(current_setting('pg_chat.had'), 'nothing'), '.')::integer[] < array[0, 2, 0] then
        execute $change$
-- What: two of the tick's timers answer sites instead of a number (whatsapp/timers.sql). Why: a tick takes the routing rows
-- of all that it changed in one order. Leaves out: the functions themselves, which are made anew.

drop function chat.adopt_orphans(integer);
drop function chat.settle_unknown(integer);
$change$;
    end if;
end
$once$;

-- file: sql/sites/adopt_aside.sql
-- What: a database that ran LC-01's own migration: its nine tables step aside, so that ours can be made.
-- Why: between LC-01's tables and ours lie keys, domains, numbers and a hundred not-nulls. Ours are made as everywhere
--      else and the rows moved over (adopt_rows.sql), so an adopted database is the same as a fresh one. What cannot be
--      taken over stops the install with a list, before anything has changed.
-- Leaves out: rows; how to mend what the list names (docs/dba.md).

do $$
declare
    lc01 constant text[] := array['mod_chat_departments', 'mod_chat_agents', 'mod_chat_widget_settings',
        'mod_chat_visitors', 'mod_chat_conversations', 'mod_chat_messages', 'mod_chat_canned_responses',
        'mod_chat_knowledge_base', 'mod_chat_analytics'];
    theirs oid[];
    problems text[];
    name text;
begin
    -- LC-01's conversations have no numbers; ours do.
    if to_regclass('public.mod_chat_conversations') is null or exists (
        select from pg_catalog.pg_attribute a
        where a.attrelid = to_regclass('public.mod_chat_conversations') and a.attname = 'last_seq' and not a.attisdropped)
    then
        return;
    end if;
    theirs := array(select to_regclass('public.' || t)::oid from unnest(lc01) t where to_regclass('public.' || t) is not null);

    problems := array(
        select format('table public.%I of LC-01 is not there', t) from unnest(lc01) t where to_regclass('public.' || t) is null
        union all
        select format('%s policy %I on %s: %s', case
                when 'true' in (pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) then 'open'
                else 'foreign' end,
            p.polname, p.polrelid::regclass,
            concat_ws(' with check ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)))
        from pg_catalog.pg_policy p
        where p.polrelid = any (theirs)
            and p.polname <> all (array['chat_departments_site_isolation', 'chat_agents_site_isolation',
                'chat_widget_settings_site_isolation', 'chat_visitors_site_isolation', 'chat_conversations_site_isolation',
                'chat_messages_site_isolation', 'chat_canned_responses_site_isolation', 'chat_knowledge_base_site_isolation',
                'chat_analytics_site_isolation', 'chat_widget_settings_public_read', 'chat_visitors_public_insert',
                'chat_conversations_public_insert', 'chat_messages_public_insert'])
        union all
        select format('trigger %I on %s', t.tgname, t.tgrelid::regclass)
        from pg_catalog.pg_trigger t
        where t.tgrelid = any (theirs) and not t.tgisinternal
            and t.tgname !~ '^(update_chat_[a-z_]+_updated_at|chat_message_count_trigger|chat_visitor_stats_trigger)$'
        union all
        select distinct format('view %s, which reads %s', r.ev_class::regclass, d.refobjid::regclass)
        from pg_catalog.pg_depend d
        join pg_catalog.pg_rewrite r on r.oid = d.objid
        where d.classid = 'pg_catalog.pg_rewrite'::regclass and d.refobjid = any (theirs) and r.ev_class <> all (theirs));

    if problems = '{}' then
        problems := array(
            select format('%s conversations whose visitor, agent or department is of another site, e.g. %s',
                count(*), min(c.id::text))
            from public.mod_chat_conversations c
            left join public.mod_chat_visitors v on v.id = c.visitor_id
            left join public.mod_chat_agents a on a.id = c.assigned_agent_id
            left join public.mod_chat_departments d on d.id = c.department_id
            where c.site_id <> v.site_id or c.site_id <> a.site_id or c.site_id <> d.site_id
            having count(*) > 0
            union all
            select format('%s agents whose department is of another site, e.g. %s', count(*), min(a.id::text))
            from public.mod_chat_agents a
            join public.mod_chat_departments d on d.id = a.department_id
            where a.site_id <> d.site_id
            having count(*) > 0
            union all
            select format('%s days of analytics that stand there twice, e.g. %s', count(*), min(t.day))
            from (
                select format('%s of site %s', x.date, x.site_id) as day
                from public.mod_chat_analytics x
                group by x.site_id, x.date, x.agent_id
                having count(*) > 1) t
            having count(*) > 0);
    end if;
    if problems <> '{}' then
        raise exception E'this database has LC-01''s tables, and they cannot be adopted as they are:\n  %',
            array_to_string(problems, E'\n  ')
            using errcode = 'PT409', detail = 'chat/cannot_adopt',
                hint = 'nothing was changed. Drop or mend what is listed and install again; docs/dba.md says how';
    end if;

    create schema chat_lc01;
    foreach name in array lc01 loop
        execute format('alter table public.%I set schema chat_lc01', name);
    end loop;
end
$$;

-- file: sql/sites/standalone.sql
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

-- file: sql/sites/permissions.sql
-- What: which role of an agent has which of LC-01's ten permissions (a row with a site overrides the row without), and
--       which part of its site a role sees.
-- Why: rights are rows, so a site can change them without a migration.
-- Leaves out: owners and admins of the agency, who may do everything (policies/_may.sql).

create table if not exists chat.permissions (
    site_id uuid references public.sites (id) on delete cascade,
    role text not null check (role in ('agent', 'supervisor', 'admin')),
    permission text not null check (permission in (
        'live-chat.conversations.view', 'live-chat.conversations.reply', 'live-chat.conversations.assign',
        'live-chat.conversations.resolve', 'live-chat.agents.manage', 'live-chat.canned.manage', 'live-chat.kb.manage',
        'live-chat.analytics.view', 'live-chat.settings.manage', 'live-chat.whatsapp.manage')),
    allowed boolean not null default true,
    constraint permissions_key unique nulls not distinct (site_id, role, permission)
);
comment on table chat.permissions is 'Role to permission. Rows without a site are the defaults; a site''s own row wins.';

alter table chat.permissions enable row level security;

insert into chat.permissions (role, permission)
select r.role, 'live-chat.' || p.permission
from (values ('agent', 1), ('supervisor', 2), ('admin', 3)) as r (role, level)
join (values
    ('conversations.view', 1), ('conversations.reply', 1), ('conversations.resolve', 1), ('canned.manage', 1),
    ('conversations.assign', 2), ('analytics.view', 2),
    ('agents.manage', 3), ('kb.manage', 3), ('settings.manage', 3), ('whatsapp.manage', 3)
) as p (permission, level) on p.level <= r.level
on conflict do nothing;

create table if not exists chat.role_limits (
    site_id uuid not null references public.sites (id) on delete cascade,
    role text not null check (role in ('agent', 'supervisor', 'admin')),
    sees text not null check (sees in ('own', 'department', 'number')),
    phone_number_id text,
    primary key (site_id, role),
    constraint role_limits_number_is_named check ((sees = 'number') = (phone_number_id is not null))
);
comment on table chat.role_limits is 'Roles that see part of their site only; without a row a role sees all of it.';
comment on column chat.role_limits.sees is
    'own: chats assigned to the agent, or last theirs while nobody has them. department, number: those of the agent''s department or of that number, besides.';
comment on column chat.role_limits.phone_number_id is 'Meta''s id of the number, when the role sees one number.';
alter table chat.role_limits enable row level security;

-- file: sql/team/departments.sql
-- What: departments, the groups a conversation can be routed to.
-- Why: LC-01's columns; what its types call non-null is not null.
-- Leaves out: what hours mean (routing/hours.sql).

create table if not exists public.mod_chat_departments (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    name text not null,
    description text,
    is_default boolean not null default false,
    is_active boolean not null default true,
    auto_assign boolean not null default true,
    max_concurrent_chats integer not null default 5 check (max_concurrent_chats >= 0),
    sort_order integer not null default 0,
    business_hours jsonb,
    timezone text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint mod_chat_departments_site_id_id_key unique (site_id, id)
);
comment on table public.mod_chat_departments is 'Groups of agents a conversation can be routed to.';
comment on column public.mod_chat_departments.auto_assign is 'False: its conversations wait to be claimed.';
comment on column public.mod_chat_departments.max_concurrent_chats is 'Caps each agent''s chats in this department, never their sum.';
comment on column public.mod_chat_departments.business_hours is 'Its own hours, in either form; null: its site''s.';
comment on column public.mod_chat_departments.timezone is 'Its own time zone; null: its site''s.';
alter table public.mod_chat_departments enable row level security;

-- file: sql/team/agents.sql
-- What: agents, the people (auth users) who answer.
-- Why: LC-01's columns and when each was last given a chat. Status, capacity and load change by function only.
-- Leaves out: heartbeats (presence.sql); deletion: agents are deactivated, so that history keeps its names.

create table if not exists public.mod_chat_agents (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    user_id uuid not null,
    display_name text not null,
    avatar_url text,
    email text,
    role text not null default 'agent' check (role in ('agent', 'supervisor', 'admin')),
    status text not null default 'offline' check (status in ('online', 'away', 'busy', 'offline')),
    department_id uuid,
    max_concurrent_chats integer not null default 5 check (max_concurrent_chats >= 0),
    current_chat_count integer not null default 0 check (current_chat_count >= 0),
    total_chats_handled integer not null default 0,
    avg_response_time_seconds integer not null default 0,
    avg_rating numeric(3, 2) not null default 0,
    total_ratings integer not null default 0,
    is_active boolean not null default true,
    last_active_at timestamptz,
    last_assigned_at timestamptz,
    total_responses integer not null default 0,
    total_response_seconds bigint not null default 0,
    total_rating_stars integer not null default 0,
    total_unanswered integer not null default 0,
    skills text[] not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint mod_chat_agents_site_id_id_key unique (site_id, id),
    constraint mod_chat_agents_site_id_user_id_key unique (site_id, user_id),
    constraint mod_chat_agents_department_id_fkey foreign key (site_id, department_id)
        references public.mod_chat_departments (site_id, id) on delete set null (department_id)
) with (fillfactor = 80);
comment on table public.mod_chat_agents is 'People who answer. Deactivated, never deleted.';
comment on column public.mod_chat_agents.current_chat_count is
    'Conversations assigned and active, or waiting and not snoozed. Kept under the site''s routing row.';
comment on column public.mod_chat_agents.total_chats_handled is 'Conversations this agent has answered in.';
comment on column public.mod_chat_agents.total_responses is
    'Answers that somebody waited for; avg_response_time_seconds = total_response_seconds / total_responses.';
comment on column public.mod_chat_agents.total_rating_stars is 'avg_rating = total_rating_stars / total_ratings.';
comment on column public.mod_chat_agents.total_unanswered is
    'Chats that were taken back because this agent let somebody wait for too long.';
comment on column public.mod_chat_agents.last_assigned_at is 'When routing or a person last gave this agent a chat.';
comment on column public.mod_chat_agents.skills is 'What the agent can do, lower case; by chat_save_skills.';
create index if not exists idx_chat_agents_status on public.mod_chat_agents (site_id, status);
create index if not exists mod_chat_agents_user_id_idx on public.mod_chat_agents (user_id) where is_active;
alter table public.mod_chat_agents enable row level security;

-- file: sql/team/presence.sql
-- What: heartbeats of agents' dashboards, and what a site does with agents who have gone silent.
-- Why: a closed laptop says nothing. Heartbeats have a table of their own, so that one costs nobody a lock.
-- Leaves out: presence as colleagues see it, which is the agent's status; sockets, which are Realtime's.

create table if not exists chat.heartbeats (
    agent_id uuid primary key,
    site_id uuid not null,
    seen_at timestamptz not null,
    status_when_lost text check (status_when_lost in ('online', 'away', 'busy')),
    constraint heartbeats_agent_id_fkey foreign key (site_id, agent_id)
        references public.mod_chat_agents (site_id, id) on delete cascade
) with (fillfactor = 50);
comment on table chat.heartbeats is 'Agents who have set a status by function and are not offline by their own word: when each was heard last.';
comment on column chat.heartbeats.status_when_lost is 'Set when the tick put the silent agent offline; the next heartbeat brings it back.';
alter table chat.heartbeats enable row level security;

create table if not exists chat.presence_rules (
    site_id uuid primary key references public.sites (id) on delete cascade,
    silent_seconds integer not null default 120 check (silent_seconds = 0 or silent_seconds between 15 and 86400),
    offline_chats text not null default 'stay' check (offline_chats in ('stay', 'return'))
);
comment on table chat.presence_rules is 'Sites that have changed how long an agent may be silent and what becomes of an offline agent''s chats.';
comment on column chat.presence_rules.silent_seconds is 'An agent not heard for so long goes offline; 0: never.';
comment on column chat.presence_rules.offline_chats is
    'stay: with the agent. return: active chats of an offline agent wait for another; those that wait for the visitor stay until they write.';
alter table chat.presence_rules enable row level security;

-- file: sql/team/figures.sql
-- What: what agents did that their row does not count yet.
-- Why: an agent's row is locked by routing; an answer only adds a row here, and the tick adds them up.
-- Leaves out: daily figures (reports).

create table if not exists chat.agent_deeds (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    agent_id uuid not null,
    chats integer not null default 0,
    responses integer not null default 0,
    response_seconds bigint not null default 0,
    ratings integer not null default 0,
    stars integer not null default 0,
    unanswered integer not null default 0,
    constraint agent_deeds_agent_id_fkey foreign key (site_id, agent_id)
        references public.mod_chat_agents (site_id, id) on delete cascade
);
comment on table chat.agent_deeds is 'Answers, ratings and chats taken back, not yet in the totals of mod_chat_agents; the tick adds and deletes them.';
alter table chat.agent_deeds enable row level security;

-- file: sql/team/agent_states.sql
-- What: how agents were, and since when: status, capacity and load, a row a change.
-- Why: who was there, how full and for how long is asked long after: by reports, and to try other ways of routing on what
--      was. A row of an agent only knows now.
-- Leaves out: heartbeats, which are no change; what they did (figures.sql).

create table if not exists chat.agent_states (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    agent_id uuid not null,
    status text not null,
    capacity integer not null,
    load integer not null,
    at timestamptz not null default clock_timestamp(),
    constraint agent_states_agent_id_fkey foreign key (site_id, agent_id)
        references public.mod_chat_agents (site_id, id) on delete cascade
);
comment on table chat.agent_states is
    'Each change of an agent''s status, capacity (max_concurrent_chats) or load (current_chat_count), as it was from then on. Kept for 400 days.';
create index if not exists agent_states_agent_id_idx on chat.agent_states (agent_id, at);
create index if not exists agent_states_at_idx on chat.agent_states (at);
alter table chat.agent_states enable row level security;

-- file: sql/widget/settings.sql
-- What: one row of settings a site: LC-01's columns, and how long a resolved chat may come back.
-- Why: dashboards read and write these columns under LC-01's names. The WhatsApp ones name the site's default number.
-- Leaves out: secrets. LC-05's accessToken never stands here; see chat.whatsapp_accounts.

create table if not exists public.mod_chat_widget_settings (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    primary_color text not null default '#2563eb',
    text_color text not null default '#ffffff',
    position text not null default 'bottom-right' check (position in ('bottom-right', 'bottom-left')),
    launcher_icon text not null default 'message-circle',
    launcher_size integer not null default 60,
    border_radius integer not null default 16,
    z_index integer not null default 9999,
    company_name text,
    welcome_message text not null default 'Hi there! How can we help you today?',
    away_message text not null default 'We''re currently away. Leave us a message and we''ll get back to you.',
    offline_message text not null default 'We''re offline right now. Please leave your details and we''ll reach out.',
    logo_url text,
    pre_chat_enabled boolean not null default true,
    pre_chat_name_required boolean not null default true,
    pre_chat_email_required boolean not null default true,
    pre_chat_phone_enabled boolean not null default false,
    pre_chat_phone_required boolean not null default false,
    pre_chat_message_required boolean not null default false,
    pre_chat_department_selector boolean not null default false,
    business_hours_enabled boolean not null default false,
    business_hours jsonb not null default '{}',
    timezone text not null default 'Africa/Lusaka',
    auto_open_delay_seconds integer not null default 0,
    show_agent_avatar boolean not null default true,
    show_agent_name boolean not null default true,
    show_typing_indicator boolean not null default true,
    enable_file_uploads boolean not null default true,
    enable_emoji boolean not null default true,
    enable_sound_notifications boolean not null default true,
    enable_satisfaction_rating boolean not null default true,
    language text not null default 'en',
    custom_translations jsonb not null default '{}',
    whatsapp_enabled boolean not null default false,
    whatsapp_phone_number text,
    whatsapp_phone_number_id text,
    whatsapp_business_account_id text,
    whatsapp_welcome_template text,
    allowed_domains text[] not null default '{}',
    blocked_ips text[] not null default '{}',
    max_file_size_mb integer not null default 10,
    allowed_file_types text[] not null default array[
        'image/jpeg', 'image/png', 'image/gif', 'image/webp', 'application/pdf', 'application/msword',
        'application/vnd.openxmlformats-officedocument.wordprocessingml.document'],
    reopen_hours integer not null default 24 check (reopen_hours between 0 and 8760),
    auto_resolve_hours integer not null default 0 check (auto_resolve_hours between 0 and 8760),
    missed_after_minutes integer not null default 0 check (missed_after_minutes between 0 and 525600),
    edit_minutes integer not null default 15 check (edit_minutes between 0 and 525600),
    choice_days integer not null default 90 check (choice_days between 1 and 3650),
    session_days integer not null default 30 check (session_days between 1 and 365),
    sessions_per_minute integer not null default 600 check (sessions_per_minute >= 0),
    address_sessions_per_minute integer not null default 60 check (address_sessions_per_minute >= 0),
    messages_per_minute integer not null default 30 check (messages_per_minute >= 0),
    address_messages_per_minute integer not null default 240 check (address_messages_per_minute >= 0),
    privacy_text text,
    privacy_url text,
    privacy_required boolean not null default false,
    privacy_version integer not null default 1,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint mod_chat_widget_settings_site_id_key unique (site_id)
);
comment on table public.mod_chat_widget_settings is 'Settings of a site: widget, forms, hours, default WhatsApp number.';
comment on column public.mod_chat_widget_settings.reopen_hours is
    'A message within so many hours after a chat was resolved or missed reopens it; 0 = always a new one.';
comment on column public.mod_chat_widget_settings.auto_resolve_hours is
    'A chat that was answered and hears nothing for so many hours is resolved; 0 = never.';
comment on column public.mod_chat_widget_settings.missed_after_minutes is
    'A chat that nobody took within so many minutes is missed; 0 = never.';
comment on column public.mod_chat_widget_settings.edit_minutes is
    'For so many minutes visitors may edit and take back their own messages; 0 = never.';
comment on column public.mod_chat_widget_settings.choice_days is
    'For so many days it is kept what each choice of an agent was made from; that it was made stays.';
comment on column public.mod_chat_widget_settings.session_days is
    'A visitor who does not come back for so many days is somebody new.';
comment on column public.mod_chat_widget_settings.sessions_per_minute is
    'Sessions opened or renewed at this site in a minute; beyond it visitors are told to wait.';
comment on column public.mod_chat_widget_settings.address_sessions_per_minute is 'The same from one address.';
comment on column public.mod_chat_widget_settings.messages_per_minute is 'Messages of one visitor''s session in a minute.';
comment on column public.mod_chat_widget_settings.address_messages_per_minute is 'Messages from one address in a minute.';
comment on column public.mod_chat_widget_settings.privacy_text is 'What visitors are told about their data before they write.';
comment on column public.mod_chat_widget_settings.privacy_required is 'Whether they have to agree to it first.';
comment on column public.mod_chat_widget_settings.privacy_version is
    'Goes up by itself when privacy_text or privacy_url changes; consent is given to one version.';
alter table public.mod_chat_widget_settings enable row level security;

-- file: sql/conversations/words.sql
-- What: the words that columns may hold, as domains.
-- Why: LC-01's CHECKs hold the same words. PostgreSQL reads a table's CHECKs anew for every statement, a domain's once a
--      session: on a message's insert the CHECKs cost more than its six indexes (44 of 86 µs, measured).
-- Leaves out: what follows from a word; those are rules.

do $$
declare
    word record;
begin
    for word in
        select * from (values
            ('conversation_status', array['pending', 'active', 'waiting', 'resolved', 'closed', 'missed']),
            ('priority', array['low', 'normal', 'high', 'urgent']),
            ('channel', array['widget', 'whatsapp', 'api']),
            ('sender_type', array['visitor', 'agent', 'system', 'ai']),
            ('content_type', array[
                'text', 'image', 'file', 'audio', 'video', 'location', 'system', 'note', 'whatsapp_template']),
            ('message_status', array['sending', 'sent', 'delivered', 'read', 'failed']),
            ('message_kind', array[
                'text', 'image', 'video', 'audio', 'voice', 'document', 'sticker', 'location', 'contacts', 'button_reply',
                'list_reply', 'flow_reply', 'button', 'order', 'template', 'interactive', 'note', 'event', 'edit', 'revoke',
                'system', 'request_welcome', 'unsupported', 'unknown']),
            ('message_origin', array['live', 'echo', 'history']),
            ('delivery_state', array[
                'scheduled', 'queued', 'sending', 'unknown', 'accepted', 'sent', 'delivered', 'read', 'played', 'failed',
                'cancelled', 'received']),
            ('file_state', array['pending', 'ready', 'failed'])
        ) as w (name, words)
    loop
        if to_regtype('chat.' || word.name) is null then
            execute format('create domain chat.%I as text constraint %I check (value = any (%L::text[]))',
                word.name, word.name || '_word', word.words);
        end if;
    end loop;
    if to_regtype('chat.rating') is null then
        create domain chat.rating as integer constraint rating_stars check (value between 1 and 5);
    end if;
end
$$;

comment on domain chat.conversation_status is 'LC-01''s status of a conversation.';
comment on domain chat.priority is 'LC-01''s priority of a conversation.';
comment on domain chat.channel is 'LC-01''s channel.';
comment on domain chat.sender_type is 'LC-01''s sender_type.';
comment on domain chat.content_type is 'LC-01''s content_type of a message.';
comment on domain chat.message_status is 'LC-01''s status of a message.';
comment on domain chat.message_kind is 'What a message is, finer than content_type.';
comment on domain chat.message_origin is 'live; echo: sent from the business''s own phone; history: imported.';
comment on domain chat.delivery_state is 'How far the delivery of a message got; received for incoming ones.';
comment on domain chat.file_state is 'Whether an attachment is there yet.';
comment on domain chat.rating is 'One to five stars.';

-- Inlined, so that it is the expression of the queue's index. Neither a column of its own, which would be computed for
-- each message, nor the index itself may take its place: whoever writes a row would have to be let call it.
create or replace function chat.urgency(p_priority text)
returns integer
language sql
immutable parallel safe
as $$ select case p_priority when 'urgent' then 1 when 'high' then 2 when 'normal' then 3 else 4 end $$;
comment on function chat.urgency(text) is 'A priority as a number, the most urgent 1; a line stands by it, then by who has waited longest.';

-- file: sql/visitors/visitor_words.sql
-- What: what somebody can be found by in a list: name, mail, numbers.
-- Why: one expression for the index and for whoever asks it.
-- Leaves out: identity. Finding somebody so opens nothing that the finder may not read anyway.

create or replace function chat.visitor_words(p_name text, p_email text, p_phone text, p_whatsapp_phone text)
returns text
language sql
immutable
parallel safe
as $$ select coalesce(p_name, '') || ' ' || coalesce(p_email, '') || ' ' || coalesce(p_phone, '') || ' ' || coalesce(p_whatsapp_phone, '') $$;
comment on function chat.visitor_words(text, text, text, text) is 'Name, mail and numbers of a visitor as one text, for search.';

-- file: sql/visitors/visitors.sql
-- What: people who write, one row a person and site.
-- Why: LC-01's columns. What selects a person is a verified identity (chat.identities), never an e-mail or phone typed here.
-- Leaves out: who they are verified as (identities.sql), what may be written (profile.sql), one person in several rows (merge.sql).

create table if not exists public.mod_chat_visitors (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    external_id text,
    name text,
    email text,
    phone text,
    avatar_url text,
    browser text,
    os text,
    device text,
    ip_address inet,
    country text,
    city text,
    current_page_url text,
    current_page_title text,
    referrer_url text,
    landing_page_url text,
    total_visits integer not null default 1,
    total_conversations integer not null default 0,
    total_messages integer not null default 0,
    first_seen_at timestamptz not null default now(),
    last_seen_at timestamptz not null default now(),
    crm_contact_id uuid,
    tags text[] not null default '{}',
    notes text,
    custom_data jsonb not null default '{}',
    channel chat.channel not null default 'widget',
    whatsapp_phone text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- beyond LC-01
    language text,
    merged_into uuid,
    constraint mod_chat_visitors_site_id_id_key unique (site_id, id),
    constraint mod_chat_visitors_merged_into_fkey foreign key (site_id, merged_into)
        references public.mod_chat_visitors (site_id, id) on delete set null (merged_into)
) with (fillfactor = 80);
comment on table public.mod_chat_visitors is 'People who write to a site.';
comment on column public.mod_chat_visitors.total_messages is 'Messages this person wrote, history imports left out.';
comment on column public.mod_chat_visitors.whatsapp_phone is
    'Their WhatsApp number for people to read; null for a person known by BSUID only. Not a key.';
comment on column public.mod_chat_visitors.language is
    'What the widget or the browser asks for, such as de-AT; null: nobody said, as on WhatsApp.';
comment on column public.mod_chat_visitors.merged_into is
    'The visitor this one turned out to be, by chat_merge_visitors; null when it stands for itself. Rows keep their visitor_id.';
create index if not exists mod_chat_visitors_merged_into_idx
    on public.mod_chat_visitors (merged_into) where merged_into is not null;
create index if not exists idx_chat_visitors_email on public.mod_chat_visitors (site_id, email);
create index if not exists idx_chat_visitors_whatsapp on public.mod_chat_visitors (site_id, whatsapp_phone);
alter table public.mod_chat_visitors enable row level security;

-- file: sql/visitors/identities.sql
-- What: verified identities of people, and the ids (aliases) each is known by.
-- Why: a WhatsApp person may have a phone, a BSUID or both, per business portfolio; the unique alias makes a person once,
--      and the identity row is what a writer locks first.
-- Leaves out: typed e-mails and phones; they are fields of the visitor and select nobody.

create table if not exists chat.identities (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null,
    portfolio text not null default '',
    visitor_id uuid not null,
    proven_as uuid,
    created_at timestamptz not null default now(),
    constraint identities_site_id_id_key unique (site_id, id),
    constraint identities_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade,
    constraint identities_proven_as_fkey foreign key (site_id, proven_as)
        references chat.identities (site_id, id) on delete set null (proven_as)
);
comment on table chat.identities is 'A verified person on a channel. Locked first (design: lock order).';
comment on column chat.identities.portfolio is
    'WhatsApp: the account''s business portfolio id, else its WABA id; BSUIDs are valid within it. Empty elsewhere.';
comment on column chat.identities.proven_as is
    'Of somebody anonymous who then proved who they are: that identity. Theirs to see from then on.';
create index if not exists identities_proven_as_idx on chat.identities (proven_as) where proven_as is not null;
create index if not exists identities_visitor_id_idx on chat.identities (visitor_id);
alter table chat.identities enable row level security;

create table if not exists chat.identity_aliases (
    site_id uuid not null,
    portfolio text not null,
    kind text not null check (kind in ('bsuid', 'phone', 'hmac', 'auth', 'api')),
    value text not null,
    identity_id uuid not null,
    seen_with text,
    created_at timestamptz not null default now(),
    primary key (site_id, portfolio, kind, value),
    -- Deferred: the alias is taken first, so that of two transactions only one goes on to make the person.
    constraint identity_aliases_identity_id_fkey foreign key (site_id, identity_id)
        references chat.identities (site_id, id) on delete cascade deferrable initially deferred
);
comment on table chat.identity_aliases is 'Ids an identity is known by: BSUID, phone, HMAC id, auth user, external id. Old ones stay.';
comment on column chat.identity_aliases.seen_with is
    'Of a BSUID: the phone it last came with and that is known beside it. The same pair again brings nothing to learn.';
create index if not exists identity_aliases_identity_id_idx on chat.identity_aliases (identity_id);
alter table chat.identity_aliases enable row level security;

-- file: sql/visitors/sessions.sql
-- What: sessions of visitors, a row a browser (or app) that opened the widget.
-- Why: the token names this row and every check looks it up, so ending, blocking and erasing act at once.
-- Leaves out: the token itself, which is signed and not kept, and the key that renews it, of which only a hash is.

create table if not exists chat.sessions (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null,
    visitor_id uuid not null,
    identity_id uuid not null,
    key_hash bytea not null,
    ip_address inet,
    user_agent text,
    origin text,
    created_at timestamptz not null default clock_timestamp(),
    last_seen_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    ended_at timestamptz,
    ended_why text check (ended_why in ('visitor', 'blocked')),
    constraint sessions_site_id_id_key unique (site_id, id),
    constraint sessions_key_hash_key unique (key_hash),
    constraint sessions_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade,
    constraint sessions_identity_id_fkey foreign key (site_id, identity_id)
        references chat.identities (site_id, id) on delete cascade
);
comment on table chat.sessions is 'Sessions of visitors; a token names one. Written after the visitor''s row is locked.';
comment on column chat.sessions.identity_id is 'Whose conversations are gone on with. Anonymous visitors have an identity without aliases.';
comment on column chat.sessions.key_hash is 'SHA-256 of the key that renews the token.';
comment on column chat.sessions.expires_at is 'Until when the key renews it; moved on by each renewal.';
comment on column chat.sessions.ended_at is 'When the visitor signed out, or was blocked.';
comment on column chat.sessions.ended_why is 'visitor: signed out; blocked: by an agent, and its key revives it when the block is over.';
create index if not exists sessions_visitor_id_idx on chat.sessions (visitor_id);
create index if not exists sessions_identity_id_idx on chat.sessions (identity_id);
create index if not exists sessions_expires_at_idx on chat.sessions (expires_at);
alter table chat.sessions enable row level security;

-- file: sql/visitors/rates.sql
-- What: how much of an allowance each site, address and session has used.
-- Why: one timestamp a subject holds a whole bucket: the moment at which it would be empty again.
-- Leaves out: the allowances, which are columns of the site's settings.

create table if not exists chat.rates (
    site_id uuid not null references public.sites (id) on delete cascade,
    kind text not null check (kind in ('site_sessions', 'address_sessions', 'messages', 'address_messages', 'proofs')),
    subject text not null,
    empty_at timestamptz not null,
    primary key (site_id, kind, subject)
) with (fillfactor = 70);
comment on table chat.rates is 'Used allowances. Taken before every other lock of a transaction, site before address before session.';
comment on column chat.rates.subject is 'An address, a session''s id, or empty for the site itself.';
comment on column chat.rates.empty_at is 'When all that was taken will have flowed off.';
create index if not exists rates_empty_at_idx on chat.rates (empty_at);
alter table chat.rates enable row level security;

-- file: sql/visitors/blocks.sql
-- What: who may not write: a person, or an address or network.
-- Why: a block is a row with a reason and an end, so it can be shown, ends by itself, and is taken back by deleting it.
-- Leaves out: LC-01's `blocked_ips` of the settings, which counts as well (is_blocked.sql).

create table if not exists chat.blocks (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    visitor_id uuid,
    address cidr,
    reason text,
    blocked_by uuid,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz,
    constraint blocks_one_target check (num_nonnulls(visitor_id, address) = 1),
    constraint blocks_visitor_id_key unique (site_id, visitor_id),
    constraint blocks_address_key unique (site_id, address),
    constraint blocks_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade
);
comment on table chat.blocks is 'People and addresses that may not write to a site.';
comment on column chat.blocks.blocked_by is 'auth.uid() of who blocked; null for the owner of the database.';
comment on column chat.blocks.expires_at is 'When it ends by itself; null: never.';
alter table chat.blocks enable row level security;

-- file: sql/visitors/erasures.sql
-- What: the proof that a person was erased, and the files that are still to be deleted.
-- Why: who asks later is shown when and how much; a file lies outside the database and is deleted after the commit.
-- Leaves out: anything about the person. Their ids name nothing any more.

create table if not exists chat.erasures (
    id bigint generated always as identity primary key,
    site_id uuid not null references public.sites (id) on delete cascade,
    visitor_ids uuid[] not null,
    erased_by uuid,
    erased_at timestamptz not null default clock_timestamp(),
    counts jsonb not null
);
comment on table chat.erasures is 'A row for each erased person. Kept.';
comment on column chat.erasures.visitor_ids is 'Ids the rows had; several when visitors were merged.';
comment on column chat.erasures.erased_by is 'auth.uid() of who asked for it; null for the owner of the database.';
comment on column chat.erasures.counts is
    'How many rows of each kind went; answered_by: in how many of the conversations each agent had answered, which their figures keep.';
create index if not exists erasures_site_id_idx on chat.erasures (site_id, id);
alter table chat.erasures enable row level security;

create table if not exists chat.file_deletions (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    file_url text not null,
    requested_at timestamptz not null default clock_timestamp()
);
comment on table chat.file_deletions is 'Files of erased people that storage still holds. The row goes when the file has gone.';
create index if not exists file_deletions_site_id_idx on chat.file_deletions (site_id, id);
alter table chat.file_deletions enable row level security;

-- file: sql/visitors/visits.sql
-- What: visits of people to a site, and the pages they looked at in them.
-- Why: a visit is what an agent calls one: pages with no more than half an hour between them, whatever tokens were renewed.
-- Leaves out: who is there at this moment to the second; browsers tell each other that through Realtime.

create table if not exists chat.visits (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    visitor_id uuid not null,
    session_id uuid,
    started_at timestamptz not null,
    last_at timestamptz not null,
    pages integer not null default 0,
    landing_page_url text,
    referrer_url text,
    browser text,
    os text,
    device text,
    ip_address inet,
    country text,
    city text,
    constraint visits_site_id_id_key unique (site_id, id),
    constraint visits_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade,
    constraint visits_session_id_fkey foreign key (site_id, session_id)
        references chat.sessions (site_id, id) on delete set null (session_id)
) with (fillfactor = 80);
comment on table chat.visits is 'A row a visit, written under the visitor''s lock. total_visits of a visitor counts them, and is at least 1.';
comment on column chat.visits.last_at is 'When a page was last shown, or told to be still open.';
comment on column chat.visits.pages is 'Pages looked at, each change of address one; counted up to 500.';
create index if not exists visits_visitor_id_idx on chat.visits (visitor_id, id desc);
create index if not exists visits_live_idx on chat.visits (site_id, last_at desc);
create index if not exists visits_session_id_idx on chat.visits (session_id);
alter table chat.visits enable row level security;

create table if not exists chat.page_views (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    visit_id bigint not null,
    url text not null,
    title text,
    at timestamptz not null,
    constraint page_views_visit_id_fkey foreign key (site_id, visit_id)
        references chat.visits (site_id, id) on delete cascade
);
comment on table chat.page_views is 'Pages of visits, kept for 90 days.';
create index if not exists page_views_visit_id_idx on chat.page_views (visit_id, id desc);
create index if not exists page_views_at_idx on chat.page_views (at);
alter table chat.page_views enable row level security;

-- file: sql/conversations/conversations.sql
-- What: conversations, with the counters and numbers every client depends on.
-- Why: LC-01's columns, and the design's: gapless numbers, the identity and number it belongs to, when it was archived.
-- Leaves out: what may change (lifecycle.sql), what a message does (stamp_message.sql), who gets it (routing/).

create table if not exists public.mod_chat_conversations (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    visitor_id uuid not null,
    assigned_agent_id uuid,
    department_id uuid,
    status chat.conversation_status not null default 'pending',
    priority chat.priority not null default 'normal',
    channel chat.channel not null default 'widget',
    subject text,
    last_message_text text,
    last_message_at timestamptz,
    last_message_by chat.sender_type,
    message_count integer not null default 0,
    unread_agent_count integer not null default 0,
    unread_visitor_count integer not null default 0,
    first_response_time_seconds integer,
    resolution_time_seconds integer,
    wait_time_seconds integer,
    rating chat.rating,
    rating_comment text,
    rated_at timestamptz,
    tags text[] not null default '{}',
    internal_notes text,
    metadata jsonb not null default '{}',
    whatsapp_conversation_id text,
    whatsapp_window_expires_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    resolved_at timestamptz,
    closed_at timestamptz,
    -- beyond LC-01
    session_number text,
    identity_id uuid,
    phone_number_id text,
    last_seq bigint not null default 0,
    last_public_seq bigint not null default 0,
    last_change bigint not null default 0,
    last_public_change bigint not null default 0,
    public_change_before bigint not null default 0,
    row_change bigint not null default 0,
    row_change_before bigint not null default 0,
    inbound_count bigint not null default 0,
    outbound_public_count bigint not null default 0,
    last_agent_id uuid,
    returned_by uuid,
    skills text[],
    applied_rule jsonb,
    choice_id bigint,
    pending_since timestamptz default now(),
    agent_joined_at timestamptz,
    snoozed_until timestamptz,
    ended_by chat.sender_type,
    abandoned_at timestamptz,
    archived_at timestamptz,
    page_url text,
    page_title text,
    user_agent text,
    ip_address inet,
    assistant boolean,
    constraint mod_chat_conversations_site_id_id_key unique (site_id, id),
    constraint mod_chat_conversations_session_number_key unique (site_id, session_number),
    constraint mod_chat_conversations_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade,
    constraint mod_chat_conversations_assigned_agent_id_fkey foreign key (site_id, assigned_agent_id)
        references public.mod_chat_agents (site_id, id) on delete set null (assigned_agent_id),
    constraint mod_chat_conversations_department_id_fkey foreign key (site_id, department_id)
        references public.mod_chat_departments (site_id, id) on delete set null (department_id),
    constraint mod_chat_conversations_identity_id_fkey foreign key (site_id, identity_id)
        references chat.identities (site_id, id) on delete set null (identity_id)
) with (fillfactor = 70);
comment on table public.mod_chat_conversations is 'Chat threads. Open = pending, active or waiting.';
comment on column public.mod_chat_conversations.status is
    'pending: nobody assigned; active: assigned; waiting: assigned, waits for the visitor or is snoozed; resolved, closed, missed: not open.';
comment on column public.mod_chat_conversations.session_number is
    'CHAT-00000001 and on, per site, for people to quote. Given at commit; gaps are allowed.';
comment on column public.mod_chat_conversations.phone_number_id is 'Meta''s id of the number written to; replies leave from it.';
comment on column public.mod_chat_conversations.last_seq is 'seq of the newest message.';
comment on column public.mod_chat_conversations.last_public_seq is 'public_seq of the newest message a visitor may see.';
comment on column public.mod_chat_conversations.last_change is 'Newest change of this conversation or of one of its messages. Clients fetch what is greater than theirs.';
comment on column public.mod_chat_conversations.last_public_change is 'Newest change that the visitor may see.';
comment on column public.mod_chat_conversations.public_change_before is 'What last_public_change was before the latest change of one message; for that update to return.';
comment on column public.mod_chat_conversations.row_change is 'Newest change of the conversation''s own fields.';
comment on column public.mod_chat_conversations.row_change_before is 'The visitor-visible change before row_change.';
comment on column public.mod_chat_conversations.inbound_count is 'Messages of the visitor; agents'' cursors remember it.';
comment on column public.mod_chat_conversations.outbound_public_count is 'Messages to the visitor; the visitor''s cursor remembers it.';
comment on column public.mod_chat_conversations.last_agent_id is 'Who had it before it became pending again; preferred when it comes back.';
comment on column public.mod_chat_conversations.returned_by is 'Who gave it back to the queue; routing asks somebody else first. Counts while it is last_agent_id.';
comment on column public.mod_chat_conversations.skills is 'What whoever takes it should know, where the strategy is skills.';
comment on column public.mod_chat_conversations.applied_rule is
    'What the site''s rules did with it when it came: {version, place, name, then, passed_over, came_with}; null: no rule held.';
comment on column public.mod_chat_conversations.assistant is 'Whether the assistant answers here, as a rule of the site said; null: as the site does.';
comment on column public.mod_chat_conversations.choice_id is 'The kept decision (chat.choices), by routing or by a person; null when somebody wrote the row itself.';
comment on column public.mod_chat_conversations.pending_since is 'Since when it waits for an agent; null when it does not.';
comment on column public.mod_chat_conversations.ended_by is 'Who ended it: visitor, agent, system (by time); null while open.';
comment on column public.mod_chat_conversations.abandoned_at is 'When the visitor gave up before any agent had joined.';
comment on column public.mod_chat_conversations.archived_at is 'When it left pending, active, waiting; null while open.';

-- Two transactions cannot both open a conversation for one person on one number.
create unique index if not exists mod_chat_conversations_one_open_idx
    on public.mod_chat_conversations (identity_id, phone_number_id) nulls not distinct
    where identity_id is not null and archived_at is null;
-- The queue of each department, and of the site for what has none, oldest most urgent first (chat.urgency, word for word).
create index if not exists mod_chat_conversations_queue_idx
    on public.mod_chat_conversations (
        (coalesce(department_id, site_id)),
        (case priority::text when 'urgent' then 1 when 'high' then 2 when 'normal' then 3 else 4 end),
        pending_since, id)
    where status = 'pending' and assigned_agent_id is null;
-- Inbox order over open rows only; any other index that names last_message_at costs more and gives nothing.
create index if not exists mod_chat_conversations_open_idx
    on public.mod_chat_conversations (site_id, last_message_at desc) where archived_at is null;
create index if not exists mod_chat_conversations_open_by_agent_idx
    on public.mod_chat_conversations (assigned_agent_id, last_message_at desc) where archived_at is null;
create index if not exists mod_chat_conversations_archived_idx
    on public.mod_chat_conversations (site_id, archived_at desc) where archived_at is not null;
create index if not exists idx_chat_conversations_visitor on public.mod_chat_conversations (visitor_id);
create index if not exists mod_chat_conversations_identity_idx
    on public.mod_chat_conversations (identity_id, archived_at desc) where archived_at is not null;
create index if not exists mod_chat_conversations_snoozed_idx
    on public.mod_chat_conversations (snoozed_until) where snoozed_until is not null;
alter table public.mod_chat_conversations enable row level security;

-- file: sql/conversations/messages.sql
-- What: messages, the truth every client refetches from.
-- Why: LC-01's columns, the numbers, what kind it is and how far its delivery got.
-- Leaves out: a key to sites. The conversation's composite key holds the site; a second key would lock one site row
--             from every writer at once.

create table if not exists public.mod_chat_messages (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null,
    site_id uuid not null,
    sender_type chat.sender_type not null,
    sender_id text,
    sender_name text,
    sender_avatar text,
    content text,
    content_type chat.content_type not null default 'text',
    file_url text,
    file_name text,
    file_size integer,
    file_mime_type text,
    status chat.message_status not null default 'sent',
    is_internal_note boolean not null default false,
    whatsapp_message_id text,
    whatsapp_status text,
    is_ai_generated boolean not null default false,
    ai_confidence numeric(3, 2),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- beyond LC-01
    kind chat.message_kind not null,
    origin chat.message_origin not null default 'live',
    seq bigint not null,
    public_seq bigint,
    change bigint not null,
    change_before bigint,
    sent_at timestamptz not null,
    delivery_state chat.delivery_state not null,
    read_at timestamptz,
    reply_to_id uuid,
    reactions jsonb not null default '{}',
    metadata jsonb not null default '{}',
    file_state chat.file_state,
    mentions uuid[],
    edited_at timestamptz,
    deleted_at timestamptz,
    constraint mod_chat_messages_site_id_id_key unique (site_id, id),
    constraint mod_chat_messages_seq_key unique (conversation_id, seq),
    constraint mod_chat_messages_public_seq_key unique (conversation_id, public_seq),
    constraint mod_chat_messages_change_key unique (conversation_id, change),
    constraint mod_chat_messages_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade,
    constraint mod_chat_messages_reply_to_id_fkey foreign key (site_id, reply_to_id)
        references public.mod_chat_messages (site_id, id) on delete set null (reply_to_id)
) with (fillfactor = 85);
comment on table public.mod_chat_messages is 'Messages of conversations, notes included.';
comment on column public.mod_chat_messages.kind is 'What it is, finer than content_type.';
comment on column public.mod_chat_messages.origin is 'live; echo: sent from the business''s own phone; history: imported.';
comment on column public.mod_chat_messages.seq is 'Gapless number within the conversation, notes included.';
comment on column public.mod_chat_messages.public_seq is 'Gapless number of what the visitor may see; null on notes.';
comment on column public.mod_chat_messages.change is 'The conversation''s change number this message last changed at.';
comment on column public.mod_chat_messages.change_before is 'The visitor-visible change before `change`; null on notes.';
comment on column public.mod_chat_messages.sent_at is 'When it was written: Meta''s time for WhatsApp. Display order is (sent_at, seq).';
comment on column public.mod_chat_messages.delivery_state is 'How far delivery got; LC-01''s status follows from it.';
comment on column public.mod_chat_messages.whatsapp_status is 'Meta''s last applied word for it.';
comment on column public.mod_chat_messages.reactions is '{"visitor:<id>" or "agent:<id>": {"emoji", "at"}}; emoji null after removal.';
comment on column public.mod_chat_messages.mentions is 'Agents a note names; null where it names nobody.';
comment on column public.mod_chat_messages.edited_at is 'When its words were last replaced; earlier ones are in chat.message_versions.';
comment on column public.mod_chat_messages.deleted_at is 'When it was taken back: the row stays, its words and file do not.';
comment on column public.mod_chat_messages.metadata is
    'What the columns do not hold: media, interactive, location, statuses (first time of each), error {code,title,details,advice}, pricing, raw.';
comment on column public.mod_chat_messages.file_state is 'Of the attachment: pending, ready, failed; null when there is none.';

create unique index if not exists mod_chat_messages_whatsapp_message_id_idx
    on public.mod_chat_messages (site_id, whatsapp_message_id) where whatsapp_message_id is not null;
create index if not exists mod_chat_messages_reply_to_idx
    on public.mod_chat_messages (reply_to_id) where reply_to_id is not null;
create index if not exists mod_chat_messages_mentions_idx
    on public.mod_chat_messages using gin (mentions) where mentions is not null;
-- The tick settles unknown sends; there are few at any time.
create index if not exists mod_chat_messages_unknown_idx
    on public.mod_chat_messages (updated_at) where delivery_state = 'unknown';
alter table public.mod_chat_messages enable row level security;

-- file: sql/conversations/archive.sql
-- What: how the archive is found by each filter of the inbox.
-- Why: open conversations are few and one index in inbox order serves every filter; the archive grows for years, and a
--      filter that few rows meet would read all of it. These hold archived rows only and no column that a message
--      changes, so an open conversation never pays for them.
-- Leaves out: the orders themselves (conversations.sql).

create extension if not exists btree_gin with schema extensions;

-- LC-01 has these three over all rows. A message moves last_message_at, so each index that holds open rows takes an entry
-- a message.
create index if not exists idx_chat_conversations_site_status
    on public.mod_chat_conversations (site_id, status, archived_at desc) where archived_at is not null;
create index if not exists idx_chat_conversations_agent
    on public.mod_chat_conversations (assigned_agent_id, status, archived_at desc) where archived_at is not null;
create index if not exists idx_chat_conversations_channel
    on public.mod_chat_conversations (site_id, channel, archived_at desc) where archived_at is not null;

create index if not exists mod_chat_conversations_archived_agent_idx
    on public.mod_chat_conversations (assigned_agent_id, archived_at desc) where archived_at is not null;
create index if not exists mod_chat_conversations_archived_department_idx
    on public.mod_chat_conversations (department_id, archived_at desc)
    where archived_at is not null and department_id is not null;
create index if not exists mod_chat_conversations_archived_priority_idx
    on public.mod_chat_conversations (site_id, priority, archived_at desc) where archived_at is not null;
create index if not exists mod_chat_conversations_archived_number_idx
    on public.mod_chat_conversations (site_id, phone_number_id, archived_at desc)
    where archived_at is not null and phone_number_id is not null;
create index if not exists mod_chat_conversations_archived_unread_idx
    on public.mod_chat_conversations (site_id, archived_at desc)
    where archived_at is not null and unread_agent_count > 0;
create index if not exists mod_chat_conversations_archived_tags_idx
    on public.mod_chat_conversations using gin (site_id, tags) where archived_at is not null;

-- file: sql/conversations/message_words.sql
-- What: the index that search reads: the words of every message, and of each site the words that were ever used.
-- Why: an index over the messages themselves would be paid by every incoming one; this is filled by the tick, seconds
--      later, and search reads what is not in it yet from the event rows. A misspelt word is looked up among a site's
--      words, which are few, and not among its messages.
-- Leaves out: filling (index_words.sql) and searching (search.sql).

create table if not exists chat.message_words (
    message_id uuid primary key,
    site_id uuid not null,
    conversation_id uuid not null,
    sent_at timestamptz not null,
    words tsvector not null,
    constraint message_words_message_id_fkey foreign key (site_id, message_id)
        references public.mod_chat_messages (site_id, id) on delete cascade
);
comment on table chat.message_words is 'Words of each message that says any, for search. A row goes with its message.';
create index if not exists message_words_words_idx on chat.message_words using gin (site_id, words);
create index if not exists message_words_sent_at_idx on chat.message_words (site_id, sent_at desc, message_id desc);
create index if not exists message_words_conversation_idx on chat.message_words (conversation_id, sent_at desc);
alter table chat.message_words enable row level security;

create table if not exists chat.words (
    site_id uuid not null references public.sites (id) on delete cascade,
    word text not null,
    primary key (site_id, word)
);
comment on table chat.words is
    'Words of letters alone that a site''s messages used; what a misspelt one may have meant. A word of a removed message goes too, until somebody uses it again.';
alter table chat.words enable row level security;

create table if not exists chat.words_due (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    message_id uuid,
    forgotten tsvector
);
comment on table chat.words_due is
    'What the index has to do beyond new messages: a message without an event or with a changed text, or words of a removed one. Only the tick writes the index, so nobody waits for anybody.';
create index if not exists words_due_message_id_idx on chat.words_due (message_id) where message_id is not null;
alter table chat.words_due enable row level security;

create table if not exists chat.words_progress (
    only_row boolean primary key default true check (only_row),
    event_id bigint not null default 0,
    up_to bigint not null default 0,
    up_to_xid xid8 not null default '0',
    adopted uuid default '00000000-0000-0000-0000-000000000000'
);
comment on table chat.words_progress is 'How far the tick has indexed words. One row.';
comment on column chat.words_progress.event_id is 'Messages of events up to this one are indexed.';
comment on column chat.words_progress.up_to is 'An event id that was the newest once; when all transactions of that time have ended, none at or below it can still appear.';
comment on column chat.words_progress.up_to_xid is 'A transaction id that was given after that.';
comment on column chat.words_progress.adopted is
    'Messages that were there before pg_chat was have no events: they are indexed by id up to here; null when done.';
insert into chat.words_progress default values on conflict do nothing;
alter table chat.words_progress enable row level security;

-- pg_trgm may live in any schema of the host's choice; only here it is named.
create extension if not exists pg_trgm with schema extensions;
do $$
declare
    trgm constant text := (
        select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
        where e.extname = 'pg_trgm');
begin
    execute format('create index if not exists words_alike_idx on chat.words using gin (site_id, word %I.gin_trgm_ops)', trgm);
    execute format('create index if not exists mod_chat_visitors_words_idx on public.mod_chat_visitors
        using gin (site_id, (chat.visitor_words(name, email, phone, whatsapp_phone)) %I.gin_trgm_ops)', trgm);
    execute format('create index if not exists mod_chat_conversations_subject_idx on public.mod_chat_conversations
        using gin (site_id, subject %I.gin_trgm_ops) where subject is not null', trgm);
    execute format($f$
        create or replace function chat.words_alike(p_site uuid, p_word text)
        returns text[]
        language sql
        stable
        as $b$
            select coalesce(array_agg(x.word), '{}') from (
                select w.word from chat.words w
                where w.site_id = p_site and w.word operator(%1$I.%%) p_word and %1$I.similarity(w.word, p_word) >= 0.4
                order by %1$I.similarity(w.word, p_word) desc, w.word limit 8) x
        $b$ $f$, trgm);
end
$$;
comment on function chat.words_alike(uuid, text) is 'Up to eight words of a site that are spelt like one.';

-- file: sql/conversations/saved_views.sql
-- What: filters of the inbox that somebody kept under a name.
-- Why: a team works through the same few lists every day.
-- Leaves out: what a filter means (inbox_condition.sql).

create table if not exists chat.saved_views (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    name text not null,
    filters jsonb not null,
    created_by uuid not null,
    is_shared boolean not null,
    sort_order integer not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint saved_views_site_id_id_key unique (site_id, id)
);
comment on table chat.saved_views is 'Named filters of the inbox; shared with the site, or their maker''s own.';
create index if not exists saved_views_site_id_idx on chat.saved_views (site_id, sort_order, name);
alter table chat.saved_views enable row level security;

-- file: sql/routing/sla.sql
-- What: what a site promises its visitors, and the clocks that say how each conversation stands with it.
-- Why: tables of their own, which only the tick writes: a message's transaction pays nothing, and there is nobody to wait
--      for. Of each promise a conversation has one clock, the latest; what earlier ones came to are its counts.
-- Leaves out: what a clock shows (chat_rules::routing::sla) and when it is looked at (follow_sla.sql).

create table if not exists chat.sla_policies (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    department_id uuid,
    priority chat.priority,
    tag text check (char_length(tag) between 1 and 64),
    first_response_seconds integer check (first_response_seconds > 0),
    next_response_seconds integer check (next_response_seconds > 0),
    resolution_seconds integer check (resolution_seconds > 0),
    in_business_hours boolean not null default true,
    warn_percent integer check (warn_percent between 1 and 99),
    created_at timestamptz not null default clock_timestamp(),
    constraint sla_policies_key unique nulls not distinct (site_id, department_id, priority, tag),
    constraint sla_policies_department_id_fkey foreign key (site_id, department_id)
        references public.mod_chat_departments (site_id, id) on delete cascade
);
comment on table chat.sla_policies is
    'Promises of a site; the most specific that fits counts: of a tag, then of a priority, then of a department, then of all.';
comment on column chat.sla_policies.first_response_seconds is 'In how many seconds somebody answers first; null: not promised.';
comment on column chat.sla_policies.next_response_seconds is 'In how many seconds somebody answers each later question; null: not promised.';
comment on column chat.sla_policies.resolution_seconds is
    'In how many seconds it is over, the time that the visitor was waited for left out; null: not promised.';
comment on column chat.sla_policies.warn_percent is 'After how much of the time there is a warning; null: none.';
alter table chat.sla_policies enable row level security;

create table if not exists chat.sla_cases (
    conversation_id uuid primary key,
    site_id uuid not null,
    read_seq bigint not null,
    answered boolean not null,
    asked jsonb,
    policy_id uuid,
    due_at timestamptz,
    target text,
    warned boolean not null default false,
    breached boolean not null default false,
    next_at timestamptz,
    constraint sla_cases_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade
) with (fillfactor = 70);
comment on table chat.sla_cases is 'How a conversation stands with what was promised: a row each, of sites with policies.';
comment on column chat.sla_cases.read_seq is 'Messages up to this seq have been looked at.';
comment on column chat.sla_cases.asked is '{seq, at} of the message that waits for an answer; null: none.';
comment on column chat.sla_cases.due_at is 'The earliest that is due of the clocks that run; past: so long too late; null: none runs.';
comment on column chat.sla_cases.target is 'Which of them that is.';
comment on column chat.sla_cases.next_at is 'When a clock that runs warns or breaks next.';
create index if not exists sla_cases_due_idx on chat.sla_cases (site_id, due_at, conversation_id) where due_at is not null;
create index if not exists sla_cases_next_idx on chat.sla_cases (next_at) where next_at is not null;
alter table chat.sla_cases enable row level security;

create table if not exists chat.sla_clocks (
    conversation_id uuid not null references chat.sla_cases (conversation_id) on delete cascade,
    target text not null check (target in ('first_response', 'next_response', 'resolution')),
    seq bigint not null,
    state text not null check (state in ('running', 'paused', 'kept', 'dropped', 'withdrawn')),
    started_at timestamptz not null,
    ended_at timestamptz,
    paused_at timestamptz,
    warn_at timestamptz,
    due_at timestamptz,
    warned_at timestamptz,
    breached_at timestamptz,
    warnings integer not null default 0,
    breaches integer not null default 0,
    primary key (conversation_id, target)
) with (fillfactor = 70);
comment on table chat.sla_clocks is 'The latest clock of each promise to a conversation.';
comment on column chat.sla_clocks.seq is 'The message it began with; 0 of the resolution. The same seq is the same clock.';
comment on column chat.sla_clocks.state is
    'running; paused: waits for the visitor; kept: answered or over; dropped: over before an answer; withdrawn: promised no more.';
comment on column chat.sla_clocks.warnings is 'Warnings of this and of earlier clocks; each has an event.';
comment on column chat.sla_clocks.breaches is 'Broken promises of this and of earlier clocks; each has an event.';
alter table chat.sla_clocks enable row level security;

create table if not exists chat.sla_pauses (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    conversation_id uuid not null,
    seq bigint not null,
    began_at timestamptz not null,
    ended_at timestamptz,
    is_end boolean not null,
    constraint sla_pauses_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade
);
comment on table chat.sla_pauses is
    'When a conversation of a site with policies waited for its visitor, slept, or was over (is_end). Written as it happens, by whoever changes the status.';
comment on column chat.sla_pauses.seq is 'The last message before.';
create index if not exists sla_pauses_conversation_id_idx on chat.sla_pauses (conversation_id, seq);
alter table chat.sla_pauses enable row level security;

create table if not exists chat.sla_changes (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    conversation_id uuid,
    told_xid xid8,
    reached uuid
);
comment on table chat.sla_changes is
    'What the tick looks at beyond new messages: a conversation whose status, department, priority or tags changed, or, without one, every open conversation of a site whose policies or hours did.';
comment on column chat.sla_changes.told_xid is
    'Of a site: a transaction id that was given after a tick first saw it; it begins when those before have ended, which may not have seen the policies.';
comment on column chat.sla_changes.reached is 'Of a site: conversations up to this id have been looked at.';
alter table chat.sla_changes enable row level security;

create table if not exists chat.sla_progress (
    only_row boolean primary key default true check (only_row),
    seen_id bigint not null default 0,
    event_id bigint not null default 0,
    up_to bigint not null default 0,
    up_to_xid xid8 not null default '0'
);
comment on table chat.sla_progress is
    'How far the tick has followed chat.events for the clocks. One row; whoever holds it is the one who looks.';
comment on column chat.sla_progress.seen_id is 'Events up to this one were looked at as soon as they were seen; one with a lower id may still have appeared later.';
comment on column chat.sla_progress.event_id is 'Events up to this one were looked at when none below could appear any more.';
comment on column chat.sla_progress.up_to is 'An event id that was the newest once.';
comment on column chat.sla_progress.up_to_xid is 'A transaction id that was given after that.';
insert into chat.sla_progress default values on conflict do nothing;
alter table chat.sla_progress enable row level security;

-- file: sql/routing/sla_due.sql
-- What: what is due first of what was promised to a conversation, for lists.
-- Why: a view that runs with its reader's rights cannot read the clocks; this reads one row by its key.
-- Leaves out: who may see the conversation; its reader found it in a row that they see.

create or replace function chat.sla_due(p_conversation uuid, out due_at timestamptz, out target text)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    select k.due_at, k.target into due_at, target from chat.sla_cases k where k.conversation_id = p_conversation;
end
$$;
comment on function chat.sla_due(uuid) is
    'What is due first of what was promised to a conversation, and when. For chat_conversation_list, whose reader sees the conversation.';

-- file: sql/conversations/list.sql
-- What: a conversation as a row of an inbox, LC-01's ConversationListItem, and where it stands in the inbox's order.
-- Why: one shape for chat_inbox and for clients that select it themselves; it runs with its reader's rights.
-- Leaves out: filters and pages (inbox.sql).

create or replace view public.chat_conversation_list with (security_invoker = true) as
select c.id, v.name as visitor_name, v.email as visitor_email, v.avatar_url as visitor_avatar, c.channel, c.status,
    c.priority, c.last_message_text, c.last_message_at, c.last_message_by, c.unread_agent_count as unread_count,
    a.display_name as assigned_agent_name, d.name as department_name, c.tags, c.created_at,
    -- beyond LC-01
    c.site_id, c.session_number, c.visitor_id, v.phone as visitor_phone, v.whatsapp_phone as visitor_whatsapp_phone,
    c.assigned_agent_id, c.department_id, c.phone_number_id, c.subject, c.rating, c.pending_since, c.snoozed_until,
    c.whatsapp_window_expires_at, c.archived_at, c.last_change,
    c.archived_at is null as is_open,
    coalesce(c.archived_at, c.last_message_at, c.created_at) as sort_at,
    (chat.sla_due(c.id)).due_at as sla_due_at, (chat.sla_due(c.id)).target as sla_target
from public.mod_chat_conversations c
join public.mod_chat_visitors v on v.site_id = c.site_id and v.id = c.visitor_id
left join public.mod_chat_agents a on a.site_id = c.site_id and a.id = c.assigned_agent_id
left join public.mod_chat_departments d on d.site_id = c.site_id and d.id = c.department_id;
comment on view public.chat_conversation_list is
    'Conversations as rows of an inbox. Its order is is_open desc, sort_at desc, id desc: open ones by their last message, then the archive by when each ended. sla_due_at: when the first of what was promised is due, and sla_target what that is; null: no clock runs.';

-- file: sql/widget/consents.sql
-- What: who agreed to which privacy text, and when.
-- Why: the text is kept as it was shown, so what somebody agreed to can be shown after it has changed.
-- Leaves out: asking again, which the version does: consent to an older one does not count.

create table if not exists chat.consents (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null,
    visitor_id uuid not null,
    version integer not null,
    privacy_text text,
    privacy_url text,
    given_at timestamptz not null default clock_timestamp(),
    constraint consents_visitor_id_key unique (visitor_id, version),
    constraint consents_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade
);
comment on table chat.consents is 'Consents of visitors to a site''s privacy text, each version once.';
alter table chat.consents enable row level security;

-- file: sql/widget/uploads.sql
-- What: files that visitors were allowed to upload, a row each.
-- Why: the site's rules for files are asked before a byte is sent, and a message can only take a file of its own session.
-- Leaves out: the bytes, which are Storage's.

create table if not exists chat.uploads (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null,
    session_id uuid not null,
    path text not null,
    name text not null,
    size_bytes integer not null,
    mime_type text not null,
    message_id uuid,
    created_at timestamptz not null default clock_timestamp(),
    constraint uploads_path_key unique (path),
    constraint uploads_session_id_fkey foreign key (site_id, session_id)
        references chat.sessions (site_id, id) on delete cascade
);
comment on table chat.uploads is 'Files a visitor may put into bucket chat-media, and the message that took each.';
comment on column chat.uploads.message_id is 'The message it was sent with; null while it waits for one.';
create index if not exists uploads_session_id_idx on chat.uploads (session_id);
alter table chat.uploads enable row level security;

-- file: sql/conversations/events.sql
-- What: one narrow row for each happening that LC-01 names.
-- Why: webhooks, automations and notifications start from these rows, so a shared queue lane never locks a message's transaction.
-- Leaves out: payloads (the rows they name hold them) and the WhatsApp twin names, which the view derives.

create table if not exists chat.events (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    name text not null,
    conversation_id uuid,
    message_id uuid,
    agent_id uuid,
    at timestamptz not null default clock_timestamp()
);
comment on table chat.events is 'Happenings under LC-01''s event names, one row each, written in the transaction that made them happen.';
create index if not exists events_site_id_idx on chat.events (site_id, id);
alter table chat.events enable row level security;

create or replace view chat.events_with_whatsapp as
select e.id, e.site_id, e.name, e.conversation_id, e.message_id, e.agent_id, e.at
from chat.events e
union all
select e.id, e.site_id,
    case
        when e.name = 'chat.message.received' then 'chat.whatsapp.message_received'
        when m.kind = 'template' then 'chat.whatsapp.template_sent'
        else 'chat.whatsapp.message_sent'
    end,
    e.conversation_id, e.message_id, e.agent_id, e.at
from chat.events e
join public.mod_chat_conversations c on c.id = e.conversation_id and c.channel = 'whatsapp'
join public.mod_chat_messages m on m.id = e.message_id
where e.name in ('chat.message.received', 'chat.message.sent');
comment on view chat.events_with_whatsapp is 'Every event, and the chat.whatsapp.* twin of those that happened on WhatsApp.';

-- file: sql/conversations/canned_responses.sql
-- What: ready answers. Why: LC-01's columns. Leaves out: use of them, which comes with the inbox.

create table if not exists public.mod_chat_canned_responses (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    title text not null,
    content text not null,
    shortcut text,
    category text,
    tags text[] not null default '{}',
    usage_count integer not null default 0,
    last_used_at timestamptz,
    created_by uuid default auth.uid(),
    is_shared boolean not null default true,
    is_active boolean not null default true,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.mod_chat_canned_responses is 'Ready answers; shared with the site, or its writer''s own.';
create index if not exists idx_chat_canned_site on public.mod_chat_canned_responses (site_id);
alter table public.mod_chat_canned_responses enable row level security;

-- file: sql/conversations/cursors.sql
-- What: how far each agent, and the visitor, has read a conversation.
-- Why: unread is a difference of counters, so it costs the same in a long conversation as in a short one.
-- Leaves out: moving them (read.sql).

create table if not exists chat.cursors (
    site_id uuid not null,
    conversation_id uuid not null,
    agent_id uuid,
    read_seq bigint not null default 0,
    read_count bigint not null default 0,
    cleared_seq bigint not null default 0,
    read_at timestamptz not null default clock_timestamp(),
    constraint cursors_key unique nulls not distinct (conversation_id, agent_id),
    constraint cursors_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade,
    constraint cursors_agent_id_fkey foreign key (site_id, agent_id)
        references public.mod_chat_agents (site_id, id) on delete cascade
) with (fillfactor = 80);
comment on table chat.cursors is 'How far somebody has read a conversation; a row without an agent is the visitor''s.';
comment on column chat.cursors.read_seq is 'seq of the last message they have seen.';
comment on column chat.cursors.read_count is
    'Of the messages written to them, how many they have seen: inbound_count for agents, outbound_public_count for the visitor.';
comment on column chat.cursors.cleared_seq is
    'Up to which message their reading counted for the whole team: they had the chat then, or nobody had.';
create index if not exists cursors_agent_id_idx on chat.cursors (agent_id);
alter table chat.cursors enable row level security;

-- file: sql/conversations/message_versions.sql
-- What: what messages said before they were edited or taken back.
-- Why: an edit is no way to unsay something to the team; who answers for a site can look it up.
-- Leaves out: what they say now, which is the message.

create table if not exists chat.message_versions (
    site_id uuid not null,
    message_id uuid not null,
    version integer not null,
    content text,
    file jsonb,
    replaced_at timestamptz not null,
    replaced_by text not null,
    primary key (message_id, version),
    constraint message_versions_message_id_fkey foreign key (site_id, message_id)
        references public.mod_chat_messages (site_id, id) on delete cascade
);
comment on table chat.message_versions is 'Earlier words of edited and deleted messages; version 1 is the first.';
comment on column chat.message_versions.file is 'Its attachment {url, name, size, mime}, where it was deleted with the message.';
comment on column chat.message_versions.replaced_by is 'Who replaced it: agent:<id> or visitor:<id>.';
alter table chat.message_versions enable row level security;

-- file: sql/conversations/scheduled_messages.sql
-- What: messages that agents planned for later.
-- Why: a planned message is none yet: it has no number, nobody has it unread, and it can be called off without a trace.
-- Leaves out: sending them (send_scheduled.sql).

create table if not exists chat.scheduled_messages (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null,
    conversation_id uuid not null,
    agent_id uuid not null,
    content text not null,
    due_at timestamptz not null,
    unless_answered boolean not null,
    inbound_count bigint not null,
    state text not null default 'waiting' check (state in ('waiting', 'sent', 'cancelled', 'failed')),
    error jsonb,
    created_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    constraint scheduled_messages_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade,
    constraint scheduled_messages_agent_id_fkey foreign key (site_id, agent_id)
        references public.mod_chat_agents (site_id, id) on delete cascade
);
comment on table chat.scheduled_messages is 'Planned messages; a sent one has the id of its message.';
comment on column chat.scheduled_messages.unless_answered is 'Cancelled instead when the visitor wrote after it was planned.';
comment on column chat.scheduled_messages.inbound_count is 'The conversation''s inbound_count when it was planned.';
comment on column chat.scheduled_messages.error is 'Why it failed: {code, message, hint}.';
create index if not exists scheduled_messages_due_idx on chat.scheduled_messages (due_at) where state = 'waiting';
create index if not exists scheduled_messages_conversation_id_idx on chat.scheduled_messages (conversation_id, due_at);
alter table chat.scheduled_messages enable row level security;

-- file: sql/assistant/knowledge_base.sql
-- What: articles the assistant answers from. Why: LC-01's columns. Leaves out: search and answers, which come with the assistant.

create table if not exists public.mod_chat_knowledge_base (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    title text not null,
    content text not null,
    category text,
    tags text[] not null default '{}',
    is_active boolean not null default true,
    usage_count integer not null default 0,
    last_matched_at timestamptz,
    created_by uuid default auth.uid(),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now()
);
comment on table public.mod_chat_knowledge_base is 'Articles the assistant answers from.';
create index if not exists idx_chat_kb_site on public.mod_chat_knowledge_base (site_id);
alter table public.mod_chat_knowledge_base enable row level security;

-- file: sql/reports/analytics.sql
-- What: figures a day, of the site (agent null) and of each agent.
-- Why: LC-01's columns. The site's row exists once: nulls are not distinct in its key.
-- Leaves out: how the figures come, which is the reports issue's.

create table if not exists public.mod_chat_analytics (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    date date not null,
    total_conversations integer not null default 0,
    total_messages integer not null default 0,
    new_visitors integer not null default 0,
    returning_visitors integer not null default 0,
    widget_conversations integer not null default 0,
    whatsapp_conversations integer not null default 0,
    resolved_conversations integer not null default 0,
    missed_conversations integer not null default 0,
    avg_first_response_seconds integer not null default 0,
    avg_resolution_seconds integer not null default 0,
    avg_wait_seconds integer not null default 0,
    avg_messages_per_conversation numeric(5, 2) not null default 0,
    avg_rating numeric(3, 2) not null default 0,
    total_ratings integer not null default 0,
    satisfaction_score numeric(5, 2) not null default 0,
    ai_auto_responses integer not null default 0,
    ai_resolved integer not null default 0,
    agent_id uuid,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint mod_chat_analytics_site_id_date_agent_id_key unique nulls not distinct (site_id, date, agent_id),
    constraint mod_chat_analytics_agent_id_fkey foreign key (site_id, agent_id)
        references public.mod_chat_agents (site_id, id) on delete set null (agent_id)
);
comment on table public.mod_chat_analytics is 'Daily figures of a site (agent_id null) and of each agent.';
alter table public.mod_chat_analytics enable row level security;

-- file: sql/whatsapp/accounts.sql
-- What: Meta apps, WhatsApp Business Accounts and numbers.
-- Why: an app signs webhooks, an account's token sends, a number routes. A number belongs to a site only after Graph
--      answered for it with that site's own token (confirmed_at).
-- Leaves out: plain secrets. Sealed columns hold what only the worker's private key opens; the environment's app keeps
--      its secrets in the environment and these columns null.

create table if not exists chat.whatsapp_apps (
    id uuid primary key default gen_random_uuid(),
    name text not null unique,
    meta_app_id text,
    sealed_secret bytea,
    sealed_verify_token bytea,
    created_at timestamptz not null default now()
);
comment on table chat.whatsapp_apps is 'Meta apps whose webhooks are taken. One app may serve many accounts.';
comment on column chat.whatsapp_apps.name is '`environment`, or the name in the worker''s configuration.';
alter table chat.whatsapp_apps enable row level security;

create table if not exists chat.whatsapp_accounts (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    app_id uuid not null references chat.whatsapp_apps (id),
    waba_id text not null,
    portfolio_id text,
    graph_version text not null default 'v26.0',
    sealed_token bytea,
    created_at timestamptz not null default now(),
    constraint whatsapp_accounts_site_id_id_key unique (site_id, id),
    constraint whatsapp_accounts_site_id_waba_id_key unique (site_id, waba_id)
);
comment on table chat.whatsapp_accounts is 'WhatsApp Business Accounts of sites. Only the owning site may send with an account''s token.';
create index if not exists whatsapp_accounts_app_id_idx on chat.whatsapp_accounts (app_id);
alter table chat.whatsapp_accounts enable row level security;

create table if not exists chat.whatsapp_numbers (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    account_id uuid,
    phone_number_id text not null,
    display_number text,
    verified_name text,
    is_default boolean not null default false,
    confirmed_at timestamptz,
    unknown_policy text not null default 'ask' check (unknown_policy in ('ask', 'resend')),
    details jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint whatsapp_numbers_site_id_phone_number_id_key unique (site_id, phone_number_id),
    constraint whatsapp_numbers_account_id_fkey foreign key (site_id, account_id)
        references chat.whatsapp_accounts (site_id, id) on delete set null (account_id)
);
comment on table chat.whatsapp_numbers is 'Business numbers. Several sites may claim one; only one can have it confirmed.';
comment on column chat.whatsapp_numbers.phone_number_id is 'Meta''s id of the number; messages route by it alone.';
comment on column chat.whatsapp_numbers.confirmed_at is 'When Graph answered for it with this site''s token. Null: it neither receives nor sends.';
comment on column chat.whatsapp_numbers.unknown_policy is
    'A send whose outcome nobody knows: ask = leave it to the agent, resend = send again.';
-- A number that a site has confirmed is that site's; a claim by settings alone holds nothing.
create unique index if not exists whatsapp_numbers_confirmed_idx
    on chat.whatsapp_numbers (phone_number_id) where confirmed_at is not null;
create unique index if not exists whatsapp_numbers_default_idx
    on chat.whatsapp_numbers (site_id) where is_default;
alter table chat.whatsapp_numbers enable row level security;

-- file: sql/whatsapp/attempts.sql
-- What: one row for each time a message was handed to Graph, written before the call.
-- Why: a lease that runs out after its attempt was recorded becomes `unknown` and is never sent again blindly.
-- Leaves out: message texts.

create table if not exists chat.attempts (
    message_id uuid not null references public.mod_chat_messages (id) on delete cascade,
    number integer not null,
    lease_token uuid not null,
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    outcome text check (outcome in ('accepted', 'retry', 'failed', 'unknown')),
    code integer,
    http integer,
    wamid text,
    primary key (message_id, number),
    constraint attempts_finished_has_outcome check ((finished_at is null) = (outcome is null))
);
comment on table chat.attempts is 'Every hand-over of a message to Graph, kept as long as the message.';
comment on column chat.attempts.number is '1 and on; part of the callback data `<message id>:<number>` that Meta echoes on statuses.';
alter table chat.attempts enable row level security;

-- file: sql/whatsapp/leftovers.sql
-- What: what a webhook brought and no row wanted: dead letters, and statuses that came before their message was known.
-- Why: nothing Meta sent is lost; a person can look, the tick can apply it later.
-- Leaves out: retention, which comes with the tick's housekeeping.

create table if not exists chat.dead_letters (
    id bigint generated always as identity primary key,
    app_id uuid references chat.whatsapp_apps (id) on delete set null,
    phone_number_id text,
    reason text not null,
    item jsonb not null,
    received_at timestamptz not null default clock_timestamp()
);
comment on table chat.dead_letters is 'Webhook items that were taken but fit no row, with the reason.';
create index if not exists dead_letters_phone_number_id_idx on chat.dead_letters (phone_number_id, id);
alter table chat.dead_letters enable row level security;

create table if not exists chat.orphan_statuses (
    site_id uuid not null references public.sites (id) on delete cascade,
    wamid text not null,
    status text not null,
    at timestamptz not null,
    item jsonb not null,
    received_at timestamptz not null default clock_timestamp(),
    primary key (site_id, wamid, status)
);
comment on table chat.orphan_statuses is 'Statuses of a wamid no message has yet; applied when one has.';
alter table chat.orphan_statuses enable row level security;

-- file: sql/routing/routing.sql
-- What: one row a site that every routing decision locks, and the decisions kept.
-- Why: without the row a chat that arrives while an agent comes online sees neither; with it nobody waits beside a free
--      agent and nobody goes over capacity.
-- Leaves out: how it is decided (settings.sql, site_rules.sql), hours, SLA.

create table if not exists chat.routing (
    site_id uuid primary key references public.sites (id) on delete cascade,
    next_session bigint not null default 1,
    rules_version integer
) with (fillfactor = 70);
comment on table chat.routing is 'A row a site; locked before agents are looked at. Also counts session numbers.';
comment on column chat.routing.rules_version is
    'Which version of its rules (chat.routing_rules) sorts what comes; null: the site has none.';
alter table chat.routing enable row level security;

create table if not exists chat.choices (
    id bigint generated always as identity primary key,
    site_id uuid not null references public.sites (id) on delete cascade,
    conversation_id uuid not null,
    agent_id uuid,
    by_user uuid,
    at timestamptz not null,
    department_id uuid,
    waited_seconds integer,
    facts json,
    choice jsonb not null,
    constraint choices_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade
);
comment on table chat.choices is 'Each choice of an agent, by routing or by a person, with the facts it was made from, so it can be explained and replayed.';
comment on column chat.choices.agent_id is 'Who got it; null: it went back to the queue, and the choice says why.';
comment on column chat.choices.by_user is 'The person who chose; null: routing did.';
comment on column chat.choices.department_id is 'The department in whose line it stood; null: that of no department.';
comment on column chat.choices.waited_seconds is
    'How long it had stood in the line when somebody got it; null: it came from an agent, not from the end of the line.';
comment on column chat.choices.facts is
    'What the rule decided from, as it was given; null once they are older than the site keeps them. chat.facts_in_full is for people.';
create index if not exists choices_conversation_id_idx on chat.choices (conversation_id, id desc);
-- What an agent got within the hour, or in the period of a report.
create index if not exists choices_agent_id_idx on chat.choices (agent_id, at) include (by_user);
-- How fast the lines of a site move.
create index if not exists choices_waited_idx on chat.choices (site_id, at) where waited_seconds > 0;
-- What agents lost, for the same report.
create index if not exists choices_returned_idx on chat.choices (site_id, at) where agent_id is null;
create index if not exists choices_facts_idx on chat.choices (site_id, at) where facts is not null;
alter table chat.choices enable row level security;

-- file: sql/routing/settings.sql
-- What: how a site, or one of its departments, hands out conversations.
-- Why: a department's own row counts, else its site's (no department), else the defaults below. Apart from LC-01's
--      departments, because routing reads it under its lock and only a function changes it.
-- Leaves out: auto_assign and capacity (team/departments.sql), and what each strategy does (chat_rules::routing).

create table if not exists chat.routing_settings (
    site_id uuid not null references public.sites (id) on delete cascade,
    department_id uuid,
    strategy text not null default 'least_busy'
        check (strategy in ('least_busy', 'round_robin', 'sticky', 'skills')),
    hourly_limit integer check (hourly_limit > 0),
    skills_wait_seconds integer default 300 check (skills_wait_seconds >= 0),
    fallback_seconds integer check (fallback_seconds >= 0),
    fallback_department_id uuid,
    unanswered_seconds integer check (unanswered_seconds between 10 and 86400),
    unanswered_limit integer not null default 3 check (unanswered_limit between 1 and 10),
    constraint routing_settings_key unique nulls not distinct (site_id, department_id),
    constraint routing_settings_department_id_fkey foreign key (site_id, department_id)
        references public.mod_chat_departments (site_id, id) on delete cascade,
    constraint routing_settings_fallback_department_id_fkey foreign key (site_id, fallback_department_id)
        references public.mod_chat_departments (site_id, id) on delete set null (fallback_department_id)
);
comment on table chat.routing_settings is 'Sites (department null) and departments that have changed how conversations are handed out.';
comment on column chat.routing_settings.hourly_limit is 'Routing gives one agent at most so many within an hour; null: no such limit.';
comment on column chat.routing_settings.skills_wait_seconds is
    'With the strategy skills: so long a conversation waits for somebody who has them all; null: for ever.';
comment on column chat.routing_settings.fallback_seconds is
    'After so long others may take what waits for a department; null: never.';
comment on column chat.routing_settings.fallback_department_id is 'Whose agents the others are; null: anybody of the site.';
comment on column chat.routing_settings.unanswered_seconds is
    'An agent who lets a visitor wait for so long loses the chat to somebody else who is there; null: never.';
comment on column chat.routing_settings.unanswered_limit is 'So often one chat is taken back before somebody has answered.';
alter table chat.routing_settings enable row level security;

-- file: sql/routing/site_rules.sql
-- What: the rules of a site, by which what comes is sorted, version by version.
-- Why: whoever saves replaces the whole list, so that its order is one person's; a conversation names the version that
--      sorted it, and that can be read afterwards.
-- Leaves out: what rules may say (docs/routing-rules.md, chat_rules::routing::site_rules).

create table if not exists chat.routing_rules (
    site_id uuid not null references public.sites (id) on delete cascade,
    version integer not null,
    rules jsonb not null,
    saved_by uuid,
    saved_at timestamptz not null default clock_timestamp(),
    constraint routing_rules_pkey primary key (site_id, version)
);
comment on table chat.routing_rules is 'Ordered rules of sites; the highest version counts. The last hundred are kept.';
comment on column chat.routing_rules.saved_by is 'The user who saved it.';
alter table chat.routing_rules enable row level security;

-- file: sql/routing/site_looks.sql
-- What: when the tick last looked at what a site does now and then, and what visitors in its queue were told of their place.
-- Why: so that visitors hear of it when they moved, and not each second; and old rows are looked for once an hour.
-- Leaves out: keys to conversations: the tick that writes here must not wait for whoever deletes one.

create table if not exists chat.site_looks (
    site_id uuid primary key references public.sites (id) on delete cascade,
    queue_at timestamptz not null default '-infinity',
    facts_at timestamptz not null default '-infinity'
) with (fillfactor = 50);
comment on table chat.site_looks is 'A row for each site that routes. It is locked by the one tick that looks; the others pass it by.';
comment on column chat.site_looks.queue_at is 'When visitors were last told their places.';
comment on column chat.site_looks.facts_at is 'When all old facts of choices had last been forgotten.';
alter table chat.site_looks enable row level security;

create table if not exists chat.queue_told (
    conversation_id uuid primary key,
    site_id uuid not null references public.sites (id) on delete cascade,
    place integer not null,
    expected_seconds bigint,
    told_at timestamptz not null
) with (fillfactor = 50);
comment on table chat.queue_told is 'The place and expected wait that visitors who wait were last told; gone when they wait no more.';
create index if not exists queue_told_site_id_idx on chat.queue_told (site_id);
alter table chat.queue_told enable row level security;

-- file: sql/jobs/jobs.sql
-- What: the queue: lanes and their jobs.
-- Why: a lane is an ordering key with one row. It is claimed with skip locked, then its first job: one at a time, in
--      order, at a cost that stays flat behind a deep lane. A lease, not a transaction, holds it.
-- Leaves out: anything not yet due; scheduled things wait in their own tables.

create table if not exists chat.lanes (
    key text primary key,
    kind text not null,
    class text not null,
    urgency smallint not null,
    ready boolean not null default true,
    busy boolean not null default false,
    next_at timestamptz not null default clock_timestamp(),
    lease_token uuid,
    lease_until timestamptz,
    running_job bigint,
    attempts integer not null default 0,
    held_since timestamptz,
    idle_since timestamptz
) with (fillfactor = 70);
comment on table chat.lanes is 'Ordering keys of the queue, e.g. send:<number>:<identity>. A lane runs one job at a time.';
comment on column chat.lanes.class is 'reply, assistant, notification or bulk.';
comment on column chat.lanes.urgency is '1 for reply to 4 for bulk; claims go by it.';
comment on column chat.lanes.ready is 'It has a job. Set again by finish under the lane''s lock.';
comment on column chat.lanes.attempts is 'Tries of the job at its head.';
comment on column chat.lanes.held_since is 'Since when the job at its head has been retried or is unknown; each kind says how long that may last.';
create index if not exists lanes_claim_idx on chat.lanes (urgency, next_at) where ready and not busy;
create index if not exists lanes_lease_idx on chat.lanes (lease_until) where busy;
create index if not exists lanes_idle_idx on chat.lanes (idle_since) where not ready;
alter table chat.lanes enable row level security;

create table if not exists chat.jobs (
    id bigint generated always as identity primary key,
    lane text not null,
    kind text not null,
    site_id uuid not null,
    payload jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    died_at timestamptz,
    reason text
);
comment on table chat.jobs is 'Work of the queue. Done jobs are deleted; dead ones keep their reason.';
comment on column chat.jobs.lane is 'Its lane. No key: enqueue writes the lane first, and a dead job outlives it.';
create index if not exists jobs_lane_idx on chat.jobs (lane, id) where died_at is null;
create index if not exists jobs_dead_idx on chat.jobs (lane) where died_at is not null;
alter table chat.jobs enable row level security;

-- file: sql/visitors/rules.sql
-- What: the decisions of this room as SQL functions.
-- Why: thin wrappers that the planner inlines. Nothing else names chat_rules, so the rules can be pointed at another
--      provider here; how each is decided stands in the crate chat_rules.
-- Leaves out: who may call them (policies/).

create or replace function chat.session_token(claims text, key text, kid text)
returns text
language sql immutable parallel safe
as $$ select chat_rules.session_token(claims, key, kid) $$;
comment on function chat.session_token(text, text, text) is 'Claims as an HS256 token; null without claims or key.';

create or replace function chat.identity_proven(external_id text, proof text, key text)
returns boolean
language sql immutable parallel safe
as $$ select chat_rules.identity_proven(external_id, proof, key) $$;
comment on function chat.identity_proven(text, text, text) is
    'Whether proof is the HMAC-SHA256 of the id by the key, in hexadecimal; compared in constant time.';

create or replace function chat.forwarded_address(header text, hops integer)
returns text
language sql immutable parallel safe
as $$ select chat_rules.forwarded_address(header, hops) $$;
comment on function chat.forwarded_address(text, integer) is
    'Entry `hops` from the right of x-forwarded-for, when it is an address; else null.';

create or replace function chat.user_agent_of(header text)
returns table (browser text, os text, device text)
language sql immutable parallel safe rows 1
as $$ select * from chat_rules.user_agent_of(header) $$;
comment on function chat.user_agent_of(text) is
    'Browser, system and device (desktop, mobile, tablet, tv, bot) that a User-Agent header tells. One row, nulls where it does not.';

create or replace function chat.place_of(country_header text, city_header text)
returns table (country text, city text)
language sql immutable parallel safe rows 1
as $$ select * from chat_rules.place_of(country_header, city_header) $$;
comment on function chat.place_of(text, text) is
    'Country (ISO letters) and city that a proxy''s headers tell. One row, nulls where they do not.';

-- file: sql/widget/rules.sql
-- What: the decisions of this room as SQL functions.
-- Why: thin wrappers that the planner inlines. Nothing else names chat_rules, so the rules can be pointed at another
--      provider here; how each is decided stands in the crate chat_rules.
-- Leaves out: who may call them (policies/).

create or replace function chat.origin_allowed(origin text, domains jsonb)
returns boolean
language sql immutable parallel safe
as $$ select chat_rules.origin_allowed(origin, domains::text) $$;
comment on function chat.origin_allowed(text, jsonb) is
    'Whether a page of an origin may open the widget of a site with these allowed domains; an empty list allows all.';

create or replace function chat.form_problems(required jsonb, given jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.form_problems(required::text, given::text)::jsonb $$;
comment on function chat.form_problems(jsonb, jsonb) is
    'What is wrong with the values of a form: [{field, problem}]; problem is missing, not_text, too_long, not_an_email or not_a_phone.';

-- file: sql/conversations/rules.sql
-- What: the decisions of this room as SQL functions.
-- Why: thin wrappers that the planner inlines. Nothing else names chat_rules, so the rules can be pointed at another
--      provider here; how each is decided stands in the crate chat_rules.
-- Leaves out: who may call them (policies/).

create or replace function chat.message_effect(sender_type text, kind text, origin text, by_assignee boolean)
returns table (
    is_public boolean,
    inbound boolean,
    outbound_public boolean,
    preview boolean,
    unread_agent integer,
    clears_unread_agent boolean,
    unread_visitor integer
)
language sql immutable parallel safe rows 1
as $$ select * from chat_rules.message_effect(sender_type, kind, origin, by_assignee) $$;
comment on function chat.message_effect(text, text, text, boolean) is
    'What a message adds to its conversation''s counters; origin is live, echo or history. One row.';

create or replace function chat.preview_text(kind text, content text)
returns text
language sql immutable parallel safe
as $$ select chat_rules.preview_text(kind, content) $$;
comment on function chat.preview_text(text, text) is
    'The first 200 characters a message says in words; empty when it says none.';

create or replace function chat.content_type_of(kind text)
returns text
language sql immutable parallel safe
as $$ select chat_rules.content_type_of(kind) $$;
comment on function chat.content_type_of(text) is 'LC-01''s content_type of a kind; text for a kind nobody knows.';

create or replace function chat.sent_at_of(claimed timestamptz, received timestamptz)
returns timestamptz
language sql immutable parallel safe
as $$ select chat_rules.sent_at_of(claimed, received) $$;
comment on function chat.sent_at_of(timestamptz, timestamptz) is
    'When a message was written: as claimed, unless that is missing, before 1970 or more than five minutes ahead.';

create or replace function chat.status_refusal(old_status text, new_status text, has_agent boolean)
returns text
language sql immutable parallel safe
as $$ select chat_rules.status_refusal(old_status, new_status, has_agent) $$;
comment on function chat.status_refusal(text, text, boolean) is
    'Why a conversation may not change its status so, as a stable code; null when it may.';

create or replace function chat.status_after_message(status text, sender_type text, origin text)
returns text
language sql immutable parallel safe
as $$ select chat_rules.status_after_message(status, sender_type, origin) $$;
comment on function chat.status_after_message(text, text, text) is
    'The status after a message: a visitor who writes ends the waiting.';

create or replace function chat.next_home(
    status text, archived_at timestamptz, reopen_hours integer, at timestamptz
)
returns text
language sql immutable parallel safe
as $$ select chat_rules.next_home(status, archived_at, reopen_hours, at) $$;
comment on function chat.next_home(text, timestamptz, integer, timestamptz) is
    'Whether a person''s message continues their latest conversation, reopens it or begins a new one.';

create or replace function chat.revision_refusal(
    what text, by_visitor boolean, own boolean, moderator boolean, channel text, sender_type text, kind text,
    delivery_state text, deleted boolean, age_seconds bigint, edit_minutes integer
)
returns text
language sql immutable parallel safe
as $$
    select chat_rules.revision_refusal(
        what, by_visitor, own, moderator, channel, sender_type, kind, delivery_state, deleted, age_seconds, edit_minutes)
$$;
comment on function chat.revision_refusal(text, boolean, boolean, boolean, text, text, text, text, boolean, bigint, integer) is
    'Why somebody may not edit or delete a message, as a stable code; null when they may.';

create or replace function chat.fill_variables(template text, known jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.fill_variables(template, known::text)::jsonb $$;
comment on function chat.fill_variables(text, jsonb) is
    'A ready answer with its places filled in: {content, missing, unknown}.';

-- file: sql/whatsapp/rules.sql
-- What: the decisions of this room as SQL functions.
-- Why: thin wrappers that the planner inlines. Nothing else names chat_rules, so the rules can be pointed at another
--      provider here; how each is decided stands in the crate chat_rules.
-- Leaves out: who may call them (policies/), and reading webhooks, which only the worker does.

create or replace function chat.delivery_next(current text, incoming text)
returns text
language sql immutable parallel safe
as $$ select chat_rules.delivery_next(current, incoming) $$;
comment on function chat.delivery_next(text, text) is
    'The delivery state after a report; only forward, the same end for every order of reports.';

create or replace function chat.shown_status(delivery_state text)
returns text
language sql immutable parallel safe
as $$ select chat_rules.shown_status(delivery_state) $$;
comment on function chat.shown_status(text) is 'LC-01''s status of a delivery state.';

create or replace function chat.window_after(current timestamptz, kind text, sent_at timestamptz)
returns timestamptz
language sql immutable parallel safe
as $$ select chat_rules.window_after(current, kind, sent_at) $$;
comment on function chat.window_after(timestamptz, text, timestamptz) is
    'When the 24-hour window closes after a message of the visitor; never earlier than it did.';

create or replace function chat.window_allows(expires timestamptz, kind text, at timestamptz)
returns boolean
language sql immutable parallel safe
as $$ select chat_rules.window_allows(expires, kind, at) $$;
comment on function chat.window_allows(timestamptz, text, timestamptz) is
    'Whether a message of this kind may go out now: inside the window anything, outside a template.';

create or replace function chat.unknown_outcome(
    policy text, since timestamptz, at timestamptz, wait_seconds integer
)
returns text
language sql immutable parallel safe
as $$ select chat_rules.unknown_outcome(policy, since, at, wait_seconds) $$;
comment on function chat.unknown_outcome(text, timestamptz, timestamptz, integer) is
    'What becomes of a send that may have arrived: wait, ask a person, or resend.';

-- file: sql/routing/rules.sql
-- What: the decisions of this room as SQL functions.
-- Why: thin wrappers that the planner inlines. Nothing else names chat_rules, so the rules can be pointed at another
--      provider here; how each is decided stands in the crate chat_rules.
-- Leaves out: who may call them (policies/), and gathering the facts (the rest of this room).

create or replace function chat.choose_agent(facts json)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.choose_agent(facts::text)::jsonb $$;
comment on function chat.choose_agent(json) is
    'Who gets a conversation: {agent_id, reason, losers: [{reason, agent_ids}]} from what chat.routing_facts gives.';

create or replace function chat.judge_by_hand(facts json, agent_id text, overrides boolean, claims boolean)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.judge_by_hand(facts::text, agent_id, overrides, claims)::jsonb $$;
comment on function chat.judge_by_hand(json, text, boolean, boolean) is
    'Whether a person may give a conversation to an agent: {refusal, beyond}; beyond is what would have kept routing from it. `overrides`: also beyond their room; `claims`: for themselves.';

create or replace function chat.rule_problems(rules jsonb, known jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.rule_problems(rules::text, known::text)::jsonb $$;
comment on function chat.rule_problems(jsonb, jsonb) is
    'Everything wrong with a site''s rules: [{at, problem, with}], empty where they can be used. `known` is what chat.known_to_rules gives.';

create or replace function chat.match_rules(rules jsonb, facts jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.match_rules(rules::text, facts::text)::jsonb $$;
comment on function chat.match_rules(jsonb, jsonb) is
    'Which of a site''s rules counts for each of a list of conversations: [{place, name, then, passed_over}], in their order, from what chat.facts_for_rules gives of each. place null: none.';

create or replace function chat.judge_unanswered(facts json)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.judge_unanswered(facts::text)::jsonb $$;
comment on function chat.judge_unanswered(json) is
    'Whether a chat goes back to the queue because its agent does not answer: {takes_back, reason}, from what chat.routing_facts gives and {unanswered_seconds, unanswered_limit, times}.';

create or replace function chat.expected_wait(place jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.expected_wait(place::text)::jsonb $$;
comment on function chat.expected_wait(jsonb) is
    'How long a place in the queue may still wait: {seconds, seconds_per_chat, from_chats, reason}, from {position} and what chat.line_facts gives. Null seconds: reason says why.';

create or replace function chat.queue_news(told_place bigint, told_seconds bigint, place bigint, seconds bigint)
returns boolean
language sql immutable parallel safe
as $$ select chat_rules.queue_news(told_place, told_seconds, place, seconds) $$;
comment on function chat.queue_news(bigint, bigint, bigint, bigint) is
    'Whether somebody in the queue would notice how their place and expected wait differ from what they were told last (nulls: nothing yet, unknown).';

create or replace function chat.simulate(recording jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.simulate(recording::text)::jsonb $$;
comment on function chat.simulate(jsonb) is
    'What would have been: {arrivals, assigned, gave_up, missed, waiting, answered_late, wait_seconds, agents} of a recording, replayed; all its moments and durations are milliseconds.';

create or replace function chat.hours_problems(hours jsonb, zone text)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.hours_problems(hours::text, zone)::jsonb $$;
comment on function chat.hours_problems(jsonb, text) is
    'Everything wrong with business hours and their time zone: [{at, problem}], empty where they can be used; the last may be never_open.';

create or replace function chat.hours_at(hours jsonb, zone text, at timestamptz)
returns table (is_open boolean, next_change timestamptz, holiday text)
language sql immutable parallel safe rows 1
as $$ select * from chat_rules.hours_at(hours::text, zone, at) $$;
comment on function chat.hours_at(jsonb, text, timestamptz) is
    'Whether it is open at a moment, when that is otherwise next (null: not within ten years), and the holiday''s name. Null hours: always open.';

create or replace function chat.business_add(hours jsonb, zone text, start timestamptz, seconds bigint)
returns timestamptz
language sql immutable parallel safe
as $$ select chat_rules.business_add(hours::text, zone, start, seconds) $$;
comment on function chat.business_add(jsonb, text, timestamptz, bigint) is
    'The earliest moment by which it was open for so many seconds since start; null where ten years do not give so much. Null hours: always open.';

create or replace function chat.business_between(hours jsonb, zone text, begins timestamptz, ends timestamptz)
returns bigint
language sql immutable parallel safe
as $$ select chat_rules.business_between(hours::text, zone, begins, ends) $$;
comment on function chat.business_between(jsonb, text, timestamptz, timestamptz) is
    'For how many seconds it is open between two moments; null for more than ten years. Null hours: always open.';

create or replace function chat.sla_clocks(facts jsonb, at timestamptz)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.sla_clocks(facts::text, at)::jsonb $$;
comment on function chat.sla_clocks(jsonb, timestamptz) is
    'How a conversation stands with what was promised: {policy_id, answered, asked, clocks} from what chat.sla_facts gives.';

-- file: sql/sites/member_role.sql
-- What: the role of a user in an agency, in pg_chat's words: owner, admin, member, or null.
-- Why: the one place that reads the host's membership rows. Replace this function where a host names things differently.
-- Leaves out: agents; their rights come from mod_chat_agents.role.

-- Made once: a host replaces it by its own, and an upgrade must not undo that. It reads through jsonb, so that a host
-- table without a `role` column answers 'member' (no rights) instead of failing.
do $do$
begin
    if to_regprocedure('chat.member_role(uuid, uuid)') is not null then
        return;
    end if;
    create function chat.member_role(p_user uuid, p_agency uuid)
    returns text
    language sql
    stable
    security definer
    set search_path = ''
    as $$
        select coalesce(to_jsonb(m) ->> 'role', 'member')
        from public.agency_members m
        where m.user_id = p_user and m.agency_id = p_agency
        limit 1
    $$;
    comment on function chat.member_role(uuid, uuid) is
        'Role of a user in an agency: owner, admin, member; null when not a member. Replaceable by the host; never made anew by an upgrade.';
end
$do$;

-- file: policies/_may.sql
-- What: who I am and what I may: the helpers every policy and every function asks.
-- Why: policies are sentences that call one helper, evaluated once a query:
--      site_id = any ((select chat.my_sites_with('…'))::uuid[]).
-- Leaves out: visitors; their session comes with the widget.

-- Made once: a host that knows its people in another way replaces it, and an upgrade must not undo that.
do $do$
begin
    if to_regprocedure('chat.sites_in_charge()') is not null then
        return;
    end if;
    create function chat.sites_in_charge()
    returns uuid[]
    language plpgsql
    stable
    security definer
    set search_path = ''
    as $$
    begin
        return array(
            select s.id
            from public.agency_members m
            join public.sites s on s.agency_id = m.agency_id
            where m.user_id = auth.uid() and chat.member_role(m.user_id, m.agency_id) in ('owner', 'admin'));
    end
    $$;
    comment on function chat.sites_in_charge() is
        'Sites of agencies that the caller is owner or admin of; they may do everything there. Replaceable by the host; never made anew by an upgrade.';
end
$do$;

create or replace function chat.my_site_ids()
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return array(
        select unnest(chat.sites_in_charge())
        union
        select a.site_id from public.mod_chat_agents a where a.user_id = auth.uid() and a.is_active);
end
$$;
comment on function chat.my_site_ids() is
    'Sites the caller works in: as owner or admin of the agency (chat.sites_in_charge), or as an active agent.';

create or replace function chat.role_may(p_site uuid, p_role text, p_permission text)
returns boolean
language plpgsql
stable
as $$
begin
    return coalesce((
        select p.allowed from chat.permissions p
        where (p.site_id = p_site or p.site_id is null) and p.role = p_role and p.permission = p_permission
        order by p.site_id nulls last
        limit 1), false);
end
$$;
comment on function chat.role_may(uuid, text, text) is 'Whether a role has a permission at a site: its own row, else the default.';

create or replace function chat.my_sites_with(p_permission text)
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return array(
        select unnest(chat.sites_in_charge())
        union
        select a.site_id
        from public.mod_chat_agents a
        where a.user_id = auth.uid() and a.is_active and chat.role_may(a.site_id, a.role, p_permission));
end
$$;
comment on function chat.my_sites_with(text) is
    'Sites where the caller has a permission: owners and admins of the agency everywhere, agents by their role''s rows.';

create or replace function chat.may(p_site uuid, p_permission text)
returns boolean
language sql
stable
as $$ select p_site = any (chat.my_sites_with(p_permission)) $$;
comment on function chat.may(uuid, text) is 'Whether the caller has a permission at a site.';

create or replace function chat.require(p_site uuid, p_permission text)
returns void
language plpgsql
stable
as $$
begin
    if chat.may(p_site, p_permission) is not true then
        raise exception 'this needs the permission % at the site', p_permission
            using errcode = 'PT403', detail = 'chat/not_allowed', hint = 'ask an admin of the site for it';
    end if;
end
$$;
comment on function chat.require(uuid, text) is 'Raises PT403 chat/not_allowed unless the caller has the permission.';

create or replace function chat.my_agent(p_site uuid)
returns uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    agent uuid;
begin
    select a.id into agent
    from public.mod_chat_agents a
    where a.site_id = p_site and a.user_id = auth.uid() and a.is_active;
    if not found then
        raise exception 'you are not an agent of this site'
            using errcode = 'PT403', detail = 'chat/not_an_agent', hint = 'have chat_save_agent make you one';
    end if;
    return agent;
end
$$;
comment on function chat.my_agent(uuid) is 'The caller''s active agent row at a site. PT403 chat/not_an_agent.';

-- file: policies/_rank.sql
-- What: how high somebody stands at a site.
-- Why: nobody raises anybody above themselves, nor changes what those above them have.
-- Leaves out: permissions; who stands high may still lack one.

create or replace function chat.rank_of(p_role text)
returns integer
language sql
immutable
as $$ select array_position(array['agent', 'supervisor', 'admin'], p_role) $$;
comment on function chat.rank_of(text) is 'agent 1, supervisor 2, admin 3; null for anything else.';

create or replace function chat.my_rank(p_site uuid)
returns integer
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return case when p_site = any (chat.sites_in_charge()) then 4 else coalesce((
        select chat.rank_of(a.role) from public.mod_chat_agents a
        where a.site_id = p_site and a.user_id = auth.uid() and a.is_active), 0) end;
end
$$;
comment on function chat.my_rank(uuid) is
    'The caller''s standing at a site: 4 in charge of the agency, else of their role as an agent, 0 without one.';

create or replace function chat.require_rank(p_site uuid, p_role text, p_least integer)
returns void
language plpgsql
stable
as $$
begin
    if p_role is null or chat.rank_of(p_role) is null then
        raise exception 'there is no role %', coalesce(p_role, 'null')
            using errcode = 'PT422', detail = 'chat/unknown_role', hint = 'use agent, supervisor or admin';
    end if;
    if chat.my_rank(p_site) - chat.rank_of(p_role) < p_least then
        raise exception 'the role % is too high for you to change', p_role
            using errcode = 'PT403', detail = 'chat/role_too_high', hint = 'ask an owner or admin of the agency';
    end if;
end
$$;
comment on function chat.require_rank(uuid, text, integer) is
    'Raises unless the caller stands so far above a role (0: as high). PT403 chat/role_too_high, PT422 chat/unknown_role.';

-- file: policies/_limits.sql
-- What: the part of a site that somebody sees whose role is limited: own chats, those of a department or of a number.
-- Why: most people are not limited, so the policies ask two things once a query and the rows nothing:
--      site_id <> all ((select chat.my_limited_sites())::uuid[]) or …
-- Leaves out: writing the limits (sql/sites/save_permission.sql). Owners and admins of the agency are never limited.

create or replace function chat.my_limited_sites()
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return array(
        select a.site_id
        from public.mod_chat_agents a
        join chat.role_limits l on l.site_id = a.site_id and l.role = a.role
        where a.user_id = auth.uid() and a.is_active and a.site_id <> all (chat.sites_in_charge()));
end
$$;
comment on function chat.my_limited_sites() is 'Sites of which the caller sees only a part.';

create or replace function chat.my_part()
returns text[]
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return array(
        select part.key
        from public.mod_chat_agents a
        join chat.role_limits l on l.site_id = a.site_id and l.role = a.role
        cross join lateral (values
            ('agent:' || a.id),
            (case when l.sees = 'department' then 'department:' || a.department_id end),
            ('number:' || l.site_id || ':' || l.phone_number_id)) part (key)
        where a.user_id = auth.uid() and a.is_active and part.key is not null);
end
$$;
comment on function chat.my_part() is
    'What the caller sees of sites that limit them: agent:<id>, department:<id>, number:<site>:<phone_number_id>.';

create or replace function chat.in_part(
    p_part text[], p_site uuid, p_agent uuid, p_last_agent uuid, p_department uuid, p_number text)
returns boolean
language sql
immutable
as $$
    select coalesce('agent:' || coalesce(p_agent, p_last_agent) = any (p_part), false)
        or coalesce('department:' || p_department = any (p_part), false)
        or coalesce('number:' || p_site || ':' || p_number = any (p_part), false)
$$;
comment on function chat.in_part(text[], uuid, uuid, uuid, uuid, text) is
    'Whether a conversation (its site, agent, last agent, department, number) lies in what chat.my_part() gave.';

create or replace function chat.sees_conversation(p_conversation uuid)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return exists (
        select from public.mod_chat_conversations c
        where c.id = p_conversation
            and (c.site_id <> all (chat.my_limited_sites())
                or chat.in_part(chat.my_part(), c.site_id, c.assigned_agent_id, c.last_agent_id, c.department_id, c.phone_number_id)));
end
$$;
comment on function chat.sees_conversation(uuid) is
    'Whether no limit of the caller''s role hides a conversation. Says nothing of permissions; ask chat.may_in for both.';

create or replace function chat.sees_visitor(p_visitor uuid)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return exists (
        select from public.mod_chat_conversations c
        where c.visitor_id = p_visitor
            and chat.in_part(chat.my_part(), c.site_id, c.assigned_agent_id, c.last_agent_id, c.department_id, c.phone_number_id));
end
$$;
comment on function chat.sees_visitor(uuid) is
    'For a caller whose role is limited: whether the visitor has a conversation in their part.';

create or replace function chat.may_in(p_conversation uuid, p_permission text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return chat.sees_conversation(p_conversation) and exists (
        select from public.mod_chat_conversations c where c.id = p_conversation and chat.may(c.site_id, p_permission));
end
$$;
comment on function chat.may_in(uuid, text) is
    'Whether the caller has a permission at a conversation''s site and sees the conversation. False when there is none.';

-- file: sql/sites/stamp_updated_at.sql
-- What: updated_at, for every table that has it.
-- Why: ours, because the host's update_updated_at_column() may be missing and must not be replaced.
-- Leaves out: messages and conversations, whose writers set it with the rest of the row.

create or replace function chat.stamp_updated_at()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.updated_at := clock_timestamp();
    return new;
end
$$;
comment on function chat.stamp_updated_at() is 'Before an update that does not set it: updated_at.';

-- file: sql/sites/module.sql
-- What: whether the live-chat module is on at a site, and the switch.
-- Why: the host may sell the module site by site. What it cannot have while off is asked here: widget, sessions, assistant.
-- Leaves out: WhatsApp messages, which are stored all the same: Meta delivers them once.

create table if not exists chat.modules (
    site_id uuid primary key references public.sites (id) on delete cascade,
    enabled boolean not null,
    changed_at timestamptz not null default now()
);
comment on table chat.modules is 'Sites where somebody has moved the module''s switch; without a row it is on.';
alter table chat.modules enable row level security;

-- Made once: a host replaces it by its own, and an upgrade must not undo that.
do $do$
begin
    if to_regprocedure('chat.module_enabled(uuid)') is not null then
        return;
    end if;
    create function chat.module_enabled(p_site uuid)
    returns boolean
    language sql
    stable
    security definer
    set search_path = ''
    as $$
        select coalesce((select m.enabled from chat.modules m where m.site_id = p_site), true)
    $$;
    comment on function chat.module_enabled(uuid) is
        'Whether the module is on at a site. Replaceable by the host, which may know it better; never made anew by an upgrade.';
end
$do$;

create or replace function public.chat_set_module(site uuid, enabled boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_set_module.site, 'live-chat.settings.manage');
    if chat_set_module.enabled is null then
        raise exception 'the module is on or off'
            using errcode = 'PT422', detail = 'chat/on_or_off', hint = 'say true or false';
    end if;
    insert into chat.modules (site_id, enabled) values (chat_set_module.site, chat_set_module.enabled)
    on conflict (site_id) do update set enabled = excluded.enabled, changed_at = now();
    -- What the host says counts, if it has a function of its own.
    return jsonb_build_object('enabled', chat.module_enabled(chat_set_module.site));
end
$$;
comment on function public.chat_set_module(uuid, boolean) is
    'Turns the module of a site on or off. Off: no widget, no session, no assistant; WhatsApp is still stored. Needs live-chat.settings.manage. Answers {enabled}. PT403 chat/not_allowed, PT422 chat/on_or_off.';

create or replace function chat.require_module(p_site uuid)
returns void
language plpgsql
stable
as $$
begin
    if not chat.module_enabled(p_site) then
        raise exception 'live chat is off at this site'
            using errcode = 'PT403', detail = 'chat/module_off', hint = 'an admin of the site turns it on with chat_set_module';
    end if;
end
$$;
comment on function chat.require_module(uuid) is 'Raises PT403 chat/module_off where the module is off.';

-- file: sql/sites/save_permission.sql
-- What: a site changes what its roles may do and which part of it they see; everybody asks what they may.
-- Why: functions, because nobody gives away what they have not, nor changes a role that is not below their own.
-- Leaves out: owners and admins of the agency, who may do everything everywhere in their sites.

create or replace function public.chat_may(site uuid, permission text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return coalesce(chat.may(chat_may.site, chat_may.permission), false);
end
$$;
comment on function public.chat_may(uuid, text) is
    'Whether the caller has a permission at a site, for interfaces that show or hide things. False for anything unknown.';

create or replace function public.chat_permissions(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if not coalesce(chat_permissions.site = any (chat.my_site_ids()), false) then
        raise exception 'there is no site % that you work in', chat_permissions.site
            using errcode = 'PT404', detail = 'chat/no_such_site', hint = 'ask with the id of a site of yours';
    end if;
    return jsonb_build_object(
        'mine', (
            select coalesce(jsonb_agg(p.permission order by p.permission), '[]')
            from (select distinct x.permission from chat.permissions x where x.site_id is null) p
            where chat.may(chat_permissions.site, p.permission)),
        'roles', (
            select jsonb_object_agg(r.role, jsonb_build_object(
                'permissions', (
                    select jsonb_object_agg(p.permission, chat.role_may(chat_permissions.site, r.role, p.permission))
                    from (select distinct x.permission from chat.permissions x where x.site_id is null) p),
                'sees', coalesce(l.sees, 'site'),
                'phone_number_id', l.phone_number_id))
            from (values ('agent'), ('supervisor'), ('admin')) r (role)
            left join chat.role_limits l on l.site_id = chat_permissions.site and l.role = r.role));
end
$$;
comment on function public.chat_permissions(uuid) is
    'Permissions at a site: {mine: [permission], roles: {role: {permissions: {permission: boolean}, sees: site | own | department | number, phone_number_id}}}. PT404 chat/no_such_site.';

create or replace function public.chat_save_permission(site uuid, role text, permission text, allowed boolean)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_save_permission.site, 'live-chat.agents.manage');
    perform chat.require_rank(chat_save_permission.site, chat_save_permission.role, 1);
    if not exists (select from chat.permissions p where p.permission = chat_save_permission.permission) then
        raise exception 'there is no permission %', coalesce(chat_save_permission.permission, 'null')
            using errcode = 'PT422', detail = 'chat/unknown_permission', hint = 'chat_permissions names them all';
    end if;
    perform chat.require(chat_save_permission.site, chat_save_permission.permission);
    if chat_save_permission.allowed is null then
        delete from chat.permissions p
        where p.site_id = chat_save_permission.site and p.role = chat_save_permission.role
            and p.permission = chat_save_permission.permission;
    else
        insert into chat.permissions (site_id, role, permission, allowed)
        values (chat_save_permission.site, chat_save_permission.role, chat_save_permission.permission, chat_save_permission.allowed)
        on conflict on constraint permissions_key do update set allowed = excluded.allowed;
    end if;
    return public.chat_permissions(chat_save_permission.site);
end
$$;
comment on function public.chat_save_permission(uuid, text, text, boolean) is
    'Gives a role a permission at a site, takes it, or (null) goes back to the default. Needs live-chat.agents.manage, the permission itself and a role above that one. Answers as chat_permissions. PT403 chat/not_allowed, chat/role_too_high; PT422 chat/unknown_role, chat/unknown_permission.';

create or replace function public.chat_save_role_limit(site uuid, role text, sees text, phone_number_id text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_save_role_limit.site, 'live-chat.agents.manage');
    perform chat.require_rank(chat_save_role_limit.site, chat_save_role_limit.role, 1);
    if chat_save_role_limit.sees is null or chat_save_role_limit.sees not in ('site', 'own', 'department', 'number') then
        raise exception 'a role cannot see %', coalesce(chat_save_role_limit.sees, 'null')
            using errcode = 'PT422', detail = 'chat/unknown_limit', hint = 'use site, own, department or number';
    end if;
    if chat_save_role_limit.sees = 'number' and not exists (
        select from chat.whatsapp_numbers n
        where n.site_id = chat_save_role_limit.site and n.phone_number_id = chat_save_role_limit.phone_number_id)
    then
        raise exception 'the site has no number %', coalesce(chat_save_role_limit.phone_number_id, 'null')
            using errcode = 'PT422', detail = 'chat/no_such_number', hint = 'use the phone_number_id of a number of the site';
    end if;
    if chat_save_role_limit.sees = 'site' then
        delete from chat.role_limits l where l.site_id = chat_save_role_limit.site and l.role = chat_save_role_limit.role;
    else
        insert into chat.role_limits (site_id, role, sees, phone_number_id)
        values (chat_save_role_limit.site, chat_save_role_limit.role, chat_save_role_limit.sees,
            case when chat_save_role_limit.sees = 'number' then chat_save_role_limit.phone_number_id end)
        on conflict on constraint role_limits_pkey do update
        set sees = excluded.sees, phone_number_id = excluded.phone_number_id;
    end if;
    return public.chat_permissions(chat_save_role_limit.site);
end
$$;
comment on function public.chat_save_role_limit(uuid, text, text, text) is
    'Which part of a site a role sees: site (all), own, department, or number with its phone_number_id. Needs live-chat.agents.manage and a role above that one. Answers as chat_permissions. PT403 chat/not_allowed, chat/role_too_high; PT422 chat/unknown_role, chat/unknown_limit, chat/no_such_number.';

-- file: sql/live/broadcast.sql
-- What: the one door to Supabase Realtime.
-- Why: all topics of a change go out in one insert; realtime.send would cost a subtransaction a topic. The times are
--      given in UTC, because the columns have no zone and a session's own would put the row into the wrong day's
--      partition. A broadcast is a hint: its failure is a warning and a count, never the fault of the message.
--      Where there is no Realtime not even the subtransaction is paid for.
-- Leaves out: which topics a change has (the callers know), and who may join them.

create sequence if not exists chat.broadcast_failures;
comment on sequence chat.broadcast_failures is
    'Counts broadcasts that could not be written. A sequence, so that the count survives a rollback.';

create or replace function chat.broadcast(p_topics text[], p_payload jsonb, p_changes_before bigint[])
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if to_regclass('realtime.messages') is null then
        return;
    end if;
    begin
        insert into realtime.messages (topic, extension, event, payload, private, inserted_at, updated_at)
        select m.topic, 'broadcast', p_payload ->> 'type',
            case when m.before is null then p_payload else p_payload || jsonb_build_object('prev', m.before) end,
            true, now() at time zone 'UTC', now() at time zone 'UTC'
        from unnest(p_topics, p_changes_before) as m (topic, before)
        where m.topic is not null;
    exception when others then
        perform nextval('chat.broadcast_failures');
        raise warning 'pg_chat: a broadcast was not written: %', sqlerrm;
    end;
end
$$;
comment on function chat.broadcast(text[], jsonb, bigint[]) is
    'Writes a payload to each topic of Realtime, null topics left out, with `prev`, the change before it on that topic. The payload''s `type` is the event. Does nothing where Realtime is absent.';

-- file: sql/jobs/enqueue.sql
-- What: puts a job into a lane.
-- Why: the lane is written first, so two writers of one lane queue up and their jobs keep the order of commit. A lane
--      that is ready already makes no new row version.
-- Leaves out: a time to run at; nothing is enqueued before it is due.

create or replace function chat.enqueue(
    p_lane text, p_kind text, p_class text, p_site uuid, p_payload jsonb, p_notify boolean, p_replace boolean default false)
returns void
language plpgsql
as $$
declare
    was_idle boolean;
begin
    insert into chat.lanes as l (key, kind, class, urgency)
    values (p_lane, p_kind, p_class, array_position(array['reply', 'assistant', 'notification', 'bulk'], p_class))
    on conflict (key) do update set ready = true, idle_since = null where not l.ready
    returning true into was_idle;

    -- An idle lane has nothing that waits.
    if p_replace and was_idle is null and chat.replace_waiting(p_lane, p_kind, p_payload) then
        return;
    end if;
    insert into chat.jobs (lane, kind, site_id, payload) values (p_lane, p_kind, p_site, p_payload);

    -- NOTIFY holds a database-wide lock through commit: only for an idle lane, and never in a received message's
    -- transaction, whose caller is told what it enqueued.
    if p_notify and was_idle then
        notify chat_jobs;
    end if;
end
$$;
comment on function chat.enqueue(text, text, text, uuid, jsonb, boolean, boolean) is
    'Puts a job into a lane: lane key, kind, class (reply, assistant, notification, bulk), site, payload; whether to wake the worker; whether it replaces a waiting one of its kind.';

create or replace function chat.replace_waiting(p_lane text, p_kind text, p_payload jsonb)
returns boolean
language plpgsql
-- The queue is empty most of the time, so a plan made then would scan it; behind a backlog that is ruin.
set enable_seqscan = off
as $$
begin
    update chat.jobs j set payload = p_payload
    where j.lane = p_lane and j.kind = p_kind and j.died_at is null
        and j.id is distinct from (select l.running_job from chat.lanes l where l.key = p_lane);
    return found;
end
$$;
comment on function chat.replace_waiting(text, text, jsonb) is
    'Gives the waiting job of a kind in a lane another payload, unless it runs already. Whether there was one.';

-- file: sql/jobs/finish.sql
-- What: ends a lease: the job is done, is tried again later, or is dead.
-- Why: whether the lane has more to do is asked under the lane's lock, where enqueue cannot slip in between.
-- Leaves out: sends, whose message changes in the same transaction (whatsapp/finish_attempt.sql calls this last).

create or replace function chat.finish_job(p_job bigint, p_lease uuid, p_outcome jsonb)
returns text
language plpgsql
as $$
declare
    lane chat.lanes;
begin
    select l.* into lane from chat.lanes l
    where l.lease_token = p_lease and l.busy and l.key = (select j.lane from chat.jobs j where j.id = p_job)
    for update;
    if not found or lane.running_job is distinct from p_job then
        return 'stale';
    end if;

    case p_outcome ->> 'is'
        when 'retry' then
            update chat.lanes
            set busy = false, lease_token = null, lease_until = null, running_job = null,
                held_since = coalesce(held_since, clock_timestamp()),
                next_at = clock_timestamp() + make_interval(secs => (p_outcome ->> 'after_seconds')::double precision)
            where key = lane.key;
            return 'retry';
        when 'done' then
            delete from chat.jobs where id = p_job;
        when 'dead' then
            update chat.jobs
            set died_at = clock_timestamp(), reason = coalesce(p_outcome ->> 'why', 'no reason was given')
            where id = p_job;
        else
            raise exception 'a job ends done, retry or dead, not %', p_outcome ->> 'is'
                using errcode = 'PT422', detail = 'chat/unknown_outcome', hint = 'this is the worker''s to mend';
    end case;

    perform chat.free_lane(lane.key);
    return p_outcome ->> 'is';
end
$$;
comment on function chat.finish_job(bigint, uuid, jsonb) is
    'Ends a lease. Answers done, retry, dead, or stale when the lease is no longer this worker''s; then nothing changed.';

create or replace function chat.free_lane(p_lane text)
returns void
language plpgsql
set enable_seqscan = off
as $$
begin
    update chat.lanes l
    set busy = false, lease_token = null, lease_until = null, running_job = null, attempts = 0, held_since = null,
        next_at = clock_timestamp(), ready = more.waiting,
        idle_since = case when more.waiting then null else clock_timestamp() end
    from (select exists (select from chat.jobs j where j.lane = p_lane and j.died_at is null) as waiting) more
    where l.key = p_lane;
end
$$;
comment on function chat.free_lane(text) is
    'The head of a lane has gone: the next job''s turn. The caller has locked the lane, or is its only writer.';

create or replace function public.chat_finish_job(job_id bigint, lease_token uuid, outcome jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    return jsonb_build_object('state',
        chat.finish_job(chat_finish_job.job_id, chat_finish_job.lease_token, chat_finish_job.outcome));
end
$$;
comment on function public.chat_finish_job(bigint, uuid, jsonb) is
    'For the worker: ends a lease with {is: done} | {is: retry, after_seconds, why} | {is: dead, why}. Answers {state}, `stale` when the lease was lost.';

create or replace function public.chat_give_back_jobs(lease_tokens uuid[])
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    given integer;
begin
    update chat.lanes l
    set busy = false, lease_token = null, lease_until = null, running_job = null,
        attempts = greatest(0, l.attempts - 1), next_at = clock_timestamp()
    where l.busy and l.lease_token = any (lease_tokens);
    get diagnostics given = row_count;
    return given;
end
$$;
comment on function public.chat_give_back_jobs(uuid[]) is
    'For a worker that stops: leases of jobs it has not begun go back at once. Answers how many.';

-- file: sql/jobs/pauses.sql
-- What: kinds of jobs and numbers that are paused, by people with psql.
-- Why: when Meta or a model is down, or a number must not send, the queue keeps everything and the rest goes on. A paused
--      lane is put aside once (next_at = infinity), so no claim wades through what is paused.
-- Leaves out: who may; only the owner of the database has these.

create table if not exists chat.pauses (
    what text not null check (what in ('kind', 'number')),
    name text not null,
    reason text,
    paused_at timestamptz not null default clock_timestamp(),
    paused_by text not null default session_user,
    primary key (what, name)
);
comment on table chat.pauses is 'What of the queue stands still. Written by chat.pause and chat.resume.';
comment on column chat.pauses.name is
    'A kind (whatsapp.send_text), the first word of kinds (whatsapp), or Meta''s phone_number_id.';
alter table chat.pauses enable row level security;

create or replace function chat.is_paused(p_lane text)
returns boolean
language plpgsql
as $$
declare
    pause record;
    ends boolean := false;
begin
    for pause in
        select p.what, p.name from chat.pauses p
        left join lateral (
            select j.kind from chat.jobs j where j.lane = p_lane and j.died_at is null order by j.id limit 1) head on true
        where p.what = 'number' and p.name = split_part(p_lane, ':', 2)
            or p.what = 'kind' and (head.kind = p.name or starts_with(head.kind, p.name || '.'))
    loop
        -- Locked, so that a resume waits for a claim that is putting the lane aside, and then sees it. A claim waits for no
        -- resume, which may be waiting for a lane that the claim holds.
        perform from chat.pauses p where (p.what, p.name) = (pause.what, pause.name) for key share skip locked;
        if found then
            return true;
        end if;
        ends := true;
    end loop;
    return nullif(ends, true);
end
$$;
comment on function chat.is_paused(text) is
    'Whether a pause holds a lane: by the number in its key, or by the kind of its first job. Null where somebody is just ending it.';

create or replace function chat.pause(kind text default null, number text default null, reason text default null)
returns integer
language plpgsql
as $$
declare
    aside integer;
begin
    if (pause.kind is null) = (pause.number is null) then
        raise exception 'a pause is of a kind or of a number'
            using errcode = 'PT422', detail = 'chat/kind_or_number', hint = 'chat.pause(kind => ''whatsapp'') or chat.pause(number => ''<phone_number_id>'')';
    end if;
    -- One pause or resume at a time; claims go on.
    lock table chat.pauses in share row exclusive mode;
    insert into chat.pauses as p (what, name, reason)
    values (case when pause.kind is null then 'number' else 'kind' end, coalesce(pause.kind, pause.number), pause.reason)
    on conflict (what, name) do update set reason = coalesce(excluded.reason, p.reason);
    update chat.lanes l set next_at = 'infinity'
    from (
        select x.key from chat.lanes x
        where x.ready and not x.busy and x.next_at < 'infinity'
        for update skip locked) idle
    where l.key = idle.key and chat.is_paused(l.key);
    get diagnostics aside = row_count;
    return aside;
end
$$;
comment on function chat.pause(text, text, text) is
    'Pauses a kind of job (or all whose kind begins with that word) or a number; jobs that run now end as they may. Returns how many lanes were put aside. PT422 chat/kind_or_number.';

create or replace function chat.resume(kind text default null, number text default null)
returns integer
language plpgsql
as $$
declare
    going_on integer;
begin
    lock table chat.pauses in share row exclusive mode;
    delete from chat.pauses p
    where (p.what, p.name) = (case when resume.kind is null then 'number' else 'kind' end, coalesce(resume.kind, resume.number));
    if not found then
        raise exception 'there is no such pause'
            using errcode = 'PT404', detail = 'chat/no_such_pause', hint = 'table chat.pauses shows what is paused';
    end if;
    -- A lane that a claim holds now is leased by it, for the claim sees the pause no more. Whoever else holds one only adds
    -- a job and is waited for: a lane passed by would stay aside for ever.
    update chat.lanes l set next_at = clock_timestamp()
    from (
        select x.key from chat.lanes x
        where x.ready and not x.busy and x.next_at = 'infinity'
        order by x.key
        for update) aside
    where l.key = aside.key and not chat.is_paused(l.key);
    get diagnostics going_on = row_count;
    notify chat_jobs;
    return going_on;
end
$$;
comment on function chat.resume(text, text) is
    'Ends a pause. Returns how many lanes go on; those that another pause holds stay. PT404 chat/no_such_pause.';

-- file: sql/jobs/claim.sql
-- What: leases jobs to a worker.
-- Why: lanes are locked with skip locked, so any number of workers claim at once; the lease is a row, so a worker may die
--      with it and another takes over when it has run out.
-- Leaves out: what a taken-over job means. A send looks at its attempts first (whatsapp/begin_attempt.sql).

create or replace function public.chat_claim_jobs(slots integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- The queue is empty most of the time, so a plan made then would scan it; behind a backlog that is ruin.
set enable_seqscan = off
as $$
declare
    claimed jsonb;
    aside integer;
begin
    loop
        with lost as (
            select l.key from chat.lanes l
            where l.busy and l.lease_until < clock_timestamp()
            order by l.lease_until
            for update skip locked
            limit slots
        ), due as (
            select l.key from chat.lanes l
            where l.ready and not l.busy and l.next_at <= clock_timestamp()
            order by l.urgency, l.next_at
            for update skip locked
            limit slots
        ), found as materialized (
            select f.key, f.place, exists (select from chat.pauses) and chat.is_paused(f.key) as paused
            from (select key, 0 as place from lost union all select key, 1 from due) f
        ), held as (
            -- What is paused is put aside once, and the claim looks on.
            update chat.lanes l
            set busy = false, lease_token = null, lease_until = null, running_job = null, next_at = 'infinity'
            from found f
            where f.paused and l.key = f.key
            returning l.key
        ), chosen as (
            -- A pause that is just being ended leaves its lanes to the next claim.
            select f.key from found f where not f.paused
            order by f.place
            limit slots
        ), leased as (
            update chat.lanes l
            set busy = true,
                lease_token = gen_random_uuid(),
                lease_until = clock_timestamp() + make_interval(secs => 30),
                attempts = l.attempts + 1,
                running_job = head.id
            from chosen
            cross join lateral (
                select j.id, j.kind, j.payload, j.site_id from chat.jobs j
                where j.lane = chosen.key and j.died_at is null
                order by j.id limit 1) head
            where l.key = chosen.key
            returning l.key, l.lease_token, l.attempts, l.urgency, l.held_since, head.id, head.kind, head.payload
        )
        select coalesce(jsonb_agg(jsonb_build_object(
            'job_id', id, 'lane', key, 'lease_token', lease_token, 'lease_seconds', 30, 'kind', kind, 'payload', payload,
            'tries', attempts,
            'held_seconds', coalesce(extract(epoch from clock_timestamp() - held_since), 0)::integer)
            order by urgency, id), '[]'), (select count(*) from held)
        into claimed, aside
        from leased;
        exit when aside = 0 or claimed <> '[]';
    end loop;
    return claimed;
end
$$;
comment on function public.chat_claim_jobs(integer) is
    'Leases up to so many jobs, one a lane, most urgent first; lanes whose lease ran out first of all. Answers [{job_id, lane, lease_token, lease_seconds, kind, payload, tries, held_seconds}].';

-- file: sql/team/skills.sql
-- What: skills: what an agent can do and what a conversation needs, as words.
-- Why: both sides say them the same way, so that `German ` and `german` meet.
-- Leaves out: what comes of them; that is the strategy skills (chat_rules::routing).

create or replace function chat.clean_skills(p_skills text[])
returns text[]
language plpgsql
immutable
as $$
declare
    cleaned constant text[] := array(
        select lower(btrim(s.skill)) from unnest(p_skills) with ordinality s (skill, place)
        where btrim(s.skill) <> '' group by lower(btrim(s.skill)) order by min(s.place));
begin
    if cardinality(cleaned) > 20 or exists (select from unnest(cleaned) s (skill) where char_length(s.skill) > 64) then
        raise exception 'there are at most 20 skills of 64 characters'
            using errcode = 'PT422', detail = 'chat/skills', hint = 'take some away, or make them shorter';
    end if;
    return cleaned;
end
$$;
comment on function chat.clean_skills(text[]) is
    'Skills as they are kept: lower case, each once, without empty ones; null has none. PT422 chat/skills.';

create or replace function public.chat_save_skills(site uuid, agent uuid, skills text[])
returns setof public.mod_chat_agents
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_save_skills.site, 'live-chat.agents.manage');
    perform chat.lock_routing(chat_save_skills.site);
    update public.mod_chat_agents a
    set skills = chat.clean_skills(chat_save_skills.skills)
    where a.site_id = chat_save_skills.site and a.id = chat_save_skills.agent;
    if not found then
        raise exception 'the site has no agent %', chat_save_skills.agent
            using errcode = 'PT404', detail = 'chat/no_such_agent', hint = 'use the id of an agent of the site';
    end if;
    perform chat.drain(chat_save_skills.site);
    return query select a.* from public.mod_chat_agents a where a.id = chat_save_skills.agent;
end
$$;
comment on function public.chat_save_skills(uuid, uuid, text[]) is
    'What an agent can do, all of it; waiting chats that need it go out at once. Needs live-chat.agents.manage. PT403 chat/not_allowed, PT404 chat/no_such_agent, PT422 chat/skills.';

-- file: sql/conversations/lifecycle.sql
-- What: what follows from a change of a conversation's own fields: status and assignment fit each other, times are
--       stamped, the change gets its number.
-- Why: a small before-row trigger that touches only `new`, so that a dashboard's plain PATCH, a function and routing
--      all obey one rule (chat_rules::lifecycle).
-- Leaves out: who may change what (policies/conversations.sql) and loads and queue (routing/, at commit).

create or replace function chat.apply_lifecycle()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    refusal text;
begin
    -- An assignment alone moves between pending and active; a status alone gives up the agent.
    if new.assigned_agent_id is distinct from old.assigned_agent_id and new.status = old.status then
        if new.assigned_agent_id is null and old.status in ('active', 'waiting') then
            new.status := 'pending';
        elsif new.assigned_agent_id is not null and old.status = 'pending' then
            new.status := 'active';
        end if;
    elsif new.status = 'pending' and old.status <> 'pending' then
        new.assigned_agent_id := null;
    end if;

    if new.status <> old.status then
        refusal := chat.status_refusal(old.status, new.status, new.assigned_agent_id is not null);
        if refusal is not null then
            raise exception 'a % conversation cannot become %', old.status, new.status
                using errcode = 'PT409', detail = refusal, hint = case refusal
                    when 'chat/needs_agent' then 'assign an agent in the same change'
                    when 'chat/pending_has_agent' then 'pending means that nobody has it: leave the agent out'
                    when 'chat/closed_is_final' then 'make it pending or active first, which opens it again'
                    when 'chat/reopen_first' then 'make it pending or active first'
                    when 'chat/only_pending_is_missed' then 'resolve or close it instead'
                    else 'use pending, active, waiting, resolved, closed or missed' end;
        end if;
        new.archived_at := case
            when new.status in ('pending', 'active', 'waiting') then null
            else coalesce(old.archived_at, at)
        end;
        -- The unique index would refuse it too, but without a way out.
        if new.archived_at is null and old.archived_at is not null and exists (
            select from public.mod_chat_conversations c
            where c.identity_id = new.identity_id and c.phone_number_id is not distinct from new.phone_number_id
                and c.archived_at is null)
        then
            raise exception 'this person has another open conversation'
                using errcode = 'PT409', detail = 'chat/another_is_open', hint = 'go on in that one, or end it first';
        end if;
        -- Whoever takes it back from an agent says since when the visitor has been waiting.
        new.pending_since := case when new.status = 'pending' then coalesce(new.pending_since, at) end;
        new.resolved_at := case
            when new.status = 'resolved' then at
            when new.archived_at is null then null
            else old.resolved_at
        end;
        new.closed_at := case when new.status = 'closed' then at end;
        if new.archived_at is null then
            new.ended_by := null;
            new.abandoned_at := null;
        elsif old.archived_at is null then
            new.ended_by := coalesce(new.ended_by, 'agent');
            new.abandoned_at := case when new.ended_by = 'visitor' and old.agent_joined_at is null then at end;
            -- Whoever was never taken waited until the end.
            new.wait_time_seconds := coalesce(old.wait_time_seconds,
                greatest(0, extract(epoch from at - coalesce(old.pending_since, old.created_at)))::integer);
        end if;
        if new.status = 'resolved' or new.status = 'closed' and old.archived_at is null and old.agent_joined_at is not null then
            new.resolution_time_seconds := greatest(0, extract(epoch from at - new.created_at))::integer;
        end if;
        if new.status <> 'waiting' then
            new.snoozed_until := null;
        end if;
    end if;

    if new.assigned_agent_id is distinct from old.assigned_agent_id then
        new.last_agent_id := coalesce(old.assigned_agent_id, old.last_agent_id);
        if new.choice_id is not distinct from old.choice_id then
            new.choice_id := null;
        end if;
        if new.assigned_agent_id is not null then
            new.returned_by := null;
            new.agent_joined_at := at;
            new.wait_time_seconds := coalesce(
                old.wait_time_seconds,
                greatest(0, extract(epoch from at - coalesce(old.pending_since, old.created_at)))::integer);
        end if;
    end if;

    if new.tags is distinct from old.tags then
        new.tags := array(
            select btrim(t.tag) from unnest(new.tags) with ordinality t (tag, place)
            where btrim(t.tag) <> '' group by btrim(t.tag) order by min(t.place));
        if cardinality(new.tags) > 50 or exists (select from unnest(new.tags) t (tag) where char_length(t.tag) > 64) then
            raise exception 'a conversation has at most 50 tags of 64 characters'
                using errcode = 'PT422', detail = 'chat/tags', hint = 'take some away, or make them shorter';
        end if;
    end if;
    if new.skills is distinct from old.skills then
        new.skills := nullif(chat.clean_skills(new.skills), '{}');
    end if;
    if char_length(new.subject) > 500 and new.subject is distinct from old.subject then
        raise exception 'a subject has at most 500 characters, this one %', char_length(new.subject)
            using errcode = 'PT422', detail = 'chat/subject_length', hint = 'make it shorter';
    end if;

    new.updated_at := at;
    new.last_change := new.last_change + 1;
    new.row_change := new.last_change;
    new.row_change_before := new.last_public_change;
    if (new.status, new.assigned_agent_id) is distinct from (old.status, old.assigned_agent_id) then
        new.public_change_before := new.last_public_change;
        new.last_public_change := new.last_change;
    end if;
    return new;
end
$$;
comment on function chat.apply_lifecycle() is
    'Before a change of a conversation''s own fields: rule of states, times, and the number of the change.';

-- file: sql/conversations/announce_conversation.sql
-- What: the event rows and the broadcast of a change of a conversation's own fields.
-- Why: both are written in the change's transaction, once, whoever made it.
-- Leaves out: messages; see announce_messages.sql.

create or replace function chat.announce_conversation()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    assigned constant boolean := new.assigned_agent_id is not null
        and (tg_op = 'INSERT' or new.assigned_agent_id is distinct from old.assigned_agent_id);
    moved constant boolean := tg_op = 'INSERT' or new.status is distinct from old.status;
    rated constant boolean := new.rating is not null and (tg_op = 'INSERT' or old.rating is null);
    word text;
begin
    insert into chat.events (site_id, name, conversation_id, agent_id)
    select new.site_id, 'chat.conversation.' || e.name, new.id, new.assigned_agent_id
    from (values
        (1, 'created', tg_op = 'INSERT'),
        (2, 'assigned', assigned),
        (3, new.status, moved and new.status in ('resolved', 'closed', 'missed')),
        (4, 'rated', rated)
    ) as e (place, name, happened)
    where e.happened
    order by e.place;

    -- A new conversation is told by its first message; the row itself has nothing to refetch yet.
    if tg_op = 'INSERT' then
        return null;
    end if;

    word := case
        when assigned then 'conversation_assigned'
        when moved and new.status = 'resolved' then 'conversation_resolved'
        when new.assigned_agent_id is null and old.assigned_agent_id is not null then 'agent_left'
        else 'status_change'
    end;
    perform chat.broadcast(
        array[
            'chat:site:' || new.site_id,
            'chat:conversation:' || new.id,
            -- The visitor sees who serves them and the state, nothing else of the row.
            case when new.last_public_change = new.row_change then 'chat:visitor:' || new.visitor_id end],
        jsonb_build_object('v', 1, 'type', word, 'conversation_id', new.id, 'change', new.row_change),
        array[null, new.row_change - 1, new.row_change_before]);
    return null;
end
$$;
comment on function chat.announce_conversation() is
    'After a change of a conversation''s own fields: event rows and one broadcast.';

-- A person counts their conversations (LC-01's total_conversations).
create or replace function chat.count_conversation()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    update public.mod_chat_visitors
    set total_conversations = total_conversations + 1, updated_at = clock_timestamp()
    where id = new.visitor_id;
    return null;
end
$$;
comment on function chat.count_conversation() is 'After a new conversation: the visitor''s total_conversations.';

-- file: sql/conversations/first_delivery_state.sql
-- What: where the delivery of a message to a visitor starts, and the refusal of what WhatsApp cannot take.
-- Why: the 24-hour window is refused at enqueue as well as at send, for every writer.
-- Leaves out: sending; the row's state makes the job (whatsapp/send_message.sql).

create or replace function chat.first_delivery_state(
    p_conversation public.mod_chat_conversations, p_message public.mod_chat_messages, p_at timestamptz)
returns text
language plpgsql
stable
as $$
begin
    if p_message.origin <> 'live' or p_message.sender_type = 'system' or p_message.kind in ('note', 'event')
        or p_conversation.channel <> 'whatsapp'
    then
        return 'sent';
    end if;

    if p_message.kind <> 'text' then
        raise exception 'a % cannot be sent to WhatsApp', p_message.kind
            using errcode = 'PT422', detail = 'chat/kind_not_sendable', hint = 'send a text';
    end if;
    if coalesce(p_message.content, '') = '' or char_length(p_message.content) > 4096 then
        raise exception 'a WhatsApp text has 1 to 4096 characters, this one % ', coalesce(char_length(p_message.content), 0)
            using errcode = 'PT422', detail = 'chat/text_length', hint = 'split it into several messages';
    end if;
    if not chat.window_allows(p_conversation.whatsapp_window_expires_at, p_message.kind, p_at) then
        raise exception 'the 24-hour window of this WhatsApp conversation is closed'
            using errcode = 'PT422', detail = 'chat/window_closed',
                hint = 'send a template, or wait until the person writes again';
    end if;
    return 'queued';
end
$$;
comment on function chat.first_delivery_state(public.mod_chat_conversations, public.mod_chat_messages, timestamptz) is
    'First delivery_state of a message that no visitor wrote; raises PT422 chat/window_closed, chat/kind_not_sendable or chat/text_length.';

-- file: sql/conversations/stamp_message.sql
-- What: what happens before a message row is written: its conversation is locked, a repetition is recognised, it gets
--       its numbers, and the conversation's counters move.
-- Why: the lock comes before the row's foreign key looks at the conversation, and the numbers after the row's own id and
--      wamid were looked up; so numbers are gapless and a repetition burns none.
-- Leaves out: who writes (author.sql, before this), the job that sends it (whatsapp/), events and broadcast (after).

create or replace function chat.stamp_message()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    at timestamptz;
    conversation public.mod_chat_conversations;
    effect record;
    newest boolean;
    home uuid;
begin
    select * into conversation
    from public.mod_chat_conversations where id = new.conversation_id
    for no key update;
    if not found then
        raise exception 'there is no conversation %', new.conversation_id
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'use the id of an existing conversation';
    end if;

    select m.conversation_id into home from public.mod_chat_messages m where m.id = new.id;
    if found then
        if home = new.conversation_id then
            return null;
        end if;
        raise exception 'message id % stands in another conversation', new.id
            using errcode = 'PT409', detail = 'chat/id_in_use', hint = 'make a new uuid for each message';
    end if;
    if new.whatsapp_message_id is not null and exists (
        select from public.mod_chat_messages m
        where m.site_id = conversation.site_id and m.whatsapp_message_id = new.whatsapp_message_id
    ) then
        return null;
    end if;

    at := clock_timestamp();
    new.site_id := conversation.site_id;
    new.kind := coalesce(new.kind, case
        when new.is_internal_note then 'note'
        when new.content_type = 'whatsapp_template' then 'template'
        when new.content_type = 'system' then 'event'
        when new.content_type = 'file' then 'document'
        else new.content_type
    end);
    new.content_type := chat.content_type_of(new.kind);
    new.is_internal_note := new.kind = 'note';
    new.sent_at := chat.sent_at_of(new.sent_at, at);
    if new.sender_type = 'visitor' then
        new.sender_id := conversation.visitor_id::text;
    elsif new.sender_type = 'agent' and new.sender_id is not null and not exists (
        select from public.mod_chat_agents a where a.site_id = conversation.site_id and a.id::text = new.sender_id)
    then
        raise exception 'there is no agent % at this site', new.sender_id
            using errcode = 'PT422', detail = 'chat/no_such_agent', hint = 'sender_id is the id of a row of mod_chat_agents';
    end if;

    if conversation.archived_at is not null and new.origin = 'live' and new.sender_type in ('agent', 'ai')
        and new.kind <> 'note'
    then
        raise exception 'the conversation is %', conversation.status
            using errcode = 'PT409', detail = 'chat/conversation_not_open',
                hint = 'set its status to pending, or claim it, before answering; notes are always welcome';
    end if;
    new.delivery_state := case
        when new.sender_type = 'visitor' then 'received'
        else chat.first_delivery_state(conversation, new, at)
    end;
    new.status := chat.shown_status(new.delivery_state);

    select * into effect from chat.message_effect(
        new.sender_type, new.kind, new.origin, new.sender_id = conversation.assigned_agent_id::text);

    newest := effect.preview and new.sent_at >= coalesce(conversation.last_message_at, '-infinity');

    new.seq := conversation.last_seq + 1;
    new.change := conversation.last_change + 1;
    if effect.is_public then
        new.public_seq := conversation.last_public_seq + 1;
        new.change_before := conversation.last_public_change;
    end if;

    update public.mod_chat_conversations c
    set last_seq = new.seq,
        last_change = new.change,
        last_public_seq = coalesce(new.public_seq, c.last_public_seq),
        last_public_change = case when effect.is_public then new.change else c.last_public_change end,
        public_change_before = case when effect.is_public then c.last_public_change else c.public_change_before end,
        message_count = c.message_count + 1,
        inbound_count = c.inbound_count + effect.inbound::integer,
        outbound_public_count = c.outbound_public_count + effect.outbound_public::integer,
        unread_agent_count = case
            when effect.clears_unread_agent then 0
            else c.unread_agent_count + effect.unread_agent
        end,
        unread_visitor_count = c.unread_visitor_count + effect.unread_visitor,
        last_message_text = case when newest then chat.preview_text(new.kind, new.content) else c.last_message_text end,
        last_message_at = case when newest then new.sent_at else c.last_message_at end,
        last_message_by = case when newest then new.sender_type else c.last_message_by end,
        first_response_time_seconds = case
            when c.first_response_time_seconds is null and effect.outbound_public and new.sender_type = 'agent'
                then greatest(0, extract(epoch from new.sent_at - c.created_at))::integer
            else c.first_response_time_seconds
        end,
        whatsapp_window_expires_at = case
            when effect.inbound and c.channel = 'whatsapp'
                then chat.window_after(c.whatsapp_window_expires_at, new.kind, new.sent_at)
            else c.whatsapp_window_expires_at
        end,
        status = chat.status_after_message(c.status, new.sender_type, new.origin),
        updated_at = at
    where c.id = conversation.id;

    if effect.inbound then
        update public.mod_chat_visitors v
        set total_messages = v.total_messages + 1, last_seen_at = greatest(v.last_seen_at, new.sent_at), updated_at = at
        where v.id = conversation.visitor_id;
    end if;
    return new;
end
$$;
comment on function chat.stamp_message() is
    'Before a message: lock, repetition, numbers, counters. Returns null for a repetition, which burns no number.';

-- file: sql/conversations/announce_messages.sql
-- What: the event row and the broadcast of a message.
-- Why: both are written in the message's own transaction, once a change.
-- Leaves out: the payload's content. Clients fetch rows by `change`; a broadcast is a hint.

create or replace function chat.announce_message(p_message public.mod_chat_messages, p_type text)
returns void
language plpgsql
as $$
declare
    visitor text;
begin
    if p_message.sender_type = 'visitor' then
        visitor := p_message.sender_id;
    elsif p_message.public_seq is not null then
        select c.visitor_id into visitor from public.mod_chat_conversations c where c.id = p_message.conversation_id;
    end if;
    perform chat.broadcast(
        -- A note has no visitor, and so no topic that one could listen to.
        array[
            'chat:site:' || p_message.site_id,
            'chat:conversation:' || p_message.conversation_id,
            'chat:visitor:' || visitor],
        jsonb_build_object('v', 1, 'type', p_type, 'conversation_id', p_message.conversation_id,
            'message_id', p_message.id, 'change', p_message.change),
        array[null, p_message.change - 1, p_message.change_before]);
end
$$;
comment on function chat.announce_message(public.mod_chat_messages, text) is
    'Tells the topics of a message (site, conversation, and its visitor unless it is a note) that it is new or changed.';

create or replace function chat.announce_new_message()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- What has no event row is told to search in another way (index_words.sql).
    if new.public_seq is null or new.origin = 'history' then
        insert into chat.words_due (site_id, message_id) values (new.site_id, new.id);
    end if;
    if new.origin = 'history' then
        return null;
    end if;
    if new.public_seq is not null and new.sender_type <> 'system' then
        insert into chat.events (site_id, name, conversation_id, message_id, agent_id)
        values (new.site_id,
            case new.sender_type when 'visitor' then 'chat.message.received' else 'chat.message.sent' end,
            new.conversation_id, new.id,
            case when new.sender_type = 'agent' and new.origin = 'live' then new.sender_id::uuid end);
    end if;
    perform chat.announce_message(new, 'new_message');
    return null;
end
$$;
comment on function chat.announce_new_message() is 'After a message was written: its event row and one broadcast.';

create or replace function chat.announce_changed_message()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.announce_message(new, 'status_change');
    return null;
end
$$;
comment on function chat.announce_changed_message() is 'After a message changed (delivery, reaction, file): one broadcast.';

-- file: sql/conversations/change_message.sql
-- What: takes the next change number for a message that is about to change.
-- Why: every change of a message (delivery, reaction, file ready) is seen by clients as `change > last`.
-- Leaves out: the change itself; the caller writes it in one update with these numbers.

create or replace function chat.next_change(p_conversation uuid, p_public boolean, out change bigint, out change_before bigint)
language plpgsql
as $$
begin
    update public.mod_chat_conversations c
    set last_change = c.last_change + 1,
        last_public_change = case when p_public then c.last_change + 1 else c.last_public_change end,
        public_change_before = case when p_public then c.last_public_change else c.public_change_before end
    where c.id = p_conversation
    returning c.last_change, c.public_change_before into change, change_before;
end
$$;
comment on function chat.next_change(uuid, boolean) is
    'Next change number of a conversation whose row the caller has locked, and the visitor-visible one before it; of use when the change itself is visible.';

-- file: sql/conversations/require_text.sql
-- What: how long the words of a message may be. Why: one limit for every way in. Leaves out: WhatsApp's own, which is shorter.

create or replace function chat.require_text(p_content text)
returns void
language plpgsql
immutable
as $$
begin
    if coalesce(btrim(p_content), '') = '' then
        raise exception 'a message without words'
            using errcode = 'PT422', detail = 'chat/text_length', hint = 'write something';
    end if;
    if char_length(p_content) > 10000 then
        raise exception 'a message has at most 10000 characters, this one %', char_length(p_content)
            using errcode = 'PT422', detail = 'chat/text_length', hint = 'split it into several messages';
    end if;
end
$$;
comment on function chat.require_text(text) is 'Raises PT422 chat/text_length unless a message may hold these words.';

-- file: sql/conversations/lock_conversation.sql
-- What: the conversation an agent's function works on: asked for the right, locked, and read after that.
-- Why: every such function begins so; whoever may not see a conversation cannot tell it from one that does not exist.
-- Leaves out: visitors (actor.sql).

create or replace function chat.lock_conversation(p_conversation uuid, p_permission text)
returns public.mod_chat_conversations
language plpgsql
as $$
declare
    conversation public.mod_chat_conversations;
begin
    if chat.may_in(p_conversation, 'live-chat.conversations.view') then
        select c.* into conversation from public.mod_chat_conversations c where c.id = p_conversation;
        perform chat.require(conversation.site_id, p_permission);
        -- Erased meanwhile, it is there no more.
        select c.* into conversation from public.mod_chat_conversations c where c.id = p_conversation for no key update;
    end if;
    if conversation.id is null then
        raise exception 'there is no conversation % that you may see', p_conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
    return conversation;
end
$$;
comment on function chat.lock_conversation(uuid, text) is
    'Locks a conversation for an agent who has the permission. PT404 chat/no_such_conversation, PT403 chat/not_allowed.';

-- file: sql/conversations/check_links.sql
-- What: what a message points at: the message it replies to and the colleagues it names.
-- Why: a reply stays within its conversation and no public message quotes a note; only notes name colleagues, who are
--      ids that a client was given, since names in a text would be guessed.
-- Leaves out: quotes that WhatsApp reports, which may go back to an earlier conversation.

create or replace function chat.check_links()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    quoted record;
    stranger uuid;
begin
    if new.reply_to_id is not null and new.whatsapp_message_id is null then
        select m.conversation_id, m.public_seq into quoted from public.mod_chat_messages m where m.id = new.reply_to_id;
        if not found or quoted.conversation_id <> new.conversation_id then
            raise exception 'the message % it replies to is not in this conversation', new.reply_to_id
                using errcode = 'PT422', detail = 'chat/no_such_reply',
                    hint = 'reply_to_id is the id of a message of the same conversation';
        elsif quoted.public_seq is null and new.kind <> 'note' then
            raise exception 'a message to the visitor cannot quote an internal note'
                using errcode = 'PT422', detail = 'chat/reply_to_note', hint = 'reply with a note, or without quoting';
        end if;
    end if;

    new.mentions := nullif(new.mentions, '{}');
    if new.mentions is null then
        return new;
    end if;
    if new.kind <> 'note' then
        raise exception 'only internal notes name colleagues'
            using errcode = 'PT422', detail = 'chat/mention_outside_note', hint = 'leave mentions out, or write a note';
    end if;
    select u.id into stranger
    from unnest(new.mentions) u (id)
    where not exists (
        select from public.mod_chat_agents a where a.site_id = new.site_id and a.id = u.id and a.is_active)
    limit 1;
    if found or cardinality(new.mentions) > 50 then
        raise exception 'a note names up to 50 active agents of its site; % is none', coalesce(stranger::text, 'the 51st')
            using errcode = 'PT422', detail = 'chat/no_such_agent', hint = 'mentions are ids of active rows of mod_chat_agents';
    end if;
    new.mentions := array(select distinct u.id from unnest(new.mentions) u (id) order by u.id);
    return new;
end
$$;
comment on function chat.check_links() is
    'Before a message that replies or names colleagues. PT422 chat/no_such_reply, chat/reply_to_note, chat/mention_outside_note, chat/no_such_agent.';

-- file: sql/conversations/mention.sql
-- What: the notes that name somebody, and which of them they have not seen.
-- Why: seen is what their cursor has passed, so nothing is kept for it.
-- Leaves out: telling them by other ways, which notifications do.

create or replace function public.chat_mentions(
    site uuid, unseen_only boolean default true, before timestamptz default null, page_size integer default 25)
returns setof public.mod_chat_messages
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    agent constant uuid := chat.my_agent(chat_mentions.site);
begin
    perform chat.require(chat_mentions.site, 'live-chat.conversations.view');
    return query
        select m.*
        from public.mod_chat_messages m
        left join chat.cursors k on k.conversation_id = m.conversation_id and k.agent_id = agent
        where m.mentions @> array[agent] and m.site_id = chat_mentions.site
            and chat.sees_conversation(m.conversation_id) and m.sender_id is distinct from agent::text
            and (m.seq > coalesce(k.read_seq, 0) or not chat_mentions.unseen_only)
            and (chat_mentions.before is null or m.sent_at < chat_mentions.before)
        order by m.sent_at desc, m.id
        limit least(greatest(coalesce(chat_mentions.page_size, 25), 1), 100);
end
$$;
comment on function public.chat_mentions(uuid, boolean, timestamptz, integer) is
    'Notes of colleagues that name the caller, newest first; a page ends at the sent_at to give as `before`. PT403 chat/not_an_agent, chat/not_allowed.';

-- file: sql/conversations/read.sql
-- What: somebody has read so far.
-- Why: a cursor only moves forward. An agent's reading counts for the team while the chat is theirs or nobody's: it clears
--      unread_agent_count and shows the widget's visitor that they were read. The visitor's clears theirs.
-- Leaves out: WhatsApp's ticks, which Meta reports.

create or replace function chat.move_cursor(
    p_conversation public.mod_chat_conversations, p_agent uuid, p_seq bigint, p_clears boolean, p_now timestamptz)
returns chat.cursors
language plpgsql
as $$
declare
    unseen bigint;
    moved chat.cursors;
begin
    select count(*) into unseen
    from public.mod_chat_messages m
    cross join lateral chat.message_effect(m.sender_type, m.kind, m.origin, false) e
    where m.conversation_id = p_conversation.id and m.seq > p_seq
        and case when p_agent is null then e.outbound_public else e.inbound end;

    insert into chat.cursors as k (site_id, conversation_id, agent_id, read_seq, read_count, cleared_seq, read_at)
    values (p_conversation.site_id, p_conversation.id, p_agent, p_seq,
        case when p_agent is null then p_conversation.outbound_public_count else p_conversation.inbound_count end - unseen,
        case when p_clears then p_seq else 0 end, p_now)
    on conflict (conversation_id, agent_id) do update
    set read_seq = greatest(k.read_seq, excluded.read_seq),
        read_count = greatest(k.read_count, excluded.read_count),
        -- What was read before the chat became theirs counts from now on.
        cleared_seq = case when p_clears then greatest(k.read_seq, excluded.read_seq) else k.cleared_seq end,
        read_at = excluded.read_at
    returning * into moved;
    return moved;
end
$$;
comment on function chat.move_cursor(public.mod_chat_conversations, uuid, bigint, boolean, timestamptz) is
    'Moves the cursor of an agent, or with null of the visitor, up to a seq, never back. The caller holds the conversation.';

create or replace function chat.mark_messages(
    p_conversation public.mod_chat_conversations, p_inbound boolean, p_after bigint, p_seq bigint, p_word text, p_now timestamptz)
returns integer
language plpgsql
as $$
declare
    marked integer;
begin
    update public.mod_chat_messages m
    set delivery_state = n.state,
        status = case when p_inbound then p_word else chat.shown_status(n.state) end,
        read_at = case when p_word = 'read' then p_now end,
        change = p_conversation.last_change + n.place,
        change_before = case n.place
            when 1 then p_conversation.last_public_change else p_conversation.last_change + n.place - 1 end,
        updated_at = p_now
    from (
        select x.id, row_number() over (order by x.seq) as place,
            -- What comes in is received and stays so; LC-01's status alone says that it was read.
            case when p_inbound then x.delivery_state else chat.delivery_next(x.delivery_state, p_word) end as state
        from public.mod_chat_messages x
        where x.conversation_id = p_conversation.id and x.seq > p_after and x.seq <= p_seq
            and x.public_seq is not null and x.origin = 'live'
            and case when p_inbound then x.sender_type = 'visitor' and x.status <> p_word
                else x.sender_type in ('agent', 'ai') and chat.delivery_next(x.delivery_state, p_word) <> x.delivery_state end
    ) n
    where m.id = n.id;
    get diagnostics marked = row_count;
    return marked;
end
$$;
comment on function chat.mark_messages(public.mod_chat_conversations, boolean, bigint, bigint, text, timestamptz) is
    'Shows messages of one side after a seq and up to another as delivered or read; each takes the next change. The caller holds the conversation, and adds the returned number to last_change.';

create or replace function chat.read_as_agent(
    p_conversation public.mod_chat_conversations, p_agent uuid, p_seq bigint, p_clears boolean, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
    up_to constant bigint := least(coalesce(p_seq, p_conversation.last_seq), p_conversation.last_seq);
    cleared bigint;
    moved chat.cursors;
    marked integer := 0;
    unread integer;
begin
    select coalesce(max(k.cleared_seq), 0) into cleared from chat.cursors k where k.conversation_id = p_conversation.id;
    moved := chat.move_cursor(p_conversation, p_agent, up_to, p_clears, p_now);
    unread := p_conversation.inbound_count - moved.read_count;
    if p_clears then
        if p_conversation.channel <> 'whatsapp' then
            marked := chat.mark_messages(p_conversation, true, cleared, moved.read_seq, 'read', p_now);
        end if;
        update public.mod_chat_conversations c
        set unread_agent_count = least(c.unread_agent_count, unread),
            last_change = c.last_change + marked,
            last_public_change = case when marked > 0 then c.last_change + marked else c.last_public_change end
        where c.id = p_conversation.id and (marked > 0 or c.unread_agent_count > unread);
    end if;
    return jsonb_build_object('conversation_id', p_conversation.id, 'read_seq', moved.read_seq, 'unread', unread);
end
$$;
comment on function chat.read_as_agent(public.mod_chat_conversations, uuid, bigint, boolean, timestamptz) is
    'An agent has read up to a seq (null: all), for themselves or for the team.';

create or replace function chat.read_by_answering()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    conversation public.mod_chat_conversations;
begin
    if new.sender_id is null or new.origin <> 'live' or new.kind = 'note' then
        return null;
    end if;
    select c.* into conversation from public.mod_chat_conversations c where c.id = new.conversation_id;
    perform chat.read_as_agent(
        conversation, new.sender_id::uuid, new.seq, new.sender_id = conversation.assigned_agent_id::text, clock_timestamp());
    return null;
end
$$;
comment on function chat.read_by_answering() is
    'At commit of an agent''s own message: whoever answers has read what stands before. At commit, so that the message is told before what follows from it.';

create or replace function chat.read_as_visitor(
    p_conversation public.mod_chat_conversations, p_public_seq bigint, p_only_delivered boolean, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
    read_before bigint;
    up_to bigint;
    moved chat.cursors;
    marked integer := 0;
    unread integer;
begin
    -- Visitors count what they see.
    select coalesce(max(m.seq), 0) into up_to from public.mod_chat_messages m
    where m.conversation_id = p_conversation.id
        and m.public_seq <= least(coalesce(p_public_seq, p_conversation.last_public_seq), p_conversation.last_public_seq);
    select coalesce(max(k.read_seq), 0) into read_before from chat.cursors k
    where k.conversation_id = p_conversation.id and k.agent_id is null;
    if p_conversation.channel <> 'whatsapp' then
        marked := chat.mark_messages(
            p_conversation, false, read_before, up_to, case when p_only_delivered then 'delivered' else 'read' end, p_now);
    end if;
    unread := p_conversation.unread_visitor_count;
    if not p_only_delivered then
        moved := chat.move_cursor(p_conversation, null, up_to, false, p_now);
        unread := p_conversation.outbound_public_count - moved.read_count;
    end if;
    update public.mod_chat_conversations c
    set unread_visitor_count = unread,
        last_change = c.last_change + marked,
        last_public_change = case when marked > 0 then c.last_change + marked else c.last_public_change end
    where c.id = p_conversation.id and (marked > 0 or c.unread_visitor_count <> unread);
    return jsonb_build_object('conversation_id', p_conversation.id, 'unread', unread);
end
$$;
comment on function chat.read_as_visitor(public.mod_chat_conversations, bigint, boolean, timestamptz) is
    'The visitor has, or has been shown, what stands up to a public_seq; null: all.';

create or replace function public.chat_read(conversation uuid, up_to bigint default null, only_delivered boolean default false)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    actor record;
    chat_row public.mod_chat_conversations;
begin
    select a.* into actor from chat.actor_of(chat_read.conversation, 'live-chat.conversations.view') a;
    -- Erased meanwhile, it is there no more.
    if actor.agent_id is not null or actor.visitor_id is not null then
        select c.* into chat_row from public.mod_chat_conversations c where c.id = chat_read.conversation for no key update;
    end if;
    if chat_row.id is null then
        raise exception 'there is no conversation % that you may see', chat_read.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation you can see';
    end if;
    if actor.visitor_id is not null then
        return chat.read_as_visitor(
            chat_row, chat_read.up_to, coalesce(chat_read.only_delivered, false), clock_timestamp());
    end if;
    return chat.read_as_agent(chat_row, actor.agent_id, chat_read.up_to,
        coalesce(chat_row.assigned_agent_id, actor.agent_id) = actor.agent_id, clock_timestamp());
end
$$;
comment on function public.chat_read(uuid, bigint, boolean) is
    'The caller has read a conversation up to a message (null: all): agents name a seq, visitors a public_seq. With only_delivered a visitor''s program says that it has shown nothing yet. Answers {conversation_id, unread}, and read_seq to agents. PT401 as chat.my_session, PT404 chat/no_such_conversation, PT403 chat/not_allowed, chat/not_an_agent.';

-- file: sql/conversations/snooze.sql
-- What: a chat that is put aside until a time, and its return.
-- Why: a snoozed chat is waiting and takes none of its agent's room; the visitor's next message ends it early.
-- Leaves out: the states and what follows from them (lifecycle.sql, routing/).

create or replace function public.chat_snooze(conversation uuid, until timestamptz)
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    chat_row public.mod_chat_conversations;
begin
    chat_row := chat.lock_conversation(chat_snooze.conversation, 'live-chat.conversations.resolve');
    if chat_snooze.until is null then
        update public.mod_chat_conversations c
        set status = 'active'
        where c.id = chat_row.id and c.snoozed_until is not null;
    else
        if chat_snooze.until <= at or chat_snooze.until > at + interval '1 year' then
            raise exception 'a chat is snoozed until a time within a year, not %', chat_snooze.until
                using errcode = 'PT422', detail = 'chat/snooze_time', hint = 'name a time to come, or null to wake it now';
        end if;
        update public.mod_chat_conversations c
        set status = 'waiting', snoozed_until = chat_snooze.until
        where c.id = chat_row.id;
    end if;
    return query select c.* from public.mod_chat_conversations c where c.id = chat_row.id;
end
$$;
comment on function public.chat_snooze(uuid, timestamptz) is
    'Puts an assigned chat aside until a time; null wakes it. PT404 chat/no_such_conversation, PT403 chat/not_allowed, PT409 chat/needs_agent and chat/reopen_first, PT422 chat/snooze_time.';

create or replace function chat.wake_snoozed(p_batch integer, p_now timestamptz default clock_timestamp())
returns uuid[]
language plpgsql
as $$
declare
    one record;
    sites uuid[] := '{}';
begin
    for one in
        select c.id, c.site_id from public.mod_chat_conversations c
        where c.snoozed_until <= p_now and c.status = 'waiting'
        order by c.snoozed_until
        limit p_batch
        for no key update skip locked
    loop
        update public.mod_chat_conversations c set status = 'active' where c.id = one.id;
        sites := sites || one.site_id;
    end loop;
    return sites;
end
$$;
comment on function chat.wake_snoozed(integer, timestamptz) is
    'Snoozed chats whose time has come are their agent''s again. Returns the site of each.';

-- file: sql/conversations/timers.sql
-- What: chats that end because nothing happened for long: answered and not answered back, or never taken.
-- Why: a site says after how long (widget settings; 0 = never). The chat gets a line that says why it ended.
-- Leaves out: when, which is the tick's; the reopening by a later message, which is the same as of any resolved chat.

create or replace function chat.end_conversation(
    p_conversation uuid, p_status text, p_by text, p_words text, p_now timestamptz)
returns void
language plpgsql
as $$
begin
    insert into public.mod_chat_messages (conversation_id, sender_type, kind, content, metadata, sent_at)
    values (p_conversation, 'system', 'event', p_words, jsonb_build_object('event', p_status, 'by', p_by), p_now);
    update public.mod_chat_conversations c set status = p_status, ended_by = p_by where c.id = p_conversation;
end
$$;
comment on function chat.end_conversation(uuid, text, text, text, timestamptz) is
    'Ends a conversation the caller has locked, with a line that says why.';

create or replace function chat.resolve_idle(p_batch integer, p_now timestamptz default clock_timestamp())
returns uuid[]
language plpgsql
as $$
declare
    one record;
    sites uuid[] := '{}';
begin
    for one in
        select c.id, c.site_id, s.auto_resolve_hours
        from public.mod_chat_widget_settings s
        join public.mod_chat_conversations c on c.site_id = s.site_id and c.archived_at is null
        where s.auto_resolve_hours > 0
            and c.last_message_at < p_now - make_interval(hours => s.auto_resolve_hours)
            -- Whoever wrote last waits for the other: a chat that waits for us is never ended by time.
            and c.last_message_by in ('agent', 'ai')
            and c.status in ('active', 'waiting') and c.snoozed_until is null
        order by c.last_message_at
        limit p_batch
        for no key update of c skip locked
    loop
        perform chat.end_conversation(one.id, 'resolved', 'system',
            format('Resolved after %s hours without an answer', one.auto_resolve_hours), p_now);
        sites := sites || one.site_id;
    end loop;
    return sites;
end
$$;
comment on function chat.resolve_idle(integer, timestamptz) is
    'Resolves chats that were answered and heard nothing for auto_resolve_hours. Returns the site of each.';

create or replace function chat.miss_unanswered(p_batch integer, p_now timestamptz default clock_timestamp())
returns uuid[]
language plpgsql
as $$
declare
    one record;
    sites uuid[] := '{}';
begin
    for one in
        select c.id, c.site_id, s.missed_after_minutes
        from public.mod_chat_widget_settings s
        join public.mod_chat_conversations c on c.site_id = s.site_id
        where s.missed_after_minutes > 0
            and c.status = 'pending' and c.assigned_agent_id is null
            and c.pending_since < p_now - make_interval(mins => s.missed_after_minutes)
            -- What came back from an agent keeps its place in the line, and has its time in it all the same.
            and not exists (
                select from chat.choices k
                where k.id = c.choice_id and k.at > p_now - make_interval(mins => s.missed_after_minutes))
        order by c.pending_since
        limit p_batch
        for no key update of c skip locked
    loop
        perform chat.end_conversation(one.id, 'missed', 'system',
            format('Nobody took it within %s minutes', one.missed_after_minutes), p_now);
        sites := sites || one.site_id;
    end loop;
    return sites;
end
$$;
comment on function chat.miss_unanswered(integer, timestamptz) is
    'Chats nobody took within missed_after_minutes are missed. Returns the site of each.';

-- file: sql/conversations/end_and_rate.sql
-- What: the visitor ends their chat and says how it was, in one call or later.
-- Why: SPEC-137's endSession takes both. Who gives up before an agent came is counted as abandoned, not as served.
-- Leaves out: agents, who end a chat by its status; agents' figures, which follow from the rating.

create or replace function chat.require_own_conversation(p_conversation uuid)
returns public.mod_chat_conversations
language plpgsql
as $$
declare
    mine constant uuid[] := chat.my_visitor_ids();
    conversation public.mod_chat_conversations;
begin
    select c.* into conversation from public.mod_chat_conversations c
    where c.id = p_conversation and c.visitor_id = any (mine)
    for no key update;
    if not found then
        raise exception 'you have no conversation %', p_conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'chat_my_conversations lists yours';
    end if;
    return conversation;
end
$$;
comment on function chat.require_own_conversation(uuid) is
    'Locks a conversation of the caller as a visitor. PT401 as chat.my_session, PT404 chat/no_such_conversation.';

create or replace function chat.rate_conversation(
    p_conversation public.mod_chat_conversations, p_rating integer, p_comment text, p_now timestamptz)
returns void
language plpgsql
as $$
begin
    if p_rating is null or p_rating not between 1 and 5 then
        raise exception 'a rating is a number from 1 to 5, not %', p_rating
            using errcode = 'PT422', detail = 'chat/rating_range', hint = 'send 1, 2, 3, 4 or 5';
    elsif char_length(p_comment) > 2000 then
        raise exception 'a comment has at most 2000 characters, this one %', char_length(p_comment)
            using errcode = 'PT422', detail = 'chat/comment_length', hint = 'make it shorter';
    elsif not coalesce((
        select s.enable_satisfaction_rating from public.mod_chat_widget_settings s where s.site_id = p_conversation.site_id), true)
    then
        raise exception 'this site asks for no ratings'
            using errcode = 'PT409', detail = 'chat/rating_off', hint = 'leave the rating out';
    elsif p_conversation.agent_joined_at is null and p_conversation.outbound_public_count = 0 then
        raise exception 'nobody has answered in this conversation'
            using errcode = 'PT409', detail = 'chat/nothing_to_rate', hint = 'leave the rating out';
    elsif p_conversation.rating is not null then
        raise exception 'this conversation has been rated'
            using errcode = 'PT409', detail = 'chat/already_rated', hint = 'a conversation is rated once';
    end if;
    update public.mod_chat_conversations c
    set rating = p_rating, rating_comment = nullif(btrim(p_comment), ''), rated_at = p_now
    where c.id = p_conversation.id;
end
$$;
comment on function chat.rate_conversation(public.mod_chat_conversations, integer, text, timestamptz) is
    'Rates a conversation the caller has locked, once. PT422 chat/rating_range, chat/comment_length, PT409 chat/rating_off, chat/nothing_to_rate, chat/already_rated.';

create or replace function public.chat_rate(conversation uuid, rating integer, comment text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    chat_row constant public.mod_chat_conversations := chat.require_own_conversation(chat_rate.conversation);
begin
    perform chat.rate_conversation(chat_row, chat_rate.rating, chat_rate.comment, clock_timestamp());
    return (select to_jsonb(c) from public.chat_my_conversations c where c.id = chat_row.id);
end
$$;
comment on function public.chat_rate(uuid, integer, text) is
    'A visitor rates their conversation, once, 1 to 5. Answers the row of chat_my_conversations. PT401 as chat.my_session, PT404 chat/no_such_conversation, PT422 chat/rating_range, chat/comment_length, PT409 chat/rating_off, chat/nothing_to_rate, chat/already_rated.';

create or replace function public.chat_end(conversation uuid, rating integer default null, comment text default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    chat_row constant public.mod_chat_conversations := chat.require_own_conversation(chat_end.conversation);
begin
    if chat_end.rating is not null then
        perform chat.rate_conversation(chat_row, chat_end.rating, chat_end.comment, at);
    end if;
    -- Ended twice, by a second tab or by both sides at once, is ended.
    if chat_row.archived_at is null then
        perform chat.end_conversation(
            chat_row.id,
            case when chat_row.status = 'pending' and chat_row.agent_joined_at is null then 'missed' else 'closed' end,
            'visitor', 'Ended by the visitor', at);
    end if;
    return (select to_jsonb(c) from public.chat_my_conversations c where c.id = chat_row.id);
end
$$;
comment on function public.chat_end(uuid, integer, text) is
    'A visitor ends their conversation, with a rating if they like: closed, or missed and abandoned when no agent had come. Answers the row of chat_my_conversations. PT401 as chat.my_session, PT404 chat/no_such_conversation, and the refusals of chat_rate.';

-- file: sql/conversations/bulk.sql
-- What: one change to many conversations.
-- Why: clients that PATCH many rows lock them in the order of a plan; two such requests wait for each other. Here they are
--      locked by id, and one refusal does not undo the rest.
-- Leaves out: rights and rules. It runs as its caller, so each row is changed as by that caller's own PATCH.

create or replace function public.chat_bulk(conversations uuid[], change jsonb)
returns jsonb
language plpgsql
set search_path = ''
as $$
declare
    known constant text[] := array[
        'status', 'assigned_agent_id', 'department_id', 'priority', 'subject', 'add_tags', 'remove_tags'];
    wanted constant uuid[] := array(select distinct u.id from unnest(chat_bulk.conversations) u (id) where u.id is not null);
    one record;
    changed uuid[] := '{}';
    refused jsonb := '[]';
    says text;
    code text;
    way_out text;
begin
    if jsonb_typeof(chat_bulk.change) is distinct from 'object' or chat_bulk.change = '{}'
        or exists (select from jsonb_object_keys(chat_bulk.change) k where k <> all (known))
    then
        raise exception 'a bulk change is an object with some of %', array_to_string(known, ', ')
            using errcode = 'PT422', detail = 'chat/bulk_change', hint = 'for example {"status": "resolved", "add_tags": ["done"]}';
    end if;
    if cardinality(wanted) > 500 then
        raise exception 'a bulk change takes up to 500 conversations, not %', cardinality(wanted)
            using errcode = 'PT422', detail = 'chat/bulk_size', hint = 'send several requests';
    end if;
    -- Routing follows at commit, a routing row a site: of one site, two bulks cannot wait for each other.
    if (select count(distinct c.site_id) from public.mod_chat_conversations c where c.id = any (wanted)) > 1 then
        raise exception 'a bulk change is about conversations of one site'
            using errcode = 'PT422', detail = 'chat/one_site', hint = 'send a request for each site';
    end if;

    for one in
        select c.id, c.tags from public.mod_chat_conversations c where c.id = any (wanted) order by c.id for no key update
    loop
        begin
            update public.mod_chat_conversations c
            set status = coalesce(change ->> 'status', c.status),
                assigned_agent_id = case when change ? 'assigned_agent_id'
                    then (change ->> 'assigned_agent_id')::uuid else c.assigned_agent_id end,
                department_id = case when change ? 'department_id' then (change ->> 'department_id')::uuid else c.department_id end,
                priority = coalesce(change ->> 'priority', c.priority),
                subject = case when change ? 'subject' then change ->> 'subject' else c.subject end,
                tags = case when change ?| array['add_tags', 'remove_tags'] then array(
                    select t.tag from unnest(c.tags || array(
                        select jsonb_array_elements_text(coalesce(change -> 'add_tags', '[]')))) with ordinality t (tag, place)
                    where not coalesce(change -> 'remove_tags', '[]') ? t.tag
                    order by t.place) else c.tags end
            where c.id = one.id;
            if found then
                changed := changed || one.id;
            end if;
        exception when others then
            -- Faults of the moment (deadlock, shutdown) are no refusals.
            if left(sqlstate, 2) not in ('PT', '22', '23', '42') then
                raise;
            end if;
            get stacked diagnostics says = message_text, code = pg_exception_detail, way_out = pg_exception_hint;
            refused := refused || jsonb_build_object('id', one.id, 'sqlstate', sqlstate, 'message', says,
                'detail', nullif(code, ''), 'hint', nullif(way_out, ''));
        end;
    end loop;
    return jsonb_build_object('changed', to_jsonb(changed), 'refused', refused,
        'absent', to_jsonb(array(select w.id from unnest(wanted) w (id)
            where w.id <> all (changed) and not refused @> jsonb_build_array(jsonb_build_object('id', w.id)))));
end
$$;
comment on function public.chat_bulk(uuid[], jsonb) is
    'One change to up to 500 conversations of a site: {status, assigned_agent_id, department_id, priority, subject, add_tags, remove_tags}. Answers {changed, refused: [{id, sqlstate, message, detail, hint}], absent}. PT422 chat/bulk_change, chat/bulk_size, chat/one_site.';

-- file: sql/conversations/schedule_message.sql
-- What: planning a message for later, calling it off, and the list of what is planned.
-- Why: it is sent as if its agent had written it then: in order, with the window and the state of the chat of that moment.
-- Leaves out: sending (send_scheduled.sql).

create or replace function public.chat_schedule_message(
    conversation uuid, content text, at timestamptz, unless_answered boolean default false, id uuid default gen_random_uuid())
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    now_is constant timestamptz := clock_timestamp();
    chat_row public.mod_chat_conversations;
    agent uuid;
    planned chat.scheduled_messages;
begin
    chat_row := chat.lock_conversation(chat_schedule_message.conversation, 'live-chat.conversations.reply');
    agent := chat.my_agent(chat_row.site_id);
    perform chat.require_text(chat_schedule_message.content);
    if chat_schedule_message.at is null or chat_schedule_message.at <= now_is
        or chat_schedule_message.at > now_is + interval '1 year'
    then
        raise exception 'a message is planned for a time within a year, not %', chat_schedule_message.at
            using errcode = 'PT422', detail = 'chat/schedule_time', hint = 'name a time to come, or send it now';
    end if;
    insert into chat.scheduled_messages as s (
        id, site_id, conversation_id, agent_id, content, due_at, unless_answered, inbound_count)
    values (coalesce(chat_schedule_message.id, gen_random_uuid()), chat_row.site_id, chat_row.id, agent,
        chat_schedule_message.content, chat_schedule_message.at, coalesce(chat_schedule_message.unless_answered, false),
        chat_row.inbound_count)
    on conflict on constraint scheduled_messages_pkey do nothing
    returning s.* into planned;
    if not found then
        select s.* into planned from chat.scheduled_messages s
        where s.id = chat_schedule_message.id and s.conversation_id = chat_row.id and s.agent_id = agent;
        if not found then
            raise exception 'id % stands elsewhere', chat_schedule_message.id
                using errcode = 'PT409', detail = 'chat/id_in_use', hint = 'make a new uuid for each message';
        end if;
    end if;
    return to_jsonb(planned) - 'inbound_count';
end
$$;
comment on function public.chat_schedule_message(uuid, text, timestamptz, boolean, uuid) is
    'Plans a message of the caller; with unless_answered it is cancelled if the visitor writes before. Repeated with its id it answers the same. PT404 chat/no_such_conversation, PT403 chat/not_allowed and chat/not_an_agent, PT409 chat/id_in_use, PT422 chat/text_length and chat/schedule_time.';

create or replace function public.chat_cancel_scheduled(id uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    planned chat.scheduled_messages;
begin
    select s.* into planned from chat.scheduled_messages s where s.id = chat_cancel_scheduled.id;
    if not found or not chat.may_in(planned.conversation_id, 'live-chat.conversations.view') then
        raise exception 'there is no planned message %', chat_cancel_scheduled.id
            using errcode = 'PT404', detail = 'chat/no_such_message', hint = 'chat_scheduled lists what is planned';
    end if;
    perform chat.lock_conversation(planned.conversation_id, 'live-chat.conversations.reply');
    update chat.scheduled_messages s
    set state = 'cancelled', ended_at = clock_timestamp()
    where s.id = planned.id and s.state = 'waiting'
    returning s.* into planned;
    if not found then
        raise exception 'the message is not planned any more'
            using errcode = 'PT409', detail = 'chat/not_scheduled', hint = 'it was sent, failed or was called off before';
    end if;
    return to_jsonb(planned) - 'inbound_count';
end
$$;
comment on function public.chat_cancel_scheduled(uuid) is
    'Calls a planned message off. PT404 chat/no_such_message and chat/no_such_conversation, PT403 chat/not_allowed, PT409 chat/not_scheduled.';

create or replace function public.chat_scheduled(conversation uuid)
returns setof jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if not chat.may_in(chat_scheduled.conversation, 'live-chat.conversations.view') then
        raise exception 'there is no conversation % that you may see', chat_scheduled.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
    return query
        select to_jsonb(s) - 'inbound_count'
        from chat.scheduled_messages s
        where s.conversation_id = chat_scheduled.conversation and s.state in ('waiting', 'failed')
        order by s.due_at, s.id;
end
$$;
comment on function public.chat_scheduled(uuid) is
    'What is planned in a conversation, and what of it failed with its reason, in the order of its times. PT404 chat/no_such_conversation.';

-- file: sql/conversations/send_scheduled.sql
-- What: planned messages whose time has come become messages.
-- Why: one transaction writes the message and ends the plan, so it is sent once, whatever dies. What cannot be sent (the
--      window is closed, the agent is gone) fails with its reason and holds nobody up.
-- Leaves out: when, which is the tick's.

create or replace function chat.send_planned(p_plan chat.scheduled_messages, p_now timestamptz)
returns text
language plpgsql
as $$
declare
    conversation public.mod_chat_conversations;
    agent public.mod_chat_agents;
begin
    select c.* into conversation from public.mod_chat_conversations c where c.id = p_plan.conversation_id;
    if p_plan.unless_answered and conversation.inbound_count > p_plan.inbound_count then
        return 'cancelled';
    end if;
    select a.* into agent from public.mod_chat_agents a where a.id = p_plan.agent_id and a.is_active;
    if not found then
        raise exception 'the agent who planned it is not active any more'
            using errcode = 'PT409', detail = 'chat/not_an_agent', hint = 'plan it again as somebody else';
    end if;
    -- What is over but may come back comes back with its agent.
    if conversation.status in ('resolved', 'missed') then
        update public.mod_chat_conversations c
        set status = 'active', assigned_agent_id = coalesce(c.assigned_agent_id, agent.id)
        where c.id = conversation.id;
    end if;
    insert into public.mod_chat_messages (
        id, conversation_id, sender_type, sender_id, sender_name, sender_avatar, content, sent_at)
    values (p_plan.id, conversation.id, 'agent', agent.id, agent.display_name, agent.avatar_url, p_plan.content, p_now);
    return 'sent';
end
$$;
comment on function chat.send_planned(chat.scheduled_messages, timestamptz) is
    'Writes a planned message whose conversation the caller has locked; sent or cancelled. Raises what keeps it from being written.';

create or replace function chat.send_scheduled(p_batch integer, p_now timestamptz default clock_timestamp())
returns uuid[]
language plpgsql
as $$
declare
    plan chat.scheduled_messages;
    outcome text;
    why jsonb;
    says text;
    code text;
    way_out text;
    sites uuid[] := '{}';
begin
    for plan in
        select s.*
        from chat.scheduled_messages s
        join public.mod_chat_conversations c on c.id = s.conversation_id
        where s.state = 'waiting' and s.due_at <= p_now
        order by s.due_at, s.id
        limit p_batch
        for no key update of s, c skip locked
    loop
        why := null;
        begin
            outcome := chat.send_planned(plan, p_now);
        exception when others then
            -- Only refusals end a plan; after a fault of the moment the next tick tries again.
            if sqlstate = '23505' then
                -- Another conversation of this person was opened at this moment; the next tick sees it.
                continue;
            elsif left(sqlstate, 2) <> 'PT' then
                raise;
            end if;
            get stacked diagnostics says = message_text, code = pg_exception_detail, way_out = pg_exception_hint;
            outcome := 'failed';
            why := jsonb_build_object('code', code, 'message', says, 'hint', way_out);
        end;
        update chat.scheduled_messages s set state = outcome, error = why, ended_at = p_now where s.id = plan.id;
        sites := sites || plan.site_id;
    end loop;
    return sites;
end
$$;
comment on function chat.send_scheduled(integer, timestamptz) is
    'Sends planned messages that are due; what is refused fails with its reason. Returns the site of each.';

-- file: sql/conversations/actor.sql
-- What: who acts in a conversation: an agent of its site, or its visitor.
-- Why: reading, editing, deleting and reacting are one function each for both; here is the only place that tells them
--      apart. Somebody who is neither cannot tell a conversation from one that does not exist.
-- Leaves out: what they may do there.

create or replace function chat.actor_of(p_conversation uuid, p_permission text, out agent_id uuid, out visitor_id uuid)
language plpgsql
stable
as $$
declare
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    -- Asked of every caller: a dead token is told so whatever it asks for.
    mine constant uuid[] := chat.my_visitor_ids();
    conversation record;
begin
    select c.site_id, c.visitor_id into conversation from public.mod_chat_conversations c where c.id = p_conversation;
    if conversation.visitor_id = any (mine) then
        visitor_id := conversation.visitor_id;
    elsif not claims ? 'chat_session' and chat.may_in(p_conversation, 'live-chat.conversations.view') then
        perform chat.require(conversation.site_id, p_permission);
        agent_id := chat.my_agent(conversation.site_id);
    end if;
end
$$;
comment on function chat.actor_of(uuid, text) is
    'Who the caller is to a conversation: an agent with the permission, its visitor, or neither (both null). PT401 as chat.my_session, PT403 chat/not_allowed, chat/not_an_agent.';

create or replace function chat.message_for_actor(
    p_message uuid, out conversation public.mod_chat_conversations, out message public.mod_chat_messages,
    out agent_id uuid, out visitor_id uuid)
language plpgsql
as $$
begin
    select m.* into message from public.mod_chat_messages m where m.id = p_message;
    select a.agent_id, a.visitor_id into message_for_actor.agent_id, message_for_actor.visitor_id
    from chat.actor_of(message.conversation_id, 'live-chat.conversations.reply') a;
    if agent_id is null and (visitor_id is null or message.public_seq is null) then
        raise exception 'there is no message % that you may change', p_message
            using errcode = 'PT404', detail = 'chat/no_such_message', hint = 'use the id of a message you can see';
    end if;
    select c.* into conversation from public.mod_chat_conversations c
    where c.id = message.conversation_id for no key update;
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
end
$$;
comment on function chat.message_for_actor(uuid) is
    'A message and its conversation, locked, and who the caller is to it: agent_id or visitor_id. PT404 chat/no_such_message.';

create or replace function chat.message_as_seen(p_message uuid, p_by_visitor boolean)
returns jsonb
language plpgsql
stable
as $$
begin
    if p_by_visitor then
        return (select to_jsonb(m) from public.chat_my_messages m where m.id = p_message);
    end if;
    return (select to_jsonb(m) from public.mod_chat_messages m where m.id = p_message);
end
$$;
comment on function chat.message_as_seen(uuid, boolean) is
    'A message as its table shows it to agents, or as chat_my_messages shows it to its visitor.';

-- file: sql/conversations/revise_message.sql
-- What: other words in place of a message's, or a tombstone in place of it.
-- Why: who may is a rule (chat_rules revision_refusal); what it said stays in chat.message_versions. The row keeps its
--      numbers, so nobody's unread or order changes.
-- Leaves out: who asks (edit_message.sql).

create or replace function chat.revise_message(
    p_conversation public.mod_chat_conversations, p_message public.mod_chat_messages, p_content text, p_delete boolean,
    p_by text, p_now timestamptz)
returns void
language plpgsql
as $$
declare
    public_one constant boolean := p_message.public_seq is not null;
    next_change constant bigint := p_conversation.last_change + 1;
begin
    insert into chat.message_versions (site_id, message_id, version, content, file, replaced_at, replaced_by)
    select p_message.site_id, p_message.id,
        (select coalesce(max(v.version), 0) + 1 from chat.message_versions v where v.message_id = p_message.id),
        p_message.content,
        case when p_message.file_url is not null or p_message.file_name is not null then jsonb_build_object(
            'url', p_message.file_url, 'name', p_message.file_name, 'size', p_message.file_size, 'mime', p_message.file_mime_type) end,
        p_now, p_by;
    update public.mod_chat_messages m
    set content = p_content,
        edited_at = case when p_delete then m.edited_at else p_now end,
        deleted_at = case when p_delete then p_now end,
        file_url = case when not p_delete then m.file_url end,
        file_name = case when not p_delete then m.file_name end,
        file_size = case when not p_delete then m.file_size end,
        file_mime_type = case when not p_delete then m.file_mime_type end,
        file_state = case when not p_delete then m.file_state end,
        mentions = case when not p_delete then m.mentions end,
        reactions = case when p_delete then '{}' else m.reactions end,
        metadata = case when p_delete then '{}' else m.metadata end,
        change = next_change,
        change_before = case when public_one then p_conversation.last_public_change end,
        updated_at = p_now
    where m.id = p_message.id;
    update public.mod_chat_conversations c
    set last_change = next_change,
        last_public_change = case when public_one then next_change else c.last_public_change end,
        -- The inbox shows the words of the newest message, and must not go on showing those it had.
        last_message_text = case
            when public_one and c.last_message_at = p_message.sent_at
                and c.last_message_text = chat.preview_text(p_message.kind, p_message.content)
                then chat.preview_text(p_message.kind, p_content)
            else c.last_message_text end
    where c.id = p_conversation.id;
end
$$;
comment on function chat.revise_message(
    public.mod_chat_conversations, public.mod_chat_messages, text, boolean, text, timestamptz) is
    'Replaces a message''s words, or makes it a tombstone; the caller holds the conversation and has asked the rule.';

create or replace function chat.revise(p_message uuid, p_what text, p_content text)
returns jsonb
language plpgsql
as $$
declare
    at constant timestamptz := clock_timestamp();
    target record;
    refusal text;
begin
    target := chat.message_for_actor(p_message);
    if p_what = 'edit' then
        perform chat.require_text(p_content);
    end if;
    refusal := chat.revision_refusal(
        p_what, target.visitor_id is not null,
        case when target.visitor_id is null
            then (target.message).sender_type = 'agent' and (target.message).sender_id = target.agent_id::text
            else (target.message).sender_type = 'visitor' end,
        target.visitor_id is null and chat.may((target.message).site_id, 'live-chat.conversations.assign'),
        (target.conversation).channel, (target.message).sender_type, (target.message).kind, (target.message).delivery_state,
        (target.message).deleted_at is not null, extract(epoch from at - (target.message).created_at)::bigint,
        coalesce((select s.edit_minutes from public.mod_chat_widget_settings s where s.site_id = (target.message).site_id), 15));
    if refusal is not null then
        raise exception 'this message cannot be %', case p_what when 'edit' then 'edited' else 'deleted' end
            using errcode = case refusal when 'chat/not_your_message' then 'PT403' else 'PT409' end, detail = refusal,
                hint = case refusal
                    when 'chat/not_your_message' then 'write your own message; whoever may assign chats deletes those of others'
                    when 'chat/already_sent' then 'WhatsApp takes nothing back: write another message'
                    when 'chat/too_late' then 'write another message'
                    else 'leave it as it is' end;
    end if;
    if p_what = 'delete' or (target.message).content is distinct from p_content then
        perform chat.revise_message(
            target.conversation, target.message, p_content, p_what = 'delete',
            case when target.visitor_id is null then 'agent:' || target.agent_id else 'visitor:' || target.visitor_id end, at);
    end if;
    return chat.message_as_seen(p_message, target.visitor_id is not null);
end
$$;
comment on function chat.revise(uuid, text, text) is 'Edits or deletes a message for the caller, who may be refused.';

create or replace function public.chat_message_history(message uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    m public.mod_chat_messages;
begin
    select x.* into m from public.mod_chat_messages x where x.id = chat_message_history.message;
    if not found or not chat.may_in(m.conversation_id, 'live-chat.conversations.view') then
        raise exception 'there is no message % that you may see', chat_message_history.message
            using errcode = 'PT404', detail = 'chat/no_such_message', hint = 'ask with the id of a message of your site';
    end if;
    return coalesce((
        select jsonb_agg(jsonb_build_object('version', v.version, 'content', v.content, 'file', v.file,
            'replaced_at', v.replaced_at, 'replaced_by', v.replaced_by) order by v.version)
        from chat.message_versions v where v.message_id = m.id), '[]');
end
$$;
comment on function public.chat_message_history(uuid) is
    'What a message said before, for agents: [{version, content, file, replaced_at, replaced_by}]. PT404 chat/no_such_message.';

-- file: sql/conversations/edit_message.sql
-- What: editing, deleting and reacting, as agents and visitors ask for it.
-- Why: one function each for both sides, since the rule is one.
-- Leaves out: the rule and the writing (revise_message.sql); a person's reactions on WhatsApp, which Meta reports.

create or replace function public.chat_edit_message(message uuid, content text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    return chat.revise(chat_edit_message.message, 'edit', chat_edit_message.content);
end
$$;
comment on function public.chat_edit_message(uuid, text) is
    'Replaces the words of one''s own message, for agents and visitors. Answers the row as the caller reads it. PT401 as chat.my_session, PT404 chat/no_such_message, PT403 chat/not_your_message, PT409 chat/message_deleted, chat/not_editable, chat/already_sent, chat/too_late, PT422 chat/text_length.';

create or replace function public.chat_delete_message(message uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    return chat.revise(chat_delete_message.message, 'delete', null);
end
$$;
comment on function public.chat_delete_message(uuid) is
    'Takes back one''s own message; whoever may assign chats also what others wrote. A tombstone stays and is answered. PT401 as chat.my_session, PT404 chat/no_such_message, PT403 chat/not_your_message, PT409 chat/message_deleted, chat/not_deletable, chat/already_sent, chat/too_late.';

create or replace function public.chat_react(message uuid, emoji text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    target record;
    actor text;
    numbers record;
begin
    if chat_react.emoji is not null and (
        char_length(chat_react.emoji) not between 1 and 16 or octet_length(chat_react.emoji) > 64
        or chat_react.emoji ~ '[[:cntrl:][:space:][:alpha:]<>&]')
    then
        raise exception 'a reaction is one emoji'
            using errcode = 'PT422', detail = 'chat/not_an_emoji', hint = 'send one emoji, or null to take it back';
    end if;
    target := chat.message_for_actor(chat_react.message);
    if (target.message).deleted_at is not null then
        raise exception 'the message was taken back'
            using errcode = 'PT409', detail = 'chat/message_deleted', hint = 'react to another message';
    end if;
    if (target.conversation).channel = 'whatsapp' and (target.message).public_seq is not null then
        raise exception 'a reaction cannot be sent to WhatsApp'
            using errcode = 'PT422', detail = 'chat/kind_not_sendable', hint = 'send a text';
    end if;
    actor := case when target.visitor_id is null then 'agent:' || target.agent_id else 'visitor:' || target.visitor_id end;
    if (target.message).reactions -> actor ->> 'emoji' is distinct from chat_react.emoji then
        select * into numbers from chat.next_change((target.conversation).id, (target.message).public_seq is not null);
        update public.mod_chat_messages m
        set reactions = m.reactions || jsonb_build_object(actor, jsonb_build_object('emoji', chat_react.emoji, 'at', at)),
            change = numbers.change,
            change_before = case when m.public_seq is not null then numbers.change_before end,
            updated_at = at
        where m.id = (target.message).id;
    end if;
    return chat.message_as_seen((target.message).id, target.visitor_id is not null);
end
$$;
comment on function public.chat_react(uuid, text) is
    'The caller''s reaction to a message, one each; null takes it back. Answers the row as the caller reads it. PT401 as chat.my_session, PT404 chat/no_such_message, PT409 chat/message_deleted, PT422 chat/not_an_emoji, chat/kind_not_sendable.';

-- file: sql/conversations/canned.sql
-- What: finding a ready answer by its /shortcut or words, and using it.
-- Why: an agent types a few letters; their own answers and those used often come first. Using one fills its places and
--      counts. What it leaves empty is told, so that nobody sends a hole.
-- Leaves out: sending it; keeping the answers, which is plain rows (policies/conversations.sql).

create or replace function public.chat_find_canned(site uuid, query text default '', page_size integer default 10)
returns setof public.mod_chat_canned_responses
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    me constant uuid := auth.uid();
    -- A shortcut is the same with and without its stroke.
    wanted constant text := lower(ltrim(btrim(coalesce(chat_find_canned.query, '')), '/'));
begin
    perform chat.require(chat_find_canned.site, 'live-chat.conversations.reply');
    return query
        select r.*
        from public.mod_chat_canned_responses r
        cross join lateral (select lower(ltrim(btrim(r.shortcut), '/')) as shortcut) s
        where r.site_id = chat_find_canned.site and r.is_active and (r.is_shared or r.created_by = me)
            and (wanted = '' or starts_with(s.shortcut, wanted)
                or btrim(chat_find_canned.query) not like '/%'
                    and (strpos(lower(r.title), wanted) > 0 or strpos(lower(r.content), wanted) > 0
                        or strpos(lower(r.category), wanted) > 0 or wanted = any (lower(r.tags::text)::text[])))
        order by s.shortcut = wanted desc nulls last, starts_with(s.shortcut, wanted) and wanted <> '' desc nulls last,
            r.created_by = me and not r.is_shared desc nulls last, r.usage_count desc, r.title, r.id
        limit least(greatest(coalesce(chat_find_canned.page_size, 10), 1), 100);
end
$$;
comment on function public.chat_find_canned(uuid, text, integer) is
    'Ready answers the caller may use: `/re` finds shortcuts that begin so, other words also titles, texts, categories and tags. Best first. PT403 chat/not_allowed.';

create or replace function public.chat_use_canned(response uuid, conversation uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    me constant uuid := auth.uid();
    chat_row public.mod_chat_conversations;
    answer public.mod_chat_canned_responses;
    filled jsonb;
begin
    chat_row := chat.lock_conversation(chat_use_canned.conversation, 'live-chat.conversations.reply');
    update public.mod_chat_canned_responses r
    set usage_count = r.usage_count + 1, last_used_at = clock_timestamp()
    where r.id = chat_use_canned.response and r.site_id = chat_row.site_id and r.is_active
        and (r.is_shared or r.created_by = me)
    returning r.* into answer;
    if not found then
        raise exception 'there is no ready answer % that you may use', chat_use_canned.response
            using errcode = 'PT404', detail = 'chat/no_such_canned', hint = 'chat_find_canned lists them';
    end if;
    select chat.fill_variables(answer.content, jsonb_build_object(
        'visitor.name', v.name, 'visitor.first_name', split_part(btrim(v.name), ' ', 1), 'visitor.email', v.email,
        'visitor.phone', v.phone, 'visitor.city', v.city, 'visitor.country', v.country,
        'agent.name', a.display_name, 'agent.email', a.email, 'department.name', d.name,
        'conversation.number', chat_row.session_number, 'conversation.subject', chat_row.subject,
        'site.name', coalesce(w.company_name, to_jsonb(s) ->> 'name'))) into filled
    from public.mod_chat_visitors v
    join public.sites s on s.id = v.site_id
    left join public.mod_chat_agents a on a.site_id = v.site_id and a.user_id = me and a.is_active
    left join public.mod_chat_departments d on d.id = chat_row.department_id
    left join public.mod_chat_widget_settings w on w.site_id = v.site_id
    where v.id = chat_row.visitor_id;
    return jsonb_build_object('id', answer.id) || filled;
end
$$;
comment on function public.chat_use_canned(uuid, uuid) is
    'Counts one use of a ready answer and answers {id, content, missing, unknown}: the words with {{visitor.name|default}}, visitor.first_name, .email, .phone, .city, .country, agent.name, .email, department.name, conversation.number, .subject and site.name filled in. PT404 chat/no_such_canned and chat/no_such_conversation, PT403 chat/not_allowed.';

-- file: sql/conversations/api.sql
-- What: conversations of a site's own programs: what somebody wrote elsewhere comes in, and agents begin one.
-- Why: LC-01's channel `api`. The service key vouches for the external id, so it selects a person; the answers are read as
--      rows or heard as events.
-- Leaves out: carrying answers out, which outgoing webhooks do.

create or replace function chat.api_identity(p_site uuid, p_external_id text, p_person jsonb)
returns uuid
language plpgsql
as $$
declare
    person uuid;
    visitor uuid;
begin
    if not exists (select from public.sites s where s.id = p_site) then
        raise exception 'there is no site %', p_site
            using errcode = 'PT404', detail = 'chat/no_such_site', hint = 'use the id of a row of sites';
    end if;
    if coalesce(char_length(btrim(p_external_id)), 0) = 0 or char_length(p_external_id) > 255 then
        raise exception 'an external id has 1 to 255 characters'
            using errcode = 'PT422', detail = 'chat/external_id', hint = 'send the id your own system knows the person by';
    end if;
    if jsonb_typeof(coalesce(p_person, '{}')) <> 'object' or pg_column_size(p_person) > 16384 then
        raise exception 'person is an object of up to 16 kB'
            using errcode = 'PT422', detail = 'chat/person', hint = 'send {name, email, phone}, or leave it out';
    end if;
    -- Whoever is erased at this moment is somebody new.
    loop
        person := gen_random_uuid();
        insert into chat.identity_aliases (site_id, portfolio, kind, value, identity_id)
        values (p_site, '', 'api', p_external_id, person)
        on conflict do nothing;
        if found then
            insert into public.mod_chat_visitors (site_id, external_id, name, email, phone, channel)
            values (p_site, p_external_id, left(p_person ->> 'name', 200), left(p_person ->> 'email', 320),
                left(p_person ->> 'phone', 50), 'api')
            returning id into visitor;
            insert into chat.identities (id, site_id, visitor_id) values (person, p_site, visitor);
            return person;
        end if;
        select a.identity_id into person from chat.identity_aliases a
        where a.site_id = p_site and a.portfolio = '' and a.kind = 'api' and a.value = p_external_id;
        perform from chat.identities i where i.id = person for no key update;
        if found then
            return person;
        end if;
    end loop;
end
$$;
comment on function chat.api_identity(uuid, text, jsonb) is
    'Identity of an external id, found or made, and locked. PT404 chat/no_such_site, PT422 chat/external_id, chat/person.';

create or replace function chat.api_home(p_site uuid, p_identity uuid)
returns uuid
language plpgsql
as $$
declare
    home uuid;
begin
    loop
        home := chat.home_conversation(p_site, p_identity, null, 'api', null);
        if home is null then
            raise exception 'this person is blocked'
                using errcode = 'PT403', detail = 'chat/blocked', hint = 'lift the block with chat_unblock';
        end if;
        -- Whoever ends it at this moment ends it before the message, which then opens it again or begins another.
        perform from public.mod_chat_conversations c where c.id = home and c.archived_at is null for no key update;
        exit when found;
    end loop;
    return home;
end
$$;
comment on function chat.api_home(uuid, uuid) is
    'Open conversation, locked, of an identity the caller has locked. PT403 chat/blocked.';

create or replace function public.chat_receive_api(
    site uuid, external_id text, content text, id uuid default gen_random_uuid(), person jsonb default '{}',
    metadata jsonb default '{}')
returns setof public.mod_chat_messages
language plpgsql
security definer
set search_path = ''
as $$
declare
    identity uuid;
    home uuid;
begin
    perform chat.require_text(chat_receive_api.content);
    if jsonb_typeof(coalesce(chat_receive_api.metadata, '{}')) <> 'object' or pg_column_size(chat_receive_api.metadata) > 16384 then
        raise exception 'metadata is an object of up to 16 kB'
            using errcode = 'PT422', detail = 'chat/metadata', hint = 'send fewer facts, or leave it out';
    end if;
    identity := chat.api_identity(chat_receive_api.site, chat_receive_api.external_id, chat_receive_api.person);
    -- A repetition must not open or reopen a conversation.
    if not exists (
        select from public.mod_chat_messages m
        join public.mod_chat_conversations c on c.id = m.conversation_id
        where m.id = chat_receive_api.id and c.identity_id = identity)
    then
        home := chat.api_home(chat_receive_api.site, identity);
        insert into public.mod_chat_messages (id, conversation_id, sender_type, sender_name, content, metadata)
        select coalesce(chat_receive_api.id, gen_random_uuid()), home, 'visitor', v.name, chat_receive_api.content,
            coalesce(chat_receive_api.metadata, '{}')
        from chat.identities i join public.mod_chat_visitors v on v.id = i.visitor_id
        where i.id = identity
        returning mod_chat_messages.id into id;
    end if;
    return query select m.* from public.mod_chat_messages m where m.id = chat_receive_api.id;
end
$$;
comment on function public.chat_receive_api(uuid, text, text, uuid, jsonb, jsonb) is
    'For a service key: what the person with an external id wrote elsewhere. Repeated with its id it answers the same row. PT403 chat/blocked, PT404 chat/no_such_site, PT409 chat/id_in_use, PT422 chat/text_length, chat/external_id, chat/person, chat/metadata.';

create or replace function public.chat_start_conversation(
    site uuid, external_id text, content text default null, subject text default null, id uuid default gen_random_uuid())
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    identity uuid;
    home uuid;
    agent public.mod_chat_agents;
begin
    perform chat.require(chat_start_conversation.site, 'live-chat.conversations.reply');
    select a.* into agent from public.mod_chat_agents a where a.id = chat.my_agent(chat_start_conversation.site);
    if chat_start_conversation.content is not null then
        perform chat.require_text(chat_start_conversation.content);
    end if;
    identity := chat.api_identity(chat_start_conversation.site, chat_start_conversation.external_id, '{}');
    home := chat.api_home(chat_start_conversation.site, identity);
    -- Whose it is stays so; what is nobody's is the beginner's.
    update public.mod_chat_conversations c
    set assigned_agent_id = coalesce(c.assigned_agent_id, agent.id),
        subject = coalesce(chat_start_conversation.subject, c.subject)
    where c.id = home
        and (c.assigned_agent_id is null or chat_start_conversation.subject is distinct from c.subject);
    if not chat.sees_conversation(home) then
        raise exception 'a colleague talks to this person already'
            using errcode = 'PT403', detail = 'chat/not_allowed', hint = 'ask a supervisor to hand it to you';
    end if;
    if chat_start_conversation.content is not null then
        insert into public.mod_chat_messages (id, conversation_id, sender_type, sender_id, sender_name, sender_avatar, content)
        values (coalesce(chat_start_conversation.id, gen_random_uuid()), home, 'agent', agent.id, agent.display_name,
            agent.avatar_url, chat_start_conversation.content);
    end if;
    return query select c.* from public.mod_chat_conversations c where c.id = home;
end
$$;
comment on function public.chat_start_conversation(uuid, text, text, text, uuid) is
    'An agent begins, or goes on with, the conversation of the person with an external id; `id` is the message''s. PT403 chat/not_allowed, chat/not_an_agent and chat/blocked, PT404 chat/no_such_site, PT409 chat/id_in_use, PT422 chat/text_length, chat/external_id, chat/subject_length.';

-- file: sql/conversations/read_messages.sql
-- What: a conversation's messages: pages both ways, and what changed since.
-- Why: pages are cut by the gapless `seq`, so nothing is skipped or read twice while messages arrive; within a page rows
--      stand as they are shown, by (sent_at, seq). Both run with the caller's rights: the policies say who reads.
--      One plan serves every page, because planning the policies would cost more than reading. So a bound is a variable:
--      under a policy a condition with coalesce() may leak for all PostgreSQL knows, and would be asked row by row.
-- Leaves out: visitors, who read their own view.

create or replace function chat.require_conversation(p_conversation uuid)
returns void
language plpgsql
stable
as $$
begin
    if not exists (select from public.mod_chat_conversations c where c.id = p_conversation) then
        raise exception 'there is no conversation % that you may see', coalesce(p_conversation::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
end
$$;
comment on function chat.require_conversation(uuid) is
    'PT404 chat/no_such_conversation unless whoever asks sees the conversation.';

create or replace function public.chat_messages(
    conversation uuid, before bigint default null, after bigint default null, page_size integer default 50
)
returns setof public.mod_chat_messages
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    bound constant bigint := coalesce(chat_messages.before, 9223372036854775807);
begin
    perform chat.require_page_size(chat_messages.page_size, 500);
    if chat_messages.before is not null and chat_messages.after is not null then
        raise exception 'a page goes one way'
            using errcode = 'PT422', detail = 'chat/two_ways', hint = 'give before for older messages or after for newer ones';
    end if;
    if chat_messages.after is null then
        return query
            select (page.m).* from (
                select m from public.mod_chat_messages m
                where m.conversation_id = chat_messages.conversation
                    and m.seq < bound
                order by m.seq desc limit chat_messages.page_size) page
            order by (page.m).sent_at, (page.m).seq;
    else
        return query
            select (page.m).* from (
                select m from public.mod_chat_messages m
                where m.conversation_id = chat_messages.conversation and m.seq > chat_messages.after
                order by m.seq limit chat_messages.page_size) page
            order by (page.m).sent_at, (page.m).seq;
    end if;
    if not found then
        perform chat.require_conversation(chat_messages.conversation);
    end if;
end
$$;
comment on function public.chat_messages(uuid, bigint, bigint, integer) is
    'A page of messages in the order they are shown: the newest, those before a seq, or those after one. A short page is the last. PT404 chat/no_such_conversation, PT422 chat/two_ways, chat/page_size.';

create or replace function public.chat_changes(conversation uuid, since bigint, page_size integer default 100)
returns jsonb
language plpgsql
stable
set search_path = ''
set plan_cache_mode = force_generic_plan
as $$
declare
    known constant bigint := coalesce(chat_changes.since, 0);
    c public.mod_chat_conversations;
    messages jsonb;
    newest bigint;
    found bigint;
begin
    perform chat.require_page_size(chat_changes.page_size, 500);
    select * into c from public.mod_chat_conversations x where x.id = chat_changes.conversation;
    if c.id is null then
        perform chat.require_conversation(chat_changes.conversation);
    end if;
    select jsonb_agg(to_jsonb(m) order by m.change), max(m.change), count(*) into messages, newest, found
    from (
        select * from public.mod_chat_messages x
        where x.conversation_id = c.id and x.change > known
        order by x.change limit chat_changes.page_size) m;
    return jsonb_build_object(
        'conversation', case when c.row_change > known then to_jsonb(c) end,
        'messages', coalesce(messages, '[]'),
        'more', found = chat_changes.page_size,
        'change', case when found = chat_changes.page_size then newest else c.last_change end);
end
$$;
comment on function public.chat_changes(uuid, bigint, integer) is
    'What changed in a conversation after a change number: {conversation (null when its own fields did not), messages, more, change (to ask with next)}. PT404 chat/no_such_conversation, PT422 chat/page_size.';

-- file: sql/conversations/inbox_condition.sql
-- What: what a filter of the inbox means, as a condition on conversations `c` whose place in the order is `{at}`.
-- Why: pages, counts and saved views read a filter the same way. The keys are LC-01's ConversationFilters and ours; every
--      value is quoted as a literal, so the planner sees it.
-- Leaves out: who may see what, and `search`, which is looked up before (find_conversations.sql).

create or replace function chat.bad_filter(p_key text, p_value jsonb, p_hint text)
returns text
language plpgsql
immutable
as $$
begin
    raise exception 'the filter % cannot be %', p_key, left(p_value::text, 100)
        using errcode = 'PT422', detail = 'chat/bad_filter', hint = p_hint;
end
$$;
comment on function chat.bad_filter(text, jsonb, text) is 'Raises PT422 chat/bad_filter for one key of a filter.';

create or replace function chat.filter_word(p_key text, p_value jsonb, p_words text[])
returns text
language plpgsql
immutable
as $$
begin
    if p_value #>> '{}' = any (p_words) then
        return p_value #>> '{}';
    end if;
    return chat.bad_filter(p_key, p_value, 'use one of ' || array_to_string(p_words, ', '));
end
$$;
comment on function chat.filter_word(text, jsonb, text[]) is 'A word of a filter, which must be one of a list. PT422 chat/bad_filter.';

create or replace function chat.filter_id(p_key text, p_value jsonb)
returns uuid
language plpgsql
immutable
as $$
begin
    if p_value #>> '{}' ~* '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' then
        return (p_value #>> '{}')::uuid;
    end if;
    return chat.bad_filter(p_key, p_value, 'use an id (uuid)');
end
$$;
comment on function chat.filter_id(text, jsonb) is 'An id of a filter. PT422 chat/bad_filter.';

create or replace function chat.filter_time(p_key text, p_value jsonb, p_end boolean)
returns timestamptz
language plpgsql
stable
as $$
declare
    words constant text := p_value #>> '{}';
begin
    if jsonb_typeof(p_value) = 'string' and words ~ '^\d{4}-\d\d-\d\d' then
        -- A day without a time means all of it.
        return words::timestamptz + case when p_end and length(words) = 10 then interval '1 day' else interval '0' end;
    end if;
    return chat.bad_filter(p_key, p_value, 'use a date or a time, as 2026-01-31 or 2026-01-31T12:00:00Z');
exception when data_exception then
    return chat.bad_filter(p_key, p_value, 'use a date or a time, as 2026-01-31 or 2026-01-31T12:00:00Z');
end
$$;
comment on function chat.filter_time(text, jsonb, boolean) is
    'A time of a filter; a day alone is its beginning, or with p_end the beginning of the next. PT422 chat/bad_filter.';

create or replace function chat.inbox_condition(p_filters jsonb)
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    limited constant uuid[] := chat.my_limited_sites();
    me constant uuid[] := array(select a.id from public.mod_chat_agents a where a.user_id = auth.uid() and a.is_active);
    parts text[] := array['true'];
    filter record;
begin
    if jsonb_typeof(p_filters) is distinct from 'object' then
        perform chat.bad_filter('filters', p_filters, 'use an object, as {"status": "open"}');
    end if;
    if limited <> '{}' then
        parts := parts || format('(c.site_id <> all (%L) or chat.in_part(%L, c.site_id, c.assigned_agent_id, c.last_agent_id,
            c.department_id, c.phone_number_id))', limited, chat.my_part());
    end if;
    for filter in
        select e.key, e.value, e.value #>> '{}' as word from jsonb_each(p_filters) e
        where e.value not in ('null', '"all"') or e.key = 'search'
        order by e.key
    loop
        parts := parts || case filter.key
            when 'status' then case
                    chat.filter_word('status', filter.value, array['pending', 'active', 'waiting', 'resolved', 'closed',
                        'missed', 'open', 'archived', 'snoozed', 'all'])
                when 'open' then 'c.archived_at is null'
                when 'archived' then 'c.archived_at is not null'
                when 'snoozed' then 'c.archived_at is null and c.snoozed_until is not null'
                else format('c.status = %L and c.archived_at is %s', filter.word,
                    case when filter.word in ('pending', 'active', 'waiting') then 'null' else 'not null' end)
            end
            when 'channel' then format('c.channel = %L',
                chat.filter_word('channel', filter.value, array['widget', 'whatsapp', 'api', 'all']))
            when 'priority' then format('c.priority = %L',
                chat.filter_word('priority', filter.value, array['low', 'normal', 'high', 'urgent', 'all']))
            when 'assignedAgentId' then case filter.word
                when 'unassigned' then 'c.assigned_agent_id is null'
                -- One agent as an equality, so that an index gives the order; who works at several sites has several.
                when 'me' then format(case cardinality(me) when 1 then 'c.assigned_agent_id = %L'
                    else 'c.assigned_agent_id = any (%L::uuid[])' end,
                    case cardinality(me) when 1 then me[1]::text else me::text end)
                else format('c.assigned_agent_id = %L', chat.filter_id('assignedAgentId', filter.value))
            end
            when 'departmentId' then case filter.word
                when 'none' then 'c.department_id is null'
                else format('c.department_id = %L', chat.filter_id('departmentId', filter.value))
            end
            -- A person may be several rows.
            when 'visitorId' then format('c.visitor_id = any (%L::uuid[])',
                chat.person_rows(chat.filter_id('visitorId', filter.value)))
            when 'phoneNumberId' then format('c.phone_number_id = %L', filter.word)
            when 'tags' then format('c.tags @> %L::text[]', case jsonb_typeof(filter.value)
                when 'array' then array(select jsonb_array_elements_text(filter.value))
                when 'string' then array[filter.word]
                else chat.bad_filter('tags', filter.value, 'use a tag, or a list of tags that all must be there')::text[]
            end)
            when 'unread' then case filter.value::text
                when 'true' then 'c.unread_agent_count > 0'
                when 'false' then 'c.unread_agent_count = 0'
                else chat.bad_filter('unread', filter.value, 'use true or false')
            end
            when 'sla' then format('exists (select from chat.sla_cases k where k.conversation_id = c.id and k.due_at is not null%s)',
                case chat.filter_word('sla', filter.value, array['running', 'warned', 'breached', 'all'])
                    when 'warned' then ' and k.warned and not k.breached'
                    when 'breached' then ' and k.breached' end)
            -- An order is no condition, but may be misspelt.
            when 'sort' then case chat.filter_word('sort', filter.value, array['last_message', 'sla']) when '' then 'true' end
            when 'dateFrom' then format('{at} >= %L', chat.filter_time('dateFrom', filter.value, false))
            when 'dateTo' then format('{at} < %L', chat.filter_time('dateTo', filter.value, true))
            when 'siteId' then format('c.site_id = %L', chat.filter_id('siteId', filter.value))
            when 'search' then null
            else chat.bad_filter(filter.key, filter.value, 'the filters are status, channel, assignedAgentId, departmentId,'
                ' priority, search, dateFrom, dateTo, siteId, phoneNumberId, visitorId, tags, unread, sla, sort')
        end;
    end loop;
    return array_to_string(parts, ' and ');
end
$$;
comment on function chat.inbox_condition(jsonb) is
    'A filter as a condition on conversations `c` that hides what the caller''s role does not see; {at} stands for its place in the order. PT422 chat/bad_filter.';

-- file: sql/conversations/all_ended.sql
-- What: an id above those of all transactions so far, and whether all that were before one have ended.
-- Why: event ids are given before they commit, so whoever follows events has to know when no lower one can appear any more.
-- Leaves out: following them (index_words.sql, routing/follow_sla.sql).

create or replace function chat.xid_from_now(p_progress regclass)
returns xid8
language plpgsql
as $$
declare
    own constant bigint := pg_current_xact_id()::text::bigint;
    given bigint;
begin
    -- A snapshot knows no id of those that run and are younger than all that ended. This block is a transaction within the
    -- transaction, which gets its id when it first writes: now.
    begin
        execute format('update %s set only_row = true returning xmin::text::bigint', p_progress) into given;
    exception when others then
        raise;
    end;
    given := ((own >> 32) << 32) | given;
    return (case when given < own then given + (1::bigint << 32) else given end)::text::xid8;
end
$$;
comment on function chat.xid_from_now(regclass) is
    'A transaction id that is greater than any that was given so far. Writes the one row of a table of progress, which the caller holds.';

create or replace function chat.all_ended(p_xid xid8)
returns boolean
language plpgsql
stable
as $$
declare
    running constant pg_snapshot := pg_current_snapshot();
begin
    -- One that is yet to come is of another cluster, where a dump was made.
    return pg_snapshot_xmin(running) >= p_xid or pg_snapshot_xmax(running) < p_xid;
end
$$;
comment on function chat.all_ended(xid8) is 'Whether every transaction has ended that got its id before this one was given.';

-- file: sql/conversations/index_words.sql
-- What: fills the index that search reads, in batches.
-- Why: messages arrive at a rate at which nobody wants to wait for an index. Event ids are given before they commit, so a
--      cursor over them is moved only to an id below which nothing can appear any more: one that was newest when the
--      oldest transaction that is still running had not begun.
--      Nothing here waits for a lock, so it is the last thing a tick does.
-- Leaves out: reading the index (search.sql).

create or replace function chat.index_messages(p_messages uuid[])
returns integer
language plpgsql
as $$
declare
    stored integer;
begin
    with words as (
        select m.id, m.site_id, m.conversation_id, m.sent_at,
            to_tsvector('simple', left(concat_ws(' ', m.content, m.file_name), 20000)) as words
        from public.mod_chat_messages m
        -- Lines of the system, whoever wrote them, are not what people said.
        where m.id = any (p_messages) and m.sender_type <> 'system' and m.kind not in ('event', 'system')
            and (m.content <> '' or m.file_name <> '')
    ), stored as (
        insert into chat.message_words (message_id, site_id, conversation_id, sent_at, words)
        select w.id, w.site_id, w.conversation_id, w.sent_at, w.words from words w where w.words <> ''
        on conflict (message_id) do update set words = excluded.words
        returning site_id, words
    ), used as (
        insert into chat.words (site_id, word)
        select distinct s.site_id, l.lexeme from stored s cross join lateral unnest(s.words) l
        where l.lexeme ~ '^[[:alpha:]]{4,30}$'
        order by 1, 2
        on conflict do nothing
    ), stale as (
        delete from chat.message_words w where w.message_id = any (p_messages) and not exists (select from words x where x.id = w.message_id and x.words <> '')
    )
    select count(*) into stored from stored;
    return stored;
end
$$;
comment on function chat.index_messages(uuid[]) is 'Puts messages into the index of search, or renews what stands there.';

create or replace function chat.index_due(p_batch integer)
returns integer
language plpgsql
as $$
declare
    next constant bigint[] := array(
        select d.id from chat.words_due d order by d.id limit p_batch for update skip locked);
    -- A message that is being deleted is left alone, and stays due: it may stay after all.
    known constant uuid[] := array(
        select m.id from public.mod_chat_messages m
        where m.id in (select d.message_id from chat.words_due d where d.id = any (next))
        for key share skip locked);
begin
    with done as (
        delete from chat.words_due d
        where d.id = any (next)
            and (d.message_id is null or d.message_id = any (known)
                or not exists (select from public.mod_chat_messages m where m.id = d.message_id))
        returning d.site_id, d.forgotten
    )
    delete from chat.words w using done d cross join lateral unnest(d.forgotten) l
    where w.site_id = d.site_id and w.word = l.lexeme;
    return chat.index_messages(known);
end
$$;
comment on function chat.index_due(integer) is 'Does what stands in words_due; how many messages were indexed.';

create or replace function chat.index_words(p_batch integer)
returns integer
language plpgsql
as $$
declare
    progress chat.words_progress;
    reached bigint;
    due uuid[];
    held bigint;
    known uuid[];
begin
    -- One tick at a time; the others have better things to do.
    select * into progress from chat.words_progress for update skip locked;
    if not found then
        return 0;
    end if;
    if progress.adopted is not null then
        select array_agg(x.id order by x.id) into due
        from (select m.id from public.mod_chat_messages m where m.id > progress.adopted order by m.id limit p_batch
            for key share skip locked) x;
        update chat.words_progress set adopted = due[cardinality(due)];
        return chat.index_messages(due);
    end if;

    if progress.event_id >= progress.up_to then
        select max(x.id) into reached from chat.events x;
        if reached > progress.up_to then
            progress.up_to_xid := chat.xid_from_now('chat.words_progress');
            update chat.words_progress set up_to = reached, up_to_xid = progress.up_to_xid;
        end if;
        return chat.index_due(p_batch);
    end if;
    if not chat.all_ended(progress.up_to_xid) then
        return chat.index_due(p_batch);
    end if;

    select array_agg(x.message_id), max(x.id) into due, reached
    from (
        select e.id, e.message_id from chat.events e
        where e.id > progress.event_id and e.id <= progress.up_to
        order by e.id limit p_batch) x;
    -- A message that is being deleted is left alone; it may stay after all, so the cursor stops before it.
    known := array(select m.id from public.mod_chat_messages m where m.id = any (due) for key share skip locked);
    select min(e.id) - 1 into held
    from chat.events e join public.mod_chat_messages m on m.id = e.message_id
    where e.id > progress.event_id and e.id <= reached and m.id <> all (known);
    update chat.words_progress set event_id = least(held, reached);
    return chat.index_messages(known) + chat.index_due(p_batch);
end
$$;
comment on function chat.index_words(integer) is 'Indexes the words of the next messages; how many. For the tick.';

create or replace function chat.words_are_due()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.words_due (site_id, message_id) values (new.site_id, new.id);
    return null;
end
$$;
comment on function chat.words_are_due() is 'After a message''s text or file changed: its words are indexed anew.';

create or replace function chat.forget_words()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.words_due (site_id, forgotten) select r.site_id, r.words from removed r;
    return null;
end
$$;
comment on function chat.forget_words() is 'After words of messages were removed: they are no suggestions any more.';

create or replace trigger _700_forget after delete on chat.message_words
    referencing old table as removed for each statement execute function chat.forget_words();

-- file: sql/conversations/search.sql
-- What: search over every message of a site: by words, and where no message has them, by words that are spelt alike.
-- Why: newest first, because people look for what was said lately; without a date limit, because they also look for what
--      was said years ago. What the tick has not indexed yet is read from the event rows, so a message is found as soon
--      as it is there.
-- Leaves out: the index (message_words.sql), and what a query means (find_conversations.sql).

create or replace function chat.search_hits(
    p_site uuid, p_query tsquery, p_conversation uuid, p_before timestamptz, p_before_id uuid, p_limit integer
)
returns table (message_id uuid, conversation_id uuid, sent_at timestamptz)
language plpgsql
stable
-- A common word is found by walking back in time, a rare one by the index: the planner has to see the word.
set plan_cache_mode = force_custom_plan
as $$
declare
    indexed constant bigint := (select p.event_id from chat.words_progress p);
    limited constant boolean := p_site = any (chat.my_limited_sites());
begin
    return query
        select h.message_id, h.conversation_id, h.sent_at from (
            (select w.message_id, w.conversation_id, w.sent_at from chat.message_words w
            where w.site_id = p_site and w.words @@ p_query
                and (p_conversation is null or w.conversation_id = p_conversation)
                and (p_before is null or (w.sent_at, w.message_id) < (p_before, p_before_id))
                and (not limited or chat.sees_conversation(w.conversation_id))
                and not exists (select from chat.words_due d where d.message_id = w.message_id)
            order by w.sent_at desc, w.message_id desc limit p_limit)
            union
            (select m.id, m.conversation_id, m.sent_at
            from (
                (select e.message_id from chat.events e
                where e.site_id = p_site and e.id > indexed and e.message_id is not null
                order by e.id desc limit 20000)
                union
                select d.message_id from chat.words_due d where d.site_id = p_site) e
            join public.mod_chat_messages m on m.id = e.message_id
            where (not limited or chat.sees_conversation(m.conversation_id))
                and (p_conversation is null or m.conversation_id = p_conversation)
                and (p_before is null or (m.sent_at, m.id) < (p_before, p_before_id))
                and to_tsvector('simple', left(concat_ws(' ', m.content, m.file_name), 20000)) @@ p_query)) h
        order by h.sent_at desc, h.message_id desc
        limit p_limit;
end
$$;
comment on function chat.search_hits(uuid, tsquery, uuid, timestamptz, uuid, integer) is
    'Messages of a site that match a query, newest first, indexed or not; those the caller''s role does not see are left out.';

create or replace function chat.query_alike(p_site uuid, p_words text)
returns tsquery
language plpgsql
stable
as $$
begin
    return (
        select string_agg('(' || (
                select string_agg(quote_literal(w.word) || case when w.word = l.lexeme then ':*' else '' end, ' | ')
                from unnest(l.lexeme || chat.words_alike(p_site, l.lexeme)) w (word)) || ')', ' & ')::tsquery
        from unnest(to_tsvector('simple', left(p_words, 500))) l);
end
$$;
comment on function chat.query_alike(uuid, text) is 'A query for words or those of the site that are spelt like them.';

create or replace function chat.excerpt(p_text text, p_query tsquery)
returns jsonb
language plpgsql
immutable
as $$
declare
    -- Two characters that no text keeps mark the words; they never reach the reader.
    clean constant text := translate(left(p_text, 20000), chr(2) || chr(3), '');
    marked constant text := ts_headline('simple', clean, p_query,
        format('StartSel=%s, StopSel=%s, MaxWords=30, MinWords=12, ShortWord=0, MaxFragments=2, FragmentDelimiter=" … "', chr(2), chr(3)));
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object('text', p.part, 'match', p.match) order by p.n, p.match desc), '[]')
        from regexp_split_to_table(marked, chr(2)) with ordinality as s (piece, n)
        cross join lateral (values
            (case when s.n > 1 then split_part(s.piece, chr(3), 1) end, true, s.n),
            (case when s.n > 1 then split_part(s.piece, chr(3), 2) else s.piece end, false, s.n)) as p (part, match, n)
        where p.part <> '');
end
$$;
comment on function chat.excerpt(text, tsquery) is
    'The part of a text around what a query found: [{text, match}], plain text to be joined. No markup, so nothing to escape.';

create or replace function public.chat_search(
    site uuid, query text, after jsonb default null, page_size integer default 25, conversation uuid default null
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    asked tsquery := chat.search_query(chat_search.query);
    before_at timestamptz;
    before_id uuid;
    alike boolean := false;
    hits jsonb;
begin
    perform chat.require(chat_search.site, 'live-chat.conversations.view');
    perform chat.require_page_size(chat_search.page_size, 100);
    if asked is null or numnode(asked) = 0 then
        raise exception 'there is nothing to search for'
            using errcode = 'PT422', detail = 'chat/empty_query', hint = 'type at least one word';
    end if;
    if jsonb_typeof(chat_search.after) <> 'null' then
        select a.at, a.id into before_at, before_id
        from chat.inbox_after(jsonb_build_object('is_open', false, 'sort_at', chat_search.after -> 'sent_at',
            'id', chat_search.after -> 'message_id')) a;
        alike := chat_search.after -> 'alike' = 'true';
    end if;
    loop
        if alike then
            asked := chat.query_alike(chat_search.site, chat_search.query);
        end if;
        select jsonb_agg(jsonb_build_object(
            'message_id', m.id, 'conversation_id', m.conversation_id, 'seq', m.seq, 'sent_at', m.sent_at,
            'sender_type', m.sender_type, 'sender_name', m.sender_name, 'kind', m.kind,
            'is_internal_note', m.is_internal_note, 'alike', alike, 'visitor_name', v.name, 'status', c.status,
            'excerpt', chat.excerpt(concat_ws(' ', m.content, m.file_name), asked)) order by h.sent_at desc, h.message_id desc)
        into hits
        from chat.search_hits(chat_search.site, asked, chat_search.conversation, before_at, before_id, chat_search.page_size) h
        join public.mod_chat_messages m on m.id = h.message_id
        join public.mod_chat_conversations c on c.id = m.conversation_id
        join public.mod_chat_visitors v on v.id = c.visitor_id;
        exit when hits is not null or alike or before_at is not null;
        alike := true;
    end loop;
    return jsonb_build_object('hits', coalesce(hits, '[]'), 'alike', alike,
        'more', coalesce(jsonb_array_length(hits), 0) = chat_search.page_size);
end
$$;
comment on function public.chat_search(uuid, text, jsonb, integer, uuid) is
    'Messages of a site (or of one conversation) that say something, newest first: {hits, alike, more}. A hit has its excerpt as [{text, match}]; alike: no message has the words, these have some that are spelt like them. after: the last hit of the page before. PT403 chat/not_allowed, PT422 chat/empty_query, chat/page_size, chat/bad_after.';

-- file: sql/conversations/find_conversations.sql
-- What: which conversations a few words may mean: for the search field of an inbox.
-- Why: people type a name, a number, a mail, CHAT-00000042 or something that was said, into one field.
-- Leaves out: the messages that matched (search.sql). At most a thousand conversations are found, the latest said ones.

create or replace function chat.search_query(p_words text)
returns tsquery
language plpgsql
immutable
as $$
declare
    short constant text := left(p_words, 500);
begin
    -- Whoever writes quotes, minus or OR means them; else a word may go on: deliv finds delivery.
    if short ~ '"' or short ~* '(^|\s)(-\S|or\s)' then
        return websearch_to_tsquery('simple', short);
    end if;
    return (
        select string_agg(quote_literal(l.lexeme) || case when length(l.lexeme) > 2 then ':*' else '' end, ' & ')::tsquery
        from unnest(to_tsvector('simple', short)) l);
end
$$;
comment on function chat.search_query(text) is
    'What somebody typed as a query: "phrases", -not and OR as on the web, else every word or its beginning. Null when it says nothing.';

create or replace function chat.find_conversations(p_sites uuid[], p_words text)
returns uuid[]
language plpgsql
stable
as $$
declare
    typed constant text := left(btrim(p_words), 200);
    part constant text := '%' || replace(replace(replace(typed, '\', '\\'), '%', '\%'), '_', '\_') || '%';
    query constant tsquery := chat.search_query(typed);
    site uuid;
    found uuid[] := '{}';
begin
    foreach site in array p_sites loop
        found := found || array(
            select c.id from public.mod_chat_visitors v join public.mod_chat_conversations c on c.visitor_id = v.id
            where length(typed) > 2 and v.site_id = site
                and chat.visitor_words(v.name, v.email, v.phone, v.whatsapp_phone) ilike part
            order by c.created_at desc limit 1000)
        || array(
            select c.id from public.mod_chat_conversations c
            where length(typed) > 2 and c.site_id = site and c.subject ilike part limit 1000)
        || array(
            select c.id from public.mod_chat_conversations c
            where c.site_id = site and c.session_number = upper(typed))
        || array(
            select h.conversation_id from chat.search_hits(site, query, null, null, null, 1000) h);
    end loop;
    return found;
end
$$;
comment on function chat.find_conversations(uuid[], text) is
    'Conversations of sites whose visitor, subject, number or messages match what was typed.';

-- file: sql/conversations/inbox_by_sla.sql
-- What: the inbox in the order of what is due first of what was promised.
-- Why: the clocks have that order in an index of their own, and only a part of the conversations has any that runs.
-- Leaves out: filters, which are the inbox's (inbox_condition.sql), and the clocks (routing/sla.sql).

create or replace function chat.inbox_by_sla(
    p_sites uuid[], p_condition text, p_found uuid[], p_after jsonb, p_page_size integer)
returns setof public.chat_conversation_list
language plpgsql
stable
as $$
declare
    after_at timestamptz;
    after_id uuid;
begin
    begin
        if p_after <> 'null' then
            after_at := p_after ->> 'sla_due_at';
            after_id := p_after ->> 'id';
            if after_at is null or after_id is null then
                raise data_exception;
            end if;
        end if;
    exception when data_exception then
        raise exception 'the page cannot go on after %', left(p_after::text, 100)
            using errcode = 'PT422', detail = 'chat/bad_after', hint = 'give the last row of the page before, with its sla_due_at and id';
    end;
    return query execute format('
        select v.* from (
            select c.id, k.due_at
            from chat.sla_cases k join public.mod_chat_conversations c on c.id = k.conversation_id
            where k.site_id = any ($1) and k.due_at is not null and (%s) and (%s)
            order by k.due_at, k.conversation_id limit $2) page
        join public.chat_conversation_list v on v.id = page.id
        order by page.due_at, page.id',
        replace(p_condition, '{at}', 'coalesce(c.last_message_at, c.created_at)'),
        case when after_id is null then 'true' else format('(k.due_at, k.conversation_id) > (%L, %L)', after_at, after_id) end)
    using p_sites, p_page_size, p_found;
end
$$;
comment on function chat.inbox_by_sla(uuid[], text, uuid[], jsonb, integer) is
    'A page of what is due of what was promised, the most overdue first; conversations whose clocks do not run are no part of it. PT422 chat/bad_after.';

-- file: sql/conversations/inbox.sql
-- What: pages of the inbox, over one site or all that the caller works in.
-- Why: a filter that is no plain equality uses no index under row-level security; this asks for the right once and then
--      with the site spelled out. Open conversations come in the order of their last message, then the archive in the
--      order in which it ended: each part is read from its own index, so a page costs the same in ten years.
-- Leaves out: what filters mean (inbox_condition.sql); counts (counts.sql).

create or replace function chat.inbox_sites(p_filters jsonb)
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    sites constant uuid[] := chat.my_sites_with('live-chat.conversations.view');
    wanted uuid;
begin
    if jsonb_typeof(p_filters) = 'object' and p_filters ->> 'siteId' <> 'all' then
        wanted := chat.filter_id('siteId', p_filters -> 'siteId');
        if wanted <> all (sites) then
            perform chat.require(wanted, 'live-chat.conversations.view');
        end if;
        return array[wanted];
    end if;
    return sites;
end
$$;
comment on function chat.inbox_sites(jsonb) is
    'Sites that a filter means: its siteId, else all where the caller may view. PT403 chat/not_allowed, PT422 chat/bad_filter.';

create or replace function chat.require_page_size(p_size integer, p_most integer)
returns void
language plpgsql
immutable
as $$
begin
    if p_size between 1 and p_most then
        return;
    end if;
    raise exception 'a page cannot have % rows', coalesce(p_size::text, 'null')
        using errcode = 'PT422', detail = 'chat/page_size', hint = format('ask for 1 to %s', p_most);
end
$$;
comment on function chat.require_page_size(integer, integer) is 'PT422 chat/page_size unless a page has between one row and so many.';

create or replace function chat.inbox_after(p_after jsonb, out is_open boolean, out at timestamptz, out id uuid)
language plpgsql
immutable
as $$
begin
    if p_after is null or p_after = 'null' then
        return;
    end if;
    is_open := p_after ->> 'is_open';
    at := p_after ->> 'sort_at';
    id := p_after ->> 'id';
    if is_open is null or at is null or id is null then
        raise data_exception;
    end if;
exception when data_exception then
    raise exception 'the page cannot go on after %', left(p_after::text, 100)
        using errcode = 'PT422', detail = 'chat/bad_after', hint = 'give the last row of the page before, with its is_open, sort_at and id';
end
$$;
comment on function chat.inbox_after(jsonb) is 'Where a page goes on: is_open, sort_at and id of a row. PT422 chat/bad_after.';

create or replace function public.chat_inbox(filters jsonb default '{}', after jsonb default null, page_size integer default 25)
returns setof public.chat_conversation_list
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    sites constant uuid[] := chat.inbox_sites(chat_inbox.filters);
    condition text := chat.inbox_condition(chat_inbox.filters);
    -- One site is spelled out, so that the planner knows how much of its archive a filter meets: few rows are gathered and
    -- sorted, many are met soon on the way through the archive's own order.
    site constant text := case when cardinality(sites) = 1 then quote_literal(sites[1]) || '::uuid' else 's.site' end;
    part constant text := '(select c.id, %1$s as is_open, %2$s as at from public.mod_chat_conversations c
        where c.site_id = ' || site || ' and %3$s and %4$s and %5$s order by %2$s desc, c.id desc limit %6$s)';
    parts text[] := '{}';
    status constant text := coalesce(chat_inbox.filters ->> 'status', 'all');
    start record;
    found uuid[];
begin
    perform chat.require_page_size(chat_inbox.page_size, 200);
    if chat_inbox.filters ->> 'search' ~ '\S' then
        found := chat.find_conversations(sites, chat_inbox.filters ->> 'search');
        condition := condition || ' and c.id = any ($3)';
    end if;
    if chat_inbox.filters ->> 'sort' = 'sla' then
        return query select * from chat.inbox_by_sla(sites, condition, found, chat_inbox.after, chat_inbox.page_size);
        return;
    end if;
    select * into start from chat.inbox_after(chat_inbox.after);

    if start.is_open is not false and status not in ('archived', 'resolved', 'closed', 'missed') then
        -- Conversations in which nothing was said yet stand where they were opened; there are few.
        parts := array[
            format(part, 'true', 'c.last_message_at', 'c.archived_at is null and c.last_message_at is not null',
                replace(condition, '{at}', 'c.last_message_at'),
                case when start.is_open then format('(c.last_message_at, c.id) < (%L, %L)', start.at, start.id) else 'true' end,
                chat_inbox.page_size),
            format(part, 'true', 'c.created_at', 'c.archived_at is null and c.last_message_at is null',
                replace(condition, '{at}', 'c.created_at'),
                case when start.is_open then format('(c.created_at, c.id) < (%L, %L)', start.at, start.id) else 'true' end,
                chat_inbox.page_size)];
    end if;
    if status not in ('open', 'pending', 'active', 'waiting', 'snoozed') then
        parts := parts || format(part, 'false', 'c.archived_at', 'c.archived_at is not null',
            replace(condition, '{at}', 'c.archived_at'),
            case when not start.is_open then format('(c.archived_at, c.id) < (%L, %L)', start.at, start.id) else 'true' end,
            chat_inbox.page_size);
    end if;

    -- After the archive there are no open ones.
    if parts = '{}' then
        return;
    end if;
    return query execute format('
        select v.* from (
            select p.* from unnest($1) s (site) cross join lateral (%s) p
            order by p.is_open desc, p.at desc, p.id desc limit $2) page
        join public.chat_conversation_list v on v.id = page.id
        order by page.is_open desc, page.at desc, page.id desc', array_to_string(parts, ' union all '))
    using sites, chat_inbox.page_size, found;
end
$$;
comment on function public.chat_inbox(jsonb, jsonb, integer) is
    'A page of the inbox. filters: LC-01''s ConversationFilters (status also open, archived, snoozed; assignedAgentId also me; departmentId also none; dateFrom and dateTo are about sort_at) and siteId, phoneNumberId, visitorId, tags, unread, sla (running, warned, breached), sort (sla: by sla_due_at, only what has one). after: the last row of the page before. PT403 chat/not_allowed, PT422 chat/bad_filter, chat/bad_after, chat/page_size.';

-- file: sql/conversations/counts.sql
-- What: how many conversations there are: the badges of a site, and of any filter.
-- Why: counted, never added up, so they are exact; what is open is little and is read once for all badges.
-- Leaves out: figures over time (reports/).

create or replace function public.chat_counts(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
-- What is open is little, whatever the statistics say of a site unknown: hashed, not sorted, and planned once.
set enable_sort = off
set plan_cache_mode = force_generic_plan
as $$
declare
    me uuid;
    limited constant boolean := chat_counts.site = any (chat.my_limited_sites());
    part constant text[] := chat.my_part();
begin
    perform chat.require(chat_counts.site, 'live-chat.conversations.view');
    select a.id into me
    from public.mod_chat_agents a where a.site_id = chat_counts.site and a.user_id = auth.uid() and a.is_active;
    return (
        with sla as (
            select count(*) filter (where k.warned and not k.breached) as warned, count(*) filter (where k.breached) as breached
            from chat.sla_cases k
            where k.site_id = chat_counts.site and k.due_at is not null
                and (not limited or chat.sees_conversation(k.conversation_id))),
        open as materialized (
            select c.status::text as status, c.assigned_agent_id as agent, c.channel::text as channel,
                c.priority::text as priority, c.department_id as department, c.phone_number_id as number, count(*) as n,
                count(*) filter (where c.unread_agent_count > 0) as unread, count(c.snoozed_until) as snoozed
            from public.mod_chat_conversations c
            where c.site_id = chat_counts.site and c.archived_at is null
                and (not limited or chat.in_part(
                    part, c.site_id, c.assigned_agent_id, c.last_agent_id, c.department_id, c.phone_number_id))
            group by 1, 2, 3, 4, 5, 6),
        -- A row for each channel, each priority and so on, in one pass; a bit is 0 where its column is the key.
        sums as (
            select grouping(o.channel, o.priority, o.department, o.agent, o.number) as bits,
                coalesce(o.channel, o.priority, o.department::text, o.agent::text, o.number) as key, sum(o.n) as n
            from open o
            group by grouping sets (o.channel, o.priority, o.department, o.agent, o.number)),
        badges as (
            select jsonb_object_agg(s.key, s.n) filter (where s.bits = b'01111'::integer) as by_channel,
                jsonb_object_agg(s.key, s.n) filter (where s.bits = b'10111'::integer) as by_priority,
                jsonb_object_agg(coalesce(s.key, 'none'), s.n) filter (where s.bits = b'11011'::integer) as by_department,
                jsonb_object_agg(coalesce(s.key, 'unassigned'), s.n) filter (where s.bits = b'11101'::integer) as by_agent,
                jsonb_object_agg(coalesce(s.key, 'none'), s.n) filter (where s.bits = b'11110'::integer) as by_number
            from sums s)
        select jsonb_build_object(
            'open', coalesce(sum(o.n), 0),
            'pending', coalesce(sum(o.n) filter (where o.status = 'pending'), 0),
            'active', coalesce(sum(o.n) filter (where o.status = 'active'), 0),
            'waiting', coalesce(sum(o.n) filter (where o.status = 'waiting'), 0),
            'snoozed', coalesce(sum(o.snoozed), 0),
            'unassigned', coalesce(sum(o.n) filter (where o.agent is null), 0),
            'mine', coalesce(sum(o.n) filter (where o.agent = me), 0),
            'unread', coalesce(sum(o.unread), 0),
            'mine_unread', coalesce(sum(o.unread) filter (where o.agent = me), 0),
            'sla_warned', (select w.warned from sla w),
            'sla_breached', (select w.breached from sla w),
            'by_channel', coalesce((select b.by_channel from badges b), '{}'),
            'by_priority', coalesce((select b.by_priority from badges b), '{}'),
            'by_department', coalesce((select b.by_department from badges b), '{}'),
            'by_agent', coalesce((select b.by_agent from badges b), '{}'),
            'by_number', coalesce((select b.by_number from badges b), '{}'))
        from open o);
end
$$;
comment on function public.chat_counts(uuid) is
    'Badges over a site''s open conversations: {open, pending, active, waiting, snoozed, unassigned, mine, unread, mine_unread, sla_warned, sla_breached, by_channel, by_priority, by_department, by_agent, by_number}. PT403 chat/not_allowed.';

create or replace function public.chat_inbox_count(filters jsonb default '{}', most integer default 1000)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    sites constant uuid[] := chat.inbox_sites(chat_inbox_count.filters);
    condition text := replace(chat.inbox_condition(chat_inbox_count.filters), '{at}',
        'coalesce(c.archived_at, c.last_message_at, c.created_at)');
    found uuid[];
    counted bigint;
begin
    perform chat.require_page_size(chat_inbox_count.most, 100000);
    if chat_inbox_count.filters ->> 'search' ~ '\S' then
        found := chat.find_conversations(sites, chat_inbox_count.filters ->> 'search');
        condition := condition || ' and c.id = any ($3)';
    end if;
    execute format('select count(*) from (
            select from public.mod_chat_conversations c where c.site_id = any ($1) and %s limit $2 + 1) x', condition)
    into counted using sites, chat_inbox_count.most, found;
    return jsonb_build_object('count', least(counted, chat_inbox_count.most), 'more', counted > chat_inbox_count.most);
end
$$;
comment on function public.chat_inbox_count(jsonb, integer) is
    'How many conversations a filter of chat_inbox finds, counting to `most`: {count, more}. PT403 chat/not_allowed, PT422 chat/bad_filter, chat/page_size.';

-- file: sql/conversations/save_view.sql
-- What: keeping a filter of the inbox under a name, changing it, and taking it away.
-- Why: a filter is judged when it is saved, so that a list never fails later. Everybody keeps lists of their own; lists
--      for all are made by whoever may assign conversations, who runs the desk.
-- Leaves out: using them; that is chat_inbox with the filter.

create or replace view public.chat_saved_views with (security_barrier = true) as
select v.id, v.site_id, v.name, v.filters, v.is_shared, v.created_by = me.id as is_mine, v.sort_order,
    v.created_at, v.updated_at
from chat.saved_views v
cross join (select auth.uid() as id) me
where v.site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[])
    and (v.is_shared or v.created_by = me.id);
comment on view public.chat_saved_views is 'Named filters for chat_inbox: those shared with the caller''s sites and the caller''s own.';

create or replace function chat.require_view_right(p_site uuid, p_is_shared boolean)
returns void
language plpgsql
stable
as $$
begin
    perform chat.require(p_site, 'live-chat.conversations.view');
    if p_is_shared then
        perform chat.require(p_site, 'live-chat.conversations.assign');
    end if;
end
$$;
comment on function chat.require_view_right(uuid, boolean) is
    'Who may keep a list at a site: one''s own, or one for all. PT403 chat/not_allowed.';

create or replace function chat.saved_view(p_view uuid)
returns chat.saved_views
language plpgsql
as $$
declare
    found_view chat.saved_views;
begin
    select * into found_view from chat.saved_views v
    where v.id = p_view and v.site_id = any (chat.my_sites_with('live-chat.conversations.view'))
        and (v.is_shared or v.created_by = auth.uid())
    for update;
    if found_view.id is null then
        raise exception 'there is no saved view %', coalesce(p_view::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_view', hint = 'use an id of chat_saved_views';
    end if;
    perform chat.require_view_right(found_view.site_id, found_view.is_shared);
    return found_view;
end
$$;
comment on function chat.saved_view(uuid) is
    'A list that the caller may change, locked. PT404 chat/no_such_view, PT403 chat/not_allowed.';

create or replace function public.chat_save_view(
    site uuid, name text, filters jsonb, is_shared boolean default false, view uuid default null, sort_order integer default 0
)
returns setof public.chat_saved_views
language plpgsql
security definer
set search_path = ''
as $$
declare
    saved uuid := chat_save_view.view;
begin
    if chat_save_view.view is not null and (chat.saved_view(chat_save_view.view)).site_id is distinct from chat_save_view.site then
        raise exception 'a saved view stays at its site'
            using errcode = 'PT409', detail = 'chat/view_of_another_site', hint = 'save a new one without its id';
    end if;
    perform chat.require_view_right(chat_save_view.site, chat_save_view.is_shared);
    perform chat.inbox_condition(chat_save_view.filters);
    if chat_save_view.name !~ '\S' or length(chat_save_view.name) > 80 or chat_save_view.name is null then
        raise exception 'a saved view needs a name'
            using errcode = 'PT422', detail = 'chat/view_name', hint = 'give it 1 to 80 characters';
    end if;
    if saved is null then
        insert into chat.saved_views (site_id, name, filters, created_by, is_shared, sort_order)
        values (chat_save_view.site, btrim(chat_save_view.name), chat_save_view.filters, auth.uid(),
            coalesce(chat_save_view.is_shared, false), coalesce(chat_save_view.sort_order, 0))
        returning id into saved;
    else
        update chat.saved_views v
        set name = btrim(chat_save_view.name), filters = chat_save_view.filters,
            is_shared = coalesce(chat_save_view.is_shared, v.is_shared),
            sort_order = coalesce(chat_save_view.sort_order, v.sort_order), updated_at = clock_timestamp()
        where v.id = saved;
    end if;
    return query select v.* from public.chat_saved_views v where v.id = saved;
end
$$;
comment on function public.chat_save_view(uuid, text, jsonb, boolean, uuid, integer) is
    'Keeps a filter of chat_inbox under a name, or changes the one with that id; for all (live-chat.conversations.assign) or for oneself. PT403 chat/not_allowed, PT404 chat/no_such_view, PT409 chat/view_of_another_site, PT422 chat/view_name, chat/bad_filter.';

create or replace function public.chat_delete_view(view uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    gone constant uuid := (chat.saved_view(chat_delete_view.view)).id;
begin
    delete from chat.saved_views v where v.id = gone;
    return jsonb_build_object('deleted', gone);
end
$$;
comment on function public.chat_delete_view(uuid) is
    'Takes a saved view away: {deleted}. PT403 chat/not_allowed, PT404 chat/no_such_view.';

-- file: sql/team/announce_agent_status.sql
-- What: the event row and broadcast of an agent's new status.
-- Why: presence that everyone sees comes from the row, not from sockets.
-- Leaves out: presence of browsers, which is Realtime's.

create or replace function chat.announce_agent_status()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.events (site_id, name, agent_id) values (new.site_id, 'chat.agent.status_changed', new.id);
    perform chat.broadcast(
        array['chat:site:' || new.site_id],
        jsonb_build_object('v', 1, 'type', 'status_change', 'agent_id', new.id, 'status', new.status),
        array[null::bigint]);
    return null;
end
$$;
comment on function chat.announce_agent_status() is 'After an agent''s status changed: event row and broadcast to the site.';

-- file: sql/routing/note_sla.sql
-- What: what the clocks have to know of a change that is no message: since when a conversation waits for its visitor or is
--       over, and that its department, priority or tags are others.
-- Why: at commit, beside routing, by whoever made the change; a site that promises nothing pays a look or
--      two into an index, and that only for such a change.
-- Leaves out: the clocks themselves, which the tick looks at (follow_sla.sql).

create or replace function chat.note_sla(p_before public.mod_chat_conversations, p_after public.mod_chat_conversations)
returns void
language plpgsql
as $$
declare
    -- Running, waiting for the visitor, or over.
    was constant text := case when p_before.status in ('pending', 'active') then 'runs'
        when p_before.archived_at is null then 'waits' else 'over' end;
    is_now constant text := case when p_after.status in ('pending', 'active') then 'runs'
        when p_after.archived_at is null then 'waits' else 'over' end;
    was_noted boolean := false;
begin
    if was = is_now and (p_before.department_id, p_before.priority, p_before.tags)
        is not distinct from (p_after.department_id, p_after.priority, p_after.tags)
    then
        return;
    end if;
    if was <> is_now then
        -- What was said while it was over was said to nobody.
        update chat.sla_pauses p
        set ended_at = p_after.updated_at,
            seq = case when p.is_end then greatest(p.seq, p_before.last_seq) else p.seq end
        where p.conversation_id = p_after.id and p.ended_at is null;
        was_noted := found;
    end if;
    if not exists (select from chat.sla_policies p where p.site_id = p_after.site_id)
        and not exists (select from chat.sla_cases k where k.conversation_id = p_after.id)
    then
        return;
    end if;
    -- It was over before the site had policies.
    if was = 'over' and is_now <> 'over' and not was_noted then
        insert into chat.sla_pauses (site_id, conversation_id, seq, began_at, ended_at, is_end)
        values (p_after.site_id, p_after.id, p_before.last_seq, p_before.archived_at, p_after.updated_at, true);
    end if;
    if is_now <> was and is_now <> 'runs' then
        insert into chat.sla_pauses (site_id, conversation_id, seq, began_at, is_end)
        values (p_after.site_id, p_after.id, p_after.last_seq, p_after.updated_at, is_now = 'over');
    end if;
    insert into chat.sla_changes (site_id, conversation_id) values (p_after.site_id, p_after.id);
end
$$;
comment on function chat.note_sla(public.mod_chat_conversations, public.mod_chat_conversations) is
    'Notes a change of a conversation for the clocks of its site''s promises. The caller has changed it, and so holds it.';

create or replace function chat.note_sla_hours()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.sla_changes (site_id)
    select new.site_id where exists (
        select from chat.sla_policies p where p.site_id = new.site_id and p.in_business_hours);
    return null;
end
$$;
comment on function chat.note_sla_hours() is
    'After hours or time zone of a site or a department changed: clocks that run in business hours follow.';

-- file: sql/routing/save_routing.sql
-- What: says how a site or a department hands out conversations, and tells it.
-- Why: a function, because it decides routing: it takes the site's routing row and hands out what may go now.
-- Leaves out: auto_assign and capacity of departments (team/save_department.sql), skills (team/save_skills.sql).

create or replace function chat.routing_settings_of(p_site uuid, p_department uuid)
returns chat.routing_settings
language plpgsql
stable
as $$
declare
    settings chat.routing_settings;
begin
    select s.* into settings
    from chat.routing_settings s
    where s.site_id = p_site and (s.department_id = p_department or s.department_id is null)
    order by s.department_id nulls last
    limit 1;
    settings.strategy := coalesce(settings.strategy, 'least_busy');
    settings.unanswered_limit := coalesce(settings.unanswered_limit, 3);
    return settings;
end
$$;
comment on function chat.routing_settings_of(uuid, uuid) is
    'How a department''s conversations (null: those of none) are handed out: its own settings, else its site''s, else the defaults.';

create or replace function public.chat_routing(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_routing.site, 'live-chat.conversations.view');
    return coalesce((
        select jsonb_agg(jsonb_build_object(
            'department_id', d.id, 'department_name', d.name, 'auto_assign', coalesce(d.auto_assign, true),
            'is_own', o.site_id is not null, 'strategy', s.strategy, 'hourly_limit', s.hourly_limit,
            'skills_wait_seconds', s.skills_wait_seconds, 'fallback_seconds', s.fallback_seconds,
            'fallback_department_id', s.fallback_department_id,
            'unanswered_seconds', s.unanswered_seconds, 'unanswered_limit', s.unanswered_limit) order by d.sort_order nulls first, d.name)
        from (
            select null::uuid as id, null::text as name, null::boolean as auto_assign, null::integer as sort_order
            union all
            select x.id, x.name, x.auto_assign, x.sort_order
            from public.mod_chat_departments x where x.site_id = chat_routing.site and x.is_active) d
        left join chat.routing_settings o on o.site_id = chat_routing.site and o.department_id is not distinct from d.id
        cross join lateral chat.routing_settings_of(chat_routing.site, d.id) s), '[]');
end
$$;
comment on function public.chat_routing(uuid) is
    'How a site hands out conversations: first those of no department, then each active department''s: [{department_id, department_name, auto_assign, is_own, strategy, hourly_limit, skills_wait_seconds, fallback_seconds, fallback_department_id, unanswered_seconds, unanswered_limit}]. is_own false: its site''s, or the defaults. Needs live-chat.conversations.view. PT403 chat/not_allowed.';

create or replace function public.chat_save_routing(
    site uuid,
    department uuid default null,
    strategy text default 'least_busy',
    hourly_limit integer default null,
    skills_wait_seconds integer default 300,
    fallback_seconds integer default null,
    fallback_department uuid default null,
    unanswered_seconds integer default null,
    unanswered_limit integer default 3)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    stranger uuid;
begin
    perform chat.require(chat_save_routing.site, 'live-chat.agents.manage');
    if chat_save_routing.strategy is null
        or chat_save_routing.strategy not in ('least_busy', 'round_robin', 'sticky', 'skills')
    then
        raise exception 'there is no strategy %', coalesce(left(chat_save_routing.strategy, 50), 'null')
            using errcode = 'PT422', detail = 'chat/unknown_strategy', hint = 'use least_busy, round_robin, sticky or skills';
    end if;
    if chat_save_routing.hourly_limit < 1
        or least(chat_save_routing.skills_wait_seconds, chat_save_routing.fallback_seconds) < 0
    then
        raise exception 'an hourly limit is 1 or more, a wait 0 seconds or more'
            using errcode = 'PT422', detail = 'chat/routing_limits', hint = 'leave a limit out where there is none';
    end if;
    if chat_save_routing.unanswered_seconds not between 10 and 86400
        or (chat_save_routing.unanswered_limit between 1 and 10) is not true
    then
        raise exception 'an agent has 10 to 86400 seconds to answer, and a chat is taken back 1 to 10 times'
            using errcode = 'PT422', detail = 'chat/unanswered', hint = 'leave unanswered_seconds out where nothing is taken back';
    end if;
    if chat_save_routing.fallback_department is not null
        and (chat_save_routing.fallback_seconds is null or chat_save_routing.fallback_department = chat_save_routing.department)
    then
        raise exception 'a fallback is another department, after a time'
            using errcode = 'PT422', detail = 'chat/fallback', hint = 'give fallback_seconds and another department, or leave both out';
    end if;
    -- Whoever deletes a department has the routing row until it is gone.
    perform chat.lock_routing(chat_save_routing.site);
    select w.id into stranger
    from (values (chat_save_routing.department), (chat_save_routing.fallback_department)) w (id)
    where w.id is not null and not exists (
        select from public.mod_chat_departments d where d.site_id = chat_save_routing.site and d.id = w.id and d.is_active);
    if found then
        raise exception 'the site has no active department %', stranger
            using errcode = 'PT404', detail = 'chat/no_such_department', hint = 'use the id of an active department of the site, or null';
    end if;
    insert into chat.routing_settings as s (
        site_id, department_id, strategy, hourly_limit, skills_wait_seconds, fallback_seconds, fallback_department_id,
        unanswered_seconds, unanswered_limit)
    values (
        chat_save_routing.site, chat_save_routing.department, chat_save_routing.strategy, chat_save_routing.hourly_limit,
        chat_save_routing.skills_wait_seconds, chat_save_routing.fallback_seconds, chat_save_routing.fallback_department,
        chat_save_routing.unanswered_seconds, chat_save_routing.unanswered_limit)
    on conflict (site_id, department_id) do update
    set strategy = excluded.strategy,
        hourly_limit = excluded.hourly_limit,
        skills_wait_seconds = excluded.skills_wait_seconds,
        fallback_seconds = excluded.fallback_seconds,
        fallback_department_id = excluded.fallback_department_id,
        unanswered_seconds = excluded.unanswered_seconds,
        unanswered_limit = excluded.unanswered_limit;
    perform chat.drain(chat_save_routing.site);
    return public.chat_routing(chat_save_routing.site);
end
$$;
comment on function public.chat_save_routing(uuid, uuid, text, integer, integer, integer, uuid, integer, integer) is
    'How a department''s conversations (null: those of none, and of departments without settings of their own) are handed out, whole: strategy least_busy, round_robin, sticky or skills; hourly_limit an agent; how long a chat waits for skills (null: for ever); after how long a fallback department''s agents (null: anybody''s) may take it; after how many unanswered_seconds a chat goes back to the queue for somebody else (null: never), and how often one does. Waiting chats go out at once. Answers as chat_routing. Needs live-chat.agents.manage. PT403 chat/not_allowed; PT404 chat/no_such_department; PT422 chat/unknown_strategy, chat/routing_limits, chat/unanswered, chat/fallback.';

-- file: sql/routing/facts.sql
-- What: everything the choice of an agent for a conversation depends on.
-- Why: gathered once, under the site's routing row, and kept with the choice; chat_rules::routing decides from nothing else.
--      The candidates are columns and the whole is json, not jsonb: with a hundred agents that is a tenth of the work.
-- Leaves out: what no strategy of the site reads: skills, last hour and acquaintance are looked up only where they count.

create or replace function chat.routing_facts(p_conversation public.mod_chat_conversations, p_at timestamptz)
returns json
language plpgsql
stable
as $$
declare
    c constant public.mod_chat_conversations := p_conversation;
    settings constant chat.routing_settings := chat.routing_settings_of(c.site_id, c.department_id);
    department_max constant integer := (
        select d.max_concurrent_chats from public.mod_chat_departments d where d.id = c.department_id);
    known_agent uuid;
    skills_of_each json;
    department_load_of_each json;
    got_this_hour_of_each json;
begin
    -- What only some sites need is asked by itself: beside it the rest would be planned anew each time.
    if settings.strategy = 'sticky' then
        select coalesce(x.assigned_agent_id, x.last_agent_id) into known_agent
        from public.mod_chat_conversations x
        where x.visitor_id = c.visitor_id and x.id <> c.id and coalesce(x.assigned_agent_id, x.last_agent_id) is not null
        order by coalesce(x.agent_joined_at, x.created_at) desc
        limit 1;
    elsif settings.strategy = 'skills' then
        select json_agg(a.skills order by a.id) into skills_of_each
        from public.mod_chat_agents a where a.site_id = c.site_id and a.is_active;
    end if;
    if department_max is not null then
        -- Counted where it can count: of somebody who has as many chats at all.
        select json_agg(case when a.current_chat_count > 0 and a.current_chat_count >= department_max then (
                select count(*) from public.mod_chat_conversations x
                where x.assigned_agent_id = a.id and x.department_id = c.department_id and x.archived_at is null
                    and (x.status = 'active' or x.status = 'waiting' and x.snoozed_until is null)) end
            order by a.id) into department_load_of_each
        from public.mod_chat_agents a where a.site_id = c.site_id and a.is_active;
    end if;
    if settings.hourly_limit is not null then
        select json_agg((
                select count(*) from chat.choices k
                where k.agent_id = a.id and k.at > p_at - interval '1 hour' and k.by_user is null)
            order by a.id) into got_this_hour_of_each
        from public.mod_chat_agents a where a.site_id = c.site_id and a.is_active;
    end if;
    return (
        select json_build_object(
            'at', p_at,
            'conversation_id', c.id,
            'department_id', c.department_id,
            'preferred_agent_id', c.last_agent_id,
            -- Whoever gave it back gets it again after somebody else has had it.
            'returned_by', case when c.returned_by = c.last_agent_id then c.returned_by end,
            'waited_seconds', chat.waited_seconds(c.pending_since, p_at),
            'strategy', settings.strategy,
            'hourly_limit', settings.hourly_limit,
            'fallback_seconds', settings.fallback_seconds,
            'fallback_department_id', settings.fallback_department_id,
            'rule', c.applied_rule - '{then,passed_over,came_with}'::text[],
            'skills', case when settings.strategy = 'skills' then c.skills end,
            'skills_wait_seconds', case when settings.strategy = 'skills' then settings.skills_wait_seconds end,
            'known_agent_id', known_agent,
            'candidates', json_build_object(
                'agent_id', array_agg(a.id),
                'status', array_agg(a.status),
                'department_id', array_agg(a.department_id),
                'load', array_agg(a.current_chat_count),
                'max', array_agg(a.max_concurrent_chats),
                'department_load', department_load_of_each,
                'department_max', department_max,
                'skills', skills_of_each,
                'got_this_hour', got_this_hour_of_each,
                'last_assigned_at', array_agg(a.last_assigned_at)))
        from (
            select x.* from public.mod_chat_agents x
            where x.site_id = c.site_id and x.is_active
            order by x.id) a);
end
$$;
comment on function chat.routing_facts(public.mod_chat_conversations, timestamptz) is
    'What the choice of an agent for a conversation depends on, as chat_rules::routing takes it.';

create or replace function chat.waited_seconds(p_since timestamptz, p_at timestamptz)
returns integer
language sql
immutable
as $$ select floor(extract(epoch from p_at - p_since))::integer $$;
comment on function chat.waited_seconds(timestamptz, timestamptz) is
    'How long a conversation has been in the queue, in whole seconds; null: it is not in it.';

create or replace function chat.facts_in_full(p_facts json)
returns jsonb
language sql
immutable
as $$
    select f.facts || jsonb_build_object('candidates', coalesce((
        select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'agent_id', f.facts #> array['candidates', 'agent_id', n::text],
                'status', f.facts #> array['candidates', 'status', n::text],
                'department_id', f.facts #> array['candidates', 'department_id', n::text],
                'load', f.facts #> array['candidates', 'load', n::text],
                'max', f.facts #> array['candidates', 'max', n::text],
                'department_load', f.facts #> array['candidates', 'department_load', n::text],
                'department_max', f.facts #> '{candidates,department_max}',
                'skills', f.facts #> array['candidates', 'skills', n::text],
                'got_this_hour', f.facts #> array['candidates', 'got_this_hour', n::text],
                'last_assigned_at', f.facts #> array['candidates', 'last_assigned_at', n::text]))
            order by n)
        from generate_series(0, json_array_length(coalesce(p_facts #>> '{candidates,agent_id}', '[]')::json) - 1) n), '[]'))
    from (select p_facts::jsonb as facts) f
$$;
comment on function chat.facts_in_full(json) is
    'What chat.routing_facts gave, for people and programs that read it: an object for each candidate.';

-- file: sql/routing/drain.sql
-- What: hands waiting conversations to agents with room, oldest most urgent first, until nobody waits or nobody has room.
-- Why: called under the site's routing row by everything that changes who waits or who has room, so neither can be missed.
-- Leaves out: which agent. That is the rule's choice (chat_rules::routing); here are only its facts and its result.

create or replace function chat.lock_routing(p_site uuid)
returns void
language plpgsql
as $$
begin
    perform from chat.routing r where r.site_id = p_site for update;
    if not found then
        insert into chat.routing (site_id) values (p_site) on conflict do nothing;
        perform from chat.routing r where r.site_id = p_site for update;
    end if;
end
$$;
comment on function chat.lock_routing(uuid) is 'Locks the site''s routing row, making it first where there is none.';

create or replace function chat.drain(p_site uuid, p_arrived uuid default null, p_number text default null)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    queue uuid;
    waiting record;
    at timestamptz;
    facts json;
    choice jsonb;
    chosen uuid;
    kept bigint;
    drained integer := 0;
    done_queues uuid[] := '{}';
    nobody_for text[] := '{}';
begin
    loop
        exit when not exists (
            select from public.mod_chat_agents a
            where a.site_id = p_site and a.is_active and a.status = 'online'
                and a.current_chat_count < a.max_concurrent_chats);
        at := clock_timestamp();

        -- Each department is a queue, and the site is that of what has none. The first of every queue is looked at where
        -- anybody with room could be for it, so what waits where nobody works costs the others nothing, however much it is.
        select q.id into queue
        from (
            select p_site as id
            union all
            select d.id from public.mod_chat_departments d where d.site_id = p_site and d.auto_assign) q
        cross join lateral (
            select chat.urgency(c.priority) as urgency, c.pending_since, c.id
            from public.mod_chat_conversations c
            where coalesce(c.department_id, c.site_id) = q.id and c.status = 'pending' and c.assigned_agent_id is null
            order by 1, 2, 3
            limit 1) first
        where q.id <> all (done_queues)
            and (q.id = p_site
                or exists (
                    select from public.mod_chat_agents a
                    where a.site_id = p_site and a.department_id = q.id and a.is_active and a.status = 'online'
                        and a.current_chat_count < a.max_concurrent_chats)
                or (chat.routing_settings_of(p_site, q.id)).fallback_seconds is not null)
        order by first.urgency, first.pending_since, first.id
        limit 1;
        exit when not found;

        -- A row another transaction holds is skipped: its own commit, or the tick, comes back to it. Whom nobody can take
        -- nobody can take any other of the same needs; and where it needs no more than any other of its queue does, none of
        -- that queue.
        select c as chat, n.needs, n.needs = queue::text as needs_least into waiting
        from public.mod_chat_conversations c
        left join lateral (
            select x.fallback_seconds, x.skills_wait_seconds, x.strategy = 'skills' as by_skills
            from chat.routing_settings x
            where x.site_id = p_site and (x.department_id = c.department_id or x.department_id is null)
            order by x.department_id nulls last
            limit 1) s on true
        cross join lateral (select concat_ws('|', queue,
            case when c.pending_since > at - make_interval(secs => s.fallback_seconds) then 'no fallback yet' end,
            case when s.by_skills and (c.pending_since <= at - make_interval(secs => s.skills_wait_seconds)) is not true
                then c.skills::text end,
            case when c.returned_by = c.last_agent_id then c.returned_by end) as needs) n
        where coalesce(c.department_id, c.site_id) = queue and c.status = 'pending' and c.assigned_agent_id is null
            and (cardinality(nobody_for) = 0 or n.needs <> all (nobody_for))
        order by chat.urgency(c.priority), c.pending_since, c.id
        limit 1
        for no key update of c skip locked;
        if not found then
            done_queues := done_queues || queue;
            continue;
        end if;

        facts := chat.routing_facts(waiting.chat, at);
        choice := chat.choose_agent(facts);
        chosen := (choice ->> 'agent_id')::uuid;
        if chosen is null then
            if waiting.needs_least then
                done_queues := done_queues || queue;
            else
                nobody_for := nobody_for || waiting.needs;
            end if;
            continue;
        end if;

        insert into chat.choices (site_id, conversation_id, agent_id, at, department_id, waited_seconds, facts, choice)
        values (p_site, (waiting.chat).id, chosen, at, (waiting.chat).department_id,
            case when (waiting.chat).returned_by is null then chat.waited_seconds((waiting.chat).pending_since, at) end, facts, choice)
        returning id into kept;
        if (waiting.chat).id = p_arrived then
            update public.mod_chat_conversations
            set assigned_agent_id = chosen, status = 'active', choice_id = kept, session_number = coalesce(session_number, p_number)
            where id = p_arrived;
        else
            -- A statement that names the number, a key, would wait for whoever refers to the row; they may wait for routing.
            update public.mod_chat_conversations
            set assigned_agent_id = chosen, status = 'active', choice_id = kept
            where id = (waiting.chat).id;
        end if;
        update public.mod_chat_agents
        set current_chat_count = current_chat_count + 1, last_assigned_at = clock_timestamp()
        where id = chosen;
        drained := drained + 1;
    end loop;
    return drained;
end
$$;
comment on function chat.drain(uuid, uuid, text) is
    'Assigns waiting conversations of a site to agents with room. The caller holds the site''s routing row. The one that has just arrived gets its number in the same change. Returns how many.';

-- file: sql/routing/save_rules.sql
-- What: reads a site's rules, and replaces them.
-- Why: what contradicts itself, hides, loops or names what is gone is told to whoever types it, with its place; it would be
--      looked for in vain when a chat goes astray.
-- Leaves out: when they are asked (sort_by_rules.sql) and what they would have done (try_rules.sql).

create or replace function chat.known_to_rules(p_site uuid)
returns jsonb
language plpgsql
stable
as $$
begin
    return jsonb_build_object(
        'departments', coalesce((
            select jsonb_agg(d.id) from public.mod_chat_departments d where d.site_id = p_site and d.is_active), '[]'),
        'numbers', coalesce((
            select jsonb_agg(n.phone_number_id) from chat.whatsapp_numbers n where n.site_id = p_site), '[]'),
        'fallbacks', coalesce((
            select jsonb_object_agg(s.department_id, s.fallback_department_id)
            from chat.routing_settings s
            where s.site_id = p_site and s.department_id is not null and s.fallback_department_id is not null), '{}'));
end
$$;
comment on function chat.known_to_rules(uuid) is 'What rules of a site may name: {departments, numbers, fallbacks}.';

create or replace function chat.require_rules(p_site uuid, p_rules jsonb)
returns void
language plpgsql
stable
as $$
declare
    wrong text;
begin
    if pg_column_size(p_rules) > 65536 or p_rules @? '$.**{10}'
        or p_rules @? '$.** ? (@.type() == "number" && (@ > 1e300 || @ < -1e300))'
    then
        raise exception 'these rules take more than 64 kB or 9 levels, or hold a number that is too large'
            using errcode = 'PT422', detail = 'chat/routing_rules', hint = 'use fewer rules, or shorter lists in them';
    end if;
    select string_agg(format('%s: %s', p ->> 'at', replace(p ->> 'problem', '_', ' ')) || coalesce(format(' (see %s)', p ->> 'with'), ''),
        '; ') into wrong
    from (
        select p
        from jsonb_array_elements(chat.rule_problems(coalesce(p_rules, 'null'), chat.known_to_rules(p_site))) with ordinality x (p, place)
        order by place
        limit 10) told;
    if wrong is not null then
        raise exception 'these rules cannot be used: %', wrong
            using errcode = 'PT422', detail = 'chat/routing_rules',
                hint = 'for example [{"name": "Pricing", "if": {"page": ["/pricing*"]}, "then": {"priority": "high"}}]; docs/routing-rules.md says it all';
    end if;
end
$$;
comment on function chat.require_rules(uuid, jsonb) is
    'Raises unless rules can be used at a site; says where and why not. PT422 chat/routing_rules.';

create or replace function chat.rules_of(p_site uuid)
returns chat.routing_rules
language plpgsql
stable
as $$
declare
    saved chat.routing_rules;
begin
    select r.* into saved from chat.routing_rules r where r.site_id = p_site order by r.version desc limit 1;
    saved.version := coalesce(saved.version, 0);
    saved.rules := coalesce(saved.rules, '[]');
    return saved;
end
$$;
comment on function chat.rules_of(uuid) is 'The rules that count at a site; version 0 where none were ever saved.';

create or replace function chat.keep_rules(p_site uuid, p_rules jsonb, p_version integer, p_by uuid)
returns void
language plpgsql
as $$
begin
    insert into chat.routing_rules (site_id, version, rules, saved_by) values (p_site, p_version, p_rules, p_by);
    delete from chat.routing_rules r where r.site_id = p_site and r.version <= p_version - 100;
    update chat.routing r set rules_version = case when p_rules <> '[]' then p_version end where r.site_id = p_site;
end
$$;
comment on function chat.keep_rules(uuid, jsonb, integer, uuid) is
    'Makes a new version of a site''s rules the one that counts. The caller holds the routing row.';

create or replace function public.chat_routing_rules(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    saved chat.routing_rules;
begin
    perform chat.require(chat_routing_rules.site, 'live-chat.conversations.view');
    saved := chat.rules_of(chat_routing_rules.site);
    return jsonb_build_object(
        'version', saved.version,
        'saved_at', saved.saved_at,
        'saved_by', saved.saved_by,
        'rules', saved.rules,
        'problems', chat.rule_problems(saved.rules, chat.known_to_rules(chat_routing_rules.site)));
end
$$;
comment on function public.chat_routing_rules(uuid) is
    'The rules by which a site sorts what comes: {version, saved_at, saved_by, rules, problems}; version 0: none yet. problems [{at, problem, with}] says what has come between since they were saved, such as a department that was deleted: its rules are passed over. Needs live-chat.conversations.view. PT403 chat/not_allowed.';

create or replace function public.chat_save_routing_rules(site uuid, rules jsonb, version integer default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    latest integer;
begin
    perform chat.require(chat_save_routing_rules.site, 'live-chat.agents.manage');
    -- Sorting reads them under the routing row, and must not have to make them there.
    perform chat.settings_of(chat_save_routing_rules.site);
    perform chat.lock_routing(chat_save_routing_rules.site);
    perform chat.require_rules(chat_save_routing_rules.site, chat_save_routing_rules.rules);
    latest := (chat.rules_of(chat_save_routing_rules.site)).version;
    if chat_save_routing_rules.version <> latest then
        raise exception 'somebody saved version % of these rules meanwhile', latest
            using errcode = 'PT409', detail = 'chat/changed_meanwhile', hint = 'read them again with chat_routing_rules, then save with that version';
    end if;
    perform chat.keep_rules(chat_save_routing_rules.site, chat_save_routing_rules.rules, latest + 1, auth.uid());
    return public.chat_routing_rules(chat_save_routing_rules.site);
end
$$;
comment on function public.chat_save_routing_rules(uuid, jsonb, integer) is
    'Replaces the ordered rules of a site, [{name, enabled, if, then}] as docs/routing-rules.md says; an empty list is none. They sort what comes from now on, the first that holds alone. `version`: the one that was read, so that nobody''s change is lost; null: whatever there is. Answers as chat_routing_rules. Needs live-chat.agents.manage. PT403 chat/not_allowed; PT409 chat/changed_meanwhile; PT422 chat/routing_rules.';

-- file: sql/routing/sort_by_rules.sql
-- What: the site's rules are asked of a conversation that has just come and that nobody has.
-- Why: once, at commit, before it is handed out: its first message, page and form are there, and its row and the routing
--      row are locked by whoever commits. Whatever people sort afterwards stays so.
-- Leaves out: which rule holds (chat_rules::routing::site_rules).

create or replace function chat.hours_for_rules(p_site uuid, p_rules jsonb)
returns jsonb
language plpgsql
as $$
begin
    return coalesce((
        select jsonb_agg(jsonb_build_object('whose', coalesce(w.department, 'site'), 'hours', known.hours, 'zone', known.zone))
        from (select distinct h ->> 'department' as department from jsonb_path_query(p_rules, '$[*].if.hours[*]') h) w
        left join public.mod_chat_departments d on d.site_id = p_site and d.id::text = lower(w.department)
        cross join lateral chat.hours_of(p_site, d.id) known
        where w.department is null or d.id is not null), '[]');
end
$$;
comment on function chat.hours_for_rules(uuid, jsonb) is
    'The hours that rules ask for: [{whose, hours, zone}], whose being site or the id of a department that there is.';

create or replace function chat.facts_for_rules(
    p_conversation public.mod_chat_conversations, p_known jsonb, p_hours jsonb, p_at timestamptz)
returns jsonb
language plpgsql
stable
as $$
declare
    c constant public.mod_chat_conversations := p_conversation;
begin
    return (
        select jsonb_build_object(
            'channel', c.channel,
            'number', c.phone_number_id,
            'page', c.page_url,
            'language', v.language,
            'country', v.country,
            'department_id', c.department_id,
            'tags', to_jsonb(array_remove(c.tags || v.tags, null)),
            'form', jsonb_build_object(
                'name', v.name,
                'email', v.email,
                'phone', coalesce(v.phone, v.whatsapp_phone),
                'message', (
                    select m.content from public.mod_chat_messages m
                    where m.conversation_id = c.id and m.sender_type = 'visitor' order by m.seq limit 1)),
            -- Rules compare single values; what is nested, or a number beyond all of theirs, is only there.
            'visitor', coalesce((
                select jsonb_object_agg(d.key, case
                    when jsonb_typeof(d.value) in ('object', 'array') or d.value > '1e300' and jsonb_typeof(d.value) = 'number'
                        or d.value < '-1e300' and jsonb_typeof(d.value) = 'number' then '[]'
                    else d.value end)
                from jsonb_each(case jsonb_typeof(v.custom_data) when 'object' then v.custom_data end) d), '{}'),
            'departments', p_known -> 'departments',
            'open', coalesce((
                select jsonb_object_agg(lower(h ->> 'whose'), o.is_open)
                from jsonb_array_elements(p_hours) h
                cross join lateral chat.hours_at(nullif(h -> 'hours', 'null'), h ->> 'zone', p_at) o), '{}'))
        from public.mod_chat_visitors v
        where v.id = c.visitor_id);
end
$$;
comment on function chat.facts_for_rules(public.mod_chat_conversations, jsonb, jsonb, timestamptz) is
    'What rules are asked of, as chat_rules::routing takes it: a conversation and its visitor, what chat.known_to_rules and chat.hours_for_rules gave, and the moment whose hours count.';

create or replace function chat.sort_by_rules(p_conversation uuid, p_version integer)
returns void
language plpgsql
as $$
declare
    c public.mod_chat_conversations;
    the_rules jsonb;
    verdict jsonb;
    follows jsonb;
begin
    select x.* into c from public.mod_chat_conversations x
    where x.id = p_conversation and x.status = 'pending' and x.assigned_agent_id is null;
    if not found then
        return;
    end if;
    select r.rules into the_rules from chat.routing_rules r where r.site_id = c.site_id and r.version = p_version;
    verdict := chat.match_rules(the_rules, jsonb_build_array(chat.facts_for_rules(
        c, chat.known_to_rules(c.site_id), chat.hours_for_rules(c.site_id, the_rules), clock_timestamp()))) -> 0;
    if verdict ->> 'place' is null and verdict -> 'passed_over' = '[]' then
        return;
    end if;
    follows := verdict -> 'then';
    update public.mod_chat_conversations x
    set department_id = coalesce((follows ->> 'department')::uuid, x.department_id),
        priority = coalesce(follows ->> 'priority', x.priority),
        skills = case when follows ? 'skills' then array(select jsonb_array_elements_text(follows -> 'skills')) else x.skills end,
        assistant = coalesce((follows ->> 'assistant')::boolean, x.assistant),
        tags = (x.tags || array(select jsonb_array_elements_text(follows -> 'tags')))[:50],
        applied_rule = verdict || jsonb_build_object('version', p_version, 'came_with', jsonb_build_object(
            'department_id', c.department_id, 'tags', c.tags, 'priority', c.priority))
    where x.id = c.id;
end
$$;
comment on function chat.sort_by_rules(uuid, integer) is
    'Asks a version of the site''s rules of a conversation that waits, which the caller has locked with the routing row, does what the first one says that holds, and keeps which it was.';

-- file: sql/routing/ask_rules.sql
-- What: what rules say of conversations that came before, as they came.
-- Why: a trial of rules and a simulation with other rules ask the same in one way; and rules are read once for hundreds.
-- Leaves out: what has just come (sort_by_rules.sql).

create or replace function chat.default_department(p_site uuid)
returns uuid
language plpgsql
stable
as $$
begin
    return (
        select d.id from public.mod_chat_departments d
        where d.site_id = p_site and d.is_default and d.is_active
        order by d.sort_order, d.id
        limit 1);
end
$$;
comment on function chat.default_department(uuid) is 'The department of what nobody has sorted; null: the site has none.';

create or replace function chat.as_it_came(p_conversation public.mod_chat_conversations, p_default uuid)
returns public.mod_chat_conversations
language plpgsql
immutable
as $$
begin
    return jsonb_populate_record(p_conversation,
        coalesce(p_conversation.applied_rule -> 'came_with',
            jsonb_build_object('department_id', nullif(p_conversation.department_id, p_default)))
        || case when p_conversation.applied_rule -> 'then' ? 'skills' then '{"skills": null}' else '{}' end::jsonb);
end
$$;
comment on function chat.as_it_came(public.mod_chat_conversations, uuid) is
    'A conversation before rules and the default department (p_default) had their say, as far as anybody knows.';

create or replace function chat.ask_rules(p_site uuid, p_rules jsonb, p_conversations uuid[])
returns table (came public.mod_chat_conversations, verdict jsonb)
language plpgsql
as $$
declare
    -- Their facts are one value, which has an end.
    at_once constant integer := 500;
    known constant jsonb := chat.known_to_rules(p_site);
    hours constant jsonb := chat.hours_for_rules(p_site, p_rules);
    catch_all constant uuid := chat.default_department(p_site);
begin
    for n in 0 .. (cardinality(p_conversations) - 1) / at_once loop
        return query
        with asked as materialized (
            select chat.as_it_came(x, catch_all) as came
            from public.mod_chat_conversations x
            where x.site_id = p_site and x.id = any (p_conversations[n * at_once + 1 : (n + 1) * at_once]))
        select a.came[v.place::integer], v.verdict
        from (
            select array_agg(k.came order by (k.came).id) as came,
                chat.match_rules(p_rules, jsonb_agg(
                    chat.facts_for_rules(k.came, known, hours, (k.came).created_at) order by (k.came).id)) as verdicts
            from asked k) a
        cross join lateral jsonb_array_elements(a.verdicts) with ordinality v (verdict, place);
    end loop;
end
$$;
comment on function chat.ask_rules(uuid, jsonb, uuid[]) is
    'What rules say of conversations of a site, each as it came and by the hours of its moment: the verdict of chat.match_rules.';

-- file: sql/routing/try_rules.sql
-- What: what rules would have done with the conversations of the last days.
-- Why: whoever changes rules sees whom they meet before anybody waits in the wrong place. Nothing is written.
-- Leaves out: who would have got them then; that is a simulation of agents, too.

create or replace function chat.trial_of_rules(p_site uuid, p_rules jsonb, p_since timestamptz, p_most integer)
returns table (conversation_id uuid, session_number text, created_at timestamptz, place integer, differs boolean)
language plpgsql
as $$
declare
    newest public.mod_chat_conversations[];
begin
    -- Numbers follow the order in which conversations came, and have an index a site.
    newest := array(
        select x from (
            select c from public.mod_chat_conversations c
            where c.site_id = p_site and c.session_number is not null
            order by c.session_number desc
            limit p_most) n (x)
        where (n.x).created_at >= p_since);
    return query
    select n.id, n.session_number, n.created_at, (v.verdict ->> 'place')::integer,
        case when v.verdict ->> 'place' is null then n.applied_rule ->> 'place' is not null
            else v.verdict -> 'then' ? 'department' and (v.verdict #>> '{then,department}') is distinct from n.department_id::text
                or coalesce(v.verdict #>> '{then,priority}' <> n.priority, false)
                or not coalesce(to_jsonb(n.skills), '[]') @> coalesce(v.verdict #> '{then,skills}', '[]')
                or not to_jsonb(n.tags) @> coalesce(v.verdict #> '{then,tags}', '[]')
        end
    from unnest(newest) n
    join chat.ask_rules(p_site, p_rules, array(select x.id from unnest(newest) x)) v on (v.came).id = n.id;
end
$$;
comment on function chat.trial_of_rules(uuid, jsonb, timestamptz, integer) is
    'Of the newest conversations of a site that came since then, which of these rules each meets (null: none), and whether it stands otherwise now than that rule would have made it. Looks at p_most at most.';

create or replace function public.chat_try_routing_rules(site uuid, rules jsonb default null, days integer default 7)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    most constant integer := 2000;
    since timestamptz;
    tried jsonb;
    trial jsonb;
begin
    perform chat.require(chat_try_routing_rules.site, 'live-chat.agents.manage');
    if chat_try_routing_rules.days not between 1 and 90 then
        raise exception 'rules are tried on 1 to 90 days, not %', chat_try_routing_rules.days
            using errcode = 'PT422', detail = 'chat/trial_days', hint = 'use 7, the default, or up to 90';
    end if;
    since := clock_timestamp() - make_interval(days => coalesce(chat_try_routing_rules.days, 7));
    tried := coalesce(chat_try_routing_rules.rules, (chat.rules_of(chat_try_routing_rules.site)).rules);
    perform chat.require_rules(chat_try_routing_rules.site, tried);
    select jsonb_agg(to_jsonb(t) order by t.created_at desc) into trial
    from chat.trial_of_rules(chat_try_routing_rules.site, tried, since, most) t;
    return jsonb_build_object(
        'since', since,
        'looked_at', coalesce(jsonb_array_length(trial), 0),
        'cut', coalesce(jsonb_array_length(trial), 0) = most,
        'rules', coalesce((
            select jsonb_agg(jsonb_build_object('place', r.place, 'name', r.rule ->> 'name') || chat.count_of_trial(trial, r.place::integer)
                order by r.place)
            from jsonb_array_elements(tried) with ordinality r (rule, place)), '[]'),
        'no_rule', chat.count_of_trial(trial, null),
        'assumes', jsonb_build_array(
            'visitors, their data and tags are as they are now',
            'departments and business hours are as they are now',
            'of what came before there were rules, only the default department was chosen by nobody'));
end
$$;
comment on function public.chat_try_routing_rules(uuid, jsonb, integer) is
    'What rules (null: the saved ones) would have done with what came in the last days, 1 to 90: {since, looked_at, cut, rules: [{place, name, matched, differs, examples}], no_rule: {matched, differs, examples}, assumes}. At most the 2,000 newest conversations are looked at; cut: there were perhaps more. differs: so many stand otherwise now. examples: three that the caller may see, [{conversation_id, session_number, differs}]. Writes nothing. Needs live-chat.agents.manage. PT403 chat/not_allowed; PT422 chat/routing_rules, chat/trial_days.';

create or replace function chat.count_of_trial(p_trial jsonb, p_place integer)
returns jsonb
language plpgsql
stable
as $$
begin
    return (
        select jsonb_build_object(
            'matched', count(*),
            'differs', count(*) filter (where t.differs),
            'examples', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'conversation_id', e.conversation_id, 'session_number', e.session_number, 'differs', e.differs))
                from (
                    -- What differs is asked about first.
                    select x.* from jsonb_to_recordset(p_trial) x (conversation_id uuid, session_number text, place integer, differs boolean)
                    where x.place is not distinct from p_place and chat.may_in(x.conversation_id, 'live-chat.conversations.view')
                    order by x.differs desc, x.session_number desc
                    limit 3) e), '[]'))
        from jsonb_to_recordset(p_trial) t (place integer, differs boolean)
        where t.place is not distinct from p_place);
end
$$;
comment on function chat.count_of_trial(jsonb, integer) is
    'Of a trial of rules, those that met one rule (null: none): {matched, differs, examples}.';

-- file: sql/routing/recorded_chats.sql
-- What: the chats of a period, and who came in it as chat_rules::routing::simulation replays them, sorted by other rules
--      where there are some.
-- Why: what happened and what is replayed are made from the same rows.
-- Leaves out: agents and settings (recording.sql). Chats that came back to the queue came once here.

create or replace function chat.millis(p_at timestamptz)
returns bigint
language sql
immutable
as $$ select floor(extract(epoch from p_at) * 1000)::bigint $$;
comment on function chat.millis(timestamptz) is 'A moment in milliseconds since 1970.';

create or replace function chat.recorded_chats(p_site uuid, p_since timestamptz, p_until timestamptz)
returns table (
    chat public.mod_chat_conversations, first_agent uuid, assigned_at timestamptz, held_by uuid,
    talk bigint, answer bigint, patience bigint)
language plpgsql
stable
as $$
begin
    return query
    select c, f.agent_id, f.at,
        case when c.created_at < p_since then h.agent_id end,
        case when f.at is not null then
            chat.millis(least(coalesce(c.archived_at, p_until), p_until)) - chat.millis(greatest(f.at, p_since)) end,
        case when f.at is not null and c.first_response_time_seconds is not null then
            greatest(c.first_response_time_seconds * 1000 - (chat.millis(f.at) - chat.millis(c.created_at)), 0) end,
        case when f.at is null and c.abandoned_at is not null then chat.millis(c.abandoned_at) - chat.millis(c.created_at) end
    from public.mod_chat_conversations c
    left join lateral (
        select k.agent_id, k.at from chat.choices k
        where k.conversation_id = c.id and k.agent_id is not null
        order by k.id limit 1) f on true
    left join lateral (
        select k.agent_id from chat.choices k
        where k.conversation_id = c.id and k.at < p_since
        order by k.id desc limit 1) h on true
    where c.site_id = p_site and c.created_at < p_until and (c.archived_at is null or c.archived_at > p_since);
end
$$;
comment on function chat.recorded_chats(uuid, timestamptz, timestamptz) is
    'What came to a site in a period or was open when it began: who got it first and when, who had it at the beginning, how long they had it, how long their first answer took and how long whoever left waited; in milliseconds.';

create or replace function chat.recorded_arrivals(p_site uuid, p_since timestamptz, p_until timestamptz, p_rules jsonb)
returns jsonb
language plpgsql
stable
as $$
declare
    catch_all constant uuid := chat.default_department(p_site);
    usual_talk bigint;
    usual_answer bigint;
begin
    select percentile_disc(0.5) within group (order by r.talk), percentile_disc(0.5) within group (order by r.answer)
    into usual_talk, usual_answer
    from chat.recorded_chats(p_site, p_since, p_until) r;
    return coalesce((
        with came as materialized (
            select r.* from chat.recorded_chats(p_site, p_since, p_until) r
        ), queued as (
            select (r.chat).id, (r.chat).department_id::text, (r.chat).priority, to_jsonb((r.chat).skills) as skills
            from came r
            where r.held_by is not null or p_rules is null
            union all
            select (v.came).id, coalesce(v.verdict #>> '{then,department}', (v.came).department_id::text, catch_all::text),
                coalesce(v.verdict #>> '{then,priority}', (v.came).priority),
                coalesce(v.verdict #> '{then,skills}', to_jsonb((v.came).skills))
            from chat.ask_rules(p_site, p_rules, array(
                select (r.chat).id from came r where r.held_by is null and p_rules is not null)) v)
        select jsonb_agg(jsonb_build_object(
            'conversation_id', (r.chat).id,
            'at', chat.millis(case when r.held_by is null then (r.chat).created_at else p_since end),
            'department_id', q.department_id,
            'priority', q.priority,
            'skills', coalesce(q.skills, '[]'),
            'known_agent_id', k.agent_id,
            'talk', coalesce(r.talk, usual_talk, 0),
            'answer', coalesce(r.answer, usual_answer, 0),
            'patience', r.patience,
            'held_by', r.held_by))
        from came r
        join queued q on q.id = (r.chat).id
        left join lateral (
            select coalesce(x.assigned_agent_id, x.last_agent_id) as agent_id
            from public.mod_chat_conversations x
            where x.visitor_id = (r.chat).visitor_id and x.created_at < (r.chat).created_at
                and coalesce(x.assigned_agent_id, x.last_agent_id) is not null
            order by x.created_at desc limit 1) k on true), '[]');
end
$$;
comment on function chat.recorded_arrivals(uuid, timestamptz, timestamptz, jsonb) is
    'Who came to a site in a period, or was there when it began, as chat.simulate takes it; where they waited, or where rules would have had them wait (null: as it was).';

-- file: sql/routing/recording.sql
-- What: a site's lines and agents in a period, as chat_rules::routing::simulation replays them, with changes.
-- Why: gathered in one place, so that the same recording is replayed as it was and as it would be.
-- Leaves out: who came (recorded_chats.sql), the replay itself, what happened then (simulate.sql).

create or replace function chat.recording(
    p_site uuid, p_since timestamptz, p_until timestamptz, p_changes jsonb)
returns jsonb
language plpgsql
stable
as $$
declare
    all_queues constant jsonb := p_changes - '{departments,agents,add_agents,rules,answer_due_seconds}'::text[];
    due integer := (p_changes ->> 'answer_due_seconds')::integer;
    missed integer;
begin
    select x.missed_after_minutes into missed from public.mod_chat_widget_settings x where x.site_id = p_site;
    if due is null then
        select p.first_response_seconds into due from chat.sla_policies p
        where p.site_id = p_site and p.department_id is null and p.priority is null and p.tag is null;
    end if;
    return jsonb_build_object(
        'ends', chat.millis(p_until),
        'missed_after', nullif(missed, 0) * 60000::bigint,
        'answer_due', due * 1000::bigint,
        'queues', (
            select jsonb_agg(jsonb_build_object(
                    'department_id', d.id, 'auto_assign', coalesce(d.auto_assign, true), 'max', d.max_concurrent_chats)
                || (to_jsonb(chat.routing_settings_of(p_site, d.id))
                    - '{site_id,department_id}'::text[])
                || all_queues || (own.say - 'max_concurrent_chats')
                || case when own.say ? 'max_concurrent_chats' then jsonb_build_object('max', own.say -> 'max_concurrent_chats') else '{}' end)
            from (
                select null::uuid as id, null::boolean as auto_assign, null::integer as max_concurrent_chats
                union all
                select x.id, x.auto_assign, x.max_concurrent_chats
                from public.mod_chat_departments x where x.site_id = p_site) d
            cross join lateral (select coalesce(p_changes #> array['departments', d.id::text], '{}') as say) own),
        'agents', coalesce((
            select jsonb_agg(chat.recorded_agent(a, p_since, p_until, coalesce(p_changes #> array['agents', a.id::text], '{}'), n)
                order by a.id, n)
            from public.mod_chat_agents a
            cross join lateral generate_series(0, coalesce((
                select sum((x ->> 'count')::integer) from jsonb_array_elements(p_changes -> 'add_agents') x
                where x ->> 'like' = a.id::text), 0)) n
            where a.site_id = p_site
                and (n > 0 or (p_changes #> array['agents', a.id::text, 'absent']) is distinct from 'true')), '[]'));
end
$$;
comment on function chat.recording(uuid, timestamptz, timestamptz, jsonb) is
    'A site in a period as chat.simulate takes it, with the changes that chat_simulate_routing knows, but for who came.';

create or replace function chat.recorded_agent(
    p_agent public.mod_chat_agents, p_since timestamptz, p_until timestamptz, p_changes jsonb, p_copy bigint)
returns jsonb
language plpgsql
stable
as $$
begin
    return jsonb_build_object(
        -- A copy is a colleague who works when the agent does.
        'agent_id', p_agent.id || case when p_copy > 0 then '+' || p_copy else '' end,
        'department_id', case when p_changes ? 'department_id' then p_changes ->> 'department_id' else p_agent.department_id::text end,
        'max', coalesce((p_changes ->> 'max_concurrent_chats')::integer, p_agent.max_concurrent_chats),
        'skills', coalesce(p_changes -> 'skills', to_jsonb(p_agent.skills)),
        'online', coalesce((
            select jsonb_agg(jsonb_build_object('from', chat.millis(s.begins), 'until', chat.millis(s.ends)) order by s.begins)
            from (
                select x.status, greatest(x.at, p_since) as begins, lead(x.at, 1, p_until) over (order by x.at, x.id) as ends
                from (
                    -- What changed only their load is no change here.
                    select y.*, lag(y.status) over (order by y.at, y.id) as before
                    from (
                        (select z.* from chat.agent_states z
                        where z.agent_id = p_agent.id and z.at <= p_since
                        order by z.at desc, z.id desc
                        limit 1)
                        union all
                        select z.* from chat.agent_states z
                        where z.agent_id = p_agent.id and z.at > p_since and z.at < p_until) y) x
                where x.status is distinct from x.before) s
            where s.status = 'online' and s.begins < s.ends), '[]'));
end
$$;
comment on function chat.recorded_agent(public.mod_chat_agents, timestamptz, timestamptz, jsonb, bigint) is
    'An agent as chat.simulate takes them: capacity and skills as they are now but for the changes, online as they were; the so-manieth copy of them where it is not 0.';

-- file: sql/routing/check_changes.sql
-- What: changes that a simulation is asked to try are looked at first.
-- Why: whoever mistypes one learns which, instead of a replay of something else.
-- Leaves out: rules of the site, which are looked at as when they are saved (save_rules.sql).

create or replace function chat.require_changes(p_site uuid, p_changes jsonb)
returns void
language plpgsql
stable
as $$
declare
    queue constant text[] := '{strategy,hourly_limit,skills_wait_seconds,fallback_seconds,fallback_department_id}';
    wrong text;
begin
    if jsonb_typeof(p_changes) is distinct from 'object' then
        wrong := 'they are an object';
    else
        select coalesce(
            (select format('there is no %s', k) from jsonb_object_keys(p_changes) k
                where k <> all (queue || '{departments,agents,add_agents,rules,answer_due_seconds}'::text[]) limit 1),
            (select format('%s is an object by id', k) from unnest('{departments,agents}'::text[]) k
                where p_changes ? k and jsonb_typeof(p_changes -> k) <> 'object' limit 1),
            (select 'add_agents is a list of {like, count}'
                where p_changes ? 'add_agents' and jsonb_typeof(p_changes -> 'add_agents') <> 'array'))
        into wrong;
    end if;
    if wrong is null then
        with given as (
            select '' as whose, p_changes - '{departments,agents,add_agents,rules}'::text[] as say, queue || '{answer_due_seconds}'::text[] as knows
            union all
            select 'departments.' || d.key, d.value, queue || '{max_concurrent_chats,auto_assign}'::text[]
            from jsonb_each(coalesce(p_changes -> 'departments', '{}')) d
            union all
            select 'agents.' || a.key, a.value, '{max_concurrent_chats,department_id,skills,absent}'::text[]
            from jsonb_each(coalesce(p_changes -> 'agents', '{}')) a
            union all
            select 'add_agents', x, '{like,count}' from jsonb_array_elements(coalesce(p_changes -> 'add_agents', '[]')) x),
        entry as (
            select g.whose, e.key, e.value, g.knows from given g
            cross join lateral jsonb_each(case jsonb_typeof(g.say) when 'object' then g.say else '{"": null}' end) e)
        select concat_ws('.', nullif(e.whose, ''), nullif(e.key, '')) || ' cannot be ' || left(e.value::text, 60) into wrong
        from entry e
        where (case
            when e.key <> all (e.knows) then false
            when e.key = 'strategy' then e.value #>> '{}' = any ('{least_busy,round_robin,sticky,skills}')
            when e.key in ('auto_assign', 'absent') then jsonb_typeof(e.value) = 'boolean'
            when e.key = 'skills' then e.value @? 'strict $ ? (@.type() == "array")' and not e.value @? '$[*] ? (@.type() != "string")'
            when e.key = 'like' then exists (
                select from public.mod_chat_agents a where a.site_id = p_site and a.id::text = e.value #>> '{}')
            when e.key in ('department_id', 'fallback_department_id') then e.value = 'null' or exists (
                select from public.mod_chat_departments d where d.site_id = p_site and d.id::text = e.value #>> '{}')
            when e.value = 'null' then e.key in ('hourly_limit', 'skills_wait_seconds', 'fallback_seconds')
            else e.value::text ~ '^\d{1,8}$'
        end) is not true
        limit 1;
    end if;
    if wrong is null then
        select format('%s.%s is none of the site''s', w.kind, w.id) into wrong
        from (
            select 'departments' as kind, k as id from jsonb_object_keys(coalesce(p_changes -> 'departments', '{}')) k
            union all
            select 'agents', k from jsonb_object_keys(coalesce(p_changes -> 'agents', '{}')) k) w
        where not exists (
                select from public.mod_chat_departments d where w.kind = 'departments' and d.site_id = p_site and d.id::text = w.id)
            and not exists (
                select from public.mod_chat_agents a where w.kind = 'agents' and a.site_id = p_site and a.id::text = w.id)
        limit 1;
    end if;
    if wrong is null and (
        select sum((x ->> 'count')::integer) from jsonb_array_elements(coalesce(p_changes -> 'add_agents', '[]')) x) > 100
    then
        wrong := 'at most 100 agents can be added';
    end if;
    if wrong is not null then
        raise exception 'these changes cannot be tried: %', wrong
            using errcode = 'PT422', detail = 'chat/simulation_changes',
                hint = 'for example {"strategy": "sticky", "agents": {"<id>": {"max_concurrent_chats": 8}}, "add_agents": [{"like": "<id>", "count": 1}]}';
    end if;
    if p_changes ? 'rules' then
        perform chat.require_rules(p_site, p_changes -> 'rules');
    end if;
end
$$;
comment on function chat.require_changes(uuid, jsonb) is
    'Raises unless changes can be tried on a site; says which not. PT422 chat/simulation_changes, chat/routing_rules.';

-- file: sql/routing/simulate.sql
-- What: what would have been: a period's arrivals and agents' hours under other strategies, staffing, capacity or rules.
-- Why: beside what happened stands the same model without the changes, so that its own error is seen, too.
-- Leaves out: the replay (chat_rules::routing::simulation), what is replayed (recording.sql) and which changes can be tried
--      (check_changes.sql). Writes nothing.

create or replace function chat.what_happened(p_site uuid, p_since timestamptz, p_until timestamptz, p_due integer)
returns jsonb
language plpgsql
stable
as $$
begin
    return (
        with came as materialized (
            select r.chat as c, r.first_agent, r.assigned_at, (chat.millis(r.assigned_at) - chat.millis((r.chat).created_at)) / 1000.0 as waited
            from chat.recorded_chats(p_site, p_since, p_until) r
            where r.held_by is null)
        select jsonb_build_object(
            'arrivals', count(*),
            'assigned', count(*) filter (where x.assigned_at < p_until),
            'gave_up', count(*) filter (where x.assigned_at is null and (x.c).abandoned_at < p_until),
            'missed', count(*) filter (where x.assigned_at is null and (x.c).status = 'missed'),
            'waiting', count(*) filter (where coalesce(x.assigned_at, (x.c).archived_at, 'infinity') >= p_until),
            'answered_late', case when p_due is not null then count(*) filter (
                where (x.c).first_response_time_seconds > p_due
                    or (x.c).first_response_time_seconds is null and (x.c).created_at < p_until - make_interval(secs => p_due)) end,
            'wait_seconds', case when count(x.waited) > 0 then jsonb_build_object(
                'p50', round((percentile_disc(0.5) within group (order by x.waited))::numeric, 3),
                'p90', round((percentile_disc(0.9) within group (order by x.waited))::numeric, 3),
                'mean', round(avg(x.waited), 3), 'longest', round(max(x.waited), 3)) end,
            'agents', coalesce((
                select jsonb_agg(jsonb_build_object('agent_id', g.first_agent, 'got', g.n) order by g.first_agent)
                from (select y.first_agent, count(*) as n from came y where y.first_agent is not null group by 1) g), '[]'))
        from came x);
end
$$;
comment on function chat.what_happened(uuid, timestamptz, timestamptz, integer) is
    'What came of a period''s chats, in the words of chat.simulate; a first answer was due after p_due seconds (null: never).';

create or replace function public.chat_simulate_routing(site uuid, since timestamptz, until timestamptz, changes jsonb default '{}')
returns jsonb
language plpgsql
-- Not stable, for PostgREST would forbid it to make the settings row of a site that has none (chat.settings_of).
volatile
security definer
set search_path = ''
as $$
declare
    -- A replay looks at every agent for every chat.
    most constant integer := least(20000, 2000000 / greatest(1, (
        select count(*) from public.mod_chat_agents a where a.site_id = chat_simulate_routing.site)));
    ends timestamptz := least(chat_simulate_routing.until, now());
    cut_at timestamptz;
    arrivals jsonb;
    as_it_was jsonb;
    changed jsonb;
begin
    perform chat.require(chat_simulate_routing.site, 'live-chat.analytics.view');
    if (chat_simulate_routing.since < ends
        and extract(epoch from ends) - extract(epoch from chat_simulate_routing.since) <= 400 * 86400) is not true
    then
        raise exception 'a simulation is of a period of up to 400 days that has begun'
            using errcode = 'PT422', detail = 'chat/simulation_period', hint = 'give since before until, at most 400 days apart';
    end if;
    perform chat.require_changes(chat_simulate_routing.site, chat_simulate_routing.changes);
    select x.created_at into cut_at
    from public.mod_chat_conversations x
    where x.site_id = chat_simulate_routing.site and x.created_at >= chat_simulate_routing.since and x.created_at < ends
    order by x.created_at
    offset most limit 1;
    ends := coalesce(cut_at, ends);
    arrivals := chat.recorded_arrivals(chat_simulate_routing.site, chat_simulate_routing.since, ends, null);
    as_it_was := jsonb_build_object('arrivals', arrivals) || chat.recording(
        chat_simulate_routing.site, chat_simulate_routing.since, ends,
        case when chat_simulate_routing.changes ? 'answer_due_seconds'
            then jsonb_build_object('answer_due_seconds', chat_simulate_routing.changes -> 'answer_due_seconds') else '{}' end);
    if chat_simulate_routing.changes ? 'rules' then
        arrivals := chat.recorded_arrivals(
            chat_simulate_routing.site, chat_simulate_routing.since, ends, chat_simulate_routing.changes -> 'rules');
    end if;
    changed := jsonb_build_object('arrivals', arrivals) || chat.recording(
        chat_simulate_routing.site, chat_simulate_routing.since, ends, chat_simulate_routing.changes);
    return jsonb_build_object(
        'since', chat_simulate_routing.since,
        'until', ends,
        'cut', cut_at is not null,
        'known_since', (
            select min(s.at) from chat.agent_states s where s.site_id = chat_simulate_routing.site),
        'happened', chat.what_happened(chat_simulate_routing.site, chat_simulate_routing.since, ends,
            ((as_it_was ->> 'answer_due')::bigint / 1000)::integer),
        'as_it_was', chat.simulate(as_it_was),
        'changed', chat.simulate(changed),
        'assumes', jsonb_build_array(
            'this is a model: who came, when, and how long each chat took is as it was, whoever has it',
            'what nobody ever had takes as long as half of the others, and so does its first answer',
            'a chat that came back to the queue came once; a person''s own assignments are routed like all others',
            'agents were online as recorded; their capacity, department and skills are those of now, as are departments and settings',
            'a first answer is due by the clock, not in business hours'));
end
$$;
comment on function public.chat_simulate_routing(uuid, timestamptz, timestamptz, jsonb) is
    'What routing would have made of a period (until null: to now) under changes: {strategy, hourly_limit, skills_wait_seconds, fallback_seconds, fallback_department_id of all queues; departments: {id: the same, max_concurrent_chats, auto_assign}; agents: {id: {max_concurrent_chats, department_id, skills, absent}}; add_agents: [{like, count}]; rules, as chat_save_routing_rules takes them; answer_due_seconds, else the site''s own promise to all}. Answers {since, until, cut, known_since, happened, as_it_was, changed, assumes}: what happened, the same by the model without the changes, and with them, each {arrivals, assigned, gave_up, missed, waiting, answered_late, wait_seconds: {p50, p90, mean, longest}, agents: [{agent_id, got, online_seconds, mean_load, peak_load}]}. At most 20,000 arrivals, fewer with over 100 agents: until says how far it went, cut that it stopped there. Writes nothing. Needs live-chat.analytics.view. PT403 chat/not_allowed; PT422 chat/simulation_period, chat/simulation_changes, chat/routing_rules.';

-- file: sql/routing/route_conversation.sql
-- What: what follows at commit from a conversation's new status, assignment or department: loads, session number, rules, drain.
-- Why: routing happens last in a transaction. Whoever changed the row only wrote it; a deferred trigger takes the routing
--      row when all other locks are held already, so no order of locks can be broken by a batch.
-- Leaves out: changes routing itself made. The trigger's `when` knows them by their new choice_id.

create or replace function chat.recount_load(p_site uuid, p_agents uuid[])
returns void
language plpgsql
as $$
begin
    -- A chat that comes has nobody yet.
    if array_remove(p_agents, null) = '{}' then
        return;
    end if;
    update public.mod_chat_agents a
    set current_chat_count = n.chats,
        last_assigned_at = case when n.chats > a.current_chat_count then clock_timestamp() else a.last_assigned_at end
    from (
        select x.id, (
            select count(*)::integer from public.mod_chat_conversations c
            where c.assigned_agent_id = x.id and c.archived_at is null
                and (c.status = 'active' or c.status = 'waiting' and c.snoozed_until is null)) as chats
        from (select id from public.mod_chat_agents where site_id = p_site and id = any (p_agents) order by id for no key update) x
    ) n
    where a.id = n.id and a.current_chat_count is distinct from n.chats;
end
$$;
comment on function chat.recount_load(uuid, uuid[]) is
    'Counts the load of these agents anew. The caller holds the routing row, so the count is exact and cannot drift.';

create or replace function chat.route_conversation()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    line chat.routing;
    number text;
begin
    if tg_op = 'UPDATE' then
        perform chat.note_sla(old, new);
    end if;
    if tg_op = 'UPDATE' and new.status <> 'pending'
        and (new.status, new.assigned_agent_id, new.department_id, new.priority, new.snoozed_until)
            is not distinct from (old.status, old.assigned_agent_id, old.department_id, old.priority, old.snoozed_until)
    then
        return null;
    end if;
    perform chat.lock_routing(new.site_id);
    if tg_op = 'INSERT' then
        -- Here and not at the insert, so that the routing row is locked after everything else.
        update chat.routing r set next_session = r.next_session + 1 where r.site_id = new.site_id returning r.* into line;
        if line.rules_version is not null then
            perform chat.sort_by_rules(new.id, line.rules_version);
        end if;
        number := 'CHAT-' || lpad((line.next_session - 1)::text, 8, '0');
        -- What nobody has sorted is the default department's, and stands in its line.
        update public.mod_chat_conversations c
        set session_number = number, department_id = d.id
        from chat.default_department(new.site_id) d (id)
        where c.id = new.id and c.session_number is null and c.department_id is null and d.id is not null;
        perform chat.recount_load(new.site_id, array[new.assigned_agent_id]);
        perform chat.drain(new.site_id, new.id, number);
        -- Whoever waits has a number, too.
        update public.mod_chat_conversations c set session_number = number where c.id = new.id and c.session_number is null;
        return null;
    end if;
    perform chat.recount_load(new.site_id, array[old.assigned_agent_id, new.assigned_agent_id]);
    perform chat.drain(new.site_id);
    return null;
end
$$;
comment on function chat.route_conversation() is
    'At commit, under the site''s routing row: session number, rules and default department of a new one, loads, and the drain.';

-- file: sql/routing/by_hand.sql
-- What: a person gives a conversation to an agent, to a department, or back to the queue.
-- Why: claim, assign, transfer and unassign are one change with one order of locks: the conversation, which the caller
--      has locked, then the routing row, then agents. Under it room is a fact, and so is who is still an agent.
-- Leaves out: who may do it (claim.sql, transfer.sql) and what stands against it (chat_rules::routing).

create or replace function chat.assign_by_hand(
    p_conversation public.mod_chat_conversations, p_reason text, p_agent uuid, p_department uuid, p_override boolean)
returns setof public.mod_chat_conversations
language plpgsql
as $$
declare
    before constant public.mod_chat_conversations := p_conversation;
    after public.mod_chat_conversations := p_conversation;
    at constant timestamptz := clock_timestamp();
    facts json;
    judgement jsonb;
    kept bigint;
begin
    if before.archived_at is not null then
        raise exception 'this conversation is %', before.status
            using errcode = 'PT409', detail = 'chat/conversation_ended', hint = 'open it again first: make it pending or active';
    end if;
    if p_agent is not null and (p_agent, p_department) is not distinct from (before.assigned_agent_id, before.department_id) then
        return query select c.* from public.mod_chat_conversations c where c.id = before.id;
        return;
    end if;

    perform chat.lock_routing(before.site_id);
    after.department_id := p_department;
    facts := chat.routing_facts(after, at);
    -- Whoever has it already has the room for it.
    if p_agent is not null and p_agent is distinct from before.assigned_agent_id then
        judgement := chat.judge_by_hand(facts, p_agent::text, coalesce(p_override, false), p_reason = 'claimed');
        case judgement ->> 'refusal'
            when 'chat/no_such_agent' then
                raise exception 'the site has no active agent %', p_agent
                    using errcode = 'PT404', detail = 'chat/no_such_agent', hint = 'use the id of an active agent of the site';
            when 'chat/agent_full' then
                raise exception 'this agent has as many chats as they may'
                    using errcode = 'PT409', detail = 'chat/agent_full',
                        hint = 'choose somebody with room, or assign it with override => true';
            when 'chat/agent_offline' then
                raise exception 'this agent is offline'
                    using errcode = 'PT409', detail = 'chat/agent_offline',
                        hint = 'choose somebody who is there, or assign it with override => true';
            else
        end case;
    end if;

    insert into chat.choices (
        site_id, conversation_id, agent_id, by_user, at, department_id, waited_seconds, facts, choice)
    values (before.site_id, before.id, p_agent, auth.uid(), at, before.department_id,
        case when p_agent is not null and before.returned_by is null then chat.waited_seconds(before.pending_since, at) end,
        facts, jsonb_build_object(
        'agent_id', p_agent,
        'reason', p_reason,
        'department_id', p_department,
        'from_agent_id', before.assigned_agent_id,
        'by_agent_id', (
            select a.id from public.mod_chat_agents a where a.site_id = before.site_id and a.user_id = auth.uid()),
        'beyond', coalesce(judgement -> 'beyond', '[]')))
    returning id into kept;
    -- With a choice of its own the change is not routed again at commit; it is here.
    update public.mod_chat_conversations c
    set assigned_agent_id = p_agent,
        department_id = p_department,
        returned_by = case when p_agent is null then before.assigned_agent_id end,
        choice_id = kept
    where c.id = before.id
    returning * into after;
    perform chat.note_sla(before, after);
    perform chat.recount_load(before.site_id, array[before.assigned_agent_id, p_agent]);
    perform chat.drain(before.site_id);
    return query select c.* from public.mod_chat_conversations c where c.id = before.id;
end
$$;
comment on function chat.assign_by_hand(public.mod_chat_conversations, text, uuid, uuid, boolean) is
    'Gives a conversation the caller has locked to an agent (null: to the queue) of a department, keeps why, and routes. PT404 chat/no_such_agent; PT409 chat/conversation_ended, chat/agent_full, chat/agent_offline.';

-- file: sql/routing/claim.sql
-- What: an agent takes a waiting conversation; a supervisor assigns one, or takes it away; an agent gives one back.
-- Why: functions, because room is looked at under the routing row and the reason is kept with the facts. A dashboard's
--      plain PATCH of assigned_agent_id still works and asks nobody for room.
-- Leaves out: handing over (transfer.sql).

create or replace function public.chat_claim(conversation uuid, override boolean default false)
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    c constant public.mod_chat_conversations :=
        chat.lock_conversation(chat_claim.conversation, 'live-chat.conversations.reply');
    me constant uuid := chat.my_agent(c.site_id);
begin
    if c.assigned_agent_id <> me then
        raise exception 'somebody else has this conversation'
            using errcode = 'PT409', detail = 'chat/already_assigned', hint = 'ask them, or a supervisor, to hand it over with chat_transfer';
    end if;
    if chat_claim.override then
        perform chat.require(c.site_id, 'live-chat.conversations.assign');
    end if;
    return query select * from chat.assign_by_hand(c, 'claimed', me, c.department_id, chat_claim.override);
end
$$;
comment on function public.chat_claim(uuid, boolean) is
    'The caller takes a conversation that nobody has. Beyond their own room only with override and the right to assign; that is kept. Needs live-chat.conversations.reply. PT403 chat/not_allowed, chat/not_an_agent; PT404 chat/no_such_conversation; PT409 chat/already_assigned, chat/agent_full, chat/conversation_ended.';

create or replace function public.chat_assign(conversation uuid, agent uuid, override boolean default false)
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    c constant public.mod_chat_conversations :=
        chat.lock_conversation(chat_assign.conversation, 'live-chat.conversations.assign');
begin
    if chat_assign.agent is null then
        raise exception 'to assign is to name an agent'
            using errcode = 'PT422', detail = 'chat/no_agent_named', hint = 'call chat_unassign to give it back to the queue';
    end if;
    return query select * from chat.assign_by_hand(c, 'assigned', chat_assign.agent, c.department_id, chat_assign.override);
end
$$;
comment on function public.chat_assign(uuid, uuid, boolean) is
    'Gives a conversation to an agent, whoever has it. Beyond the agent''s room, or to one who is offline, only with override; what it overrode is kept. Needs live-chat.conversations.assign. PT403 chat/not_allowed; PT404 chat/no_such_conversation, chat/no_such_agent; PT409 chat/agent_full, chat/agent_offline, chat/conversation_ended; PT422 chat/no_agent_named.';

create or replace function chat.require_hand(p_conversation public.mod_chat_conversations)
returns void
language plpgsql
stable
as $$
begin
    -- One's own conversation needs no right to assign others.
    if not exists (
        select from public.mod_chat_agents a
        where a.id = p_conversation.assigned_agent_id and a.user_id = auth.uid() and a.is_active)
    then
        perform chat.require(p_conversation.site_id, 'live-chat.conversations.assign');
    end if;
end
$$;
comment on function chat.require_hand(public.mod_chat_conversations) is
    'Raises PT403 chat/not_allowed unless the conversation is the caller''s own, or they may assign.';

create or replace function public.chat_unassign(conversation uuid)
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    c constant public.mod_chat_conversations :=
        chat.lock_conversation(chat_unassign.conversation, 'live-chat.conversations.reply');
begin
    perform chat.require_hand(c);
    if c.assigned_agent_id is null then
        raise exception 'nobody has this conversation'
            using errcode = 'PT409', detail = 'chat/not_assigned', hint = 'it waits in the queue already';
    end if;
    return query select * from chat.assign_by_hand(c, 'unassigned', null, c.department_id, false);
end
$$;
comment on function public.chat_unassign(uuid) is
    'Gives a conversation back to the queue: the caller''s own, or, with live-chat.conversations.assign, anybody''s. Routing gives it to somebody else, not again to who had it. Needs live-chat.conversations.reply. PT403 chat/not_allowed; PT404 chat/no_such_conversation; PT409 chat/not_assigned, chat/conversation_ended.';

-- file: sql/routing/transfer.sql
-- What: a conversation is handed over to another agent or department, with a note for colleagues.
-- Why: giver, taker and visitor see one line in the conversation that says so, and are told as of every change; the note is
--      there before the taker has it.
-- Leaves out: what stands against it and what follows (by_hand.sql).

create or replace function public.chat_transfer(
    conversation uuid, agent uuid default null, department uuid default null, note text default null,
    override boolean default false)
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    c constant public.mod_chat_conversations :=
        chat.lock_conversation(chat_transfer.conversation, 'live-chat.conversations.reply');
    target record;
begin
    perform chat.require_hand(c);
    if c.archived_at is not null then
        raise exception 'this conversation is %', c.status
            using errcode = 'PT409', detail = 'chat/conversation_ended', hint = 'open it again first: make it pending or active';
    end if;
    if chat_transfer.override then
        perform chat.require(c.site_id, 'live-chat.conversations.assign');
    end if;
    if chat_transfer.agent is null and chat_transfer.department is null
        or chat_transfer.agent = c.assigned_agent_id and coalesce(chat_transfer.department, c.department_id) is not distinct from c.department_id
    then
        raise exception 'a conversation is handed over to somebody else'
            using errcode = 'PT422', detail = 'chat/transfer_target', hint = 'name another agent, a department, or both';
    end if;
    -- Held, or it could be deleted before the conversation is given to it.
    select d.name, d.is_active into target
    from public.mod_chat_departments d where d.site_id = c.site_id and d.id = chat_transfer.department
    for key share;
    if chat_transfer.department is not null and target.is_active is not true then
        raise exception 'the site has no active department %', chat_transfer.department
            using errcode = 'PT404', detail = 'chat/no_such_department', hint = 'use the id of an active department of the site';
    end if;

    if chat_transfer.note is not null then
        perform chat.require_text(chat_transfer.note);
        insert into public.mod_chat_messages (conversation_id, sender_type, sender_id, sender_name, sender_avatar, kind, content)
        select c.id, 'agent', a.id::text, a.display_name, a.avatar_url, 'note', chat_transfer.note
        from public.mod_chat_agents a where a.id = chat.my_agent(c.site_id);
    end if;
    -- Visitors read it too, so it names no colleague.
    insert into public.mod_chat_messages (conversation_id, sender_type, kind, content, metadata)
    values (c.id, 'system', 'event', coalesce('Handed over to ' || target.name, 'Handed over to a colleague'),
        jsonb_build_object('event', 'transferred', 'from_agent_id', c.assigned_agent_id, 'agent_id', chat_transfer.agent,
            'department_id', chat_transfer.department));
    return query select * from chat.assign_by_hand(c, 'transferred', chat_transfer.agent,
        coalesce(chat_transfer.department, c.department_id), chat_transfer.override);
end
$$;
comment on function public.chat_transfer(uuid, uuid, uuid, text, boolean) is
    'Hands a conversation over to an agent, to a department (which routes it, not to the giver), or to an agent in a department; the note is for colleagues, and a line tells both sides. One''s own needs live-chat.conversations.reply, anybody''s live-chat.conversations.assign; override as in chat_assign. PT403 chat/not_allowed, chat/not_an_agent; PT404 chat/no_such_conversation, chat/no_such_agent, chat/no_such_department; PT409 chat/agent_full, chat/agent_offline, chat/conversation_ended; PT422 chat/transfer_target, chat/text_length.';

-- file: sql/routing/take_back.sql
-- What: chats go back to the queue by themselves: of an agent who does not answer, who is offline, or who has left.
-- Why: a visitor should not wait for somebody who is not coming. The reason is kept like a choice, so it can be explained.
-- Leaves out: who gets it then, which is the drain's; people who give a chat back (claim.sql).

create or replace function chat.take_back(
    p_conversation public.mod_chat_conversations, p_choice jsonb, p_facts json, p_waits_since timestamptz, p_now timestamptz)
returns void
language plpgsql
as $$
declare
    kept bigint;
begin
    insert into chat.choices (site_id, conversation_id, at, department_id, facts, choice)
    values (p_conversation.site_id, p_conversation.id, p_now, p_conversation.department_id, p_facts,
        p_choice || jsonb_build_object('agent_id', null, 'from_agent_id', p_conversation.assigned_agent_id))
    returning id into kept;
    update public.mod_chat_conversations c
    set status = 'pending',
        -- Whoever waited for an answer has waited already.
        pending_since = p_waits_since,
        returned_by = case when p_choice ->> 'reason' = 'not_answered' then c.assigned_agent_id end,
        choice_id = kept
    where c.id = p_conversation.id;
end
$$;
comment on function chat.take_back(public.mod_chat_conversations, jsonb, json, timestamptz, timestamptz) is
    'Puts a conversation the caller has locked back into the queue, as one that waits since then (null: now), and keeps why. The caller has its site routed.';

create or replace function chat.return_chats(p_batch integer, p_now timestamptz default clock_timestamp())
returns uuid[]
language plpgsql
as $$
declare
    one record;
    sites uuid[] := '{}';
begin
    for one in
        select c as chat, a.is_active
        from public.mod_chat_agents a
        join public.mod_chat_conversations c on c.assigned_agent_id = a.id and c.status = 'active' and c.archived_at is null
        left join chat.presence_rules r on r.site_id = a.site_id
        -- Whoever has left will not answer, whatever the site does with people who are offline.
        where a.current_chat_count > 0 and (not a.is_active or a.status = 'offline' and r.offline_chats = 'return')
        order by c.id
        limit p_batch
        for no key update of c skip locked
    loop
        perform chat.take_back(one.chat,
            jsonb_build_object('reason', case when one.is_active then 'went_offline' else 'left_team' end), null, null, p_now);
        sites := sites || (one.chat).site_id;
    end loop;
    return sites;
end
$$;
comment on function chat.return_chats(integer, timestamptz) is
    'Active chats of offline agents go back to the queue where the site wants it, those of agents who have left everywhere. Returns their sites, one a chat.';

create or replace function chat.return_unanswered(p_batch integer, p_now timestamptz default clock_timestamp())
returns uuid[]
language plpgsql
as $$
declare
    one record;
    again public.mod_chat_conversations;
    facts json;
    judgement jsonb;
    sites uuid[] := '{}';
begin
    for one in
        select c as chat, s.unanswered_seconds, s.unanswered_limit, w.since, n.times
        from chat.routing_settings s
        join public.mod_chat_agents a on a.site_id = s.site_id and a.current_chat_count > 0
        join public.mod_chat_conversations c on c.assigned_agent_id = a.id and c.archived_at is null
        left join lateral (
            select m.seq, m.created_at as at from public.mod_chat_messages m
            where m.conversation_id = c.id and m.sender_type in ('agent', 'ai') and m.public_seq is not null
            order by m.seq desc
            limit 1) answer on true
        -- By their numbers: last_message_by goes by Meta's clock, which counts whole seconds.
        cross join lateral (
            select greatest(c.agent_joined_at, m.created_at) as since from public.mod_chat_messages m
            where m.conversation_id = c.id and m.seq > coalesce(answer.seq, 0)
                and m.sender_type = 'visitor' and m.origin = 'live'
            order by m.seq
            limit 1) w
        cross join lateral (
            select count(*) as times from chat.choices k
            where k.conversation_id = c.id and k.agent_id is null and k.choice ->> 'reason' = 'not_answered'
                and (k.at <= answer.at) is not true) n
        where s.unanswered_seconds is not null
            and (s.department_id = c.department_id or s.department_id is null and not exists (
                select from chat.routing_settings o where o.site_id = s.site_id and o.department_id = c.department_id))
            and c.status = 'active'
            and c.agent_joined_at <= p_now - make_interval(secs => s.unanswered_seconds)
            and w.since <= p_now - make_interval(secs => s.unanswered_seconds)
            and n.times < s.unanswered_limit
            and exists (
                select from public.mod_chat_agents o
                where o.site_id = s.site_id and o.id <> a.id and o.is_active and o.status = 'online')
        -- In no order: what the rule leaves where it is must not stand before the rest each time.
        order by random()
        limit p_batch
        for no key update of c skip locked
    loop
        -- The facts of the choice that would follow.
        again := one.chat;
        again.pending_since := one.since;
        again.last_agent_id := again.assigned_agent_id;
        again.returned_by := again.assigned_agent_id;
        facts := (chat.routing_facts(again, p_now)::jsonb || jsonb_build_object(
            'unanswered_seconds', one.unanswered_seconds, 'unanswered_limit', one.unanswered_limit, 'times', one.times))::json;
        judgement := chat.judge_unanswered(facts);
        continue when not (judgement ->> 'takes_back')::boolean;
        insert into public.mod_chat_messages (conversation_id, sender_type, kind, content, metadata, sent_at)
        values ((one.chat).id, 'system', 'event', 'Back in the queue for a colleague', jsonb_build_object(
            'event', 'taken_back', 'reason', judgement -> 'reason', 'from_agent_id', (one.chat).assigned_agent_id), p_now);
        insert into chat.agent_deeds (site_id, agent_id, unanswered)
        values ((one.chat).site_id, (one.chat).assigned_agent_id, 1);
        perform chat.take_back(
            one.chat, judgement || jsonb_build_object('seconds', one.unanswered_seconds), facts, one.since, p_now);
        sites := sites || (one.chat).site_id;
    end loop;
    return sites;
end
$$;
comment on function chat.return_unanswered(integer, timestamptz) is
    'Chats whose agent lets the visitor wait for longer than the site allows go back to the queue, for somebody else who is there. Returns their sites, one a chat.';

-- file: sql/routing/queue.sql
-- What: the queue as people see it: who stands where in which line, and how long it may still take.
-- Why: a line is what waits for one department, or for none, in the order in which it is handed out. Its places are counted
--      when somebody asks, so they are never behind; the wait is a rule over how the line moved lately.
-- Leaves out: a visitor's own place (queue_position.sql), telling them that it moved (tell_queue.sql), and how the wait is
--      computed (chat_rules::routing).

create or replace function chat.queue_of(p_site uuid, p_most integer default null)
returns table (conversation_id uuid, department_id uuid, urgency integer, waiting_since timestamptz, place bigint)
language sql
stable
as $$
    select w.id, w.department_id, w.urgency, w.pending_since, w.place
    from (
        select p_site as id
        union all
        select d.id from public.mod_chat_departments d where d.site_id = p_site) line
    cross join lateral (
        select c.id, c.department_id, c.pending_since, u.urgency,
            row_number() over (order by u.urgency, c.pending_since, c.id) as place
        from public.mod_chat_conversations c
        cross join lateral (select chat.urgency(c.priority) as urgency) u
        where coalesce(c.department_id, c.site_id) = line.id and c.status = 'pending' and c.assigned_agent_id is null
        order by u.urgency, c.pending_since, c.id
        limit p_most) w
$$;
comment on function chat.queue_of(uuid, integer) is
    'Who waits at a site, with their place in the line of their department (null: of none); of each line the first so many, or all.';

create or replace function chat.line_facts(p_site uuid, p_department uuid, p_now timestamptz)
returns jsonb
language plpgsql
stable
as $$
declare
    settings constant chat.routing_settings := chat.routing_settings_of(p_site, p_department);
    assigns constant boolean := coalesce((
        select d.auto_assign from public.mod_chat_departments d where d.site_id = p_site and d.id = p_department), true);
begin
    return jsonb_build_object(
        'agents', (
            select count(*) from public.mod_chat_agents a
            where a.site_id = p_site and a.is_active and a.max_concurrent_chats > 0
                -- What is claimed is claimed by whoever is there.
                and case when assigns then a.status = 'online' else a.status <> 'offline' end
                and (p_department is null or a.department_id = p_department
                    or settings.fallback_seconds is not null
                        and coalesce(settings.fallback_department_id = a.department_id, settings.fallback_department_id is null))),
        'taken', coalesce((
            select jsonb_agg(jsonb_build_object('at', t.at, 'waited_seconds', t.waited_seconds))
            from (
                select k.at, k.waited_seconds from chat.choices k
                where k.site_id = p_site and k.waited_seconds > 0 and k.at > p_now - interval '4 hours'
                    and k.department_id is not distinct from p_department
                order by k.at desc
                limit 50) t), '[]'));
end
$$;
comment on function chat.line_facts(uuid, uuid, timestamptz) is
    'What the wait in a line is computed from but the place: {agents, taken}; taken are the last 50 chats of the last four hours that somebody got after they had waited.';

create or replace function chat.wait_shown(p_wait jsonb)
returns jsonb
language sql
stable
as $$
    select p_wait - 'seconds' || jsonb_build_object(
        'expected_seconds', p_wait -> 'seconds',
        'expected_wait', make_interval(secs => (p_wait ->> 'seconds')::double precision))
$$;
comment on function chat.wait_shown(jsonb) is
    'An expected wait as people get it: {expected_wait, expected_seconds, seconds_per_chat, from_chats, reason}.';

create or replace function public.chat_queue(site uuid, page_size integer default 100)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    -- Whoever sees a part of the site counts and reads that part; places are those of the whole line.
    limited constant boolean := chat_queue.site = any (chat.my_limited_sites());
    part constant text[] := chat.my_part();
begin
    perform chat.require(chat_queue.site, 'live-chat.conversations.view');
    perform chat.require_page_size(chat_queue.page_size, 500);
    return (
        with seen as materialized (
            select q.*, c.session_number, c.channel, c.priority, c.visitor_id
            -- The first page is among the first of each line, where nobody is hidden.
            from chat.queue_of(chat_queue.site, case when not limited then chat_queue.page_size end) q
            join public.mod_chat_conversations c on c.id = q.conversation_id
            where not limited or chat.in_part(
                part, c.site_id, c.assigned_agent_id, c.last_agent_id, c.department_id, c.phone_number_id)
        ), page as materialized (
            select s.* from seen s order by s.urgency, s.waiting_since, s.conversation_id limit chat_queue.page_size
        ), line as materialized (
            select x.department_id, chat.line_facts(chat_queue.site, x.department_id, at) as facts
            from (select distinct p.department_id from page p) x
        )
        select jsonb_build_object(
            'waiting', case when limited then (select count(*) from seen)
                else (select count(*) from chat.queue_of(chat_queue.site)) end,
            'chats', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'conversation_id', p.conversation_id, 'session_number', p.session_number, 'visitor_name', v.name,
                    'channel', p.channel, 'priority', p.priority, 'department_id', p.department_id,
                    'department_name', d.name, 'position', p.place, 'waiting_since', p.waiting_since)
                    || chat.wait_shown(chat.expected_wait(l.facts || jsonb_build_object('position', p.place)))
                    order by p.urgency, p.waiting_since, p.conversation_id)
                from page p
                join line l on l.department_id is not distinct from p.department_id
                join public.mod_chat_visitors v on v.id = p.visitor_id
                left join public.mod_chat_departments d on d.id = p.department_id), '[]')));
end
$$;
comment on function public.chat_queue(uuid, integer) is
    'Who waits at a site, the next one first: {waiting, chats: [{conversation_id, session_number, visitor_name, channel, priority, department_id, department_name, position, waiting_since, expected_wait, expected_seconds, seconds_per_chat, from_chats, reason}]}. position counts within the department''s line. expected_wait is position times what one step forward took lately, from from_chats chats that had to wait in the last four hours; null with reason nobody_there or too_few_chats. Needs live-chat.conversations.view. PT403 chat/not_allowed, PT422 chat/page_size.';

-- file: sql/routing/queue_position.sql
-- What: one conversation's place in its line, and the visitor's own question for it.
-- Why: whoever waits wants to know how long; counted for one it costs only those who stand before it.
-- Leaves out: what a place is made of (queue.sql).

create or replace function chat.place_shown(p_conversation public.mod_chat_conversations, p_now timestamptz)
returns jsonb
language plpgsql
stable
as $$
declare
    c constant public.mod_chat_conversations := p_conversation;
    place bigint;
begin
    if c.status <> 'pending' or c.assigned_agent_id is not null then
        return jsonb_build_object('conversation_id', c.id, 'status', c.status, 'position', null);
    end if;
    select count(*) + 1 into place
    from public.mod_chat_conversations x
    where coalesce(x.department_id, x.site_id) = coalesce(c.department_id, c.site_id)
        and x.status = 'pending' and x.assigned_agent_id is null
        and (chat.urgency(x.priority), x.pending_since, x.id) < (chat.urgency(c.priority), c.pending_since, c.id);
    return jsonb_build_object(
        'conversation_id', c.id, 'status', c.status, 'position', place, 'waiting_since', c.pending_since)
        || chat.wait_shown(chat.expected_wait(
            chat.line_facts(c.site_id, c.department_id, p_now) || jsonb_build_object('position', place)));
end
$$;
comment on function chat.place_shown(public.mod_chat_conversations, timestamptz) is
    'The place of one conversation and what it may expect; a null position where it waits for nobody.';

create or replace function public.chat_queue_position(conversation uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    mine constant uuid[] := chat.my_visitor_ids();
    chat_row public.mod_chat_conversations;
begin
    select c.* into chat_row from public.mod_chat_conversations c
    where c.id = chat_queue_position.conversation and c.visitor_id = any (mine);
    if not found then
        raise exception 'you have no conversation %', chat_queue_position.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'chat_my_conversations lists yours';
    end if;
    return chat.place_shown(chat_row, clock_timestamp());
end
$$;
comment on function public.chat_queue_position(uuid) is
    'A visitor''s own place: {conversation_id, status, position, waiting_since, expected_wait, expected_seconds, seconds_per_chat, from_chats, reason} as in chat_queue; position is null when it waits for nobody. What moves is told on chat:visitor:<id> as queue_position. PT401 as chat.my_session, PT404 chat/no_such_conversation.';

-- file: sql/routing/tell_queue.sql
-- What: visitors who wait hear that they moved.
-- Why: by the tick and not in the transaction that moved them, which would write to the whole line. A site is looked at
--      every five seconds by one of the ticks, and nobody is told more often than every ten.
-- Leaves out: whoever stands behind the first 500 of a line, who may ask (chat_queue_position); WhatsApp, where nobody listens.

create or replace function chat.know_sites()
returns integer
language plpgsql
as $$
declare
    known integer;
begin
    insert into chat.site_looks (site_id)
    select r.site_id from chat.routing r
    where not exists (select from chat.site_looks l where l.site_id = r.site_id)
    order by r.site_id
    on conflict do nothing;
    get diagnostics known = row_count;
    return known;
end
$$;
comment on function chat.know_sites() is
    'Makes the rows of chat.site_looks. Two may wait for each other''s rows here and nowhere later, so it is the first thing a tick does.';

create or replace function chat.tell_queue(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    look uuid;
    one record;
    told integer := 0;
begin
    for look in
        select l.site_id
        from chat.site_looks l
        where l.queue_at < p_now - interval '5 seconds'
            and (exists (select from chat.queue_of(l.site_id, 1))
                or exists (select from chat.queue_told t where t.site_id = l.site_id))
        order by l.queue_at
        limit p_batch
        for no key update of l skip locked
    loop
        update chat.site_looks l set queue_at = p_now where l.site_id = look;
        delete from chat.queue_told t
        where t.site_id = look and not exists (
            select from public.mod_chat_conversations c
            where c.id = t.conversation_id and c.status = 'pending' and c.assigned_agent_id is null);
        for one in
            with queue as materialized (
                select q.* from chat.queue_of(look, 500) q
            ), line as materialized (
                select x.department_id, chat.line_facts(look, x.department_id, p_now) as facts
                from (select distinct q.department_id from queue q) x
            )
            select q.conversation_id, q.place, c.visitor_id, w.wait
            from queue q
            join public.mod_chat_conversations c on c.id = q.conversation_id and c.channel = 'widget'
            join line l on l.department_id is not distinct from q.department_id
            cross join lateral (
                select chat.expected_wait(l.facts || jsonb_build_object('position', q.place)) as wait offset 0) w
            left join chat.queue_told t on t.conversation_id = q.conversation_id
            where (t.told_at < p_now - interval '10 seconds') is not false
                and chat.queue_news(t.place, t.expected_seconds, q.place, (w.wait ->> 'seconds')::bigint)
            order by t.told_at nulls first, q.place
            limit p_batch
        loop
            insert into chat.queue_told as t (conversation_id, site_id, place, expected_seconds, told_at)
            values (one.conversation_id, look, one.place, (one.wait ->> 'seconds')::bigint, p_now)
            on conflict (conversation_id) do update
            set place = excluded.place, expected_seconds = excluded.expected_seconds, told_at = excluded.told_at;
            perform chat.broadcast(
                array['chat:visitor:' || one.visitor_id, 'chat:conversation:' || one.conversation_id],
                jsonb_build_object('v', 1, 'type', 'queue_position', 'conversation_id', one.conversation_id,
                    'position', one.place, 'expected_seconds', one.wait -> 'seconds', 'from_chats', one.wait -> 'from_chats'),
                array[null, null]::bigint[]);
            told := told + 1;
        end loop;
    end loop;
    return told;
end
$$;
comment on function chat.tell_queue(integer, timestamptz) is
    'Tells visitors who wait their place and expected wait, where either differs by what they would notice from what they were told last. Returns how many.';

-- file: sql/routing/forget_facts.sql
-- What: the facts of old choices are forgotten.
-- Why: they name every agent of the moment, and are most of what a choice weighs. Who got it, when and why stays.
-- Leaves out: the choice that put an open conversation where it is, which explains that however old it is.

create or replace function chat.forget_facts(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    look record;
    found_here integer;
    forgotten integer := 0;
begin
    for look in
        select l.site_id, p_now - make_interval(days => coalesce(s.choice_days, 90)) as before
        from chat.site_looks l
        left join public.mod_chat_widget_settings s on s.site_id = l.site_id
        where l.facts_at < p_now - interval '1 hour'
        order by l.facts_at
        limit p_batch
        for no key update of l skip locked
    loop
        update chat.choices k
        set facts = null, choice = k.choice - 'losers'
        from (
            select x.id from chat.choices x
            where x.site_id = look.site_id and x.facts is not null and x.at < look.before
                and not exists (
                    select from public.mod_chat_conversations c
                    where c.id = x.conversation_id and c.choice_id = x.id and c.archived_at is null)
            order by x.at
            limit p_batch - forgotten
            for no key update of x skip locked) old
        where k.id = old.id;
        get diagnostics found_here = row_count;
        forgotten := forgotten + found_here;
        -- The next tick goes on here.
        exit when forgotten >= p_batch;
        update chat.site_looks l set facts_at = p_now where l.site_id = look.site_id;
    end loop;
    return forgotten;
end
$$;
comment on function chat.forget_facts(integer, timestamptz) is
    'Takes facts and losers off choices older than their site''s choice_days, site by site, each once an hour. Returns how many.';

-- file: sql/routing/agent_load.sql
-- What: what agents got in a period, how full they were, and whether it was fairly shared.
-- Why: from what was kept as it happened: choices, and each change of an agent's status, capacity and load.
-- Leaves out: how well they answered (figures of mod_chat_agents); chats given by a plain write of assigned_agent_id, which
--      leaves no choice: they are in the load and in no count of chats.

create or replace function public.chat_agent_load(site uuid, since timestamptz, until timestamptz)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    ends constant timestamptz := least(chat_agent_load.until, now());
begin
    perform chat.require(chat_agent_load.site, 'live-chat.analytics.view');
    if (chat_agent_load.since < ends
        and extract(epoch from ends) - extract(epoch from chat_agent_load.since) <= 92 * 86400) is not true
    then
        raise exception 'a report is of a period of up to 92 days that has begun'
            using errcode = 'PT422', detail = 'chat/report_period', hint = 'give since before until, at most 92 days apart';
    end if;
    return (
        with agent as materialized (
            select a.* from public.mod_chat_agents a where a.site_id = chat_agent_load.site
        ), state as (
            -- How each agent was when the period began, and each change in it.
            select a.id as agent_id, s.status, s.capacity, s.load, s.begins,
                extract(epoch from lead(s.begins, 1, ends) over (partition by a.id order by s.begins, s.id))
                    - extract(epoch from s.begins) as seconds
            from agent a
            cross join lateral (
                (select x.id, x.status, x.capacity, x.load, chat_agent_load.since as begins from chat.agent_states x
                where x.agent_id = a.id and x.at <= chat_agent_load.since
                order by x.at desc, x.id desc
                limit 1)
                union all
                select x.id, x.status, x.capacity, x.load, x.at from chat.agent_states x
                where x.agent_id = a.id and x.at > chat_agent_load.since and x.at < ends) s
        ), was as (
            select s.agent_id, min(s.begins) as known_since, max(s.load) as peak_load,
                coalesce(sum(s.seconds) filter (where s.status = 'online'), 0) as online,
                coalesce(sum(s.seconds) filter (where s.status <> 'offline'), 0) as there,
                coalesce(sum(s.seconds) filter (where s.load > s.capacity), 0) as beyond,
                coalesce(sum(s.seconds * s.load) filter (where s.status = 'online'), 0) as carried,
                coalesce(sum(s.seconds * s.capacity) filter (where s.status = 'online'), 0) as offered
            from state s
            group by s.agent_id
        ), got as (
            select k.agent_id, count(*) filter (where k.by_user is null) as by_routing,
                count(*) filter (where k.by_user is not null) as by_hand
            from agent a
            join chat.choices k on k.agent_id = a.id and k.at >= chat_agent_load.since and k.at < ends
            group by k.agent_id
        ), lost as (
            select a.id as agent_id, count(*) as unanswered
            from agent a
            join chat.choices k on k.site_id = a.site_id and k.agent_id is null
                and k.choice ->> 'reason' = 'not_answered' and k.choice ->> 'from_agent_id' = a.id::text
                and k.at >= chat_agent_load.since and k.at < ends
            group by a.id
        ), figure as (
            select a.id, a.display_name, a.department_id, a.is_active, w.known_since, w.peak_load,
                coalesce(w.online, 0) as online, coalesce(w.there, 0) as there, coalesce(w.beyond, 0) as beyond,
                coalesce(w.carried, 0) as carried, coalesce(w.offered, 0) as offered,
                coalesce(g.by_routing, 0) as by_routing, coalesce(g.by_hand, 0) as by_hand,
                coalesce(l.unanswered, 0) as unanswered
            from agent a
            left join was w on w.agent_id = a.id
            left join got g on g.agent_id = a.id
            left join lost l on l.agent_id = a.id
            where a.is_active or w.there > 0 or g.agent_id is not null
        ), total as (
            select sum(f.by_routing) as by_routing, sum(f.by_hand) as by_hand, sum(f.unanswered) as unanswered,
                sum(f.offered) as offered, min(f.known_since) as known_since,
                -- Jain's index over what each got for the room they offered.
                power(sum(f.by_routing / nullif(f.offered, 0)), 2)
                    / nullif(count(nullif(f.offered, 0)) * sum(power(f.by_routing / nullif(f.offered, 0), 2)), 0) as fairness
            from figure f
        )
        select jsonb_build_object(
            'since', chat_agent_load.since, 'until', ends, 'known_since', t.known_since,
            'by_routing', coalesce(t.by_routing, 0), 'by_hand', coalesce(t.by_hand, 0),
            'unanswered', coalesce(t.unanswered, 0), 'fairness', trim_scale(round(t.fairness, 4)),
            'agents', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'agent_id', f.id, 'agent_name', f.display_name, 'department_id', f.department_id,
                    'is_active', f.is_active, 'by_routing', f.by_routing, 'by_hand', f.by_hand,
                    'unanswered', f.unanswered, 'online_seconds', round(f.online), 'there_seconds', round(f.there),
                    'mean_load', trim_scale(round(f.carried / nullif(f.online, 0), 2)),
                    'mean_capacity', trim_scale(round(f.offered / nullif(f.online, 0), 2)),
                    'used', trim_scale(round(f.carried / nullif(f.offered, 0), 4)), 'peak_load', f.peak_load,
                    'over_capacity_seconds', round(f.beyond), 'share', trim_scale(round(f.by_routing / nullif(t.by_routing, 0), 4)),
                    'fair_share', trim_scale(round(f.offered / nullif(t.offered, 0), 4)), 'known_since', f.known_since)
                    order by f.display_name, f.id)
                from figure f), '[]'))
        from total t);
end
$$;
comment on function public.chat_agent_load(uuid, timestamptz, timestamptz) is
    'What each agent got in a period of up to 92 days (until null: to now) and how full they were: {since, until, known_since, by_routing, by_hand, unanswered, fairness, agents: [{agent_id, agent_name, department_id, is_active, by_routing, by_hand, unanswered, online_seconds, there_seconds, mean_load, mean_capacity, used, peak_load, over_capacity_seconds, share, fair_share, known_since}]}. Loads and capacities are means over the time online; share is of what routing gave, fair_share of the room all offered while online (capacity times time); fairness is 1 where each got alike for the room they offered, and falls towards 1/n. Needs live-chat.analytics.view. PT403 chat/not_allowed, PT422 chat/report_period.';

-- file: sql/routing/in_words.sql
-- What: a kept choice, and why nobody can take a conversation, as sentences.
-- Why: people ask "why Ada?" and "why nobody?"; each reason of the rule has one sentence, here.
-- Leaves out: the facts (explain_assignment.sql gives them beside).

create or replace function chat.choice_in_words(p_agent text, p_choice jsonb, p_by text)
returns text
language sql
immutable
as $$
    select case p_choice ->> 'reason'
        when 'preferred' then p_agent || ' had it before and has room'
        when 'only_one_free' then p_agent || ' was the only one online with room'
        when 'own_department' then p_agent || ' is of its department, others only stand in'
        when 'least_busy' then p_agent || ' was the least busy'
        when 'waited_longest' then p_agent || ' had waited longest for a chat among the least busy'
        when 'next_in_turn' then p_agent || ' was next in turn'
        when 'knows_visitor' then p_agent || ' talked to this person last'
        when 'best_skills' then p_agent || ' has the most of the skills it needs'
        when 'first_by_id' then p_agent || ' came first among equals'
        when 'claimed' then p_agent || ' took it'
        when 'assigned' then p_agent || ' has it because ' || coalesce(p_by, 'somebody in charge') || ' assigned it'
        when 'transferred' then p_agent || ' has it because ' || coalesce(p_by, 'somebody in charge') || ' handed it over'
    end || case
        when p_choice -> 'beyond' ?| array['full', 'department_full'] then ', beyond their room'
        else '' end
$$;
comment on function chat.choice_in_words(text, jsonb, text) is
    'Why an agent has a conversation, from the kept choice and the names of the agent and of the person who chose.';

create or replace function chat.taken_back_in_words(p_agent text, p_choice jsonb)
returns text
language sql
immutable
as $$
    select '. It came back because ' || case p_choice ->> 'reason'
        when 'not_answered' then p_agent || ' did not answer within ' || (p_choice ->> 'seconds') || ' seconds'
        when 'went_offline' then p_agent || ' went offline'
        when 'left_team' then p_agent || ' has left the team'
    end
$$;
comment on function chat.taken_back_in_words(text, jsonb) is
    'Why a conversation waits again that an agent had; null unless it came back by itself.';

create or replace function chat.waiting_in_words(p_since timestamptz, p_auto_assign boolean, p_reason text)
returns text
language sql
stable
as $$
    select 'Nobody has it: it waits since ' || p_since || case
        when not p_auto_assign then ' for somebody to claim it'
        else ' for an agent with room; ' || case p_reason
            when 'full' then 'whoever could take it is full'
            when 'department_full' then 'whoever could take it has as many of this department as they may'
            when 'hourly_limit' then 'whoever could take it got as many within the hour as they may'
            when 'lacks_skills' then 'nobody who is there has the skills it needs'
            when 'gave_it_back' then 'the only one who is there gave it back'
            when 'other_department' then 'nobody of its department is there'
            when 'not_online' then 'nobody is online'
            when 'no_candidates' then 'the site has no agents'
            else 'it is about to be handed out' end
    end
$$;
comment on function chat.waiting_in_words(timestamptz, boolean, text) is
    'Why a conversation waits: since when, whether its department assigns by itself, and what the rule says now.';

create or replace function chat.rule_in_words(p_rule jsonb, p_department text)
returns text
language sql
immutable
as $$
    select string_agg(w.sentence, '. ' order by w.place)
    from (
        select (o ->> 'place')::integer as place,
            format('Rule %s, %s, was passed over: its department is gone', o ->> 'place', o ->> 'name') as sentence
        from jsonb_array_elements(p_rule -> 'passed_over') o
        union all
        select 1000, format('Rule %s, %s, ', p_rule ->> 'place', p_rule ->> 'name') || concat_ws(', ',
            case when p_rule -> 'then' ? 'department' then 'sent it to ' || coalesce(p_department, 'a department that is gone') end,
            case when p_rule -> 'then' ? 'priority' then 'made it ' || (p_rule #>> '{then,priority}') end,
            case p_rule #>> '{then,assistant}' when 'true' then 'lets the assistant answer' when 'false' then 'keeps the assistant out' end,
            'asks for ' || (select string_agg(s, ' and ') from jsonb_array_elements_text(p_rule #> '{then,skills}') s),
            'tagged it ' || (select string_agg(s, ', ') from jsonb_array_elements_text(p_rule #> '{then,tags}') s))
        where p_rule ->> 'place' is not null) w
$$;
comment on function chat.rule_in_words(jsonb, text) is
    'What the site''s rules did with a conversation, from its applied_rule and the name of the department it was sent to; null where no rule held.';

-- file: sql/routing/explain_assignment.sql
-- What: why a conversation is whose it is, in words and facts, and which rule sent it where.
-- Why: every choice kept its facts; nothing is guessed afterwards.
-- Leaves out: the sentences (in_words.sql); replay under other rules.

create or replace function public.chat_explain_assignment(conversation uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    c public.mod_chat_conversations;
    k chat.choices;
    agent text;
    by_name text;
    auto_assign boolean;
    came_back text;
begin
    select * into c from public.mod_chat_conversations x where x.id = chat_explain_assignment.conversation;
    if not found or not chat.may_in(c.id, 'live-chat.conversations.view') then
        raise exception 'there is no conversation % that you may see', chat_explain_assignment.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
    select a.display_name into agent from public.mod_chat_agents a where a.id = c.assigned_agent_id;
    select * into k from chat.choices x where x.id = c.choice_id;
    select a.display_name into by_name from public.mod_chat_agents a where a.id = (k.choice ->> 'by_agent_id')::uuid;
    if c.status = 'pending' then
        select chat.taken_back_in_words(a.display_name, k.choice) into came_back
        from public.mod_chat_agents a where a.id = (k.choice ->> 'from_agent_id')::uuid;
        -- What it waits for is a question of now.
        select coalesce(d.auto_assign, true) into auto_assign
        from (select) one left join public.mod_chat_departments d on d.id = c.department_id;
        k.facts := chat.routing_facts(c, clock_timestamp());
        k.choice := chat.choose_agent(k.facts);
        k.at := null;
    end if;
    return jsonb_build_object(
        'conversation_id', c.id,
        'agent_id', c.assigned_agent_id,
        'agent_name', agent,
        'in_words', concat_ws('. ', case
            when c.status = 'pending' then
                chat.waiting_in_words(c.pending_since, auto_assign, k.choice ->> 'reason') || coalesce(came_back, '')
            when c.assigned_agent_id is null then 'Nobody has it: it is ' || c.status
            when k.id is null then agent || ' has it because a person assigned it'
            else chat.choice_in_words(agent, k.choice, by_name)
        end, chat.rule_in_words(c.applied_rule, (
            select d.name from public.mod_chat_departments d where d.id::text = c.applied_rule #>> '{then,department}'))),
        'rule', c.applied_rule,
        'chosen_at', k.at,
        'choice', k.choice,
        'facts', chat.facts_in_full(k.facts),
        'history', coalesce((
            select jsonb_agg(jsonb_build_object('at', h.at, 'agent_id', h.agent_id, 'by_user', h.by_user, 'choice', h.choice - 'losers')
                order by h.id)
            from (
                select x.* from chat.choices x
                where x.conversation_id = c.id order by x.id desc limit 50) h), '[]'));
end
$$;
comment on function public.chat_explain_assignment(uuid) is
    'Why a conversation is whose it is, or why it waits: words, the rule of the site that sorted it, the choice with each loser''s reason, the facts it was made from, and the last 50 choices before. PT404 chat/no_such_conversation.';

-- file: sql/routing/hours.sql
-- What: whether a site or department is open, when that changes, and time counted while it is.
-- Why: which hours count (a department's own, else its site's, else none) is decided here once.
-- Leaves out: calendar and clocks, which are the rule's: SQL never turns a moment into a local time for hours, so that
--      there is one time-zone database (docs/decisions/time-zones.md).

create or replace function chat.hours_of(
    p_site uuid, p_department uuid, out hours jsonb, out zone text, out problems jsonb)
language plpgsql
as $$
declare
    settings constant public.mod_chat_widget_settings := chat.settings_of(p_site);
    own record;
begin
    select d.business_hours, d.timezone into own
    from public.mod_chat_departments d where d.site_id = p_site and d.id = p_department;
    hours := coalesce(own.business_hours, case when settings.business_hours_enabled then settings.business_hours end);
    zone := coalesce(own.timezone, settings.timezone);
    -- Rows that were there before anybody looked at what is saved: a site that cannot be read is not closed for good.
    problems := (
        select jsonb_agg(p) from jsonb_array_elements(chat.hours_problems(hours, zone)) p
        where p ->> 'problem' <> 'never_open');
    if problems is not null then
        hours := null;
    end if;
end
$$;
comment on function chat.hours_of(uuid, uuid) is
    'The hours that count for a department (null: of the site), their time zone, and what is wrong with them. Null hours: always open. PT404 chat/no_such_site.';

create or replace function public.chat_hours(site uuid, department uuid default null, at timestamptz default now())
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    known record;
    opening record;
begin
    known := chat.hours_of(chat_hours.site, chat_hours.department);
    perform chat.require_module(chat_hours.site);
    if chat_hours.department is not null and not exists (
        select from public.mod_chat_departments d where d.site_id = chat_hours.site and d.id = chat_hours.department)
    then
        raise exception 'the site has no department %', chat_hours.department
            using errcode = 'PT404', detail = 'chat/no_such_department', hint = 'use the id of a department of the site, or null';
    end if;
    select o.* into opening from chat.hours_at(known.hours, known.zone, coalesce(chat_hours.at, now())) o;
    return jsonb_build_object(
        'open', opening.is_open,
        'next_change', opening.next_change,
        'holiday', opening.holiday,
        'always', known.hours is null,
        'timezone', known.zone,
        'problems', coalesce(known.problems, '[]'));
end
$$;
comment on function public.chat_hours(uuid, uuid, timestamptz) is
    'Whether a site, or one of its departments, is open now or at another time: {open, next_change, holiday, always, timezone, problems}. next_change is null where nothing changes within ten years; always: no hours are set, or they cannot be read and problems [{at, problem}] says why. PT404 chat/no_such_site, chat/no_such_department; PT403 chat/module_off.';

create or replace function chat.business_due(p_site uuid, p_department uuid, p_start timestamptz, p_interval interval)
returns timestamptz
language plpgsql
as $$
declare
    known constant record := chat.hours_of(p_site, p_department);
begin
    return chat.business_add(known.hours, known.zone, p_start, ceil(extract(epoch from p_interval))::bigint);
end
$$;
comment on function chat.business_due(uuid, uuid, timestamptz, interval) is
    'When an interval of business time of a department (null: of the site) is over: the earliest moment by which it was open for so long. A day of the interval is 24 open hours. Null where ten years do not give so much.';

-- file: sql/routing/check_hours.sql
-- What: business hours and time zones are looked at when they are saved.
-- Why: whoever types them learns what is wrong and where; whoever waits later must not.
-- Leaves out: what they mean (chat_rules::routing::hours) and rows that came in before anybody looked (hours.sql).

create or replace function chat.require_hours(p_hours jsonb, p_zone text, p_opens boolean)
returns void
language plpgsql
stable
as $$
declare
    problems constant jsonb := chat.hours_problems(coalesce(p_hours, 'null'), coalesce(p_zone, ''));
    wrong text;
begin
    if problems @> '[{"problem": "unknown_time_zone"}]' then
        raise exception 'there is no time zone %', coalesce(left(p_zone, 50), 'null')
            using errcode = 'PT422', detail = 'chat/unknown_time_zone', hint = 'use a name of the IANA database, such as Europe/Berlin';
    end if;
    -- Hours that are off may be empty.
    select string_agg(format('%s: %s', p ->> 'at', replace(p ->> 'problem', '_', ' ')), '; ') into wrong
    from (
        select p from jsonb_array_elements(problems) with ordinality x (p, place)
        where p ->> 'problem' <> 'never_open' or p_opens
        order by place
        limit 10) told;
    if wrong is not null then
        raise exception 'these business hours cannot be used: %', wrong
            using errcode = 'PT422', detail = 'chat/business_hours',
                hint = 'for example {"monday": {"enabled": true, "start": "09:00", "end": "17:00"}}, or {"week": {"monday": [{"start": "09:00", "end": "12:00"}]}, "holidays": [{"date": "12-25"}]}';
    end if;
end
$$;
comment on function chat.require_hours(jsonb, text, boolean) is
    'Raises unless business hours and time zone can be used, and, where they have to, open at some time. PT422 chat/business_hours, chat/unknown_time_zone.';

create or replace function chat.check_hours_of_site()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require_hours(new.business_hours, new.timezone, new.business_hours_enabled);
    return new;
end
$$;
comment on function chat.check_hours_of_site() is
    'Before a site''s hours or time zone are written. PT422 chat/business_hours, chat/unknown_time_zone.';

create or replace function chat.check_hours_of_department()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- What a department leaves out is its site's, which was looked at there.
    perform chat.require_hours(coalesce(new.business_hours, '{}'), coalesce(new.timezone, 'UTC'), new.business_hours is not null);
    return new;
end
$$;
comment on function chat.check_hours_of_department() is
    'Before a department''s own hours or time zone are written. PT422 chat/business_hours, chat/unknown_time_zone.';

-- file: sql/routing/save_sla.sql
-- What: what a site promises, saved, taken back and told.
-- Why: functions, because clocks that run follow at once: the tick looks at every open conversation of the site anew.
-- Leaves out: the looking (follow_sla.sql).

create or replace function public.chat_sla(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_sla.site, 'live-chat.conversations.view');
    return coalesce((
        select jsonb_agg(to_jsonb(p) - 'site_id' || jsonb_build_object('department_name', d.name)
            order by p.tag is null, p.tag, p.priority is null, p.priority, p.department_id is null, d.name, p.id)
        from chat.sla_policies p
        left join public.mod_chat_departments d on d.id = p.department_id
        where p.site_id = chat_sla.site), '[]');
end
$$;
comment on function public.chat_sla(uuid) is
    'What a site promises, the most specific first: [{id, department_id, department_name, priority, tag, first_response_seconds, next_response_seconds, resolution_seconds, in_business_hours, warn_percent, created_at}]. Of each conversation the first that fits counts; where several tags fit, the tag that was put on first. Needs live-chat.conversations.view. PT403 chat/not_allowed.';

create or replace function chat.begin_sla_change(p_site uuid)
returns void
language plpgsql
as $$
begin
    perform chat.require(p_site, 'live-chat.settings.manage');
    -- No tick looks meanwhile, so none passes a conversation by that began beside this.
    perform from chat.sla_progress for update;
    update chat.sla_progress p
    set seen_id = e.newest, event_id = e.newest, up_to = e.newest
    from (select coalesce(max(x.id), 0) as newest from chat.events x) e
    where not exists (select from chat.sla_policies);
    insert into chat.sla_changes (site_id) values (p_site);
end
$$;
comment on function chat.begin_sla_change(uuid) is
    'Before promises of a site change: asks for the right, keeps ticks from looking and has all open conversations looked at. PT403 chat/not_allowed.';

create or replace function public.chat_save_sla(
    site uuid,
    department uuid default null,
    priority text default null,
    tag text default null,
    first_response_seconds integer default null,
    next_response_seconds integer default null,
    resolution_seconds integer default null,
    in_business_hours boolean default true,
    warn_percent integer default 80)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    longest constant integer := 366 * 86400;
begin
    perform chat.begin_sla_change(chat_save_sla.site);
    -- Held, or it could be deleted before anything is promised of it.
    if chat_save_sla.department is not null and not exists (
        select from public.mod_chat_departments d where d.site_id = chat_save_sla.site and d.id = chat_save_sla.department
        for key share)
    then
        raise exception 'the site has no department %', chat_save_sla.department
            using errcode = 'PT404', detail = 'chat/no_such_department', hint = 'use the id of a department of the site, or null';
    end if;
    if chat_save_sla.priority not in ('low', 'normal', 'high', 'urgent') then
        raise exception 'there is no priority %', left(chat_save_sla.priority, 50)
            using errcode = 'PT422', detail = 'chat/unknown_priority', hint = 'use low, normal, high or urgent, or null for any';
    end if;
    if chat_save_sla.tag is not null and char_length(btrim(chat_save_sla.tag)) not between 1 and 64 then
        raise exception 'a tag has 1 to 64 characters'
            using errcode = 'PT422', detail = 'chat/tags', hint = 'name a tag as conversations have it, or null for any';
    end if;
    if least(chat_save_sla.first_response_seconds, chat_save_sla.next_response_seconds, chat_save_sla.resolution_seconds) < 1
        or greatest(chat_save_sla.first_response_seconds, chat_save_sla.next_response_seconds,
            chat_save_sla.resolution_seconds) > longest
        or chat_save_sla.warn_percent not between 1 and 99
    then
        raise exception 'a promise is 1 to % seconds, a warning comes after 1 to 99 percent of it', longest
            using errcode = 'PT422', detail = 'chat/sla_limits', hint = 'leave out what is not promised, and warn_percent null for no warning';
    end if;
    -- The tick reads the settings; where a site has none yet, their row is made here.
    perform chat.settings_of(chat_save_sla.site);
    insert into chat.sla_policies as p (
        site_id, department_id, priority, tag, first_response_seconds, next_response_seconds, resolution_seconds,
        in_business_hours, warn_percent)
    values (
        chat_save_sla.site, chat_save_sla.department, chat_save_sla.priority, btrim(chat_save_sla.tag),
        chat_save_sla.first_response_seconds, chat_save_sla.next_response_seconds, chat_save_sla.resolution_seconds,
        coalesce(chat_save_sla.in_business_hours, true), chat_save_sla.warn_percent)
    on conflict (site_id, department_id, priority, tag) do update
    set first_response_seconds = excluded.first_response_seconds,
        next_response_seconds = excluded.next_response_seconds,
        resolution_seconds = excluded.resolution_seconds,
        in_business_hours = excluded.in_business_hours,
        warn_percent = excluded.warn_percent;
    if (select count(*) from chat.sla_policies p where p.site_id = chat_save_sla.site) > 200 then
        raise exception 'a site has at most 200 policies'
            using errcode = 'PT409', detail = 'chat/too_many_policies', hint = 'take some away with chat_delete_sla';
    end if;
    return public.chat_sla(chat_save_sla.site);
end
$$;
comment on function public.chat_save_sla(uuid, uuid, text, text, integer, integer, integer, boolean, integer) is
    'What a site promises, whole, for conversations of a department, a priority and a tag (each null: any): seconds until the first answer, each later one and the end (null: not promised; all null: these are promised nothing), in business hours or around the clock, and after how much of the time there is a warning. Clocks that run follow with the next tick. Answers as chat_sla. Needs live-chat.settings.manage. PT403 chat/not_allowed; PT404 chat/no_such_department; PT409 chat/too_many_policies; PT422 chat/unknown_priority, chat/tags, chat/sla_limits.';

create or replace function public.chat_delete_sla(site uuid, policy uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.begin_sla_change(chat_delete_sla.site);
    delete from chat.sla_policies p where p.site_id = chat_delete_sla.site and p.id = chat_delete_sla.policy;
    if not found then
        raise exception 'the site has no policy %', coalesce(chat_delete_sla.policy::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_policy', hint = 'use an id of chat_sla';
    end if;
    return public.chat_sla(chat_delete_sla.site);
end
$$;
comment on function public.chat_delete_sla(uuid, uuid) is
    'Takes a promise back; what it was of follows the next that fits, or none. Answers as chat_sla. Needs live-chat.settings.manage. PT403 chat/not_allowed; PT404 chat/no_such_policy.';

-- file: sql/routing/sla_facts.sql
-- What: what the clocks of a conversation are read from, gathered in one statement and so as of one moment.
-- Why: chat_rules::routing::sla decides from nothing else, for the tick that keeps the clocks and for people who ask.
-- Leaves out: writing (look_at_sla.sql).

create or replace function chat.sla_start(p_conversation public.mod_chat_conversations, out read_seq bigint, out answered boolean)
language plpgsql
stable
as $$
begin
    -- What was before the site promised anything is not judged: of an older conversation only what is unanswered counts.
    read_seq := 0;
    if p_conversation.created_at < (
        select min(p.created_at) from chat.sla_policies p where p.site_id = p_conversation.site_id)
    then
        select m.seq into read_seq
        from public.mod_chat_messages m
        where m.conversation_id = p_conversation.id and m.public_seq is not null and m.sender_type in ('agent', 'ai')
            and m.origin <> 'history'
        order by m.seq desc
        limit 1;
    end if;
    read_seq := coalesce(read_seq, 0);
    answered := read_seq > 0;
end
$$;
comment on function chat.sla_start(public.mod_chat_conversations) is
    'From where the clocks of a conversation are read that have not been looked at before.';

create or replace function chat.sla_facts(p_conversation uuid)
returns jsonb
language plpgsql
stable
as $$
begin
    return (
        select jsonb_build_object(
            'site_id', c.site_id,
            'assigned_agent_id', c.assigned_agent_id,
            'read_seq', c.last_seq,
            'department_id', c.department_id,
            'priority', c.priority,
            'tags', c.tags,
            'opened_at', c.created_at,
            'ended_at', c.archived_at,
            'answered', start.answered,
            'asked', k.asked,
            'hours', known.hours,
            'zone', known.zone,
            'policies', coalesce(offered.policies, '[]'),
            'since', offered.since,
            'pauses', coalesce((
                select jsonb_agg(jsonb_build_object('began_at', p.began_at, 'ended_at', p.ended_at) order by p.began_at, p.id)
                from chat.sla_pauses p where p.conversation_id = c.id), '[]'),
            'steps', coalesce((
                select jsonb_agg(jsonb_build_object('seq', s.seq, 'at', s.at, 'what', s.what) order by s.seq, s.what = 'end', s.at)
                from (
                    select m.seq, m.sent_at as at,
                        case m.sender_type when 'visitor' then 'question' else 'answer' end as what
                    from public.mod_chat_messages m
                    where m.conversation_id = c.id and m.seq > start.read_seq and m.public_seq is not null
                        and (m.sender_type = 'visitor' and m.origin = 'live'
                            or m.sender_type in ('agent', 'ai') and m.origin <> 'history')
                    union all
                    select p.seq, p.began_at, 'end' from chat.sla_pauses p
                    where p.conversation_id = c.id and p.is_end
                        and p.seq >= coalesce((k.asked ->> 'seq')::bigint, start.read_seq + 1)) s), '[]'))
        from public.mod_chat_conversations c
        left join chat.sla_cases k on k.conversation_id = c.id
        cross join lateral (
            select jsonb_agg(to_jsonb(p) - 'site_id' order by p.id) as policies, min(p.created_at) as since
            from chat.sla_policies p where p.site_id = c.site_id) offered
        cross join lateral (
            select k.read_seq, k.answered where k.conversation_id is not null
            union all
            select f.read_seq, f.answered from chat.sla_start(c) f where k.conversation_id is null) start
        cross join lateral chat.hours_of(c.site_id, c.department_id) known
        where c.id = p_conversation
            -- What was over before the site promised anything stays as it is.
            and (k.conversation_id is not null
                or offered.policies is not null and (c.archived_at is null or c.created_at >= offered.since)));
end
$$;
comment on function chat.sla_facts(uuid) is
    'What a conversation''s clocks are read from, as chat_rules::routing::sla takes it; null where nothing was ever promised to it. read_seq: up to where its messages have then been looked at.';

-- file: sql/routing/look_at_sla.sql
-- What: one conversation's clocks are read anew and kept, and what they say for the first time is told.
-- Why: a warning and a broken promise are told once a clock: whether it was told stands beside the clock, in the same
--      transaction as the event row.
-- Leaves out: when a conversation is looked at (follow_sla.sql), what its clocks show (the rule).

create or replace function chat.tell_sla(p_facts jsonb, p_conversation uuid, p_clock jsonb, p_what text)
returns void
language plpgsql
as $$
begin
    insert into chat.events (site_id, name, conversation_id, agent_id)
    values ((p_facts ->> 'site_id')::uuid, format('chat.sla.%s_%s', p_clock ->> 'target', p_what), p_conversation,
        (p_facts ->> 'assigned_agent_id')::uuid);
    perform chat.broadcast(
        array['chat:site:' || (p_facts ->> 'site_id')],
        jsonb_build_object('v', 1, 'type', 'sla_' || p_what, 'conversation_id', p_conversation,
            'target', p_clock -> 'target', 'due_at', p_clock -> 'due_at'),
        array[null::bigint]);
end
$$;
comment on function chat.tell_sla(jsonb, uuid, jsonb, text) is
    'Tells of a clock: what is `warning` or `breached`. An event row and a broadcast to the site.';

create or replace function chat.keep_sla_clock(p_facts jsonb, p_conversation uuid, p_clock jsonb)
returns void
language plpgsql
as $$
declare
    clock record;
    before chat.sla_clocks;
    warns boolean;
    breaks boolean;
begin
    select * into clock from jsonb_to_record(p_clock) x (
        target text, seq bigint, state text, started_at timestamptz, ended_at timestamptz, paused_at timestamptz,
        warn_at timestamptz, due_at timestamptz, warned boolean, breached boolean);
    select * into before from chat.sla_clocks x where x.conversation_id = p_conversation and x.target = clock.target;
    -- What has ended is judged once, by the policy of its time.
    if before.seq = clock.seq and before.ended_at = clock.ended_at then
        return;
    end if;
    if before.seq <> clock.seq then
        before.warned_at := null;
        before.breached_at := null;
    end if;
    breaks := clock.breached and before.breached_at is null;
    -- After the fact nobody has to be warned.
    warns := clock.warned and clock.state = 'running' and not clock.breached
        and before.warned_at is null and before.breached_at is null;
    insert into chat.sla_clocks as x (
        conversation_id, target, seq, state, started_at, ended_at, paused_at, warn_at, due_at, warned_at, breached_at,
        warnings, breaches)
    values (
        p_conversation, clock.target, clock.seq, clock.state, clock.started_at, clock.ended_at, clock.paused_at,
        clock.warn_at, clock.due_at,
        case when warns then clock.warn_at else before.warned_at end,
        case when breaks then clock.due_at else before.breached_at end,
        warns::integer, breaks::integer)
    on conflict (conversation_id, target) do update
    set seq = excluded.seq, state = excluded.state, started_at = excluded.started_at, ended_at = excluded.ended_at,
        paused_at = excluded.paused_at, warn_at = excluded.warn_at, due_at = excluded.due_at,
        warned_at = excluded.warned_at, breached_at = excluded.breached_at,
        warnings = x.warnings + excluded.warnings, breaches = x.breaches + excluded.breaches;
    if breaks then
        perform chat.tell_sla(p_facts, p_conversation, p_clock, 'breached');
    elsif warns then
        perform chat.tell_sla(p_facts, p_conversation, p_clock, 'warning');
    end if;
end
$$;
comment on function chat.keep_sla_clock(jsonb, uuid, jsonb) is
    'Keeps what a clock shows, and tells a warning or a broken promise that was not told of this clock.';

create or replace function chat.look_at_sla(p_conversation uuid, p_now timestamptz)
returns void
language plpgsql
as $$
declare
    facts constant jsonb := chat.sla_facts(p_conversation);
    sla constant jsonb := chat.sla_clocks(facts, p_now);
    before chat.sla_cases;
    soonest record;
begin
    if facts is null then
        return;
    end if;
    select * into before from chat.sla_cases k where k.conversation_id = p_conversation;
    insert into chat.sla_cases as k (conversation_id, site_id, read_seq, answered, asked, policy_id)
    values (p_conversation, (facts ->> 'site_id')::uuid, (facts ->> 'read_seq')::bigint, (sla ->> 'answered')::boolean,
        nullif(sla -> 'asked', 'null'), (sla ->> 'policy_id')::uuid)
    on conflict (conversation_id) do update
    set read_seq = excluded.read_seq, answered = excluded.answered, asked = excluded.asked, policy_id = excluded.policy_id;

    perform chat.keep_sla_clock(facts, p_conversation, x.clock)
    from (select c.clock from jsonb_array_elements(sla -> 'clocks') with ordinality c (clock, place) order by c.place) x;
    update chat.sla_clocks x
    set state = 'withdrawn', ended_at = p_now, paused_at = null
    where x.conversation_id = p_conversation and x.state in ('running', 'paused')
        and not exists (
            select from jsonb_array_elements(sla -> 'clocks') c (clock)
            where c.clock ->> 'target' = x.target and (c.clock ->> 'seq')::bigint = x.seq);

    select (array_agg(x.due_at order by x.due_at, x.target))[1] as due_at,
        (array_agg(x.target order by x.due_at, x.target))[1] as target,
        coalesce(bool_or(x.warned_at is not null), false) as warned,
        coalesce(bool_or(x.breached_at is not null), false) as breached,
        min(case when x.breached_at is null then
            case when x.warned_at is null then least(x.warn_at, x.due_at) else x.due_at end end) as next_at
    into soonest
    from chat.sla_clocks x
    where x.conversation_id = p_conversation and x.state = 'running' and x.due_at is not null;
    update chat.sla_cases k
    set due_at = soonest.due_at, target = soonest.target, warned = soonest.warned, breached = soonest.breached,
        next_at = soonest.next_at
    where k.conversation_id = p_conversation;
    if (before.due_at, before.target) is distinct from (soonest.due_at, soonest.target) then
        perform chat.broadcast(
            array['chat:site:' || (facts ->> 'site_id')],
            jsonb_build_object('v', 1, 'type', 'sla_changed', 'conversation_id', p_conversation,
                'target', soonest.target, 'due_at', soonest.due_at),
            array[null::bigint]);
    end if;
end
$$;
comment on function chat.look_at_sla(uuid, timestamptz) is
    'Reads a conversation''s clocks as of a time, keeps them and tells what is new. Only the tick that holds chat.sla_progress calls it; the conversation cannot be erased meanwhile.';

-- file: sql/routing/follow_sla.sql
-- What: which conversations the tick looks at, so that clocks follow what is written and done.
-- Why: one tick at a time, and it waits for nobody: whoever is being erased is left for later, so this may stand behind
--      everything else that a tick does. Events are followed twice. As soon as they are seen, because nobody's promise can
--      wait for a stranger's long transaction; and once more when all that ran at the time have ended, because an event
--      with a lower id may have become visible later. Looking twice changes nothing.
-- Leaves out: the looking (look_at_sla.sql).

create or replace function chat.sla_events(p_after bigint, p_up_to bigint, p_batch integer)
returns table (conversations uuid[], reached bigint)
language plpgsql
stable
as $$
begin
    return query
        select coalesce(array_agg(distinct x.conversation_id), '{}'),
            case when count(*) < p_batch then greatest(p_after, coalesce(p_up_to, (select max(n.id) from chat.events n), 0))
                else coalesce(max(x.id), p_after) end
        from (
            select e.id, e.conversation_id
            from chat.events e
            where e.id > p_after and (p_up_to is null or e.id <= p_up_to)
                and e.name in ('chat.message.received', 'chat.message.sent', 'chat.conversation.created')
                and exists (select from chat.sla_policies p where p.site_id = e.site_id)
            order by e.id
            limit p_batch) x;
end
$$;
comment on function chat.sla_events(bigint, bigint, integer) is
    'Conversations of sites with policies in which something was written, by events after an id and up to another (null: the newest), and how far that reaches.';

create or replace function chat.sla_sites(p_batch integer)
returns uuid[]
language plpgsql
as $$
declare
    due chat.sla_changes;
    swept uuid[];
begin
    select d.* into due from chat.sla_changes d where d.conversation_id is null order by d.id limit 1;
    if not found then
        return '{}';
    end if;
    if due.told_xid is null then
        -- What was told since has its turn with it.
        delete from chat.sla_changes d where d.site_id = due.site_id and d.conversation_id is null and d.id > due.id;
        update chat.sla_changes d set told_xid = chat.xid_from_now('chat.sla_progress') where d.id = due.id;
        return '{}';
    elsif not chat.all_ended(due.told_xid) then
        return '{}';
    end if;

    swept := array(
        select c.id from public.mod_chat_conversations c
        where c.site_id = due.site_id and c.archived_at is null and (due.reached is null or c.id > due.reached)
        order by c.id
        limit p_batch);
    -- What waits for its visitor since before the site promised anything, waits since now. Whoever holds one may just end
    -- its wait: these are looked at once more.
    insert into chat.sla_pauses (site_id, conversation_id, seq, began_at, is_end)
    select w.site_id, w.id, w.last_seq, clock_timestamp(), false
    from (
        select c.id, c.site_id, c.last_seq from public.mod_chat_conversations c
        where c.id = any (swept) and c.status = 'waiting'
            and exists (select from chat.sla_policies p where p.site_id = c.site_id)
            and not exists (select from chat.sla_pauses p where p.conversation_id = c.id and p.ended_at is null)
        for no key update of c skip locked) w;
    if exists (
        select from public.mod_chat_conversations c
        where c.id = any (swept) and c.status = 'waiting'
            and exists (select from chat.sla_policies p where p.site_id = c.site_id)
            and not exists (select from chat.sla_pauses p where p.conversation_id = c.id and p.ended_at is null))
    then
        null;
    elsif cardinality(swept) < p_batch then
        delete from chat.sla_changes d where d.id = due.id;
    else
        update chat.sla_changes d set reached = swept[cardinality(swept)] where d.id = due.id;
    end if;
    return swept;
end
$$;
comment on function chat.sla_sites(integer) is
    'The next open conversations of a site whose policies or hours changed.';

create or replace function chat.follow_sla(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    progress chat.sla_progress;
    told uuid[];
    seen record;
    settled record;
    found_ids uuid[];
    known uuid[];
    one uuid;
begin
    if not exists (select from chat.sla_policies) and not exists (select from chat.sla_changes) then
        return 0;
    end if;
    -- One tick at a time; the others have better things to do.
    select * into progress from chat.sla_progress for update skip locked;
    if not found then
        return 0;
    end if;

    with next as (
        select d.id from chat.sla_changes d where d.conversation_id is not null order by d.id limit p_batch),
    done as (
        delete from chat.sla_changes d using next n where d.id = n.id returning d.conversation_id)
    select coalesce(array_agg(distinct d.conversation_id), '{}') into told from done d;
    select * into seen from chat.sla_events(progress.seen_id, null, p_batch);
    select '{}'::uuid[] as conversations, progress.event_id as reached into settled;
    if progress.event_id >= progress.up_to then
        progress.up_to := seen.reached;
        progress.up_to_xid := chat.xid_from_now('chat.sla_progress');
    elsif chat.all_ended(progress.up_to_xid) then
        select * into settled from chat.sla_events(progress.event_id, progress.up_to, p_batch);
    end if;
    found_ids := array(
        select unnest(told || seen.conversations || chat.sla_sites(p_batch))
        union
        select c.id from public.mod_chat_conversations c
        left join chat.sla_cases k on k.conversation_id = c.id
        where c.id = any (settled.conversations) and (k.read_seq is null or k.read_seq < c.last_seq)
        union
        (select k.conversation_id from chat.sla_cases k where k.next_at <= p_now order by k.next_at limit p_batch));
    update chat.sla_progress
    set seen_id = seen.reached, event_id = settled.reached, up_to = progress.up_to, up_to_xid = progress.up_to_xid;

    -- Nobody is waited for who erases one of them.
    known := array(select c.id from public.mod_chat_conversations c where c.id = any (found_ids) for key share skip locked);
    insert into chat.sla_changes (site_id, conversation_id)
    select c.site_id, c.id from public.mod_chat_conversations c where c.id = any (found_ids) and c.id <> all (known);
    foreach one in array known loop
        perform chat.look_at_sla(one, p_now);
    end loop;
    return cardinality(known);
end
$$;
comment on function chat.follow_sla(integer, timestamptz) is
    'Looks at the conversations whose clocks something started, stopped or changed, or which warn or break now, in batches; how many. For the tick, which has other things to do first.';

-- file: sql/routing/sla_of.sql
-- What: how one conversation stands with what was promised.
-- Why: read anew as of now, by the rule that the tick keeps the clocks by; what was told so far stands beside.
-- Leaves out: lists, which show what the tick kept (sla_due.sql, conversations/inbox.sql).

create or replace function public.chat_sla_of(conversation uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    c public.mod_chat_conversations;
    sla jsonb;
begin
    select * into c from public.mod_chat_conversations x where x.id = chat_sla_of.conversation;
    if not found or not chat.may_in(c.id, 'live-chat.conversations.view') then
        raise exception 'there is no conversation % that you may see', chat_sla_of.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
    sla := chat.sla_clocks(chat.sla_facts(c.id), clock_timestamp());
    return jsonb_build_object(
        'conversation_id', c.id,
        'policy', (select to_jsonb(p) - 'site_id' from chat.sla_policies p where p.id = (sla ->> 'policy_id')::uuid),
        'clocks', coalesce((
            select jsonb_agg(jsonb_build_object(
                    'target', coalesce(fresh.clock ->> 'target', kept.target),
                    'state', coalesce(fresh.clock ->> 'state', kept.state),
                    'started_at', coalesce((fresh.clock ->> 'started_at')::timestamptz, kept.started_at),
                    'ended_at', coalesce((fresh.clock ->> 'ended_at')::timestamptz, case when fresh.clock is null then kept.ended_at end),
                    'paused_at', fresh.clock -> 'paused_at',
                    'warn_at', coalesce((fresh.clock ->> 'warn_at')::timestamptz, case when fresh.clock is null then kept.warn_at end),
                    'due_at', coalesce((fresh.clock ->> 'due_at')::timestamptz, case when fresh.clock is null then kept.due_at end),
                    'left_seconds', fresh.clock -> 'left_seconds',
                    'breached', coalesce((fresh.clock ->> 'breached')::boolean, false) or kept.breached_at is not null
                        and kept.seq = coalesce((fresh.clock ->> 'seq')::bigint, kept.seq),
                    'warnings', coalesce(kept.warnings, 0),
                    'breaches', coalesce(kept.breaches, 0))
                order by coalesce(fresh.clock ->> 'target', kept.target))
            from (
                select distinct on (x.clock ->> 'target') x.clock
                from jsonb_array_elements(sla -> 'clocks') with ordinality x (clock, place)
                order by x.clock ->> 'target', x.place desc) fresh
            full join (select * from chat.sla_clocks k where k.conversation_id = c.id) kept
                on kept.target = fresh.clock ->> 'target'), '[]'));
end
$$;
comment on function public.chat_sla_of(uuid) is
    'How a conversation stands with what was promised, as of now: {conversation_id, policy, clocks: [{target first_response, next_response or resolution, state running, paused, kept, dropped (over before an answer) or withdrawn (promised no more), started_at, ended_at, paused_at, warn_at, due_at, left_seconds (of business time where that counts; negative: too late), breached, warnings, breaches (told so far, earlier clocks of the target included)}]}; policy null: nothing is promised. PT404 chat/no_such_conversation.';

-- file: sql/team/set_status.sql
-- What: an agent goes online, away, busy or offline.
-- Why: a function, because status decides routing: it takes the site's routing row before the agent's, like everyone
--      else, and gives waiting chats out in the same transaction.
-- Leaves out: agents who fall silent, and what becomes of an offline agent's chats
--      (routing/take_back.sql).

create or replace function public.chat_set_status(site uuid, status text)
returns setof public.mod_chat_agents
language plpgsql
security definer
set search_path = ''
as $$
declare
    agent constant uuid := chat.my_agent(chat_set_status.site);
begin
    if chat_set_status.status not in ('online', 'away', 'busy', 'offline') or chat_set_status.status is null then
        raise exception 'there is no status %', coalesce(chat_set_status.status, 'null')
            using errcode = 'PT422', detail = 'chat/unknown_status', hint = 'use online, away, busy or offline';
    end if;
    perform chat.lock_routing(chat_set_status.site);
    update public.mod_chat_agents a
    set status = chat_set_status.status, last_active_at = clock_timestamp()
    where a.id = agent;
    -- Whoever is there by their own word is watched from now on; whoever is not needs no watching.
    if chat_set_status.status = 'offline' then
        delete from chat.heartbeats h where h.agent_id = agent;
    else
        insert into chat.heartbeats (agent_id, site_id, seen_at) values (agent, chat_set_status.site, clock_timestamp())
        on conflict (agent_id) do update set seen_at = excluded.seen_at, status_when_lost = null;
    end if;
    perform chat.drain(chat_set_status.site);
    return query select a.* from public.mod_chat_agents a where a.id = agent;
end
$$;
comment on function public.chat_set_status(uuid, text) is
    'Sets the caller''s own status at a site (online, away, busy, offline); online hands out waiting chats at once. From then on chat_heartbeat is expected of them. PT403 chat/not_an_agent, PT422 chat/unknown_status.';

-- file: sql/team/save_agent.sql
-- What: makes, changes or deactivates an agent.
-- Why: a function, because capacity, department and being active decide routing.
-- Leaves out: deletion; an agent who leaves is deactivated and keeps their history.

create or replace function public.chat_save_agent(
    site uuid,
    user_id uuid,
    display_name text,
    role text default 'agent',
    department_id uuid default null,
    max_concurrent_chats integer default 5,
    is_active boolean default true,
    email text default null,
    avatar_url text default null)
returns setof public.mod_chat_agents
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    saved uuid;
begin
    perform chat.require(chat_save_agent.site, 'live-chat.agents.manage');
    -- Nobody makes an agent, or changes one, whose role is above their own.
    perform chat.require_rank(chat_save_agent.site, chat_save_agent.role, 0);
    perform chat.require_rank(chat_save_agent.site, a.role, 0)
    from public.mod_chat_agents a
    where a.site_id = chat_save_agent.site and a.user_id = chat_save_agent.user_id;
    if coalesce(btrim(chat_save_agent.display_name), '') = '' or chat_save_agent.user_id is null then
        raise exception 'an agent is a user with a name'
            using errcode = 'PT422', detail = 'chat/name_missing', hint = 'give user_id and display_name';
    end if;
    -- Whoever deletes a department has the routing row until it is gone.
    perform chat.lock_routing(chat_save_agent.site);
    if not exists (
        select from public.mod_chat_departments d
        where d.site_id = chat_save_agent.site and d.id = chat_save_agent.department_id
        union all
        select where chat_save_agent.department_id is null)
    then
        raise exception 'the site has no department %', chat_save_agent.department_id
            using errcode = 'PT404', detail = 'chat/no_such_department', hint = 'use the id of a department of the site, or null';
    end if;
    if chat_save_agent.max_concurrent_chats is null or chat_save_agent.max_concurrent_chats < 0 then
        raise exception 'an agent''s capacity is a number of chats, 0 or more'
            using errcode = 'PT422', detail = 'chat/capacity', hint = 'use 0 to hand out no chats to this agent';
    end if;
    insert into public.mod_chat_agents as a (
        site_id, user_id, display_name, role, department_id, max_concurrent_chats, is_active, email, avatar_url)
    values (
        chat_save_agent.site, chat_save_agent.user_id, chat_save_agent.display_name, chat_save_agent.role,
        chat_save_agent.department_id, chat_save_agent.max_concurrent_chats, coalesce(chat_save_agent.is_active, true),
        chat_save_agent.email, chat_save_agent.avatar_url)
    on conflict (site_id, user_id) do update
    set display_name = excluded.display_name,
        role = excluded.role,
        department_id = excluded.department_id,
        max_concurrent_chats = excluded.max_concurrent_chats,
        is_active = excluded.is_active,
        -- Somebody who may no longer work is not online.
        status = case when excluded.is_active then a.status else 'offline' end,
        email = excluded.email,
        avatar_url = excluded.avatar_url
    returning a.id into saved;
    delete from chat.heartbeats h using public.mod_chat_agents a where a.id = saved and not a.is_active and h.agent_id = a.id;
    perform chat.drain(chat_save_agent.site);
    return query select a.* from public.mod_chat_agents a where a.id = saved;
end
$$;
comment on function public.chat_save_agent(uuid, uuid, text, text, uuid, integer, boolean, text, text) is
    'Makes or changes the agent row of a user at a site (whole row; is_active false = deactivated). Needs live-chat.agents.manage and no lower role than the agent has or gets. PT403 chat/not_allowed, chat/role_too_high; PT404 chat/no_such_department; PT422 chat/unknown_role, chat/name_missing, chat/capacity.';

-- file: sql/team/save_department.sql
-- What: makes or changes a department.
-- Why: a function, because whether it assigns by itself, its capacity and its being active decide routing; and only one
--      department of a site is the default.
-- Leaves out: deletion, which is a plain DELETE; its chats and agents then belong to no department.

create or replace function public.chat_save_department(
    site uuid,
    name text,
    id uuid default null,
    description text default null,
    is_default boolean default false,
    is_active boolean default true,
    auto_assign boolean default true,
    max_concurrent_chats integer default 5,
    sort_order integer default 0)
returns setof public.mod_chat_departments
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    saved constant uuid := coalesce(chat_save_department.id, gen_random_uuid());
begin
    perform chat.require(chat_save_department.site, 'live-chat.agents.manage');
    if coalesce(btrim(chat_save_department.name), '') = '' then
        raise exception 'a department has a name'
            using errcode = 'PT422', detail = 'chat/name_missing', hint = 'give a name that people can choose by';
    end if;
    if chat_save_department.max_concurrent_chats is null or chat_save_department.max_concurrent_chats < 0 then
        raise exception 'a department''s capacity is a number of chats an agent, 0 or more'
            using errcode = 'PT422', detail = 'chat/capacity', hint = 'use 0 to hand out no chats in this department';
    end if;
    if exists (
        select from public.mod_chat_departments d where d.id = saved and d.site_id <> chat_save_department.site)
    then
        raise exception 'the site has no department %', saved
            using errcode = 'PT404', detail = 'chat/no_such_department', hint = 'use the id of a department of the site, or none for a new one';
    end if;
    if chat_save_department.is_active is false then
        -- Nobody waits for a department that is no more. Conversations are locked before the routing row, by id.
        update public.mod_chat_conversations c
        set department_id = null
        from (
            select x.id from public.mod_chat_conversations x
            where x.site_id = chat_save_department.site and x.department_id = saved
                and x.status = 'pending' and x.assigned_agent_id is null
            order by x.id
            for no key update) waiting
        where c.id = waiting.id;
    end if;
    perform chat.lock_routing(chat_save_department.site);
    if chat_save_department.is_default then
        update public.mod_chat_departments d set is_default = false
        where d.site_id = chat_save_department.site and d.id <> saved and d.is_default;
    end if;
    insert into public.mod_chat_departments as d (
        id, site_id, name, description, is_default, is_active, auto_assign, max_concurrent_chats, sort_order)
    values (
        saved, chat_save_department.site, chat_save_department.name, chat_save_department.description,
        coalesce(chat_save_department.is_default, false), coalesce(chat_save_department.is_active, true),
        coalesce(chat_save_department.auto_assign, true), chat_save_department.max_concurrent_chats,
        coalesce(chat_save_department.sort_order, 0))
    on conflict (id) do update
    set name = excluded.name,
        description = excluded.description,
        is_default = excluded.is_default,
        is_active = excluded.is_active,
        auto_assign = excluded.auto_assign,
        max_concurrent_chats = excluded.max_concurrent_chats,
        sort_order = excluded.sort_order;
    perform chat.drain(chat_save_department.site);
    return query select d.* from public.mod_chat_departments d where d.id = saved;
end
$$;
comment on function public.chat_save_department(uuid, text, uuid, text, boolean, boolean, boolean, integer, integer) is
    'Makes a department, or changes the one with that id (whole row; is_active false = its waiting chats go to anybody). The default one replaces the former. Needs live-chat.agents.manage. PT403 chat/not_allowed; PT404 chat/no_such_department; PT422 chat/name_missing, chat/capacity.';

-- file: sql/team/leave_department.sql
-- What: what a deleted department leaves behind: its chats and agents belong to none.
-- Why: a DELETE has its row before anything else, while everybody else locks a conversation, or the routing row, and then
--      looks at the department. So this never waits in a row of waiters, where one of two is a deadlock's victim: it looks
--      again for a while whether all it needs is free, and then asks to be called again.
--      The keys alone would wait, in the order of the heap.
-- Leaves out: a department that is only switched off (save_department.sql).

create or replace function chat.leave_department()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    gives_up constant timestamptz := clock_timestamp() + interval '200 milliseconds';
    chats bigint;
begin
    loop
        perform from public.mod_chat_conversations c
        where c.site_id = old.site_id and c.department_id = old.id
        order by c.id
        for no key update skip locked;
        get diagnostics chats = row_count;
        if chats = (
            select count(*) from public.mod_chat_conversations c where c.site_id = old.site_id and c.department_id = old.id)
        then
            perform from chat.routing r where r.site_id = old.site_id for update skip locked;
            exit when found or not exists (select from chat.routing r where r.site_id = old.site_id);
        end if;
        if clock_timestamp() > gives_up then
            raise exception 'somebody is at work in the chats of this department'
                using errcode = 'PT409', detail = 'chat/changed_meanwhile', hint = 'call again';
        end if;
        perform pg_sleep(0.01);
    end loop;
    update public.mod_chat_conversations c set department_id = null
    where c.site_id = old.site_id and c.department_id = old.id;
    update public.mod_chat_agents a set department_id = null
    where a.site_id = old.site_id and a.department_id = old.id;
    return old;
end
$$;
comment on function chat.leave_department() is
    'Before a department is deleted: its chats and agents belong to none. PT409 chat/changed_meanwhile.';

-- file: sql/team/heartbeat.sql
-- What: an agent's dashboard says that it is still there; agents who say nothing go offline.
-- Why: the heartbeat of somebody present touches one row of its own. Only who comes back, or goes, takes the routing row.
-- Leaves out: what an agent says of themselves (set_status.sql); their chats, which may return (routing/take_back.sql).

create or replace function chat.presence_of(p_site uuid, out silent_seconds integer, out offline_chats text)
language plpgsql
stable
as $$
begin
    select r.silent_seconds, r.offline_chats into silent_seconds, offline_chats
    from chat.presence_rules r where r.site_id = p_site;
    silent_seconds := coalesce(silent_seconds, 120);
    offline_chats := coalesce(offline_chats, 'stay');
end
$$;
comment on function chat.presence_of(uuid) is 'How long an agent of the site may be silent, and what becomes of an offline agent''s chats.';

create or replace function public.chat_heartbeat(site uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    agent constant uuid := chat.my_agent(chat_heartbeat.site);
    silent constant integer := (chat.presence_of(chat_heartbeat.site)).silent_seconds;
    lost text;
begin
    select h.status_when_lost into lost from chat.heartbeats h where h.agent_id = agent;
    if lost is null then
        update chat.heartbeats h set seen_at = clock_timestamp() where h.agent_id = agent;
    else
        perform chat.lock_routing(chat_heartbeat.site);
        update public.mod_chat_agents a set status = lost, last_active_at = clock_timestamp()
        where a.id = agent and a.status = 'offline';
        update chat.heartbeats h set seen_at = clock_timestamp(), status_when_lost = null where h.agent_id = agent;
        perform chat.drain(chat_heartbeat.site);
    end if;
    return (
        select jsonb_build_object('status', a.status, 'chats', a.current_chat_count, 'again_in_seconds',
            case when silent = 0 then null else silent / 4 end)
        from public.mod_chat_agents a where a.id = agent);
end
$$;
comment on function public.chat_heartbeat(uuid) is
    'An agent''s dashboard is still there. Whoever was put offline for silence is back as they were. Answers {status, chats, again_in_seconds}; null: the site watches nobody. PT403 chat/not_an_agent.';

create or replace function public.chat_save_presence(site uuid, silent_seconds integer default 120, offline_chats text default 'stay')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_save_presence.site, 'live-chat.agents.manage');
    if chat_save_presence.silent_seconds is null
        or chat_save_presence.silent_seconds <> 0 and chat_save_presence.silent_seconds not between 15 and 86400
    then
        raise exception 'an agent may be silent for 15 to 86400 seconds'
            using errcode = 'PT422', detail = 'chat/silent_seconds', hint = 'use 0 to watch nobody';
    end if;
    if chat_save_presence.offline_chats is null or chat_save_presence.offline_chats not in ('stay', 'return') then
        raise exception 'chats of an offline agent cannot %', coalesce(chat_save_presence.offline_chats, 'null')
            using errcode = 'PT422', detail = 'chat/offline_chats', hint = 'use stay or return';
    end if;
    insert into chat.presence_rules (site_id, silent_seconds, offline_chats)
    values (chat_save_presence.site, chat_save_presence.silent_seconds, chat_save_presence.offline_chats)
    on conflict (site_id) do update
    set silent_seconds = excluded.silent_seconds, offline_chats = excluded.offline_chats;
    return jsonb_build_object(
        'silent_seconds', chat_save_presence.silent_seconds, 'offline_chats', chat_save_presence.offline_chats);
end
$$;
comment on function public.chat_save_presence(uuid, integer, text) is
    'After how many seconds of silence an agent goes offline (0: never), and whether active chats of offline agents stay or return to the queue. Needs live-chat.agents.manage. PT403 chat/not_allowed; PT422 chat/silent_seconds, chat/offline_chats.';

create or replace function chat.lose_silent_agents(p_site uuid, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    silent constant integer := (chat.presence_of(p_site)).silent_seconds;
    lost integer;
begin
    with gone as (
        update public.mod_chat_agents a
        set status = 'offline', last_active_at = h.seen_at
        from (
            select x.agent_id, x.seen_at, b.status
            from chat.heartbeats x
            join public.mod_chat_agents b on b.id = x.agent_id
            where x.site_id = p_site and x.status_when_lost is null and b.status <> 'offline'
                and silent > 0 and x.seen_at < p_now - make_interval(secs => silent)
            order by b.id
            for no key update of b) h
        where a.id = h.agent_id
        returning a.id, h.status
    )
    update chat.heartbeats h set status_when_lost = g.status from gone g where h.agent_id = g.id;
    get diagnostics lost = row_count;
    return lost;
end
$$;
comment on function chat.lose_silent_agents(uuid, timestamptz) is
    'Puts silent agents of a site offline. The caller holds the site''s routing row. Returns how many.';

-- file: sql/team/count_deeds.sql
-- What: an agent's answer and a conversation's rating become deeds, and deeds become the agent's figures.
-- Why: exact, and without a lock on the agent's row in anybody's message: the tick adds them up under the routing row.
-- Leaves out: automatic answers, notes and echoes of the business's phone, which nobody at a desk wrote.

create or replace function chat.note_answer()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    answered bigint;
    asked_at timestamptz;
begin
    if new.public_seq is null or new.origin <> 'live' or new.sender_id is null then
        return null;
    end if;
    -- The first message since somebody last answered is what the visitor waited with.
    select m.seq into answered
    from public.mod_chat_messages m
    where m.conversation_id = new.conversation_id and m.seq < new.seq
        and m.sender_type in ('agent', 'ai') and m.public_seq is not null
    order by m.seq desc
    limit 1;
    select min(m.sent_at) into asked_at
    from public.mod_chat_messages m
    where m.conversation_id = new.conversation_id and m.seq > coalesce(answered, 0) and m.seq < new.seq
        and m.sender_type = 'visitor' and m.origin = 'live';

    insert into chat.agent_deeds (site_id, agent_id, chats, responses, response_seconds)
    select a.site_id, a.id, d.chats, d.responses, d.seconds
    from public.mod_chat_agents a
    cross join (select
        (not exists (
            select from public.mod_chat_messages m
            where m.conversation_id = new.conversation_id and m.seq < new.seq and m.sender_type = 'agent'
                and m.sender_id = new.sender_id and m.public_seq is not null and m.origin = 'live'))::integer as chats,
        (asked_at is not null)::integer as responses,
        coalesce(greatest(0, extract(epoch from new.sent_at - asked_at)), 0)::bigint as seconds) d
    where a.id = new.sender_id::uuid and (d.chats > 0 or d.responses > 0);
    return null;
end
$$;
comment on function chat.note_answer() is 'After an agent''s message: the conversation they now handle, the time somebody waited for it.';

create or replace function chat.note_rating()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.agent_deeds (site_id, agent_id, ratings, stars)
    select new.site_id, coalesce(new.assigned_agent_id, new.last_agent_id),
        (new.rating is not null)::integer - (old.rating is not null)::integer,
        coalesce(new.rating, 0) - coalesce(old.rating, 0)
    where new.rating is distinct from old.rating and coalesce(new.assigned_agent_id, new.last_agent_id) is not null;
    return null;
end
$$;
comment on function chat.note_rating() is 'After a conversation was rated: the stars of the agent who has it, or had it last.';

create or replace function chat.count_deeds(p_site uuid, p_batch integer)
returns integer
language plpgsql
as $$
declare
    counted integer;
begin
    with taken as (
        delete from chat.agent_deeds d
        where d.id in (
            select x.id from chat.agent_deeds x
            where x.site_id = p_site
            order by x.id
            limit p_batch
            for update skip locked)
        returning d.*
    ), added as (
        select t.agent_id, sum(t.chats) as chats, sum(t.responses) as responses, sum(t.response_seconds) as seconds,
            sum(t.ratings) as ratings, sum(t.stars) as stars, sum(t.unanswered) as unanswered
        from taken t
        group by t.agent_id
    ), total as (
        select a.id, a.total_chats_handled + n.chats as chats, a.total_responses + n.responses as responses,
            a.total_response_seconds + n.seconds as seconds, a.total_ratings + n.ratings as ratings,
            a.total_rating_stars + n.stars as stars, a.total_unanswered + n.unanswered as unanswered
        from public.mod_chat_agents a
        join added n on n.agent_id = a.id
        order by a.id
        for no key update of a
    ), written as (
        update public.mod_chat_agents a
        set total_chats_handled = t.chats,
            total_responses = t.responses,
            total_response_seconds = t.seconds,
            avg_response_time_seconds = coalesce(round(t.seconds / nullif(t.responses, 0)::numeric), 0),
            total_ratings = t.ratings,
            total_rating_stars = t.stars,
            total_unanswered = t.unanswered,
            avg_rating = coalesce(round(t.stars / nullif(t.ratings, 0)::numeric, 2), 0)
        from total t
        where a.id = t.id
        returning a.id)
    select count(*) into counted from taken;
    return counted;
end
$$;
comment on function chat.count_deeds(uuid, integer) is
    'Adds up to so many deeds of a site to its agents'' figures. The caller holds the site''s routing row. Returns how many.';

-- file: sql/team/note_state.sql
-- What: an agent's new state is written down, and forgotten when it is old.
-- Why: by a trigger, because several functions change it; the agent's row is locked then, so the rows are in order.
-- Leaves out: what is made of them (routing/agent_load.sql).

create or replace function chat.note_state()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.agent_states (site_id, agent_id, status, capacity, load)
    values (new.site_id, new.id, new.status, new.max_concurrent_chats, new.current_chat_count);
    return null;
end
$$;
comment on function chat.note_state() is 'After an agent was made, or their status, capacity or load changed: how they are now.';

create or replace function chat.forget_states(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    forgotten integer;
begin
    delete from chat.agent_states s
    using (
        select x.id from chat.agent_states x
        where x.at < p_now - interval '400 days'
        order by x.at
        limit p_batch
        for update skip locked) old
    where s.id = old.id;
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;
comment on function chat.forget_states(integer, timestamptz) is 'Removes states of agents older than 400 days.';

-- file: sql/visitors/person.sql
-- What: which rows of mod_chat_visitors are one person.
-- Why: a merge is a pointer and rows keep their visitor_id, so whoever speaks of a person follows the pointers.
-- Leaves out: what a visitor of the widget sees. That is their own session's row, never what an agent merged.

create or replace function chat.person_of(p_visitor uuid)
returns uuid
language sql
stable
as $$
    -- `union`, so that a circle that somebody made by hand ends.
    with recursive up (id, merged_into) as (
        select v.id, v.merged_into from public.mod_chat_visitors v where v.id = p_visitor
        union
        select v.id, v.merged_into from up join public.mod_chat_visitors v on v.id = up.merged_into)
    select coalesce((select up.id from up where up.merged_into is null), p_visitor)
$$;
comment on function chat.person_of(uuid) is 'The visitor a visitor was merged into in the end; itself when it was not.';

create or replace function chat.person_rows(p_visitor uuid)
returns uuid[]
language sql
stable
as $$
    with recursive down (id) as (
        select chat.person_of(p_visitor)
        union
        select v.id from down join public.mod_chat_visitors v on v.merged_into = down.id)
    select array_agg(down.id order by down.id) from down
$$;
comment on function chat.person_rows(uuid) is 'Every visitor that is the same person, by merges in any direction, in the order of locks.';

create or replace function chat.require_for_visitor(p_visitor uuid, p_permission text)
returns uuid
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    site uuid;
begin
    select v.site_id into site from public.mod_chat_visitors v where v.id = p_visitor;
    if not found or not chat.may(site, 'live-chat.conversations.view')
        or site = any (chat.my_limited_sites()) and not chat.sees_visitor(p_visitor)
    then
        raise exception 'there is no visitor %', coalesce(p_visitor::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_visitor', hint = 'use the id of a visitor of your site';
    end if;
    perform chat.require(site, p_permission);
    return site;
end
$$;
comment on function chat.require_for_visitor(uuid, text) is
    'The site of a visitor the caller sees and has the permission for. PT404 chat/no_such_visitor, PT403 chat/not_allowed.';

create or replace function chat.lock_visitors(p_visitors uuid[])
returns void
language plpgsql
as $$
declare
    locked integer;
begin
    perform from public.mod_chat_visitors v where v.id = any (p_visitors) order by v.id for no key update;
    get diagnostics locked = row_count;
    if locked < (select count(distinct v.id) from unnest(p_visitors) v (id)) then
        raise exception 'a visitor was erased meanwhile'
            using errcode = 'PT404', detail = 'chat/no_such_visitor', hint = 'look again who is there';
    end if;
end
$$;
comment on function chat.lock_visitors(uuid[]) is
    'Locks visitors in the order of their ids. PT404 chat/no_such_visitor when one of them was erased meanwhile.';

create or replace function public.chat_person(visitor uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    person uuid;
    rows uuid[];
begin
    perform chat.require_for_visitor(chat_person.visitor, 'live-chat.conversations.view');
    person := chat.person_of(chat_person.visitor);
    rows := chat.person_rows(chat_person.visitor);
    return (
        select jsonb_build_object(
            'person', (select to_jsonb(v) from public.mod_chat_visitors v where v.id = person),
            'merged', coalesce((
                select jsonb_agg(to_jsonb(v) order by v.created_at, v.id)
                from public.mod_chat_visitors v where v.id = any (rows) and v.id <> person), '[]'),
            'total_visits', sum(v.total_visits),
            'total_conversations', sum(v.total_conversations),
            'total_messages', sum(v.total_messages),
            'first_seen_at', min(v.first_seen_at),
            'last_seen_at', max(v.last_seen_at),
            'tags', coalesce((
                select jsonb_agg(distinct t.tag)
                from public.mod_chat_visitors m cross join lateral unnest(m.tags) t (tag)
                where m.id = any (rows)), '[]'),
            'blocked', bool_or(chat.is_blocked(v.site_id, v.id, null)))
        from public.mod_chat_visitors v
        where v.id = any (rows));
end
$$;
comment on function public.chat_person(uuid) is
    'A person over all visitors merged with this one: {person, merged: [rows], totals, first_seen_at, last_seen_at, tags, blocked}. Needs live-chat.conversations.view. PT404 chat/no_such_visitor.';

-- file: sql/visitors/profile.sql
-- What: what a visitor's name, contact, tags, notes and custom data may hold; and two ways to change them without
--       overwriting a colleague.
-- Why: a plain PATCH writes a whole column; two agents who add a tag at once would lose one.
-- Leaves out: rows that WhatsApp makes, whose fields the parser has bounded.

create or replace function chat.one_line(p_text text, p_longest integer)
returns text
language sql
immutable
parallel safe
as $$
    -- Control characters, and the marks that turn the direction of everything after them, which fake other names.
    select nullif(left(btrim(regexp_replace(
        translate(p_text, U&'\202A\202B\202C\202D\202E\2066\2067\2068\2069', ''),
        '[\u0001-\u0020\u007f-\u00a0\u2028\u2029]+', ' ', 'g')), p_longest), '')
$$;
comment on function chat.one_line(text, integer) is
    'A text for one line: without control characters, line breaks and direction overrides, blanks made one, trimmed, cut to so many characters; null when nothing is left.';

create or replace function chat.clean_profile()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    field record;
begin
    for field in
        select * from (values
            ('name', new.name, 200), ('email', new.email, 320), ('phone', new.phone, 50),
            ('avatar_url', new.avatar_url, 2048), ('notes', new.notes, 20000), ('external_id', new.external_id, 255)
        ) f (column_name, content, longest)
        where char_length(f.content) > f.longest
    loop
        raise exception 'the % has % characters', field.column_name, char_length(field.content)
            using errcode = 'PT422', detail = 'chat/too_long', hint = format('use at most %s', field.longest);
    end loop;
    new.name := chat.one_line(new.name, 200);
    new.email := chat.one_line(new.email, 320);
    new.phone := chat.one_line(new.phone, 50);

    -- Each tag once, in the order in which they were given; only what may still be a tag is cleaned.
    if not exists (select from unnest(new.tags) t (tag) where char_length(t.tag) > 200) then
        new.tags := array(
            select t.tag
            from (
                select chat.one_line(u.tag, 200) as tag, min(u.place) as place
                from unnest(new.tags) with ordinality u (tag, place) group by 1) t
            where t.tag is not null
            order by t.place);
    end if;
    if cardinality(new.tags) > 50 or exists (select from unnest(new.tags) t (tag) where char_length(t.tag) > 64) then
        raise exception 'these are too many tags, or too long ones'
            using errcode = 'PT422', detail = 'chat/too_many_tags', hint = 'use at most 50 tags of at most 64 characters';
    end if;
    if jsonb_typeof(new.custom_data) <> 'object' or pg_column_size(new.custom_data) > 65536
        or new.custom_data @? '$.**{17}'
    then
        raise exception 'custom data is an object of at most 64 kB and 16 levels'
            using errcode = 'PT422', detail = 'chat/custom_data', hint = 'send {"key": value, …} and keep files elsewhere';
    end if;
    return new;
end
$$;
comment on function chat.clean_profile() is
    'Before name, contact, tags, notes or custom data of a visitor are written: cleaned and bounded. PT422 chat/too_long, chat/too_many_tags, chat/custom_data.';

create or replace function public.chat_tag_visitor(visitor uuid, add text[] default '{}', remove text[] default '{}')
returns setof public.mod_chat_visitors
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require_for_visitor(chat_tag_visitor.visitor, 'live-chat.conversations.reply');
    return query
    update public.mod_chat_visitors v
    set tags = array(
        select u.tag from unnest(v.tags || coalesce(add, '{}')) with ordinality u (tag, place)
        where u.tag <> all (coalesce(remove, '{}'))
        order by u.place)
    where v.id = chat_tag_visitor.visitor
    returning v.*;
end
$$;
comment on function public.chat_tag_visitor(uuid, text[], text[]) is
    'Adds tags to a visitor and removes others, whatever colleagues do at the same time. Needs live-chat.conversations.reply. PT404 chat/no_such_visitor, PT422 chat/too_many_tags.';

create or replace function public.chat_set_custom_data(visitor uuid, changes jsonb)
returns setof public.mod_chat_visitors
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require_for_visitor(chat_set_custom_data.visitor, 'live-chat.conversations.reply');
    if jsonb_typeof(changes) is distinct from 'object' then
        raise exception 'changes of custom data are an object'
            using errcode = 'PT422', detail = 'chat/custom_data', hint = 'send {"key": value}; null removes a key';
    end if;
    return query
    update public.mod_chat_visitors v
    set custom_data = (v.custom_data || changes) - array(
        select e.key from jsonb_each(changes) e where e.value = 'null')
    where v.id = chat_set_custom_data.visitor
    returning v.*;
end
$$;
comment on function public.chat_set_custom_data(uuid, jsonb) is
    'Changes keys of a visitor''s custom data; a null removes its key, others stay. Needs live-chat.conversations.reply. PT404 chat/no_such_visitor, PT422 chat/custom_data.';

-- file: sql/visitors/merge.sql
-- What: says that two visitors are one person, and takes it back.
-- Why: a pointer, so nothing is copied or lost and undoing is removing it. Identities, conversations and sessions stay
--      with their own row: an agent's mistake never shows one person's chats to another.
-- Leaves out: finding doubles; typed e-mails and phones prove nothing.

create or replace function public.chat_merge_visitors(visitor uuid, into_visitor uuid)
returns setof public.mod_chat_visitors
language plpgsql
security definer
set search_path = ''
as $$
declare
    site constant uuid := chat.require_for_visitor(chat_merge_visitors.visitor, 'live-chat.conversations.reply');
    target constant uuid := chat_merge_visitors.into_visitor;
    root constant uuid := chat.person_of(target);
    merged public.mod_chat_visitors;
begin
    if chat.require_for_visitor(target, 'live-chat.conversations.view') <> site then
        raise exception 'these two belong to different sites'
            using errcode = 'PT422', detail = 'chat/different_sites', hint = 'a person is known to one site only';
    end if;
    -- Whoever would close a circle with this merge has to lock one of these rows too, and then sees the other's pointer.
    -- Identities first: whoever receives messages of several people holds theirs, and takes the visitors in any order.
    perform from chat.identities i
    where i.visitor_id in (chat_merge_visitors.visitor, target, root)
    order by i.id
    for no key update;
    perform chat.lock_visitors(array[chat_merge_visitors.visitor, target, root]);
    if chat.person_of(target) <> root then
        raise exception 'somebody merged one of these meanwhile'
            using errcode = 'PT409', detail = 'chat/changed_meanwhile', hint = 'call again';
    elsif root = chat.person_of(chat_merge_visitors.visitor) then
        raise exception 'these two are one person already'
            using errcode = 'PT409', detail = 'chat/already_merged', hint = 'chat_person shows all rows of a person';
    end if;
    update public.mod_chat_visitors v set merged_into = target
    where v.id = chat_merge_visitors.visitor and v.merged_into is null
    returning v.* into merged;
    if not found then
        raise exception 'this visitor is merged into somebody else'
            using errcode = 'PT409', detail = 'chat/already_merged', hint = 'undo that with chat_unmerge_visitor first';
    end if;
    return next merged;
end
$$;
comment on function public.chat_merge_visitors(uuid, uuid) is
    'Says that a visitor is the same person as another: a pointer, nothing is copied. Returns the pointing row. Needs live-chat.conversations.reply. PT404 chat/no_such_visitor, PT409 chat/already_merged, chat/changed_meanwhile, PT422 chat/different_sites.';

create or replace function public.chat_unmerge_visitor(visitor uuid)
returns setof public.mod_chat_visitors
language plpgsql
security definer
set search_path = ''
as $$
declare
    alone public.mod_chat_visitors;
begin
    perform chat.require_for_visitor(chat_unmerge_visitor.visitor, 'live-chat.conversations.reply');
    update public.mod_chat_visitors v set merged_into = null
    where v.id = chat_unmerge_visitor.visitor and v.merged_into is not null
    returning v.* into alone;
    if not found then
        raise exception 'this visitor is not merged into anybody'
            using errcode = 'PT409', detail = 'chat/not_merged', hint = 'undo a merge at the row that points: its merged_into is set';
    end if;
    return next alone;
end
$$;
comment on function public.chat_unmerge_visitor(uuid) is
    'Takes back a merge: the visitor stands for itself again, with everything it had. Needs live-chat.conversations.reply. PT404 chat/no_such_visitor, PT409 chat/not_merged.';

-- file: sql/visitors/is_blocked.sql
-- What: whether somebody may not write: the block list and LC-01's blocked_ips, asked together.
-- Why: whoever opens a session or a conversation asks here, under the identity's lock where there is one.
-- Leaves out: making and lifting blocks (block.sql, unblock.sql).

create or replace function chat.address_of(p_text text)
returns cidr
language plpgsql
immutable
as $$
begin
    -- `203.0.113.9/24` means its network, where the type cidr would refuse it.
    return network(trim(p_text)::inet);
exception
    when invalid_text_representation then
        return null;
end
$$;
comment on function chat.address_of(text) is 'The address or network a text says; null when it says none.';

create or replace function chat.is_blocked(
    p_site uuid, p_visitor uuid, p_address inet, p_now timestamptz default clock_timestamp())
returns boolean
language plpgsql
stable
as $$
declare
    rows uuid[];
begin
    -- Most sites block nobody, and then the question costs next to nothing.
    if exists (select from chat.blocks b where b.site_id = p_site and (b.expires_at is null or b.expires_at > p_now)) then
        rows := chat.person_rows(p_visitor);
        if exists (
            select from chat.blocks b
            where b.site_id = p_site and (b.expires_at is null or b.expires_at > p_now)
                and (p_address <<= b.address or b.visitor_id = any (rows)))
        then
            return true;
        end if;
    end if;
    return p_address is not null and exists (
        select from public.mod_chat_widget_settings s
        cross join lateral unnest(s.blocked_ips) blocked (address)
        where s.site_id = p_site and p_address <<= chat.address_of(blocked.address));
end
$$;
comment on function chat.is_blocked(uuid, uuid, inet, timestamptz) is
    'Whether a person (with all visitors merged with them) or an address is blocked at a site now, by the block list or the settings'' blocked_ips. Either may be null.';

create or replace function chat.check_blocked_ips()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    wrong text;
begin
    select a.address into wrong from unnest(new.blocked_ips) a (address) where chat.address_of(a.address) is null limit 1;
    if found then
        raise exception '% is no address', coalesce(left(wrong, 50), 'null')
            using errcode = 'PT422', detail = 'chat/invalid_address', hint = 'use addresses such as 203.0.113.9 or networks such as 203.0.113.0/24';
    end if;
    return new;
end
$$;
comment on function chat.check_blocked_ips() is
    'Before LC-01''s blocked_ips are written: each is an address or a network. PT422 chat/invalid_address.';

-- file: sql/visitors/block.sql
-- What: blocks people and addresses.
-- Why: a block acts at once: open chats of the person are closed and their sessions ended in its transaction.
-- Leaves out: who is blocked (is_blocked.sql), rates, which are the widget's.

create or replace function public.chat_block_visitor(visitor uuid, reason text default null, until timestamptz default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    site constant uuid := chat.require_for_visitor(chat_block_visitor.visitor, 'live-chat.conversations.resolve');
    rows constant uuid[] := chat.person_rows(chat_block_visitor.visitor);
    block uuid;
    closed integer;
begin
    perform chat.check_block(chat_block_visitor.reason, chat_block_visitor.until);
    -- The identity's lock: a message that is being received has its conversation before, or sees the block.
    perform from chat.identities i where i.visitor_id = any (rows) order by i.id for no key update;
    perform from public.mod_chat_conversations c
    where c.visitor_id = any (rows) and c.archived_at is null order by c.id for no key update;
    perform chat.lock_visitors(rows);
    insert into chat.blocks as b (site_id, visitor_id, reason, blocked_by, expires_at)
    values (site, chat_block_visitor.visitor, chat_block_visitor.reason, auth.uid(), chat_block_visitor.until)
    on conflict (site_id, visitor_id) do update
    set reason = excluded.reason, blocked_by = excluded.blocked_by, expires_at = excluded.expires_at
    returning b.id into block;
    update public.mod_chat_conversations c set status = 'closed'
    where c.visitor_id = any (rows) and c.archived_at is null;
    get diagnostics closed = row_count;
    return jsonb_build_object('block', block, 'closed_conversations', closed, 'ended_sessions', chat.end_blocked(array(
        select s.id from chat.sessions s where s.visitor_id = any (rows) and s.ended_at is null)));
end
$$;
comment on function public.chat_block_visitor(uuid, text, timestamptz) is
    'Blocks a person at their site, until then or for good: their open chats are closed, they can begin no other on any channel. Again: replaces reason and end. Answers {block, closed_conversations, ended_sessions}. Needs live-chat.conversations.resolve. PT404 chat/no_such_visitor, PT422 chat/block_over, chat/too_long.';

create or replace function public.chat_block_address(
    site uuid, address text, reason text default null, until timestamptz default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    network constant cidr := chat.address_of(chat_block_address.address);
    block uuid;
begin
    perform chat.require(chat_block_address.site, 'live-chat.settings.manage');
    perform chat.check_block(chat_block_address.reason, chat_block_address.until);
    if network is null then
        raise exception '% is no address', coalesce(left(chat_block_address.address, 50), 'null')
            using errcode = 'PT422', detail = 'chat/invalid_address', hint = 'use an address such as 203.0.113.9 or a network such as 203.0.113.0/24';
    elsif (masklen(network) < case family(network) when 4 then 8 else 16 end) then
        raise exception '% is a large part of the internet', network
            using errcode = 'PT422', detail = 'chat/network_too_wide', hint = 'block /8 or smaller of IPv4, /16 or smaller of IPv6';
    end if;
    insert into chat.blocks as b (site_id, address, reason, blocked_by, expires_at)
    values (chat_block_address.site, network, chat_block_address.reason, auth.uid(), chat_block_address.until)
    on conflict (site_id, address) do update
    set reason = excluded.reason, blocked_by = excluded.blocked_by, expires_at = excluded.expires_at
    returning b.id into block;
    return jsonb_build_object('block', block, 'address', network, 'ended_sessions', chat.end_blocked(array(
        select s.id from chat.sessions s
        where s.site_id = chat_block_address.site and s.ip_address <<= network and s.ended_at is null)));
end
$$;
comment on function public.chat_block_address(uuid, text, text, timestamptz) is
    'Blocks an address or network at a site, until then or for good. Answers {block, address, ended_sessions}. Needs live-chat.settings.manage. PT403 chat/not_allowed, PT422 chat/invalid_address, chat/network_too_wide, chat/block_over, chat/too_long.';

create or replace function chat.end_blocked(p_sessions uuid[])
returns integer
language plpgsql
as $$
declare
    ended integer;
begin
    -- Identities before visitors before sessions, as everywhere.
    perform from chat.identities i
    where i.id in (select s.identity_id from chat.sessions s where s.id = any (p_sessions))
    order by i.id
    for no key update;
    perform from public.mod_chat_visitors v
    where v.id in (select s.visitor_id from chat.sessions s where s.id = any (p_sessions))
    order by v.id
    for no key update;
    update chat.sessions s set ended_at = clock_timestamp(), ended_why = 'blocked'
    where s.id = any (p_sessions) and s.ended_at is null;
    get diagnostics ended = row_count;
    return ended;
end
$$;
comment on function chat.end_blocked(uuid[]) is
    'Ends sessions of somebody who was blocked; their tokens are dead at once. When the block is over their key revives them. Answers how many.';

create or replace function chat.check_block(p_reason text, p_until timestamptz)
returns void
language plpgsql
stable
as $$
begin
    if p_until <= clock_timestamp() then
        raise exception 'this block would be over already'
            using errcode = 'PT422', detail = 'chat/block_over', hint = 'give an end in the future, or none';
    end if;
    if char_length(p_reason) > 500 then
        raise exception 'the reason has % characters', char_length(p_reason)
            using errcode = 'PT422', detail = 'chat/too_long', hint = 'use at most 500';
    end if;
end
$$;
comment on function chat.check_block(text, timestamptz) is 'Raises PT422 chat/block_over or chat/too_long for an end in the past or a long reason.';

-- file: sql/visitors/unblock.sql
-- What: the block list, and taking a block back.
-- Why: whoever may block so may lift it; what was closed stays closed, and a session's key opens it again.
-- Leaves out: blocked_ips of the settings, which are edited there.

create or replace function public.chat_unblock(block uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    lifted chat.blocks;
begin
    select b.* into lifted from chat.blocks b where b.id = chat_unblock.block for update;
    if not found or not chat.may(lifted.site_id, 'live-chat.conversations.view')
        or lifted.visitor_id is not null and lifted.site_id = any (chat.my_limited_sites())
            and not chat.sees_visitor(lifted.visitor_id)
    then
        raise exception 'there is no block %', coalesce(chat_unblock.block::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_block', hint = 'chat_blocks lists them with their ids';
    end if;
    perform chat.require(lifted.site_id,
        case when lifted.address is null then 'live-chat.conversations.resolve' else 'live-chat.settings.manage' end);
    delete from chat.blocks b where b.id = lifted.id;
    return to_jsonb(lifted);
end
$$;
comment on function public.chat_unblock(uuid) is
    'Takes a block back; what was closed stays closed. Answers the row. Needs the right to block so. PT404 chat/no_such_block, PT403 chat/not_allowed.';

create or replace function public.chat_blocks(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    limited constant boolean := chat_blocks.site = any (chat.my_limited_sites());
begin
    perform chat.require(chat_blocks.site, 'live-chat.conversations.view');
    return coalesce((
        select jsonb_agg(to_jsonb(b) || jsonb_build_object(
            'visitor_name', v.name, 'active', b.expires_at is null or b.expires_at > clock_timestamp())
            order by b.created_at desc, b.id)
        from chat.blocks b
        left join public.mod_chat_visitors v on v.id = b.visitor_id
        where b.site_id = chat_blocks.site
            and (b.visitor_id is null or not limited or chat.sees_visitor(b.visitor_id))), '[]');
end
$$;
comment on function public.chat_blocks(uuid) is
    'The block list of a site, newest first: [{id, visitor_id, visitor_name, address, reason, blocked_by, created_at, expires_at, active}]. Needs live-chat.conversations.view. PT403 chat/not_allowed.';

-- file: sql/visitors/erase_parts.sql
-- What: the steps of erasing a person that are not plain deletes of their rows.
-- Why: what webhooks, queue and storage keep of somebody is found in its own way each.
-- Leaves out: the order of locks and the rows themselves (erase.sql).

create or replace function chat.count_person(p_visitors uuid[], p_identities uuid[], p_conversations uuid[])
returns jsonb
language plpgsql
stable
as $$
begin
    return jsonb_build_object(
        'visitors', cardinality(p_visitors),
        'identities', cardinality(p_identities),
        'aliases', (select count(*) from chat.identity_aliases a where a.identity_id = any (p_identities)),
        'conversations', cardinality(p_conversations),
        'messages', (select count(*) from public.mod_chat_messages m where m.conversation_id = any (p_conversations)),
        'attempts', (
            select count(*) from public.mod_chat_messages m join chat.attempts a on a.message_id = m.id
            where m.conversation_id = any (p_conversations)),
        -- An agent's figures keep what they did for somebody who is gone.
        'answered_by', (
            select coalesce(jsonb_object_agg(d.sender_id, d.chats), '{}') from (
                select m.sender_id, count(distinct m.conversation_id) as chats from public.mod_chat_messages m
                where m.conversation_id = any (p_conversations) and m.sender_type = 'agent' and m.origin = 'live'
                    and m.public_seq is not null and m.sender_id is not null
                group by m.sender_id) d),
        'choices', (select count(*) from chat.choices c where c.conversation_id = any (p_conversations)),
        'visits', (select count(*) from chat.visits v where v.visitor_id = any (p_visitors)),
        'page_views', (
            select count(*) from chat.visits v join chat.page_views p on p.visit_id = v.id
            where v.visitor_id = any (p_visitors)),
        'sessions', (select count(*) from chat.sessions s where s.visitor_id = any (p_visitors)),
        'blocks', (select count(*) from chat.blocks b where b.visitor_id = any (p_visitors)));
end
$$;
comment on function chat.count_person(uuid[], uuid[], uuid[]) is 'How many rows of each kind a person has, and in how many of the conversations each agent answered.';

create or replace function chat.erase_leftovers(p_site uuid, p_identities uuid[], p_conversations uuid[])
returns jsonb
language plpgsql
as $$
declare
    statuses integer;
    letters integer;
begin
    delete from chat.orphan_statuses o
    where o.site_id = p_site
        and (o.wamid in (
                select m.whatsapp_message_id from public.mod_chat_messages m where m.conversation_id = any (p_conversations))
            or exists (
                select from chat.identity_aliases a
                where a.identity_id = any (p_identities) and position(a.value in o.item::text) > 0));
    get diagnostics statuses = row_count;
    -- An item that no row would take is kept as it came, so the ids are looked for in all of it.
    delete from chat.dead_letters d
    where d.phone_number_id in (select n.phone_number_id from chat.whatsapp_numbers n where n.site_id = p_site)
        and exists (
            select from chat.identity_aliases a
            where a.identity_id = any (p_identities) and position(a.value in d.item::text) > 0);
    get diagnostics letters = row_count;
    return jsonb_build_object('orphan_statuses', statuses, 'dead_letters', letters);
end
$$;
comment on function chat.erase_leftovers(uuid, uuid[], uuid[]) is
    'Deletes what webhooks left of these people: statuses without a message, dead letters. Answers counts.';

create or replace function chat.queue_file_deletions(p_visitors uuid[], p_conversations uuid[])
returns integer
language plpgsql
as $$
declare
    files integer;
begin
    insert into chat.file_deletions (site_id, file_url)
    select m.site_id, m.file_url from public.mod_chat_messages m
    where m.conversation_id = any (p_conversations) and m.file_url is not null
    union
    select u.site_id, u.path from chat.uploads u join chat.sessions s on s.id = u.session_id
    where s.visitor_id = any (p_visitors);
    get diagnostics files = row_count;
    return files;
end
$$;
comment on function chat.queue_file_deletions(uuid[], uuid[]) is 'Queues the files of conversations, and what visitors uploaded, for deletion. Answers how many.';

create or replace function chat.erase_jobs(p_identities uuid[])
returns integer
language plpgsql
as $$
declare
    -- Lanes of a person end in their identity: send:<number>:<identity>, read:<number>:<identity>.
    keys constant text[] := array(
        select l.key from chat.lanes l where right(l.key, 36) = any (p_identities::text[]) order by l.key for update);
    jobs integer;
begin
    delete from chat.jobs j where right(j.lane, 36) = any (p_identities::text[]);
    get diagnostics jobs = row_count;
    -- A worker that holds one of them finds its lease stale.
    delete from chat.lanes l where l.key = any (keys);
    return jobs;
end
$$;
comment on function chat.erase_jobs(uuid[]) is 'Deletes lanes of identities and their jobs, dead ones too. Answers how many jobs.';

-- file: sql/visitors/erase.sql
-- What: erases a person: every row, every queued job, the list of their files; what stays is a proof with counts.
-- Why: one call, one transaction, in the order of locks. A message that arrives meanwhile waits for the identity and then
--      begins afresh with a new one (whatsapp/home_conversation.sql).
-- Leaves out: event rows and figures, which name ids that mean nothing any more; the files themselves, which whoever
--             has the storage key deletes (chat.file_deletions).

create or replace function public.chat_erase_visitor(visitor uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require_for_visitor(chat_erase_visitor.visitor, 'live-chat.settings.manage');
    return chat.erase_person(chat_erase_visitor.visitor);
end
$$;
comment on function public.chat_erase_visitor(uuid) is
    'Erases a person with all visitors merged with them: identities, sessions, conversations, messages, notes, jobs; files are queued for deletion. Cannot be undone. Answers the proof {id, visitor_ids, erased_by, erased_at, counts}. Needs live-chat.settings.manage. PT404 chat/no_such_visitor, PT403 chat/not_allowed, PT409 chat/changed_meanwhile.';

create or replace function chat.erase_person(p_visitor uuid)
returns jsonb
language plpgsql
as $$
declare
    site uuid;
    rows constant uuid[] := chat.person_rows(p_visitor);
    identities uuid[];
    conversations uuid[];
    agents uuid[];
    counts jsonb;
    proof chat.erasures;
begin
    -- Whoever holds a conversation may still ask whether its identity and visitor are there; so those are not yet locked
    -- against that, or both would wait for each other.
    identities := array(
        select i.id from chat.identities i where i.visitor_id = any (rows) order by i.id for no key update);
    conversations := array(
        select c.id from public.mod_chat_conversations c where c.visitor_id = any (rows) order by c.id for update);
    perform from public.mod_chat_visitors v where v.id = any (rows) order by v.id for no key update;
    select v.site_id into site from public.mod_chat_visitors v where v.id = p_visitor;
    -- What was added before these locks were complete is not locked, and so not erased: better to begin again.
    if site is null or rows <> chat.person_rows(p_visitor) or exists (
            select from public.mod_chat_conversations c where c.visitor_id = any (rows) and c.id <> all (conversations))
        or exists (select from chat.identities i where i.visitor_id = any (rows) and i.id <> all (identities))
    then
        raise exception 'somebody merged, erased or wrote meanwhile'
            using errcode = 'PT409', detail = 'chat/changed_meanwhile', hint = 'call again';
    end if;

    agents := array(
        select distinct c.assigned_agent_id from public.mod_chat_conversations c
        where c.id = any (conversations) and c.archived_at is null and c.assigned_agent_id is not null);
    counts := chat.count_person(rows, identities, conversations)
        || chat.erase_leftovers(site, identities, conversations)
        || jsonb_build_object('files', chat.queue_file_deletions(rows, conversations));

    -- All that hangs on these goes with them: attempts, choices, aliases, sessions, visits, blocks.
    delete from public.mod_chat_messages m where m.conversation_id = any (conversations);
    delete from public.mod_chat_conversations c where c.id = any (conversations);
    delete from chat.identities i where i.id = any (identities);
    delete from public.mod_chat_visitors v where v.id = any (rows);

    perform chat.lock_routing(site);
    perform chat.recount_load(site, agents);
    perform chat.drain(site);
    counts := counts || jsonb_build_object('jobs', chat.erase_jobs(identities));

    insert into chat.erasures (site_id, visitor_ids, erased_by, counts)
    values (site, rows, auth.uid(), counts)
    returning * into proof;
    perform chat.broadcast(
        array['chat:site:' || site],
        jsonb_build_object('v', 1, 'type', 'status_change', 'erased_visitor_ids', rows),
        array[null::bigint]);
    return to_jsonb(proof);
end
$$;
comment on function chat.erase_person(uuid) is
    'Erases a person, whoever asks: chat_erase_visitor asks for the right; the owner of the database may call this. Answers the proof. PT409 chat/changed_meanwhile.';

create or replace function public.chat_erasures(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_erasures.site, 'live-chat.settings.manage');
    return coalesce((
        select jsonb_agg(to_jsonb(e) order by e.id desc) from chat.erasures e where e.site_id = chat_erasures.site), '[]');
end
$$;
comment on function public.chat_erasures(uuid) is
    'Proofs of who was erased at a site, latest first: [{id, visitor_ids, erased_by, erased_at, counts}]. Needs live-chat.settings.manage. PT403 chat/not_allowed.';

-- file: sql/visitors/export.sql
-- What: everything that is kept about a person, as one JSON document.
-- Why: people ask for it, and it shows what erasing would take.
-- Leaves out: secrets (keys of sessions), the files' content (their addresses are in it), and what is about agents.

create or replace function public.chat_export_visitor(visitor uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require_for_visitor(chat_export_visitor.visitor, 'live-chat.settings.manage');
    return chat.export_person(chat_export_visitor.visitor);
end
$$;
comment on function public.chat_export_visitor(uuid) is
    'Everything kept about a person, with all visitors merged with them: {format, exported_at, visitors, identities, conversations: [{…, messages}], visits, sessions, consents, blocks}. Needs live-chat.settings.manage. PT404 chat/no_such_visitor, PT403 chat/not_allowed.';

create or replace function chat.export_person(p_visitor uuid)
returns jsonb
language plpgsql
stable
as $$
declare
    rows constant uuid[] := chat.person_rows(p_visitor);
begin
    return jsonb_build_object(
        'format', 'pg_chat.visitor/1',
        'exported_at', clock_timestamp(),
        'visitors', (
            select jsonb_agg(to_jsonb(v) order by v.created_at, v.id)
            from public.mod_chat_visitors v where v.id = any (rows)),
        'identities', coalesce((
            select jsonb_agg(to_jsonb(i) || jsonb_build_object('aliases', (
                select jsonb_agg(jsonb_build_object('kind', a.kind, 'value', a.value, 'created_at', a.created_at)
                    order by a.created_at, a.kind, a.value)
                from chat.identity_aliases a where a.identity_id = i.id)) order by i.created_at, i.id)
            from chat.identities i where i.visitor_id = any (rows)), '[]'),
        'conversations', coalesce((
            select jsonb_agg(to_jsonb(c) || jsonb_build_object(
                'messages', coalesce((
                    select jsonb_agg(to_jsonb(m) || jsonb_build_object('versions', coalesce((
                        select jsonb_agg(to_jsonb(v) order by v.version)
                        from chat.message_versions v where v.message_id = m.id), '[]')) order by m.seq)
                    from public.mod_chat_messages m where m.conversation_id = c.id), '[]'),
                'scheduled_messages', coalesce((
                    select jsonb_agg(to_jsonb(s) order by s.due_at, s.id)
                    from chat.scheduled_messages s where s.conversation_id = c.id), '[]'),
                'read', (select to_jsonb(u) from chat.cursors u where u.conversation_id = c.id and u.agent_id is null))
                order by c.created_at, c.id)
            from public.mod_chat_conversations c where c.visitor_id = any (rows)), '[]'),
        'visits', coalesce((
            select jsonb_agg(to_jsonb(v) || jsonb_build_object('page_views', coalesce((
                select jsonb_agg(jsonb_build_object('url', p.url, 'title', p.title, 'at', p.at) order by p.id)
                from chat.page_views p where p.visit_id = v.id), '[]')) order by v.id)
            from chat.visits v where v.visitor_id = any (rows)), '[]'),
        'sessions', coalesce((
            select jsonb_agg(to_jsonb(s) - 'key_hash' || jsonb_build_object('uploads', coalesce((
                select jsonb_agg(to_jsonb(u) order by u.created_at, u.id)
                from chat.uploads u where u.session_id = s.id), '[]')) order by s.created_at, s.id)
            from chat.sessions s where s.visitor_id = any (rows)), '[]'),
        'consents', coalesce((
            select jsonb_agg(to_jsonb(g) order by g.given_at, g.version)
            from chat.consents g where g.visitor_id = any (rows)), '[]'),
        'blocks', coalesce((
            select jsonb_agg(to_jsonb(b) order by b.created_at, b.id)
            from chat.blocks b where b.visitor_id = any (rows)), '[]'));
end
$$;
comment on function chat.export_person(uuid) is
    'The document of chat_export_visitor, whoever asks; the owner of the database may call this.';

-- file: sql/visitors/live_visitors.sql
-- What: who is on the site now, and where somebody has been.
-- Why: an agent who sees a visitor wait on the price list helps before they are asked.
-- Leaves out: people without the widget's token; nothing is known of them.

create or replace function public.chat_live_visitors(
    site uuid, within_seconds integer default 300, page_size integer default 100, before timestamptz default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    -- Whoever sees a part of the site only sees the people of that part.
    limited constant boolean := chat_live_visitors.site = any (chat.my_limited_sites());
    since timestamptz;
begin
    perform chat.require(chat_live_visitors.site, 'live-chat.conversations.view');
    if (within_seconds between 1 and 86400 and page_size between 1 and 500) is not true then
        raise exception 'this asks for too little or too much'
            using errcode = 'PT422', detail = 'chat/out_of_range', hint = 'within_seconds is 1 to 86400, page_size 1 to 500';
    end if;
    since := clock_timestamp() - make_interval(secs => within_seconds);
    return jsonb_build_object(
        'count', (
            select count(distinct v.visitor_id) from chat.visits v
            where v.site_id = chat_live_visitors.site and v.last_at > since
                and (not limited or chat.sees_visitor(v.visitor_id))),
        'visitors', coalesce((
            select jsonb_agg(to_jsonb(shown) order by shown.last_at desc, shown.visit_id desc)
            from (
                select v.id as visit_id, v.visitor_id, p.name, p.email, p.current_page_url, p.current_page_title,
                    v.landing_page_url, v.referrer_url, v.started_at, v.last_at, v.pages, p.total_visits, v.browser, v.os,
                    v.device, v.country, v.city, p.tags, c.id as conversation_id, c.status as conversation_status,
                    c.assigned_agent_id
                from chat.visits v
                join public.mod_chat_visitors p on p.id = v.visitor_id
                left join lateral (
                    select o.id, o.status, o.assigned_agent_id from public.mod_chat_conversations o
                    where o.visitor_id = v.visitor_id and o.archived_at is null
                        and (not limited or chat.sees_conversation(o.id))
                    order by o.created_at desc limit 1) c on true
                where v.site_id = chat_live_visitors.site and v.last_at > since
                    and (not limited or chat.sees_visitor(v.visitor_id))
                    and (chat_live_visitors.before is null or v.last_at < chat_live_visitors.before)
                order by v.last_at desc, v.id desc
                limit page_size) shown), '[]'));
end
$$;
comment on function public.chat_live_visitors(uuid, integer, integer, timestamptz) is
    'Who looked at a page within so many seconds, latest first: {count, visitors: [{visit_id, visitor_id, name, current_page_url, …, last_at, pages, conversation_id, …}]}; the next page is `before` the last one''s last_at. Needs live-chat.conversations.view. PT403 chat/not_allowed, PT422 chat/out_of_range.';

create or replace function public.chat_visits(visitor uuid, page_size integer default 20, before bigint default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require_for_visitor(chat_visits.visitor, 'live-chat.conversations.view');
    if (page_size between 1 and 500) is not true then
        raise exception 'a page has 1 to 500 visits'
            using errcode = 'PT422', detail = 'chat/out_of_range', hint = 'page_size is 1 to 500';
    end if;
    return coalesce((
        select jsonb_agg(to_jsonb(shown) || jsonb_build_object('page_views', coalesce((
            select jsonb_agg(jsonb_build_object('url', p.url, 'title', p.title, 'at', p.at) order by p.id)
            from chat.page_views p where p.visit_id = shown.id), '[]')) order by shown.id desc)
        from (
            select v.* from chat.visits v
            where v.visitor_id = any (chat.person_rows(chat_visits.visitor)) and (chat_visits.before is null or v.id < chat_visits.before)
            order by v.id desc
            limit page_size) shown), '[]');
end
$$;
comment on function public.chat_visits(uuid, integer, bigint) is
    'Visits of a person with their pages, latest first: [{id, started_at, last_at, pages, …, page_views: [{url, title, at}]}]; the next page is `before` the last one''s id. Needs live-chat.conversations.view. PT404 chat/no_such_visitor, PT422 chat/out_of_range.';

-- file: sql/widget/settings_of.sql
-- What: the settings of a site, also of one that never saved any; and the version of its privacy text.
-- Why: the defaults stand once, in the table.
-- Leaves out: what of them is public (widget_config.sql).

create or replace function chat.settings_of(p_site uuid)
returns public.mod_chat_widget_settings
language plpgsql
security definer
set search_path = ''
as $$
declare
    settings public.mod_chat_widget_settings;
begin
    select s.* into settings from public.mod_chat_widget_settings s where s.site_id = p_site;
    if found then
        return settings;
    end if;
    if not exists (select from public.sites s where s.id = p_site) then
        raise exception 'there is no site %', coalesce(p_site::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_site', hint = 'use the id of an existing site';
    end if;
    insert into public.mod_chat_widget_settings (site_id) values (p_site)
    on conflict (site_id) do nothing
    returning * into settings;
    if not found then
        select s.* into settings from public.mod_chat_widget_settings s where s.site_id = p_site;
    end if;
    return settings;
end
$$;
comment on function chat.settings_of(uuid) is
    'The settings row of a site; a site that has none gets one with every default. PT404 chat/no_such_site.';

create or replace function chat.next_privacy_version()
returns trigger
language plpgsql
set search_path = ''
as $$
begin
    new.privacy_version := old.privacy_version + 1;
    return new;
end
$$;
comment on function chat.next_privacy_version() is
    'Before the privacy text or its address changes: the next version, to which nobody has agreed yet.';

-- file: sql/visitors/request.sql
-- What: what a request says about where it comes from.
-- Why: PostgREST shows its headers as a setting; of x-forwarded-for only what our own proxies wrote can be believed.
-- Leaves out: what a browser or place is told from them (visitors' tracking).

create or replace function chat.request_header(p_name text)
returns text
language sql
stable
as $$ select nullif(current_setting('request.headers', true), '')::jsonb ->> lower(p_name) $$;
comment on function chat.request_header(text) is 'A header of the running request; null when there is none.';

create or replace function chat.client_address()
returns inet
language plpgsql
stable
as $$
begin
    return chat.forwarded_address(
        chat.request_header('x-forwarded-for'),
        coalesce(nullif(current_setting('app.settings.chat_trusted_hops', true), '')::integer, 1))::inet;
end
$$;
comment on function chat.client_address() is
    'Address of the caller: entry app.settings.chat_trusted_hops (default 1) from the right of x-forwarded-for; null when it cannot be told.';

-- file: sql/visitors/take_rate.sql
-- What: takes one piece of an allowance per minute, or says how long to wait; and removes what has flowed off.
-- Why: a bucket as large as a minute's allowance, which empties steadily: a burst is fine, a stream is not. One
--      statement, so many at once take no more than there is.
-- Leaves out: what is answered to the one who has to wait (answer_refusal.sql).

create or replace function chat.take_rate(p_site uuid, p_kind text, p_subject text, p_per_minute integer, p_now timestamptz)
returns integer
language plpgsql
as $$
declare
    step constant interval := interval '1 minute' / nullif(p_per_minute, 0);
    full_from constant timestamptz := p_now + interval '1 minute';
    taken timestamptz;
begin
    if step is null then
        return 60;
    end if;
    insert into chat.rates as r (site_id, kind, subject, empty_at)
    values (p_site, p_kind, p_subject, p_now + step)
    on conflict (site_id, kind, subject) do update
        set empty_at = greatest(r.empty_at, p_now) + step
        where greatest(r.empty_at, p_now) + step <= full_from
    returning r.empty_at into taken;
    if taken is not null then
        return null;
    end if;
    return (
        select greatest(1, ceil(extract(epoch from r.empty_at + step - full_from)))::integer
        from chat.rates r
        where r.site_id = p_site and r.kind = p_kind and r.subject = p_subject);
end
$$;
comment on function chat.take_rate(uuid, text, text, integer, timestamptz) is
    'Takes one of so many a minute. Null when it was taken; else the seconds after which there is one again.';

create or replace function chat.sweep_rates(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    swept integer;
begin
    delete from chat.rates r
    using (
        select x.site_id, x.kind, x.subject from chat.rates x
        where x.empty_at < p_now
        order by x.empty_at
        limit p_batch
        for update skip locked) old
    where (r.site_id, r.kind, r.subject) = (old.site_id, old.kind, old.subject);
    get diagnostics swept = row_count;
    return swept;
end
$$;
comment on function chat.sweep_rates(integer, timestamptz) is 'Removes allowances that nobody has used up any more.';

-- file: sql/visitors/answer_refusal.sql
-- What: a refusal that is an answer instead of an error.
-- Why: an error would roll back the count that led to it. The body has the form of PostgREST's errors, so clients
--      treat both alike.
-- Leaves out: refusals that count nothing; they are raised.

create or replace function chat.answer_refusal(
    p_status integer, p_detail text, p_message text, p_hint text, p_retry_after integer default null)
returns jsonb
language plpgsql
as $$
begin
    perform set_config('response.status', p_status::text, true);
    if p_retry_after is not null then
        perform set_config(
            'response.headers', jsonb_build_array(jsonb_build_object('Retry-After', p_retry_after::text))::text, true);
    end if;
    return jsonb_strip_nulls(jsonb_build_object('code', 'PT' || p_status, 'message', p_message, 'details', p_detail,
        'hint', p_hint, 'retry_after', p_retry_after));
end
$$;
comment on function chat.answer_refusal(integer, text, text, text, integer) is
    'Sets the HTTP status and answers {code, message, details, hint, retry_after}; what was counted stays counted.';

create or replace function chat.answer_wait(p_seconds integer)
returns jsonb
language plpgsql
as $$
begin
    return chat.answer_refusal(429, 'chat/too_many', 'too many requests at once',
        format('try again in %s seconds', p_seconds), p_seconds);
end
$$;
comment on function chat.answer_wait(integer) is 'The answer to somebody over an allowance: 429 chat/too_many.';

-- file: sql/visitors/sign_session.sql
-- What: signs the token of a session by the project's key.
-- Why: Supabase's gateway, REST and Realtime take it like any of their own, with role anon.
-- Leaves out: renewing, which chat_open_session does for whoever has the session's key.

create or replace function chat.vault_secret(p_name text)
returns text
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    secret text;
begin
    -- By its text, because an install without Supabase Vault has no such view.
    if to_regclass('vault.decrypted_secrets') is not null
        and has_table_privilege('vault.decrypted_secrets', 'select')
    then
        execute 'select s.decrypted_secret from vault.decrypted_secrets s where s.name = $1' into secret using p_name;
    end if;
    return secret;
end
$$;
comment on function chat.vault_secret(text) is 'A secret of Supabase Vault by its name; null when there is none.';

create or replace function chat.sign_session(p_session chat.sessions, p_now timestamptz)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    key constant text := coalesce(
        chat.vault_secret('chat_jwt_key'), nullif(current_setting('app.settings.jwt_secret', true), ''));
    kid constant text := nullif(current_setting('app.settings.chat_jwt_kid', true), '');
    expires constant timestamptz := least(p_now + interval '1 hour', p_session.expires_at);
    claims constant jsonb := jsonb_build_object(
        'role', 'anon', 'chat_session', p_session.id, 'chat_site', p_session.site_id,
        'iat', floor(extract(epoch from p_now))::bigint, 'exp', floor(extract(epoch from expires))::bigint);
begin
    if key is null then
        raise exception 'the project has no key to sign visitors'' tokens with'
            using errcode = 'PT503', detail = 'chat/no_token_key',
                hint = 'put the project''s JWT secret into Vault as chat_jwt_key: select vault.create_secret(''…'', ''chat_jwt_key'')';
    end if;
    return jsonb_build_object('token', chat.session_token(claims::text, key, kid), 'expires_at', expires);
end
$$;
comment on function chat.sign_session(chat.sessions, timestamptz) is
    'A token for a session, good for an hour: {token, expires_at}. The key is Vault''s chat_jwt_key, else app.settings.jwt_secret; app.settings.chat_jwt_kid names it. PT503 chat/no_token_key.';

-- file: sql/visitors/my_session.sql
-- What: the live session that the caller's token names.
-- Why: one place decides whether a token still counts; the signature was checked before the database was asked, the rest
--      is looked up here each time.
-- Leaves out: customers signed in with Supabase Auth, who get a session and its token from chat_open_session.

create or replace function chat.my_session(p_now timestamptz default clock_timestamp())
returns chat.sessions
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    named constant text := claims ->> 'chat_session';
    session chat.sessions;
begin
    if named is null then
        raise exception 'this needs a visitor''s token'
            using errcode = 'PT401', detail = 'chat/no_session', hint = 'open a session with chat_open_session and send its token';
    end if;
    -- Whatever a token says, it is looked up by a uuid or not at all.
    if named ~* '^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$' then
        select s.* into session from chat.sessions s where s.id = named::uuid;
    end if;
    if session.id is not null and session.site_id::text is distinct from lower(claims ->> 'chat_site') then
        raise exception 'this token is of another site than its session'
            using errcode = 'PT401', detail = 'chat/session_foreign', hint = 'open a session at this site with chat_open_session';
    end if;
    if jsonb_typeof(claims -> 'exp') is distinct from 'number'
        or (claims ->> 'exp')::numeric <= extract(epoch from p_now)
    then
        raise exception 'this token has expired'
            using errcode = 'PT401', detail = 'chat/session_expired',
                hint = 'renew it: call chat_open_session with the session''s key';
    end if;
    if session.id is null or session.ended_at is not null or session.expires_at <= p_now then
        raise exception 'the session of this token is over'
            using errcode = 'PT401', detail = 'chat/session_dead', hint = 'open a new one with chat_open_session';
    end if;
    perform chat.require_module(session.site_id);
    return session;
end
$$;
comment on function chat.my_session(timestamptz) is
    'The caller''s session. PT401: chat/no_session (no token of ours), chat/session_foreign (another site''s), chat/session_expired (renew it), chat/session_dead (ended, blocked, erased or never there). PT403 chat/module_off.';

create or replace function chat.lock_person(p_session chat.sessions)
returns chat.sessions
language plpgsql
as $$
declare
    session chat.sessions := p_session;
    known uuid;
begin
    -- Whoever proves meanwhile who they are writes as that person; whoever ends the session writes no more.
    loop
        known := session.identity_id;
        perform from chat.identities i where i.id = known for no key update;
        select s.* into session from chat.sessions s where s.id = p_session.id and s.ended_at is null;
        if not found then
            raise exception 'the session of this token is over'
                using errcode = 'PT401', detail = 'chat/session_dead', hint = 'open a new one with chat_open_session';
        end if;
        exit when session.identity_id = known;
    end loop;
    return session;
end
$$;
comment on function chat.lock_person(chat.sessions) is
    'Locks the identity of a session, the first lock of whoever writes for a visitor; answers the session as it is then. PT401 chat/session_dead.';

-- file: sql/visitors/my_visitor_ids.sql
-- What: the visitors that the caller is: of their token's session, or of their login.
-- Why: views of visitors are a sentence over this. Only proof joins rows here: what an agent merged stays apart.
-- Leaves out: agents, who see people under their own policies.

create or replace function chat.visitors_of(p_identity uuid)
returns uuid[]
language sql
stable
as $$
    select array_agg(i.visitor_id) from chat.identities i where i.id = p_identity or i.proven_as = p_identity
$$;
comment on function chat.visitors_of(uuid) is
    'The visitor of an identity, and of anonymous ones that were proven to be the same person.';

create or replace function chat.my_visitor_ids()
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
begin
    -- Anon without a token is told so, too.
    if claims ? 'chat_session' or claims ->> 'role' = 'anon' then
        return chat.visitors_of((chat.my_session()).identity_id);
    end if;
    return array(
        select unnest(chat.visitors_of(a.identity_id))
        from chat.identity_aliases a
        where a.kind = 'auth' and a.portfolio = '' and a.value = auth.uid()::text);
end
$$;
comment on function chat.my_visitor_ids() is
    'Visitors the caller is: by the token of a session (PT401 as chat.my_session), else by their Supabase login; nobody otherwise.';

-- file: sql/visitors/note_page.sql
-- What: which page a visitor looks at: the visit it belongs to, and what browser and proxy tell of them.
-- Why: agents see who is where and where they came in; under the visitor's lock, so two tabs are one visit.
-- Leaves out: showing it (live_visitors.sql).

create or replace function chat.web_address(p_text text)
returns text
language sql
immutable
parallel safe
as $$
    -- Shown as a link: nothing but http, and nothing that could end one.
    select substring(left(p_text, 2048) from '^[hH][tT][tT][pP][sS]?://[^\s"<>\\\u0001-\u0020\u007f-\u00a0]+$')
$$;
comment on function chat.web_address(text) is 'The first 2048 characters of an http or https address; null for anything else.';

create or replace function chat.language_of(p_text text)
returns text
language sql
immutable
parallel safe
as $$
    -- The first of a header's list, without its weight.
    select substring(left(btrim(p_text), 100) from '^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}(?=$|[,;\s])')
$$;
comment on function chat.language_of(text) is
    'The language that a text or a header Accept-Language begins with, such as de-AT; null for anything else.';

create or replace function chat.visit_of(p_session chat.sessions, p_url text, p_referrer text, p_now timestamptz)
returns chat.visits
language plpgsql
as $$
declare
    visit chat.visits;
begin
    select v.* into visit from chat.visits v where v.visitor_id = p_session.visitor_id order by v.id desc limit 1;
    if visit.last_at > p_now - interval '30 minutes' then
        update chat.visits v
        set last_at = greatest(v.last_at, p_now), session_id = p_session.id,
            landing_page_url = coalesce(v.landing_page_url, p_url), referrer_url = coalesce(v.referrer_url, p_referrer)
        where v.id = visit.id
        returning v.* into visit;
        return visit;
    end if;
    -- A visitor is made with their first visit counted.
    if visit.id is not null then
        update public.mod_chat_visitors v set total_visits = v.total_visits + 1 where v.id = p_session.visitor_id;
    end if;
    insert into chat.visits (
        site_id, visitor_id, session_id, started_at, last_at, landing_page_url, referrer_url, ip_address, browser, os, device,
        country, city)
    select p_session.site_id, p_session.visitor_id, p_session.id, p_now, p_now, p_url, p_referrer, p_session.ip_address,
        agent.browser, agent.os, agent.device, place.country, place.city
    from chat.user_agent_of(p_session.user_agent) agent
    cross join chat.place_of(
        chat.request_header(current_setting('app.settings.chat_country_header', true)),
        chat.request_header(current_setting('app.settings.chat_city_header', true))) place
    returning * into visit;
    return visit;
end
$$;
comment on function chat.visit_of(chat.sessions, text, text, timestamptz) is
    'The running visit of a session''s visitor, whose row the caller has locked, or a new one. The headers that tell country and city are named by app.settings.chat_country_header and chat_city_header; none is believed otherwise.';

create or replace function chat.note_page(p_session chat.sessions, p_page jsonb, p_now timestamptz)
returns void
language plpgsql
as $$
declare
    url constant text := chat.web_address(p_page ->> 'url');
    title constant text := chat.one_line(p_page ->> 'title', 300);
    referrer constant text := chat.web_address(p_page ->> 'referrer');
    visit chat.visits;
begin
    perform from public.mod_chat_visitors v where v.id = p_session.visitor_id for no key update;
    if not found then
        raise exception 'the session of this token is over'
            using errcode = 'PT401', detail = 'chat/session_dead', hint = 'open a new one with chat_open_session';
    end if;
    visit := chat.visit_of(p_session, url, referrer, p_now);
    -- The same page again only says that it is still open.
    if url is not null and visit.pages < 500 and url is distinct from (
        select p.url from chat.page_views p where p.visit_id = visit.id order by p.id desc limit 1)
    then
        insert into chat.page_views (site_id, visit_id, url, title, at)
        values (visit.site_id, visit.id, url, title, p_now);
        update chat.visits v set pages = v.pages + 1 where v.id = visit.id;
    end if;
    update public.mod_chat_visitors v
    set current_page_url = coalesce(url, v.current_page_url),
        current_page_title = case when url is null then v.current_page_title else title end,
        referrer_url = coalesce(v.referrer_url, referrer),
        landing_page_url = coalesce(v.landing_page_url, url),
        browser = coalesce(visit.browser, v.browser),
        os = coalesce(visit.os, v.os),
        device = coalesce(visit.device, v.device),
        language = coalesce(chat.language_of(p_page ->> 'language'),
            chat.language_of(chat.request_header('accept-language')), v.language),
        ip_address = coalesce(p_session.ip_address, v.ip_address),
        -- A city without its country would be of the country before.
        country = coalesce(visit.country, v.country),
        city = case when visit.country is null then v.city else visit.city end,
        last_seen_at = greatest(v.last_seen_at, p_now),
        updated_at = p_now
    where v.id = p_session.visitor_id;
end
$$;
comment on function chat.note_page(chat.sessions, jsonb, timestamptz) is
    'Notes {url, title, referrer, language} of the page a session''s visitor is on, in their visit. Of the visitor, referrer and landing page are the first ones. PT401 chat/session_dead when they were erased meanwhile.';

create or replace function chat.forget_page_views(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    forgotten integer;
begin
    delete from chat.page_views p
    using (
        select x.id from chat.page_views x
        where x.at < p_now - interval '90 days'
        order by x.at
        limit p_batch
        for update skip locked) old
    where p.id = old.id;
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;
comment on function chat.forget_page_views(integer, timestamptz) is 'Removes page views older than 90 days; the visits stay.';

-- file: sql/visitors/prove_identity.sql
-- What: a session turns out to be of a person whose id was proven.
-- Why: two browsers of one person meet at the unique alias. What somebody did before they said who they are stays theirs:
--      a pointer of the anonymous identity, and for agents the pointer of a merge.
-- Leaves out: the proof itself (identify.sql, or Supabase's login in open_session.sql).

create or replace function chat.prove_identity(p_session chat.sessions, p_kind text, p_value text, p_now timestamptz)
returns chat.sessions
language plpgsql
as $$
declare
    anonymous constant boolean := not exists (
        select from chat.identity_aliases a where a.identity_id = p_session.identity_id);
    made uuid := p_session.identity_id;
    person chat.identities;
    session chat.sessions;
begin
    -- Asked first: nearly always it is known.
    select i.* into person
    from chat.identity_aliases a join chat.identities i on i.id = a.identity_id
    where a.site_id = p_session.site_id and a.portfolio = '' and a.kind = p_kind and a.value = p_value;
    if not found then
        if not anonymous then
            made := gen_random_uuid();
        end if;
        insert into chat.identity_aliases (site_id, portfolio, kind, value, identity_id)
        values (p_session.site_id, '', p_kind, p_value, made)
        on conflict do nothing;
        if not found then
            -- Somebody was faster.
            return chat.prove_identity(p_session, p_kind, p_value, p_now);
        end if;
        if made = p_session.identity_id then
            return p_session;
        end if;
        -- Another person at the same browser.
        person := chat.make_person(p_session.site_id, made);
    elsif person.id = p_session.identity_id then
        return p_session;
    else
        perform from chat.identities i where i.id in (p_session.identity_id, person.id) order by i.id for no key update;
        if anonymous then
            perform chat.join_anonymous(p_session, person, p_now);
        end if;
    end if;
    perform from public.mod_chat_visitors v where v.id in (p_session.visitor_id, person.visitor_id)
    order by v.id for no key update;
    update chat.sessions s
    set identity_id = person.id, visitor_id = person.visitor_id
    where s.id = p_session.id
    returning s.* into session;
    return session;
end
$$;
comment on function chat.prove_identity(chat.sessions, text, text, timestamptz) is
    'Makes a session the proven person''s (kind hmac or auth, and their id). The caller has checked the proof. Answers the session.';

create or replace function chat.make_person(p_site uuid, p_identity uuid)
returns chat.identities
language plpgsql
as $$
declare
    visitor uuid;
    person chat.identities;
begin
    insert into public.mod_chat_visitors (site_id, channel) values (p_site, 'widget') returning id into visitor;
    insert into chat.identities (id, site_id, visitor_id) values (p_identity, p_site, visitor) returning * into person;
    return person;
end
$$;
comment on function chat.make_person(uuid, uuid) is 'A new visitor of the widget with an identity of this id.';

create or replace function chat.join_anonymous(p_session chat.sessions, p_person chat.identities, p_now timestamptz)
returns void
language plpgsql
as $$
begin
    update chat.identities i set proven_as = p_person.id where i.id = p_session.identity_id;
    -- The chat that is going on goes on, unless the person has one already; then both stay, and theirs takes what comes.
    update public.mod_chat_conversations c
    set identity_id = p_person.id
    where c.identity_id = p_session.identity_id and c.archived_at is null
        and not exists (
            select from public.mod_chat_conversations o
            where o.identity_id = p_person.id and o.phone_number_id is null and o.archived_at is null);
    perform from public.mod_chat_visitors v
    where v.id in (p_session.visitor_id, p_person.visitor_id)
    order by v.id for no key update;
    update public.mod_chat_visitors v
    set merged_into = p_person.visitor_id, updated_at = p_now
    where v.id = p_session.visitor_id and v.merged_into is null
        and chat.person_of(p_person.visitor_id) <> v.id;
end
$$;
comment on function chat.join_anonymous(chat.sessions, chat.identities, timestamptz) is
    'Makes what a session did without a name part of the person it turned out to be; the caller holds both identities.';

-- file: sql/visitors/open_session.sql
-- What: a visitor opens the widget: a new session, or the old one again for whoever has its key.
-- Why: the one door of people without a login. What has to be counted is taken first; then site, domain and block list
--      decide; then a person is made, or found.
-- Leaves out: what the widget shows (widget_config.sql) and asks (submit_form.sql).

create or replace function public.chat_open_session(site uuid, key text default null, page jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    address constant inet := chat.client_address();
    settings public.mod_chat_widget_settings;
    session chat.sessions;
    fresh_key text;
    wait integer;
begin
    settings := chat.settings_of(chat_open_session.site);
    wait := coalesce(
        chat.take_rate(settings.site_id, 'site_sessions', '', settings.sessions_per_minute, at),
        chat.take_rate(settings.site_id, 'address_sessions', coalesce(host(address), 'unknown'),
            settings.address_sessions_per_minute, at));
    if wait is not null then
        return chat.answer_wait(wait);
    end if;
    perform chat.require_module(settings.site_id);
    perform chat.require_domain(settings);
    if chat.is_blocked(settings.site_id, null, address, at) then
        raise exception 'this address is blocked'
            using errcode = 'PT403', detail = 'chat/blocked', hint = 'ask the site to lift the block';
    end if;

    session := chat.session_of_key(settings, chat_open_session.key, at);
    if session.id is null then
        -- Two random uuids: 244 bits that nobody guesses.
        fresh_key := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
        session := chat.make_session(settings, fresh_key, at);
    end if;
    -- Somebody signed in with Supabase has proven who they are.
    if auth.uid() is not null then
        session := chat.prove_identity(session, 'auth', auth.uid()::text, at);
    end if;
    session.ip_address := address;
    session.user_agent := left(chat.request_header('user-agent'), 1000);
    perform chat.note_page(session, chat_open_session.page, at);
    session := chat.renew_session(session, settings, at);
    return chat.session_answer(session, at) || jsonb_build_object(
        'key', coalesce(fresh_key, chat_open_session.key), 'resumed', fresh_key is null);
end
$$;
comment on function public.chat_open_session(uuid, text, jsonb) is
    'Opens a visitor''s session at a site, or with its key renews it. `page`: {url, title, referrer, language}; without a language the browser''s counts. Answers {token, expires_at, key, site_id, session_id, visitor_id, resumed, topics}. Somebody signed in with Supabase is known by their login. PT404 chat/no_such_site, 429 chat/too_many, PT403 chat/module_off, chat/domain_not_allowed, chat/blocked, PT503 chat/no_token_key.';

create or replace function chat.session_of_key(
    p_settings public.mod_chat_widget_settings, p_key text, p_now timestamptz)
returns chat.sessions
language plpgsql
stable
as $$
declare
    session chat.sessions;
begin
    select s.* into session
    from chat.sessions s
    where s.key_hash = sha256(convert_to(p_key, 'UTF8')) and s.site_id = p_settings.site_id
        and (s.ended_at is null or s.ended_why = 'blocked') and s.expires_at > p_now;
    if chat.is_blocked(p_settings.site_id, session.visitor_id, null, p_now) then
        raise exception 'this visitor is blocked'
            using errcode = 'PT403', detail = 'chat/blocked', hint = 'ask the site to lift the block';
    end if;
    return session;
end
$$;
comment on function chat.session_of_key(public.mod_chat_widget_settings, text, timestamptz) is
    'The live session of this key at a site, or one that a block had ended which is over; null when the key opens none. PT403 chat/blocked.';

create or replace function chat.make_session(p_settings public.mod_chat_widget_settings, p_key text, p_now timestamptz)
returns chat.sessions
language plpgsql
as $$
declare
    person constant chat.identities := chat.make_person(p_settings.site_id, gen_random_uuid());
    session chat.sessions;
begin
    insert into chat.sessions (site_id, visitor_id, identity_id, key_hash, created_at, expires_at)
    values (p_settings.site_id, person.visitor_id, person.id, sha256(convert_to(p_key, 'UTF8')), p_now,
        p_now + p_settings.session_days * interval '1 day')
    returning * into session;
    return session;
end
$$;
comment on function chat.make_session(public.mod_chat_widget_settings, text, timestamptz) is
    'A new session of somebody nobody knows: visitor, identity without aliases, session.';

create or replace function chat.renew_session(
    p_session chat.sessions, p_settings public.mod_chat_widget_settings, p_now timestamptz)
returns chat.sessions
language plpgsql
as $$
declare
    session chat.sessions;
begin
    update chat.sessions s
    set ended_at = null, ended_why = null, last_seen_at = p_now,
        expires_at = p_now + p_settings.session_days * interval '1 day', ip_address = p_session.ip_address,
        user_agent = p_session.user_agent, origin = left(chat.request_header('origin'), 300)
    where s.id = p_session.id and (s.ended_at is null or s.ended_why = 'blocked')
    returning s.* into session;
    if not found then
        raise exception 'this session was ended meanwhile'
            using errcode = 'PT401', detail = 'chat/session_dead', hint = 'open a new one with chat_open_session';
    end if;
    return session;
end
$$;
comment on function chat.renew_session(chat.sessions, public.mod_chat_widget_settings, timestamptz) is
    'Moves the end of a session on and notes where it is used from; the caller holds the visitor. PT401 chat/session_dead.';

create or replace function chat.session_answer(p_session chat.sessions, p_now timestamptz)
returns jsonb
language plpgsql
stable
as $$
begin
    return chat.sign_session(p_session, p_now) || jsonb_build_object(
        'site_id', p_session.site_id, 'session_id', p_session.id, 'visitor_id', p_session.visitor_id,
        'topics', (select jsonb_agg('chat:visitor:' || v.id order by v.id <> p_session.visitor_id, v.id)
            from unnest(chat.visitors_of(p_session.identity_id)) v (id)));
end
$$;
comment on function chat.session_answer(chat.sessions, timestamptz) is
    'What a client is told of its session: {token, expires_at, site_id, session_id, visitor_id, topics}, its own topic first.';

-- file: sql/visitors/set_page.sql
-- What: the visitor moved to another page of the site.
-- Why: agents see where somebody is while they talk.
-- Leaves out: opening the widget, which notes its page itself (open_session.sql).

create or replace function public.chat_set_page(page jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session constant chat.sessions := chat.my_session(at);
begin
    perform chat.note_page(session, chat_set_page.page, at);
    update chat.sessions s set last_seen_at = at where s.id = session.id;
end
$$;
comment on function public.chat_set_page(jsonb) is
    'A visitor''s page: {url, title, referrer, language}. PT401 as chat.my_session.';

-- file: sql/visitors/end_session.sql
-- What: the visitor signs out: their token and key open nothing any more.
-- Why: a site calls it when its user logs out, so that the next person at that browser does not see the chat.
-- Leaves out: the conversation, which stays as it is.

create or replace function public.chat_end_session()
returns void
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session constant chat.sessions := chat.my_session(at);
begin
    update chat.sessions s set ended_at = at, ended_why = 'visitor' where s.id = session.id and s.ended_at is null;
end
$$;
comment on function public.chat_end_session() is 'Ends the caller''s session; its token is dead at once. PT401 as chat.my_session.';

-- file: sql/conversations/my_conversations.sql
-- What: a visitor's own conversations and messages, as views.
-- Why: anon has no grant on the tables; a view shows the public columns, and `select=*` and embeds work on it. The barrier
--      keeps a caller's own functions from seeing rows before they are chosen.
-- Leaves out: notes and everything internal: tags, metadata, ids of agents, the names of agents where a site hides them.

create or replace view public.chat_my_conversations with (security_barrier = true) as
select c.id, c.site_id, c.visitor_id, c.session_number, c.status, c.channel, c.subject, c.last_message_text, c.last_message_at,
    c.last_message_by, c.last_public_seq, c.last_public_change, c.unread_visitor_count,
    c.assigned_agent_id is not null as has_agent,
    case when s.show_agent_name is not false then a.display_name end as agent_name,
    case when s.show_agent_avatar is not false then a.avatar_url end as agent_avatar,
    d.name as department_name, c.agent_joined_at, c.rating, c.rating_comment, c.rated_at, c.created_at, c.archived_at
from public.mod_chat_conversations c
left join public.mod_chat_agents a on a.id = c.assigned_agent_id
left join public.mod_chat_departments d on d.id = c.department_id
left join public.mod_chat_widget_settings s on s.site_id = c.site_id
where c.visitor_id = any ((select chat.my_visitor_ids())::uuid[]);
comment on view public.chat_my_conversations is
    'The caller''s own conversations, for visitors: by a session''s token or a Supabase login. PT401 as chat.my_session.';

create or replace view public.chat_my_messages with (security_barrier = true) as
select m.id, m.conversation_id, m.site_id, m.public_seq, m.change, m.change_before, m.sender_type,
    case
        when m.sender_type <> 'agent' or s.show_agent_name is not false then m.sender_name
        else s.company_name
    end as sender_name,
    case when m.sender_type <> 'agent' or s.show_agent_avatar is not false then m.sender_avatar end as sender_avatar,
    m.content, m.content_type, m.kind, m.file_url, m.file_name, m.file_size, m.file_mime_type, m.file_state, m.status,
    m.sent_at, m.read_at, m.edited_at, m.deleted_at, m.reply_to_id,
    -- Whose reaction it is, but not which agent's.
    array(
        select jsonb_build_object('by', split_part(r.key, ':', 1), 'emoji', r.value -> 'emoji')
        from jsonb_each(m.reactions) r where r.value ->> 'emoji' is not null order by r.key) as reactions,
    m.created_at, m.updated_at
from public.mod_chat_conversations c
join public.mod_chat_messages m on m.conversation_id = c.id
left join public.mod_chat_widget_settings s on s.site_id = c.site_id
where c.visitor_id = any ((select chat.my_visitor_ids())::uuid[]) and m.public_seq is not null;
comment on view public.chat_my_messages is
    'Messages of the caller''s own conversations, for visitors; never notes. Read on with `change` greater than the last seen.';

-- file: sql/widget/consent.sql
-- What: a visitor agrees to the site's privacy text.
-- Why: consent names the version that was shown; one that has changed since is shown again.
-- Leaves out: asking whether it was given, which writing does (require_form.sql).

create or replace function public.chat_consent(version integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session constant chat.sessions := chat.my_session(at);
begin
    return chat.keep_consent(session, chat.settings_of(session.site_id), chat_consent.version, at);
end
$$;
comment on function public.chat_consent(integer) is
    'Agrees to the privacy text of this version, which chat_widget_config shows. Answers {version, given_at}. PT401 as chat.my_session, PT409 chat/privacy_changed.';

create or replace function chat.keep_consent(
    p_session chat.sessions, p_settings public.mod_chat_widget_settings, p_version integer, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
    kept chat.consents;
begin
    if p_version is distinct from p_settings.privacy_version then
        raise exception 'the privacy text is of version % now', p_settings.privacy_version
            using errcode = 'PT409', detail = 'chat/privacy_changed', hint = 'show chat_widget_config''s text and ask again';
    end if;
    insert into chat.consents (site_id, visitor_id, version, privacy_text, privacy_url, given_at)
    values (p_session.site_id, p_session.visitor_id, p_version, p_settings.privacy_text, p_settings.privacy_url, p_now)
    on conflict (visitor_id, version) do nothing;
    select c.* into kept from chat.consents c where c.visitor_id = p_session.visitor_id and c.version = p_version;
    return jsonb_build_object('version', kept.version, 'given_at', kept.given_at);
end
$$;
comment on function chat.keep_consent(chat.sessions, public.mod_chat_widget_settings, integer, timestamptz) is
    'Keeps a visitor''s consent to the current version, the first time of it. PT409 chat/privacy_changed.';

-- file: sql/widget/require_form.sql
-- What: which fields a site's forms ask for, and that they were given before anybody writes.
-- Why: what a widget asks can be left out by whoever calls the database; so it is asked again here, of what is known of
--      the visitor. A person whom the site has named already fills in nothing.
-- Leaves out: whether values are right, which is a rule (chat_rules form_problems).

create or replace function chat.form_fields(p_settings public.mod_chat_widget_settings, p_form text)
returns text[]
language sql
immutable
as $$
    select case p_form
        when 'pre_chat' then array_remove(array[
            case when s.pre_chat_enabled and s.pre_chat_name_required then 'name' end,
            case when s.pre_chat_enabled and s.pre_chat_email_required then 'email' end,
            case when s.pre_chat_enabled and s.pre_chat_phone_enabled and s.pre_chat_phone_required then 'phone' end,
            case when s.pre_chat_enabled and s.pre_chat_message_required then 'message' end], null)
        -- Whoever leaves a message has to be reached later.
        when 'offline' then array_remove(array[
            case when s.pre_chat_enabled and s.pre_chat_name_required then 'name' end, 'email', 'message'], null)
    end
    from (select p_settings.*) s
$$;
comment on function chat.form_fields(public.mod_chat_widget_settings, text) is
    'Fields that a site requires in a form (pre_chat, offline), by its settings; null for a form there is not.';

create or replace function chat.form_values(p_given jsonb)
returns jsonb
language sql
immutable
as $$
    -- What is nested is no text, however deep it is.
    select coalesce(jsonb_object_agg(f.key, case when jsonb_typeof(f.value) in ('object', 'array') then 'false' else f.value end), '{}')
    from jsonb_each(case jsonb_typeof(p_given) when 'object' then p_given end) f
    where f.key in ('name', 'email', 'phone', 'message')
$$;
comment on function chat.form_values(jsonb) is 'The fields of a form among what somebody sent; empty when it is no object.';

create or replace function chat.require_form(p_session chat.sessions, p_settings public.mod_chat_widget_settings)
returns void
language plpgsql
stable
as $$
declare
    missing jsonb;
begin
    if p_settings.privacy_required and not exists (
        select from chat.consents c
        where c.visitor_id = any (chat.visitors_of(p_session.identity_id)) and c.version = p_settings.privacy_version)
    then
        raise exception 'the privacy text has not been agreed to'
            using errcode = 'PT422', detail = 'chat/consent_required',
                hint = 'show the text of chat_widget_config, then call chat_consent with its version';
    end if;
    select chat.form_problems(
        to_jsonb(array_remove(chat.form_fields(p_settings, 'pre_chat'), 'message')),
        jsonb_build_object('name', v.name, 'email', v.email, 'phone', v.phone))
    into missing
    from public.mod_chat_visitors v
    where v.id = p_session.visitor_id;
    if missing @? '$[*] ? (@.problem == "missing")' then
        raise exception 'the form before the chat has not been filled in'
            using errcode = 'PT422', detail = 'chat/form_required', hint = 'call chat_submit_form first';
    end if;
end
$$;
comment on function chat.require_form(chat.sessions, public.mod_chat_widget_settings) is
    'Raises PT422 chat/consent_required or chat/form_required unless a visitor has given what the site asks before a chat.';

-- file: sql/widget/request_upload.sql
-- What: a visitor asks where to put a file, and a message takes it.
-- Why: the path is ours, so nobody overwrites or names another's file; size and type are asked by the site's settings.
-- Leaves out: reading files again, which are private: Storage signs addresses for those who may see the message.

create or replace function public.chat_request_upload(name text, size_bytes integer, mime_type text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session constant chat.sessions := chat.my_session(at);
    settings constant public.mod_chat_widget_settings := chat.settings_of(session.site_id);
    wait constant integer := chat.wait_to_write(session, settings, at);
    mime constant text := lower(btrim(split_part(chat_request_upload.mime_type, ';', 1)));
    -- Whatever a path could misread becomes a line.
    plain constant text := right(regexp_replace(coalesce(chat_request_upload.name, ''), '[^A-Za-z0-9._-]+', '_', 'g'), 100);
    upload chat.uploads;
begin
    if wait is not null then
        return chat.answer_wait(wait);
    end if;
    perform chat.require_file(settings, chat_request_upload.name, chat_request_upload.size_bytes, mime);
    insert into chat.uploads (site_id, session_id, path, name, size_bytes, mime_type)
    values (session.site_id, session.id, format('chat/%s/%s_%s', session.site_id, gen_random_uuid(), plain),
        chat.one_line(chat_request_upload.name, 200), chat_request_upload.size_bytes, mime)
    returning * into upload;
    return jsonb_build_object('upload', upload.id, 'bucket', 'chat-media', 'path', upload.path, 'mime_type', upload.mime_type);
end
$$;
comment on function public.chat_request_upload(text, integer, text) is
    'Where a visitor may put a file of this name, size and type: {upload, bucket, path, mime_type}; then chat_post_message takes the upload. PT401 as chat.my_session, 429 chat/too_many, PT422 chat/uploads_off, chat/file_name, chat/file_too_large, chat/file_type.';

create or replace function chat.require_file(
    p_settings public.mod_chat_widget_settings, p_name text, p_size integer, p_mime text)
returns void
language plpgsql
stable
as $$
begin
    if not p_settings.enable_file_uploads then
        raise exception 'this site takes no files'
            using errcode = 'PT422', detail = 'chat/uploads_off', hint = 'describe it in words';
    elsif chat.one_line(p_name, 200) is null then
        raise exception 'a file has a name'
            using errcode = 'PT422', detail = 'chat/file_name', hint = 'send the name of the file';
    elsif coalesce(p_size, 0) not between 1 and p_settings.max_file_size_mb * 1048576::bigint then
        raise exception 'a file has 1 byte to % MB, this one % bytes', p_settings.max_file_size_mb, coalesce(p_size::text, 'null')
            using errcode = 'PT422', detail = 'chat/file_too_large', hint = 'send a smaller file';
    elsif split_part(p_mime, '/', 2) = '' or p_mime is null or not exists (
        select from unnest(p_settings.allowed_file_types) t (mime)
        where lower(btrim(t.mime)) in (p_mime, split_part(p_mime, '/', 1) || '/*'))
    then
        raise exception 'this site does not take files of type %', coalesce(left(p_mime, 100), 'null')
            using errcode = 'PT422', detail = 'chat/file_type',
                hint = format('it takes %s', array_to_string(p_settings.allowed_file_types, ', '));
    end if;
end
$$;
comment on function chat.require_file(public.mod_chat_widget_settings, text, integer, text) is
    'Raises PT422 chat/uploads_off, chat/file_name, chat/file_too_large or chat/file_type unless a site takes such a file.';

create or replace function chat.take_upload(p_session chat.sessions, p_upload uuid, p_message uuid, p_now timestamptz)
returns chat.uploads
language plpgsql
as $$
declare
    upload chat.uploads;
begin
    if p_upload is null then
        return null;
    end if;
    update chat.uploads u
    set message_id = p_message
    where u.id = p_upload and u.session_id = p_session.id and u.message_id is null
        and u.created_at > p_now - interval '1 day' and chat.stored(u.path)
    returning u.* into upload;
    if not found then
        raise exception 'there is no uploaded file % to send', p_upload
            using errcode = 'PT404', detail = 'chat/no_such_upload',
                hint = 'ask chat_request_upload for a path, put the file there, then send it once';
    end if;
    return upload;
end
$$;
comment on function chat.take_upload(chat.sessions, uuid, uuid, timestamptz) is
    'Takes an upload of the session for a message; null stays null. PT404 chat/no_such_upload.';

create or replace function chat.stored(p_path text)
returns boolean
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    found_there boolean := false;
begin
    if to_regclass('storage.objects') is not null then
        execute 'select exists (select from storage.objects o where o.bucket_id = ''chat-media'' and o.name = $1)'
            into found_there using p_path;
    end if;
    return found_there;
end
$$;
comment on function chat.stored(text) is 'Whether Storage has this file in bucket chat-media; an install without Storage has none.';

create or replace function chat.kind_of_file(p_mime text)
returns text
language sql
immutable
as $$
    select case when split_part(p_mime, '/', 1) in ('image', 'video', 'audio') then split_part(p_mime, '/', 1) else 'document' end
$$;
comment on function chat.kind_of_file(text) is 'The kind of a message that carries a file of this type.';

create or replace function chat.my_upload_paths()
returns text[]
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    session constant chat.sessions := chat.my_session();
begin
    return array(
        select u.path from chat.uploads u
        where u.session_id = session.id and u.message_id is null
            and u.created_at > clock_timestamp() - interval '1 day');
end
$$;
comment on function chat.my_upload_paths() is
    'Where the caller''s session may put files now: what it asked for within a day and has not sent. PT401 as chat.my_session.';

-- file: sql/widget/write_as_visitor.sql
-- What: stores a visitor's message, in their conversation or a new one.
-- Why: the person's identity is locked first, so two tabs open one conversation, and a block that was set meanwhile holds.
-- Leaves out: what is asked of the visitor before (post_message.sql), numbers and counters (the message's own triggers).

create or replace function chat.write_as_visitor(p_session chat.sessions, p_message jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
    message constant uuid := coalesce((p_message ->> 'id')::uuid, gen_random_uuid());
    session constant chat.sessions := chat.lock_person(p_session);
    mine constant uuid[] := chat.visitors_of(session.identity_id);
    known public.mod_chat_messages;
    visitor public.mod_chat_visitors;
    upload chat.uploads;
    home uuid;
begin
    if chat.is_blocked(session.site_id, session.visitor_id, chat.client_address(), p_now) then
        raise exception 'you cannot write to this site'
            using errcode = 'PT403', detail = 'chat/blocked', hint = 'ask the site to lift the block';
    end if;
    -- A repetition opens nothing and is answered with what was stored.
    select m.* into known from public.mod_chat_messages m where m.id = message;
    if known.id is null then
        upload := chat.take_upload(session, (p_message ->> 'upload')::uuid, message, p_now);
        home := chat.open_for_visitor(session, mine, p_message);
        select v.* into visitor from public.mod_chat_visitors v where v.id = session.visitor_id;
        insert into public.mod_chat_messages (
            id, conversation_id, site_id, sender_type, sender_name, sender_avatar, content, kind, reply_to_id, file_url,
            file_name, file_size, file_mime_type, file_state)
        values (
            message, home, session.site_id, 'visitor', visitor.name, visitor.avatar_url, p_message ->> 'content',
            case when upload.id is null then 'text' else chat.kind_of_file(upload.mime_type) end,
            chat.quotable(home, (p_message ->> 'reply_to')::uuid), upload.path, upload.name, upload.size_bytes,
            upload.mime_type, case when upload.id is not null then 'ready' end);
    elsif not exists (
        select from public.mod_chat_conversations c where c.id = known.conversation_id and c.visitor_id = any (mine))
        or known.sender_type <> 'visitor'
    then
        raise exception 'message id % stands in another conversation', message
            using errcode = 'PT409', detail = 'chat/id_in_use', hint = 'make a new uuid for each message';
    end if;
    return (select to_jsonb(m) from public.chat_my_messages m where m.id = message);
end
$$;
comment on function chat.write_as_visitor(chat.sessions, jsonb, timestamptz) is
    'Stores {id, content, conversation, reply_to, upload, department_id, metadata} as the session''s visitor. PT403 chat/blocked, PT409 chat/id_in_use.';

create or replace function chat.open_for_visitor(p_session chat.sessions, p_mine uuid[], p_message jsonb)
returns uuid
language plpgsql
as $$
declare
    named constant uuid := (p_message ->> 'conversation')::uuid;
    conversation public.mod_chat_conversations;
begin
    if named is null then
        return chat.home_conversation(p_session.site_id, p_session.identity_id, null, 'widget', null,
            (select jsonb_build_object('page_url', v.current_page_url, 'page_title', v.current_page_title,
                'user_agent', p_session.user_agent, 'ip_address', p_session.ip_address,
                'department_id', p_message -> 'department_id', 'metadata', p_message -> 'metadata')
            from public.mod_chat_visitors v where v.id = p_session.visitor_id));
    end if;
    select c.* into conversation
    from public.mod_chat_conversations c
    where c.id = named and c.visitor_id = any (p_mine)
    for no key update;
    if not found then
        raise exception 'you have no conversation %', named
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'leave the conversation out to write in your own';
    elsif conversation.archived_at is not null then
        raise exception 'this conversation is %', conversation.status
            using errcode = 'PT409', detail = 'chat/conversation_not_open', hint = 'leave the conversation out to begin a new one';
    end if;
    return named;
end
$$;
comment on function chat.open_for_visitor(chat.sessions, uuid[], jsonb) is
    'The conversation that a visitor''s message goes to: the named one, when it is theirs and open, else their home. PT404 chat/no_such_conversation, PT409 chat/conversation_not_open.';

create or replace function chat.quotable(p_conversation uuid, p_message uuid)
returns uuid
language plpgsql
stable
as $$
begin
    if p_message is not null and not exists (
        select from public.mod_chat_messages m
        where m.id = p_message and m.conversation_id = p_conversation and m.public_seq is not null)
    then
        raise exception 'there is no message % to reply to', p_message
            using errcode = 'PT404', detail = 'chat/no_such_message', hint = 'reply to a message of the same conversation';
    end if;
    return p_message;
end
$$;
comment on function chat.quotable(uuid, uuid) is
    'A message that a visitor may quote in a conversation; null stays null. PT404 chat/no_such_message.';

-- file: sql/widget/post_message.sql
-- What: a visitor writes.
-- Why: what has to be counted is counted first, then the site's own rules ask; then the person's identity is locked and
--      the message goes to their conversation, as a message from WhatsApp does.
-- Leaves out: what follows from a message (conversations/), and who gets the chat (routing, at commit).

create or replace function public.chat_post_message(
    content text, id uuid default gen_random_uuid(), conversation uuid default null, reply_to uuid default null,
    upload uuid default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session constant chat.sessions := chat.my_session(at);
    settings constant public.mod_chat_widget_settings := chat.settings_of(session.site_id);
    wait constant integer := chat.wait_to_write(session, settings, at);
begin
    if wait is not null then
        return chat.answer_wait(wait);
    end if;
    if chat_post_message.upload is null or chat_post_message.content <> '' then
        perform chat.require_text(chat_post_message.content);
    end if;
    perform chat.require_form(session, settings);
    return chat.write_as_visitor(session, jsonb_build_object(
        'id', chat_post_message.id, 'content', nullif(chat_post_message.content, ''), 'conversation', chat_post_message.conversation,
        'reply_to', chat_post_message.reply_to, 'upload', chat_post_message.upload), at);
end
$$;
comment on function public.chat_post_message(text, uuid, uuid, uuid, uuid) is
    'A visitor''s message, in their open conversation, a reopened or a new one, or in the open one that is named. The same id again answers the first message. Answers the row of chat_my_messages. PT401 as chat.my_session, 429 chat/too_many, PT422 chat/text_length, chat/form_required, chat/consent_required, PT403 chat/blocked, PT404 chat/no_such_conversation, chat/no_such_upload, PT409 chat/conversation_not_open, chat/id_in_use.';

create or replace function chat.wait_to_write(
    p_session chat.sessions, p_settings public.mod_chat_widget_settings, p_now timestamptz)
returns integer
language plpgsql
as $$
begin
    return coalesce(
        chat.take_rate(p_session.site_id, 'address_messages', coalesce(host(chat.client_address()), 'unknown'),
            p_settings.address_messages_per_minute, p_now),
        chat.take_rate(p_session.site_id, 'messages', p_session.id::text, p_settings.messages_per_minute, p_now));
end
$$;
comment on function chat.wait_to_write(chat.sessions, public.mod_chat_widget_settings, timestamptz) is
    'Takes a message of a session''s and its address''s allowance; else the seconds to wait.';

-- file: sql/widget/submit_form.sql
-- What: a visitor fills in the form before a chat, or leaves a message while nobody is there.
-- Why: one call stores what they say of themselves, their consent and their first message, or says of every field what is
--      wrong with it.
-- Leaves out: proof. What is typed here finds no history of anybody.

create or replace function public.chat_submit_form(form text, given jsonb, message_id uuid default gen_random_uuid())
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session chat.sessions := chat.my_session(at);
    settings constant public.mod_chat_widget_settings := chat.settings_of(session.site_id);
    wait constant integer := chat.wait_to_write(session, settings, at);
    problems jsonb;
    message jsonb;
begin
    if wait is not null then
        return chat.answer_wait(wait);
    end if;
    problems := chat.problems_of_form(settings, chat_submit_form.form, given);
    if problems <> '[]' then
        return chat.answer_refusal(422, 'chat/form_invalid', 'some fields are not filled in well',
            'see `problems`: each names a field and what is wrong with it') || jsonb_build_object('problems', problems);
    end if;
    -- Identity, conversations, visitor: the order of locks.
    session := chat.lock_person(session);
    perform from public.mod_chat_conversations c where c.identity_id = session.identity_id order by c.id for no key update;
    perform chat.keep_profile(session, given, at);
    if given ->> 'privacy_version' is not null then
        perform chat.keep_consent(session, settings, (given ->> 'privacy_version')::integer, at);
    end if;
    if btrim(given ->> 'message') <> '' then
        perform chat.require_form(session, settings);
        message := chat.write_as_visitor(session, jsonb_build_object(
            'id', chat_submit_form.message_id, 'content', given ->> 'message', 'department_id', given -> 'department_id',
            'metadata', jsonb_build_object('form', chat_submit_form.form)), at);
    end if;
    return jsonb_build_object('visitor_id', session.visitor_id, 'message', message);
end
$$;
comment on function public.chat_submit_form(text, jsonb, uuid) is
    'form: pre_chat or offline. given: {name, email, phone, message, department_id, privacy_version}. Stores them and sends the message. Answers {visitor_id, message}; or 422 chat/form_invalid with `problems`: [{field, problem}]. PT401 as chat.my_session, 429 chat/too_many, PT422 chat/unknown_form, chat/consent_required, PT409 chat/privacy_changed, PT403 chat/blocked.';

create or replace function chat.problems_of_form(p_settings public.mod_chat_widget_settings, p_form text, p_given jsonb)
returns jsonb
language plpgsql
stable
as $$
declare
    required constant text[] := chat.form_fields(p_settings, p_form);
    department constant text := p_given ->> 'department_id';
    problems jsonb;
begin
    if required is null then
        raise exception 'there is no form %', coalesce(left(p_form, 50), 'null')
            using errcode = 'PT422', detail = 'chat/unknown_form', hint = 'use pre_chat or offline';
    end if;
    problems := chat.form_problems(to_jsonb(required), chat.form_values(p_given));
    if department is not null and not exists (
        select from public.mod_chat_departments d
        where d.site_id = p_settings.site_id and d.id::text = lower(department) and d.is_active
            and p_settings.pre_chat_department_selector)
    then
        problems := problems || '[{"field": "department_id", "problem": "unknown"}]';
    end if;
    -- A jsonb number of any size or a word would fail as a cast.
    if p_given ->> 'privacy_version' !~ '^[0-9]{1,9}$' then
        problems := problems || '[{"field": "privacy_version", "problem": "unknown"}]';
    end if;
    return problems;
end
$$;
comment on function chat.problems_of_form(public.mod_chat_widget_settings, text, jsonb) is
    'What is wrong with the values of a form at a site: [{field, problem}]. PT422 chat/unknown_form.';

create or replace function chat.keep_profile(p_session chat.sessions, p_given jsonb, p_now timestamptz)
returns void
language plpgsql
as $$
begin
    update public.mod_chat_visitors v
    set name = coalesce(nullif(btrim(p_given ->> 'name'), ''), v.name),
        email = coalesce(nullif(btrim(p_given ->> 'email'), ''), v.email),
        phone = coalesce(nullif(btrim(p_given ->> 'phone'), ''), v.phone),
        updated_at = p_now
    where v.id = p_session.visitor_id;
end
$$;
comment on function chat.keep_profile(chat.sessions, jsonb, timestamptz) is
    'What a visitor says of themselves: {name, email, phone}; what is empty stays as it was.';

-- file: sql/visitors/identify.sql
-- What: the site's own server vouches for its user: HMAC-SHA256 of the user's id by the site's key.
-- Why: the only way by which a widget's visitor becomes a person known from before. Tries are counted, right or wrong.
-- Leaves out: customers with a Supabase login, who prove themselves by it when they open a session.

create or replace function public.chat_identify(user_id text, user_hash text, profile jsonb default '{}')
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    session chat.sessions := chat.my_session(at);
    key constant text := chat.vault_secret('chat_identity_key:' || session.site_id);
    wait constant integer := chat.take_rate(
        session.site_id, 'proofs', coalesce(host(chat.client_address()), 'unknown'), 20, at);
    problems constant jsonb := chat.form_problems('[]', chat.form_values(profile));
begin
    if wait is not null then
        return chat.answer_wait(wait);
    elsif key is null then
        raise exception 'this site has no key to prove its users with'
            using errcode = 'PT422', detail = 'chat/no_identity_key', hint = 'make one with chat_rotate_identity_key';
    elsif not chat.identity_proven(user_id, user_hash, key) or char_length(user_id) > 255 then
        return chat.answer_refusal(403, 'chat/wrong_proof', 'this hash does not prove this user',
            'user_hash is the HMAC-SHA256 of user_id by the site''s identity key, in hexadecimal, made on the server; ids have at most 255 characters');
    elsif problems <> '[]' then
        return chat.answer_refusal(422, 'chat/form_invalid', 'some fields of the profile are not right',
            'see `problems`: each names a field and what is wrong with it') || jsonb_build_object('problems', problems);
    end if;
    session := chat.prove_identity(session, 'hmac', user_id, at);
    perform from chat.identities i where i.id = session.identity_id for no key update;
    perform chat.keep_profile(session, profile, at);
    update public.mod_chat_visitors v set external_id = user_id where v.id = session.visitor_id;
    return chat.session_answer(session, at);
end
$$;
comment on function public.chat_identify(text, text, jsonb) is
    'Proves that the session is of the site''s user: user_hash = HMAC-SHA256(user_id) by the site''s identity key, in hexadecimal. profile: {name, email, phone}. Answers as chat_open_session, without key. PT401 as chat.my_session, 429 chat/too_many, 403 chat/wrong_proof, 422 chat/form_invalid, PT422 chat/no_identity_key.';

create or replace function public.chat_rotate_identity_key(site uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    name constant text := 'chat_identity_key:' || chat_rotate_identity_key.site;
    key constant text := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
    kept uuid;
begin
    perform chat.require(chat_rotate_identity_key.site, 'live-chat.settings.manage');
    if to_regclass('vault.secrets') is null then
        raise exception 'there is no Vault in this database to keep the key in'
            using errcode = 'PT503', detail = 'chat/no_vault', hint = 'install Supabase Vault: create extension supabase_vault';
    end if;
    execute 'select s.id from vault.secrets s where s.name = $1' into kept using name;
    if kept is null then
        execute 'select vault.create_secret($1, $2, ''pg_chat: proves users of a site'')' using key, name;
    else
        execute 'select vault.update_secret($1, $2)' using kept, key;
    end if;
    return jsonb_build_object('site_id', chat_rotate_identity_key.site, 'key', key);
end
$$;
comment on function public.chat_rotate_identity_key(uuid) is
    'A new key by which a site''s server proves its users to chat_identify; shown this once, the old one proves nobody any more. Answers {site_id, key}. Needs live-chat.settings.manage. PT403 chat/not_allowed, PT503 chat/no_vault.';

-- file: sql/widget/widget_config.sql
-- What: what the widget of a site needs to know before anybody writes.
-- Why: the settings table is for colleagues; this is its public part, named column by column, so that a new column is
--      closed until somebody opens it here.
-- Leaves out: rates, block list, allowed domains, ids of WhatsApp accounts.

create or replace function public.chat_widget_config(site uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    settings constant public.mod_chat_widget_settings := chat.settings_of(chat_widget_config.site);
    shown jsonb;
begin
    perform chat.require_module(settings.site_id);
    perform chat.require_domain(settings);
    select to_jsonb(p) into shown from (
        select s.site_id, s.primary_color, s.text_color, s.position, s.launcher_icon, s.launcher_size, s.border_radius,
            s.z_index, s.company_name, s.welcome_message, s.away_message, s.offline_message, s.logo_url,
            s.pre_chat_enabled, s.pre_chat_name_required, s.pre_chat_email_required, s.pre_chat_phone_enabled,
            s.pre_chat_phone_required, s.pre_chat_message_required, s.pre_chat_department_selector,
            s.business_hours_enabled, s.business_hours, s.timezone, s.auto_open_delay_seconds, s.show_agent_avatar,
            s.show_agent_name, s.show_typing_indicator, s.enable_file_uploads, s.enable_emoji,
            s.enable_sound_notifications, s.enable_satisfaction_rating, s.language, s.custom_translations,
            s.max_file_size_mb, s.allowed_file_types, s.privacy_text, s.privacy_url, s.privacy_required, s.privacy_version,
            case when s.whatsapp_enabled then s.whatsapp_phone_number end as whatsapp_phone_number
        from (select settings.*) s) p;
    return shown || jsonb_build_object(
        'online', exists (
            select from public.mod_chat_agents a
            where a.site_id = settings.site_id and a.is_active and a.status = 'online'),
        'hours', public.chat_hours(settings.site_id),
        'departments', case when settings.pre_chat_department_selector then coalesce((
            select jsonb_agg(jsonb_build_object('id', d.id, 'name', d.name, 'description', d.description)
                order by d.sort_order, d.name)
            from public.mod_chat_departments d
            where d.site_id = settings.site_id and d.is_active), '[]') else '[]' end);
end
$$;
comment on function public.chat_widget_config(uuid) is
    'The public part of a site''s settings, whether an agent is online, whether it is open (as chat_hours), and departments to choose from where the form asks. PT404 chat/no_such_site, PT403 chat/module_off, chat/domain_not_allowed.';

create or replace function chat.require_domain(p_settings public.mod_chat_widget_settings)
returns void
language plpgsql
stable
as $$
begin
    if not chat.origin_allowed(chat.request_header('origin'), to_jsonb(p_settings.allowed_domains)) then
        raise exception 'this site''s widget does not open at %', left(chat.request_header('origin'), 100)
            using errcode = 'PT403', detail = 'chat/domain_not_allowed', hint = 'add the domain to the widget''s allowed domains';
    end if;
end
$$;
comment on function chat.require_domain(public.mod_chat_widget_settings) is
    'Raises PT403 chat/domain_not_allowed when a browser shows a page of a domain that the site does not allow.';

-- file: sql/whatsapp/send_message.sql
-- What: the job of a message that has to leave.
-- Why: an insert into mod_chat_messages is all a dashboard does; the queued row makes its own job, in the lane of its
--      number and recipient, so replies keep their order and nobody else's slow send holds them.
-- Leaves out: the call itself, which is the worker's.

create or replace function chat.send_lane(p_phone_number_id text, p_identity uuid)
returns text
language sql
immutable
as $$ select 'send:' || p_phone_number_id || ':' || p_identity::text $$;
comment on function chat.send_lane(text, uuid) is 'Key of the lane of sends from a number to a person.';

create or replace function chat.send_message()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.enqueue(
        chat.send_lane(c.phone_number_id, c.identity_id), 'whatsapp.send_text', 'reply', new.site_id,
        jsonb_build_object('message_id', new.id), true)
    from public.mod_chat_conversations c
    where c.id = new.conversation_id;
    return null;
end
$$;
comment on function chat.send_message() is 'After a queued message: its job, in the lane of its number and recipient.';

-- file: sql/whatsapp/delivery.sql
-- What: the delivery of a message moves on.
-- Why: one place applies the rule that it only goes forward (chat_rules::whatsapp delivery), keeps the first time of each
--      word, and gives the change its number. Callers hold the conversation's lock.
-- Leaves out: where words come from: a webhook's status (apply_status.sql), an answer of Graph (finish_attempt.sql).

create or replace function chat.set_delivery(p_message uuid, p_state text, p_facts jsonb)
returns boolean
language plpgsql
as $$
declare
    message public.mod_chat_messages;
    next_state text;
    numbers record;
    kept jsonb;
begin
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
    next_state := chat.delivery_next(message.delivery_state, p_state);
    kept := message.metadata || coalesce(p_facts, '{}');
    if next_state = message.delivery_state and kept = message.metadata then
        return false;
    end if;
    select * into numbers from chat.next_change(message.conversation_id, message.public_seq is not null);
    update public.mod_chat_messages m
    set delivery_state = next_state,
        status = chat.shown_status(next_state),
        read_at = case when next_state in ('read', 'played') then coalesce(m.read_at, clock_timestamp()) else m.read_at end,
        metadata = kept,
        change = numbers.change,
        change_before = case when m.public_seq is not null then numbers.change_before end,
        updated_at = clock_timestamp()
    where m.id = p_message;
    return true;
end
$$;
comment on function chat.set_delivery(uuid, text, jsonb) is
    'Moves a message''s delivery forward if the rule lets it, merging facts into its metadata; the caller holds the conversation. False when nothing changed.';

create or replace function chat.fail_message(p_message uuid, p_error jsonb)
returns void
language plpgsql
as $$
begin
    perform chat.set_delivery(p_message, 'failed', jsonb_build_object('error', p_error));
end
$$;
comment on function chat.fail_message(uuid, jsonb) is
    'A message failed, with {code, title, details, advice} for people to read.';

create or replace function chat.hold_unknown(p_message uuid, p_job bigint, p_lease uuid)
returns void
language plpgsql
as $$
begin
    perform chat.set_delivery(p_message, 'unknown', null);
    -- A status usually tells within seconds; so long later messages wait behind it, to keep their order.
    perform chat.finish_job(p_job, p_lease, '{"is": "retry", "after_seconds": 60}');
end
$$;
comment on function chat.hold_unknown(uuid, bigint, uuid) is
    'Nobody knows whether a message left: it is shown so, and its lane waits a minute for a status.';

create or replace function chat.message_left(p_message uuid, p_wamid text, p_attempt integer)
returns void
language plpgsql
as $$
begin
    -- What was said of an unknown end (timers.sql) is settled with it.
    update public.mod_chat_messages m
    set whatsapp_message_id = coalesce(m.whatsapp_message_id, p_wamid),
        metadata = case when m.delivery_state = 'unknown' then m.metadata - 'error' else m.metadata end
    where m.id = p_message and (m.whatsapp_message_id is null or m.delivery_state = 'unknown');
    update chat.attempts a
    set finished_at = coalesce(a.finished_at, clock_timestamp()), outcome = 'accepted', wamid = p_wamid
    where a.message_id = p_message and a.number = p_attempt and a.outcome is distinct from 'accepted';
    perform chat.set_delivery(p_message, 'accepted', null);
    perform chat.settle_send(p_message);
end
$$;
comment on function chat.message_left(uuid, text, integer) is
    'Meta has the message: its wamid and the attempt''s outcome, whoever told first, the answer or a status.';

create or replace function chat.settle_send(p_message uuid)
returns void
language plpgsql
as $$
declare
    lane chat.lanes;
begin
    select l.* into lane
    from public.mod_chat_messages m
    join public.mod_chat_conversations c on c.id = m.conversation_id
    join chat.lanes l on l.key = chat.send_lane(c.phone_number_id, c.identity_id)
    where m.id = p_message
    for update of l;
    if not found then
        return;
    end if;
    -- A worker that holds the job is told when it asks; only jobs that wait are taken away. There are two where somebody
    -- sent it again while the first was still held.
    delete from chat.jobs j
    where j.lane = lane.key and j.payload ->> 'message_id' = p_message::text and j.died_at is null
        and (not lane.busy or j.id is distinct from lane.running_job);
    if found and not lane.busy then
        perform chat.free_lane(lane.key);
    end if;
end
$$;
comment on function chat.settle_send(uuid) is
    'A message needs no sending any more: its waiting job goes and the lane goes on at once.';

-- file: sql/whatsapp/apply_status.sql
-- What: a status of Meta's, applied to the message it speaks of.
-- Why: statuses come out of order, twice, before the answer of the send, and sometimes beside each other (delivered and
--      failed): the rule decides, the first time of each word is kept.
-- Leaves out: finding rows for a whole run at once (receive.sql does, and locks the conversations in order).

create or replace function chat.message_of_status(p_site uuid, p_wamid text, p_callback text)
returns uuid
language plpgsql
stable
as $$
declare
    found_id uuid;
begin
    select m.id into found_id from public.mod_chat_messages m where m.site_id = p_site and m.whatsapp_message_id = p_wamid;
    -- A status may come before the answer that brings the wamid; then the callback data names the message.
    if found_id is null and p_callback ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:[0-9]{1,9}$' then
        select m.id into found_id
        from public.mod_chat_messages m
        where m.id = split_part(p_callback, ':', 1)::uuid and m.site_id = p_site;
    end if;
    return found_id;
end
$$;
comment on function chat.message_of_status(uuid, text, text) is
    'Message of a site that a status speaks of: by wamid, else by our callback data `<message id>:<attempt>`.';

create or replace function chat.apply_status(p_message uuid, p_item jsonb)
returns void
language plpgsql
as $$
declare
    word constant text := p_item ->> 'status';
    at constant text := coalesce(p_item ->> 'at', clock_timestamp()::text);
    message public.mod_chat_messages;
    facts jsonb;
begin
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
    if message.sender_type = 'visitor' then
        return;
    end if;
    if message.delivery_state in ('queued', 'sending', 'unknown') or message.whatsapp_message_id is null then
        perform chat.message_left(
            p_message, p_item ->> 'wamid', nullif(split_part(coalesce(p_item ->> 'callback', ''), ':', 2), '')::integer);
    end if;

    facts := jsonb_build_object('statuses',
        jsonb_build_object(word, at) || coalesce(message.metadata -> 'statuses', '{}'));
    if jsonb_typeof(p_item -> 'pricing') = 'object' then
        facts := facts || jsonb_build_object('pricing', p_item -> 'pricing');
    end if;
    if jsonb_typeof(p_item -> 'errors' -> 0) = 'object' then
        facts := facts || jsonb_build_object('error', p_item -> 'errors' -> 0);
    end if;
    if chat.set_delivery(p_message, word, facts) then
        update public.mod_chat_messages m
        set whatsapp_status = word
        where m.id = p_message and m.delivery_state = word;
    end if;
    if p_item -> 'errors' @> '[{"code": 131047}]' then
        perform chat.close_window(message.conversation_id);
    end if;
end
$$;
comment on function chat.apply_status(uuid, jsonb) is
    'Applies a parsed status to a message; the caller holds its conversation. Repetitions and older words change nothing.';

create or replace function chat.keep_orphan(p_site uuid, p_item jsonb)
returns void
language plpgsql
as $$
begin
    insert into chat.orphan_statuses (site_id, wamid, status, at, item)
    values (p_site, p_item ->> 'wamid', p_item ->> 'status',
        coalesce((p_item ->> 'at')::timestamptz, clock_timestamp()), p_item)
    on conflict do nothing;
end
$$;
comment on function chat.keep_orphan(uuid, jsonb) is 'Keeps a status whose message is not known yet.';

create or replace function chat.apply_orphans(p_site uuid, p_wamid text)
returns integer
language plpgsql
as $$
declare
    orphan record;
    applied integer := 0;
begin
    for orphan in
        delete from chat.orphan_statuses o
        where o.site_id = p_site and o.wamid = p_wamid
        returning o.item, chat.message_of_status(o.site_id, o.wamid, o.item ->> 'callback') as message
    loop
        perform chat.apply_status(orphan.message, orphan.item);
        applied := applied + 1;
    end loop;
    return applied;
end
$$;
comment on function chat.apply_orphans(uuid, text) is
    'Applies the statuses kept for a wamid that a message has now; the caller holds its conversation.';

-- file: sql/whatsapp/find_identities.sql
-- What: the persons behind the senders of a run, found or made, and locked.
-- Why: the identity is what two deliveries of one new person meet at. Known ones are locked by id; new ones are taken by
--      their alias, in the order of the run, so that of two transactions one makes the person and the other finds them.
-- Leaves out: e-mails and typed phones, which select nobody.

create or replace function chat.find_identity(p_site uuid, p_portfolio text, p_item jsonb)
returns uuid
language plpgsql
stable
as $$
declare
    known uuid;
begin
    if p_item ->> 'bsuid' is not null then
        select a.identity_id into known from chat.identity_aliases a
        where a.site_id = p_site and a.portfolio = p_portfolio and a.kind = 'bsuid' and a.value = p_item ->> 'bsuid';
        if found then
            return known;
        end if;
    end if;
    if p_item ->> 'phone' is not null then
        select a.identity_id into known from chat.identity_aliases a
        where a.site_id = p_site and a.portfolio = p_portfolio and a.kind = 'phone' and a.value = p_item ->> 'phone';
        if found then
            return known;
        end if;
        select a.identity_id into known from chat.identity_aliases a
        where a.site_id = p_site and a.portfolio = p_portfolio and a.kind = 'phone'
            and a.value = any (array(select jsonb_array_elements_text(p_item -> 'phone_variants')))
        order by a.created_at
        limit 1;
    end if;
    return known;
end
$$;
comment on function chat.find_identity(uuid, text, jsonb) is
    'Identity of a parsed item''s sender: by BSUID, else phone, else another spelling of the phone; null when new.';

create or replace function chat.make_identity(p_site uuid, p_portfolio text, p_item jsonb)
returns uuid
language plpgsql
as $$
declare
    made constant uuid := gen_random_uuid();
    visitor uuid;
    taken integer;
begin
    insert into chat.identity_aliases (site_id, portfolio, kind, value, identity_id)
    values (p_site, p_portfolio,
        case when p_item ->> 'bsuid' is not null then 'bsuid' else 'phone' end,
        coalesce(p_item ->> 'bsuid', p_item ->> 'phone'), made)
    on conflict do nothing;
    get diagnostics taken = row_count;
    if taken = 0 then
        return chat.find_identity(p_site, p_portfolio, p_item);
    end if;
    insert into public.mod_chat_visitors (site_id, name, phone, whatsapp_phone, channel)
    values (p_site, p_item ->> 'name', p_item ->> 'phone', p_item ->> 'phone', 'whatsapp')
    returning id into visitor;
    insert into chat.identities (id, site_id, portfolio, visitor_id) values (made, p_site, p_portfolio, visitor);
    return made;
end
$$;
comment on function chat.make_identity(uuid, text, jsonb) is
    'Makes identity, visitor and first alias of a new sender; if somebody was faster, answers theirs.';

create or replace function chat.learn_aliases(p_site uuid, p_portfolio text, p_identity uuid, p_item jsonb)
returns void
language plpgsql
as $$
declare
    source text;
begin
    foreach source in array array['bsuid', 'phone', 'new_bsuid', 'new_phone'] loop
        -- Asked first: nearly always it is known, and a refused insert still costs a row version.
        if p_item ->> source is not null and not exists (
            select from chat.identity_aliases a
            where a.site_id = p_site and a.portfolio = p_portfolio and a.kind = replace(source, 'new_', '')
                and a.value = p_item ->> source)
        then
            insert into chat.identity_aliases (site_id, portfolio, kind, value, identity_id)
            values (p_site, p_portfolio, replace(source, 'new_', ''), p_item ->> source, p_identity)
            on conflict do nothing;
        end if;
    end loop;
    update chat.identity_aliases a set seen_with = p_item ->> 'phone'
    where a.site_id = p_site and a.portfolio = p_portfolio and a.kind = 'bsuid' and a.value = p_item ->> 'bsuid'
        and a.seen_with is distinct from p_item ->> 'phone' and p_item ->> 'phone' is not null;
end
$$;
comment on function chat.learn_aliases(uuid, text, uuid, jsonb) is
    'Ids that came with a known person become their aliases; one that names another person already stays theirs.';

-- file: sql/whatsapp/home_conversation.sql
-- What: the conversation a new message of a person belongs to: the open one, one reopened, or a new one.
-- Why: one open conversation a person and number; whether an old one comes back is a rule (chat_rules next_home).
-- Leaves out: the lock of an open one, which receive.sql took in the order of ids.

create or replace function chat.home_conversation(
    p_site uuid, p_identity uuid, p_phone_number_id text, p_channel text, p_wamid text, p_about jsonb default null)
returns uuid
language plpgsql
as $$
declare
    home uuid;
    old record;
    visitor uuid;
begin
    select c.id into home
    from public.mod_chat_conversations c
    where c.identity_id = p_identity and c.phone_number_id is not distinct from p_phone_number_id
        and c.archived_at is null;
    if found then
        return home;
    end if;
    -- Asked under the identity's lock: a repetition must not reopen or open a conversation.
    if exists (
        select from public.mod_chat_messages m where m.site_id = p_site and m.whatsapp_message_id = p_wamid)
    then
        return null;
    end if;
    select i.visitor_id into visitor from chat.identities i where i.id = p_identity;
    if not found then
        raise exception 'this person was erased while a message of theirs waited'
            using errcode = 'serialization_failure', hint = 'take the message again; it begins afresh';
    elsif chat.is_blocked(p_site, visitor, null) then
        insert into chat.dead_letters (phone_number_id, reason, item)
        values (p_phone_number_id, 'sender_blocked', jsonb_build_object('wamid', p_wamid, 'identity_id', p_identity));
        return null;
    end if;

    select c.id, c.status, c.archived_at, c.assigned_agent_id into old
    from public.mod_chat_conversations c
    where c.identity_id = p_identity and c.phone_number_id is not distinct from p_phone_number_id
        and c.archived_at is not null
    order by c.archived_at desc
    limit 1
    for no key update;
    if found and chat.next_home(old.status, old.archived_at,
        coalesce((select s.reopen_hours from public.mod_chat_widget_settings s where s.site_id = p_site), 24),
        clock_timestamp()) = 'reopen'
    then
        begin
            update public.mod_chat_conversations set status = 'pending' where id = old.id;
            return old.id;
        exception when unique_violation or sqlstate 'PT409' then
            -- An agent opened another one at this moment.
            return chat.home_conversation(p_site, p_identity, p_phone_number_id, p_channel, p_wamid, p_about);
        end;
    end if;

    insert into public.mod_chat_conversations (
        site_id, visitor_id, identity_id, channel, phone_number_id, department_id, page_url, page_title, user_agent,
        ip_address, metadata)
    values (p_site, visitor, p_identity, p_channel, p_phone_number_id, (p_about ->> 'department_id')::uuid,
        p_about ->> 'page_url', p_about ->> 'page_title', p_about ->> 'user_agent', (p_about ->> 'ip_address')::inet,
        case jsonb_typeof(p_about -> 'metadata') when 'object' then p_about -> 'metadata' else '{}' end)
    on conflict (identity_id, phone_number_id) where identity_id is not null and archived_at is null do nothing
    returning id into home;
    if not found then
        return chat.home_conversation(p_site, p_identity, p_phone_number_id, p_channel, p_wamid, p_about);
    end if;
    return home;
end
$$;
comment on function chat.home_conversation(uuid, uuid, text, text, text, jsonb) is
    'Open, reopened or new conversation of an identity the caller has locked; null for a wamid that is known and for somebody who is blocked (the refused wamid is a dead letter). `p_about` says of a new one {department_id, page_url, page_title, user_agent, ip_address, metadata}. 40001 when the person was erased meanwhile.';

-- file: sql/whatsapp/store_messages.sql
-- What: writes parsed messages into their conversations; and what follows a reaction.
-- Why: a row an item, in the order of the run. One insert of all would broadcast once for the run, but starting it costs
--      more than it saves: 340 µs a message against 210, measured with one item, which is the usual case.
-- Leaves out: which conversation (home_conversation.sql); numbers and counters, which the message's own triggers keep.

create or replace function chat.store_messages(p_site uuid, p_homes uuid[], p_items jsonb)
returns integer
language plpgsql
as $$
declare
    item jsonb;
    facts jsonb;
    quoted uuid;
    rows integer;
    stored integer := 0;
begin
    for place in 1 .. cardinality(p_homes) loop
        continue when p_homes[place] is null;
        item := p_items -> (place - 1);
        facts := coalesce(item -> 'metadata', '{}');
        quoted := null;
        if jsonb_typeof(item -> 'file') = 'object' then
            facts := facts || jsonb_build_object('media', item -> 'file');
        end if;
        if jsonb_typeof(item -> 'context') = 'object' then
            facts := facts || jsonb_build_object('context', item -> 'context');
            quoted := chat.message_of_status(p_site, item -> 'context' ->> 'wamid', null);
        end if;
        if item ->> 'kind' in ('unknown', 'unsupported') then
            facts := facts || jsonb_build_object('raw', item -> 'raw');
        end if;
        insert into public.mod_chat_messages (
            conversation_id, site_id, sender_type, sender_name, content, kind, sent_at, whatsapp_message_id, metadata,
            reply_to_id, file_name, file_mime_type, file_state)
        values (
            p_homes[place], p_site, 'visitor', item ->> 'name', item ->> 'content', item ->> 'kind',
            (item ->> 'at')::timestamptz, item ->> 'wamid', facts, quoted, item -> 'file' ->> 'filename',
            item -> 'file' ->> 'mime', case when item -> 'file' ->> 'id' is not null then 'pending' end);
        get diagnostics rows = row_count;
        stored := stored + rows;
    end loop;
    return stored;
end
$$;
comment on function chat.store_messages(uuid, uuid[], jsonb) is
    'Writes items[n] into homes[n]; where that is null, and for repetitions, nothing. Returns how many were new.';

create or replace function chat.apply_reaction(p_message uuid, p_item jsonb)
returns void
language plpgsql
as $$
declare
    at constant timestamptz := coalesce((p_item ->> 'at')::timestamptz, clock_timestamp());
    message public.mod_chat_messages;
    conversation public.mod_chat_conversations;
    actor text;
    numbers record;
begin
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
    select c.* into conversation from public.mod_chat_conversations c where c.id = message.conversation_id;
    actor := 'visitor:' || conversation.visitor_id;
    -- An older event that comes late does not undo a newer one; so a removal stays as an entry without emoji.
    if (message.reactions -> actor ->> 'at')::timestamptz >= at then
        return;
    end if;
    select * into numbers from chat.next_change(message.conversation_id, message.public_seq is not null);
    update public.mod_chat_messages m
    set reactions = m.reactions || jsonb_build_object(actor,
            jsonb_build_object('emoji', p_item -> 'reaction' -> 'emoji', 'at', at)),
        change = numbers.change,
        change_before = case when m.public_seq is not null then numbers.change_before end,
        updated_at = clock_timestamp()
    where m.id = p_message;
    update public.mod_chat_conversations c
    set whatsapp_window_expires_at = w.expires
    from (select chat.window_after(conversation.whatsapp_window_expires_at, 'text', at) as expires) w
    where c.id = conversation.id and c.channel = 'whatsapp'
        and w.expires is distinct from c.whatsapp_window_expires_at;
end
$$;
comment on function chat.apply_reaction(uuid, jsonb) is
    'A person''s reaction to a message, or its removal; the caller holds the conversation. Older events change nothing.';

create or replace function chat.enqueue_read_marks(
    p_site uuid, p_phone_number_id text, p_account uuid, p_graph_version text, p_people uuid[], p_items jsonb, p_homes uuid[])
returns integer
language plpgsql
as $$
declare
    mark record;
    marks integer := 0;
begin
    for mark in
        select distinct on (p.person) p.person, p_items -> (p.place::integer - 1) ->> 'wamid' as wamid
        from unnest(p_people) with ordinality p (person, place)
        where p_homes[p.place] is not null
        order by p.person, p.place desc
    loop
        perform chat.enqueue_read_mark(
            p_site, p_phone_number_id, p_account, p_graph_version, mark.person, mark.wamid);
        marks := marks + 1;
    end loop;
    return marks;
end
$$;
comment on function chat.enqueue_read_marks(uuid, text, uuid, text, uuid[], jsonb, uuid[]) is
    'One read mark a person of the run, in the order of their ids. Returns how many.';

create or replace function chat.enqueue_read_mark(
    p_site uuid, p_phone_number_id text, p_account uuid, p_graph_version text, p_person uuid, p_wamid text)
returns void
language plpgsql
as $$
begin
    -- Marking one marks all before it, so a newer mark replaces one that still waits.
    perform chat.enqueue(
        'read:' || p_phone_number_id || ':' || p_person, 'whatsapp.mark_read', 'notification', p_site,
        jsonb_build_object('phone_number_id', p_phone_number_id, 'wamid', p_wamid, 'account_id', p_account,
            'graph_version', p_graph_version),
        false, true);
end
$$;
comment on function chat.enqueue_read_mark(uuid, text, uuid, text, uuid, text) is
    'Has Meta told that everything up to a person''s message was seen.';

-- file: sql/whatsapp/receive_run.sql
-- What: the passes of a run: number, identities, conversations, visitors, messages, then statuses and reactions, then lanes.
-- Why: each pass locks one kind of row, in order, before the next begins; a run of fifty is as safe as one item.
-- Leaves out: routing, which a deferred trigger does at commit.

create or replace function chat.receive_run(p_app uuid, p_phone_number_id text, p_items jsonb)
returns jsonb
language plpgsql
as $$
declare
    number record;
    item jsonb;
    refused text;
    messages jsonb := '[]';      -- what becomes a row
    people uuid[] := '{}';       -- the identity of each, in step
    homes uuid[];                -- its conversation; null for a repetition
    targets jsonb := '[]';       -- statuses and reactions with the message they speak of: {message, item}
    one uuid;
    known uuid[] := '{}';
    closed boolean;
    wanted integer := 0;
    stored integer := 0;
    dead integer := 0;
    enqueued integer := 0;
begin
    select n.site_id, n.account_id, acc.graph_version, coalesce(acc.portfolio_id, acc.waba_id) as portfolio into number
    from chat.whatsapp_numbers n
    join chat.whatsapp_accounts acc on acc.id = n.account_id
    where n.phone_number_id = p_phone_number_id and n.confirmed_at is not null and acc.app_id = p_app;

    -- What no row will take goes aside first; the rest is split by what it needs.
    for place in 1 .. jsonb_array_length(p_items) loop
        item := p_items -> (place - 1);
        refused := chat.refusal_of_item(item, number.site_id);
        if refused is not null then
            insert into chat.dead_letters (app_id, phone_number_id, reason, item)
            values (p_app, p_phone_number_id, refused, item);
            dead := dead + 1;
        elsif item ->> 'what' = 'status' then
            targets := targets || jsonb_build_object('item', item, 'message',
                chat.message_of_status(number.site_id, item ->> 'wamid', item ->> 'callback'));
        elsif item ->> 'kind' = 'reaction' then
            one := chat.message_of_status(number.site_id, item -> 'reaction' ->> 'wamid', null);
            if one is null then
                messages := messages || (item || '{"kind": "unsupported"}');
            else
                targets := targets || jsonb_build_object('item', item, 'message', one);
            end if;
        else
            messages := messages || item;
        end if;
    end loop;

    -- Identities: new ones are made in the order of the run, while nothing else is held; then all are locked by id.
    for place in 1 .. jsonb_array_length(messages) loop
        item := messages -> (place - 1);
        people := people || coalesce(
            chat.find_identity(number.site_id, number.portfolio, item),
            chat.make_identity(number.site_id, number.portfolio, item));
    end loop;
    foreach one in array chat.in_order(people) loop
        perform from chat.identities i where i.id = one for no key update;
    end loop;
    for place in 1 .. cardinality(people) loop
        item := messages -> (place - 1);
        -- Somebody found by the only id they came with brings nothing new.
        if item ->> 'bsuid' is not null and item ->> 'phone' is not null or item -> 'phone_variants' <> '[]'
            or coalesce(item ->> 'new_bsuid', item ->> 'new_phone') is not null
        then
            perform chat.learn_aliases(number.site_id, number.portfolio, people[place], item);
        end if;
    end loop;

    -- Conversations: all that exist by id, then those to be reopened or made, then visitors by id.
    homes := array_fill(null::uuid, array[cardinality(people)]);
    for place in 1 .. cardinality(people) loop
        select c.id into one from public.mod_chat_conversations c
        where c.identity_id = people[place] and c.phone_number_id = p_phone_number_id and c.archived_at is null;
        homes[place] := one;
    end loop;
    if jsonb_array_length(targets) > 0 then
        known := array(
            select m.conversation_id from public.mod_chat_messages m
            where m.id = any (array(select (t ->> 'message')::uuid from jsonb_array_elements(targets) t)));
    end if;
    foreach one in array chat.in_order(homes || known) loop
        select c.archived_at is not null into closed
        from public.mod_chat_conversations c where c.id = one for no key update;
        -- Closed while we waited for it: this message needs another home.
        if closed then
            homes := array_replace(homes, one, null);
        end if;
    end loop;
    for place in 1 .. cardinality(people) loop
        if homes[place] is null then
            homes[place] := chat.home_conversation(
                number.site_id, people[place], p_phone_number_id, 'whatsapp', messages -> (place - 1) ->> 'wamid');
        end if;
        wanted := wanted + (homes[place] is not null)::integer;
    end loop;
    if wanted > 1 then
        perform from public.mod_chat_visitors v
        where v.id = any (array(select i.visitor_id from chat.identities i where i.id = any (people)))
        order by v.id
        for no key update;
    end if;

    if wanted > 0 then
        stored := chat.store_messages(number.site_id, homes, messages);
    end if;
    if stored > 0 then
        enqueued := chat.enqueue_read_marks(
            number.site_id, p_phone_number_id, number.account_id, number.graph_version, people, messages, homes);
    end if;
    wanted := jsonb_array_length(messages);

    for place in 1 .. jsonb_array_length(targets) loop
        item := targets -> (place - 1) -> 'item';
        one := (targets -> (place - 1) ->> 'message')::uuid;
        if one is null then
            perform chat.keep_orphan(number.site_id, item);
        elsif item ->> 'what' = 'status' then
            perform chat.apply_status(one, item);
        else
            perform chat.apply_reaction(one, item);
        end if;
    end loop;
    return jsonb_build_object(
        'stored', stored + jsonb_array_length(targets), 'duplicate', wanted - stored, 'dead', dead, 'enqueued', enqueued);
end
$$;
comment on function chat.receive_run(uuid, text, jsonb) is
    'Stores the items of one number. Answers {stored, duplicate, dead, enqueued}.';

create or replace function chat.refusal_of_item(p_item jsonb, p_site uuid)
returns text
language plpgsql
immutable
as $$
begin
    return case
        when p_item ->> 'what' = 'field' then coalesce(p_item ->> 'reason', 'field_not_handled')
        when p_item ->> 'phone_number_id' is null then 'no_phone_number_id'
        when p_site is null then 'unknown_number'
        when p_item ->> 'what' = 'message' and coalesce(p_item ->> 'bsuid', p_item ->> 'phone') is null then 'no_sender'
        when p_item ->> 'wamid' is null then 'no_wamid'
    end;
end
$$;
comment on function chat.refusal_of_item(jsonb, uuid) is
    'Why no row can take an item, given the site of its number; null when one can. The dead letter''s reason.';

create or replace function chat.in_order(p_ids uuid[])
returns uuid[]
language plpgsql
immutable
as $$
begin
    if cardinality(p_ids) = 1 and p_ids[1] is not null then
        return p_ids;
    end if;
    return array(select distinct id from unnest(p_ids) id where id is not null order by id);
end
$$;
comment on function chat.in_order(uuid[]) is 'Each id once, nulls left out, in the order in which rows are locked.';

-- file: sql/whatsapp/receive_plain.sql
-- What: the usual webhook: one new text of a known person whose conversation is open.
-- Why: the passes of a run (receive_run.sql) are as many for one message as for fifty; this takes half their time. It locks
--      in the same order, identity, conversation, visitor, and writes the same rows (a test compares them).
-- Leaves out: everything else. It answers null, has changed nothing, and the passes take the item.

create or replace function chat.receive_plain(p_app uuid, p_item jsonb)
returns jsonb
language plpgsql
as $$
declare
    the_wamid constant text := p_item ->> 'wamid';
    to_number constant text := p_item ->> 'phone_number_id';
    bsuid constant text := p_item ->> 'bsuid';
    phone constant text := p_item ->> 'phone';
    received constant timestamptz := clock_timestamp();
    written_at constant timestamptz := chat.sent_at_of((p_item ->> 'at')::timestamptz, received);
    sender record;
    home record;
begin
    if p_item ->> 'what' <> 'message' or p_item ->> 'kind' <> 'text' or jsonb_typeof(p_item -> 'context') = 'object'
        or the_wamid is null
    then
        return null;
    end if;

    -- Somebody found by the id they came with; of two ids, only when both were seen together before: else there is
    -- something to learn.
    select n.site_id, n.account_id, acc.graph_version, i.id into sender
    from chat.whatsapp_numbers n
    join chat.whatsapp_accounts acc on acc.id = n.account_id
    join chat.identity_aliases a on a.site_id = n.site_id and a.portfolio = coalesce(acc.portfolio_id, acc.waba_id)
        and a.kind = case when bsuid is not null then 'bsuid' else 'phone' end and a.value = coalesce(bsuid, phone)
    join chat.identities i on i.id = a.identity_id
    where n.phone_number_id = to_number and n.confirmed_at is not null and acc.app_id = p_app
        and (bsuid is null or phone is null or a.seen_with = phone)
    for no key update of i;
    if not found then
        return null;
    end if;

    -- A visitor's message counts one everywhere and takes the next of every number (chat_rules::counters). Under the
    -- identity's lock nobody else stores this wamid.
    update public.mod_chat_conversations c
    set last_seq = c.last_seq + 1,
        last_public_seq = c.last_public_seq + 1,
        last_change = c.last_change + 1,
        last_public_change = c.last_change + 1,
        public_change_before = c.last_public_change,
        message_count = c.message_count + 1,
        inbound_count = c.inbound_count + 1,
        unread_agent_count = c.unread_agent_count + 1,
        last_message_text = chat.preview_text('text', p_item ->> 'content'),
        last_message_at = written_at,
        last_message_by = 'visitor',
        whatsapp_window_expires_at = chat.window_after(c.whatsapp_window_expires_at, 'text', written_at),
        updated_at = received
    where c.identity_id = sender.id and c.phone_number_id = to_number and c.archived_at is null
        -- One that comes late leaves the preview as it is; one that ends a waiting changes the conversation, too.
        and c.last_message_at <= written_at and c.status <> 'waiting'
        and not exists (
            select from public.mod_chat_messages m
            where m.site_id = c.site_id and m.whatsapp_message_id = the_wamid)
    returning c.id, c.visitor_id, c.last_seq, c.last_public_seq, c.last_change, c.public_change_before into home;
    if not found then
        return null;
    end if;
    update public.mod_chat_visitors v
    set total_messages = v.total_messages + 1, last_seen_at = greatest(v.last_seen_at, written_at),
        updated_at = received
    where v.id = home.visitor_id;

    insert into public.mod_chat_messages (
        conversation_id, site_id, sender_type, sender_id, sender_name, content, kind, sent_at, whatsapp_message_id,
        metadata, seq, public_seq, change, change_before, delivery_state, status)
    values (
        home.id, sender.site_id, 'visitor', home.visitor_id, p_item ->> 'name', p_item ->> 'content', 'text',
        written_at, the_wamid, coalesce(p_item -> 'metadata', '{}'), home.last_seq, home.last_public_seq,
        home.last_change, home.public_change_before, 'received', 'delivered');
    perform chat.enqueue_read_mark(
        sender.site_id, to_number, sender.account_id, sender.graph_version, sender.id, the_wamid);
    return '{"stored": 1, "duplicate": 0, "dead": 0, "enqueued": 1}';
end
$$;
comment on function chat.receive_plain(uuid, jsonb) is
    'Stores one plain text of a known person into their open conversation. Answers {stored, duplicate, dead, enqueued}, or null when it is anything else.';

-- file: sql/whatsapp/receive.sql
-- What: a run of parsed webhook items becomes rows, in one transaction.
-- Why: all or nothing a run, idempotent, in the one order of locks: identities, conversations, visitors, messages,
--      lanes; routing follows at commit. So deliveries may come twice, at once and in any order.
-- Leaves out: Meta's JSON; the worker parsed it (chat_rules::whatsapp). Fields other than messages wait as dead letters.

create or replace function public.chat_receive_whatsapp(app uuid, items jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- One item a call is the usual case; planning anew for each would cost more than the work.
set plan_cache_mode = 'force_generic_plan'
as $$
declare
    run record;
    done jsonb;
    stored integer := 0;
    duplicate integer := 0;
    dead integer := 0;
    enqueued integer := 0;
begin
    if jsonb_array_length(chat_receive_whatsapp.items) = 1 then
        done := chat.receive_plain(chat_receive_whatsapp.app, chat_receive_whatsapp.items -> 0);
        if done is not null then
            return done;
        end if;
        return chat.receive_run(
            chat_receive_whatsapp.app, chat_receive_whatsapp.items -> 0 ->> 'phone_number_id', chat_receive_whatsapp.items);
    end if;
    for run in
        select i.item ->> 'phone_number_id' as phone_number_id, jsonb_agg(i.item order by i.place) as items
        from jsonb_array_elements(chat_receive_whatsapp.items) with ordinality as i (item, place)
        group by 1 order by 1
    loop
        done := chat.receive_run(chat_receive_whatsapp.app, run.phone_number_id, run.items);
        stored := stored + (done ->> 'stored')::integer;
        duplicate := duplicate + (done ->> 'duplicate')::integer;
        dead := dead + (done ->> 'dead')::integer;
        enqueued := enqueued + (done ->> 'enqueued')::integer;
    end loop;
    return jsonb_build_object('stored', stored, 'duplicate', duplicate, 'dead', dead, 'enqueued', enqueued);
end
$$;
comment on function public.chat_receive_whatsapp(uuid, jsonb) is
    'For the worker: stores parsed webhook items that `app` signed. Idempotent. Answers {stored, duplicate, dead, enqueued}.';

create or replace function public.chat_keep_dead_letter(app uuid, reason text, item jsonb)
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.dead_letters (app_id, phone_number_id, reason, item)
    values (app, item ->> 'phone_number_id', reason, item);
end
$$;
comment on function public.chat_keep_dead_letter(uuid, text, jsonb) is
    'For the worker: keeps an item that no row could take, with the reason.';

-- file: sql/whatsapp/begin_attempt.sql
-- What: the step before a message is handed to Graph: is it still to be sent, may it be, and the attempt's own row.
-- Why: the row is committed before the call. Whoever finds an attempt that never ended knows that the message may have
--      left, and does not send it again.
-- Leaves out: the call and its answer (finish_attempt.sql).

create or replace function public.chat_begin_attempt(job_id bigint, lease_token uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    message public.mod_chat_messages;
    conversation public.mod_chat_conversations;
    last chat.attempts;
    target record;
begin
    select c.* into conversation
    from chat.jobs j
    join public.mod_chat_messages m on m.id = (j.payload ->> 'message_id')::uuid
    join public.mod_chat_conversations c on c.id = m.conversation_id
    where j.id = chat_begin_attempt.job_id
    for no key update of c;
    if not found then
        perform chat.finish_job(chat_begin_attempt.job_id, chat_begin_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('go', false, 'state', 'gone', 'why', 'the message does not exist any more');
    end if;
    select m.* into message
    from public.mod_chat_messages m
    where m.id = (select (j.payload ->> 'message_id')::uuid from chat.jobs j where j.id = chat_begin_attempt.job_id)
    for no key update;
    perform from chat.lanes l
    where l.running_job = chat_begin_attempt.job_id and l.lease_token = chat_begin_attempt.lease_token and l.busy
    for update;
    if not found then
        return jsonb_build_object('go', false, 'state', 'stale', 'why', 'the lease was lost');
    end if;

    if message.delivery_state not in ('queued', 'sending', 'unknown') then
        perform chat.finish_job(chat_begin_attempt.job_id, chat_begin_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('go', false, 'state', 'gone', 'why', 'the message is ' || message.delivery_state || ' already');
    end if;

    select a.* into last from chat.attempts a where a.message_id = message.id order by a.number desc limit 1;
    -- An attempt that never ended: its worker died, or lost its lease. The message may have left.
    if found and last.outcome is null and last.lease_token <> chat_begin_attempt.lease_token then
        update chat.attempts set finished_at = at, outcome = 'unknown' where message_id = last.message_id and number = last.number;
        perform chat.hold_unknown(message.id, chat_begin_attempt.job_id, chat_begin_attempt.lease_token);
        return jsonb_build_object('go', false, 'state', 'unknown', 'why', 'an attempt was begun and nobody knows how it ended');
    elsif last.outcome = 'unknown' and message.delivery_state = 'unknown' then
        -- Its time at the head is over: the lane goes on, the tick settles the message by the number's policy.
        perform chat.finish_job(chat_begin_attempt.job_id, chat_begin_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('go', false, 'state', 'unknown', 'why', 'no status has told yet; the lane goes on');
    end if;

    select n.phone_number_id, n.confirmed_at, n.account_id, acc.graph_version,
        (select i.value from chat.identity_aliases i where i.identity_id = conversation.identity_id and i.kind = 'phone'
            order by i.created_at desc limit 1) as phone,
        (select i.value from chat.identity_aliases i where i.identity_id = conversation.identity_id and i.kind = 'bsuid'
            order by i.created_at desc limit 1) as bsuid,
        (select r.whatsapp_message_id from public.mod_chat_messages r where r.id = message.reply_to_id) as reply_to
    into target
    from chat.whatsapp_numbers n
    join chat.whatsapp_accounts acc on acc.id = n.account_id
    where n.site_id = message.site_id and n.phone_number_id = conversation.phone_number_id;

    if not found or target.confirmed_at is null then
        perform chat.fail_message(message.id, jsonb_build_object(
            'code', null, 'title', 'The WhatsApp number is not connected', 'details', conversation.phone_number_id,
            'advice', 'Connect the number again, then send the message anew.'));
        perform chat.finish_job(chat_begin_attempt.job_id, chat_begin_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('go', false, 'state', 'failed', 'why', 'the number is not confirmed for this site');
    end if;
    if not chat.window_allows(conversation.whatsapp_window_expires_at, message.kind, at) then
        perform chat.fail_message(message.id, jsonb_build_object(
            'code', 131047, 'title', 'The 24-hour window is closed', 'details', 'it closed before the message left',
            'advice', 'Send a template, or wait until the person writes again.'));
        perform chat.finish_job(chat_begin_attempt.job_id, chat_begin_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('go', false, 'state', 'failed', 'why', 'the 24-hour window is closed');
    end if;

    -- The same lease asks again when our answer was lost on the way: the attempt is begun already, Graph was not called.
    if last.number is null or last.outcome is not null then
        insert into chat.attempts (message_id, number, lease_token, started_at)
        values (message.id, coalesce(last.number, 0) + 1, chat_begin_attempt.lease_token, at)
        returning * into last;
        perform chat.set_delivery(message.id, 'sending', null);
    end if;
    return jsonb_build_object(
        'go', true, 'message_id', message.id, 'attempt', last.number,
        'phone_number_id', target.phone_number_id, 'to', target.phone, 'recipient', target.bsuid,
        'text', message.content, 'reply_to_wamid', target.reply_to,
        'callback', message.id || ':' || last.number,
        'graph_version', target.graph_version, 'account_id', target.account_id, 'site_id', message.site_id);
end
$$;
comment on function public.chat_begin_attempt(bigint, uuid) is
    'For the worker, before a send: {go: true, message_id, attempt, phone_number_id, to, recipient, text, reply_to_wamid, callback, graph_version, account_id, site_id}, or {go: false, state, why} when the database has settled the job already.';

-- file: sql/whatsapp/finish_attempt.sql
-- What: what Graph answered, or that nobody knows.
-- Why: message, attempt, lane and job end together. That a message left is true even when the lease was lost meanwhile,
--      so an accepted answer is kept in any case; the lease only decides about the lane.
-- Leaves out: judging the answer (chat_rules::retry, in the worker).

create or replace function public.chat_finish_attempt(
    job_id bigint, lease_token uuid, message_id uuid, attempt integer, outcome jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    answer constant text := chat_finish_attempt.outcome ->> 'is';
    message public.mod_chat_messages;
    mine boolean;
begin
    perform from public.mod_chat_conversations c
    join public.mod_chat_messages m on m.conversation_id = c.id
    where m.id = chat_finish_attempt.message_id
    for no key update of c;
    if not found then
        return jsonb_build_object('state',
            chat.finish_job(chat_finish_attempt.job_id, chat_finish_attempt.lease_token, '{"is": "done"}'));
    end if;
    select m.* into message from public.mod_chat_messages m where m.id = chat_finish_attempt.message_id for no key update;

    if answer = 'accepted' then
        update chat.attempts a set http = (chat_finish_attempt.outcome ->> 'http')::integer
        where a.message_id = message.id and a.number = chat_finish_attempt.attempt;
        perform chat.message_left(message.id, chat_finish_attempt.outcome ->> 'wamid', chat_finish_attempt.attempt);
        perform chat.learn_phone(message.conversation_id, chat_finish_attempt.outcome ->> 'wa_id');
        perform chat.apply_orphans(message.site_id, chat_finish_attempt.outcome ->> 'wamid');
        perform chat.finish_job(chat_finish_attempt.job_id, chat_finish_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('state', 'accepted');
    end if;

    -- Anything but success counts only while the attempt is open and ours; a status may have told better already.
    update chat.attempts a
    set finished_at = clock_timestamp(), outcome = answer, code = (chat_finish_attempt.outcome ->> 'code')::integer,
        http = (chat_finish_attempt.outcome ->> 'http')::integer
    where a.message_id = message.id and a.number = chat_finish_attempt.attempt
        and a.lease_token = chat_finish_attempt.lease_token and a.outcome is null;
    mine := found;
    if not mine then
        perform chat.finish_job(chat_finish_attempt.job_id, chat_finish_attempt.lease_token, '{"is": "done"}');
        return jsonb_build_object('state', 'stale');
    end if;

    case answer
        when 'retry' then
            perform chat.set_delivery(message.id, 'sending', jsonb_build_object('last_try', chat_finish_attempt.outcome - 'is'));
            perform chat.finish_job(chat_finish_attempt.job_id, chat_finish_attempt.lease_token, chat_finish_attempt.outcome);
        when 'failed' then
            perform chat.fail_message(message.id,
                chat_finish_attempt.outcome - '{is,http,closes_window}'::text[]);
            if (chat_finish_attempt.outcome ->> 'closes_window')::boolean then
                perform chat.close_window(message.conversation_id);
            end if;
            perform chat.finish_job(chat_finish_attempt.job_id, chat_finish_attempt.lease_token, '{"is": "done"}');
        when 'unknown' then
            perform chat.hold_unknown(message.id, chat_finish_attempt.job_id, chat_finish_attempt.lease_token);
        else
            raise exception 'an attempt ends accepted, retry, failed or unknown, not %', answer
                using errcode = 'PT422', detail = 'chat/unknown_outcome', hint = 'this is the worker''s to mend';
    end case;
    return jsonb_build_object('state', answer);
end
$$;
comment on function public.chat_finish_attempt(bigint, uuid, uuid, integer, jsonb) is
    'For the worker, after a send: outcome {is: accepted, wamid, wa_id, http} | {is: retry, after_seconds, code, title, details, http} | {is: failed, code, title, details, advice, http, closes_window} | {is: unknown, details}. Answers {state}.';

create or replace function chat.close_window(p_conversation uuid)
returns void
language plpgsql
as $$
begin
    update public.mod_chat_conversations c
    set whatsapp_window_expires_at = least(c.whatsapp_window_expires_at, clock_timestamp())
    where c.id = p_conversation;
end
$$;
comment on function chat.close_window(uuid) is 'Meta said the window is closed (131047); its word is the truth.';

create or replace function chat.learn_phone(p_conversation uuid, p_wa_id text)
returns void
language plpgsql
as $$
begin
    insert into chat.identity_aliases (site_id, portfolio, kind, value, identity_id)
    select i.site_id, i.portfolio, 'phone', p_wa_id, i.id
    from public.mod_chat_conversations c
    join chat.identities i on i.id = c.identity_id
    where c.id = p_conversation and p_wa_id is not null
    on conflict do nothing;
end
$$;
comment on function chat.learn_phone(uuid, text) is
    'The spelling of a phone that Meta answered with becomes an alias; an alias somebody has already stays theirs.';

-- file: sql/whatsapp/register.sql
-- What: what the worker's environment or configuration says about an app, its account and its number.
-- Why: the secrets stay in the environment; the database only learns which app signs and which site's number it is.
-- Leaves out: screens for many accounts, which come with the WhatsApp settings.

create or replace function public.chat_register_whatsapp(
    app_name text, site_id uuid, waba_id text, phone_number_id text, graph_version text, app_id text)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    app uuid;
    account uuid;
    number record;
begin
    insert into chat.whatsapp_apps as a (name, meta_app_id)
    values (chat_register_whatsapp.app_name, chat_register_whatsapp.app_id)
    on conflict (name) do update set meta_app_id = coalesce(excluded.meta_app_id, a.meta_app_id)
    returning a.id into app;
    if chat_register_whatsapp.phone_number_id is null then
        return jsonb_build_object('app', app, 'account', null, 'number', null, 'confirmed', false);
    end if;
    if not exists (select from public.sites s where s.id = chat_register_whatsapp.site_id) then
        raise exception 'there is no site %', chat_register_whatsapp.site_id
            using errcode = 'PT404', detail = 'chat/no_such_site', hint = 'set CHAT_WHATSAPP_SITE_ID to the id of a row of public.sites';
    end if;

    insert into chat.whatsapp_accounts as a (site_id, app_id, waba_id, graph_version)
    values (chat_register_whatsapp.site_id, app, chat_register_whatsapp.waba_id, chat_register_whatsapp.graph_version)
    on conflict (site_id, waba_id) do update set app_id = excluded.app_id, graph_version = excluded.graph_version
    returning a.id into account;
    number := chat.claim_number(
        chat_register_whatsapp.site_id, chat_register_whatsapp.phone_number_id, account, null);
    return jsonb_build_object(
        'app', app, 'account', account, 'number', number.id, 'confirmed', number.confirmed_at is not null);
end
$$;
comment on function public.chat_register_whatsapp(text, uuid, text, text, text, text) is
    'For the worker, at its start: makes app, account and number known; an unconfirmed number gets its confirming job. PT404 chat/no_such_site, PT409 chat/number_taken.';

create or replace function chat.claim_number(p_site uuid, p_phone_number_id text, p_account uuid, p_display text)
returns chat.whatsapp_numbers
language plpgsql
as $$
declare
    number chat.whatsapp_numbers;
begin
    if exists (
        select from chat.whatsapp_numbers n
        where n.phone_number_id = p_phone_number_id and n.confirmed_at is not null and n.site_id <> p_site)
    then
        raise exception 'the number % belongs to another site', p_phone_number_id
            using errcode = 'PT409', detail = 'chat/number_taken', hint = 'disconnect it there first, or use another number';
    end if;
    insert into chat.whatsapp_numbers as n (site_id, phone_number_id, account_id, display_number, is_default)
    values (p_site, p_phone_number_id, p_account, p_display,
        not exists (select from chat.whatsapp_numbers x where x.site_id = p_site and x.is_default))
    on conflict (site_id, phone_number_id) do update
    set account_id = coalesce(excluded.account_id, n.account_id),
        display_number = coalesce(excluded.display_number, n.display_number),
        updated_at = clock_timestamp()
    returning n.* into number;
    -- Without an account there is no token to ask Graph with; the claim waits until there is one.
    if number.confirmed_at is null and number.account_id is not null then
        perform chat.enqueue(
            'confirm:' || number.id, 'whatsapp.confirm_number', 'notification', p_site,
            jsonb_build_object('number', number.id, 'phone_number_id', number.phone_number_id,
                'account_id', number.account_id, 'site_id', p_site, 'graph_version', a.graph_version),
            true, true)
        from chat.whatsapp_accounts a where a.id = number.account_id;
    end if;
    return number;
end
$$;
comment on function chat.claim_number(uuid, text, uuid, text) is
    'A site''s claim on a number: unconfirmed until Graph answers for it with the site''s token. PT409 chat/number_taken.';

create or replace function public.chat_confirm_number(number uuid, details jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    claimed chat.whatsapp_numbers;
begin
    update chat.whatsapp_numbers n
    set confirmed_at = coalesce(n.confirmed_at, clock_timestamp()),
        details = chat_confirm_number.details,
        display_number = coalesce(chat_confirm_number.details ->> 'display_phone_number', n.display_number),
        verified_name = coalesce(chat_confirm_number.details ->> 'verified_name', n.verified_name),
        updated_at = clock_timestamp()
    where n.id = chat_confirm_number.number
        and not exists (
            select from chat.whatsapp_numbers x
            where x.phone_number_id = n.phone_number_id and x.confirmed_at is not null and x.id <> n.id)
    returning n.* into claimed;
    if not found then
        return jsonb_build_object('confirmed', false, 'why', 'another site has confirmed this number, or the claim is gone');
    end if;
    return jsonb_build_object('confirmed', true, 'why', null);
end
$$;
comment on function public.chat_confirm_number(uuid, jsonb) is
    'For the worker: Graph answered for a claimed number with its site''s token; from now on it routes. Answers {confirmed, why}.';

create or replace function chat.claim_number_by_settings()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    if not new.whatsapp_enabled or new.whatsapp_phone_number_id is null then
        return null;
    end if;
    perform chat.claim_number(
        new.site_id, new.whatsapp_phone_number_id,
        (select a.id from chat.whatsapp_accounts a
            where a.site_id = new.site_id
                and (new.whatsapp_business_account_id is null or a.waba_id = new.whatsapp_business_account_id)
            order by a.created_at limit 1),
        new.whatsapp_phone_number);
    return null;
end
$$;
comment on function chat.claim_number_by_settings() is
    'After LC-01''s whatsapp_* settings were written: the site claims that number, unconfirmed.';

-- file: sql/whatsapp/timers.sql
-- What: WhatsApp's part of the tick: statuses that found their message meanwhile, and sends nobody told the end of.
-- Why: a status may be filed while its message's wamid is not committed yet; and an unknown send must come to an end.
-- Leaves out: when, which is the tick's.

create or replace function chat.adopt_orphans(p_batch integer)
returns uuid[]
language plpgsql
as $$
declare
    found_one record;
    sites uuid[] := '{}';
begin
    for found_one in
        select o.site_id, o.wamid, m.conversation_id
        from chat.orphan_statuses o
        join public.mod_chat_messages m on m.site_id = o.site_id and m.whatsapp_message_id = o.wamid
        order by m.conversation_id
        limit p_batch
    loop
        perform from public.mod_chat_conversations c where c.id = found_one.conversation_id for no key update skip locked;
        if found then
            sites := sites || array_fill(found_one.site_id, array[chat.apply_orphans(found_one.site_id, found_one.wamid)]);
        end if;
    end loop;
    return sites;
end
$$;
comment on function chat.adopt_orphans(integer) is 'Applies kept statuses whose message has its wamid now. Returns the site of each.';

create or replace function chat.settle_unknown(p_batch integer)
returns uuid[]
language plpgsql
as $$
declare
    one record;
    verdict text;
    sites uuid[] := '{}';
begin
    for one in
        select m.id, m.conversation_id, m.site_id, m.updated_at, n.unknown_policy, c.phone_number_id, c.identity_id
        from public.mod_chat_messages m
        join public.mod_chat_conversations c on c.id = m.conversation_id
        left join chat.whatsapp_numbers n on n.site_id = m.site_id and n.phone_number_id = c.phone_number_id
        where m.delivery_state = 'unknown' and m.metadata -> 'error' is null
        order by m.conversation_id, m.seq
        limit p_batch
        for no key update of c skip locked
    loop
        verdict := chat.unknown_outcome(one.unknown_policy, one.updated_at, clock_timestamp(), 600);
        if verdict = 'ask' then
            perform chat.set_delivery(one.id, 'unknown', jsonb_build_object('error', jsonb_build_object(
                'code', null, 'title', 'Nobody knows whether this message arrived',
                'details', 'the connection broke while it was handed over, and no status has come since',
                'advice', 'Ask the person, or send it again with chat_resend_message.')));
            sites := sites || one.site_id;
        elsif verdict = 'resend' then
            perform chat.resend(one.id);
            sites := sites || one.site_id;
        end if;
    end loop;
    return sites;
end
$$;
comment on function chat.settle_unknown(integer) is
    'Sends unknown for ten minutes: left to the agent with an explanation, or sent again, as the number''s policy says. Returns the site of each.';

create or replace function chat.resend(p_message uuid)
returns void
language plpgsql
as $$
declare
    numbers record;
    message public.mod_chat_messages;
begin
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
    select * into numbers from chat.next_change(message.conversation_id, true);
    -- A decision, not a report: the only step back that delivery ever takes.
    update public.mod_chat_messages m
    set delivery_state = 'queued', status = chat.shown_status('queued'), metadata = m.metadata - 'error',
        change = numbers.change, change_before = numbers.change_before, updated_at = clock_timestamp()
    where m.id = p_message;
    perform chat.enqueue(
        chat.send_lane(c.phone_number_id, c.identity_id), 'whatsapp.send_text', 'reply', message.site_id,
        jsonb_build_object('message_id', p_message), true)
    from public.mod_chat_conversations c
    where c.id = message.conversation_id;
end
$$;
comment on function chat.resend(uuid) is 'Sends a message again that was unknown or failed; the caller holds its conversation.';

create or replace function public.chat_resend_message(message uuid)
returns setof public.mod_chat_messages
language plpgsql
security definer
set search_path = ''
as $$
declare
    m public.mod_chat_messages;
begin
    select x.* into m from public.mod_chat_messages x where x.id = chat_resend_message.message;
    if not found or not chat.may_in(m.conversation_id, 'live-chat.conversations.reply') then
        raise exception 'there is no message % that you may send', chat_resend_message.message
            using errcode = 'PT404', detail = 'chat/no_such_message', hint = 'ask with the id of a message of your site';
    end if;
    perform from public.mod_chat_conversations c where c.id = m.conversation_id for no key update;
    select x.* into m from public.mod_chat_messages x where x.id = m.id;
    if m.delivery_state not in ('unknown', 'failed') then
        raise exception 'the message is %', m.delivery_state
            using errcode = 'PT409', detail = 'chat/nothing_to_resend', hint = 'only unknown and failed messages are sent again';
    end if;
    perform chat.settle_send(m.id);
    perform chat.resend(m.id);
    return query select x.* from public.mod_chat_messages x where x.id = m.id;
end
$$;
comment on function public.chat_resend_message(uuid) is
    'Sends an unknown or failed message again, on a person''s word. PT404 chat/no_such_message, PT409 chat/nothing_to_resend.';

-- file: sql/jobs/tick.sql
-- What: all work that time brings, in bounded batches.
-- Why: the worker calls it each second, any number of workers at once; rows that others hold are skipped. Picking up what
--      a rolled-back transaction left waiting is part of correctness, not only of timers.
-- Leaves out: timers of later rooms, which join here.

create or replace function public.chat_tick(batch integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    known constant integer := chat.know_sites();
    -- These wait for nobody and are much: done before the routing rows are taken, nobody who is routed waits for them.
    sla constant integer := chat.follow_sla(chat_tick.batch * 5);
    told constant integer := chat.tell_queue(chat_tick.batch);
    -- Whatever changes a conversation says of which site, because it may be routed at commit.
    orphans constant uuid[] := chat.adopt_orphans(chat_tick.batch);
    settled constant uuid[] := chat.settle_unknown(chat_tick.batch);
    returned constant uuid[] := chat.return_chats(chat_tick.batch);
    unanswered constant uuid[] := chat.return_unanswered(chat_tick.batch);
    sent constant uuid[] := chat.send_scheduled(chat_tick.batch);
    woken constant uuid[] := chat.wake_snoozed(chat_tick.batch);
    resolved constant uuid[] := chat.resolve_idle(chat_tick.batch);
    missed constant uuid[] := chat.miss_unanswered(chat_tick.batch);
begin
    return jsonb_build_object(
        'sites', known,
        'orphans', cardinality(orphans),
        'settled', cardinality(settled),
        'returned', cardinality(returned),
        'unanswered', cardinality(unanswered),
        'sent', cardinality(sent),
        'woken', cardinality(woken),
        'resolved', cardinality(resolved),
        'missed', cardinality(missed),
        'lanes', chat.sweep_lanes(chat_tick.batch),
        'rates', chat.sweep_rates(chat_tick.batch),
        'page_views', chat.forget_page_views(chat_tick.batch),
        'facts', chat.forget_facts(chat_tick.batch),
        'states', chat.forget_states(chat_tick.batch))
        || chat.tend_sites(
            chat_tick.batch, orphans || settled || returned || unanswered || sent || woken || resolved || missed)
        -- Last, because whoever changes a message that is just being indexed waits for the end of the tick.
        || jsonb_build_object('told', told, 'sla', sla, 'indexed', chat.index_words(chat_tick.batch * 20));
end
$$;
comment on function public.chat_tick(integer) is
    'For the worker, each second: timed work in batches of at most `batch`. Answers {sites, orphans, settled, returned, unanswered, sent, woken, resolved, missed, lanes, rates, page_views, facts, states, lost, counted, routed, told, sla, indexed}: how many of each.';

create or replace function chat.sweep_lanes(p_batch integer)
returns integer
language plpgsql
as $$
declare
    swept integer;
begin
    delete from chat.lanes l
    using (
        select x.key from chat.lanes x
        where not x.ready and x.idle_since < clock_timestamp() - interval '1 day'
            -- A dead job that is retried needs its lane, which knows its class.
            and not exists (select from chat.jobs j where j.lane = x.key and j.died_at is not null)
        order by x.idle_since
        limit p_batch
        for update skip locked) old
    where l.key = old.key;
    get diagnostics swept = row_count;
    return swept;
end
$$;
comment on function chat.sweep_lanes(integer) is 'Removes lanes that have been idle for a day, but those of dead jobs.';

create or replace function chat.tend_sites(p_batch integer, p_changed uuid[], p_now timestamptz default clock_timestamp())
returns jsonb
language plpgsql
as $$
declare
    site uuid;
    lost integer := 0;
    counted integer := 0;
    routed integer := 0;
begin
    -- What the tick changed routes at its commit; all routing rows are taken here, in one order, or two ticks could wait
    -- for each other.
    for site in
        select x.site_id from (
            (select s.site_id from (
                select c.site_id from public.mod_chat_conversations c
                where c.status = 'pending' and c.assigned_agent_id is null
                    and exists (
                        select from public.mod_chat_agents a
                        where a.site_id = c.site_id and a.is_active and a.status = 'online'
                            and a.current_chat_count < a.max_concurrent_chats)
                union
                select h.site_id
                from chat.heartbeats h
                left join chat.presence_rules r on r.site_id = h.site_id
                where h.status_when_lost is null
                    and h.seen_at < p_now - make_interval(secs => nullif(coalesce(r.silent_seconds, 120), 0))
                union
                select d.site_id from chat.agent_deeds d) s
            order by s.site_id
            limit p_batch)
            union
            select unnest(p_changed)) x
        order by x.site_id
    loop
        perform chat.lock_routing(site);
        if site = any (p_changed) then
            perform chat.recount_load(site, array(
                select a.id from public.mod_chat_agents a where a.site_id = site and (a.is_active or a.current_chat_count > 0)));
        end if;
        lost := lost + chat.lose_silent_agents(site, p_now);
        counted := counted + chat.count_deeds(site, p_batch);
        routed := routed + chat.drain(site);
    end loop;
    return jsonb_build_object('lost', lost, 'counted', counted, 'routed', routed);
end
$$;
comment on function chat.tend_sites(integer, uuid[], timestamptz) is
    'Site by site under its routing row, those the tick changed among them: silent agents go offline, figures are added up, chats are drained that wait beside agents with room (a holder rolled back after a drain had skipped them). Answers {lost, counted, routed}.';

-- file: sql/jobs/worker_facts.sql
-- What: what a worker shows about the queue and what it checks at its start.
-- Why: the worker has no table grant; these are the figures its /metrics and `worker check` need.
-- Leaves out: per-site figures, which are people's.

create or replace function public.chat_worker_facts()
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    return jsonb_build_object(
        'role', session_user,
        'now', clock_timestamp(),
        'version', chat.version(),
        'library_version', chat.library_version(),
        'jobs', (select jsonb_object_agg(c.class, (
            select count(*) from chat.jobs j join chat.lanes l on l.key = j.lane
            where j.died_at is null and l.class = c.class))
            from (values ('reply'), ('assistant'), ('notification'), ('bulk')) c (class)),
        'oldest_job_seconds', (select coalesce(extract(epoch from clock_timestamp() - min(j.created_at)), 0)
            from chat.jobs j where j.died_at is null),
        'dead_jobs', (select count(*) from chat.jobs j where j.died_at is not null),
        'dead_letters', (select count(*) from chat.dead_letters),
        'unknown_messages', (select count(*) from public.mod_chat_messages m where m.delivery_state = 'unknown'),
        'broadcast_failures', (select case when s.is_called then s.last_value else 0 end from chat.broadcast_failures s),
        'numbers', (select coalesce(jsonb_agg(jsonb_build_object(
            'phone_number_id', n.phone_number_id, 'confirmed', n.confirmed_at is not null) order by n.phone_number_id), '[]')
            from chat.whatsapp_numbers n));
end
$$;
comment on function public.chat_worker_facts() is
    'For the worker: role, clock, versions of the database and of its library, jobs by class, dead jobs and letters, unknown messages, failed broadcasts, numbers.';

-- file: sql/jobs/retry_job.sql
-- What: a dead job gets another chance.
-- Why: what killed it may be mended: a token, a URL, a rule. It keeps its id, so it comes before what was queued later.
-- Leaves out: failed messages; a person sends those again with chat_resend_message.

create or replace function chat.is_dba()
returns boolean
language sql
stable
as $$
    select pg_catalog.pg_has_role(session_user, c.relowner, 'member') from pg_catalog.pg_class c where c.oid = 'chat.jobs'::regclass
$$;
comment on function chat.is_dba() is
    'Whether the session was opened by the owner of our tables or a superuser, as psql does. PostgREST opens none so.';

create or replace function public.chat_retry_job(job_id bigint)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    job chat.jobs;
begin
    select j.* into job from chat.jobs j where j.id = chat_retry_job.job_id and j.died_at is not null;
    if not found or not (chat.is_dba() or chat.may(job.site_id, 'live-chat.settings.manage')) then
        raise exception 'there is no dead job % that you may retry', chat_retry_job.job_id
            using errcode = 'PT404', detail = 'chat/no_such_job', hint = 'chat.queue_now counts dead jobs by kind; chat.jobs has their reasons';
    end if;
    -- The lane first, as enqueue does; the sweep keeps lanes of dead jobs.
    update chat.lanes l set ready = true, idle_since = null where l.key = job.lane;
    update chat.jobs j set died_at = null, reason = null where j.id = job.id;
    notify chat_jobs;
    return jsonb_build_object('job_id', job.id, 'kind', job.kind, 'lane', job.lane, 'died_of', job.reason);
end
$$;
comment on function public.chat_retry_job(bigint) is
    'Puts a dead job back to work: for people with psql, and at a site for live-chat.settings.manage. Answers {job_id, kind, lane, died_of}. PT404 chat/no_such_job.';

-- file: sql/jobs/now.sql
-- What: the queue and the people who wait, as they are now, for people with psql.
-- Why: three questions are asked when something is slow: what is in the queue, how late is it, who waits.
-- Leaves out: history. Prometheus has the worker's counts, mod_chat_analytics the days.

create or replace view chat.queue_now as
select j.kind,
    l.class,
    count(*) filter (where s.state = 'waiting') as waiting,
    count(*) filter (where s.state = 'running') as running,
    count(*) filter (where s.state = 'lost') as lost,
    count(*) filter (where s.state = 'retrying') as retrying,
    count(*) filter (where s.state = 'paused') as paused,
    count(*) filter (where s.state = 'dead') as dead,
    coalesce(extract(epoch from clock_timestamp() - min(j.created_at) filter (where s.state <> 'dead')), 0)::integer
        as oldest_seconds,
    (array_agg(j.reason order by j.died_at desc) filter (where s.state = 'dead'))[1] as last_reason
from chat.jobs j
left join chat.lanes l on l.key = j.lane
cross join lateral (select case
    when j.died_at is not null then 'dead'
    when l.running_job = j.id and l.lease_until < clock_timestamp() then 'lost'
    when l.running_job = j.id then 'running'
    when l.next_at = 'infinity' then 'paused'
    when l.held_since is not null then 'retrying'
    else 'waiting' end as state) s
group by j.kind, l.class
order by j.kind, l.class;
comment on view chat.queue_now is
    'Jobs by kind: waiting, running, lost (their worker is gone; the next claim takes them), retrying (and what stands behind them in a lane), paused, dead.';

create or replace view chat.lag as
select c.class,
    count(l.key) as lanes_due,
    count(l.key) filter (where l.busy) as lanes_lost,
    coalesce(max(extract(epoch from clock_timestamp() - case
        when l.busy then l.lease_until
        else greatest(l.next_at, head.created_at) end)), 0)::numeric(12, 1) as seconds
from (values (1, 'reply'), (2, 'assistant'), (3, 'notification'), (4, 'bulk')) c (urgency, class)
left join chat.lanes l on l.class = c.class
    and (l.ready and not l.busy and l.next_at <= clock_timestamp() or l.busy and l.lease_until < clock_timestamp())
left join lateral (
    select j.created_at from chat.jobs j where j.lane = l.key and j.died_at is null order by j.id limit 1) head on true
group by c.urgency, c.class
order by c.urgency;
comment on view chat.lag is
    'How late the queue is, by class: lanes that a worker could take now, and for how many seconds the longest has been so. What is retried later or paused is not late.';

create or replace view chat.waiting_now as
select c.site_id,
    row_number() over (partition by c.site_id order by chat.urgency(c.priority), c.pending_since, c.id) as place,
    c.id as conversation_id,
    c.session_number,
    c.channel::text as channel,
    c.priority::text as priority,
    d.name as department,
    v.name as visitor,
    c.pending_since,
    extract(epoch from clock_timestamp() - c.pending_since)::integer as seconds,
    (select count(*) from public.mod_chat_agents a
        where a.site_id = c.site_id and a.is_active and a.status = 'online' and a.current_chat_count < a.max_concurrent_chats
            and (c.department_id is null or a.department_id = c.department_id)) as agents_with_room
from public.mod_chat_conversations c
join public.mod_chat_visitors v on v.id = c.visitor_id
left join public.mod_chat_departments d on d.id = c.department_id
where c.status = 'pending' and c.assigned_agent_id is null
order by c.site_id, place;
comment on view chat.waiting_now is
    'Conversations that wait for an agent, in the order they are handed out. agents_with_room above 0 for longer than a second: the department does not assign by itself or is full for them.';

-- file: sql/sites/adopt_views.sql
-- What: LC-01's rows as ours: each view is one of its tables with columns named adopted_<column of ours> beside.
-- Why: what a row needs that LC-01 did not have is said in one place: numbers, states, identities, dates.
-- Leaves out: columns that only became not null; those get their default (adopt_rows.sql).

do $do$
begin
    if to_regnamespace('chat_lc01') is null then
        return;
    end if;

    create view chat_lc01.from_mod_chat_agents as
    select o.*,
        greatest(0, coalesce(o.max_concurrent_chats, 5)) as adopted_max_concurrent_chats,
        -- Averages go on with the weight of the chats they were made of.
        coalesce(o.total_chats_handled, 0) as adopted_total_responses,
        coalesce(o.avg_response_time_seconds, 0)::bigint * coalesce(o.total_chats_handled, 0) as adopted_total_response_seconds,
        round(coalesce(o.avg_rating, 0) * coalesce(o.total_ratings, 0))::integer as adopted_total_rating_stars
    from chat_lc01.mod_chat_agents o;

    create view chat_lc01.from_mod_chat_departments as
    select o.*, greatest(0, coalesce(o.max_concurrent_chats, 5)) as adopted_max_concurrent_chats
    from chat_lc01.mod_chat_departments o;

    -- Numbered as if they had come one by one.
    create view chat_lc01.from_mod_chat_messages as
    with told as (
        select o.*,
            c.site_id as adopted_site_id,
            c.channel as its_channel,
            c.visitor_id as its_visitor,
            coalesce(o.created_at, c.created_at, now()) as adopted_created_at,
            k.kind as adopted_kind,
            e.is_public, e.inbound, e.outbound_public, e.preview,
            row_number() over in_order as adopted_seq,
            row_number() over (partition by c.site_id, o.whatsapp_message_id order by o.created_at, o.id) as time_of_wamid
        from chat_lc01.mod_chat_messages o
        join chat_lc01.mod_chat_conversations c on c.id = o.conversation_id
        cross join lateral (select case
            when coalesce(o.is_internal_note, false) then 'note'
            when o.content_type = 'whatsapp_template' then 'template'
            when o.content_type = 'system' then 'event'
            when o.content_type = 'file' then 'document'
            else coalesce(o.content_type, 'text') end as kind) k
        cross join lateral chat.message_effect(o.sender_type, k.kind, 'live', false) e
        window in_order as (partition by o.conversation_id order by o.created_at, o.id)
    )
    select t.*,
        t.adopted_seq as adopted_change,
        case when t.is_public then count(*) filter (where t.is_public) over before_and_this end as adopted_public_seq,
        case when t.is_public then coalesce(max(t.adopted_seq) filter (where t.is_public) over before_this, 0) end
            as adopted_change_before,
        t.adopted_created_at as adopted_sent_at,
        chat.content_type_of(t.adopted_kind) as adopted_content_type,
        t.adopted_kind = 'note' as adopted_is_internal_note,
        s.state as adopted_delivery_state,
        chat.shown_status(s.state) as adopted_status,
        case when t.status = 'read' then coalesce(t.updated_at, t.adopted_created_at) end as adopted_read_at,
        -- Ours is the row's id; LC-01's clients wrote the user's as well.
        case t.sender_type
            when 'visitor' then t.its_visitor::text
            when 'agent' then (
                select a.id::text from chat_lc01.mod_chat_agents a
                where a.site_id = t.adopted_site_id and t.sender_id in (a.id::text, a.user_id::text)
                order by a.id::text = t.sender_id desc limit 1)
            else t.sender_id end as adopted_sender_id,
        case when t.time_of_wamid = 1 then t.whatsapp_message_id end as adopted_whatsapp_message_id,
        case
            when t.whatsapp_message_id is not null and t.time_of_wamid > 1
                then jsonb_build_object('doubled_wamid', t.whatsapp_message_id)
            else '{}' end as adopted_metadata,
        case when t.file_url is not null then 'ready' end as adopted_file_state
    from told t
    cross join lateral (select case
        when t.sender_type = 'visitor' then 'received'
        when t.status = 'sending' and t.its_channel = 'whatsapp' and t.adopted_kind not in ('note', 'event') then 'unknown'
        when t.status in ('delivered', 'read', 'failed') then t.status
        else 'sent' end as state) s
    window before_and_this as (partition by t.conversation_id order by t.adopted_seq),
        before_this as (partition by t.conversation_id order by t.adopted_seq rows between unbounded preceding and 1 preceding);

    -- A WhatsApp person is known by their phone within the site's business account; of doubles, whoever was seen last.
    create view chat_lc01.persons as
    select distinct on (v.site_id, p.phone) v.id as visitor_id, v.site_id, p.phone, s.whatsapp_business_account_id as portfolio,
        s.whatsapp_phone_number_id as phone_number_id
    from chat_lc01.mod_chat_visitors v
    join chat_lc01.mod_chat_widget_settings s on s.site_id = v.site_id and s.whatsapp_business_account_id is not null
    cross join lateral (select regexp_replace(v.whatsapp_phone, '\D', '', 'g') as phone) p
    where v.channel = 'whatsapp' and p.phone <> ''
    order by v.site_id, p.phone, v.last_seen_at desc nulls last, v.id;

    create view chat_lc01.from_mod_chat_visitors as
    select o.*,
        (select count(*)::integer from chat_lc01.mod_chat_conversations c where c.visitor_id = o.id) as adopted_total_conversations,
        (select count(*)::integer from chat_lc01.mod_chat_messages m
            join chat_lc01.mod_chat_conversations c on c.id = m.conversation_id
            where c.visitor_id = o.id and m.sender_type = 'visitor') as adopted_total_messages
    from chat_lc01.mod_chat_visitors o;

    -- LC-01 forgot open chats and began new ones; a person has one open chat a number, so the older ones are resolved.
    create view chat_lc01.from_mod_chat_conversations as
    select o.*,
        s.status as adopted_status,
        coalesce(o.resolved_at, case when s.status = 'resolved' then coalesce(o.updated_at, now()) end) as adopted_resolved_at,
        case when s.status not in ('pending', 'active', 'waiting')
            then coalesce(o.closed_at, o.resolved_at, o.updated_at, now()) end as adopted_archived_at,
        case when s.status = 'pending' then coalesce(o.created_at, now()) end as adopted_pending_since,
        'CHAT-' || lpad((row_number() over (partition by o.site_id order by o.created_at, o.id))::text, 8, '0')
            as adopted_session_number,
        i.id as adopted_identity_id,
        case when o.channel = 'whatsapp' then w.whatsapp_phone_number_id end as adopted_phone_number_id,
        coalesce(n.messages, 0)::integer as adopted_message_count,
        coalesce(n.seq, 0) as adopted_last_seq,
        coalesce(n.seq, 0) as adopted_last_change,
        coalesce(n.public_seq, 0) as adopted_last_public_seq,
        coalesce(n.public_change, 0) as adopted_last_public_change,
        coalesce(n.inbound, 0) as adopted_inbound_count,
        coalesce(n.outbound, 0) as adopted_outbound_public_count,
        case when n.last is null then o.last_message_text else chat.preview_text(n.last ->> 'kind', n.last ->> 'content') end
            as adopted_last_message_text,
        coalesce((n.last ->> 'at')::timestamptz, o.last_message_at) as adopted_last_message_at,
        coalesce(n.last ->> 'by', o.last_message_by) as adopted_last_message_by
    from chat_lc01.mod_chat_conversations o
    left join chat_lc01.mod_chat_widget_settings w on w.site_id = o.site_id
    left join chat.identities i on i.visitor_id = o.visitor_id and o.channel = 'whatsapp'
    left join (
        select m.conversation_id, count(*) as messages, max(m.adopted_seq) as seq, max(m.adopted_public_seq) as public_seq,
            max(m.adopted_seq) filter (where m.is_public) as public_change,
            count(*) filter (where m.inbound) as inbound, count(*) filter (where m.outbound_public) as outbound,
            (array_agg(jsonb_build_object(
                'kind', m.adopted_kind, 'content', m.content, 'at', m.adopted_sent_at, 'by', m.sender_type)
                order by m.adopted_sent_at desc, m.adopted_seq desc) filter (where m.preview))[1] as last
        from chat_lc01.from_mod_chat_messages m
        group by m.conversation_id) n on n.conversation_id = o.id
    cross join lateral (select case
        when o.status not in ('pending', 'active', 'waiting') then o.status
        when exists (
            select from chat_lc01.mod_chat_conversations x
            join chat.identities xi on xi.visitor_id = x.visitor_id
            where xi.id = i.id and x.channel = 'whatsapp' and x.status in ('pending', 'active', 'waiting')
                and (coalesce(x.last_message_at, x.created_at), x.id) > (coalesce(o.last_message_at, o.created_at), o.id))
            then 'resolved'
        when o.assigned_agent_id is null then 'pending'
        when o.status = 'pending' then 'active'
        else o.status end as status) s;
end
$do$;

-- file: sql/sites/adopt_rows.sql
-- What: LC-01's rows move into our tables, with columns, indexes, keys and publications that the host had added; then
--       LC-01's tables and functions go.
-- Why: before our triggers exist, because these rows have happened long ago: nothing is announced, routed or sent.
-- Leaves out: what a row of ours is made of (adopt_views.sql).

do $do$
declare
    old_table text;
    source regclass;
    added record;
    columns text;
    expressions text;
    later text[] := '{}';
    piece text;
begin
    if to_regnamespace('chat_lc01') is null then
        return;
    end if;

    -- Keys of the host's tables to LC-01's, and what it added to LC-01's: said again about ours at the end.
    for added in
        select format('alter table %s add constraint %I %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid)) as again,
            format('alter table %s drop constraint %I', k.conrelid::regclass, k.conname) as gone
        from pg_catalog.pg_constraint k
        join pg_catalog.pg_class mine on mine.oid = k.conrelid
        join pg_catalog.pg_class target on target.oid = k.confrelid
        where k.contype = 'f' and target.relnamespace = 'chat_lc01'::regnamespace
            and mine.relnamespace <> 'chat_lc01'::regnamespace
    loop
        later := later || replace(added.again, 'chat_lc01.', 'public.');
        execute added.gone;
    end loop;
    later := later || array(
        select replace(format('alter table %s add constraint %I %s', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid)),
            'chat_lc01.', 'public.')
        from pg_catalog.pg_constraint k
        join pg_catalog.pg_class c on c.oid = k.conrelid and c.relnamespace = 'chat_lc01'::regnamespace
        where k.contype in ('c', 'f', 'u', 'x')
            -- LC-01's own that ours has otherwise: domains, and the site through the conversation.
            and k.conname !~ '^mod_chat_conversations_(status|priority|channel|last_message_by|rating)_check$'
            and k.conname !~ '^mod_chat_messages_(sender_type_check|content_type_check|status_check|site_id_fkey)$'
            and k.conname <> 'mod_chat_visitors_channel_check'
            and not exists (
                select from pg_catalog.pg_constraint o
                where o.conname = k.conname and o.conrelid = to_regclass('public.' || c.relname)));
    later := later || array(
        select replace(pg_get_indexdef(i.indexrelid), 'chat_lc01.', 'public.')
        from pg_catalog.pg_index i
        join pg_catalog.pg_class c on c.oid = i.indexrelid and c.relnamespace = 'chat_lc01'::regnamespace
        where c.relname !~ '^idx_chat_(agents|visitors|conversations|messages|analytics|departments|canned|kb)_'
            and not exists (select from pg_catalog.pg_constraint k where k.conindid = i.indexrelid));
    later := later || array(
        select format('alter publication %I add table public.%I', p.pubname, c.relname)
        from pg_catalog.pg_publication_rel r
        join pg_catalog.pg_publication p on p.oid = r.prpubid
        join pg_catalog.pg_class c on c.oid = r.prrelid and c.relnamespace = 'chat_lc01'::regnamespace);

    foreach old_table in array array['mod_chat_departments', 'mod_chat_agents', 'mod_chat_widget_settings', 'mod_chat_visitors',
        'mod_chat_conversations', 'mod_chat_messages', 'mod_chat_canned_responses', 'mod_chat_knowledge_base', 'mod_chat_analytics']
    loop
        for added in
            select a.attname, a.attgenerated, a.attidentity, format_type(a.atttypid, a.atttypmod) as type, a.attnotnull,
                pg_get_expr(d.adbin, d.adrelid) as expression
            from pg_catalog.pg_attribute a
            left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
            where a.attrelid = format('chat_lc01.%I', old_table)::regclass and a.attnum > 0 and not a.attisdropped
                and not exists (
                    select from pg_catalog.pg_attribute o
                    where o.attrelid = format('public.%I', old_table)::regclass and o.attname = a.attname and not o.attisdropped)
            order by a.attnum
        loop
            execute format('alter table public.%I add column %I %s %s', old_table, added.attname, added.type, case
                when added.attgenerated = 's' then format('generated always as (%s) stored', added.expression)
                when added.expression is not null then 'default ' || added.expression else '' end);
            if added.attnotnull then
                later := later || format('alter table public.%I alter column %I set not null', old_table, added.attname);
            end if;
            if added.attidentity <> '' then
                later := later
                    || format('alter table public.%I alter column %I add generated by default as identity',
                        old_table, added.attname)
                    || format('select setval(pg_get_serial_sequence(%L, %L), coalesce(max(%I), 1)) from public.%I',
                        'public.' || old_table, added.attname, added.attname, old_table);
            end if;
        end loop;

        source := coalesce(to_regclass('chat_lc01.from_' || old_table), format('chat_lc01.%I', old_table)::regclass);
        select string_agg(quote_ident(a.attname), ', ' order by a.attnum),
            string_agg(case
                when computed.attname is not null then format('s.%I', computed.attname)
                when a.attnotnull and d.adbin is not null
                    then format('coalesce(s.%I, %s)', a.attname, pg_get_expr(d.adbin, d.adrelid))
                else format('s.%I', a.attname) end, ', ' order by a.attnum)
        into columns, expressions
        from pg_catalog.pg_attribute a
        left join pg_catalog.pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        left join pg_catalog.pg_attribute computed on computed.attrelid = source and computed.attname = 'adopted_' || a.attname
        left join pg_catalog.pg_attribute kept on kept.attrelid = source and kept.attname = a.attname
        where a.attrelid = format('public.%I', old_table)::regclass and a.attnum > 0 and not a.attisdropped
            and a.attgenerated = '' and (computed.attname is not null or kept.attname is not null);
        execute format('insert into public.%I (%s) select %s from %s s', old_table, columns, expressions, source);

        if old_table = 'mod_chat_visitors' then
            insert into chat.identities (site_id, portfolio, visitor_id)
            select p.site_id, p.portfolio, p.visitor_id from chat_lc01.persons p;
            insert into chat.identity_aliases (site_id, portfolio, kind, value, identity_id)
            select p.site_id, p.portfolio, 'phone', p.phone, i.id
            from chat_lc01.persons p
            join chat.identities i on i.visitor_id = p.visitor_id;
        end if;
    end loop;

    insert into chat.routing (site_id, next_session)
    select c.site_id, count(*) + 1 from public.mod_chat_conversations c group by c.site_id
    on conflict (site_id) do update set next_session = excluded.next_session;
    update public.mod_chat_agents a
    set current_chat_count = (
        select count(*) from public.mod_chat_conversations c
        where c.assigned_agent_id = a.id and c.status in ('active', 'waiting') and c.archived_at is null);
    perform chat.claim_number(s.site_id, s.whatsapp_phone_number_id, null, s.whatsapp_phone_number)
    from public.mod_chat_widget_settings s
    where s.whatsapp_enabled and s.whatsapp_phone_number_id is not null;

    drop view chat_lc01.from_mod_chat_conversations, chat_lc01.from_mod_chat_messages, chat_lc01.from_mod_chat_visitors,
        chat_lc01.from_mod_chat_agents, chat_lc01.from_mod_chat_departments, chat_lc01.persons;
    drop table chat_lc01.mod_chat_departments, chat_lc01.mod_chat_agents, chat_lc01.mod_chat_widget_settings,
        chat_lc01.mod_chat_visitors, chat_lc01.mod_chat_conversations, chat_lc01.mod_chat_messages,
        chat_lc01.mod_chat_canned_responses, chat_lc01.mod_chat_knowledge_base, chat_lc01.mod_chat_analytics;
    drop schema chat_lc01;
    drop function if exists public.update_conversation_message_count(), public.update_visitor_chat_stats();
    foreach piece in array later loop
        execute piece;
    end loop;
end
$do$;

-- file: sql/conversations/triggers.sql
-- What: everything that happens by itself in the room, in name order.
-- Why: triggers of one event fire by name: 100 who, 200 stamp, 300 rule, 500 queue, 700 search, 900 announce.
-- Leaves out: who (policies/conversations.sql) and routing's own trigger (routing/triggers.sql), which runs last, at commit.

-- A row that comes with its number was counted by whoever numbered it (whatsapp/receive_plain.sql, a restored dump);
-- clients have no grant on the column.
create or replace trigger _200_stamp before insert on public.mod_chat_messages
    for each row when (new.seq is null) execute function chat.stamp_message();
create or replace trigger _500_send after insert on public.mod_chat_messages
    for each row when (new.delivery_state = 'queued') execute function chat.send_message();
create or replace trigger _250_links before insert on public.mod_chat_messages
    for each row when (new.reply_to_id is not null or new.mentions is not null) execute function chat.check_links();
create or replace trigger _700_words after update of content, file_name on public.mod_chat_messages
    for each row when (new.content is distinct from old.content or new.file_name is distinct from old.file_name)
    execute function chat.words_are_due();
create or replace trigger _900_announce after insert on public.mod_chat_messages
    for each row execute function chat.announce_new_message();
create or replace trigger _900_announce_change after update on public.mod_chat_messages
    for each row when (new.change is distinct from old.change) execute function chat.announce_changed_message();
drop trigger if exists _950_read on public.mod_chat_messages;
create constraint trigger _950_read after insert on public.mod_chat_messages
    deferrable initially deferred
    for each row when (new.sender_type = 'agent') execute function chat.read_by_answering();

-- A message's own update takes a change number; whoever does not changes the row itself. The conditions are short because
-- PostgreSQL reads them anew for each statement.
create or replace trigger _300_lifecycle before update on public.mod_chat_conversations
    for each row when (new.status <> old.status
        or new.last_change = old.last_change and new.session_number is not distinct from old.session_number)
    execute function chat.apply_lifecycle();
create or replace trigger _500_count after insert on public.mod_chat_conversations
    for each row execute function chat.count_conversation();
create or replace trigger _900_announce after insert on public.mod_chat_conversations
    for each row execute function chat.announce_conversation();
create or replace trigger _900_announce_change after update on public.mod_chat_conversations
    for each row when (new.row_change is distinct from old.row_change) execute function chat.announce_conversation();

create or replace trigger _200_stamp before update on public.mod_chat_canned_responses
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();

-- file: sql/visitors/triggers.sql
-- What: what happens by itself to visitors. Why: LC-01's updated_at. Leaves out: totals, which messages and conversations keep.

create or replace trigger _200_stamp before update on public.mod_chat_visitors
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
-- Only where one of these columns is written: a message's own update of totals does not pay for it.
create or replace trigger _300_profile before update of name, email, phone, avatar_url, external_id, tags, notes, custom_data
    on public.mod_chat_visitors
    for each row execute function chat.clean_profile();
create or replace trigger _300_profile_new before insert on public.mod_chat_visitors
    for each row when (new.channel <> 'whatsapp') execute function chat.clean_profile();

-- file: sql/team/triggers.sql
-- What: what happens by itself to departments and agents, and what answers and ratings add to an agent's figures.
-- Why: LC-01's updated_at, the status event, how agents were, and LC-01's totals.
-- Leaves out: loads and the drain, which functions do under the routing row.

create or replace trigger _200_stamp before update on public.mod_chat_departments
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
create or replace trigger _300_leave before delete on public.mod_chat_departments
    for each row execute function chat.leave_department();
create or replace trigger _300_hours before insert or update of business_hours, timezone on public.mod_chat_departments
    for each row when (new.business_hours is not null or new.timezone is not null)
    execute function chat.check_hours_of_department();
create or replace trigger _200_stamp before update on public.mod_chat_agents
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
create or replace trigger _900_announce_status after update on public.mod_chat_agents
    for each row when (new.status is distinct from old.status) execute function chat.announce_agent_status();
create or replace trigger _600_note_answer after insert on public.mod_chat_messages
    for each row when (new.sender_type = 'agent') execute function chat.note_answer();
create or replace trigger _600_note_state after insert on public.mod_chat_agents
    for each row execute function chat.note_state();
create or replace trigger _600_note_change after update of status, max_concurrent_chats, current_chat_count on public.mod_chat_agents
    for each row when (new.status is distinct from old.status
        or new.max_concurrent_chats is distinct from old.max_concurrent_chats
        or new.current_chat_count is distinct from old.current_chat_count)
    execute function chat.note_state();
-- By column and without a condition, so that the counters of a message cost nothing here.
create or replace trigger _600_note_rating after update of rating on public.mod_chat_conversations
    for each row execute function chat.note_rating();

-- file: sql/widget/triggers.sql
-- What: what happens by itself to widget settings.
-- Why: LC-01's updated_at, hours that can be used, the version of the privacy text, and its whatsapp_* columns claim the site's default number.
-- Leaves out: everything the widget itself does.

create or replace trigger _200_stamp before update on public.mod_chat_widget_settings
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
create or replace trigger _300_privacy_version before update on public.mod_chat_widget_settings
    for each row when ((new.privacy_text, new.privacy_url) is distinct from (old.privacy_text, old.privacy_url))
    execute function chat.next_privacy_version();
create or replace trigger _500_claim_number after insert or update of whatsapp_enabled, whatsapp_phone_number_id,
    whatsapp_business_account_id, whatsapp_phone_number on public.mod_chat_widget_settings
    for each row execute function chat.claim_number_by_settings();
create or replace trigger _300_blocked_ips before insert or update of blocked_ips on public.mod_chat_widget_settings
    for each row execute function chat.check_blocked_ips();
create or replace trigger _300_hours before insert or update of business_hours, business_hours_enabled, timezone
    on public.mod_chat_widget_settings
    for each row execute function chat.check_hours_of_site();

-- file: sql/assistant/triggers.sql
-- What: what happens by itself to articles. Why: LC-01's updated_at. Leaves out: everything else, so far.

create or replace trigger _200_stamp before update on public.mod_chat_knowledge_base
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();

-- file: sql/reports/triggers.sql
-- What: what happens by itself to figures. Why: LC-01's updated_at. Leaves out: everything else, so far.

create or replace trigger _200_stamp before update on public.mod_chat_analytics
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();

-- file: sql/routing/triggers.sql
-- What: routing's place in a transaction: last, at commit.
-- Why: constraint triggers, deferred, with a `when`, so that a message's counters cost nothing here.
-- Leaves out: agents; their functions hold the routing row and drain themselves.

drop trigger if exists _700_route_new on public.mod_chat_conversations;
create constraint trigger _700_route_new after insert on public.mod_chat_conversations
    deferrable initially deferred
    for each row execute function chat.route_conversation();

drop trigger if exists _700_route_changed on public.mod_chat_conversations;
create constraint trigger _700_route_changed after update on public.mod_chat_conversations
    deferrable initially deferred
    -- Any change of a chat that nobody has counts: a drain that ran meanwhile could not touch the row and passed it by.
    for each row when ((new.row_change <> old.row_change
            or new.last_change <> old.last_change and new.status = 'pending' and new.assigned_agent_id is null)
        and (new.choice_id is null or new.choice_id is not distinct from old.choice_id))
    execute function chat.route_conversation();

-- Clocks that run in business hours follow the hours.
create or replace trigger _700_sla_hours after update of business_hours, business_hours_enabled, timezone
    on public.mod_chat_widget_settings
    for each row execute function chat.note_sla_hours();
create or replace trigger _700_sla_hours after update of business_hours, timezone on public.mod_chat_departments
    for each row execute function chat.note_sla_hours();

-- file: policies/_closed.sql
-- What: closes everything of ours before the rooms open what they mean to.
-- Why: one project's default privileges grant all, another's nothing; the result has to be the same under both, and a
--      new object that nobody thought of stays closed.
-- Leaves out: tables of a host's own (agencies, sites, agency_members), which only a standalone install makes; the
--             extension's functions, which its own script closes.

do $$
declare
    thing record;
begin
    for thing in
        select format('%s %s', case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass) as name
        from pg_catalog.pg_class c
        where c.relkind in ('r', 'p', 'v', 'm', 'S')
            and (c.relnamespace = 'chat'::regnamespace
                or c.relnamespace = 'public'::regnamespace and c.relname like any (array['mod\_chat\_%', 'chat\_%'])
                or obj_description(c.oid, 'pg_class') like 'pg_chat standalone:%')
        union all
        select format('function %s', p.oid::regprocedure)
        from pg_catalog.pg_proc p
        where p.pronamespace = 'chat'::regnamespace
            or p.pronamespace = 'public'::regnamespace and p.proname like 'chat\_%'
    loop
        execute format('revoke all on %s from public, anon, authenticated, service_role, chat_worker', thing.name);
    end loop;
end
$$;
revoke all on schema chat from public, anon, authenticated, service_role, chat_worker;
revoke all on schema chat_rules from public, anon, authenticated, service_role, chat_worker;

-- Policies and invoker triggers call a few helpers of the schema; what is not granted by name stays closed.
grant usage on schema chat to anon, authenticated, service_role;
grant usage on schema chat_rules to authenticated, service_role;
grant execute on function chat.my_site_ids(), chat.my_sites_with(text), chat.may(uuid, text) to authenticated;
grant execute on function
    chat.my_limited_sites(), chat.my_part(), chat.in_part(text[], uuid, uuid, uuid, uuid, text),
    chat.sees_conversation(uuid), chat.sees_visitor(uuid)
to authenticated;

-- file: policies/sites.sql
-- What: who sees agencies, sites and members of a standalone install; permissions and the module's switch by function.
-- Why: a host's own tables keep the host's own policies.
-- Leaves out: writing them; the owner of the database does.

grant execute on function public.chat_may(uuid, text), public.chat_permissions(uuid),
    public.chat_save_permission(uuid, text, text, boolean), public.chat_save_role_limit(uuid, text, text, text),
    public.chat_set_module(uuid, boolean)
to authenticated;

do $$
begin
    if obj_description(to_regclass('public.sites'), 'pg_class') not like 'pg_chat standalone:%' then
        return;
    end if;
    alter table public.agencies enable row level security;
    alter table public.sites enable row level security;
    alter table public.agency_members enable row level security;
    grant select on public.agencies, public.sites, public.agency_members to authenticated;
    grant select, insert, update, delete, truncate on public.agencies, public.sites, public.agency_members to service_role;

    drop policy if exists chat_sites_select on public.sites;
    create policy chat_sites_select on public.sites for select to authenticated
        using (id = any ((select chat.my_site_ids())::uuid[]));
    drop policy if exists chat_agencies_select on public.agencies;
    create policy chat_agencies_select on public.agencies for select to authenticated
        using (id in (select m.agency_id from public.agency_members m where m.user_id = (select auth.uid())));
    drop policy if exists chat_agency_members_select on public.agency_members;
    create policy chat_agency_members_select on public.agency_members for select to authenticated
        using (user_id = (select auth.uid()));
end
$$;

-- file: policies/team.sql
-- What: who sees and keeps departments and agents.
-- Why: colleagues see each other; whoever may manage agents keeps names and descriptions. What routing reads (status,
--      capacity, department, load) has no UPDATE grant: functions take the routing row first.
-- Leaves out: deleting agents; they are deactivated by chat_save_agent.

grant select on public.mod_chat_departments to authenticated;
grant insert (id, site_id, name, description, is_default, auto_assign, max_concurrent_chats, sort_order, business_hours, timezone)
    on public.mod_chat_departments to authenticated;
grant update (name, description, is_default, sort_order, business_hours, timezone) on public.mod_chat_departments to authenticated;
grant delete on public.mod_chat_departments to authenticated;
grant select, insert, update (name, description, is_default, sort_order, business_hours, timezone), delete
    on public.mod_chat_departments to service_role;

drop policy if exists chat_departments_select on public.mod_chat_departments;
create policy chat_departments_select on public.mod_chat_departments for select to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]));
drop policy if exists chat_departments_insert on public.mod_chat_departments;
create policy chat_departments_insert on public.mod_chat_departments for insert to authenticated
    with check (site_id = any ((select chat.my_sites_with('live-chat.agents.manage'))::uuid[]));
drop policy if exists chat_departments_update on public.mod_chat_departments;
create policy chat_departments_update on public.mod_chat_departments for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.agents.manage'))::uuid[]));
drop policy if exists chat_departments_delete on public.mod_chat_departments;
create policy chat_departments_delete on public.mod_chat_departments for delete to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.agents.manage'))::uuid[]));

grant select on public.mod_chat_agents to authenticated;
grant update (display_name, avatar_url, email) on public.mod_chat_agents to authenticated;
grant select, update (display_name, avatar_url, email) on public.mod_chat_agents to service_role;

drop policy if exists chat_agents_select on public.mod_chat_agents;
create policy chat_agents_select on public.mod_chat_agents for select to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]));
drop policy if exists chat_agents_update on public.mod_chat_agents;
create policy chat_agents_update on public.mod_chat_agents for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.agents.manage'))::uuid[]));

grant execute on function public.chat_set_status(uuid, text), public.chat_heartbeat(uuid),
    public.chat_save_presence(uuid, integer, text) to authenticated;
grant execute on function public.chat_save_department(uuid, text, uuid, text, boolean, boolean, boolean, integer, integer)
    to authenticated;
grant execute on function public.chat_save_agent(uuid, uuid, text, text, uuid, integer, boolean, text, text) to authenticated;

-- file: policies/visitors.sql
-- What: who sees and edits the people who write.
-- Why: whoever may view conversations sees them; whoever may reply corrects name, contact, tags and notes. Totals and
--      what was tracked have no UPDATE grant.
--      Visitors themselves have no grant on any table: they come with a token of ours and call functions.
-- Leaves out: identities, aliases and sessions, which no client role touches.

grant select on public.mod_chat_visitors to authenticated;
grant update (name, email, phone, avatar_url, crm_contact_id, tags, notes, custom_data)
    on public.mod_chat_visitors to authenticated;
grant select, insert, update on public.mod_chat_visitors to service_role;

drop policy if exists chat_visitors_select on public.mod_chat_visitors;
create policy chat_visitors_select on public.mod_chat_visitors for select to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[])
        and (site_id <> all ((select chat.my_limited_sites())::uuid[]) or chat.sees_visitor(id)));
drop policy if exists chat_visitors_update on public.mod_chat_visitors;
create policy chat_visitors_update on public.mod_chat_visitors for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.reply'))::uuid[])
        and (site_id <> all ((select chat.my_limited_sites())::uuid[]) or chat.sees_visitor(id)));

grant execute on function public.chat_open_session(uuid, text, jsonb), public.chat_set_page(jsonb), public.chat_end_session(),
    public.chat_identify(text, text, jsonb)
to anon, authenticated;
grant execute on function public.chat_rotate_identity_key(uuid) to authenticated;
-- Each of these asks for its own right at the visitor's site.
grant execute on function
    public.chat_person(uuid),
    public.chat_merge_visitors(uuid, uuid),
    public.chat_unmerge_visitor(uuid),
    public.chat_block_visitor(uuid, text, timestamptz),
    public.chat_block_address(uuid, text, text, timestamptz),
    public.chat_unblock(uuid),
    public.chat_blocks(uuid),
    public.chat_tag_visitor(uuid, text[], text[]),
    public.chat_set_custom_data(uuid, jsonb),
    public.chat_erase_visitor(uuid),
    public.chat_erasures(uuid),
    public.chat_export_visitor(uuid),
    public.chat_live_visitors(uuid, integer, integer, timestamptz),
    public.chat_visits(uuid, integer, bigint)
to authenticated;
-- Invoker triggers: whoever writes the columns runs the check.
grant execute on function chat.one_line(text, integer), chat.address_of(text) to authenticated, service_role;
-- An index is kept with the rights of whoever writes the row.
grant execute on function chat.visitor_words(text, text, text, text) to authenticated, service_role;

-- file: policies/conversations.sql
-- What: who reads conversations and messages, who writes as whom, and which right each column of a PATCH needs.
-- Why: a policy says which rows; a column's right and an author's name need the old row and the token, so two invoker
--      triggers say the rest. They run for direct writes only (row_security_active): our own functions have asked before.
-- Leaves out: numbers and counters, which nobody may write.

-- Authors ------------------------------------------------------------------------------------------------------------
create or replace function chat.author_of(p_conversation uuid, out site_id uuid, out agent_id uuid, out name text, out avatar text)
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    select c.site_id into author_of.site_id from public.mod_chat_conversations c where c.id = p_conversation;
    if not found or not chat.may(author_of.site_id, 'live-chat.conversations.reply')
        or not chat.sees_conversation(p_conversation)
    then
        raise exception 'there is no conversation % that you may answer', p_conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'answer in a conversation of your site';
    end if;
    agent_id := chat.my_agent(author_of.site_id);
    select a.display_name, a.avatar_url into author_of.name, author_of.avatar
    from public.mod_chat_agents a where a.id = agent_id;
end
$$;
comment on function chat.author_of(uuid) is
    'Who the caller writes as in a conversation. PT404 chat/no_such_conversation, PT403 chat/not_an_agent.';

create or replace function chat.stamp_author()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    author record;
begin
    select * into author from chat.author_of(new.conversation_id);
    new.site_id := author.site_id;
    new.sender_type := 'agent';
    new.sender_id := author.agent_id::text;
    new.sender_name := author.name;
    new.sender_avatar := author.avatar;
    new.origin := 'live';
    return new;
end
$$;
comment on function chat.stamp_author() is
    'Before a client''s own insert: the author comes from the token, whatever the row says.';

create or replace trigger _100_author before insert on public.mod_chat_messages
    for each row when (row_security_active('public.mod_chat_messages'::regclass)) execute function chat.stamp_author();

-- Columns ------------------------------------------------------------------------------------------------------------
create or replace function chat.require_for_change(
    p_site uuid, p_status boolean, p_assignment boolean, p_claim uuid, p_text boolean)
returns void
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if p_status then
        perform chat.require(p_site, 'live-chat.conversations.resolve');
    end if;
    -- Taking an unassigned chat oneself needs no right to assign others.
    if exists (
        select from public.mod_chat_agents a
        where a.id = p_claim and a.site_id = p_site and a.user_id = auth.uid() and a.is_active)
    then
        perform chat.require(p_site, 'live-chat.conversations.reply');
    elsif p_assignment then
        perform chat.require(p_site, 'live-chat.conversations.assign');
    end if;
    if p_text then
        perform chat.require(p_site, 'live-chat.conversations.reply');
    end if;
end
$$;
comment on function chat.require_for_change(uuid, boolean, boolean, uuid, boolean) is
    'Rights that a direct change of a conversation needs: of its status, its assignment (a claim of an unassigned one names the agent), its words.';

create or replace function chat.guard_conversation()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    -- Back to pending takes it away from whoever has it.
    assigned constant boolean := new.assigned_agent_id is distinct from old.assigned_agent_id
        or new.status = 'pending' and old.assigned_agent_id is not null;
    claim constant boolean := assigned and old.assigned_agent_id is null
        and new.department_id is not distinct from old.department_id and new.priority = old.priority
        and new.skills is not distinct from old.skills;
begin
    perform chat.require_for_change(
        old.site_id,
        new.status <> old.status and not (claim and new.status = 'active'),
        assigned or new.department_id is distinct from old.department_id or new.priority <> old.priority
            or new.skills is distinct from old.skills,
        case when claim then new.assigned_agent_id end,
        new.subject is distinct from old.subject or new.tags <> old.tags or new.internal_notes is distinct from old.internal_notes);
    return new;
end
$$;
comment on function chat.guard_conversation() is 'Before a client''s own update: each column asks for its right.';

create or replace trigger _100_guard before update on public.mod_chat_conversations
    for each row when (row_security_active('public.mod_chat_conversations'::regclass))
    execute function chat.guard_conversation();

-- Rows ---------------------------------------------------------------------------------------------------------------
grant select on public.mod_chat_conversations to authenticated;
grant update (status, assigned_agent_id, department_id, priority, skills, subject, tags, internal_notes)
    on public.mod_chat_conversations to authenticated;
grant select, update (status, assigned_agent_id, department_id, priority, skills, subject, tags, internal_notes, metadata)
    on public.mod_chat_conversations to service_role;

drop policy if exists chat_conversations_select on public.mod_chat_conversations;
create policy chat_conversations_select on public.mod_chat_conversations for select to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[])
        and (site_id <> all ((select chat.my_limited_sites())::uuid[])
            or chat.in_part((select chat.my_part())::text[], site_id, assigned_agent_id, last_agent_id, department_id, phone_number_id)));
drop policy if exists chat_conversations_update on public.mod_chat_conversations;
create policy chat_conversations_update on public.mod_chat_conversations for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[])
        and (site_id <> all ((select chat.my_limited_sites())::uuid[])
            or chat.in_part((select chat.my_part())::text[], site_id, assigned_agent_id, last_agent_id, department_id, phone_number_id)));

grant select on public.mod_chat_messages to authenticated;
grant insert (id, conversation_id, site_id, sender_type, sender_id, sender_name, sender_avatar, content, content_type,
    is_internal_note, kind, reply_to_id, mentions, status) on public.mod_chat_messages to authenticated;
grant select on public.mod_chat_messages to service_role;
grant insert (id, conversation_id, site_id, sender_type, sender_id, sender_name, sender_avatar, content, content_type,
    is_internal_note, kind, reply_to_id, mentions, status, is_ai_generated, ai_confidence) on public.mod_chat_messages to service_role;

drop policy if exists chat_messages_select on public.mod_chat_messages;
create policy chat_messages_select on public.mod_chat_messages for select to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[])
        and (site_id <> all ((select chat.my_limited_sites())::uuid[]) or chat.sees_conversation(conversation_id)));
drop policy if exists chat_messages_insert on public.mod_chat_messages;
create policy chat_messages_insert on public.mod_chat_messages for insert to authenticated
    with check (site_id = any ((select chat.my_sites_with('live-chat.conversations.reply'))::uuid[]));

revoke all on function
    chat.author_of(uuid), chat.stamp_author(), chat.require_for_change(uuid, boolean, boolean, uuid, boolean),
    chat.guard_conversation()
from public, anon, authenticated, service_role;
grant execute on function chat.author_of(uuid), chat.require_for_change(uuid, boolean, boolean, uuid, boolean) to authenticated;
-- The lifecycle is an invoker trigger: who may PATCH may run the rule it asks.
grant execute on function chat.status_refusal(text, text, boolean) to authenticated, service_role;
grant execute on function chat_rules.status_refusal(text, text, boolean) to authenticated, service_role;
grant execute on function chat.clean_skills(text[]) to authenticated, service_role;

-- Functions ------------------------------------------------------------------------------------------------------------
grant execute on function
    public.chat_mentions(uuid, boolean, timestamptz, integer),
    public.chat_snooze(uuid, timestamptz),
    public.chat_bulk(uuid[], jsonb),
    public.chat_schedule_message(uuid, text, timestamptz, boolean, uuid),
    public.chat_cancel_scheduled(uuid),
    public.chat_scheduled(uuid),
    public.chat_message_history(uuid),
    public.chat_find_canned(uuid, text, integer),
    public.chat_use_canned(uuid, uuid),
    public.chat_start_conversation(uuid, text, text, text, uuid)
to authenticated;
-- Both sides; each tells agents and visitors apart itself.
grant execute on function
    public.chat_read(uuid, bigint, boolean),
    public.chat_edit_message(uuid, text),
    public.chat_delete_message(uuid),
    public.chat_react(uuid, text),
    public.chat_rate(uuid, integer, text),
    public.chat_end(uuid, integer, text)
to anon, authenticated;
grant execute on function public.chat_receive_api(uuid, text, text, uuid, jsonb, jsonb) to service_role;

-- Reading -------------------------------------------------------------------------------------------------------------
-- Lists and search ask for the right to view themselves; pages of messages run under the policies above.
grant select on public.chat_conversation_list to authenticated, service_role;
grant select on public.chat_saved_views to authenticated;
grant execute on function
    public.chat_inbox(jsonb, jsonb, integer), public.chat_counts(uuid), public.chat_inbox_count(jsonb, integer),
    public.chat_messages(uuid, bigint, bigint, integer), public.chat_changes(uuid, bigint, integer),
    public.chat_search(uuid, text, jsonb, integer, uuid),
    public.chat_save_view(uuid, text, jsonb, boolean, uuid, integer), public.chat_delete_view(uuid)
to authenticated;
grant execute on function chat.require_conversation(uuid), chat.require_page_size(integer, integer) to authenticated;

-- Canned responses ---------------------------------------------------------------------------------------------------
grant select on public.mod_chat_canned_responses to authenticated;
grant insert (id, site_id, title, content, shortcut, category, tags, is_shared, is_active)
    on public.mod_chat_canned_responses to authenticated;
grant update (title, content, shortcut, category, tags, is_shared, is_active) on public.mod_chat_canned_responses to authenticated;
grant delete on public.mod_chat_canned_responses to authenticated;
grant select, insert, update, delete, truncate on public.mod_chat_canned_responses to service_role;

drop policy if exists chat_canned_responses_select on public.mod_chat_canned_responses;
create policy chat_canned_responses_select on public.mod_chat_canned_responses for select to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]) and (is_shared or created_by = (select auth.uid())));
drop policy if exists chat_canned_responses_insert on public.mod_chat_canned_responses;
create policy chat_canned_responses_insert on public.mod_chat_canned_responses for insert to authenticated
    with check (site_id = any ((select chat.my_sites_with('live-chat.canned.manage'))::uuid[]));
drop policy if exists chat_canned_responses_update on public.mod_chat_canned_responses;
create policy chat_canned_responses_update on public.mod_chat_canned_responses for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.canned.manage'))::uuid[])
        and (is_shared or created_by = (select auth.uid())));
drop policy if exists chat_canned_responses_delete on public.mod_chat_canned_responses;
create policy chat_canned_responses_delete on public.mod_chat_canned_responses for delete to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.canned.manage'))::uuid[])
        and (is_shared or created_by = (select auth.uid())));

-- file: policies/routing.sql
-- What: who may ask why a chat is whose it is, who waits and who was how full, take, assign and hand it over, say how
--       chats are sorted and handed out and what is promised, and ask when a site is open.
-- Why: each function asks for its right itself; opening hours are what a widget shows to anybody, a place in the queue
--      to whoever stands there.
-- Leaves out: choices, settings and the routing row, which no client role touches.

grant execute on function
    public.chat_explain_assignment(uuid),
    public.chat_claim(uuid, boolean),
    public.chat_assign(uuid, uuid, boolean),
    public.chat_unassign(uuid),
    public.chat_transfer(uuid, uuid, uuid, text, boolean),
    public.chat_routing(uuid),
    public.chat_save_routing(uuid, uuid, text, integer, integer, integer, uuid, integer, integer),
    public.chat_queue(uuid, integer),
    public.chat_agent_load(uuid, timestamptz, timestamptz),
    public.chat_simulate_routing(uuid, timestamptz, timestamptz, jsonb),
    public.chat_save_skills(uuid, uuid, text[]),
    public.chat_routing_rules(uuid),
    public.chat_save_routing_rules(uuid, jsonb, integer),
    public.chat_try_routing_rules(uuid, jsonb, integer),
    public.chat_sla(uuid),
    public.chat_save_sla(uuid, uuid, text, text, integer, integer, integer, boolean, integer),
    public.chat_delete_sla(uuid, uuid),
    public.chat_sla_of(uuid)
to authenticated;
grant execute on function public.chat_hours(uuid, uuid, timestamptz), public.chat_queue_position(uuid) to anon, authenticated;
-- Read by chat_conversation_list, of rows that its reader sees.
grant execute on function chat.sla_due(uuid) to authenticated, service_role;

-- file: policies/whatsapp.sql
-- What: what of WhatsApp is open to people: sending an unknown or failed message again.
-- Why: apps, accounts, numbers, attempts and leftovers are reached by functions only.
-- Leaves out: the worker's functions (jobs.sql).

grant execute on function public.chat_resend_message(uuid) to authenticated;

-- file: policies/widget.sql
-- What: who reads and changes a site's settings.
-- Why: every colleague reads them; changing needs settings.manage, and the whatsapp_* columns whatsapp.manage. A column's
--      right needs the old row, so an invoker trigger asks for it.
-- Leaves out: the public part, which the widget gets from a function, not from this table.

create or replace function chat.require_for_settings(p_site uuid, p_whatsapp boolean, p_other boolean)
returns void
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    if p_whatsapp then
        perform chat.require(p_site, 'live-chat.whatsapp.manage');
    end if;
    if p_other then
        perform chat.require(p_site, 'live-chat.settings.manage');
    end if;
end
$$;
comment on function chat.require_for_settings(uuid, boolean, boolean) is
    'Rights that a direct change of settings needs: of the whatsapp_* columns, of any other.';

create or replace function chat.guard_settings()
returns trigger
language plpgsql
set search_path = ''
as $$
declare
    ours constant text[] := array['whatsapp_enabled', 'whatsapp_phone_number', 'whatsapp_phone_number_id',
        'whatsapp_business_account_id', 'whatsapp_welcome_template'];
    before constant jsonb := case when tg_op = 'UPDATE' then to_jsonb(old) else '{"whatsapp_enabled": false}' end;
    after constant jsonb := to_jsonb(new);
begin
    perform chat.require_for_settings(
        new.site_id,
        exists (select from unnest(ours) k where before ->> k is distinct from after ->> k),
        tg_op = 'INSERT' or before - ours <> after - ours);
    return new;
end
$$;
comment on function chat.guard_settings() is 'Before a client''s own write: whatsapp_* columns and the others ask for their rights.';

create or replace trigger _100_guard before insert or update on public.mod_chat_widget_settings
    for each row when (row_security_active('public.mod_chat_widget_settings'::regclass))
    execute function chat.guard_settings();

grant select, insert on public.mod_chat_widget_settings to authenticated;
grant update (
    primary_color, text_color, position, launcher_icon, launcher_size, border_radius, z_index, company_name,
    welcome_message, away_message, offline_message, logo_url, pre_chat_enabled, pre_chat_name_required,
    pre_chat_email_required, pre_chat_phone_enabled, pre_chat_phone_required, pre_chat_message_required,
    pre_chat_department_selector, business_hours_enabled, business_hours, timezone, auto_open_delay_seconds,
    show_agent_avatar, show_agent_name, show_typing_indicator, enable_file_uploads, enable_emoji,
    enable_sound_notifications, enable_satisfaction_rating, language, custom_translations, whatsapp_enabled,
    whatsapp_phone_number, whatsapp_phone_number_id, whatsapp_business_account_id, whatsapp_welcome_template,
    allowed_domains, blocked_ips, max_file_size_mb, allowed_file_types, reopen_hours,
    auto_resolve_hours, missed_after_minutes, edit_minutes, choice_days,
    session_days, sessions_per_minute, address_sessions_per_minute, messages_per_minute, address_messages_per_minute,
    privacy_text, privacy_url, privacy_required)
    on public.mod_chat_widget_settings to authenticated;
grant select, insert, update, delete, truncate on public.mod_chat_widget_settings to service_role;
revoke all on function chat.require_for_settings(uuid, boolean, boolean), chat.guard_settings()
    from public, anon, authenticated, service_role;
grant execute on function chat.require_for_settings(uuid, boolean, boolean) to authenticated;

-- Visitors, by the token of their session; and their views, which show what is theirs.
grant execute on function
    public.chat_widget_config(uuid),
    public.chat_consent(integer),
    public.chat_submit_form(text, jsonb, uuid),
    public.chat_request_upload(text, integer, text),
    public.chat_post_message(text, uuid, uuid, uuid, uuid),
    chat.my_visitor_ids()
to anon, authenticated;
grant select on public.chat_my_conversations, public.chat_my_messages to anon, authenticated;

drop policy if exists chat_widget_settings_select on public.mod_chat_widget_settings;
create policy chat_widget_settings_select on public.mod_chat_widget_settings for select to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]));
drop policy if exists chat_widget_settings_insert on public.mod_chat_widget_settings;
create policy chat_widget_settings_insert on public.mod_chat_widget_settings for insert to authenticated
    with check (site_id = any ((select chat.my_sites_with('live-chat.settings.manage'))::uuid[]));
drop policy if exists chat_widget_settings_update on public.mod_chat_widget_settings;
create policy chat_widget_settings_update on public.mod_chat_widget_settings for update to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]));

-- file: policies/storage.sql
-- What: the bucket of chats' files, and who puts files there.
-- Why: a visitor puts a file only where chat_request_upload told their session to; the bucket is private, so reading needs
--      an address that Storage signs.
-- Leaves out: installs without Supabase Storage, which have nothing here.

do $$
begin
    if to_regclass('storage.objects') is null then
        return;
    end if;
    insert into storage.buckets (id, name, public) values ('chat-media', 'chat-media', false) on conflict do nothing;
    drop policy if exists chat_media_upload on storage.objects;
    create policy chat_media_upload on storage.objects for insert to anon
        with check (bucket_id = 'chat-media' and name = any ((select chat.my_upload_paths())::text[]));
end
$$;
grant execute on function chat.my_upload_paths() to anon;

-- file: policies/assistant.sql
-- What: who reads and keeps the knowledge base.
-- Why: colleagues read; kb.manage writes. Usage figures have no grant.
-- Leaves out: the assistant's own functions, which come with it.

grant select on public.mod_chat_knowledge_base to authenticated;
grant insert (id, site_id, title, content, category, tags, is_active) on public.mod_chat_knowledge_base to authenticated;
grant update (title, content, category, tags, is_active) on public.mod_chat_knowledge_base to authenticated;
grant delete on public.mod_chat_knowledge_base to authenticated;
grant select, insert, update, delete, truncate on public.mod_chat_knowledge_base to service_role;

drop policy if exists chat_knowledge_base_select on public.mod_chat_knowledge_base;
create policy chat_knowledge_base_select on public.mod_chat_knowledge_base for select to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]));
drop policy if exists chat_knowledge_base_insert on public.mod_chat_knowledge_base;
create policy chat_knowledge_base_insert on public.mod_chat_knowledge_base for insert to authenticated
    with check (site_id = any ((select chat.my_sites_with('live-chat.kb.manage'))::uuid[]));
drop policy if exists chat_knowledge_base_update on public.mod_chat_knowledge_base;
create policy chat_knowledge_base_update on public.mod_chat_knowledge_base for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.kb.manage'))::uuid[]));
drop policy if exists chat_knowledge_base_delete on public.mod_chat_knowledge_base;
create policy chat_knowledge_base_delete on public.mod_chat_knowledge_base for delete to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.kb.manage'))::uuid[]));

-- file: policies/reports.sql
-- What: who reads the figures.
-- Why: analytics.view; nobody writes them but the database.
-- Leaves out: how they are made.

grant select on public.mod_chat_analytics to authenticated, service_role;

drop policy if exists chat_analytics_select on public.mod_chat_analytics;
create policy chat_analytics_select on public.mod_chat_analytics for select to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.analytics.view'))::uuid[]));

-- file: policies/jobs.sql
-- What: the worker's list, and what people may ask of the queue.
-- Why: the worker's role has these functions and no table; worker/src/db.rs calls exactly these.
-- Leaves out: people with psql; they are the owner and see chat.queue_now, chat.lag, chat.waiting_now.

grant execute on function
    public.chat_receive_whatsapp(uuid, jsonb),
    public.chat_keep_dead_letter(uuid, text, jsonb),
    public.chat_claim_jobs(integer),
    public.chat_finish_job(bigint, uuid, jsonb),
    public.chat_give_back_jobs(uuid[]),
    public.chat_begin_attempt(bigint, uuid),
    public.chat_finish_attempt(bigint, uuid, uuid, integer, jsonb),
    public.chat_tick(integer),
    public.chat_register_whatsapp(text, uuid, text, text, text, text),
    public.chat_confirm_number(uuid, jsonb),
    public.chat_worker_facts()
to chat_worker;

grant execute on function public.chat_retry_job(bigint) to authenticated;

-- file: policies/live.sql
-- What: tells PostgREST that grants and functions changed.
-- Why: its schema cache is read once; without this a fresh install answers 404 until a restart.
-- Leaves out: who may join which topic, which comes with live itself.

notify pgrst, 'reload schema';
