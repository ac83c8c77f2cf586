-- What: everything the choice of an agent for a conversation depends on.
-- Why: gathered once, under the site's routing row, and kept with the choice; chat_rules::routing decides from nothing else.
--      The candidates are columns and the whole is json, not jsonb: with a hundred agents that is a tenth of the work.
-- Leaves out: what no strategy of the site reads: skills, last hour and acquaintance are looked up only where they count.

create or replace function chat.routing_facts(p_conversation public.mod_chat_conversations, p_at timestamptz)
returns json
language plpgsql
stable
as $$
declare
    c constant public.mod_chat_conversations := p_conversation;
    settings constant chat.routing_settings := chat.routing_settings_of(c.site_id, c.department_id);
    department_max constant integer := (
        select d.max_concurrent_chats from public.mod_chat_departments d where d.id = c.department_id);
    known_agent uuid;
    candidate record;
    skills_of_each json;
    department_load_of_each json;
    got_this_hour_of_each json;
begin
    -- In whatever order they come: the rule has its own.
    select array_agg(a.id) as ids, array_agg(a.status) as status, array_agg(a.department_id) as department_id,
        array_agg(a.current_chat_count) as load, max(a.current_chat_count) as most,
        array_agg(a.max_concurrent_chats) as max, array_agg(a.last_assigned_at) as last_assigned_at
    into candidate
    from public.mod_chat_agents a
    where a.site_id = c.site_id and a.is_active;

    -- What only some sites need is asked by itself: beside it the rest would be planned anew each time.
    if settings.strategy = 'sticky' then
        select coalesce(x.assigned_agent_id, x.last_agent_id) into known_agent
        from public.mod_chat_conversations x
        where x.visitor_id = c.visitor_id and x.id <> c.id and coalesce(x.assigned_agent_id, x.last_agent_id) is not null
        order by coalesce(x.agent_joined_at, x.created_at) desc
        limit 1;
    elsif settings.strategy = 'skills' then
        select json_agg(a.skills order by i.place) into skills_of_each
        from unnest(candidate.ids) with ordinality i (id, place)
        join public.mod_chat_agents a on a.id = i.id;
    end if;
    -- Counted where it can count: of somebody who has as many chats at all.
    if candidate.most > 0 and candidate.most >= department_max then
        select json_agg(case when i.load > 0 and i.load >= department_max then (
                select count(*) from public.mod_chat_conversations x
                where x.assigned_agent_id = i.id and x.department_id = c.department_id and x.archived_at is null
                    and (x.status = 'active' or x.status = 'waiting' and x.snoozed_until is null)) end
            order by i.place) into department_load_of_each
        from unnest(candidate.ids, candidate.load) with ordinality i (id, load, place);
    end if;
    if settings.hourly_limit is not null then
        select json_agg((
                select count(*) from chat.choices k
                where k.agent_id = i.id and k.at > p_at - interval '1 hour' and k.by_user is null)
            order by i.place) into got_this_hour_of_each
        from unnest(candidate.ids) with ordinality i (id, place);
    end if;
    return json_build_object(
        'at', p_at,
        'conversation_id', c.id,
        'department_id', c.department_id,
        'preferred_agent_id', c.last_agent_id,
        -- Whoever gave it back gets it again after somebody else has had it.
        'returned_by', case when c.returned_by = c.last_agent_id then c.returned_by end,
        'waited_seconds', chat.waited_seconds(c.pending_since, p_at),
        'strategy', settings.strategy,
        'hourly_limit', settings.hourly_limit,
        'fallback_seconds', settings.fallback_seconds,
        'fallback_department_id', settings.fallback_department_id,
        'rule', c.applied_rule - '{then,passed_over,came_with}'::text[],
        'skills', case when settings.strategy = 'skills' then c.skills end,
        'skills_wait_seconds', case when settings.strategy = 'skills' then settings.skills_wait_seconds end,
        'known_agent_id', known_agent,
        'candidates', json_build_object(
            'agent_id', candidate.ids,
            'status', candidate.status,
            'department_id', candidate.department_id,
            'load', candidate.load,
            'max', candidate.max,
            'department_load', department_load_of_each,
            'department_max', department_max,
            'skills', skills_of_each,
            'got_this_hour', got_this_hour_of_each,
            'last_assigned_at', candidate.last_assigned_at));
end
$$;
comment on function chat.routing_facts(public.mod_chat_conversations, timestamptz) is
    'What the choice of an agent for a conversation depends on, as chat_rules::routing takes it.';

create or replace function chat.waited_seconds(p_since timestamptz, p_at timestamptz)
returns integer
language sql
immutable
as $$ select floor(extract(epoch from p_at - p_since))::integer $$;
comment on function chat.waited_seconds(timestamptz, timestamptz) is
    'How long a conversation has been in the queue, in whole seconds; null: it is not in it.';

create or replace function chat.facts_in_full(p_facts json)
returns jsonb
language sql
immutable
as $$
    select f.facts || jsonb_build_object('candidates', coalesce((
        select jsonb_agg(jsonb_strip_nulls(jsonb_build_object(
                'agent_id', f.facts #> array['candidates', 'agent_id', n::text],
                'status', f.facts #> array['candidates', 'status', n::text],
                'department_id', f.facts #> array['candidates', 'department_id', n::text],
                'load', f.facts #> array['candidates', 'load', n::text],
                'max', f.facts #> array['candidates', 'max', n::text],
                'department_load', f.facts #> array['candidates', 'department_load', n::text],
                'department_max', f.facts #> '{candidates,department_max}',
                'skills', f.facts #> array['candidates', 'skills', n::text],
                'got_this_hour', f.facts #> array['candidates', 'got_this_hour', n::text],
                'last_assigned_at', f.facts #> array['candidates', 'last_assigned_at', n::text]))
            order by n)
        from generate_series(0, json_array_length(coalesce(p_facts #>> '{candidates,agent_id}', '[]')::json) - 1) n), '[]'))
    from (select p_facts::jsonb as facts) f
$$;
comment on function chat.facts_in_full(json) is
    'What chat.routing_facts gave, for people and programs that read it: an object for each candidate.';
