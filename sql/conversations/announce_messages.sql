-- What: the event rows and the broadcast of messages, for a whole statement at once.
-- Why: a run of fifty incoming messages is one insert, so one event insert and one broadcast.
-- Leaves out: the payload's content. Clients fetch rows by `change`; a broadcast is a hint.

create or replace function chat.message_payload(p_message public.mod_chat_messages, p_type text)
returns jsonb
language sql
stable
as $$
    select jsonb_build_object('v', 1, 'type', p_type, 'conversation_id', (p_message).conversation_id,
        'message_id', (p_message).id, 'change', (p_message).change)
$$;
comment on function chat.message_payload(public.mod_chat_messages, text) is
    'What every topic is told of a changed message; the caller adds `prev`, the change before it on that topic.';

create or replace function chat.announce_new_messages()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    message public.mod_chat_messages;
    payload jsonb;
    topics text[] := '{}';
    payloads jsonb[] := '{}';
begin
    for message in select a.* from added a order by a.conversation_id, a.seq loop
        -- What has no event row is told to search in another way (index_words.sql).
        if message.public_seq is null or message.origin = 'history' then
            insert into chat.words_due (site_id, message_id) values (message.site_id, message.id);
        end if;
        continue when message.origin = 'history';
        if message.public_seq is not null and message.sender_type <> 'system' then
            insert into chat.events (site_id, name, conversation_id, message_id, agent_id)
            values (message.site_id,
                case message.sender_type when 'visitor' then 'chat.message.received' else 'chat.message.sent' end,
                message.conversation_id, message.id,
                case when message.sender_type = 'agent' and message.origin = 'live' then message.sender_id::uuid end);
        end if;
        payload := chat.message_payload(message, 'new_message');
        topics := topics || chat.message_topics(message);
        payloads := payloads || array[
            payload,
            payload || jsonb_build_object('prev', message.change - 1),
            payload || jsonb_build_object('prev', message.change_before)];
    end loop;
    if cardinality(topics) > 0 then
        perform chat.broadcast(topics, payloads);
    end if;
    return null;
end
$$;
comment on function chat.announce_new_messages() is 'After messages were written: event rows and one broadcast for all.';

create or replace function chat.announce_changed_message()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    payload constant jsonb := chat.message_payload(new, 'status_change');
begin
    perform chat.broadcast(chat.message_topics(new), array[
        payload,
        payload || jsonb_build_object('prev', new.change - 1),
        payload || jsonb_build_object('prev', new.change_before)]);
    return null;
end
$$;
comment on function chat.announce_changed_message() is 'After a message changed (delivery, reaction, file): one broadcast.';

create or replace function chat.message_topics(p_message public.mod_chat_messages)
returns text[]
language plpgsql
stable
as $$
declare
    visitor uuid;
begin
    if p_message.sender_type = 'visitor' then
        visitor := p_message.sender_id::uuid;
    elsif p_message.public_seq is not null then
        select c.visitor_id into visitor from public.mod_chat_conversations c where c.id = p_message.conversation_id;
    end if;
    return array[
        'chat:site:' || p_message.site_id, 'chat:conversation:' || p_message.conversation_id, 'chat:visitor:' || visitor];
end
$$;
comment on function chat.message_topics(public.mod_chat_messages) is
    'Topics of a message: site, conversation, and its visitor, which is null for a note.';
