-- What: what a site promises, saved, taken back and told.
-- Why: functions, because clocks that run follow at once: the tick looks at every open conversation of the site anew.
-- Leaves out: the looking (follow_sla.sql).

create or replace function public.chat_sla(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require(chat_sla.site, 'live-chat.conversations.view');
    return coalesce((
        select jsonb_agg(to_jsonb(p) - 'site_id' || jsonb_build_object('department_name', d.name)
            order by p.tag is null, p.tag, p.priority is null, p.priority, p.department_id is null, d.name, p.id)
        from chat.sla_policies p
        left join public.mod_chat_departments d on d.id = p.department_id
        where p.site_id = chat_sla.site), '[]');
end
$$;
comment on function public.chat_sla(uuid) is
    'What a site promises, the most specific first: [{id, department_id, department_name, priority, tag, first_response_seconds, next_response_seconds, resolution_seconds, in_business_hours, warn_percent, created_at}]. Of each conversation the first that fits counts; where several tags fit, the tag that was put on first. Needs live-chat.conversations.view. PT403 chat/not_allowed.';

create or replace function chat.begin_sla_change(p_site uuid)
returns void
language plpgsql
as $$
begin
    perform chat.require(p_site, 'live-chat.settings.manage');
    -- No tick looks meanwhile, so none passes a conversation by that began beside this.
    perform from chat.sla_progress for update;
    update chat.sla_progress p
    set seen_id = e.newest, event_id = e.newest, up_to = e.newest
    from (select coalesce(max(x.id), 0) as newest from chat.events x) e
    where not exists (select from chat.sla_policies);
    insert into chat.sla_changes (site_id) values (p_site);
end
$$;
comment on function chat.begin_sla_change(uuid) is
    'Before promises of a site change: asks for the right, keeps ticks from looking and has all open conversations looked at. PT403 chat/not_allowed.';

create or replace function public.chat_save_sla(
    site uuid,
    department uuid default null,
    priority text default null,
    tag text default null,
    first_response_seconds integer default null,
    next_response_seconds integer default null,
    resolution_seconds integer default null,
    in_business_hours boolean default true,
    warn_percent integer default 80)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
#variable_conflict use_column
declare
    longest constant integer := 366 * 86400;
begin
    perform chat.begin_sla_change(chat_save_sla.site);
    -- Held, or it could be deleted before anything is promised of it.
    if chat_save_sla.department is not null and not exists (
        select from public.mod_chat_departments d where d.site_id = chat_save_sla.site and d.id = chat_save_sla.department
        for key share)
    then
        raise exception 'the site has no department %', chat_save_sla.department
            using errcode = 'PT404', detail = 'chat/no_such_department', hint = 'use the id of a department of the site, or null';
    end if;
    if chat_save_sla.priority not in ('low', 'normal', 'high', 'urgent') then
        raise exception 'there is no priority %', left(chat_save_sla.priority, 50)
            using errcode = 'PT422', detail = 'chat/unknown_priority', hint = 'use low, normal, high or urgent, or null for any';
    end if;
    if chat_save_sla.tag is not null and char_length(btrim(chat_save_sla.tag)) not between 1 and 64 then
        raise exception 'a tag has 1 to 64 characters'
            using errcode = 'PT422', detail = 'chat/tags', hint = 'name a tag as conversations have it, or null for any';
    end if;
    if least(chat_save_sla.first_response_seconds, chat_save_sla.next_response_seconds, chat_save_sla.resolution_seconds) < 1
        or greatest(chat_save_sla.first_response_seconds, chat_save_sla.next_response_seconds,
            chat_save_sla.resolution_seconds) > longest
        or chat_save_sla.warn_percent not between 1 and 99
    then
        raise exception 'a promise is 1 to % seconds, a warning comes after 1 to 99 percent of it', longest
            using errcode = 'PT422', detail = 'chat/sla_limits', hint = 'leave out what is not promised, and warn_percent null for no warning';
    end if;
    -- Whoever promises in business hours goes on to save them: the row is there then.
    perform chat.settings_of(chat_save_sla.site);
    insert into chat.sla_policies as p (
        site_id, department_id, priority, tag, first_response_seconds, next_response_seconds, resolution_seconds,
        in_business_hours, warn_percent)
    values (
        chat_save_sla.site, chat_save_sla.department, chat_save_sla.priority, btrim(chat_save_sla.tag),
        chat_save_sla.first_response_seconds, chat_save_sla.next_response_seconds, chat_save_sla.resolution_seconds,
        coalesce(chat_save_sla.in_business_hours, true), chat_save_sla.warn_percent)
    on conflict (site_id, department_id, priority, tag) do update
    set first_response_seconds = excluded.first_response_seconds,
        next_response_seconds = excluded.next_response_seconds,
        resolution_seconds = excluded.resolution_seconds,
        in_business_hours = excluded.in_business_hours,
        warn_percent = excluded.warn_percent;
    if (select count(*) from chat.sla_policies p where p.site_id = chat_save_sla.site) > 200 then
        raise exception 'a site has at most 200 policies'
            using errcode = 'PT409', detail = 'chat/too_many_policies', hint = 'take some away with chat_delete_sla';
    end if;
    return public.chat_sla(chat_save_sla.site);
end
$$;
comment on function public.chat_save_sla(uuid, uuid, text, text, integer, integer, integer, boolean, integer) is
    'What a site promises, whole, for conversations of a department, a priority and a tag (each null: any): seconds until the first answer, each later one and the end (null: not promised; all null: these are promised nothing), in business hours or around the clock, and after how much of the time there is a warning. Clocks that run follow with the next tick. Answers as chat_sla. Needs live-chat.settings.manage. PT403 chat/not_allowed; PT404 chat/no_such_department; PT409 chat/too_many_policies; PT422 chat/unknown_priority, chat/tags, chat/sla_limits.';

create or replace function public.chat_delete_sla(site uuid, policy uuid)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.begin_sla_change(chat_delete_sla.site);
    delete from chat.sla_policies p where p.site_id = chat_delete_sla.site and p.id = chat_delete_sla.policy;
    if not found then
        raise exception 'the site has no policy %', coalesce(chat_delete_sla.policy::text, 'null')
            using errcode = 'PT404', detail = 'chat/no_such_policy', hint = 'use an id of chat_sla';
    end if;
    return public.chat_sla(chat_delete_sla.site);
end
$$;
comment on function public.chat_delete_sla(uuid, uuid) is
    'Takes a promise back; what it was of follows the next that fits, or none. Answers as chat_sla. Needs live-chat.settings.manage. PT403 chat/not_allowed; PT404 chat/no_such_policy.';
