-- What: what would have been: a period's arrivals and agents' hours under other strategies, staffing, capacity or rules.
-- Why: beside what happened stands the same model without the changes, so that its own error is seen, too.
-- Leaves out: the replay (chat_rules::routing::simulation), what is replayed (recording.sql) and which changes can be tried
--      (check_changes.sql). Writes nothing.

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
    arrivals jsonb;
    as_it_was jsonb;
    changed jsonb;
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
    where x.site_id = chat_simulate_routing.site and not x.is_history and x.created_at >= chat_simulate_routing.since and x.created_at < ends
    order by x.created_at
    offset most limit 1;
    ends := coalesce(cut_at, ends);
    arrivals := chat.recorded_arrivals(chat_simulate_routing.site, chat_simulate_routing.since, ends, null);
    as_it_was := jsonb_build_object('arrivals', arrivals) || chat.recording(
        chat_simulate_routing.site, chat_simulate_routing.since, ends,
        case when chat_simulate_routing.changes ? 'answer_due_seconds'
            then jsonb_build_object('answer_due_seconds', chat_simulate_routing.changes -> 'answer_due_seconds') else '{}' end);
    if chat_simulate_routing.changes ? 'rules' then
        arrivals := chat.recorded_arrivals(
            chat_simulate_routing.site, chat_simulate_routing.since, ends, chat_simulate_routing.changes -> 'rules');
    end if;
    changed := jsonb_build_object('arrivals', arrivals) || chat.recording(
        chat_simulate_routing.site, chat_simulate_routing.since, ends, chat_simulate_routing.changes);
    return jsonb_build_object(
        'since', chat_simulate_routing.since,
        'until', ends,
        'cut', cut_at is not null,
        'known_since', (
            select min(s.at) from chat.agent_states s where s.site_id = chat_simulate_routing.site),
        'happened', chat.what_happened(chat_simulate_routing.site, chat_simulate_routing.since, ends,
            ((as_it_was ->> 'answer_due')::bigint / 1000)::integer),
        'as_it_was', chat.simulate(as_it_was),
        'changed', chat.simulate(changed),
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
