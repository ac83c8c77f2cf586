-- What: agents who were named in internal notes.
-- Why: whoever is named wants a list of where, and to see it shrink as they read.
-- Leaves out: telling them by other ways, which notifications do.

create table if not exists chat.mentions (
    site_id uuid not null,
    message_id uuid not null,
    agent_id uuid not null,
    conversation_id uuid not null,
    seq bigint not null,
    at timestamptz not null default clock_timestamp(),
    seen_at timestamptz,
    primary key (message_id, agent_id),
    constraint mentions_message_id_fkey foreign key (site_id, message_id)
        references public.mod_chat_messages (site_id, id) on delete cascade,
    constraint mentions_agent_id_fkey foreign key (site_id, agent_id)
        references public.mod_chat_agents (site_id, id) on delete cascade
);
comment on table chat.mentions is 'Agents named in notes; seen once they have read so far.';
create index if not exists mentions_agent_id_idx on chat.mentions (agent_id, at desc);
create index if not exists mentions_unseen_idx on chat.mentions (conversation_id, agent_id) where seen_at is null;
alter table chat.mentions enable row level security;
