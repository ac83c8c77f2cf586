-- What: all work that time brings, in bounded batches.
-- Why: the worker calls it each second, any number of workers at once; rows that others hold are skipped. Picking up what
--      a rolled-back transaction left waiting is part of correctness, not only of timers.
-- Leaves out: timers of later rooms, which join here.

create or replace function public.chat_tick(batch integer default 100)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    known constant integer := chat.know_sites();
    -- These wait for nobody, or for another tick alone, and may be much: done before the routing rows are taken, nobody who is
    -- routed waits for them.
    sla constant integer := chat.follow_sla(chat_tick.batch * 5);
    told constant integer := chat.tell_queue(chat_tick.batch);
    crm constant integer := chat.follow_crm(chat_tick.batch);
    templates constant integer := chat.sync_due_templates(least(chat_tick.batch, 10));
    -- Whatever changes a conversation says of which site, because it may be routed at commit.
    orphans constant uuid[] := chat.adopt_orphans(chat_tick.batch);
    settled constant uuid[] := chat.settle_unknown(chat_tick.batch);
    returned constant uuid[] := chat.return_chats(chat_tick.batch);
    unanswered constant uuid[] := chat.return_unanswered(chat_tick.batch);
    sent constant uuid[] := chat.send_scheduled(chat_tick.batch);
    woken constant uuid[] := chat.wake_snoozed(chat_tick.batch);
    resolved constant uuid[] := chat.resolve_idle(chat_tick.batch);
    missed constant uuid[] := chat.miss_unanswered(chat_tick.batch);
begin
    return jsonb_build_object(
        'sites', known,
        'orphans', cardinality(orphans),
        'settled', cardinality(settled),
        'returned', cardinality(returned),
        'unanswered', cardinality(unanswered),
        'sent', cardinality(sent),
        'woken', cardinality(woken),
        'resolved', cardinality(resolved),
        'missed', cardinality(missed),
        'aside', chat.lift_left_aside(chat_tick.batch * 20),
        'lanes', chat.sweep_lanes(chat_tick.batch),
        'rates', chat.sweep_rates(chat_tick.batch),
        'page_views', chat.forget_page_views(chat_tick.batch),
        'facts', chat.forget_facts(chat_tick.batch),
        'states', chat.forget_states(chat_tick.batch),
        'tellings', chat.forget_told(chat_tick.batch))
        || chat.tend_sites(
            chat_tick.batch, orphans || settled || returned || unanswered || sent || woken || resolved || missed)
        -- Last, because whoever changes a message that is just being indexed waits for the end of the tick.
        || jsonb_build_object('told', told, 'sla', sla, 'crm', crm,
            'templates', templates, 'stops', chat.forget_stops(chat_tick.batch), 'indexed', chat.index_words(chat_tick.batch * 20));
end
$$;
comment on function public.chat_tick(integer) is
    'For the worker, each second: timed work in batches of at most `batch`. Answers {sites, orphans, settled, returned, unanswered, sent, woken, resolved, missed, aside, lanes, rates, page_views, facts, states, tellings, lost, counted, routed, told, sla, crm, templates, stops, indexed}: how many of each.';

create or replace function chat.sweep_lanes(p_batch integer)
returns integer
language plpgsql
as $$
declare
    -- A moment that stands lets the index pass by what is not old enough.
    old_enough constant timestamptz := clock_timestamp() - interval '1 day';
    swept integer;
begin
    delete from chat.lanes l
    using (
        select x.key from chat.lanes x
        where not x.ready and x.idle_since < old_enough
            -- A dead job that is retried needs its lane, which knows its class.
            and not exists (select from chat.jobs j where j.lane = x.key and j.died_at is not null)
        order by x.idle_since
        limit p_batch
        for update skip locked) old
    where l.key = old.key;
    get diagnostics swept = row_count;
    return swept;
end
$$;
comment on function chat.sweep_lanes(integer) is 'Removes lanes that have been idle for a day, but those of dead jobs.';

create or replace function chat.tend_sites(p_batch integer, p_changed uuid[], p_now timestamptz default clock_timestamp())
returns jsonb
language plpgsql
as $$
declare
    site uuid;
    lost integer := 0;
    counted integer := 0;
    routed integer := 0;
begin
    -- What the tick changed routes at its commit; all routing rows are taken here, in one order, or two ticks could wait
    -- for each other.
    for site in
        select x.site_id from (
            (select s.site_id from (
                select c.site_id from public.mod_chat_conversations c
                where c.status = 'pending' and c.assigned_agent_id is null
                    and exists (
                        select from public.mod_chat_agents a
                        where a.site_id = c.site_id and a.is_active and a.status = 'online'
                            and a.current_chat_count < a.max_concurrent_chats)
                union
                select h.site_id
                from chat.heartbeats h
                left join chat.presence_rules r on r.site_id = h.site_id
                where h.status_when_lost is null
                    and h.seen_at < p_now - make_interval(secs => nullif(coalesce(r.silent_seconds, 120), 0))
                union
                select d.site_id from chat.agent_deeds d) s
            order by s.site_id
            limit p_batch)
            union
            select unnest(p_changed)) x
        order by x.site_id
    loop
        perform chat.lock_routing(site);
        if site = any (p_changed) then
            perform chat.recount_load(site, array(
                select a.id from public.mod_chat_agents a where a.site_id = site and (a.is_active or a.current_chat_count > 0)));
        end if;
        lost := lost + chat.lose_silent_agents(site, p_now);
        counted := counted + chat.count_deeds(site, p_batch);
        routed := routed + chat.drain(site);
    end loop;
    return jsonb_build_object('lost', lost, 'counted', counted, 'routed', routed);
end
$$;
comment on function chat.tend_sites(integer, uuid[], timestamptz) is
    'Site by site under its routing row, those the tick changed among them: silent agents go offline, figures are added up, chats are drained that wait beside agents with room (a holder rolled back after a drain had skipped them). Answers {lost, counted, routed}.';
