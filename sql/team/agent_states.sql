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
