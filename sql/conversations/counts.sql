-- What: how many conversations there are: the badges of a site, and of any filter.
-- Why: counted, never added up, so they are exact; what is open is little and is read once for all badges.
-- Leaves out: figures over time (reports/).

create or replace function public.chat_counts(site uuid)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
-- What is open is little, whatever the statistics say of a site unknown: hashed, not sorted, and planned once.
set enable_sort = off
set plan_cache_mode = force_generic_plan
as $$
declare
    me uuid;
    limited constant boolean := chat_counts.site = any (chat.my_limited_sites());
    part constant text[] := chat.my_part();
begin
    perform chat.require(chat_counts.site, 'live-chat.conversations.view');
    select a.id into me
    from public.mod_chat_agents a where a.site_id = chat_counts.site and a.user_id = auth.uid() and a.is_active;
    return (
        with sla as (
            select count(*) filter (where k.warned and not k.breached) as warned, count(*) filter (where k.breached) as breached
            from chat.sla_cases k
            where k.site_id = chat_counts.site and k.due_at is not null
                and (not limited or chat.sees_conversation(k.conversation_id))),
        open as materialized (
            select c.status::text as status, c.assigned_agent_id as agent, c.channel::text as channel,
                c.priority::text as priority, c.department_id as department, c.phone_number_id as number, count(*) as n,
                count(*) filter (where c.unread_agent_count > 0) as unread, count(c.snoozed_until) as snoozed
            from public.mod_chat_conversations c
            where c.site_id = chat_counts.site and c.archived_at is null
                and (not limited or chat.in_part(
                    part, c.site_id, c.assigned_agent_id, c.last_agent_id, c.department_id, c.phone_number_id))
            group by 1, 2, 3, 4, 5, 6),
        -- A row for each channel, each priority and so on, in one pass; a bit is 0 where its column is the key.
        sums as (
            select grouping(o.channel, o.priority, o.department, o.agent, o.number) as bits,
                coalesce(o.channel, o.priority, o.department::text, o.agent::text, o.number) as key, sum(o.n) as n
            from open o
            group by grouping sets (o.channel, o.priority, o.department, o.agent, o.number)),
        badges as (
            select jsonb_object_agg(s.key, s.n) filter (where s.bits = b'01111'::integer) as by_channel,
                jsonb_object_agg(s.key, s.n) filter (where s.bits = b'10111'::integer) as by_priority,
                jsonb_object_agg(coalesce(s.key, 'none'), s.n) filter (where s.bits = b'11011'::integer) as by_department,
                jsonb_object_agg(coalesce(s.key, 'unassigned'), s.n) filter (where s.bits = b'11101'::integer) as by_agent,
                jsonb_object_agg(coalesce(s.key, 'none'), s.n) filter (where s.bits = b'11110'::integer) as by_number
            from sums s)
        select jsonb_build_object(
            'open', coalesce(sum(o.n), 0),
            'pending', coalesce(sum(o.n) filter (where o.status = 'pending'), 0),
            'active', coalesce(sum(o.n) filter (where o.status = 'active'), 0),
            'waiting', coalesce(sum(o.n) filter (where o.status = 'waiting'), 0),
            'snoozed', coalesce(sum(o.snoozed), 0),
            'unassigned', coalesce(sum(o.n) filter (where o.agent is null), 0),
            'mine', coalesce(sum(o.n) filter (where o.agent = me), 0),
            'unread', coalesce(sum(o.unread), 0),
            'mine_unread', coalesce(sum(o.unread) filter (where o.agent = me), 0),
            'sla_warned', (select w.warned from sla w),
            'sla_breached', (select w.breached from sla w),
            'by_channel', coalesce((select b.by_channel from badges b), '{}'),
            'by_priority', coalesce((select b.by_priority from badges b), '{}'),
            'by_department', coalesce((select b.by_department from badges b), '{}'),
            'by_agent', coalesce((select b.by_agent from badges b), '{}'),
            'by_number', coalesce((select b.by_number from badges b), '{}'))
        from open o);
end
$$;
comment on function public.chat_counts(uuid) is
    'Badges over a site''s open conversations: {open, pending, active, waiting, snoozed, unassigned, mine, unread, mine_unread, sla_warned, sla_breached, by_channel, by_priority, by_department, by_agent, by_number}. PT403 chat/not_allowed.';

create or replace function public.chat_inbox_count(filters jsonb default '{}', most integer default 1000)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    sites constant uuid[] := chat.inbox_sites(chat_inbox_count.filters);
    condition text := replace(chat.inbox_condition(chat_inbox_count.filters), '{at}',
        'coalesce(c.archived_at, c.last_message_at, c.created_at)');
    found uuid[];
    counted bigint;
begin
    perform chat.require_page_size(chat_inbox_count.most, 100000);
    if chat_inbox_count.filters ->> 'search' ~ '\S' then
        found := chat.find_conversations(sites, chat_inbox_count.filters ->> 'search');
        condition := condition || ' and c.id = any ($3)';
    end if;
    execute format('select count(*) from (
            select from public.mod_chat_conversations c where c.site_id = any ($1) and %s limit $2 + 1) x', condition)
    into counted using sites, chat_inbox_count.most, found;
    return jsonb_build_object('count', least(counted, chat_inbox_count.most), 'more', counted > chat_inbox_count.most);
end
$$;
comment on function public.chat_inbox_count(jsonb, integer) is
    'How many conversations a filter of chat_inbox finds, counting to `most`: {count, more}. PT403 chat/not_allowed, PT422 chat/bad_filter, chat/page_size.';
