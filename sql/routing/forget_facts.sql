-- What: the facts of old choices are forgotten.
-- Why: they name every agent of the moment, and are most of what a choice weighs. Who got it, when and why stays.
-- Leaves out: the choice that put an open conversation where it is, which explains that however old it is.

create or replace function chat.forget_facts(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    look record;
    found_here integer;
    forgotten integer := 0;
begin
    for look in
        select l.site_id, p_now - make_interval(days => coalesce(s.choice_days, 90)) as before
        from chat.site_looks l
        left join public.mod_chat_widget_settings s on s.site_id = l.site_id
        where l.facts_at < p_now - interval '1 hour'
        order by l.facts_at
        limit p_batch
        for no key update of l skip locked
    loop
        update chat.choices k
        set facts = null, choice = k.choice - 'losers'
        from (
            select x.id from chat.choices x
            where x.site_id = look.site_id and x.facts is not null and x.at < look.before
                and not exists (
                    select from public.mod_chat_conversations c
                    where c.id = x.conversation_id and c.choice_id = x.id and c.archived_at is null)
            order by x.at
            limit p_batch - forgotten
            for no key update of x skip locked) old
        where k.id = old.id;
        get diagnostics found_here = row_count;
        forgotten := forgotten + found_here;
        -- The next tick goes on here.
        exit when forgotten >= p_batch;
        update chat.site_looks l set facts_at = p_now where l.site_id = look.site_id;
    end loop;
    return forgotten;
end
$$;
comment on function chat.forget_facts(integer, timestamptz) is
    'Takes facts and losers off choices older than their site''s choice_days, site by site, each once an hour. Returns how many.';
