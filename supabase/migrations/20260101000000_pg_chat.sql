-- pg_chat: the whole schema and its policies.
-- Written by `cargo x migrations` from the files named in sql/ORDER. Change those, not this one.

-- file: sql/chat.sql
-- What: the schema everything inside lives in, and the extension with the rules.
-- Why: `chat` is not exposed by PostgREST; what people call is `public.chat_*`.
-- Leaves out: grants; those are policies/.

create schema if not exists chat;
comment on schema chat is 'pg_chat: everything inside. Not exposed; people and programs use public.chat_* and public.mod_chat_*.';

-- Trusted: a role with CREATE on the database installs it, no superuser needed.
create schema if not exists chat_rules;
create extension if not exists pg_chat_ext schema chat_rules;

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
-- What: which role of an agent has which of LC-01's ten permissions. A row with a site overrides the row without.
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

-- file: sql/team/departments.sql
-- What: departments, the groups a conversation can be routed to.
-- Why: LC-01's columns; what its types call non-null is not null.
-- Leaves out: business hours and fallbacks, which come with the routing rules.

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
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint mod_chat_departments_site_id_id_key unique (site_id, id)
);
comment on table public.mod_chat_departments is 'Groups of agents a conversation can be routed to.';
comment on column public.mod_chat_departments.auto_assign is 'False: its conversations wait to be claimed.';
comment on column public.mod_chat_departments.max_concurrent_chats is 'Caps each agent''s chats in this department, never their sum.';
alter table public.mod_chat_departments enable row level security;

-- file: sql/team/agents.sql
-- What: agents, the people (auth users) who answer.
-- Why: LC-01's columns and when each was last given a chat. Status, capacity and load change by function only.
-- Leaves out: heartbeats; deletion: agents are deactivated, so that history keeps its names.

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
comment on column public.mod_chat_agents.last_assigned_at is 'When routing or a person last gave this agent a chat.';
create index if not exists idx_chat_agents_status on public.mod_chat_agents (site_id, status);
create index if not exists mod_chat_agents_user_id_idx on public.mod_chat_agents (user_id) where is_active;
alter table public.mod_chat_agents enable row level security;

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
    merged_into uuid,
    constraint mod_chat_visitors_site_id_id_key unique (site_id, id),
    constraint mod_chat_visitors_merged_into_fkey foreign key (site_id, merged_into)
        references public.mod_chat_visitors (site_id, id) on delete set null (merged_into)
) with (fillfactor = 80);
comment on table public.mod_chat_visitors is 'People who write to a site.';
comment on column public.mod_chat_visitors.total_messages is 'Messages this person wrote, history imports left out.';
comment on column public.mod_chat_visitors.whatsapp_phone is
    'Their WhatsApp number for people to read; null for a person known by BSUID only. Not a key.';
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
    created_at timestamptz not null default now(),
    constraint identities_site_id_id_key unique (site_id, id),
    constraint identities_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade
);
comment on table chat.identities is 'A verified person on a channel. Locked first (design: lock order).';
comment on column chat.identities.portfolio is
    'WhatsApp: the account''s business portfolio id, else its WABA id; BSUIDs are valid within it. Empty elsewhere.';
create index if not exists identities_visitor_id_idx on chat.identities (visitor_id);
alter table chat.identities enable row level security;

create table if not exists chat.identity_aliases (
    site_id uuid not null,
    portfolio text not null,
    kind text not null check (kind in ('bsuid', 'phone', 'hmac', 'auth')),
    value text not null,
    identity_id uuid not null,
    created_at timestamptz not null default now(),
    primary key (site_id, portfolio, kind, value),
    -- Deferred: the alias is taken first, so that of two transactions only one goes on to make the person.
    constraint identity_aliases_identity_id_fkey foreign key (site_id, identity_id)
        references chat.identities (site_id, id) on delete cascade deferrable initially deferred
);
comment on table chat.identity_aliases is 'Ids an identity is known by: BSUID, phone, HMAC id, auth user. Old ones stay.';
create index if not exists identity_aliases_identity_id_idx on chat.identity_aliases (identity_id);
alter table chat.identity_aliases enable row level security;

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
comment on column chat.erasures.counts is 'How many rows of each kind went.';
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
comment on column chat.sessions.ended_why is 'visitor: signed out; blocked: by an agent.';
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
    row_change bigint not null default 0,
    row_change_before bigint not null default 0,
    inbound_count bigint not null default 0,
    outbound_public_count bigint not null default 0,
    last_agent_id uuid,
    choice_id bigint,
    pending_since timestamptz default now(),
    agent_joined_at timestamptz,
    snoozed_until timestamptz,
    archived_at timestamptz,
    page_url text,
    page_title text,
    user_agent text,
    ip_address inet,
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
comment on column public.mod_chat_conversations.row_change is 'Newest change of the conversation''s own fields.';
comment on column public.mod_chat_conversations.row_change_before is 'The visitor-visible change before row_change.';
comment on column public.mod_chat_conversations.inbound_count is 'Messages of the visitor; agents'' cursors remember it.';
comment on column public.mod_chat_conversations.outbound_public_count is 'Messages to the visitor; the visitor''s cursor remembers it.';
comment on column public.mod_chat_conversations.last_agent_id is 'Who had it before it became pending again; preferred when it comes back.';
comment on column public.mod_chat_conversations.choice_id is 'The kept decision (chat.choices) that assigned it; null when a person did.';
comment on column public.mod_chat_conversations.pending_since is 'Since when it waits for an agent; null when it does not.';
comment on column public.mod_chat_conversations.archived_at is 'When it left pending, active, waiting; null while open.';

-- Two transactions cannot both open a conversation for one person on one number.
create unique index if not exists mod_chat_conversations_one_open_idx
    on public.mod_chat_conversations (identity_id, phone_number_id) nulls not distinct
    where identity_id is not null and archived_at is null;
-- The queue, oldest most urgent first.
create index if not exists mod_chat_conversations_queue_idx
    on public.mod_chat_conversations (
        site_id,
        (case priority when 'urgent' then 1 when 'high' then 2 when 'normal' then 3 else 4 end),
        pending_since, id)
    where status = 'pending' and assigned_agent_id is null;
-- Inbox order over open rows only; any other index that names last_message_at costs more and gives nothing.
create index if not exists mod_chat_conversations_open_idx
    on public.mod_chat_conversations (site_id, last_message_at desc) where archived_at is null;
create index if not exists mod_chat_conversations_open_by_agent_idx
    on public.mod_chat_conversations (assigned_agent_id, last_message_at desc) where archived_at is null;
