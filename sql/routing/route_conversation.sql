-- What: what follows at commit from a conversation's new status, assignment or department: loads, session number, rules, drain.
-- Why: routing happens last in a transaction. Whoever changed the row only wrote it; a deferred trigger takes the routing
--      row when all other locks are held already, so no order of locks can be broken by a batch.
-- Leaves out: changes routing itself made. The trigger's `when` knows them by their new choice_id.

create or replace function chat.recount_load(p_site uuid, p_agents uuid[])
returns void
language plpgsql
as $$
begin
    -- A chat that comes has nobody yet.
    if array_remove(p_agents, null) = '{}' then
        return;
    end if;
    update public.mod_chat_agents a
    set current_chat_count = n.chats,
        last_assigned_at = case when n.chats > a.current_chat_count then clock_timestamp() else a.last_assigned_at end
    from (
        select x.id, (
            select count(*)::integer from public.mod_chat_conversations c
            where c.assigned_agent_id = x.id and c.archived_at is null
                and (c.status = 'active' or c.status = 'waiting' and c.snoozed_until is null)) as chats
        from (select id from public.mod_chat_agents where site_id = p_site and id = any (p_agents) order by id for no key update) x
    ) n
    where a.id = n.id and a.current_chat_count is distinct from n.chats;
end
$$;
comment on function chat.recount_load(uuid, uuid[]) is
    'Counts the load of these agents anew. The caller holds the routing row, so the count is exact and cannot drift.';

create or replace function chat.route_conversation()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
declare
    line chat.routing;
    number text;
begin
    if tg_op = 'UPDATE' then
        perform chat.note_sla(old, new);
    end if;
    if tg_op = 'UPDATE' and new.status <> 'pending'
        and (new.status, new.assigned_agent_id, new.department_id, new.priority, new.snoozed_until)
            is not distinct from (old.status, old.assigned_agent_id, old.department_id, old.priority, old.snoozed_until)
    then
        return null;
    end if;
    if tg_op = 'INSERT' then
        -- Counted here and not at the insert, because it locks the routing row, which comes after everything else.
        loop
            update chat.routing r set next_session = r.next_session + 1 where r.site_id = new.site_id returning r.* into line;
            exit when found;
            perform chat.lock_routing(new.site_id);
        end loop;
        number := 'CHAT-' || lpad((line.next_session - 1)::text, 8, '0');
        -- What began over, by an import or on the business's phone, needs nobody.
        if new.archived_at is not null then
            update public.mod_chat_conversations c
            set session_number = number, department_id = coalesce(c.department_id, chat.default_department(new.site_id))
            where c.id = new.id and c.session_number is null;
            -- Whether or not anything is promised: a promise may be just being made.
            insert into chat.sla_pauses (site_id, conversation_id, seq, began_at, is_end)
            values (new.site_id, new.id, new.last_seq, new.archived_at, true);
            return null;
        end if;
        if line.rules_version is not null then
            perform chat.sort_by_rules(new.id, line.rules_version);
        end if;
        -- What nobody has sorted is the default department's, and stands in its line.
        if new.department_id is null then
            update public.mod_chat_conversations c
            set session_number = number, department_id = d.id
            from chat.default_department(new.site_id) d (id)
            where c.id = new.id and c.session_number is null and c.department_id is null and d.id is not null;
        end if;
        perform chat.recount_load(new.site_id, array[new.assigned_agent_id]);
        perform chat.drain(new.site_id, new.id, number);
        return null;
    end if;
    perform chat.lock_routing(new.site_id);
    -- What began over has come only now: the person answers what the business wrote on its phone.
    if new.status = 'pending' and old.archived_at is not null and old.ended_by = 'system' and old.inbound_count = 0
        and old.agent_joined_at is null and old.applied_rule is null
    then
        select r.* into line from chat.routing r where r.site_id = new.site_id;
        if line.rules_version is not null then
            perform chat.sort_by_rules(new.id, line.rules_version);
        end if;
    end if;
    perform chat.recount_load(new.site_id, array[old.assigned_agent_id, new.assigned_agent_id]);
    perform chat.drain(new.site_id);
    return null;
end
$$;
comment on function chat.route_conversation() is
    'At commit, under the site''s routing row: session number, rules and default department of a new one, loads, and the drain.';
