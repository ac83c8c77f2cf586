-- What: says how a site or a department hands out conversations, and tells it.
-- Why: a function, because it decides routing: it takes the site's routing row and hands out what may go now.
-- Leaves out: auto_assign and capacity of departments (team/save_department.sql), skills (team/save_skills.sql).

create or replace function chat.routing_settings_of(p_site uuid, p_department uuid)
returns chat.routing_settings
language plpgsql
stable
as $$
declare
    settings chat.routing_settings;
begin
    select s.* into settings
    from chat.routing_settings s
    where s.site_id = p_site and (s.department_id = p_department or s.department_id is null)
    order by s.department_id nulls last
    limit 1;
    settings.strategy := coalesce(settings.strategy, 'least_busy');
    settings.unanswered_limit := coalesce(settings.unanswered_limit, 3);
    return settings;
end
$$;
comment on function chat.routing_settings_of(uuid, uuid) is
    'How a department''s conversations (null: those of none) are handed out: its own settings, else its site''s, else the defaults.';

create or replace function public.chat_routing(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_routing.site, 'live-chat.conversations.view');
    return coalesce((
        select jsonb_agg(jsonb_build_object(
            'department_id', d.id, 'department_name', d.name, 'auto_assign', coalesce(d.auto_assign, true),
            'is_own', o.site_id is not null, 'strategy', s.strategy, 'hourly_limit', s.hourly_limit,
            'skills_wait_seconds', s.skills_wait_seconds, 'fallback_seconds', s.fallback_seconds,
            'fallback_department_id', s.fallback_department_id,
            'unanswered_seconds', s.unanswered_seconds, 'unanswered_limit', s.unanswered_limit) order by d.sort_order nulls first, d.name)
        from (
            select null::uuid as id, null::text as name, null::boolean as auto_assign, null::integer as sort_order
            union all
            select x.id, x.name, x.auto_assign, x.sort_order
            from public.mod_chat_departments x where x.site_id = chat_routing.site and x.is_active) d
        left join chat.routing_settings o on o.site_id = chat_routing.site and o.department_id is not distinct from d.id
        cross join lateral chat.routing_settings_of(chat_routing.site, d.id) s), '[]');
end
$$;
comment on function public.chat_routing(uuid) is
    'How a site hands out conversations: first those of no department, then each active department''s: [{department_id, department_name, auto_assign, is_own, strategy, hourly_limit, skills_wait_seconds, fallback_seconds, fallback_department_id, unanswered_seconds, unanswered_limit}]. is_own false: its site''s, or the defaults. Needs live-chat.conversations.view. PT403 chat/not_allowed.';

create or replace function public.chat_save_routing(
    site uuid,
    department uuid default null,
    strategy text default 'least_busy',
    hourly_limit integer default null,
    skills_wait_seconds integer default 300,
    fallback_seconds integer default null,
    fallback_department uuid default null,
    unanswered_seconds integer default null,
    unanswered_limit integer default 3)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    stranger uuid;
begin
    perform chat.require(chat_save_routing.site, 'live-chat.agents.manage');
    if chat_save_routing.strategy is null
        or chat_save_routing.strategy not in ('least_busy', 'round_robin', 'sticky', 'skills')
    then
        raise exception 'there is no strategy %', coalesce(left(chat_save_routing.strategy, 50), 'null')
            using errcode = 'PT422', detail = 'chat/unknown_strategy', hint = 'use least_busy, round_robin, sticky or skills';
    end if;
    if chat_save_routing.hourly_limit < 1
        or least(chat_save_routing.skills_wait_seconds, chat_save_routing.fallback_seconds) < 0
    then
        raise exception 'an hourly limit is 1 or more, a wait 0 seconds or more'
            using errcode = 'PT422', detail = 'chat/routing_limits', hint = 'leave a limit out where there is none';
    end if;
    if chat_save_routing.unanswered_seconds not between 10 and 86400
        or (chat_save_routing.unanswered_limit between 1 and 10) is not true
    then
        raise exception 'an agent has 10 to 86400 seconds to answer, and a chat is taken back 1 to 10 times'
            using errcode = 'PT422', detail = 'chat/unanswered', hint = 'leave unanswered_seconds out where nothing is taken back';
    end if;
    if chat_save_routing.fallback_department is not null
        and (chat_save_routing.fallback_seconds is null or chat_save_routing.fallback_department = chat_save_routing.department)
    then
        raise exception 'a fallback is another department, after a time'
            using errcode = 'PT422', detail = 'chat/fallback', hint = 'give fallback_seconds and another department, or leave both out';
    end if;
    -- Whoever deletes a department has the routing row until it is gone.
    perform chat.lock_routing(chat_save_routing.site);
    select w.id into stranger
    from (values (chat_save_routing.department), (chat_save_routing.fallback_department)) w (id)
    where w.id is not null and not exists (
        select from public.mod_chat_departments d where d.site_id = chat_save_routing.site and d.id = w.id and d.is_active);
    if found then
        raise exception 'the site has no active department %', stranger
            using errcode = 'PT404', detail = 'chat/no_such_department', hint = 'use the id of an active department of the site, or null';
    end if;
    insert into chat.routing_settings as s (
        site_id, department_id, strategy, hourly_limit, skills_wait_seconds, fallback_seconds, fallback_department_id,
        unanswered_seconds, unanswered_limit)
    values (
        chat_save_routing.site, chat_save_routing.department, chat_save_routing.strategy, chat_save_routing.hourly_limit,
        chat_save_routing.skills_wait_seconds, chat_save_routing.fallback_seconds, chat_save_routing.fallback_department,
        chat_save_routing.unanswered_seconds, chat_save_routing.unanswered_limit)
    on conflict (site_id, department_id) do update
    set strategy = excluded.strategy,
        hourly_limit = excluded.hourly_limit,
        skills_wait_seconds = excluded.skills_wait_seconds,
        fallback_seconds = excluded.fallback_seconds,
        fallback_department_id = excluded.fallback_department_id,
        unanswered_seconds = excluded.unanswered_seconds,
        unanswered_limit = excluded.unanswered_limit;
    perform chat.drain(chat_save_routing.site);
    return public.chat_routing(chat_save_routing.site);
end
$$;
comment on function public.chat_save_routing(uuid, uuid, text, integer, integer, integer, uuid, integer, integer) is
    'How a department''s conversations (null: those of none, and of departments without settings of their own) are handed out, whole: strategy least_busy, round_robin, sticky or skills; hourly_limit an agent; how long a chat waits for skills (null: for ever); after how long a fallback department''s agents (null: anybody''s) may take it; after how many unanswered_seconds a chat goes back to the queue for somebody else (null: never), and how often one does. Waiting chats go out at once. Answers as chat_routing. Needs live-chat.agents.manage. PT403 chat/not_allowed; PT404 chat/no_such_department; PT422 chat/unknown_strategy, chat/routing_limits, chat/unanswered, chat/fallback.';
