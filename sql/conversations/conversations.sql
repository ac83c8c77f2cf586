-- What: conversations, with the counters and numbers every client depends on.
-- Why: LC-01's columns, and the design's: gapless numbers, the identity and number it belongs to, when it was archived.
-- Leaves out: what may change (lifecycle.sql), what a message does (stamp_message.sql), who gets it (routing/).

create table if not exists public.mod_chat_conversations (
    id uuid primary key default gen_random_uuid(),
    site_id uuid not null references public.sites (id) on delete cascade,
    visitor_id uuid not null,
    assigned_agent_id uuid,
    department_id uuid,
    status chat.conversation_status not null default 'pending',
    priority chat.priority not null default 'normal',
    channel chat.channel not null default 'widget',
    subject text,
    last_message_text text,
    last_message_at timestamptz,
    last_message_by chat.sender_type,
    message_count integer not null default 0,
    unread_agent_count integer not null default 0,
    unread_visitor_count integer not null default 0,
    first_response_time_seconds integer,
    resolution_time_seconds integer,
    wait_time_seconds integer,
    rating chat.rating,
    rating_comment text,
    rated_at timestamptz,
    tags text[] not null default '{}',
    internal_notes text,
    metadata jsonb not null default '{}',
    whatsapp_conversation_id text,
    whatsapp_window_expires_at timestamptz,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    resolved_at timestamptz,
    closed_at timestamptz,
    -- beyond LC-01
    session_number text,
    identity_id uuid,
    phone_number_id text,
    last_seq bigint not null default 0,
    last_public_seq bigint not null default 0,
    last_change bigint not null default 0,
    last_public_change bigint not null default 0,
    public_change_before bigint not null default 0,
    row_change bigint not null default 0,
    row_change_before bigint not null default 0,
    inbound_count bigint not null default 0,
    outbound_public_count bigint not null default 0,
    last_agent_id uuid,
    returned_by uuid,
    skills text[],
    applied_rule jsonb,
    choice_id bigint,
    pending_since timestamptz default now(),
    agent_joined_at timestamptz,
    snoozed_until timestamptz,
    ended_by chat.sender_type,
    abandoned_at timestamptz,
    archived_at timestamptz,
    page_url text,
    page_title text,
    user_agent text,
    ip_address inet,
    assistant boolean,
    whatsapp_free_entry_until timestamptz,
    is_history boolean not null default false,
    constraint mod_chat_conversations_site_id_id_key unique (site_id, id),
    constraint mod_chat_conversations_session_number_key unique (site_id, session_number),
    constraint mod_chat_conversations_visitor_id_fkey foreign key (site_id, visitor_id)
        references public.mod_chat_visitors (site_id, id) on delete cascade,
    constraint mod_chat_conversations_assigned_agent_id_fkey foreign key (site_id, assigned_agent_id)
        references public.mod_chat_agents (site_id, id) on delete set null (assigned_agent_id),
    constraint mod_chat_conversations_department_id_fkey foreign key (site_id, department_id)
        references public.mod_chat_departments (site_id, id) on delete set null (department_id),
    constraint mod_chat_conversations_identity_id_fkey foreign key (site_id, identity_id)
        references chat.identities (site_id, id) on delete set null (identity_id)
) with (fillfactor = 70);
comment on table public.mod_chat_conversations is 'Chat threads. Open = pending, active or waiting.';
comment on column public.mod_chat_conversations.status is
    'pending: nobody assigned; active: assigned; waiting: assigned, waits for the visitor or is snoozed; resolved, closed, missed: not open.';
comment on column public.mod_chat_conversations.session_number is
    'CHAT-00000001 and on, per site, for people to quote. Given at commit; gaps are allowed.';
