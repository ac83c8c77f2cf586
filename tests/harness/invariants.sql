-- What: a line for each thing that is not as it must be, once the ticks have nothing left to do.
-- Why: counters are recounted elsewhere (harness/recount.sql); this is what must never be, whatever was called. Choices
--      never change, so only those after $1 are looked at. $2: when the last tick began, by which waits count.
-- Leaves out: what only a moment can break and the next tick mends.

with read as materialized (
    -- Clocks as a look at the messages shows them, of what is open or has one that runs.
    select k.conversation_id, x.clock
    from chat.sla_cases k
    join public.mod_chat_conversations c on c.id = k.conversation_id
    cross join lateral chat.sla_clocks(chat.sla_facts(k.conversation_id), clock_timestamp()) s
    cross join lateral jsonb_array_elements(s -> 'clocks') x (clock)
    where c.archived_at is null or exists (
        select from chat.sla_clocks y where y.conversation_id = k.conversation_id and y.state in ('running', 'paused'))
),
told as materialized (
    select e.conversation_id, e.name, count(*) as times from chat.events e where e.name like 'chat.sla.%' group by 1, 2
)
-- The CRM's own tables refuse nothing.
select format('the CRM was not told of the %s of %s: %s', d.name, d.conversation_id, d.error)
from chat.crm_due d where d.error is not null
union all
-- Routing: nobody waits beside room, nobody was given more than their room by routing.
select format('conversation %s waits beside an agent with room: %s', c.id, f)
from public.mod_chat_conversations c
left join public.mod_chat_departments d on d.id = c.department_id
cross join lateral chat.routing_facts(c, $2::timestamptz) f
where c.status = 'pending' and coalesce(d.auto_assign, true) and chat.choose_agent(f) ->> 'agent_id' is not null
union all
select format('choice %s gave a chat to an agent without room: %s', h.id, f)
from chat.choices h
cross join lateral jsonb_array_elements(chat.facts_in_full(h.facts) -> 'candidates') f
where h.id > $1 and h.by_user is null and f ->> 'agent_id' = h.agent_id::text
    and ((f ->> 'load')::integer >= (f ->> 'max')::integer or f ->> 'status' <> 'online')
union all
-- Kept facts give the same choice again, and the same reason to take a chat back.
select format('choice %s comes out otherwise when it is made again: %s', h.id, h.choice - 'losers')
from chat.choices h
where h.id > $1 and h.by_user is null and h.facts is not null
    and not h.choice @> case
        when h.agent_id is null then chat.judge_unanswered(h.facts)
        else chat.choose_agent(h.facts) end
union all
select format('agent %s of the strict site has %s chats and room for %s: %s', a.id, a.current_chat_count, a.max_concurrent_chats,
    (select string_agg(format('%s %s %s choice %s joined %s', c.id, c.channel, c.status, c.choice_id, c.agent_joined_at), '; ')
        from public.mod_chat_conversations c where c.assigned_agent_id = a.id and c.archived_at is null))
from public.mod_chat_agents a
where a.current_chat_count > a.max_concurrent_chats
    and a.site_id = (select n.site_id from chat.whatsapp_numbers n where n.phone_number_id = '106540352242922' order by n.created_at limit 1)
