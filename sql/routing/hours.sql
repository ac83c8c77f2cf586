-- What: whether a site or department is open, when that changes, and time counted while it is.
-- Why: which hours count (a department's own, else its site's, else none) is decided here once.
-- Leaves out: calendar and clocks, which are the rule's: SQL never turns a moment into a local time for hours, so that
--      there is one time-zone database (docs/decisions/time-zones.md).

create or replace function chat.hours_of(
    p_site uuid, p_department uuid, out hours jsonb, out zone text, out problems jsonb)
language plpgsql
stable
as $$
declare
    settings public.mod_chat_widget_settings;
    own record;
begin
    select s.* into settings from public.mod_chat_widget_settings s where s.site_id = p_site;
    if not found then
        perform chat.require_site(p_site);
    end if;
    select d.business_hours, d.timezone into own
    from public.mod_chat_departments d where d.site_id = p_site and d.id = p_department;
    hours := coalesce(own.business_hours, case when settings.business_hours_enabled then settings.business_hours end);
    -- A site that never saved any settings has the table's default; they are not made here, for whoever asks only reads.
    zone := coalesce(own.timezone, settings.timezone, 'Africa/Lusaka');
    -- Rows that were there before anybody looked at what is saved: a site that cannot be read is not closed for good.
    problems := (
        select jsonb_agg(p) from jsonb_array_elements(chat.hours_problems(hours, zone)) p
        where p ->> 'problem' <> 'never_open');
    if problems is not null then
        hours := null;
    end if;
end
$$;
comment on function chat.hours_of(uuid, uuid) is
    'The hours that count for a department (null: of the site), their time zone, and what is wrong with them. Null hours: always open. PT404 chat/no_such_site.';

create or replace function public.chat_hours(site uuid, department uuid default null, at timestamptz default now())
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
declare
    known record;
    opening record;
begin
    known := chat.hours_of(chat_hours.site, chat_hours.department);
    perform chat.require_module(chat_hours.site);
    if chat_hours.department is not null and not exists (
        select from public.mod_chat_departments d where d.site_id = chat_hours.site and d.id = chat_hours.department)
    then
        raise exception 'the site has no department %', chat_hours.department
            using errcode = 'PT404', detail = 'chat/no_such_department', hint = 'use the id of a department of the site, or null';
    end if;
    select o.* into opening from chat.hours_at(known.hours, known.zone, coalesce(chat_hours.at, now())) o;
    return jsonb_build_object(
        'open', opening.is_open,
        'next_change', opening.next_change,
        'holiday', opening.holiday,
        'always', known.hours is null,
        'timezone', known.zone,
        'problems', coalesce(known.problems, '[]'));
end
$$;
comment on function public.chat_hours(uuid, uuid, timestamptz) is
    'Whether a site, or one of its departments, is open now or at another time: {open, next_change, holiday, always, timezone, problems}. next_change is null where nothing changes within ten years; always: no hours are set, or they cannot be read and problems [{at, problem}] says why. PT404 chat/no_such_site, chat/no_such_department; PT403 chat/module_off.';

create or replace function chat.business_due(p_site uuid, p_department uuid, p_start timestamptz, p_interval interval)
returns timestamptz
language plpgsql
as $$
declare
    known constant record := chat.hours_of(p_site, p_department);
begin
    return chat.business_add(known.hours, known.zone, p_start, ceil(extract(epoch from p_interval))::bigint);
end
$$;
comment on function chat.business_due(uuid, uuid, timestamptz, interval) is
    'When an interval of business time of a department (null: of the site) is over: the earliest moment by which it was open for so long. A day of the interval is 24 open hours. Null where ten years do not give so much.';
