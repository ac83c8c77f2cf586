-- What: one narrow row for each happening that LC-01 names.
-- Why: webhooks, automations and notifications start from these rows, so a shared queue lane never locks a message's transaction.
-- Leaves out: payloads (the rows they name hold them) and the WhatsApp twin names, which the view derives.

create table if not exists chat.events (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    name text not null,
    conversation_id uuid,
    message_id uuid,
    agent_id uuid,
    at timestamptz not null default clock_timestamp()
);
comment on table chat.events is 'Happenings under LC-01''s event names, one row each, written in the transaction that made them happen.';
create index if not exists events_site_id_idx on chat.events (site_id, id);
alter table chat.events enable row level security;

create or replace view chat.events_with_whatsapp as
select e.id, e.site_id, e.name, e.conversation_id, e.message_id, e.agent_id, e.at
from chat.events e
union all
select e.id, e.site_id,
    case
        when e.name = 'chat.message.received' then 'chat.whatsapp.message_received'
        when m.kind = 'template' then 'chat.whatsapp.template_sent'
        else 'chat.whatsapp.message_sent'
    end,
    e.conversation_id, e.message_id, e.agent_id, e.at
from chat.events e
join public.mod_chat_conversations c on c.id = e.conversation_id and c.channel = 'whatsapp'
join public.mod_chat_messages m on m.id = e.message_id
where e.name in ('chat.message.received', 'chat.message.sent');
comment on view chat.events_with_whatsapp is 'Every event, and the chat.whatsapp.* twin of those that happened on WhatsApp.';