create index if not exists mod_chat_conversations_archived_idx
    on public.mod_chat_conversations (site_id, archived_at desc) where archived_at is not null;
create index if not exists idx_chat_conversations_site_status on public.mod_chat_conversations (site_id, status);
create index if not exists idx_chat_conversations_agent on public.mod_chat_conversations (assigned_agent_id, status);
create index if not exists idx_chat_conversations_visitor on public.mod_chat_conversations (visitor_id);
create index if not exists idx_chat_conversations_channel on public.mod_chat_conversations (site_id, channel);
create index if not exists mod_chat_conversations_identity_idx
    on public.mod_chat_conversations (identity_id, archived_at desc) where archived_at is not null;
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
comment on column public.mod_chat_messages.metadata is
    'What the columns do not hold: media, interactive, location, statuses (first time of each), error {code,title,details,advice}, pricing, raw.';
comment on column public.mod_chat_messages.file_state is 'Of the attachment: pending, ready, failed; null when there is none.';

create unique index if not exists mod_chat_messages_whatsapp_message_id_idx
    on public.mod_chat_messages (site_id, whatsapp_message_id) where whatsapp_message_id is not null;
create index if not exists mod_chat_messages_reply_to_idx
    on public.mod_chat_messages (reply_to_id) where reply_to_id is not null;
-- The tick settles unknown sends; there are few at any time.
create index if not exists mod_chat_messages_unknown_idx
    on public.mod_chat_messages (updated_at) where delivery_state = 'unknown';
alter table public.mod_chat_messages enable row level security;

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
-- Leaves out: rules, hours, SLA.

create table if not exists chat.routing (
    site_id uuid primary key references public.sites (id) on delete cascade,
    next_session bigint not null default 1
) with (fillfactor = 70);
comment on table chat.routing is 'A row a site; locked before agents are looked at. Also counts session numbers.';
alter table chat.routing enable row level security;

create table if not exists chat.choices (
    id bigint generated always as identity primary key,
    site_id uuid not null references public.sites (id) on delete cascade,
    conversation_id uuid not null,
    agent_id uuid not null,
    at timestamptz not null,
    facts jsonb not null,
    choice jsonb not null,
    constraint choices_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade
);
comment on table chat.choices is 'Each choice of an agent with the facts it was made from, so it can be explained and replayed.';
create index if not exists choices_conversation_id_idx on chat.choices (conversation_id, id desc);
alter table chat.choices enable row level security;

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
    reason text,
    constraint jobs_dead_has_reason check ((died_at is null) = (reason is null))
);
comment on table chat.jobs is 'Work of the queue. Done jobs are deleted; dead ones keep their reason.';
comment on column chat.jobs.lane is 'Its lane. No key: enqueue writes the lane first, and a dead job outlives it.';
create index if not exists jobs_lane_idx on chat.jobs (lane, id) where died_at is null;
create index if not exists jobs_dead_idx on chat.jobs (died_at) where died_at is not null;
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

create or replace function chat.address_listed(address text, list jsonb)
returns boolean
language sql immutable parallel safe
as $$ select chat_rules.address_listed(address, list::text) $$;
comment on function chat.address_listed(text, jsonb) is
    'Whether an address is in a list of addresses and networks; what is neither matches nobody.';

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

create or replace function chat.choose_agent(facts jsonb)
returns jsonb
language sql immutable parallel safe
as $$ select chat_rules.choose_agent(facts::text)::jsonb $$;
comment on function chat.choose_agent(jsonb) is
    'Who gets a conversation: {agent_id, reason, order, losers} from {department_id, preferred_agent_id, candidates}.';

-- file: sql/sites/member_role.sql
-- What: the role of a user in an agency, in pg_chat's words: owner, admin, member, or null.
-- Why: the one place that reads the host's membership rows. Replace this function where a host names things differently.
-- Leaves out: agents; their rights come from mod_chat_agents.role.

-- Read through jsonb so that a host table without a `role` column answers 'member' (no rights) instead of failing.
create or replace function chat.member_role(p_user uuid, p_agency uuid)
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
    'Role of a user in an agency: owner, admin, member; null when not a member. Replaceable by the host.';

-- file: policies/_may.sql
-- What: who I am and what I may: the helpers every policy and every function asks.
-- Why: policies are sentences that call one helper, evaluated once a query:
--      site_id = any ((select chat.my_sites_with('…'))::uuid[]).
-- Leaves out: visitors; their session comes with the widget.

create or replace function chat.my_site_ids()
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
        where m.user_id = auth.uid() and chat.member_role(m.user_id, m.agency_id) in ('owner', 'admin')
        union
        select a.site_id from public.mod_chat_agents a where a.user_id = auth.uid() and a.is_active);
end
$$;
comment on function chat.my_site_ids() is
    'Sites the caller works in: as owner or admin of the agency, or as an active agent. Replaceable by the host.';

create or replace function chat.my_sites_with(p_permission text)
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
        where m.user_id = auth.uid() and chat.member_role(m.user_id, m.agency_id) in ('owner', 'admin')
        union
        select a.site_id
        from public.mod_chat_agents a
        where a.user_id = auth.uid() and a.is_active
            and (
                select p.allowed from chat.permissions p
                where (p.site_id = a.site_id or p.site_id is null) and p.role = a.role and p.permission = p_permission
                order by p.site_id nulls last
                limit 1));
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

-- file: sql/live/broadcast.sql
-- What: the one door to Supabase Realtime.
-- Why: all topics of a change go out in one insert; realtime.send would cost a subtransaction a topic. The times are
--      given in UTC, because the columns have no zone and a session's own would put the row into the wrong day's
--      partition. A broadcast is a hint: its failure is a warning and a count, never the fault of the message.
-- Leaves out: which topics a change has (the callers know), and who may join them.

create sequence if not exists chat.broadcast_failures;
comment on sequence chat.broadcast_failures is
    'Counts broadcasts that could not be written. A sequence, so that the count survives a rollback.';

create or replace function chat.broadcast(p_topics text[], p_payloads jsonb[])
returns void
language plpgsql
security definer
set search_path = ''
as $$
begin
    if to_regclass('realtime.messages') is null then
        return;
    end if;
    insert into realtime.messages (topic, extension, event, payload, private, inserted_at, updated_at)
    select m.topic, 'broadcast', m.payload ->> 'type', m.payload, true, now() at time zone 'UTC', now() at time zone 'UTC'
    from unnest(p_topics, p_payloads) as m (topic, payload)
    where m.topic is not null;