union all
-- Conversations: words and times fit each other.
select format('conversation %s: pending_since does not fit %s', c.id, c.status)
from public.mod_chat_conversations c
where (c.pending_since is not null) <> (c.status = 'pending')
union all
select format('conversation %s is snoozed and %s', c.id, c.status)
from public.mod_chat_conversations c where c.snoozed_until is not null and c.status <> 'waiting'
union all
select format('conversation %s sleeps past its time', c.id)
from public.mod_chat_conversations c where c.snoozed_until < clock_timestamp() - interval '1 minute'
union all
select format('conversation %s is %s and says who ended it: %s', c.id, c.status, c.ended_by)
from public.mod_chat_conversations c where (c.ended_by is not null) <> (c.archived_at is not null)
union all
select format('%s open conversations of identity %s at number %s', count(*), c.identity_id, c.phone_number_id)
from public.mod_chat_conversations c
where c.identity_id is not null and c.archived_at is null
group by c.identity_id, c.phone_number_id having count(*) > 1
union all
select format('conversation %s of an active agent elsewhere or gone', c.id)
from public.mod_chat_conversations c
left join public.mod_chat_agents a on a.id = c.assigned_agent_id and a.site_id = c.site_id
where c.assigned_agent_id is not null and a.id is null
union all
-- People: merges are no circle, a person's rows are of one site, blocks hold.
select format('visitor %s is merged into one that is merged itself in a circle', v.id)
from public.mod_chat_visitors v
join public.mod_chat_visitors p on p.id = chat.person_of(v.id)
where v.merged_into is not null and p.merged_into is not null
union all
select format('visitor %s has an open conversation, made since they were blocked', b.visitor_id)
from chat.blocks b
join public.mod_chat_conversations c on c.visitor_id = b.visitor_id
where b.expires_at is null and c.created_at > b.created_at and c.archived_at is null
union all
select format('session %s lives, of a visitor who is blocked', s.id)
from chat.sessions s
join chat.blocks b on b.visitor_id = s.visitor_id and b.expires_at is null
where s.ended_at is null and s.created_at < b.created_at
union all
-- Ratings: each is counted once, for whoever had the chat when it was rated.
select format('site %s: %s ratings are counted, %s given, %s of them surely to somebody', a.site_id, a.ratings, c.rated, c.joined)
from (
    select x.site_id, sum(x.total_ratings) + coalesce((
        select sum(d.ratings) from chat.agent_deeds d where d.site_id = x.site_id), 0) as ratings
    from public.mod_chat_agents x group by 1) a
join (
    select y.site_id, count(*) as rated, count(*) filter (where y.agent_joined_at < y.rated_at) as joined
    from public.mod_chat_conversations y where y.rating is not null group by 1) c on c.site_id = a.site_id
where a.ratings not between c.joined and c.rated
    and not exists (select from chat.erasures e where e.site_id = a.site_id)
union all
-- The queue: what must be sent has its job, who is busy has a lease, nothing is put aside for ever.
select format('message %s is %s and nothing will send it', m.id, m.delivery_state)
from public.mod_chat_messages m
where m.delivery_state in ('queued', 'sending')
    and not exists (select from chat.jobs j where j.payload ->> 'message_id' = m.id::text and j.died_at is null)
union all
select format('lane %s: busy %s, lease %s until %s, running %s', l.key, l.busy, l.lease_token, l.lease_until, l.running_job)
from chat.lanes l
where l.busy <> (l.lease_token is not null) or l.busy <> (l.lease_until is not null) or l.busy <> (l.running_job is not null)
    or l.lease_until > clock_timestamp() + interval '31 seconds'
union all
select format('lane %s runs job %s, which is not there', l.key, l.running_job)
from chat.lanes l
where l.busy and not exists (select from chat.jobs j where j.id = l.running_job and j.lane = l.key)
union all
select format('lane %s is put aside and nothing is paused (ready %s)', l.key, l.ready) from chat.lanes l where l.next_at = 'infinity'
union all
select format('job %s has no lane', j.id)
from chat.jobs j where j.died_at is null and not exists (select from chat.lanes l where l.key = j.lane)
union all
select format('message %s has %s attempts that never ended', a.message_id, count(*))
from chat.attempts a where a.outcome is null group by a.message_id having count(*) > 1
union all
-- Plans and orphans came to an end.
select format('plan %s was due at %s', s.id, s.due_at)
from chat.scheduled_messages s where s.state = 'waiting' and s.due_at < clock_timestamp() - interval '1 minute'
union all
select format('plan %s is %s, its message %s', s.id, s.state, coalesce(m.id::text, 'is not there'))
from chat.scheduled_messages s left join public.mod_chat_messages m on m.id = s.id
where s.state = 'sent' and m.id is null or s.state in ('waiting', 'cancelled') and m.conversation_id = s.conversation_id and m.content = s.content
union all
select format('status %s of %s was not applied', o.status, o.wamid)
from chat.orphan_statuses o join public.mod_chat_messages m on m.site_id = o.site_id and m.whatsapp_message_id = o.wamid
union all
-- Search: every message with words is in the index, with its words of now.
select format('message %s (%s, %s, %s) is in the index as %s, says %s', m.id, m.sender_type, m.kind, m.origin, w.words, x.words)
from public.mod_chat_messages m
cross join lateral (select case
    when m.sender_type = 'system' or m.kind in ('event', 'system') then ''::tsvector
    else to_tsvector('simple', left(concat_ws(' ', m.content, m.file_name), 20000)) end as words) x
