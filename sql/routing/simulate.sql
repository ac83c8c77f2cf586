-- What: what would have been: a period's arrivals and agents' hours under other strategies, staffing, capacity or rules.
-- Why: beside what happened stands the same model without the changes, so that its own error is seen, too.
-- Leaves out: the replay (chat_rules::routing::simulation) and what is replayed (recording.sql). Writes nothing.

create or replace function chat.require_changes(p_site uuid, p_changes jsonb)
returns void
language plpgsql
stable
as $$
declare
    queue constant text[] := '{strategy,hourly_limit,skills_wait_seconds,fallback_seconds,fallback_department_id}';
    wrong text;
begin
    if jsonb_typeof(p_changes) is distinct from 'object' then
        wrong := 'they are an object';
    else
        select coalesce(
            (select format('there is no %s', k) from jsonb_object_keys(p_changes) k
                where k <> all (queue || '{departments,agents,add_agents,rules,answer_due_seconds}'::text[]) limit 1),
            (select format('%s is an object by id', k) from unnest('{departments,agents}'::text[]) k
                where p_changes ? k and jsonb_typeof(p_changes -> k) <> 'object' limit 1),
            (select 'add_agents is a list of {like, count}'
                where p_changes ? 'add_agents' and jsonb_typeof(p_changes -> 'add_agents') <> 'array'))
        into wrong;
    end if;
    if wrong is null then
        with given as (
            select '' as whose, p_changes - '{departments,agents,add_agents,rules}'::text[] as say, queue || '{answer_due_seconds}'::text[] as knows
            union all
            select 'departments.' || d.key, d.value, queue || '{max_concurrent_chats,auto_assign}'::text[]
            from jsonb_each(coalesce(p_changes -> 'departments', '{}')) d
            union all
            select 'agents.' || a.key, a.value, '{max_concurrent_chats,department_id,skills,absent}'::text[]
            from jsonb_each(coalesce(p_changes -> 'agents', '{}')) a
            union all
            select 'add_agents', x, '{like,count}' from jsonb_array_elements(coalesce(p_changes -> 'add_agents', '[]')) x),
        entry as (
            select g.whose, e.key, e.value, g.knows from given g
            cross join lateral jsonb_each(case jsonb_typeof(g.say) when 'object' then g.say else '{"": null}' end) e)
        select concat_ws('.', nullif(e.whose, ''), nullif(e.key, '')) || ' cannot be ' || left(e.value::text, 60) into wrong
        from entry e
        where (case
            when e.key <> all (e.knows) then false
            when e.key = 'strategy' then e.value #>> '{}' = any ('{least_busy,round_robin,sticky,skills}')
            when e.key in ('auto_assign', 'absent') then jsonb_typeof(e.value) = 'boolean'
            when e.key = 'skills' then jsonb_typeof(e.value) = 'array'
            when e.key = 'like' then exists (
                select from public.mod_chat_agents a where a.site_id = p_site and a.id::text = e.value #>> '{}')
            when e.key in ('department_id', 'fallback_department_id') then e.value = 'null' or exists (
                select from public.mod_chat_departments d where d.site_id = p_site and d.id::text = e.value #>> '{}')
            when e.value = 'null' then e.key in ('hourly_limit', 'skills_wait_seconds', 'fallback_seconds')
            else e.value::text ~ '^\d{1,8}$'
        end) is not true
        limit 1;
    end if;
    if wrong is null then
        select format('%s.%s is none of the site''s', w.kind, w.id) into wrong
        from (
            select 'departments' as kind, k as id from jsonb_object_keys(coalesce(p_changes -> 'departments', '{}')) k
            union all
            select 'agents', k from jsonb_object_keys(coalesce(p_changes -> 'agents', '{}')) k) w
        where not exists (
                select from public.mod_chat_departments d where w.kind = 'departments' and d.site_id = p_site and d.id::text = w.id)
            and not exists (
                select from public.mod_chat_agents a where w.kind = 'agents' and a.site_id = p_site and a.id::text = w.id)
        limit 1;
    end if;
    if wrong is null and (
        select sum((x ->> 'count')::integer) from jsonb_array_elements(coalesce(p_changes -> 'add_agents', '[]')) x) > 100
    then
        wrong := 'at most 100 agents can be added';
    end if;
    if wrong is not null then
        raise exception 'these changes cannot be tried: %', wrong
            using errcode = 'PT422', detail = 'chat/simulation_changes',
                hint = 'for example {"strategy": "sticky", "agents": {"<id>": {"max_concurrent_chats": 8}}, "add_agents": [{"like": "<id>", "count": 1}]}';
    end if;
    if p_changes ? 'rules' then
        perform chat.require_rules(p_site, p_changes -> 'rules');
    end if;
end
$$;
comment on function chat.require_changes(uuid, jsonb) is
    'Raises unless changes can be tried on a site; says which not. PT422 chat/simulation_changes, chat/routing_rules.';

create or replace function chat.what_happened(p_site uuid, p_since timestamptz, p_until timestamptz, p_due integer)
returns jsonb
language plpgsql
stable
as $$
begin
    return (
        with came as materialized (
            select r.chat as c, r.first_agent, r.assigned_at, (chat.millis(r.assigned_at) - chat.millis((r.chat).created_at)) / 1000.0 as waited
            from chat.recorded_chats(p_site, p_since, p_until) r
            where r.held_by is null)
        select jsonb_build_object(
            'arrivals', count(*),
            'assigned', count(*) filter (where x.assigned_at < p_until),
            'gave_up', count(*) filter (where x.assigned_at is null and (x.c).abandoned_at < p_until),
            'missed', count(*) filter (where x.assigned_at is null and (x.c).status = 'missed'),
            'waiting', count(*) filter (where coalesce(x.assigned_at, (x.c).archived_at, 'infinity') >= p_until),
            'answered_late', case when p_due is not null then count(*) filter (
                where (x.c).first_response_time_seconds > p_due
                    or (x.c).first_response_time_seconds is null and (x.c).created_at < p_until - make_interval(secs => p_due)) end,
            'wait_seconds', case when count(x.waited) > 0 then jsonb_build_object(
                'p50', round((percentile_disc(0.5) within group (order by x.waited))::numeric, 3),
                'p90', round((percentile_disc(0.9) within group (order by x.waited))::numeric, 3),
                'mean', round(avg(x.waited), 3), 'longest', round(max(x.waited), 3)) end,
            'agents', coalesce((
                select jsonb_agg(jsonb_build_object('agent_id', g.first_agent, 'got', g.n) order by g.first_agent)
                from (select y.first_agent, count(*) as n from came y where y.first_agent is not null group by 1) g), '[]'))
        from came x);
end
$$;
comment on function chat.what_happened(uuid, timestamptz, timestamptz, integer) is
    'What came of a period''s chats, in the words of chat.simulate; a first answer was due after p_due seconds (null: never).';

create or replace function public.chat_simulate_routing(site uuid, since timestamptz, until timestamptz, changes jsonb default '{}')
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    -- A replay looks at every agent for every chat.
    most constant integer := least(20000, 2000000 / greatest(1, (
        select count(*) from public.mod_chat_agents a where a.site_id = chat_simulate_routing.site)));
    ends timestamptz := least(chat_simulate_routing.until, now());
    cut_at timestamptz;
    as_it_was jsonb;
    recorded jsonb;
begin
    perform chat.require(chat_simulate_routing.site, 'live-chat.analytics.view');
    if (chat_simulate_routing.since < ends
        and extract(epoch from ends) - extract(epoch from chat_simulate_routing.since) <= 400 * 86400) is not true
    then
        raise exception 'a simulation is of a period of up to 400 days that has begun'
            using errcode = 'PT422', detail = 'chat/simulation_period', hint = 'give since before until, at most 400 days apart';
    end if;
    perform chat.require_changes(chat_simulate_routing.site, chat_simulate_routing.changes);
    select x.created_at into cut_at
    from public.mod_chat_conversations x
    where x.site_id = chat_simulate_routing.site and x.created_at >= chat_simulate_routing.since and x.created_at < ends
    order by x.created_at
    offset most limit 1;
    ends := coalesce(cut_at, ends);
    as_it_was := chat.recording(chat_simulate_routing.site, chat_simulate_routing.since, ends,
        case when chat_simulate_routing.changes ? 'answer_due_seconds'
            then jsonb_build_object('answer_due_seconds', chat_simulate_routing.changes -> 'answer_due_seconds') else '{}' end);
    recorded := chat.recording(chat_simulate_routing.site, chat_simulate_routing.since, ends, chat_simulate_routing.changes);
    return jsonb_build_object(
        'since', chat_simulate_routing.since,
        'until', ends,
        'cut', cut_at is not null,
        'known_since', (
            select min(s.at) from chat.agent_states s where s.site_id = chat_simulate_routing.site),
        'happened', chat.what_happened(chat_simulate_routing.site, chat_simulate_routing.since, ends,
            ((as_it_was ->> 'answer_due')::bigint / 1000)::integer),
        'as_it_was', chat.simulate(as_it_was),
        'changed', chat.simulate(recorded),
        'assumes', jsonb_build_array(
            'this is a model: who came, when, and how long each chat took is as it was, whoever has it',
            'what nobody ever had takes as long as half of the others, and so does its first answer',
            'a chat that came back to the queue came once; a person''s own assignments are routed like all others',
            'agents were online as recorded; their capacity, department and skills are those of now, as are departments and settings',
            'a first answer is due by the clock, not in business hours'));
end
$$;
comment on function public.chat_simulate_routing(uuid, timestamptz, timestamptz, jsonb) is
    'What routing would have made of a period (until null: to now) under changes: {strategy, hourly_limit, skills_wait_seconds, fallback_seconds, fallback_department_id of all queues; departments: {id: the same, max_concurrent_chats, auto_assign}; agents: {id: {max_concurrent_chats, department_id, skills, absent}}; add_agents: [{like, count}]; rules, as chat_save_routing_rules takes them; answer_due_seconds, else the site''s own promise to all}. Answers {since, until, cut, known_since, happened, as_it_was, changed, assumes}: what happened, the same by the model without the changes, and with them, each {arrivals, assigned, gave_up, missed, waiting, answered_late, wait_seconds: {p50, p90, mean, longest}, agents: [{agent_id, got, online_seconds, mean_load, peak_load}]}. At most 20,000 arrivals, fewer with over 100 agents: until says how far it went, cut that it stopped there. Writes nothing. Needs live-chat.analytics.view. PT403 chat/not_allowed; PT422 chat/simulation_period, chat/simulation_changes, chat/routing_rules.';