exception when others then
    perform nextval('chat.broadcast_failures');
    raise warning 'pg_chat: a broadcast was not written: %', sqlerrm;
end
$$;
comment on function chat.broadcast(text[], jsonb[]) is
    'Writes one payload a topic to Realtime, null topics left out; the payload''s `type` is the event. Does nothing where Realtime is absent.';

-- file: sql/jobs/enqueue.sql
-- What: puts a job into a lane.
-- Why: the lane is written first, so two writers of one lane queue up and their jobs keep the order of commit. A lane
--      that is ready already makes no new row version.
-- Leaves out: a time to run at; nothing is enqueued before it is due.

create or replace function chat.enqueue(
    p_lane text, p_kind text, p_class text, p_site uuid, p_payload jsonb, p_notify boolean, p_replace boolean default false)
returns void
language plpgsql
-- The queue is empty most of the time, so a plan made then would scan it; behind a backlog that is ruin.
set enable_seqscan = off
as $$
declare
    was_idle boolean;
begin
    insert into chat.lanes as l (key, kind, class, urgency)
    values (p_lane, p_kind, p_class, array_position(array['reply', 'assistant', 'notification', 'bulk'], p_class))
    on conflict (key) do update set ready = true, idle_since = null where not l.ready
    returning true into was_idle;

    -- An idle lane has nothing that waits.
    if p_replace and was_idle is null then
        update chat.jobs j set payload = p_payload
        where j.lane = p_lane and j.kind = p_kind and j.died_at is null
            and j.id is distinct from (select l.running_job from chat.lanes l where l.key = p_lane);
        if found then
            return;
        end if;
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
begin
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
    ), chosen as (
        (select key, 0 as place from lost union all select key, 1 from due) order by place limit slots
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
        order by urgency, id), '[]')
    into claimed
    from leased;
    return claimed;
end
$$;
comment on function public.chat_claim_jobs(integer) is
    'Leases up to so many jobs, one a lane, most urgent first; lanes whose lease ran out first of all. Answers [{job_id, lane, lease_token, lease_seconds, kind, payload, tries, held_seconds}].';

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
                using errcode = 'PT409', detail = refusal,
                    hint = 'active and waiting need an assigned agent; a closed conversation comes back as pending';
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
        new.pending_since := case when new.status = 'pending' then at end;
        new.resolved_at := case
            when new.status = 'resolved' then at
            when new.archived_at is null then null
            else old.resolved_at
        end;
        new.closed_at := case when new.status = 'closed' then at end;
        if new.status = 'resolved' then
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
            new.agent_joined_at := at;
            new.wait_time_seconds := coalesce(
                old.wait_time_seconds,
                greatest(0, extract(epoch from at - coalesce(old.pending_since, old.created_at)))::integer);
        end if;
    end if;

    new.updated_at := at;
    new.last_change := new.last_change + 1;
    new.row_change := new.last_change;
    new.row_change_before := new.last_public_change;
    if (new.status, new.assigned_agent_id) is distinct from (old.status, old.assigned_agent_id) then
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
    payload jsonb;
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
    payload := jsonb_build_object('v', 1, 'type', word, 'conversation_id', new.id, 'change', new.row_change);
    perform chat.broadcast(
        array[
            'chat:site:' || new.site_id,
            'chat:conversation:' || new.id,
            -- The visitor sees who serves them and the state, nothing else of the row.
            case when new.last_public_change = new.row_change then 'chat:visitor:' || new.visitor_id end],
        array[
            payload,
            payload || jsonb_build_object('prev', new.row_change - 1),
            payload || jsonb_build_object('prev', new.row_change_before)]);
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
-- What: the event rows and the broadcast of messages, for a whole statement at once.
-- Why: a run of fifty incoming messages is one insert, so one event insert and one broadcast.
-- Leaves out: the payload's content. Clients fetch rows by `change`; a broadcast is a hint.

create or replace function chat.message_payload(p_message public.mod_chat_messages, p_type text)
returns jsonb
language sql
stable
as $$
    select jsonb_build_object('v', 1, 'type', p_type, 'conversation_id', (p_message).conversation_id,
        'message_id', (p_message).id, 'change', (p_message).change)
$$;
comment on function chat.message_payload(public.mod_chat_messages, text) is
    'What every topic is told of a changed message; the caller adds `prev`, the change before it on that topic.';

create or replace function chat.announce_new_messages()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    message public.mod_chat_messages;
    payload jsonb;
    topics text[] := '{}';
    payloads jsonb[] := '{}';
begin
    for message in select a.* from added a where a.origin <> 'history' order by a.conversation_id, a.seq loop
        if message.public_seq is not null and message.sender_type <> 'system' then
            insert into chat.events (site_id, name, conversation_id, message_id, agent_id)
            values (message.site_id,
                case message.sender_type when 'visitor' then 'chat.message.received' else 'chat.message.sent' end,
                message.conversation_id, message.id,
                case when message.sender_type = 'agent' and message.origin = 'live' then message.sender_id::uuid end);
        end if;
        payload := chat.message_payload(message, 'new_message');
        topics := topics || chat.message_topics(message);
        payloads := payloads || array[
            payload,
            payload || jsonb_build_object('prev', message.change - 1),
            payload || jsonb_build_object('prev', message.change_before)];
    end loop;
    if cardinality(topics) > 0 then
        perform chat.broadcast(topics, payloads);
    end if;
    return null;
end
$$;
comment on function chat.announce_new_messages() is 'After messages were written: event rows and one broadcast for all.';

create or replace function chat.announce_changed_message()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    payload constant jsonb := chat.message_payload(new, 'status_change');
begin
    perform chat.broadcast(chat.message_topics(new), array[
        payload,
        payload || jsonb_build_object('prev', new.change - 1),
        payload || jsonb_build_object('prev', new.change_before)]);
    return null;
end
$$;
comment on function chat.announce_changed_message() is 'After a message changed (delivery, reaction, file): one broadcast.';

create or replace function chat.message_topics(p_message public.mod_chat_messages)
returns text[]
language plpgsql
stable
as $$
declare
    visitor uuid;
begin
    if p_message.sender_type = 'visitor' then
        visitor := p_message.sender_id::uuid;
    elsif p_message.public_seq is not null then
        select c.visitor_id into visitor from public.mod_chat_conversations c where c.id = p_message.conversation_id;
    end if;
    return array[
        'chat:site:' || p_message.site_id, 'chat:conversation:' || p_message.conversation_id, 'chat:visitor:' || visitor];
