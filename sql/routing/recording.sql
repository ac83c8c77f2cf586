-- What: a site's lines and agents in a period, as chat_rules::routing::simulation replays them, with changes.
-- Why: gathered in one place, so that the same recording is replayed as it was and as it would be.
-- Leaves out: who came (recorded_chats.sql), the replay itself, what happened then (simulate.sql).

create or replace function chat.recording(
    p_site uuid, p_since timestamptz, p_until timestamptz, p_changes jsonb)
returns jsonb
language plpgsql
stable
as $$
declare
    all_queues constant jsonb := p_changes - '{departments,agents,add_agents,rules,answer_due_seconds}'::text[];
    due integer := (p_changes ->> 'answer_due_seconds')::integer;
    missed integer;
begin
    select x.missed_after_minutes into missed from public.mod_chat_widget_settings x where x.site_id = p_site;
    if due is null then
        select p.first_response_seconds into due from chat.sla_policies p
        where p.site_id = p_site and p.department_id is null and p.priority is null and p.tag is null;
    end if;
    return jsonb_build_object(
        'ends', chat.millis(p_until),
        'missed_after', nullif(missed, 0) * 60000::bigint,
        'answer_due', due * 1000::bigint,
        'queues', (
            select jsonb_agg(jsonb_build_object(
                    'department_id', d.id, 'auto_assign', coalesce(d.auto_assign, true), 'max', d.max_concurrent_chats)
                || (to_jsonb(chat.routing_settings_of(p_site, d.id))
                    - '{site_id,department_id}'::text[])
                || all_queues || (own.say - 'max_concurrent_chats')
                || case when own.say ? 'max_concurrent_chats' then jsonb_build_object('max', own.say -> 'max_concurrent_chats') else '{}' end)
            from (
                select null::uuid as id, null::boolean as auto_assign, null::integer as max_concurrent_chats
                union all
                select x.id, x.auto_assign, x.max_concurrent_chats
                from public.mod_chat_departments x where x.site_id = p_site) d
            cross join lateral (select coalesce(p_changes #> array['departments', d.id::text], '{}') as say) own),
        'agents', coalesce((
            select jsonb_agg(chat.recorded_agent(a, p_since, p_until, coalesce(p_changes #> array['agents', a.id::text], '{}'), n)
                order by a.id, n)
            from public.mod_chat_agents a
            cross join lateral generate_series(0, coalesce((
                select sum((x ->> 'count')::integer) from jsonb_array_elements(p_changes -> 'add_agents') x
                where x ->> 'like' = a.id::text), 0)) n
            where a.site_id = p_site
                and (n > 0 or (p_changes #> array['agents', a.id::text, 'absent']) is distinct from 'true')), '[]'));
end
$$;
comment on function chat.recording(uuid, timestamptz, timestamptz, jsonb) is
    'A site in a period as chat.simulate takes it, with the changes that chat_simulate_routing knows, but for who came.';

create or replace function chat.recorded_agent(
    p_agent public.mod_chat_agents, p_since timestamptz, p_until timestamptz, p_changes jsonb, p_copy bigint)
returns jsonb
language plpgsql
stable
as $$
begin
    return jsonb_build_object(
        -- A copy is a colleague who works when the agent does.
        'agent_id', p_agent.id || case when p_copy > 0 then '+' || p_copy else '' end,
        'department_id', case when p_changes ? 'department_id' then p_changes ->> 'department_id' else p_agent.department_id::text end,
        'max', coalesce((p_changes ->> 'max_concurrent_chats')::integer, p_agent.max_concurrent_chats),
        'skills', coalesce(p_changes -> 'skills', to_jsonb(p_agent.skills)),
        'online', coalesce((
            select jsonb_agg(jsonb_build_object('from', chat.millis(s.begins), 'until', chat.millis(s.ends)) order by s.begins)
            from (
                select x.status, greatest(x.at, p_since) as begins, lead(x.at, 1, p_until) over (order by x.at, x.id) as ends
                from (
                    -- What changed only their load is no change here.
                    select y.*, lag(y.status) over (order by y.at, y.id) as before
                    from (
                        (select z.* from chat.agent_states z
                        where z.agent_id = p_agent.id and z.at <= p_since
                        order by z.at desc, z.id desc
                        limit 1)
                        union all
                        select z.* from chat.agent_states z
                        where z.agent_id = p_agent.id and z.at > p_since and z.at < p_until) y) x
                where x.status is distinct from x.before) s
            where s.status = 'online' and s.begins < s.ends), '[]'));
end
$$;
comment on function chat.recorded_agent(public.mod_chat_agents, timestamptz, timestamptz, jsonb, bigint) is
    'An agent as chat.simulate takes them: capacity and skills as they are now but for the changes, online as they were; the so-manieth copy of them where it is not 0.';
