-- What: planned messages whose time has come become messages.
-- Why: one transaction writes the message and ends the plan, so it is sent once, whatever dies. What cannot be sent (the
--      window is closed, the agent is gone) fails with its reason and holds nobody up.
-- Leaves out: when, which is the tick's.

create or replace function chat.send_planned(p_plan chat.scheduled_messages, p_now timestamptz)
returns text
language plpgsql
as $$
declare
    conversation public.mod_chat_conversations;
    agent public.mod_chat_agents;
begin
    select c.* into conversation from public.mod_chat_conversations c where c.id = p_plan.conversation_id;
    if p_plan.unless_answered and conversation.inbound_count > p_plan.inbound_count then
        return 'cancelled';
    end if;
    select a.* into agent from public.mod_chat_agents a where a.id = p_plan.agent_id and a.is_active;
    if not found then
        raise exception 'the agent who planned it is not active any more'
            using errcode = 'PT409', detail = 'chat/not_an_agent', hint = 'plan it again as somebody else';
    end if;
    -- What is over but may come back comes back with its agent.
    if conversation.status in ('resolved', 'missed') then
        -- Whoever opens another of this person's has the person; a tick waits for nobody.
        perform from chat.identities i where i.id = conversation.identity_id for no key update skip locked;
        if not found and conversation.identity_id is not null then
            return 'waiting';
        end if;
        update public.mod_chat_conversations c
        set status = 'active', assigned_agent_id = coalesce(c.assigned_agent_id, agent.id)
        where c.id = conversation.id;
    end if;
    insert into public.mod_chat_messages (
        id, conversation_id, sender_type, sender_id, sender_name, sender_avatar, content, sent_at)
    values (p_plan.id, conversation.id, 'agent', agent.id, agent.display_name, agent.avatar_url, p_plan.content, p_now);
    return 'sent';
end
$$;
comment on function chat.send_planned(chat.scheduled_messages, timestamptz) is
    'Writes a planned message whose conversation the caller has locked; sent, cancelled, or still waiting because somebody has its person. Raises what keeps it from being written.';

create or replace function chat.send_scheduled(p_batch integer, p_now timestamptz default clock_timestamp())
returns uuid[]
language plpgsql
as $$
declare
    plan chat.scheduled_messages;
    outcome text;
    why jsonb;
    says text;
    code text;
    way_out text;
    sites uuid[] := '{}';
begin
    for plan in
        select s.*
        from chat.scheduled_messages s
        join public.mod_chat_conversations c on c.id = s.conversation_id
        where s.state = 'waiting' and s.due_at <= p_now
        order by s.due_at, s.id
        limit p_batch
        for no key update of s, c skip locked
    loop
        why := null;
        begin
            outcome := chat.send_planned(plan, p_now);
            continue when outcome = 'waiting';
        exception when others then
            -- Only refusals end a plan; after a fault of the moment the next tick tries again.
            if sqlstate = '23505' then
                -- Another conversation of this person was opened at this moment; the next tick sees it.
                continue;
            elsif left(sqlstate, 2) <> 'PT' then
                raise;
            end if;
            get stacked diagnostics says = message_text, code = pg_exception_detail, way_out = pg_exception_hint;
            outcome := 'failed';
            why := jsonb_build_object('code', code, 'message', says, 'hint', way_out);
        end;
        update chat.scheduled_messages s set state = outcome, error = why, ended_at = p_now where s.id = plan.id;
        sites := sites || plan.site_id;
    end loop;
    return sites;
end
$$;
comment on function chat.send_scheduled(integer, timestamptz) is
    'Sends planned messages that are due; what is refused fails with its reason. Returns the site of each.';
