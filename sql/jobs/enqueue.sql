-- What: puts a job into a lane.
-- Why: the lane is written first, so two writers of one lane queue up and their jobs keep the order of commit. A lane
--      that is ready already makes no new row version.
-- Leaves out: a time to run at; nothing is enqueued before it is due.

create or replace function chat.enqueue(
    p_lane text, p_kind text, p_class text, p_site uuid, p_payload jsonb, p_notify boolean, p_replace boolean default false)
returns void
language plpgsql
as $$
declare
    was_idle boolean;
begin
    insert into chat.lanes as l (key, kind, class, urgency)
    values (p_lane, p_kind, p_class, array_position(array['reply', 'assistant', 'notification', 'bulk'], p_class))
    on conflict (key) do update set ready = true, idle_since = null where not l.ready
    returning true into was_idle;

    -- An idle lane has nothing that waits.
    if p_replace and was_idle is null and chat.replace_waiting(p_lane, p_kind, p_payload) then
        return;
    end if;
    insert into chat.jobs (lane, kind, site_id, payload) values (p_lane, p_kind, p_site, p_payload);

    -- NOTIFY holds a database-wide lock through commit: only for an idle lane, and never in a received message's
    -- transaction, whose caller is told what it enqueued.
    if p_notify and was_idle then
        notify chat_jobs;
    end if;
end
$$;
comment on function chat.enqueue(text, text, text, uuid, jsonb, boolean, boolean) is
    'Puts a job into a lane: lane key, kind, class (reply, assistant, notification, bulk), site, payload; whether to wake the worker; whether it replaces a waiting one of its kind.';

create or replace function chat.replace_waiting(p_lane text, p_kind text, p_payload jsonb)
returns boolean
language plpgsql
-- The queue is empty most of the time, so a plan made then would scan it; behind a backlog that is ruin.
set enable_seqscan = off
as $$
begin
    update chat.jobs j set payload = p_payload
    where j.lane = p_lane and j.kind = p_kind and j.died_at is null
        and j.id is distinct from (select l.running_job from chat.lanes l where l.key = p_lane);
    return found;
end
$$;
comment on function chat.replace_waiting(text, text, jsonb) is
    'Gives the waiting job of a kind in a lane another payload, unless it runs already. Whether there was one.';
