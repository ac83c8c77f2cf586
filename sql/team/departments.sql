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
