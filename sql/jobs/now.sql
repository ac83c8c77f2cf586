-- What: the queue and the people who wait, as they are now, for people with psql.
-- Why: three questions are asked when something is slow: what is in the queue, how late is it, who waits.
-- Leaves out: history. Prometheus has the worker's counts, mod_chat_analytics the days.

create or replace view chat.queue_now as
select j.kind,
    l.class,
    count(*) filter (where s.state = 'waiting') as waiting,
    count(*) filter (where s.state = 'running') as running,
    count(*) filter (where s.state = 'lost') as lost,
    count(*) filter (where s.state = 'retrying') as retrying,
    count(*) filter (where s.state = 'paused') as paused,
    count(*) filter (where s.state = 'dead') as dead,
    coalesce(extract(epoch from clock_timestamp() - min(j.created_at) filter (where s.state <> 'dead')), 0)::integer
        as oldest_seconds,
    (array_agg(j.reason order by j.died_at desc) filter (where s.state = 'dead'))[1] as last_reason
from chat.jobs j
left join chat.lanes l on l.key = j.lane
cross join lateral (select case
    when j.died_at is not null then 'dead'
    when l.running_job = j.id and l.lease_until < clock_timestamp() then 'lost'
    when l.running_job = j.id then 'running'
    when l.next_at = 'infinity' then 'paused'
    when l.held_since is not null then 'retrying'
    else 'waiting' end as state) s
group by j.kind, l.class
order by j.kind, l.class;
comment on view chat.queue_now is
    'Jobs by kind: waiting, running, lost (their worker is gone; the next claim takes them), retrying (and what stands behind them in a lane), paused, dead.';

create or replace view chat.lag as
select c.class,
    count(l.key) as lanes_due,
    count(l.key) filter (where l.busy) as lanes_lost,
    coalesce(max(extract(epoch from clock_timestamp() - case
        when l.busy then l.lease_until
        else greatest(l.next_at, head.created_at) end)), 0)::numeric(12, 1) as seconds
from (values (1, 'reply'), (2, 'assistant'), (3, 'notification'), (4, 'bulk')) c (urgency, class)
left join chat.lanes l on l.class = c.class
    and (l.ready and not l.busy and l.next_at <= clock_timestamp() or l.busy and l.lease_until < clock_timestamp())
left join lateral (
    select j.created_at from chat.jobs j where j.lane = l.key and j.died_at is null order by j.id limit 1) head on true
group by c.urgency, c.class
order by c.urgency;
comment on view chat.lag is
    'How late the queue is, by class: lanes that a worker could take now, and for how many seconds the longest has been so. What is retried later or paused is not late.';

create or replace view chat.waiting_now as
select c.site_id,
    row_number() over (partition by c.site_id order by chat.urgency(c.priority), c.pending_since, c.id) as place,
    c.id as conversation_id,
    c.session_number,
    c.channel::text as channel,
    c.priority::text as priority,
    d.name as department,
    v.name as visitor,
    c.pending_since,
    extract(epoch from clock_timestamp() - c.pending_since)::integer as seconds,
    (select count(*) from public.mod_chat_agents a
        where a.site_id = c.site_id and a.is_active and a.status = 'online' and a.current_chat_count < a.max_concurrent_chats
            and (c.department_id is null or a.department_id = c.department_id)) as agents_with_room
from public.mod_chat_conversations c
join public.mod_chat_visitors v on v.id = c.visitor_id
left join public.mod_chat_departments d on d.id = c.department_id
where c.status = 'pending' and c.assigned_agent_id is null
order by c.site_id, place;
comment on view chat.waiting_now is
    'Conversations that wait for an agent, in the order they are handed out. agents_with_room above 0 for longer than a second: the department does not assign by itself or is full for them.';
