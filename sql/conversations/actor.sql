-- What: who acts in a conversation: an agent of its site, or its visitor.
-- Why: reading, editing, deleting and reacting are one function each for both; here is the only place that tells them
--      apart. Somebody who is neither cannot tell a conversation from one that does not exist.
-- Leaves out: what they may do there.

create or replace function chat.actor_of(p_conversation uuid, p_permission text, out agent_id uuid, out visitor_id uuid)
language plpgsql
stable
as $$
declare
    claims constant jsonb := nullif(current_setting('request.jwt.claims', true), '')::jsonb;
    -- Asked of every caller: a dead token is told so whatever it asks for.
    mine constant uuid[] := chat.my_visitor_ids();
    conversation record;
begin
    select c.site_id, c.visitor_id into conversation from public.mod_chat_conversations c where c.id = p_conversation;
    if conversation.visitor_id = any (mine) then
        visitor_id := conversation.visitor_id;
    elsif not claims ? 'chat_session' and chat.may_in(p_conversation, 'live-chat.conversations.view') then
        perform chat.require(conversation.site_id, p_permission);
        agent_id := chat.my_agent(conversation.site_id);
    end if;
end
$$;
comment on function chat.actor_of(uuid, text) is
    'Who the caller is to a conversation: an agent with the permission, its visitor, or neither (both null). PT401 as chat.my_session, PT403 chat/not_allowed, chat/not_an_agent.';

create or replace function chat.message_for_actor(
    p_message uuid, out conversation public.mod_chat_conversations, out message public.mod_chat_messages,
    out agent_id uuid, out visitor_id uuid)
language plpgsql
as $$
begin
    select m.* into message from public.mod_chat_messages m where m.id = p_message;
    select a.agent_id, a.visitor_id into message_for_actor.agent_id, message_for_actor.visitor_id
    from chat.actor_of(message.conversation_id, 'live-chat.conversations.reply') a;
    if agent_id is null and (visitor_id is null or message.public_seq is null) then
        raise exception 'there is no message % that you may change', p_message
            using errcode = 'PT404', detail = 'chat/no_such_message', hint = 'use the id of a message you can see';
    end if;
    select c.* into conversation from public.mod_chat_conversations c
    where c.id = message.conversation_id for no key update;
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
end
$$;
comment on function chat.message_for_actor(uuid) is
    'A message and its conversation, locked, and who the caller is to it: agent_id or visitor_id. PT404 chat/no_such_message.';

create or replace function chat.message_as_seen(p_message uuid, p_by_visitor boolean)
returns jsonb
language plpgsql
stable
as $$
begin
    if p_by_visitor then
        return (select to_jsonb(m) from public.chat_my_messages m where m.id = p_message);
    end if;
    return (select to_jsonb(m) from public.mod_chat_messages m where m.id = p_message);
end
$$;
comment on function chat.message_as_seen(uuid, boolean) is
    'A message as its table shows it to agents, or as chat_my_messages shows it to its visitor.';