end
$$;
comment on function chat.message_topics(public.mod_chat_messages) is
    'Topics of a message: site, conversation, and its visitor, which is null for a note.';

-- file: sql/conversations/change_message.sql
-- What: takes the next change number for a message that is about to change.
-- Why: every change of a message (delivery, reaction, file ready) is seen by clients as `change > last`.
-- Leaves out: the change itself; the caller writes it in one update with these numbers.

create or replace function chat.next_change(p_conversation uuid, p_public boolean, out change bigint, out change_before bigint)
language plpgsql
as $$
begin
    -- The caller holds the conversation's lock, so before and after are of one step.
    select c.last_public_change into change_before from public.mod_chat_conversations c where c.id = p_conversation;
    update public.mod_chat_conversations c
    set last_change = c.last_change + 1,
        last_public_change = case when p_public then c.last_change + 1 else c.last_public_change end
    where c.id = p_conversation
    returning c.last_change into change;
end
$$;
comment on function chat.next_change(uuid, boolean) is
    'Next change number of a conversation whose row the caller has locked, and the visitor-visible one before it.';

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
        array[jsonb_build_object('v', 1, 'type', 'status_change', 'agent_id', new.id, 'status', new.status)]);
    return null;
end
$$;
comment on function chat.announce_agent_status() is 'After an agent''s status changed: event row and broadcast to the site.';

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

create or replace function chat.routing_facts(p_site uuid, p_department uuid, p_preferred uuid, p_conversation uuid, p_at timestamptz)
returns jsonb
language plpgsql
stable
as $$
begin
    return (
        select jsonb_build_object(
            'at', p_at,
            'conversation_id', p_conversation,
            'department_id', p_department,
            'preferred_agent_id', p_preferred,
            'candidates', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'agent_id', a.id, 'status', a.status, 'is_active', a.is_active, 'department_id', a.department_id,
                    'load', a.current_chat_count, 'max', a.max_concurrent_chats,
                    'department_load', case when p_department is null then 0 else (
                        select count(*) from public.mod_chat_conversations c
                        where c.assigned_agent_id = a.id and c.department_id = p_department and c.archived_at is null
                            and (c.status = 'active' or c.status = 'waiting' and c.snoozed_until is null)) end,
                    'department_max', d.max_concurrent_chats,
                    'last_assigned_at', a.last_assigned_at) order by a.id)
                from public.mod_chat_agents a
                left join public.mod_chat_departments d on d.id = p_department
                where a.site_id = p_site and a.is_active), '[]')));
end
$$;
comment on function chat.routing_facts(uuid, uuid, uuid, uuid, timestamptz) is
    'What the choice of an agent depends on, as chat_rules::routing takes it.';

create or replace function chat.drain(p_site uuid)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    waiting record;
    facts jsonb;
    choice jsonb;
    chosen uuid;
    kept bigint;
    drained integer := 0;
    full_departments uuid[] := '{}';
    nobody_for_any boolean := false;
begin
    loop
        exit when not exists (
            select from public.mod_chat_agents a
            where a.site_id = p_site and a.is_active and a.status = 'online'
                and a.current_chat_count < a.max_concurrent_chats);

        -- A row another transaction holds is skipped: its own commit, or the tick, comes back to it.
        select c.id, c.department_id, c.last_agent_id, c.visitor_id into waiting
        from public.mod_chat_conversations c
        left join public.mod_chat_departments d on d.id = c.department_id
        where c.site_id = p_site and c.status = 'pending' and c.assigned_agent_id is null
            and coalesce(d.auto_assign, true)
            and (c.department_id is null and not nobody_for_any or c.department_id <> all (full_departments))
        order by (case c.priority when 'urgent' then 1 when 'high' then 2 when 'normal' then 3 else 4 end), c.pending_since, c.id
        limit 1
        for no key update of c skip locked;
        exit when not found;

        facts := chat.routing_facts(p_site, waiting.department_id, waiting.last_agent_id, waiting.id, clock_timestamp());
        choice := chat.choose_agent(facts);
        chosen := (choice ->> 'agent_id')::uuid;
        if chosen is null then
            if waiting.department_id is null then
                nobody_for_any := true;
            else
                full_departments := full_departments || waiting.department_id;
            end if;
            continue;
        end if;

        insert into chat.choices (site_id, conversation_id, agent_id, at, facts, choice)
        values (p_site, waiting.id, chosen, (facts ->> 'at')::timestamptz, facts, choice)
        returning id into kept;
        update public.mod_chat_conversations
        set assigned_agent_id = chosen, status = 'active', choice_id = kept
        where id = waiting.id;
        update public.mod_chat_agents
        set current_chat_count = current_chat_count + 1, last_assigned_at = clock_timestamp()
        where id = chosen;
        drained := drained + 1;
    end loop;
    return drained;
end
$$;
comment on function chat.drain(uuid) is
    'Assigns waiting conversations of a site to agents with room. The caller holds the site''s routing row. Returns how many.';

-- file: sql/routing/route_conversation.sql
-- What: what follows at commit from a conversation's new status, assignment or department: loads, session number, drain.
-- Why: routing happens last in a transaction. Whoever changed the row only wrote it; a deferred trigger takes the routing
--      row when all other locks are held already, so no order of locks can be broken by a batch.
-- Leaves out: changes routing itself made. The trigger's `when` knows them by their new choice_id.

create or replace function chat.recount_load(p_site uuid, p_agents uuid[])
returns void
language plpgsql
as $$
begin
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
begin
    if tg_op = 'UPDATE' and new.status <> 'pending'
        and (new.status, new.assigned_agent_id, new.department_id, new.priority, new.snoozed_until)
            is not distinct from (old.status, old.assigned_agent_id, old.department_id, old.priority, old.snoozed_until)
    then
        return null;
    end if;
    perform chat.lock_routing(new.site_id);
    if tg_op = 'INSERT' then
        -- Here and not at the insert, so that the routing row is locked after everything else.
        with counted as (
            update chat.routing r set next_session = r.next_session + 1
            where r.site_id = new.site_id
            returning r.next_session - 1 as n)
        update public.mod_chat_conversations c
        set session_number = 'CHAT-' || lpad(counted.n::text, 8, '0')
        from counted
        where c.id = new.id and c.session_number is null;
        perform chat.recount_load(new.site_id, array[new.assigned_agent_id]);
    else
        perform chat.recount_load(new.site_id, array[old.assigned_agent_id, new.assigned_agent_id]);
    end if;
    perform chat.drain(new.site_id);
    return null;
