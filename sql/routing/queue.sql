-- What: the queue as people see it: who stands where in which line, and how long it may still take.
-- Why: a line is what waits for one department, or for none, in the order in which it is handed out. Its places are counted
--      when somebody asks, so they are never behind; the wait is a rule over how the line moved lately.
-- Leaves out: a visitor's own place (queue_position.sql), telling them that it moved (tell_queue.sql), and how the wait is
--      computed (chat_rules::routing).

create or replace function chat.queue_of(p_site uuid, p_most integer default null)
returns table (conversation_id uuid, department_id uuid, urgency integer, waiting_since timestamptz, place bigint)
language sql
stable
as $$
    select w.id, w.department_id, w.urgency, w.pending_since, w.place
    from (
        select p_site as id
        union all
        select d.id from public.mod_chat_departments d where d.site_id = p_site) line
    cross join lateral (
        select c.id, c.department_id, c.pending_since, u.urgency,
            row_number() over (order by u.urgency, c.pending_since, c.id) as place
        from public.mod_chat_conversations c
        cross join lateral (select chat.urgency(c.priority) as urgency) u
        where coalesce(c.department_id, c.site_id) = line.id and c.status = 'pending' and c.assigned_agent_id is null
        order by u.urgency, c.pending_since, c.id
        limit p_most) w
$$;
comment on function chat.queue_of(uuid, integer) is
    'Who waits at a site, with their place in the line of their department (null: of none); of each line the first so many, or all.';

create or replace function chat.line_facts(p_site uuid, p_department uuid, p_now timestamptz)
returns jsonb
language plpgsql
stable
as $$
declare
    settings constant chat.routing_settings := chat.routing_settings_of(p_site, p_department);
    assigns constant boolean := coalesce((
        select d.auto_assign from public.mod_chat_departments d where d.site_id = p_site and d.id = p_department), true);
begin
    return jsonb_build_object(
        'agents', (
            select count(*) from public.mod_chat_agents a
            where a.site_id = p_site and a.is_active and a.max_concurrent_chats > 0
                -- What is claimed is claimed by whoever is there.
                and case when assigns then a.status = 'online' else a.status <> 'offline' end
                and (p_department is null or a.department_id = p_department
                    or settings.fallback_seconds is not null
                        and coalesce(settings.fallback_department_id = a.department_id, settings.fallback_department_id is null))),
        'taken', coalesce((
            select jsonb_agg(jsonb_build_object('at', t.at, 'waited_seconds', t.waited_seconds))
            from (
                select k.at, k.waited_seconds from chat.choices k
                where k.site_id = p_site and k.waited_seconds > 0 and k.at > p_now - interval '4 hours'
                    and k.department_id is not distinct from p_department
                order by k.at desc
                limit 50) t), '[]'));
end
$$;
comment on function chat.line_facts(uuid, uuid, timestamptz) is
    'What the wait in a line is computed from but the place: {agents, taken}; taken are the last 50 chats of the last four hours that somebody got after they had waited.';

create or replace function chat.wait_shown(p_wait jsonb)
returns jsonb
language sql
stable
as $$
    select p_wait - 'seconds' || jsonb_build_object(
        'expected_seconds', p_wait -> 'seconds',
        'expected_wait', make_interval(secs => (p_wait ->> 'seconds')::double precision))
$$;
comment on function chat.wait_shown(jsonb) is
    'An expected wait as people get it: {expected_wait, expected_seconds, seconds_per_chat, from_chats, reason}.';

create or replace function public.chat_queue(site uuid, page_size integer default 100)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    at constant timestamptz := clock_timestamp();
    -- Whoever sees a part of the site counts and reads that part; places are those of the whole line.
    limited constant boolean := chat_queue.site = any (chat.my_limited_sites());
    part constant text[] := chat.my_part();
begin
    perform chat.require(chat_queue.site, 'live-chat.conversations.view');
    perform chat.require_page_size(chat_queue.page_size, 500);
    return (
        with seen as materialized (
            select q.*, c.session_number, c.channel, c.priority, c.visitor_id
            -- The first page is among the first of each line, where nobody is hidden.
            from chat.queue_of(chat_queue.site, case when not limited then chat_queue.page_size end) q
            join public.mod_chat_conversations c on c.id = q.conversation_id
            where not limited or chat.in_part(
                part, c.site_id, c.assigned_agent_id, c.last_agent_id, c.department_id, c.phone_number_id)
        ), page as materialized (
            select s.* from seen s order by s.urgency, s.waiting_since, s.conversation_id limit chat_queue.page_size
        ), line as materialized (
            select x.department_id, chat.line_facts(chat_queue.site, x.department_id, at) as facts
            from (select distinct p.department_id from page p) x
        )
        select jsonb_build_object(
            'waiting', case when limited then (select count(*) from seen)
                else (select count(*) from chat.queue_of(chat_queue.site)) end,
            'chats', coalesce((
                select jsonb_agg(jsonb_build_object(
                    'conversation_id', p.conversation_id, 'session_number', p.session_number, 'visitor_name', v.name,
                    'channel', p.channel, 'priority', p.priority, 'department_id', p.department_id,
                    'department_name', d.name, 'position', p.place, 'waiting_since', p.waiting_since)
                    || chat.wait_shown(chat.expected_wait(l.facts || jsonb_build_object('position', p.place)))
                    order by p.urgency, p.waiting_since, p.conversation_id)
                from page p
                join line l on l.department_id is not distinct from p.department_id
                join public.mod_chat_visitors v on v.id = p.visitor_id
                left join public.mod_chat_departments d on d.id = p.department_id), '[]')));
end
$$;
comment on function public.chat_queue(uuid, integer) is
    'Who waits at a site, the next one first: {waiting, chats: [{conversation_id, session_number, visitor_name, channel, priority, department_id, department_name, position, waiting_since, expected_wait, expected_seconds, seconds_per_chat, from_chats, reason}]}. position counts within the department''s line. expected_wait is position times what one step forward took lately, from from_chats chats that had to wait in the last four hours; null with reason nobody_there or too_few_chats. Needs live-chat.conversations.view. PT403 chat/not_allowed, PT422 chat/page_size.';
