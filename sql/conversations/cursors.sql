-- What: how far each agent, and the visitor, has read a conversation.
-- Why: unread is a difference of counters, so it costs the same in a long conversation as in a short one.
-- Leaves out: moving them (read.sql).

create table if not exists chat.cursors (
    site_id uuid not null,
    conversation_id uuid not null,
    agent_id uuid,
    read_seq bigint not null default 0,
    read_count bigint not null default 0,
    cleared_seq bigint not null default 0,
    read_at timestamptz not null default clock_timestamp(),
    constraint cursors_key unique nulls not distinct (conversation_id, agent_id),
    constraint cursors_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade,
    constraint cursors_agent_id_fkey foreign key (site_id, agent_id)
        references public.mod_chat_agents (site_id, id) on delete cascade
) with (fillfactor = 80);
comment on table chat.cursors is 'How far somebody has read a conversation; a row without an agent is the visitor''s.';
comment on column chat.cursors.read_seq is 'seq of the last message they have seen.';
comment on column chat.cursors.read_count is
    'Of the messages written to them, how many they have seen: inbound_count for agents, outbound_public_count for the visitor.';
comment on column chat.cursors.cleared_seq is
    'Up to which message their reading counted for the whole team: they had the chat then, or nobody had.';
create index if not exists cursors_agent_id_idx on chat.cursors (agent_id);
alter table chat.cursors enable row level security;
