-- What: sending, by a function, what only WhatsApp has: a place, cards, buttons and lists.
-- Why: what is right stands in one rule (chat_rules::whatsapp::outgoing), which the row's own trigger asks.
-- Leaves out: text and files, which every channel has (conversations/send.sql); templates.

create or replace function chat.send_on_whatsapp(p_conversation uuid, p_kind text, p_part jsonb, p_id uuid, p_reply_to uuid)
returns setof public.mod_chat_messages
language plpgsql
as $$
declare
    m public.mod_chat_messages;
begin
    perform chat.author_of(p_conversation);
    if not exists (select from public.mod_chat_conversations c where c.id = p_conversation and c.channel = 'whatsapp') then
        raise exception 'this conversation is not on WhatsApp'
            using errcode = 'PT422', detail = 'chat/not_whatsapp', hint = 'send a text or a file';
    end if;
    m.conversation_id := p_conversation;
    m.id := p_id;
    m.kind := p_kind;
    m.metadata := jsonb_build_object(p_kind, p_part);
    m.reply_to_id := p_reply_to;
    return query select * from chat.send_as_agent(m);
end
$$;
comment on function chat.send_on_whatsapp(uuid, text, jsonb, uuid, uuid) is
    'Writes a message of a kind that only WhatsApp has, its object in metadata. PT422 chat/not_whatsapp, and as chat.send_as_agent.';

create or replace function public.chat_send_location(
    conversation uuid, latitude double precision, longitude double precision, name text default null,
    address text default null, id uuid default null, reply_to uuid default null)
returns setof public.mod_chat_messages
language plpgsql
security definer
set search_path = ''
as $$
begin
    return query select * from chat.send_on_whatsapp(
        chat_send_location.conversation, 'location', jsonb_strip_nulls(jsonb_build_object(
            'latitude', chat_send_location.latitude, 'longitude', chat_send_location.longitude,
            'name', chat_send_location.name, 'address', chat_send_location.address)),
        chat_send_location.id, chat_send_location.reply_to);
end
$$;
comment on function public.chat_send_location(uuid, double precision, double precision, text, text, uuid, uuid) is
    'The calling agent sends a place. Its content is LC-05''s JSON, as received places have it. Repeated with its id it answers the same row. Needs live-chat.conversations.reply. PT403 chat/not_an_agent, PT404 chat/no_such_conversation, PT409 chat/id_in_use, chat/conversation_not_open, PT422 chat/not_whatsapp, chat/field_missing, chat/field_value, chat/field_length, chat/window_closed.';

create or replace function public.chat_send_contacts(
    conversation uuid, contacts jsonb, id uuid default null, reply_to uuid default null)
returns setof public.mod_chat_messages
language plpgsql
security definer
set search_path = ''
as $$
begin
    return query select * from chat.send_on_whatsapp(
        chat_send_contacts.conversation, 'contacts', chat_send_contacts.contacts, chat_send_contacts.id,
        chat_send_contacts.reply_to);
end
$$;
comment on function public.chat_send_contacts(uuid, jsonb, uuid, uuid) is
    'The calling agent sends cards: Meta''s list of {name: {formatted_name}, phones, emails, …}. Repeated with its id it answers the same row. Needs live-chat.conversations.reply. PT403 chat/not_an_agent, PT404 chat/no_such_conversation, PT409 chat/id_in_use, chat/conversation_not_open, PT422 chat/not_whatsapp, chat/field_missing, chat/field_value, chat/field_count, chat/window_closed.';

create or replace function public.chat_send_interactive(
    conversation uuid, interactive jsonb, id uuid default null, reply_to uuid default null)
returns setof public.mod_chat_messages
language plpgsql
security definer
set search_path = ''
as $$
begin
    return query select * from chat.send_on_whatsapp(
        chat_send_interactive.conversation, 'interactive', chat_send_interactive.interactive, chat_send_interactive.id,
        chat_send_interactive.reply_to);
end
$$;
comment on function public.chat_send_interactive(uuid, jsonb, uuid, uuid) is
    'The calling agent sends buttons, a list, a link, a flow or a request: Meta''s object {type, header, body, footer, action}. Its content is the body''s text. Repeated with its id it answers the same row. Needs live-chat.conversations.reply. PT403 chat/not_an_agent, PT404 chat/no_such_conversation, PT409 chat/id_in_use, chat/conversation_not_open, PT422 chat/not_whatsapp, chat/field_missing, chat/field_value, chat/field_length, chat/field_count, chat/metadata, chat/window_closed.';
