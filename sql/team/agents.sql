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
