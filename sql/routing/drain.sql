-- What: hands waiting conversations to agents with room, oldest most urgent first, until nobody waits or nobody has room.
-- Why: called under the site's routing row by everything that changes who waits or who has room, so neither can be missed.
-- Leaves out: which agent. That is the rule's choice (chat_rules::routing); here are only its facts and its result.

create or replace function chat.lock_routing(p_site uuid)
returns void
language plpgsql
as $$
begin
    perform from chat.routing r where r.site_id = p_site for update;
    if not found then
        insert into chat.routing (site_id) values (p_site) on conflict do nothing;
        perform from chat.routing r where r.site_id = p_site for update;
    end if;
end
$$;
comment on function chat.lock_routing(uuid) is 'Locks the site''s routing row, making it first where there is none.';

create or replace function chat.routing_facts(p_site uuid, p_department uuid, p_preferred uuid, p_conversation uuid, p_at timestamptz)
returns jsonb
language plpgsql
stable
as $$
begin
    return (
        select jsonb_build_object(
            'at', p_at,
            'conversation_id', p_conversation,
            'department_id', p_department,
            'preferred_agent_id', p_preferred,
            'candidates', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'agent_id', a.id, 'status', a.status, 'is_active', a.is_active, 'department_id', a.department_id,
                    'load', a.current_chat_count, 'max', a.max_concurrent_chats,
                    'department_load', case when p_department is null then 0 else (
                        select count(*) from public.mod_chat_conversations c
                        where c.assigned_agent_id = a.id and c.department_id = p_department and c.archived_at is null
                            and (c.status = 'active' or c.status = 'waiting' and c.snoozed_until is null)) end,
                    'department_max', d.max_concurrent_chats,
                    'last_assigned_at', a.last_assigned_at) order by a.id)
                from public.mod_chat_agents a
                left join public.mod_chat_departments d on d.id = p_department
                where a.site_id = p_site and a.is_active), '[]')));
end
$$;
comment on function chat.routing_facts(uuid, uuid, uuid, uuid, timestamptz) is
    'What the choice of an agent depends on, as chat_rules::routing takes it.';

create or replace function chat.drain(p_site uuid)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    waiting record;
    facts jsonb;
    choice jsonb;
    chosen uuid;
    kept bigint;
    drained integer := 0;
    full_departments uuid[] := '{}';
    nobody_for_any boolean := false;
begin
    loop
        exit when not exists (
            select from public.mod_chat_agents a
            where a.site_id = p_site and a.is_active and a.status = 'online'
                and a.current_chat_count < a.max_concurrent_chats);

        -- A row another transaction holds is skipped: its own commit, or the tick, comes back to it.
        select c.id, c.department_id, c.last_agent_id, c.visitor_id into waiting
        from public.mod_chat_conversations c
        left join public.mod_chat_departments d on d.id = c.department_id
        where c.site_id = p_site and c.status = 'pending' and c.assigned_agent_id is null
            and coalesce(d.auto_assign, true)
            and (c.department_id is null and not nobody_for_any or c.department_id <> all (full_departments))
        order by (case c.priority when 'urgent' then 1 when 'high' then 2 when 'normal' then 3 else 4 end), c.pending_since, c.id
        limit 1
        for no key update of c skip locked;
        exit when not found;

        facts := chat.routing_facts(p_site, waiting.department_id, waiting.last_agent_id, waiting.id, clock_timestamp());
        choice := chat.choose_agent(facts);
        chosen := (choice ->> 'agent_id')::uuid;
        if chosen is null then
            if waiting.department_id is null then
                nobody_for_any := true;
            else
                full_departments := full_departments || waiting.department_id;
            end if;
            continue;
        end if;

        insert into chat.choices (site_id, conversation_id, agent_id, at, facts, choice)
        values (p_site, waiting.id, chosen, (facts ->> 'at')::timestamptz, facts, choice)
        returning id into kept;
        update public.mod_chat_conversations
        set assigned_agent_id = chosen, status = 'active', choice_id = kept
        where id = waiting.id;
        update public.mod_chat_agents
        set current_chat_count = current_chat_count + 1, last_assigned_at = clock_timestamp()
        where id = chosen;
        drained := drained + 1;
    end loop;
    return drained;
end
$$;
comment on function chat.drain(uuid) is
    'Assigns waiting conversations of a site to agents with room. The caller holds the site''s routing row. Returns how many.';
