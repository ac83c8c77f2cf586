-- What: messages that agents planned for later.
-- Why: a planned message is none yet: it has no number, nobody has it unread, and it can be called off without a trace.
-- Leaves out: sending them (send_scheduled.sql).

create table if not exists chat.scheduled_messages (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null,
    conversation_id uuid not null,
    agent_id uuid not null,
    content text not null,
    due_at timestamptz not null,
    unless_answered boolean not null,
    inbound_count bigint not null,
    state text not null default 'waiting' check (state in ('waiting', 'sent', 'cancelled', 'failed')),
    error jsonb,
    created_at timestamptz not null default clock_timestamp(),
    ended_at timestamptz,
    constraint scheduled_messages_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade,
    constraint scheduled_messages_agent_id_fkey foreign key (site_id, agent_id)
        references public.mod_chat_agents (site_id, id) on delete cascade
);
comment on table chat.scheduled_messages is 'Planned messages; a sent one has the id of its message.';
comment on column chat.scheduled_messages.unless_answered is 'Cancelled instead when the visitor wrote after it was planned.';
comment on column chat.scheduled_messages.inbound_count is 'The conversation''s inbound_count when it was planned.';
comment on column chat.scheduled_messages.error is 'Why it failed: {code, message, hint}.';
create index if not exists scheduled_messages_due_idx on chat.scheduled_messages (due_at) where state = 'waiting';
create index if not exists scheduled_messages_conversation_id_idx on chat.scheduled_messages (conversation_id, due_at);
alter table chat.scheduled_messages enable row level security;