end
$$;
comment on function chat.route_conversation() is
    'At commit, under the site''s routing row: session number, loads, and the drain.';

-- file: sql/routing/explain_assignment.sql
-- What: why a conversation is whose it is, in words and facts.
-- Why: every choice kept its facts; nothing is guessed afterwards.
-- Leaves out: replay under other rules.

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
begin
    select * into c from public.mod_chat_conversations x where x.id = chat_explain_assignment.conversation;
    if not found or not chat.may(c.site_id, 'live-chat.conversations.view') then
        raise exception 'there is no conversation % that you may see', chat_explain_assignment.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'ask with the id of a conversation of your site';
    end if;
    select a.display_name into agent from public.mod_chat_agents a where a.id = c.assigned_agent_id;
    select * into k from chat.choices x where x.id = c.choice_id;
    return jsonb_build_object(
        'conversation_id', c.id,
        'agent_id', c.assigned_agent_id,
        'agent_name', agent,
        'in_words', case
            when c.assigned_agent_id is null then
                'Nobody has it: ' || case c.status
                    when 'pending' then 'it waits since ' || c.pending_since || ' for an agent with room'
                    else 'it is ' || c.status end
            when k.id is null then agent || ' has it because a person assigned it'
            else agent || case k.choice ->> 'reason'
                when 'preferred' then ' had it before and has room'
                when 'only_one_free' then ' was the only one online with room'
                when 'least_busy' then ' was the least busy'
                when 'waited_longest' then ' had waited longest for a chat among the least busy'
                when 'first_by_id' then ' came first among equals'
            end
        end,
        'chosen_at', k.at,
        'choice', k.choice,
        'facts', k.facts);
end
$$;
comment on function public.chat_explain_assignment(uuid) is
    'Why a conversation is whose it is: words, the choice with each loser''s reason, and the facts it was made from. PT404 chat/no_such_conversation.';

-- file: sql/team/set_status.sql
-- What: an agent goes online, away, busy or offline.
-- Why: a function, because status decides routing: it takes the site's routing row before the agent's, like everyone
--      else, and gives waiting chats out in the same transaction.
-- Leaves out: what becomes of an offline agent's chats; they stay.

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
    perform chat.drain(chat_set_status.site);
    return query select a.* from public.mod_chat_agents a where a.id = agent;
end
$$;
comment on function public.chat_set_status(uuid, text) is
    'Sets the caller''s own status at a site (online, away, busy, offline); online hands out waiting chats at once. PT403 chat/not_an_agent, PT422 chat/unknown_status.';

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
    if chat_save_agent.max_concurrent_chats is null or chat_save_agent.max_concurrent_chats < 0 then
        raise exception 'an agent''s capacity is a number of chats, 0 or more'
            using errcode = 'PT422', detail = 'chat/capacity', hint = 'use 0 to hand out no chats to this agent';
    end if;
    perform chat.lock_routing(chat_save_agent.site);
    insert into public.mod_chat_agents as a (
        site_id, user_id, display_name, role, department_id, max_concurrent_chats, is_active, email, avatar_url)
    values (
        chat_save_agent.site, chat_save_agent.user_id, chat_save_agent.display_name, chat_save_agent.role,
        chat_save_agent.department_id, chat_save_agent.max_concurrent_chats, chat_save_agent.is_active,
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
    perform chat.drain(chat_save_agent.site);
    return query select a.* from public.mod_chat_agents a where a.id = saved;
end
$$;
comment on function public.chat_save_agent(uuid, uuid, text, text, uuid, integer, boolean, text, text) is
    'Makes or changes the agent row of a user at a site (whole row; is_active false = deactivated). Needs live-chat.agents.manage. PT403 chat/not_allowed, PT422 chat/capacity.';

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
    if not found or not chat.may(site, 'live-chat.conversations.view') then
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
    if chat.require_for_visitor(target, 'live-chat.conversations.reply') <> site then
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
        where s.site_id = p_site and chat.address_listed(host(p_address), to_jsonb(s.blocked_ips)));
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
    if not found or not chat.may(lifted.site_id, 'live-chat.conversations.view') then
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
begin
    perform chat.require(chat_blocks.site, 'live-chat.conversations.view');
    return coalesce((
        select jsonb_agg(to_jsonb(b) || jsonb_build_object(
            'visitor_name', v.name, 'active', b.expires_at is null or b.expires_at > clock_timestamp())
            order by b.created_at desc, b.id)
        from chat.blocks b
        left join public.mod_chat_visitors v on v.id = b.visitor_id
        where b.site_id = chat_blocks.site), '[]');
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
        'choices', (select count(*) from chat.choices c where c.conversation_id = any (p_conversations)),
        'visits', (select count(*) from chat.visits v where v.visitor_id = any (p_visitors)),
        'page_views', (
            select count(*) from chat.visits v join chat.page_views p on p.visit_id = v.id
            where v.visitor_id = any (p_visitors)),
        'sessions', (select count(*) from chat.sessions s where s.visitor_id = any (p_visitors)),
        'blocks', (select count(*) from chat.blocks b where b.visitor_id = any (p_visitors)));
end
$$;
comment on function chat.count_person(uuid[], uuid[], uuid[]) is 'How many rows of each kind a person has.';

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

create or replace function chat.queue_file_deletions(p_conversations uuid[])
returns integer
language plpgsql
as $$
declare
    files integer;
begin
    insert into chat.file_deletions (site_id, file_url)
    select distinct m.site_id, m.file_url from public.mod_chat_messages m
    where m.conversation_id = any (p_conversations) and m.file_url is not null;
    get diagnostics files = row_count;
    return files;
