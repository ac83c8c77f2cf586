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

create or replace function chat.drain(p_site uuid, p_arrived uuid default null, p_number text default null)
returns integer
language plpgsql
security definer
set search_path = ''
as $$
declare
    queue uuid;
    waiting record;
    at timestamptz;
    facts json;
    choice jsonb;
    chosen uuid;
    kept bigint;
    drained integer := 0;
    done_queues uuid[] := '{}';
    nobody_for text[] := '{}';
    arrived_waits boolean := p_arrived is not null;
begin
    loop
        exit when not exists (
            select from public.mod_chat_agents a
            where a.site_id = p_site and a.is_active and a.status = 'online'
                and a.current_chat_count < a.max_concurrent_chats);
        at := clock_timestamp();

        -- Each department is a queue, and the site is that of what has none. The first of every queue is looked at where
        -- anybody with room could be for it, so what waits where nobody works costs the others nothing, however much it is.
        select q.id into queue
        from (
            select p_site as id
            union all
            select d.id from public.mod_chat_departments d
            where d.site_id = p_site and d.auto_assign
                and (exists (
                        select from public.mod_chat_agents a
                        where a.site_id = p_site and a.department_id = d.id and a.is_active and a.status = 'online'
                            and a.current_chat_count < a.max_concurrent_chats)
                    or (chat.routing_settings_of(p_site, d.id)).fallback_seconds is not null)) q
        cross join lateral (
            select chat.urgency(c.priority) as urgency, c.pending_since, c.id
            from public.mod_chat_conversations c
            where coalesce(c.department_id, c.site_id) = q.id and c.status = 'pending' and c.assigned_agent_id is null
            order by 1, 2, 3
            limit 1) first
        where q.id <> all (done_queues)
        order by first.urgency, first.pending_since, first.id
        limit 1;
        exit when not found;

        -- A row another transaction holds is skipped: its own commit, or the tick, comes back to it. Whom nobody can take
        -- nobody can take any other of the same needs; and where it needs no more than any other of its queue does, none of
        -- that queue.
        select c as chat, n.needs, n.needs = queue::text as needs_least into waiting
        from public.mod_chat_conversations c
        left join lateral (
            select x.fallback_seconds, x.skills_wait_seconds, x.strategy = 'skills' as by_skills
            from chat.routing_settings x
            where x.site_id = p_site and (x.department_id = c.department_id or x.department_id is null)
            order by x.department_id nulls last
            limit 1) s on true
        cross join lateral (select concat_ws('|', queue,
            case when c.pending_since > at - make_interval(secs => s.fallback_seconds) then 'no fallback yet' end,
            case when s.by_skills and (c.pending_since <= at - make_interval(secs => s.skills_wait_seconds)) is not true
                then c.skills::text end,
            case when c.returned_by = c.last_agent_id then c.returned_by end) as needs) n
        where coalesce(c.department_id, c.site_id) = queue and c.status = 'pending' and c.assigned_agent_id is null
            and (cardinality(nobody_for) = 0 or n.needs <> all (nobody_for))
        order by chat.urgency(c.priority), c.pending_since, c.id
        limit 1
        for no key update of c skip locked;
        if not found then
            done_queues := done_queues || queue;
            continue;
        end if;

        facts := chat.routing_facts(waiting.chat, at);
        choice := chat.choose_agent(facts);
        chosen := (choice ->> 'agent_id')::uuid;
        if chosen is null then
            if waiting.needs_least then
                done_queues := done_queues || queue;
            else
                nobody_for := nobody_for || waiting.needs;
            end if;
            continue;
        end if;

        insert into chat.choices (site_id, conversation_id, agent_id, at, department_id, waited_seconds, facts, choice)
        values (p_site, (waiting.chat).id, chosen, at, (waiting.chat).department_id,
            case when (waiting.chat).returned_by is null then chat.waited_seconds((waiting.chat).pending_since, at) end, facts, choice)
        returning id into kept;
        if (waiting.chat).id = p_arrived then
            update public.mod_chat_conversations
            set assigned_agent_id = chosen, status = 'active', choice_id = kept, session_number = coalesce(session_number, p_number)
            where id = p_arrived;
            arrived_waits := false;
        else
            -- A statement that names the number, a key, would wait for whoever refers to the row; they may wait for routing.
            update public.mod_chat_conversations
            set assigned_agent_id = chosen, status = 'active', choice_id = kept
            where id = (waiting.chat).id;
        end if;
        update public.mod_chat_agents
        set current_chat_count = current_chat_count + 1, last_assigned_at = clock_timestamp(), updated_at = clock_timestamp()
        where id = chosen;
        drained := drained + 1;
        -- It brought no room, so what is behind it still waits for some.
        exit when (waiting.chat).id = p_arrived;
    end loop;
    if arrived_waits then
        update public.mod_chat_conversations set session_number = p_number where id = p_arrived and session_number is null;
    end if;
    return drained;
end
$$;
comment on function chat.drain(uuid, uuid, text) is
    'Assigns waiting conversations of a site to agents with room. The caller holds the site''s routing row. The one that has just arrived gets its number, in the same change where somebody gets it. Returns how many.';
