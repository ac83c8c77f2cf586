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
