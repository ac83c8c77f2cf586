-- What: messages, the truth every client refetches from.
-- Why: LC-01's columns, the numbers, what kind it is and how far its delivery got.
-- Leaves out: a key to sites. The conversation's composite key holds the site; a second key would lock one site row
--             from every writer at once.

create table if not exists public.mod_chat_messages (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null,
    site_id uuid not null,
    sender_type chat.sender_type not null,
    sender_id text,
    sender_name text,
    sender_avatar text,
    content text,
    content_type chat.content_type not null default 'text',
    file_url text,
    file_name text,
    file_size integer,
    file_mime_type text,
    status chat.message_status not null default 'sent',
    is_internal_note boolean not null default false,
    whatsapp_message_id text,
    whatsapp_status text,
    is_ai_generated boolean not null default false,
    ai_confidence numeric(3, 2),
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    -- beyond LC-01
    kind chat.message_kind not null,
    origin chat.message_origin not null default 'live',
    seq bigint not null,
    public_seq bigint,
    change bigint not null,
    change_before bigint,
    sent_at timestamptz not null,
    delivery_state chat.delivery_state not null,
    read_at timestamptz,
    reply_to_id uuid,
    reactions jsonb not null default '{}',
    metadata jsonb not null default '{}',
    file_state chat.file_state,
    mentions uuid[],
    edited_at timestamptz,
    deleted_at timestamptz,
    constraint mod_chat_messages_site_id_id_key unique (site_id, id),
    constraint mod_chat_messages_seq_key unique (conversation_id, seq),
    constraint mod_chat_messages_public_seq_key unique (conversation_id, public_seq),
    constraint mod_chat_messages_change_key unique (conversation_id, change),
    constraint mod_chat_messages_conversation_id_fkey foreign key (site_id, conversation_id)
        references public.mod_chat_conversations (site_id, id) on delete cascade,
    constraint mod_chat_messages_reply_to_id_fkey foreign key (site_id, reply_to_id)
        references public.mod_chat_messages (site_id, id) on delete set null (reply_to_id)
) with (fillfactor = 85);
comment on table public.mod_chat_messages is 'Messages of conversations, notes included.';
comment on column public.mod_chat_messages.kind is 'What it is, finer than content_type.';
comment on column public.mod_chat_messages.origin is 'live; echo: sent from the business''s own phone; history: imported.';
comment on column public.mod_chat_messages.seq is 'Gapless number within the conversation, notes included.';
comment on column public.mod_chat_messages.public_seq is 'Gapless number of what the visitor may see; null on notes.';
comment on column public.mod_chat_messages.change is 'The conversation''s change number this message last changed at.';
comment on column public.mod_chat_messages.change_before is 'The visitor-visible change before `change`; null on notes.';
comment on column public.mod_chat_messages.sent_at is 'When it was written: Meta''s time for WhatsApp. Display order is (sent_at, seq).';
comment on column public.mod_chat_messages.delivery_state is 'How far delivery got; LC-01''s status follows from it.';
comment on column public.mod_chat_messages.whatsapp_status is 'Meta''s last applied word for it.';
comment on column public.mod_chat_messages.reactions is '{"visitor:<id>", "agent:<id>" or "agent:phone_app": {"emoji", "at"}}; emoji null after removal.';
comment on column public.mod_chat_messages.mentions is 'Agents a note names; null where it names nobody.';
comment on column public.mod_chat_messages.edited_at is 'When its words were last replaced; earlier ones are in chat.message_versions.';
comment on column public.mod_chat_messages.deleted_at is 'When it was taken back: the row stays, its words and file do not.';
comment on column public.mod_chat_messages.metadata is
    'What the columns do not hold: media, interactive, location, statuses (first time of each), error {code,title,details,advice}, pricing, raw.';
comment on column public.mod_chat_messages.file_state is 'Of the attachment: pending, ready, failed; null when there is none.';

create unique index if not exists mod_chat_messages_whatsapp_message_id_idx
    on public.mod_chat_messages (site_id, whatsapp_message_id) where whatsapp_message_id is not null;
create index if not exists mod_chat_messages_reply_to_idx
    on public.mod_chat_messages (reply_to_id) where reply_to_id is not null;
create index if not exists mod_chat_messages_mentions_idx
    on public.mod_chat_messages using gin (mentions) where mentions is not null;
-- Who may read a file follows from its messages.
create index if not exists mod_chat_messages_file_url_idx
    on public.mod_chat_messages (site_id, file_url) where file_url is not null;
-- The tick settles unknown sends; there are few at any time.
create index if not exists mod_chat_messages_unknown_idx
    on public.mod_chat_messages (updated_at) where delivery_state = 'unknown';
alter table public.mod_chat_messages enable row level security;
