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
