-- What: a line for each number or counter that differs from a recount of the rows behind it.
-- Why: counters are kept by triggers under locks; this knows nothing of those and counts.
-- Leaves out: load that changes only with time.

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
total as (
    select v.id,
        (select count(*) from message m join public.mod_chat_conversations c on c.id = m.conversation_id
            where c.visitor_id = v.id and m.inbound) as messages,
        (select count(*) from public.mod_chat_conversations c where c.visitor_id = v.id) as conversations
    from public.mod_chat_visitors v
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
    select format('agent %s', a.id), 'total_chats_handled',
        (a.total_chats_handled
            + (select coalesce(sum(d.chats), 0) from chat.agent_deeds d where d.agent_id = a.id))::text,
        ((select count(distinct m.conversation_id) from public.mod_chat_messages m
            where m.sender_type = 'agent' and m.sender_id = a.id::text and m.origin = 'live' and m.public_seq is not null)
            + (select coalesce(sum((e.counts -> 'answered_by' ->> a.id::text)::integer), 0) from chat.erasures e))::text
    from public.mod_chat_agents a
    union all
    select format('visitor %s', v.id), f.field, f.kept, f.counted
    from public.mod_chat_visitors v
    join total t on t.id = v.id
    cross join lateral (values
        ('total_messages', v.total_messages::text, t.messages::text),
        ('total_conversations', v.total_conversations::text, t.conversations::text),
        ('total_visits', v.total_visits::text,
            greatest(1, (select count(*) from chat.visits x where x.visitor_id = v.id))::text)
    ) f (field, kept, counted)
    union all
    select format('lane %s', l.key), 'ready', l.ready::text, (count(j.id) filter (where j.died_at is null) > 0)::text
    from chat.lanes l left join chat.jobs j on j.lane = l.key
    group by l.key
)
select format('%s: %s is %s, counted %s', what, field, coalesce(kept, 'null'), coalesce(counted, 'null'))
from difference
where kept is distinct from counted
order by 1