end
$$;
comment on function chat.queue_file_deletions(uuid[]) is 'Queues the files of conversations for deletion. Answers how many.';

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
    identities := array(select i.id from chat.identities i where i.visitor_id = any (rows) order by i.id for update);
    conversations := array(
        select c.id from public.mod_chat_conversations c where c.visitor_id = any (rows) order by c.id for update);
    perform from public.mod_chat_visitors v where v.id = any (rows) order by v.id for update;
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
        || jsonb_build_object('files', chat.queue_file_deletions(conversations));

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
        array[jsonb_build_object('v', 1, 'type', 'status_change', 'erased_visitor_ids', rows)]);
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
    'Everything kept about a person, with all visitors merged with them: {format, exported_at, visitors, identities, conversations: [{…, messages}], visits, sessions, blocks}. Needs live-chat.settings.manage. PT404 chat/no_such_visitor, PT403 chat/not_allowed.';

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
            select jsonb_agg(to_jsonb(c) || jsonb_build_object('messages', coalesce((
                select jsonb_agg(to_jsonb(m) order by m.seq)
                from public.mod_chat_messages m where m.conversation_id = c.id), '[]')) order by c.created_at, c.id)
            from public.mod_chat_conversations c where c.visitor_id = any (rows)), '[]'),
        'visits', coalesce((
            select jsonb_agg(to_jsonb(v) || jsonb_build_object('page_views', coalesce((
                select jsonb_agg(jsonb_build_object('url', p.url, 'title', p.title, 'at', p.at) order by p.id)
                from chat.page_views p where p.visit_id = v.id), '[]')) order by v.id)
            from chat.visits v where v.visitor_id = any (rows)), '[]'),
        'sessions', coalesce((
            select jsonb_agg(to_jsonb(s) - 'key_hash' order by s.created_at, s.id)
            from chat.sessions s where s.visitor_id = any (rows)), '[]'),
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
            where v.site_id = chat_live_visitors.site and v.last_at > since),
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
                    order by o.created_at desc limit 1) c on true
                where v.site_id = chat_live_visitors.site and v.last_at > since
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
    return session;
end
$$;
comment on function chat.my_session(timestamptz) is
    'The caller''s session. PT401: chat/no_session (no token of ours), chat/session_foreign (another site''s), chat/session_expired (renew it), chat/session_dead (ended, blocked, erased or never there).';

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
    'Notes {url, title, referrer} of the page a session''s visitor is on, in their visit. Of the visitor, referrer and landing page are the first ones. PT401 chat/session_dead when they were erased meanwhile.';

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
    if chat.is_blocked(settings.site_id, null, address, at) then
        raise exception 'this address is blocked'
            using errcode = 'PT403', detail = 'chat/blocked', hint = 'ask the site to lift the block';
    end if;

    session := chat.resume_session(settings, chat_open_session.key, address, at);
    if session.id is null then
        -- Two random uuids: 244 bits that nobody guesses.
        fresh_key := replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', '');
        session := chat.make_session(settings, fresh_key, address, at);
    end if;
    perform chat.note_page(session, chat_open_session.page, at);
    return chat.sign_session(session, at) || jsonb_build_object(
        'site_id', session.site_id, 'session_id', session.id, 'visitor_id', session.visitor_id,
        'key', coalesce(fresh_key, chat_open_session.key), 'resumed', fresh_key is null,
        'topic', 'chat:visitor:' || session.visitor_id);
end
$$;
comment on function public.chat_open_session(uuid, text, jsonb) is
    'Opens a visitor''s session at a site, or with its key renews it. `page`: {url, title, referrer}. Answers {token, expires_at, key, site_id, session_id, visitor_id, resumed, topic}. PT404 chat/no_such_site, 429 chat/too_many, PT403 chat/blocked, PT503 chat/no_token_key.';

create or replace function chat.resume_session(
    p_settings public.mod_chat_widget_settings, p_key text, p_address inet, p_now timestamptz)
returns chat.sessions
language plpgsql
as $$
declare
    session chat.sessions;
begin
    select s.* into session
    from chat.sessions s
    where s.key_hash = sha256(convert_to(p_key, 'UTF8')) and s.site_id = p_settings.site_id;
    if chat.is_blocked(p_settings.site_id, session.visitor_id, null, p_now) then
        raise exception 'this visitor is blocked'
            using errcode = 'PT403', detail = 'chat/blocked', hint = 'ask the site to lift the block';
    end if;
    -- The visitor before the session, as everywhere.
    perform from public.mod_chat_visitors v where v.id = session.visitor_id for no key update;
    update chat.sessions s
    set ended_at = null, ended_why = null, last_seen_at = p_now, expires_at = p_now + p_settings.session_days * interval '1 day', ip_address = p_address,
        user_agent = left(chat.request_header('user-agent'), 1000)
    where s.id = session.id and (s.ended_at is null or s.ended_why = 'blocked') and s.expires_at > p_now
    returning s.* into session;
    return session;
end
$$;
comment on function chat.resume_session(public.mod_chat_widget_settings, text, inet, timestamptz) is
    'Renews the live session of this key, or one that a block had ended which is over; null when the key opens none. PT403 chat/blocked.';

create or replace function chat.make_session(
    p_settings public.mod_chat_widget_settings, p_key text, p_address inet, p_now timestamptz)
returns chat.sessions
language plpgsql
as $$
declare
    visitor uuid;
    person uuid;
    session chat.sessions;
begin
    insert into public.mod_chat_visitors (site_id, channel) values (p_settings.site_id, 'widget') returning id into visitor;
    insert into chat.identities (site_id, visitor_id) values (p_settings.site_id, visitor) returning id into person;
    insert into chat.sessions (
        site_id, visitor_id, identity_id, key_hash, ip_address, user_agent, origin, created_at, last_seen_at, expires_at)
    values (
        p_settings.site_id, visitor, person, sha256(convert_to(p_key, 'UTF8')), p_address,
        left(chat.request_header('user-agent'), 1000), left(chat.request_header('origin'), 300), p_now, p_now,
        p_now + p_settings.session_days * interval '1 day')
    returning * into session;
    return session;
end
$$;
comment on function chat.make_session(public.mod_chat_widget_settings, text, inet, timestamptz) is
    'A new session of somebody nobody knows: visitor, identity without aliases, session.';

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
    'A visitor''s page: {url, title, referrer}. PT401 as chat.my_session.';

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
    job bigint;
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
    -- A worker that holds the job is told when it asks; only a job that waits is taken away.
    delete from chat.jobs j
    where j.lane = lane.key and j.payload ->> 'message_id' = p_message::text and j.died_at is null
        and (not lane.busy or j.id is distinct from lane.running_job)
    returning j.id into job;
    if job is not null and not lane.busy then
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
end
$$;
comment on function chat.learn_aliases(uuid, text, uuid, jsonb) is
    'Ids that came with a known person become their aliases; one that names another person already stays theirs.';

-- file: sql/whatsapp/home_conversation.sql
-- What: the conversation a new message of a person belongs to: the open one, one reopened, or a new one.
-- Why: one open conversation a person and number; whether an old one comes back is a rule (chat_rules next_home).
-- Leaves out: the lock of an open one, which receive.sql took in the order of ids.

create or replace function chat.home_conversation(p_site uuid, p_identity uuid, p_phone_number_id text, p_channel text, p_wamid text)
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
        update public.mod_chat_conversations set status = 'pending' where id = old.id;
        return old.id;
    end if;

    insert into public.mod_chat_conversations (site_id, visitor_id, identity_id, channel, phone_number_id)
    values (p_site, visitor, p_identity, p_channel, p_phone_number_id)
    returning id into home;
    return home;
