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
