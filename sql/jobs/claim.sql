-- What: leases jobs to a worker.
-- Why: lanes are locked with skip locked, so any number of workers claim at once; the lease is a row, so a worker may die
--      with it and another takes over when it has run out.
-- Leaves out: what a taken-over job means. A send looks at its attempts first (whatsapp/begin_attempt.sql).

create or replace function public.chat_claim_jobs(slots integer)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- The queue is empty most of the time, so a plan made then would scan it; behind a backlog that is ruin.
set enable_seqscan = off
as $$
declare
    claimed jsonb;
    aside integer;
begin
    loop
        with lost as (
            select l.key from chat.lanes l
            where l.busy and l.lease_until < clock_timestamp()
            order by l.lease_until
            for update skip locked
            limit slots
        ), due as (
            select l.key from chat.lanes l
            where l.ready and not l.busy and l.next_at <= clock_timestamp()
            order by l.urgency, l.next_at
            for update skip locked
            limit slots
        ), found as materialized (
            select f.key, f.place, exists (select from chat.pauses) and chat.is_paused(f.key) as paused
            from (select key, 0 as place from lost union all select key, 1 from due) f
        ), held as (
            -- What is paused is put aside once, and the claim looks on.
            update chat.lanes l
            set busy = false, lease_token = null, lease_until = null, running_job = null, next_at = 'infinity'
            from found f
            where f.paused and l.key = f.key
            returning l.key
        ), chosen as (
            -- A pause that is just being ended leaves its lanes to the next claim.
            select f.key from found f where not f.paused
            order by f.place
            limit slots
        ), leased as (
            update chat.lanes l
            set busy = true,
                lease_token = gen_random_uuid(),
                lease_until = clock_timestamp() + make_interval(secs => 30),
                attempts = l.attempts + 1,
                running_job = head.id
            from chosen
            cross join lateral (
                select j.id, j.kind, j.payload, j.site_id from chat.jobs j
                where j.lane = chosen.key and j.died_at is null
                order by j.id limit 1) head
            where l.key = chosen.key
            returning l.key, l.lease_token, l.attempts, l.urgency, l.held_since, head.id, head.kind, head.payload
        )
        select coalesce(jsonb_agg(jsonb_build_object(
            'job_id', id, 'lane', key, 'lease_token', lease_token, 'lease_seconds', 30, 'kind', kind, 'payload', payload,
            'tries', attempts,
            'held_seconds', coalesce(extract(epoch from clock_timestamp() - held_since), 0)::integer)
            order by urgency, id), '[]'), (select count(*) from held)
        into claimed, aside
        from leased;
        exit when aside = 0 or claimed <> '[]';
    end loop;
    return claimed;
end
$$;
comment on function public.chat_claim_jobs(integer) is
    'Leases up to so many jobs, one a lane, most urgent first; lanes whose lease ran out first of all. Answers [{job_id, lane, lease_token, lease_seconds, kind, payload, tries, held_seconds}].';