end
$$;
comment on function chat.home_conversation(uuid, uuid, text, text, text) is
    'Open, reopened or new conversation of an identity the caller has locked; null for a wamid that is known and for somebody who is blocked (the refused wamid is a dead letter). 40001 when the person was erased meanwhile.';

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
        -- Marking one marks all before it, so a newer mark replaces one that still waits.
        perform chat.enqueue(
            'read:' || p_phone_number_id || ':' || mark.person, 'whatsapp.mark_read', 'notification', p_site,
            jsonb_build_object('phone_number_id', p_phone_number_id, 'wamid', mark.wamid, 'account_id', p_account,
                'graph_version', p_graph_version),
            false, true);
        marks := marks + 1;
    end loop;
    return marks;
end
$$;
comment on function chat.enqueue_read_marks(uuid, text, uuid, text, uuid[], jsonb, uuid[]) is
    'One read mark a person of the run, in the order of their ids. Returns how many.';

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
returns integer
language plpgsql
as $$
declare
    found_one record;
    adopted integer := 0;
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
            adopted := adopted + chat.apply_orphans(found_one.site_id, found_one.wamid);
        end if;
    end loop;
    return adopted;
end
$$;
comment on function chat.adopt_orphans(integer) is 'Applies kept statuses whose message has its wamid now.';

create or replace function chat.settle_unknown(p_batch integer)
returns integer
language plpgsql
as $$
declare
    one record;
    verdict text;
    settled integer := 0;
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
            settled := settled + 1;
        elsif verdict = 'resend' then
            perform chat.resend(one.id);
            settled := settled + 1;
        end if;
    end loop;
    return settled;
end
$$;
comment on function chat.settle_unknown(integer) is
    'Sends unknown for ten minutes: left to the agent with an explanation, or sent again, as the number''s policy says.';

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
    if not found or not chat.may(m.site_id, 'live-chat.conversations.reply') then
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
-- Leaves out: timers of later rooms (snooze, SLA, scheduled messages), which join here.

create or replace function public.chat_tick(batch integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    return jsonb_build_object(
        'orphans', chat.adopt_orphans(chat_tick.batch),
        'settled', chat.settle_unknown(chat_tick.batch),
        'lanes', chat.sweep_lanes(chat_tick.batch),
        'rates', chat.sweep_rates(chat_tick.batch),
        'page_views', chat.forget_page_views(chat_tick.batch),
        'routed', chat.route_stranded(chat_tick.batch));
end
$$;
comment on function public.chat_tick(integer) is
    'For the worker, each second: timed work in batches of at most `batch`. Answers {orphans, settled, lanes, rates, page_views, routed}.';

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
        order by x.idle_since
        limit p_batch
        for update skip locked) old
    where l.key = old.key;
    get diagnostics swept = row_count;
    return swept;
end
$$;
comment on function chat.sweep_lanes(integer) is 'Removes lanes that have been idle for a day.';

create or replace function chat.route_stranded(p_batch integer)
returns integer
language plpgsql
as $$
declare
    site uuid;
    routed integer := 0;
begin
    for site in
        select s.site_id from (
            select distinct c.site_id from public.mod_chat_conversations c
            where c.status = 'pending' and c.assigned_agent_id is null) s
        where exists (
            select from public.mod_chat_agents a
            where a.site_id = s.site_id and a.is_active and a.status = 'online'
                and a.current_chat_count < a.max_concurrent_chats)
        order by s.site_id
        limit p_batch
    loop
        perform chat.lock_routing(site);
        routed := routed + chat.drain(site);
    end loop;
    return routed;
end
$$;
comment on function chat.route_stranded(integer) is
    'Drains sites where chats wait beside agents with room: a holder rolled back after a drain had skipped its chat.';

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
        'extension_version', (select e.extversion from pg_catalog.pg_extension e where e.extname = 'pg_chat_ext'),
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
    'For the worker: role, clock, extension version, jobs by class, dead jobs and letters, unknown messages, failed broadcasts, numbers.';

-- file: sql/conversations/triggers.sql
-- What: everything that happens by itself in the room, in name order.
-- Why: triggers of one event fire by name: 100 who, 200 stamp, 300 rule, 500 queue, 900 announce.
-- Leaves out: who (policies/conversations.sql) and routing's own trigger (routing/triggers.sql), which runs last, at commit.

create or replace trigger _200_stamp before insert on public.mod_chat_messages
    for each row execute function chat.stamp_message();
create or replace trigger _500_send after insert on public.mod_chat_messages
    for each row when (new.delivery_state = 'queued') execute function chat.send_message();
create or replace trigger _900_announce after insert on public.mod_chat_messages
    referencing new table as added for each statement execute function chat.announce_new_messages();
create or replace trigger _900_announce_change after update on public.mod_chat_messages
    for each row when (new.change is distinct from old.change) execute function chat.announce_changed_message();

-- A message's own update takes a change number; whoever does not changes the row itself. The conditions are short because
-- PostgreSQL reads them anew for each statement.
create or replace trigger _300_lifecycle before update on public.mod_chat_conversations
    for each row when ((new.last_change = old.last_change or new.status <> old.status)
        and new.session_number is not distinct from old.session_number)
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
-- What: what happens by itself to departments and agents. Why: LC-01's updated_at and the status event.
-- Leaves out: loads and the drain, which functions do under the routing row.

create or replace trigger _200_stamp before update on public.mod_chat_departments
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
create or replace trigger _200_stamp before update on public.mod_chat_agents
    for each row when (new.updated_at is not distinct from old.updated_at) execute function chat.stamp_updated_at();
create or replace trigger _900_announce_status after update on public.mod_chat_agents
    for each row when (new.status is distinct from old.status) execute function chat.announce_agent_status();

-- file: sql/widget/triggers.sql
-- What: what happens by itself to widget settings.
-- Why: LC-01's updated_at, the version of the privacy text, and its whatsapp_* columns claim the site's default number.
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
grant usage on schema chat to authenticated, service_role;
grant usage on schema chat_rules to authenticated, service_role;
grant execute on function chat.my_site_ids(), chat.my_sites_with(text), chat.may(uuid, text) to authenticated;

-- file: policies/sites.sql
-- What: who sees agencies, sites and members of a standalone install; nobody touches permissions directly.
-- Why: a host's own tables keep the host's own policies.
-- Leaves out: writing them; the owner of the database does.

