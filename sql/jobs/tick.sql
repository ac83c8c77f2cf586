-- What: all work that time brings, in bounded batches.
-- Why: the worker calls it each second, any number of workers at once; rows that others hold are skipped. Picking up what
--      a rolled-back transaction left waiting is part of correctness, not only of timers.
-- Leaves out: timers of later rooms (snooze, SLA, scheduled messages), which join here.

create or replace function public.chat_tick(batch integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    return jsonb_build_object(
        'orphans', chat.adopt_orphans(chat_tick.batch),
        'settled', chat.settle_unknown(chat_tick.batch),
        'lanes', chat.sweep_lanes(chat_tick.batch),
        'rates', chat.sweep_rates(chat_tick.batch),
        'page_views', chat.forget_page_views(chat_tick.batch),
        'routed', chat.route_stranded(chat_tick.batch));
end
$$;
comment on function public.chat_tick(integer) is
    'For the worker, each second: timed work in batches of at most `batch`. Answers {orphans, settled, lanes, rates, page_views, routed}.';

create or replace function chat.sweep_lanes(p_batch integer)
returns integer
language plpgsql
as $$
declare
    swept integer;
begin
    delete from chat.lanes l
    using (
        select x.key from chat.lanes x
        where not x.ready and x.idle_since < clock_timestamp() - interval '1 day'
        order by x.idle_since
        limit p_batch
        for update skip locked) old
    where l.key = old.key;
    get diagnostics swept = row_count;
    return swept;
end
$$;
comment on function chat.sweep_lanes(integer) is 'Removes lanes that have been idle for a day.';

create or replace function chat.route_stranded(p_batch integer)
returns integer
language plpgsql
as $$
declare
    site uuid;
    routed integer := 0;
begin
    for site in
        select s.site_id from (
            select distinct c.site_id from public.mod_chat_conversations c
            where c.status = 'pending' and c.assigned_agent_id is null) s
        where exists (
            select from public.mod_chat_agents a
            where a.site_id = s.site_id and a.is_active and a.status = 'online'
                and a.current_chat_count < a.max_concurrent_chats)
        order by s.site_id
        limit p_batch
    loop
        perform chat.lock_routing(site);
        routed := routed + chat.drain(site);
    end loop;
    return routed;
end
$$;
comment on function chat.route_stranded(integer) is
    'Drains sites where chats wait beside agents with room: a holder rolled back after a drain had skipped its chat.';
