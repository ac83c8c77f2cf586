-- What: the least a message can cost: LC-01's message columns, a primary key and one foreign key; and the loop that
--       writes into it.
-- Why: a cost that is a multiple of this one says something on every machine.
-- Leaves out: every index, trigger and counter.

create schema floor;

create table floor.conversations (id uuid primary key);

create table floor.messages (
    id uuid primary key default gen_random_uuid(),
    conversation_id uuid not null references floor.conversations (id) on delete cascade,
    site_id uuid not null,
    sender_type text not null check (sender_type in ('visitor', 'agent', 'system', 'ai')),
    sender_id text,
    sender_name text,
    sender_avatar text,
    content text,
    content_type text default 'text' check (content_type in (
        'text', 'image', 'file', 'audio', 'video', 'location', 'system', 'note', 'whatsapp_template')),
    file_url text,
    file_name text,
    file_size integer,
    file_mime_type text,
    status text default 'sent' check (status in ('sending', 'sent', 'delivered', 'read', 'failed')),
    is_internal_note boolean default false,
    whatsapp_message_id text,
    whatsapp_status text,
    is_ai_generated boolean default false,
    ai_confidence numeric(3, 2),
    created_at timestamptz default now(),
    updated_at timestamptz default now()
);

insert into floor.conversations select id from public.mod_chat_conversations;
insert into floor.messages (
    id, conversation_id, site_id, sender_type, sender_id, sender_name, content, status, whatsapp_message_id)
select id, conversation_id, site_id, sender_type, sender_id, sender_name, content, status, whatsapp_message_id
from public.mod_chat_messages;

create procedure floor.each(
    site uuid, conversations uuid[], visitors text[], names text[], texts text[], wamids text[])
language plpgsql
as $$
begin
    for n in 1 .. cardinality(conversations) loop
        insert into floor.messages (
            conversation_id, site_id, sender_type, sender_id, sender_name, content, status, whatsapp_message_id)
        values (conversations[n], site, 'visitor', visitors[n], names[n], texts[n], 'delivered', wamids[n]);
        commit;
    end loop;
end
$$;