left join chat.message_words w on w.message_id = m.id
where coalesce(w.words, '') <> x.words
union all
-- Events: each message that was received or sent has told so once.
select format('message %s (%s, %s, %s) has %s events: %s', m.id, m.sender_type, m.kind, m.content, count(e.id), string_agg(e.name || ' ' || e.at, ', '))
from public.mod_chat_messages m
-- An erased one may have had the id before.
left join chat.events e on e.message_id = m.id and e.at >= m.created_at and e.name in ('chat.message.received', 'chat.message.sent')
where m.public_seq is not null and m.sender_type <> 'system' and m.origin <> 'history'
group by m.id having count(e.id) <> 1
union all
-- Promises: each open conversation of a site that promises something has clocks; they show what a look at all of its
-- messages shows; each warning and each broken promise has been told once.
select format('conversation %s has no clocks', c.id)
from public.mod_chat_conversations c
where c.archived_at is null and exists (select from chat.sla_policies y where y.site_id = c.site_id)
    and not exists (select from chat.sla_cases k where k.conversation_id = c.id)
union all
select format('conversation %s waits for an answer to %s, its clock to %s', c.id, coalesce(w.seq::text, 'nothing'), k.asked)
from public.mod_chat_conversations c
join chat.sla_cases k on k.conversation_id = c.id
cross join lateral (
    select min(m.seq) as seq from public.mod_chat_messages m
    where m.conversation_id = c.id and c.archived_at is null
        and m.sender_type = 'visitor' and m.origin = 'live' and m.public_seq is not null
        and m.seq > coalesce((
            select max(a.seq) from public.mod_chat_messages a
            where a.conversation_id = c.id and a.sender_type in ('agent', 'ai') and a.origin <> 'history'
                and a.public_seq is not null), 0)
        and m.seq > coalesce((select max(p.seq) from chat.sla_pauses p where p.conversation_id = c.id and p.is_end), 0)) w
where exists (select from chat.sla_policies y where y.site_id = c.site_id)
    and w.seq is distinct from (k.asked ->> 'seq')::bigint
union all
select format('conversation %s: its clock is %s, kept is %s', x.conversation_id, x.clock, to_jsonb(y))
from read x
left join chat.sla_clocks y on y.conversation_id = x.conversation_id and y.target = x.clock ->> 'target'
-- What ended stays as it was judged then.
where x.clock ->> 'ended_at' is null and (y.seq, y.state, y.due_at) is distinct from
    ((x.clock ->> 'seq')::bigint, x.clock ->> 'state', (x.clock ->> 'due_at')::timestamptz)
union all
select format('a clock of conversation %s runs, and nothing is to be waited for: %s', y.conversation_id, to_jsonb(y))
from chat.sla_clocks y
where y.state in ('running', 'paused') and not exists (
    select from read x
    where x.conversation_id = y.conversation_id and x.clock ->> 'target' = y.target and x.clock ->> 'ended_at' is null)
union all
select format('conversation %s: %s of %s are kept as told, %s events tell it', k.conversation_id, w.counted, w.name, coalesce(e.times, 0))
from chat.sla_clocks k
cross join lateral (values
    (format('chat.sla.%s_warning', k.target), k.warnings), (format('chat.sla.%s_breached', k.target), k.breaches)) w (name, counted)
left join told e on e.conversation_id = k.conversation_id and e.name = w.name
where coalesce(e.times, 0) <> w.counted
union all
select format('conversation %s is %s, and %s pauses of its clocks are open', c.id, c.status, count(p.id))
from public.mod_chat_conversations c
join chat.sla_cases k on k.conversation_id = c.id
left join chat.sla_pauses p on p.conversation_id = c.id and p.ended_at is null
where exists (select from chat.sla_policies y where y.site_id = c.site_id)
group by c.id having count(p.id) <> (c.status not in ('pending', 'active'))::integer
union all
select format('%s broadcasts failed', s.last_value) from chat.broadcast_failures s where s.is_called
