-- What: a database that ran LC-01's own migration: its nine tables step aside, so that ours can be made.
-- Why: between LC-01's tables and ours lie keys, domains, numbers and a hundred not-nulls. Ours are made as everywhere
--      else and the rows moved over (adopt_rows.sql), so an adopted database is the same as a fresh one. What cannot be
--      taken over stops the install with a list, before anything has changed.
-- Leaves out: rows; how to mend what the list names (docs/dba.md).

do $$
declare
    lc01 constant text[] := array['mod_chat_departments', 'mod_chat_agents', 'mod_chat_widget_settings',
        'mod_chat_visitors', 'mod_chat_conversations', 'mod_chat_messages', 'mod_chat_canned_responses',
        'mod_chat_knowledge_base', 'mod_chat_analytics'];
    theirs oid[];
    problems text[];
    name text;
begin
    -- LC-01's conversations have no numbers; ours do.
    if to_regclass('public.mod_chat_conversations') is null or exists (
        select from pg_catalog.pg_attribute a
        where a.attrelid = to_regclass('public.mod_chat_conversations') and a.attname = 'last_seq' and not a.attisdropped)
    then
        return;
    end if;
    theirs := array(select to_regclass('public.' || t)::oid from unnest(lc01) t where to_regclass('public.' || t) is not null);

    problems := array(
        select format('table public.%I of LC-01 is not there', t) from unnest(lc01) t where to_regclass('public.' || t) is null
        union all
        select format('%s policy %I on %s: %s', case
                when 'true' in (pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) then 'open'
                else 'foreign' end,
            p.polname, p.polrelid::regclass,
            concat_ws(' with check ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)))
        from pg_catalog.pg_policy p
        where p.polrelid = any (theirs)
            and p.polname <> all (array['chat_departments_site_isolation', 'chat_agents_site_isolation',
                'chat_widget_settings_site_isolation', 'chat_visitors_site_isolation', 'chat_conversations_site_isolation',
                'chat_messages_site_isolation', 'chat_canned_responses_site_isolation', 'chat_knowledge_base_site_isolation',
                'chat_analytics_site_isolation', 'chat_widget_settings_public_read', 'chat_visitors_public_insert',
                'chat_conversations_public_insert', 'chat_messages_public_insert'])
        union all
        select format('trigger %I on %s', t.tgname, t.tgrelid::regclass)
        from pg_catalog.pg_trigger t
        where t.tgrelid = any (theirs) and not t.tgisinternal
            and t.tgname !~ '^(update_chat_[a-z_]+_updated_at|chat_message_count_trigger|chat_visitor_stats_trigger)$'
        union all
        select distinct format('view %s, which reads %s', r.ev_class::regclass, d.refobjid::regclass)
        from pg_catalog.pg_depend d
        join pg_catalog.pg_rewrite r on r.oid = d.objid
        where d.classid = 'pg_catalog.pg_rewrite'::regclass and d.refobjid = any (theirs) and r.ev_class <> all (theirs));

    if problems = '{}' then
        problems := array(
            select format('%s conversations whose visitor, agent or department is of another site, e.g. %s',
                count(*), min(c.id::text))
            from public.mod_chat_conversations c
            left join public.mod_chat_visitors v on v.id = c.visitor_id
            left join public.mod_chat_agents a on a.id = c.assigned_agent_id
            left join public.mod_chat_departments d on d.id = c.department_id
            where c.site_id <> v.site_id or c.site_id <> a.site_id or c.site_id <> d.site_id
            having count(*) > 0
            union all
            select format('%s agents whose department is of another site, e.g. %s', count(*), min(a.id::text))
            from public.mod_chat_agents a
            join public.mod_chat_departments d on d.id = a.department_id
            where a.site_id <> d.site_id
            having count(*) > 0
            union all
            select format('%s days of analytics that stand there twice, e.g. %s', count(*), min(t.day))
            from (
                select format('%s of site %s', x.date, x.site_id) as day
                from public.mod_chat_analytics x
                group by x.site_id, x.date, x.agent_id
                having count(*) > 1) t
            having count(*) > 0);
    end if;
    if problems <> '{}' then
        raise exception E'this database has LC-01''s tables, and they cannot be adopted as they are:\n  %',
            array_to_string(problems, E'\n  ')
            using errcode = 'PT409', detail = 'chat/cannot_adopt',
                hint = 'nothing was changed. Drop or mend what is listed and install again; docs/dba.md says how';
    end if;

    create schema chat_lc01;
    foreach name in array lc01 loop
        execute format('alter table public.%I set schema chat_lc01', name);
    end loop;
end
$$;
