-- What: ends a lease: the job is done, is tried again later, or is dead.
-- Why: whether the lane has more to do is asked under the lane's lock, where enqueue cannot slip in between.
-- Leaves out: sends, whose message changes in the same transaction (whatsapp/finish_attempt.sql calls this last).

create or replace function chat.finish_job(p_job bigint, p_lease uuid, p_outcome jsonb)
returns text
language plpgsql
as $$
declare
    lane chat.lanes;
begin
    select l.* into lane from chat.lanes l
    where l.lease_token = p_lease and l.busy and l.key = (select j.lane from chat.jobs j where j.id = p_job)
    for update;
    if not found or lane.running_job is distinct from p_job then
        return 'stale';
    end if;

    case p_outcome ->> 'is'
        when 'retry' then
            update chat.lanes
            set busy = false, lease_token = null, lease_until = null, running_job = null,
                held_since = coalesce(held_since, clock_timestamp()),
                next_at = clock_timestamp() + make_interval(secs => (p_outcome ->> 'after_seconds')::double precision)
            where key = lane.key;
            return 'retry';
        when 'done' then
            delete from chat.jobs where id = p_job;
        when 'dead' then
            update chat.jobs
            set died_at = clock_timestamp(), reason = coalesce(p_outcome ->> 'why', 'no reason was given')
            where id = p_job;
        else
            raise exception 'a job ends done, retry or dead, not %', p_outcome ->> 'is'
                using errcode = 'PT422', detail = 'chat/unknown_outcome', hint = 'this is the worker''s to mend';
    end case;

    perform chat.free_lane(lane.key);
    return p_outcome ->> 'is';
end
$$;
comment on function chat.finish_job(bigint, uuid, jsonb) is
    'Ends a lease. Answers done, retry, dead, or stale when the lease is no longer this worker''s; then nothing changed.';

create or replace function chat.free_lane(p_lane text)
returns void
language plpgsql
set enable_seqscan = off
as $$
begin
    update chat.lanes l
    set busy = false, lease_token = null, lease_until = null, running_job = null, attempts = 0, held_since = null,
        -- Where its pair has no credit left, claims need not look before there is some (whatsapp/send_rates.sql).
        next_at = greatest(clock_timestamp(), l.owed_until - chat.pair_credit() + chat.pair_step()), ready = more.waiting,
        idle_since = case when more.waiting then null else clock_timestamp() end
    from (select exists (select from chat.jobs j where j.lane = p_lane and j.died_at is null) as waiting) more
    where l.key = p_lane;
end
$$;
comment on function chat.free_lane(text) is
    'The head of a lane has gone: the next job''s turn. The caller has locked the lane, or is its only writer.';

create or replace function public.chat_finish_job(job_id bigint, lease_token uuid, outcome jsonb)
returns jsonb
language plpgsql
security definer
set search_path = ''
as $$
begin
    return jsonb_build_object('state',
        chat.finish_job(chat_finish_job.job_id, chat_finish_job.lease_token, chat_finish_job.outcome));
end
$$;
comment on function public.chat_finish_job(bigint, uuid, jsonb) is
    'For the worker: ends a lease with {is: done} | {is: retry, after_seconds, why} | {is: dead, why}. Answers {state}, `stale` when the lease was lost.';

create or replace function chat.give_back(p_lease uuid)
returns boolean
language plpgsql
as $$
begin
    update chat.lanes l
    set busy = false, lease_token = null, lease_until = null, running_job = null,
        attempts = greatest(0, l.attempts - 1), next_at = clock_timestamp()
    where l.busy and l.lease_token = p_lease;
    return found;
end
$$;
comment on function chat.give_back(uuid) is 'Ends a lease as if its job had not been tried. Whether there was one.';

create or replace function public.chat_give_back_jobs(lease_tokens uuid[])
returns integer
language plpgsql
security definer
set search_path = ''
as $$
begin
    -- Whoever has one of them now may be waiting for another, as a message makes jobs in several lanes.
    return (
        select count(*) filter (where chat.give_back(mine.lease_token))
        from (
            select l.lease_token from chat.lanes l
            where l.busy and l.lease_token = any (lease_tokens)
            for update skip locked) mine);
end
$$;
comment on function public.chat_give_back_jobs(uuid[]) is
    'For a worker that stops: leases of jobs it has not begun go back at once, but those whose lane somebody has just now: ask again. Answers how many.';
