-- What: a person gives a conversation to an agent, to a department, or back to the queue.
-- Why: claim, assign, transfer and unassign are one change with one order of locks: the conversation, which the caller
--      has locked, then the routing row, then agents. Under it room is a fact, and so is who is still an agent.
-- Leaves out: who may do it (claim.sql, transfer.sql) and what stands against it (chat_rules::routing).

create or replace function chat.assign_by_hand(
    p_conversation public.mod_chat_conversations, p_reason text, p_agent uuid, p_department uuid, p_override boolean)
returns setof public.mod_chat_conversations
language plpgsql
as $$
declare
    before constant public.mod_chat_conversations := p_conversation;
    after public.mod_chat_conversations := p_conversation;
    at constant timestamptz := clock_timestamp();
    facts json;
    judgement jsonb;
    kept bigint;
begin
    if before.archived_at is not null then
        raise exception 'this conversation is %', before.status
            using errcode = 'PT409', detail = 'chat/conversation_ended', hint = 'open it again first: make it pending or active';
    end if;
    if p_agent is not null and (p_agent, p_department) is not distinct from (before.assigned_agent_id, before.department_id) then
        return query select c.* from public.mod_chat_conversations c where c.id = before.id;
        return;
    end if;

    perform chat.lock_routing(before.site_id);
    after.department_id := p_department;
    facts := chat.routing_facts(after, at);
    -- Whoever has it already has the room for it.
    if p_agent is not null and p_agent is distinct from before.assigned_agent_id then
        judgement := chat.judge_by_hand(facts, p_agent::text, coalesce(p_override, false), p_reason = 'claimed');
        case judgement ->> 'refusal'
            when 'chat/no_such_agent' then
                raise exception 'the site has no active agent %', p_agent
                    using errcode = 'PT404', detail = 'chat/no_such_agent', hint = 'use the id of an active agent of the site';
            when 'chat/agent_full' then
                raise exception 'this agent has as many chats as they may'
                    using errcode = 'PT409', detail = 'chat/agent_full',
                        hint = 'choose somebody with room, or assign it with override => true';
            when 'chat/agent_offline' then
                raise exception 'this agent is offline'
                    using errcode = 'PT409', detail = 'chat/agent_offline',
                        hint = 'choose somebody who is there, or assign it with override => true';
            else
        end case;
    end if;

    insert into chat.choices (
        site_id, conversation_id, agent_id, by_user, at, department_id, waited_seconds, facts, choice)
    values (before.site_id, before.id, p_agent, auth.uid(), at, before.department_id,
        case when p_agent is not null and before.returned_by is null then chat.waited_seconds(before.pending_since, at) end,
        facts, jsonb_build_object(
        'agent_id', p_agent,
        'reason', p_reason,
        'department_id', p_department,
        'from_agent_id', before.assigned_agent_id,
        'by_agent_id', (
            select a.id from public.mod_chat_agents a where a.site_id = before.site_id and a.user_id = auth.uid()),
        'beyond', coalesce(judgement -> 'beyond', '[]')))
    returning id into kept;
    -- With a choice of its own the change is not routed again at commit; it is here.
    update public.mod_chat_conversations c
    set assigned_agent_id = p_agent,
        department_id = p_department,
        returned_by = case when p_agent is null then before.assigned_agent_id end,
        choice_id = kept
    where c.id = before.id
    returning * into after;
    perform chat.note_sla(before, after);
    perform chat.recount_load(before.site_id, array[before.assigned_agent_id, p_agent]);
    perform chat.drain(before.site_id);
    return query select c.* from public.mod_chat_conversations c where c.id = before.id;
end
$$;
comment on function chat.assign_by_hand(public.mod_chat_conversations, text, uuid, uuid, boolean) is
    'Gives a conversation the caller has locked to an agent (null: to the queue) of a department, keeps why, and routes. PT404 chat/no_such_agent; PT409 chat/conversation_ended, chat/agent_full, chat/agent_offline.';
