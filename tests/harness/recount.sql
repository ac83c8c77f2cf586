-- What: a line for each number or counter that differs from a recount of the rows behind it.
-- Why: counters are kept by triggers under locks; this knows nothing of those and counts.
-- Leaves out: load that changes only with time; figures of erased people but the chats they had.

with message as (
    select m.*, e.is_public, e.inbound, e.outbound_public, e.preview, e.unread_agent, e.clears_unread_agent,
        e.unread_visitor
    from public.mod_chat_messages m
    join public.mod_chat_conversations c on c.id = m.conversation_id
    cross join lateral chat.message_effect(
        m.sender_type, m.kind, m.origin, coalesce(m.sender_id = c.assigned_agent_id::text, false)) e
),
cleared as (
    select conversation_id, max(cleared_seq) filter (where agent_id is not null) as seq,
        max(read_seq) filter (where agent_id is null) as visitor_seq
    from chat.cursors group by 1
),
counted as (
    select c.id,
        count(m.id) as message_count,
        coalesce(max(m.seq), 0) as last_seq,
        count(m.public_seq) as public_count,
        coalesce(max(m.public_seq), 0) as last_public_seq,
        count(*) filter (where m.is_public is distinct from (m.public_seq is not null) and m.id is not null) as wrongly_public,
        coalesce(max(m.change), 0) as last_change,
        count(*) filter (where m.inbound) as inbound_count,
        count(*) filter (where m.outbound_public) as outbound_public_count,
        coalesce(sum(m.unread_agent) filter (where m.seq > coalesce(k.seq, 0)), 0) as unread_agent_count,
        coalesce(sum(m.unread_visitor) filter (where m.seq > coalesce(k.visitor_seq, 0)), 0) as unread_visitor_count,
        max(m.sent_at) filter (where m.preview) as last_message_at
    from public.mod_chat_conversations c
    left join message m on m.conversation_id = c.id
    left join cleared k on k.conversation_id = c.id
    group by c.id
),
load as (
    select a.id, count(c.id) as chats
    from public.mod_chat_agents a
    left join public.mod_chat_conversations c on c.assigned_agent_id = a.id
        and (c.status = 'active' or c.status = 'waiting' and c.snoozed_until is null)
    group by a.id
),
heard as (
    select c.visitor_id, count(*) as messages
    from message m join public.mod_chat_conversations c on c.id = m.conversation_id
    where m.inbound group by 1
),
opened as (
    select c.visitor_id, count(*) as conversations from public.mod_chat_conversations c group by 1
),
visited as (
    select x.visitor_id, count(*) as visits from chat.visits x group by 1
),
-- An answer ends a turn; what the visitor wrote in it was waited with since its first message.
turned as (
    select m.*, count(*) filter (where m.sender_type in ('agent', 'ai') and m.public_seq is not null)
        over (partition by m.conversation_id order by m.seq rows between unbounded preceding and 1 preceding) as turn
    from message m
),
answered as (
    select t.*, min(t.sent_at) filter (where t.sender_type = 'visitor' and t.origin = 'live')
        over (partition by t.conversation_id, t.turn order by t.seq) as asked_at
    from turned t
),
figures as (
    select a.sender_id, count(distinct a.conversation_id) as chats, count(a.asked_at) as responses,
        coalesce(sum(greatest(0, extract(epoch from a.sent_at - a.asked_at))::bigint), 0) as seconds
    from answered a
    where a.sender_type = 'agent' and a.public_seq is not null and a.origin = 'live'
    group by 1
),
deed as (
    select d.agent_id, sum(d.chats) as chats, sum(d.responses) as responses, sum(d.response_seconds) as seconds,
        sum(d.unanswered) as unanswered
    from chat.agent_deeds d group by 1
),
taken_back as (
    select k.choice ->> 'from_agent_id' as agent_id, count(*) as chats
    from chat.choices k where k.agent_id is null and k.choice ->> 'reason' = 'not_answered' group by 1
),
read as (
    select k.conversation_id, k.agent_id, k.read_seq, k.read_count, c.last_seq,
        count(m.id) filter (where case when k.agent_id is null then m.outbound_public else m.inbound end) as seen
    from chat.cursors k
    join public.mod_chat_conversations c on c.id = k.conversation_id
    left join message m on m.conversation_id = k.conversation_id and m.seq <= k.read_seq
    group by 1, 2, 3, 4, 5
),
difference as (
    select format('conversation %s', c.id) as what, f.field, f.kept, f.counted
    from public.mod_chat_conversations c
    join counted n on n.id = c.id
    cross join lateral (values
        ('last_seq', c.last_seq::text, n.last_seq::text),
        ('seq has gaps', c.last_seq::text, n.message_count::text),
        ('last_public_seq', c.last_public_seq::text, n.last_public_seq::text),
        ('public_seq has gaps', c.last_public_seq::text, n.public_count::text),
        ('messages wrongly public or not', '0', n.wrongly_public::text),
        ('last_change', c.last_change::text, greatest(n.last_change, c.row_change)::text),
        ('message_count', c.message_count::text, n.message_count::text),
        ('inbound_count', c.inbound_count::text, n.inbound_count::text),
        ('outbound_public_count', c.outbound_public_count::text, n.outbound_public_count::text),
        ('unread_agent_count', c.unread_agent_count::text, n.unread_agent_count::text),
        ('unread_visitor_count', c.unread_visitor_count::text, n.unread_visitor_count::text),
        ('last_message_at', c.last_message_at::text, n.last_message_at::text),
        ('is archived', (c.archived_at is not null)::text, (c.status not in ('pending', 'active', 'waiting'))::text),
        ('has an agent', (c.assigned_agent_id is not null)::text,
            case c.status when 'pending' then 'false' when 'active' then 'true' when 'waiting' then 'true'
                else (c.assigned_agent_id is not null)::text end),
        ('has a session number', (c.session_number is not null)::text, 'true')
    ) f (field, kept, counted)
    union all
    select format('agent %s', a.id), 'current_chat_count', a.current_chat_count::text, l.chats::text
    from public.mod_chat_agents a join load l on l.id = a.id
    union all
    select format('agent %s', a.id), f.field, f.kept, f.counted
    from public.mod_chat_agents a
    left join figures n on n.sender_id = a.id::text
    left join deed d on d.agent_id = a.id
    left join taken_back t on t.agent_id = a.id::text
    -- Of erased people only the chats are kept apart.
    cross join (select coalesce(array_agg(distinct e.site_id), '{}') as sites from chat.erasures e) erased
    cross join lateral (values
        ('total_chats_handled', a.total_chats_handled + coalesce(d.chats, 0),
            coalesce(n.chats, 0) + (select coalesce(sum((e.counts -> 'answered_by' ->> a.id::text)::integer), 0) from chat.erasures e)),
        ('total_responses', a.total_responses + coalesce(d.responses, 0),
            case when a.site_id = any (erased.sites) then a.total_responses + coalesce(d.responses, 0) else coalesce(n.responses, 0) end),
        ('total_response_seconds', a.total_response_seconds + coalesce(d.seconds, 0),
            case when a.site_id = any (erased.sites) then a.total_response_seconds + coalesce(d.seconds, 0) else coalesce(n.seconds, 0) end),
        ('total_unanswered', a.total_unanswered + coalesce(d.unanswered, 0),
            case when a.site_id = any (erased.sites) then a.total_unanswered + coalesce(d.unanswered, 0) else coalesce(t.chats, 0) end),
        ('avg_response_time_seconds', a.avg_response_time_seconds,
            coalesce(round(a.total_response_seconds / nullif(a.total_responses, 0)::numeric), 0)),
        ('avg_rating', a.avg_rating, coalesce(round(a.total_rating_stars / nullif(a.total_ratings, 0)::numeric, 2), 0))
    ) v (field, kept, counted)
    cross join lateral (select v.field, v.kept::numeric::float8::text, v.counted::numeric::float8::text) f (field, kept, counted)
    union all
    -- The newest state written down is how the agent is.
    select format('agent %s', a.id), 'written state', format('%s %s %s', s.status, s.load, s.capacity),
        format('%s %s %s', a.status, a.current_chat_count, a.max_concurrent_chats)
    from public.mod_chat_agents a
    cross join lateral (
        select x.status, x.load, x.capacity from chat.agent_states x where x.agent_id = a.id order by x.id desc limit 1) s
    union all
    select format('visitor %s', v.id), f.field, f.kept, f.counted
    from public.mod_chat_visitors v
    left join heard h on h.visitor_id = v.id
    left join opened o on o.visitor_id = v.id
    left join visited x on x.visitor_id = v.id
    cross join lateral (values
        ('total_messages', v.total_messages::text, coalesce(h.messages, 0)::text),
        ('total_conversations', v.total_conversations::text, coalesce(o.conversations, 0)::text),
        ('total_visits', v.total_visits::text, greatest(1, coalesce(x.visits, 0))::text)
    ) f (field, kept, counted)
    union all
    select format('cursor of %s in %s', coalesce(r.agent_id::text, 'the visitor'), r.conversation_id), f.field, f.kept, f.counted
    from read r
    cross join lateral (values
        ('read_count', r.read_count::text, r.seen::text),
        ('read_seq beyond the last', (r.read_seq > r.last_seq)::text, 'false')
    ) f (field, kept, counted)
    union all
    -- Old page views are forgotten, their number is not.
    select format('visit %s', x.id), 'pages', x.pages::text, greatest(x.pages, count(p.id))::text
    from chat.visits x left join chat.page_views p on p.visit_id = x.id
    group by x.id
    union all
    select format('lane %s', l.key), 'ready', l.ready::text, (count(j.id) filter (where j.died_at is null) > 0)::text
    from chat.lanes l left join chat.jobs j on j.lane = l.key
    group by l.key
)
select format('%s: %s is %s, counted %s', what, field, coalesce(kept, 'null'), coalesce(counted, 'null'))
from difference
where kept is distinct from counted
order by 1