comment on column public.mod_chat_conversations.phone_number_id is 'Meta''s id of the number written to; replies leave from it.';
comment on column public.mod_chat_conversations.last_seq is 'seq of the newest message.';
comment on column public.mod_chat_conversations.last_public_seq is 'public_seq of the newest message a visitor may see.';
comment on column public.mod_chat_conversations.last_change is 'Newest change of this conversation or of one of its messages. Clients fetch what is greater than theirs.';
comment on column public.mod_chat_conversations.last_public_change is 'Newest change that the visitor may see.';
comment on column public.mod_chat_conversations.public_change_before is 'What last_public_change was before the latest change of one message; for that update to return.';
comment on column public.mod_chat_conversations.row_change is 'Newest change of the conversation''s own fields.';
comment on column public.mod_chat_conversations.row_change_before is 'The visitor-visible change before row_change.';
comment on column public.mod_chat_conversations.inbound_count is 'Messages of the visitor; agents'' cursors remember it.';
comment on column public.mod_chat_conversations.outbound_public_count is 'Messages to the visitor; the visitor''s cursor remembers it.';
comment on column public.mod_chat_conversations.last_agent_id is 'Who had it before it became pending again; preferred when it comes back.';
comment on column public.mod_chat_conversations.returned_by is 'Who gave it back to the queue; routing asks somebody else first. Counts while it is last_agent_id.';
comment on column public.mod_chat_conversations.skills is 'What whoever takes it should know, where the strategy is skills.';
comment on column public.mod_chat_conversations.applied_rule is
    'What the site''s rules did with it when it came: {version, place, name, then, passed_over, came_with}; null: no rule held.';
comment on column public.mod_chat_conversations.assistant is 'Whether the assistant answers here, as a rule of the site said; null: as the site does.';
comment on column public.mod_chat_conversations.whatsapp_free_entry_until is
    'Until when Meta charges nothing, because the person came by an ad or a page''s button; null: it does.';
comment on column public.mod_chat_conversations.is_history is
    'What was said before the number came to us, imported (whatsapp/history.sql): it began over and was never routed.';
comment on column public.mod_chat_conversations.choice_id is 'The kept decision (chat.choices), by routing or by a person; null when somebody wrote the row itself.';
comment on column public.mod_chat_conversations.pending_since is 'Since when it waits for an agent; null when it does not.';
comment on column public.mod_chat_conversations.ended_by is 'Who ended it: visitor, agent, system (by time); null while open.';
comment on column public.mod_chat_conversations.abandoned_at is 'When the visitor gave up before any agent had joined.';
comment on column public.mod_chat_conversations.archived_at is 'When it left pending, active, waiting; null while open.';

-- Two transactions cannot both open a conversation for one person on one number.
create unique index if not exists mod_chat_conversations_one_open_idx
    on public.mod_chat_conversations (identity_id, phone_number_id) nulls not distinct
    where identity_id is not null and archived_at is null;
-- The queue of each department, and of the site for what has none, oldest most urgent first (chat.urgency, word for word).
create index if not exists mod_chat_conversations_queue_idx
    on public.mod_chat_conversations (
        (coalesce(department_id, site_id)),
        (case priority::text when 'urgent' then 1 when 'high' then 2 when 'normal' then 3 else 4 end),
        pending_since, id)
    where status = 'pending' and assigned_agent_id is null;
-- Inbox order over open rows only; any other index that names last_message_at costs more and gives nothing.
create index if not exists mod_chat_conversations_open_idx
    on public.mod_chat_conversations (site_id, last_message_at desc) where archived_at is null;
create index if not exists mod_chat_conversations_open_by_agent_idx
    on public.mod_chat_conversations (assigned_agent_id, last_message_at desc) where archived_at is null;
create index if not exists mod_chat_conversations_archived_idx
    on public.mod_chat_conversations (site_id, archived_at desc) where archived_at is not null;
create index if not exists idx_chat_conversations_visitor on public.mod_chat_conversations (visitor_id);
create index if not exists mod_chat_conversations_identity_idx
    on public.mod_chat_conversations (identity_id, archived_at desc) where archived_at is not null;
create index if not exists mod_chat_conversations_snoozed_idx
    on public.mod_chat_conversations (snoozed_until) where snoozed_until is not null;
alter table public.mod_chat_conversations enable row level security;
