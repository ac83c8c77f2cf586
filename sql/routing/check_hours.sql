-- What: business hours and time zones are looked at when they are saved.
-- Why: whoever types them learns what is wrong and where; whoever waits later must not.
-- Leaves out: what they mean (chat_rules::routing::hours) and rows that came in before anybody looked (hours.sql).

create or replace function chat.require_hours(p_hours jsonb, p_zone text, p_opens boolean)
returns void
language plpgsql
stable
as $$
declare
    problems constant jsonb := chat.hours_problems(coalesce(p_hours, 'null'), coalesce(p_zone, ''));
    wrong text;
begin
    if problems @> '[{"problem": "unknown_time_zone"}]' then
        raise exception 'there is no time zone %', coalesce(left(p_zone, 50), 'null')
            using errcode = 'PT422', detail = 'chat/unknown_time_zone', hint = 'use a name of the IANA database, such as Europe/Berlin';
    end if;
    -- Hours that are off may be empty.
    select string_agg(format('%s: %s', p ->> 'at', replace(p ->> 'problem', '_', ' ')), '; ') into wrong
    from (
        select p from jsonb_array_elements(problems) with ordinality x (p, place)
        where p ->> 'problem' <> 'never_open' or p_opens
        order by place
        limit 10) told;
    if wrong is not null then
        raise exception 'these business hours cannot be used: %', wrong
            using errcode = 'PT422', detail = 'chat/business_hours',
                hint = 'for example {"monday": {"enabled": true, "start": "09:00", "end": "17:00"}}, or {"week": {"monday": [{"start": "09:00", "end": "12:00"}]}, "holidays": [{"date": "12-25"}]}';
    end if;
end
$$;
comment on function chat.require_hours(jsonb, text, boolean) is
    'Raises unless business hours and time zone can be used, and, where they have to, open at some time. PT422 chat/business_hours, chat/unknown_time_zone.';

create or replace function chat.check_hours_of_site()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    perform chat.require_hours(new.business_hours, new.timezone, new.business_hours_enabled);
    return new;
end
$$;
comment on function chat.check_hours_of_site() is
    'Before a site''s hours or time zone are written. PT422 chat/business_hours, chat/unknown_time_zone.';

create or replace function chat.check_hours_of_department()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- What a department leaves out is its site's, which was looked at there.
    perform chat.require_hours(coalesce(new.business_hours, '{}'), coalesce(new.timezone, 'UTC'), new.business_hours is not null);
    return new;
end
$$;
comment on function chat.check_hours_of_department() is
    'Before a department''s own hours or time zone are written. PT422 chat/business_hours, chat/unknown_time_zone.';
