-- What: the event rows and the broadcast of messages, for a whole statement at once.
-- Why: a run of fifty incoming messages is one insert, so one event insert and one broadcast.
-- Leaves out: the payload's content. Clients fetch rows by `change`; a broadcast is a hint.

-- Inlined into its callers.
create or replace function chat.message_topics(
    p_site uuid, p_conversation uuid, p_message uuid, p_visitor uuid, p_change bigint, p_before bigint, p_public boolean,
    p_type text)
returns table (topic text, payload jsonb)
language sql
immutable
as $$
    select t.topic, jsonb_build_object(
        'v', 1, 'type', p_type, 'conversation_id', p_conversation, 'message_id', p_message, 'change', p_change,
        'prev', t.prev)
    from (values
        ('chat:site:' || p_site::text, null::bigint),
        ('chat:conversation:' || p_conversation::text, p_change - 1),
        (case when p_public then 'chat:visitor:' || p_visitor::text end, p_before)
    ) t (topic, prev)
$$;
comment on function chat.message_topics(uuid, uuid, uuid, uuid, bigint, bigint, boolean, text) is
    'Topics and payloads of one changed message: site, conversation, and the visitor unless it is a note.';

create or replace function chat.announce_new_messages()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.events (site_id, name, conversation_id, message_id, agent_id)
    select m.site_id,
        case m.sender_type when 'visitor' then 'chat.message.received' else 'chat.message.sent' end,
        m.conversation_id, m.id,
        case when m.sender_type = 'agent' and m.origin = 'live' then m.sender_id::uuid end
    from added m
    where m.public_seq is not null and m.sender_type <> 'system' and m.origin <> 'history'
    order by m.conversation_id, m.seq;

    perform chat.broadcast(array_agg(t.topic), array_agg(t.payload))
    from added m
    join public.mod_chat_conversations c on c.id = m.conversation_id
    cross join lateral chat.message_topics(
        m.site_id, m.conversation_id, m.id, c.visitor_id, m.change, m.change_before, m.public_seq is not null,
        'new_message') t
    where m.origin <> 'history';
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
begin
    perform chat.broadcast(array_agg(t.topic), array_agg(t.payload))
    from public.mod_chat_conversations c
    cross join lateral chat.message_topics(
        new.site_id, new.conversation_id, new.id, c.visitor_id, new.change, new.change_before,
        new.public_seq is not null, 'status_change') t
    where c.id = new.conversation_id;
    return null;
end
$$;
comment on function chat.announce_changed_message() is 'After a message changed (delivery, reaction, file): one broadcast.';
