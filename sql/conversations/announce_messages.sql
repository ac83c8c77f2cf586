-- What: the event row and the broadcast of a message.
-- Why: both are written in the message's own transaction, once a change.
-- Leaves out: the payload's content. Clients fetch rows by `change`; a broadcast is a hint.

create or replace function chat.announce_message(p_message public.mod_chat_messages, p_type text)
returns void
language plpgsql
as $$
declare
    visitor text;
begin
    if p_message.sender_type = 'visitor' then
        visitor := p_message.sender_id;
    elsif p_message.public_seq is not null then
        select c.visitor_id into visitor from public.mod_chat_conversations c where c.id = p_message.conversation_id;
    end if;
    perform chat.broadcast(
        -- A note has no visitor, and so no topic that one could listen to.
        array[
            'chat:site:' || p_message.site_id,
            'chat:conversation:' || p_message.conversation_id,
            'chat:visitor:' || visitor],
        jsonb_build_object('v', 1, 'type', p_type, 'conversation_id', p_message.conversation_id,
            'message_id', p_message.id, 'change', p_message.change),
        array[null, p_message.change - 1, p_message.change_before]);
end
$$;
comment on function chat.announce_message(public.mod_chat_messages, text) is
    'Tells the topics of a message (site, conversation, and its visitor unless it is a note) that it is new or changed.';

create or replace function chat.announce_new_message()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- What has no event row is told to search in another way (index_words.sql).
    if new.public_seq is null or new.origin = 'history' then
        insert into chat.words_due (site_id, message_id) values (new.site_id, new.id);
    end if;
    if new.origin = 'history' then
        return null;
    end if;
    if new.public_seq is not null and new.sender_type <> 'system' then
        insert into chat.events (site_id, name, conversation_id, message_id, agent_id)
        values (new.site_id,
            case new.sender_type when 'visitor' then 'chat.message.received' else 'chat.message.sent' end,
            new.conversation_id, new.id,
            case when new.sender_type = 'agent' and new.origin = 'live' then new.sender_id::uuid end);
    end if;
    perform chat.announce_message(new, 'new_message');
    return null;
end
$$;
comment on function chat.announce_new_message() is 'After a message was written: its event row and one broadcast.';

create or replace function chat.announce_changed_message()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- Files of an import come by the hundred; whoever looks at it sees them all the same.
    if new.origin = 'history' and new.file_state is distinct from old.file_state then
        return null;
    end if;
    perform chat.announce_message(new, 'status_change');
    return null;
end
$$;
comment on function chat.announce_changed_message() is 'After a message changed (delivery, reaction, file): one broadcast.';
