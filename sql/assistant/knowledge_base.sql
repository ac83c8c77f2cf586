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
