-- What: everything the choice of an agent for a conversation depends on.
-- Why: gathered once, under the site's routing row, and kept with the choice; chat_rules::routing decides from nothing else.
-- Leaves out: what no strategy of the site reads: skills, last hour and acquaintance are looked up only where they count.

create or replace function chat.routing_facts(p_conversation public.mod_chat_conversations, p_at timestamptz)
returns jsonb
language plpgsql
stable
as $$
declare
    c constant public.mod_chat_conversations := p_conversation;
    settings constant chat.routing_settings := chat.routing_settings_of(c.site_id, c.department_id);
    with_skills constant boolean := settings.strategy = 'skills';
begin
    return jsonb_build_object(
        'at', p_at,
        'conversation_id', c.id,
        'department_id', c.department_id,
        'preferred_agent_id', c.last_agent_id,
        'strategy', settings.strategy)
        || jsonb_strip_nulls(jsonb_build_object(
            -- Whoever gave it back gets it again after somebody else has had it.
            'returned_by', case when c.returned_by = c.last_agent_id then c.returned_by end,
            'waited_seconds', floor(extract(epoch from p_at - c.pending_since)),
            'hourly_limit', settings.hourly_limit,
            'fallback_seconds', settings.fallback_seconds,
            'fallback_department_id', settings.fallback_department_id,
            'skills', case when with_skills then to_jsonb(c.skills) end,
            'skills_wait_seconds', case when with_skills then settings.skills_wait_seconds end,
            'known_agent_id', case when settings.strategy = 'sticky' then (
                select coalesce(x.assigned_agent_id, x.last_agent_id)
                from public.mod_chat_conversations x
                where x.visitor_id = c.visitor_id and x.id <> c.id
                    and coalesce(x.assigned_agent_id, x.last_agent_id) is not null
                order by coalesce(x.agent_joined_at, x.created_at) desc
                limit 1) end))
        || jsonb_build_object('candidates', coalesce((
            select jsonb_agg(
                case when with_skills or settings.hourly_limit is not null then x.candidate || jsonb_strip_nulls(jsonb_build_object(
                    'skills', case when with_skills then to_jsonb(a.skills) end,
                    'got_this_hour', case when settings.hourly_limit is not null then (
                        select count(*) from chat.choices k
                        where k.agent_id = a.id and k.at > p_at - interval '1 hour' and k.by_user is null) end))
                else x.candidate end
                order by a.id)
            from public.mod_chat_agents a
            left join public.mod_chat_departments d on d.id = c.department_id
            cross join lateral (select jsonb_build_object(
                'agent_id', a.id, 'status', a.status, 'is_active', a.is_active, 'department_id', a.department_id,
                'load', a.current_chat_count, 'max', a.max_concurrent_chats,
                -- Counted where it can count: under a department's limit, of somebody who has chats.
                'department_load', case when d.max_concurrent_chats is null or a.current_chat_count = 0 then 0 else (
                    select count(*) from public.mod_chat_conversations x
                    where x.assigned_agent_id = a.id and x.department_id = c.department_id and x.archived_at is null
                        and (x.status = 'active' or x.status = 'waiting' and x.snoozed_until is null)) end,
                'department_max', d.max_concurrent_chats,
                'last_assigned_at', a.last_assigned_at) as candidate) x
            where a.site_id = c.site_id and a.is_active), '[]'));
end
$$;
comment on function chat.routing_facts(public.mod_chat_conversations, timestamptz) is
    'What the choice of an agent for a conversation depends on, as chat_rules::routing takes it.';