alter table chat.permissions enable row level security;

do $$
begin
    if obj_description(to_regclass('public.sites'), 'pg_class') not like 'pg_chat standalone:%' then
        return;
    end if;
    alter table public.agencies enable row level security;
    alter table public.sites enable row level security;
    alter table public.agency_members enable row level security;
    grant select on public.agencies, public.sites, public.agency_members to authenticated;
    grant all on public.agencies, public.sites, public.agency_members to service_role;

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
grant insert (id, site_id, name, description, is_default, auto_assign, max_concurrent_chats, sort_order)
    on public.mod_chat_departments to authenticated;
grant update (name, description, is_default, sort_order) on public.mod_chat_departments to authenticated;
grant delete on public.mod_chat_departments to authenticated;
grant select, insert, update (name, description, is_default, sort_order), delete
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

grant execute on function public.chat_set_status(uuid, text) to authenticated;
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
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[]));
drop policy if exists chat_visitors_update on public.mod_chat_visitors;
create policy chat_visitors_update on public.mod_chat_visitors for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.reply'))::uuid[]));

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

grant execute on function public.chat_open_session(uuid, text, jsonb), public.chat_set_page(jsonb), public.chat_end_session()
    to anon, authenticated;

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
    if not found or not chat.may(author_of.site_id, 'live-chat.conversations.reply') then
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
        and new.department_id is not distinct from old.department_id and new.priority = old.priority;
begin
    perform chat.require_for_change(
        old.site_id,
        new.status <> old.status and not (claim and new.status = 'active'),
        assigned or new.department_id is distinct from old.department_id or new.priority <> old.priority,
        case when claim then new.assigned_agent_id end,
        new.subject is distinct from old.subject or new.tags <> old.tags);
    return new;
end
$$;
comment on function chat.guard_conversation() is 'Before a client''s own update: each column asks for its right.';

create or replace trigger _100_guard before update on public.mod_chat_conversations
    for each row when (row_security_active('public.mod_chat_conversations'::regclass))
    execute function chat.guard_conversation();

-- Rows ---------------------------------------------------------------------------------------------------------------
grant select on public.mod_chat_conversations to authenticated;
grant update (status, assigned_agent_id, department_id, priority, subject, tags) on public.mod_chat_conversations to authenticated;
grant select, update (status, assigned_agent_id, department_id, priority, subject, tags, internal_notes, metadata)
    on public.mod_chat_conversations to service_role;

drop policy if exists chat_conversations_select on public.mod_chat_conversations;
create policy chat_conversations_select on public.mod_chat_conversations for select to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[]));
drop policy if exists chat_conversations_update on public.mod_chat_conversations;
create policy chat_conversations_update on public.mod_chat_conversations for update to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[]));

grant select on public.mod_chat_messages to authenticated;
grant insert (id, conversation_id, site_id, sender_type, sender_id, sender_name, sender_avatar, content, content_type,
    is_internal_note, kind, reply_to_id, status) on public.mod_chat_messages to authenticated;
grant select on public.mod_chat_messages to service_role;
grant insert (id, conversation_id, site_id, sender_type, sender_id, sender_name, sender_avatar, content, content_type,
    is_internal_note, kind, reply_to_id, status, is_ai_generated, ai_confidence) on public.mod_chat_messages to service_role;

drop policy if exists chat_messages_select on public.mod_chat_messages;
create policy chat_messages_select on public.mod_chat_messages for select to authenticated
    using (site_id = any ((select chat.my_sites_with('live-chat.conversations.view'))::uuid[]));
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

-- Canned responses ---------------------------------------------------------------------------------------------------
grant select on public.mod_chat_canned_responses to authenticated;
grant insert (id, site_id, title, content, shortcut, category, tags, is_shared, is_active)
    on public.mod_chat_canned_responses to authenticated;
grant update (title, content, shortcut, category, tags, is_shared, is_active) on public.mod_chat_canned_responses to authenticated;
grant delete on public.mod_chat_canned_responses to authenticated;
grant all on public.mod_chat_canned_responses to service_role;

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
-- What: who may ask why a chat is whose it is.
-- Why: the function asks for the right to view itself.
-- Leaves out: choices and the routing row, which no client role touches.

grant execute on function public.chat_explain_assignment(uuid) to authenticated;

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
    session_days, sessions_per_minute, address_sessions_per_minute, messages_per_minute, address_messages_per_minute,
    privacy_text, privacy_url, privacy_required)
    on public.mod_chat_widget_settings to authenticated;
grant all on public.mod_chat_widget_settings to service_role;
revoke all on function chat.require_for_settings(uuid, boolean, boolean), chat.guard_settings()
    from public, anon, authenticated, service_role;
grant execute on function chat.require_for_settings(uuid, boolean, boolean) to authenticated;

drop policy if exists chat_widget_settings_select on public.mod_chat_widget_settings;
create policy chat_widget_settings_select on public.mod_chat_widget_settings for select to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]));
drop policy if exists chat_widget_settings_insert on public.mod_chat_widget_settings;
create policy chat_widget_settings_insert on public.mod_chat_widget_settings for insert to authenticated
    with check (site_id = any ((select chat.my_sites_with('live-chat.settings.manage'))::uuid[]));
drop policy if exists chat_widget_settings_update on public.mod_chat_widget_settings;
create policy chat_widget_settings_update on public.mod_chat_widget_settings for update to authenticated
    using (site_id = any ((select chat.my_site_ids())::uuid[]));

-- file: policies/assistant.sql
-- What: who reads and keeps the knowledge base.
-- Why: colleagues read; kb.manage writes. Usage figures have no grant.
-- Leaves out: the assistant's own functions, which come with it.

grant select on public.mod_chat_knowledge_base to authenticated;
grant insert (id, site_id, title, content, category, tags, is_active) on public.mod_chat_knowledge_base to authenticated;
grant update (title, content, category, tags, is_active) on public.mod_chat_knowledge_base to authenticated;
grant delete on public.mod_chat_knowledge_base to authenticated;
grant all on public.mod_chat_knowledge_base to service_role;

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
-- What: the worker's list.
-- Why: the role has these functions and no table; worker/src/db.rs calls exactly these.
-- Leaves out: people; they look at the queue with psql as the owner.

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

-- file: policies/live.sql
-- What: tells PostgREST that grants and functions changed.
-- Why: its schema cache is read once; without this a fresh install answers 404 until a restart.
-- Leaves out: who may join which topic, which comes with live itself.

notify pgrst, 'reload schema';
