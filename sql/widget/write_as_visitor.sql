-- What: stores a visitor's message, in their conversation or a new one.
-- Why: the person's identity is locked first, so two tabs open one conversation, and a block that was set meanwhile holds.
-- Leaves out: what is asked of the visitor before (post_message.sql), numbers and counters (the message's own triggers).

create or replace function chat.write_as_visitor(p_session chat.sessions, p_message jsonb, p_now timestamptz)
returns jsonb
language plpgsql
as $$
declare
    message constant uuid := coalesce((p_message ->> 'id')::uuid, gen_random_uuid());
    session constant chat.sessions := chat.lock_person(p_session);
    mine constant uuid[] := chat.visitors_of(session.identity_id);
    known public.mod_chat_messages;
    visitor public.mod_chat_visitors;
    upload chat.uploads;
    home uuid;
begin
    if chat.is_blocked(session.site_id, session.visitor_id, chat.client_address(), p_now) then
        raise exception 'you cannot write to this site'
            using errcode = 'PT403', detail = 'chat/blocked', hint = 'ask the site to lift the block';
    end if;
    -- A repetition opens nothing and is answered with what was stored.
    select m.* into known from public.mod_chat_messages m where m.id = message;
    if known.id is null then
        upload := chat.take_upload(session, (p_message ->> 'upload')::uuid, message, p_now);
        home := chat.open_for_visitor(session, mine, p_message);
        select v.* into visitor from public.mod_chat_visitors v where v.id = session.visitor_id;
        insert into public.mod_chat_messages (
            id, conversation_id, site_id, sender_type, sender_name, sender_avatar, content, kind, reply_to_id, file_url,
            file_name, file_size, file_mime_type, file_state)
        values (
            message, home, session.site_id, 'visitor', visitor.name, visitor.avatar_url, p_message ->> 'content',
            case when upload.id is null then 'text' else chat.kind_of_file(upload.mime_type) end,
            chat.quotable(home, (p_message ->> 'reply_to')::uuid), upload.path, upload.name, upload.size_bytes,
            upload.mime_type, case when upload.id is not null then 'ready' end);
    elsif not exists (
        select from public.mod_chat_conversations c where c.id = known.conversation_id and c.visitor_id = any (mine))
        or known.sender_type <> 'visitor'
    then
        raise exception 'message id % stands in another conversation', message
            using errcode = 'PT409', detail = 'chat/id_in_use', hint = 'make a new uuid for each message';
    end if;
    return (select to_jsonb(m) from public.chat_my_messages m where m.id = message);
end
$$;
comment on function chat.write_as_visitor(chat.sessions, jsonb, timestamptz) is
    'Stores {id, content, conversation, reply_to, upload, department_id, metadata} as the session''s visitor. PT403 chat/blocked, PT409 chat/id_in_use.';

create or replace function chat.open_for_visitor(p_session chat.sessions, p_mine uuid[], p_message jsonb)
returns uuid
language plpgsql
as $$
declare
    named constant uuid := (p_message ->> 'conversation')::uuid;
    conversation public.mod_chat_conversations;
begin
    if named is null then
        return chat.home_conversation(p_session.site_id, p_session.identity_id, null, 'widget', null,
            (select jsonb_build_object('page_url', v.current_page_url, 'page_title', v.current_page_title,
                'user_agent', p_session.user_agent, 'ip_address', p_session.ip_address,
                'department_id', p_message -> 'department_id', 'metadata', p_message -> 'metadata')
            from public.mod_chat_visitors v where v.id = p_session.visitor_id));
    end if;
    select c.* into conversation
    from public.mod_chat_conversations c
    where c.id = named and c.visitor_id = any (p_mine)
    for no key update;
    if not found then
        raise exception 'you have no conversation %', named
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'leave the conversation out to write in your own';
    elsif conversation.archived_at is not null then
        raise exception 'this conversation is %', conversation.status
            using errcode = 'PT409', detail = 'chat/conversation_not_open', hint = 'leave the conversation out to begin a new one';
    end if;
    return named;
end
$$;
comment on function chat.open_for_visitor(chat.sessions, uuid[], jsonb) is
    'The conversation that a visitor''s message goes to: the named one, when it is theirs and open, else their home. PT404 chat/no_such_conversation, PT409 chat/conversation_not_open.';

create or replace function chat.quotable(p_conversation uuid, p_message uuid)
returns uuid
language plpgsql
stable
as $$
begin
    if p_message is not null and not exists (
        select from public.mod_chat_messages m
        where m.id = p_message and m.conversation_id = p_conversation and m.public_seq is not null)
    then
        raise exception 'there is no message % to reply to', p_message
            using errcode = 'PT404', detail = 'chat/no_such_message', hint = 'reply to a message of the same conversation';
    end if;
    return p_message;
end
$$;
comment on function chat.quotable(uuid, uuid) is
    'A message that a visitor may quote in a conversation; null stays null. PT404 chat/no_such_message.';
