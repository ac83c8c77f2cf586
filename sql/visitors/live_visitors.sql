-- What: who is on the site now, and where somebody has been.
-- Why: an agent who sees a visitor wait on the price list helps before they are asked.
-- Leaves out: people without the widget's token; nothing is known of them.

create or replace function public.chat_live_visitors(
    site uuid, within_seconds integer default 300, page_size integer default 100, before timestamptz default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    -- Whoever sees a part of the site only sees the people of that part.
    limited constant boolean := chat_live_visitors.site = any (chat.my_limited_sites());
    since timestamptz;
begin
    perform chat.require(chat_live_visitors.site, 'live-chat.conversations.view');
    if (within_seconds between 1 and 86400 and page_size between 1 and 500) is not true then
        raise exception 'this asks for too little or too much'
            using errcode = 'PT422', detail = 'chat/out_of_range', hint = 'within_seconds is 1 to 86400, page_size 1 to 500';
    end if;
    since := clock_timestamp() - make_interval(secs => within_seconds);
    return jsonb_build_object(
        'count', (
            select count(distinct v.visitor_id) from chat.visits v
            where v.site_id = chat_live_visitors.site and v.last_at > since
                and (not limited or chat.sees_visitor(v.visitor_id))),
        'visitors', coalesce((
            select jsonb_agg(to_jsonb(shown) order by shown.last_at desc, shown.visit_id desc)
            from (
                select v.id as visit_id, v.visitor_id, p.name, p.email, p.current_page_url, p.current_page_title,
                    v.landing_page_url, v.referrer_url, v.started_at, v.last_at, v.pages, p.total_visits, v.browser, v.os,
                    v.device, v.country, v.city, p.tags, c.id as conversation_id, c.status as conversation_status,
                    c.assigned_agent_id
                from chat.visits v
                join public.mod_chat_visitors p on p.id = v.visitor_id
                left join lateral (
                    select o.id, o.status, o.assigned_agent_id from public.mod_chat_conversations o
                    where o.visitor_id = v.visitor_id and o.archived_at is null
                        and (not limited or chat.sees_conversation(o.id))
                    order by o.created_at desc limit 1) c on true
                where v.site_id = chat_live_visitors.site and v.last_at > since
                    and (not limited or chat.sees_visitor(v.visitor_id))
                    and (chat_live_visitors.before is null or v.last_at < chat_live_visitors.before)
                order by v.last_at desc, v.id desc
                limit page_size) shown), '[]'));
end
$$;
comment on function public.chat_live_visitors(uuid, integer, integer, timestamptz) is
    'Who looked at a page within so many seconds, latest first: {count, visitors: [{visit_id, visitor_id, name, current_page_url, …, last_at, pages, conversation_id, …}]}; the next page is `before` the last one''s last_at. Needs live-chat.conversations.view. PT403 chat/not_allowed, PT422 chat/out_of_range.';

create or replace function public.chat_visits(visitor uuid, page_size integer default 20, before bigint default null)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
begin
    perform chat.require_for_visitor(chat_visits.visitor, 'live-chat.conversations.view');
    if (page_size between 1 and 500) is not true then
        raise exception 'a page has 1 to 500 visits'
            using errcode = 'PT422', detail = 'chat/out_of_range', hint = 'page_size is 1 to 500';
    end if;
    return coalesce((
        select jsonb_agg(to_jsonb(shown) || jsonb_build_object('page_views', coalesce((
            select jsonb_agg(jsonb_build_object('url', p.url, 'title', p.title, 'at', p.at) order by p.id)
            from chat.page_views p where p.visit_id = shown.id), '[]')) order by shown.id desc)
        from (
            select v.* from chat.visits v
            where v.visitor_id = any (chat.person_rows(chat_visits.visitor)) and (chat_visits.before is null or v.id < chat_visits.before)
            order by v.id desc
            limit page_size) shown), '[]');
end
$$;
comment on function public.chat_visits(uuid, integer, bigint) is
    'Visits of a person with their pages, latest first: [{id, started_at, last_at, pages, …, page_views: [{url, title, at}]}]; the next page is `before` the last one''s id. Needs live-chat.conversations.view. PT404 chat/no_such_visitor, PT422 chat/out_of_range.';
