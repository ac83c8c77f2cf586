-- What: pages of the inbox, over one site or all that the caller works in.
-- Why: a filter that is no plain equality uses no index under row-level security; this asks for the right once and then
--      with the site spelled out. Open conversations come in the order of their last message, then the archive in the
--      order in which it ended: each part is read from its own index, so a page costs the same in ten years.
-- Leaves out: what filters mean (inbox_condition.sql); counts (counts.sql).

create or replace function chat.inbox_sites(p_filters jsonb)
returns uuid[]
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    sites constant uuid[] := chat.my_sites_with('live-chat.conversations.view');
    wanted uuid;
begin
    if jsonb_typeof(p_filters) = 'object' and p_filters ->> 'siteId' <> 'all' then
        wanted := chat.filter_id('siteId', p_filters -> 'siteId');
        if wanted <> all (sites) then
            perform chat.require(wanted, 'live-chat.conversations.view');
        end if;
        return array[wanted];
    end if;
    return sites;
end
$$;
comment on function chat.inbox_sites(jsonb) is
    'Sites that a filter means: its siteId, else all where the caller may view. PT403 chat/not_allowed, PT422 chat/bad_filter.';

create or replace function chat.require_page_size(p_size integer, p_most integer)
returns void
language plpgsql
immutable
as $$
begin
    if p_size between 1 and p_most then
        return;
    end if;
    raise exception 'a page cannot have % rows', coalesce(p_size::text, 'null')
        using errcode = 'PT422', detail = 'chat/page_size', hint = format('ask for 1 to %s', p_most);
end
$$;
comment on function chat.require_page_size(integer, integer) is 'PT422 chat/page_size unless a page has between one row and so many.';

create or replace function chat.inbox_after(p_after jsonb, out is_open boolean, out at timestamptz, out id uuid)
language plpgsql
immutable
as $$
begin
    if p_after is null or p_after = 'null' then
        return;
    end if;
    is_open := p_after ->> 'is_open';
    at := p_after ->> 'sort_at';
    id := p_after ->> 'id';
    if is_open is null or at is null or id is null then
        raise data_exception;
    end if;
exception when data_exception then
    raise exception 'the page cannot go on after %', left(p_after::text, 100)
        using errcode = 'PT422', detail = 'chat/bad_after', hint = 'give the last row of the page before, with its is_open, sort_at and id';
end
$$;
comment on function chat.inbox_after(jsonb) is 'Where a page goes on: is_open, sort_at and id of a row. PT422 chat/bad_after.';

create or replace function public.chat_inbox(filters jsonb default '{}', after jsonb default null, page_size integer default 25)
returns setof public.chat_conversation_list
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    sites constant uuid[] := chat.inbox_sites(chat_inbox.filters);
    condition text := chat.inbox_condition(chat_inbox.filters);
    -- One site is spelled out, so that the planner knows how much of its archive a filter meets: few rows are gathered and
    -- sorted, many are met soon on the way through the archive's own order.
    site constant text := case when cardinality(sites) = 1 then quote_literal(sites[1]) || '::uuid' else 's.site' end;
    part constant text := '(select c.id, %1$s as is_open, %2$s as at from public.mod_chat_conversations c
        where c.site_id = ' || site || ' and %3$s and %4$s and %5$s order by %2$s desc, c.id desc limit %6$s)';
    parts text[] := '{}';
    status constant text := coalesce(chat_inbox.filters ->> 'status', 'all');
    start record;
    found uuid[];
begin
    perform chat.require_page_size(chat_inbox.page_size, 200);
    if chat_inbox.filters ->> 'search' ~ '\S' then
        found := chat.find_conversations(sites, chat_inbox.filters ->> 'search');
        condition := condition || ' and c.id = any ($3)';
    end if;
    if chat_inbox.filters ->> 'sort' = 'sla' then
        return query select * from chat.inbox_by_sla(sites, condition, found, chat_inbox.after, chat_inbox.page_size);
        return;
    end if;
    select * into start from chat.inbox_after(chat_inbox.after);

    if start.is_open is not false and status not in ('archived', 'resolved', 'closed', 'missed') then
        -- Conversations in which nothing was said yet stand where they were opened; there are few.
        parts := array[
            format(part, 'true', 'c.last_message_at', 'c.archived_at is null and c.last_message_at is not null',
                replace(condition, '{at}', 'c.last_message_at'),
                case when start.is_open then format('(c.last_message_at, c.id) < (%L, %L)', start.at, start.id) else 'true' end,
                chat_inbox.page_size),
            format(part, 'true', 'c.created_at', 'c.archived_at is null and c.last_message_at is null',
                replace(condition, '{at}', 'c.created_at'),
                case when start.is_open then format('(c.created_at, c.id) < (%L, %L)', start.at, start.id) else 'true' end,
                chat_inbox.page_size)];
    end if;
    if status not in ('open', 'pending', 'active', 'waiting', 'snoozed') then
        parts := parts || format(part, 'false', 'c.archived_at', 'c.archived_at is not null',
            replace(condition, '{at}', 'c.archived_at'),
            case when not start.is_open then format('(c.archived_at, c.id) < (%L, %L)', start.at, start.id) else 'true' end,
            chat_inbox.page_size);
    end if;

    -- After the archive there are no open ones.
    if parts = '{}' then
        return;
    end if;
    return query execute format('
        select v.* from (
            select p.* from unnest($1) s (site) cross join lateral (%s) p
            order by p.is_open desc, p.at desc, p.id desc limit $2) page
        join public.chat_conversation_list v on v.id = page.id
        order by page.is_open desc, page.at desc, page.id desc', array_to_string(parts, ' union all '))
    using sites, chat_inbox.page_size, found;
end
$$;
comment on function public.chat_inbox(jsonb, jsonb, integer) is
    'A page of the inbox. filters: LC-01''s ConversationFilters (status also open, archived, snoozed; assignedAgentId also me; departmentId also none; dateFrom and dateTo are about sort_at) and siteId, phoneNumberId, visitorId, tags, unread, sla (running, warned, breached), sort (sla: by sla_due_at, only what has one). after: the last row of the page before. PT403 chat/not_allowed, PT422 chat/bad_filter, chat/bad_after, chat/page_size.';
