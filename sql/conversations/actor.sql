-- What: who acts on a message: an agent of its site, or its visitor.
-- Why: editing, deleting and reacting are one function each for both; here is the only place that tells them apart.
-- Leaves out: what they may do to it.

create or replace function chat.message_for_actor(
    p_message uuid, out conversation public.mod_chat_conversations, out message public.mod_chat_messages,
    out agent_id uuid, out visitor_id uuid)
language plpgsql
as $$
begin
    select m.* into message from public.mod_chat_messages m where m.id = p_message;
    if not found or not chat.may_in(message.conversation_id, 'live-chat.conversations.reply') then
        raise exception 'there is no message % that you may change', p_message
            using errcode = 'PT404', detail = 'chat/no_such_message', hint = 'use the id of a message you can see';
    end if;
    agent_id := chat.my_agent(message.site_id);
    select c.* into conversation from public.mod_chat_conversations c
    where c.id = message.conversation_id for no key update;
    select m.* into message from public.mod_chat_messages m where m.id = p_message for no key update;
end
$$;
comment on function chat.message_for_actor(uuid) is
    'A message and its conversation, locked, and who the caller is to it: agent_id or visitor_id. PT404 chat/no_such_message.';
