-- What: changes that a simulation is asked to try are looked at first.
-- Why: whoever mistypes one learns which, instead of a replay of something else.
-- Leaves out: rules of the site, which are looked at as when they are saved (save_rules.sql).

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
            when e.key = 'skills' then e.value @? 'strict $ ? (@.type() == "array")' and not e.value @? '$[*] ? (@.type() != "string")'
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
