-- What: which page a visitor looks at: the visit it belongs to, and what browser and proxy tell of them.
-- Why: agents see who is where and where they came in; under the visitor's lock, so two tabs are one visit.
-- Leaves out: showing it (live_visitors.sql).

create or replace function chat.web_address(p_text text)
returns text
language sql
immutable
parallel safe
as $$
    -- Shown as a link: nothing but http, and nothing that could end one.
    select substring(left(p_text, 2048) from '^[hH][tT][tT][pP][sS]?://[^\s"<>\\\u0001-\u0020\u007f-\u00a0]+$')
$$;
comment on function chat.web_address(text) is 'The first 2048 characters of an http or https address; null for anything else.';

create or replace function chat.language_of(p_text text)
returns text
language sql
immutable
parallel safe
as $$
    -- The first of a header's list, without its weight.
    select substring(left(btrim(p_text), 100) from '^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,3}(?=$|[,;\s])')
$$;
comment on function chat.language_of(text) is
    'The language that a text or a header Accept-Language begins with, such as de-AT; null for anything else.';

create or replace function chat.visit_of(p_session chat.sessions, p_url text, p_referrer text, p_now timestamptz)
returns chat.visits
language plpgsql
as $$
declare
    visit chat.visits;
begin
    select v.* into visit from chat.visits v where v.visitor_id = p_session.visitor_id order by v.id desc limit 1;
    if visit.last_at > p_now - interval '30 minutes' then
        update chat.visits v
        set last_at = greatest(v.last_at, p_now), session_id = p_session.id,
            landing_page_url = coalesce(v.landing_page_url, p_url), referrer_url = coalesce(v.referrer_url, p_referrer)
        where v.id = visit.id
        returning v.* into visit;
        return visit;
    end if;
    -- A visitor is made with their first visit counted.
    if visit.id is not null then
        update public.mod_chat_visitors v set total_visits = v.total_visits + 1 where v.id = p_session.visitor_id;
    end if;
    insert into chat.visits (
        site_id, visitor_id, session_id, started_at, last_at, landing_page_url, referrer_url, ip_address, browser, os, device,
        country, city)
    select p_session.site_id, p_session.visitor_id, p_session.id, p_now, p_now, p_url, p_referrer, p_session.ip_address,
        agent.browser, agent.os, agent.device, place.country, place.city
    from chat.user_agent_of(p_session.user_agent) agent
    cross join chat.place_of(
        chat.request_header(current_setting('app.settings.chat_country_header', true)),
        chat.request_header(current_setting('app.settings.chat_city_header', true))) place
    returning * into visit;
    return visit;
end
$$;
comment on function chat.visit_of(chat.sessions, text, text, timestamptz) is
    'The running visit of a session''s visitor, whose row the caller has locked, or a new one. The headers that tell country and city are named by app.settings.chat_country_header and chat_city_header; none is believed otherwise.';

create or replace function chat.note_page(p_session chat.sessions, p_page jsonb, p_now timestamptz)
returns void
language plpgsql
as $$
declare
    url constant text := chat.web_address(p_page ->> 'url');
    title constant text := chat.one_line(p_page ->> 'title', 300);
    referrer constant text := chat.web_address(p_page ->> 'referrer');
    visit chat.visits;
begin
    perform from public.mod_chat_visitors v where v.id = p_session.visitor_id for no key update;
    if not found then
        perform chat.refuse_dead_session();
    end if;
    visit := chat.visit_of(p_session, url, referrer, p_now);
    -- The same page again only says that it is still open.
    if url is not null and visit.pages < 500 and url is distinct from (
        select p.url from chat.page_views p where p.visit_id = visit.id order by p.id desc limit 1)
    then
        insert into chat.page_views (site_id, visit_id, url, title, at)
        values (visit.site_id, visit.id, url, title, p_now);
        update chat.visits v set pages = v.pages + 1 where v.id = visit.id;
    end if;
    update public.mod_chat_visitors v
    set current_page_url = coalesce(url, v.current_page_url),
        current_page_title = case when url is null then v.current_page_title else title end,
        referrer_url = coalesce(v.referrer_url, referrer),
        landing_page_url = coalesce(v.landing_page_url, url),
        browser = coalesce(visit.browser, v.browser),
        os = coalesce(visit.os, v.os),
        device = coalesce(visit.device, v.device),
        language = coalesce(chat.language_of(p_page ->> 'language'),
            chat.language_of(chat.request_header('accept-language')), v.language),
        ip_address = coalesce(p_session.ip_address, v.ip_address),
        -- A city without its country would be of the country before.
        country = coalesce(visit.country, v.country),
        city = case when visit.country is null then v.city else visit.city end,
        last_seen_at = greatest(v.last_seen_at, p_now),
        updated_at = p_now
    where v.id = p_session.visitor_id;
end
$$;
comment on function chat.note_page(chat.sessions, jsonb, timestamptz) is
    'Notes {url, title, referrer, language} of the page a session''s visitor is on, in their visit. Of the visitor, referrer and landing page are the first ones. PT401 chat/session_dead when they were erased meanwhile.';

create or replace function chat.forget_page_views(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    forgotten integer;
begin
    delete from chat.page_views p
    using (
        select x.id from chat.page_views x
        where x.at < p_now - interval '90 days'
        order by x.at
        limit p_batch
        for update skip locked) old
    where p.id = old.id;
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;
comment on function chat.forget_page_views(integer, timestamptz) is 'Removes page views older than 90 days; the visits stay.';
