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
