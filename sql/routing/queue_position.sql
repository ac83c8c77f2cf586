-- What: one conversation's place in its line, and the visitor's own question for it.
-- Why: whoever waits wants to know how long; counted for one it costs only those who stand before it.
-- Leaves out: what a place is made of (queue.sql).

create or replace function chat.place_shown(p_conversation public.mod_chat_conversations, p_now timestamptz)
returns jsonb
language plpgsql
stable
as $$
declare
    c constant public.mod_chat_conversations := p_conversation;
    place bigint;
begin
    if c.status <> 'pending' or c.assigned_agent_id is not null then
        return jsonb_build_object('conversation_id', c.id, 'status', c.status, 'position', null);
    end if;
    select count(*) + 1 into place
    from public.mod_chat_conversations x
    where coalesce(x.department_id, x.site_id) = coalesce(c.department_id, c.site_id)
        and x.status = 'pending' and x.assigned_agent_id is null
        and (chat.urgency(x.priority), x.pending_since, x.id) < (chat.urgency(c.priority), c.pending_since, c.id);
    return jsonb_build_object(
        'conversation_id', c.id, 'status', c.status, 'position', place, 'waiting_since', c.pending_since)
        || chat.wait_shown(chat.expected_wait(
            chat.line_facts(c.site_id, c.department_id, p_now) || jsonb_build_object('position', place)));
end
$$;
comment on function chat.place_shown(public.mod_chat_conversations, timestamptz) is
    'The place of one conversation and what it may expect; a null position where it waits for nobody.';

create or replace function public.chat_queue_position(conversation uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    mine constant uuid[] := chat.my_visitor_ids();
    chat_row public.mod_chat_conversations;
begin
    select c.* into chat_row from public.mod_chat_conversations c
    where c.id = chat_queue_position.conversation and c.visitor_id = any (mine);
    if not found then
        raise exception 'you have no conversation %', chat_queue_position.conversation
            using errcode = 'PT404', detail = 'chat/no_such_conversation', hint = 'chat_my_conversations lists yours';
    end if;
    return chat.place_shown(chat_row, clock_timestamp());
end
$$;
comment on function public.chat_queue_position(uuid) is
    'A visitor''s own place: {conversation_id, status, position, waiting_since, expected_wait, expected_seconds, seconds_per_chat, from_chats, reason} as in chat_queue; position is null when it waits for nobody. What moves is told on chat:visitor:<id> as queue_position. PT401 as chat.my_session, PT404 chat/no_such_conversation.';
