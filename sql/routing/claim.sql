-- What: an agent takes a waiting conversation; a supervisor assigns one, or takes it away; an agent gives one back.
-- Why: functions, because room is looked at under the routing row and the reason is kept with the facts. A dashboard's
--      plain PATCH of assigned_agent_id still works and asks nobody for room.
-- Leaves out: handing over (transfer.sql).

create or replace function public.chat_claim(conversation uuid, override boolean default false)
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    c constant public.mod_chat_conversations :=
        chat.lock_conversation(chat_claim.conversation, 'live-chat.conversations.reply');
    me constant uuid := chat.my_agent(c.site_id);
begin
    if c.assigned_agent_id <> me then
        raise exception 'somebody else has this conversation'
            using errcode = 'PT409', detail = 'chat/already_assigned', hint = 'ask them, or a supervisor, to hand it over with chat_transfer';
    end if;
    if chat_claim.override then
        perform chat.require(c.site_id, 'live-chat.conversations.assign');
    end if;
    return query select * from chat.assign_by_hand(c, 'claimed', me, c.department_id, chat_claim.override);
end
$$;
comment on function public.chat_claim(uuid, boolean) is
    'The caller takes a conversation that nobody has. Beyond their own room only with override and the right to assign; that is kept. Needs live-chat.conversations.reply. PT403 chat/not_allowed, chat/not_an_agent; PT404 chat/no_such_conversation; PT409 chat/already_assigned, chat/agent_full, chat/conversation_ended.';

create or replace function public.chat_assign(conversation uuid, agent uuid, override boolean default false)
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    c constant public.mod_chat_conversations :=
        chat.lock_conversation(chat_assign.conversation, 'live-chat.conversations.assign');
begin
    if chat_assign.agent is null then
        raise exception 'to assign is to name an agent'
            using errcode = 'PT422', detail = 'chat/no_agent_named', hint = 'call chat_unassign to give it back to the queue';
    end if;
    return query select * from chat.assign_by_hand(c, 'assigned', chat_assign.agent, c.department_id, chat_assign.override);
end
$$;
comment on function public.chat_assign(uuid, uuid, boolean) is
    'Gives a conversation to an agent, whoever has it. Beyond the agent''s room, or to one who is offline, only with override; what it overrode is kept. Needs live-chat.conversations.assign. PT403 chat/not_allowed; PT404 chat/no_such_conversation, chat/no_such_agent; PT409 chat/agent_full, chat/agent_offline, chat/conversation_ended; PT422 chat/no_agent_named.';

create or replace function chat.require_hand(p_conversation public.mod_chat_conversations)
returns void
language plpgsql
stable
as $$
begin
    -- One's own conversation needs no right to assign others.
    if not exists (
        select from public.mod_chat_agents a
        where a.id = p_conversation.assigned_agent_id and a.user_id = auth.uid() and a.is_active)
    then
        perform chat.require(p_conversation.site_id, 'live-chat.conversations.assign');
    end if;
end
$$;
comment on function chat.require_hand(public.mod_chat_conversations) is
    'Raises PT403 chat/not_allowed unless the conversation is the caller''s own, or they may assign.';

create or replace function public.chat_unassign(conversation uuid)
returns setof public.mod_chat_conversations
language plpgsql
security definer
set search_path = ''
as $$
declare
    c constant public.mod_chat_conversations :=
        chat.lock_conversation(chat_unassign.conversation, 'live-chat.conversations.reply');
begin
    perform chat.require_hand(c);
    if c.assigned_agent_id is null then
        raise exception 'nobody has this conversation'
            using errcode = 'PT409', detail = 'chat/not_assigned', hint = 'it waits in the queue already';
    end if;
    return query select * from chat.assign_by_hand(c, 'unassigned', null, c.department_id, false);
end
$$;
comment on function public.chat_unassign(uuid) is
    'Gives a conversation back to the queue: the caller''s own, or, with live-chat.conversations.assign, anybody''s. Routing gives it to somebody else, not again to who had it. Needs live-chat.conversations.reply. PT403 chat/not_allowed; PT404 chat/no_such_conversation; PT409 chat/not_assigned, chat/conversation_ended.';
