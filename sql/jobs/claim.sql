-- What: leases jobs to a worker.
-- Why: lanes are locked with skip locked, so any number of workers claim at once; the lease is a row, so a worker may die
--      with it and another takes over when it has run out.
--      Bulk work (files) may be long, so a worker says how much more of it it takes, and keeps slots for replies.
--      Sends are taken no faster than their number and pair may (whatsapp/send_rates.sql).
-- Leaves out: what a taken-over job means. A send looks at its attempts first (whatsapp/begin_attempt.sql).

create or replace function public.chat_claim_jobs(slots integer, bulk integer default null)
returns jsonb
language plpgsql
security definer
set search_path = ''
-- The queue is empty most of the time, so a plan made then would scan it; behind a backlog that is ruin.
set enable_seqscan = off
as $$
declare
    at timestamptz;
    keys text[];
    due text[];
    claimed jsonb;
    aside integer;
    empty text[];
    behind integer := 0;
begin
    loop
        -- Statements of their own: what lies in a lane is read after the lane is locked, else a job that another worker has
        -- just done would be found there still. A moment that stands lets the index pass by what is not due.
        at := clock_timestamp();
        keys := array(
            select l.key from chat.lanes l
            where l.busy and l.lease_until < at
            order by l.lease_until
            for update skip locked
            limit slots);
        due := '{}';
        for level in 1 .. case when bulk = 0 then 3 else 4 end loop
            exit when cardinality(due) >= slots;
            due := due || array(
                select l.key from chat.lanes l
                where l.ready and not l.busy and l.urgency = level and l.next_at <= at
                order by l.next_at
                for update skip locked
                limit slots - cardinality(due));
        end loop;
        keys := keys || due;
        if keys = '{}' then
            return '[]';
        end if;

        with found as materialized (
            select l.key, f.place, l.urgency, exists (select from chat.pauses) and chat.is_paused(l.key) as paused,
                case when l.key like 'send:%' then split_part(l.key, ':', 2) end as sender,
                l.owed_until - chat.pair_credit() + chat.pair_step() as rests_until,
                l.urgency = 4 and row_number() over (partition by l.urgency order by f.place) > bulk as too_bulky
            from unnest(keys) with ordinality f (key, place)
            join chat.lanes l on l.key = f.key
        ), held as (
            -- What is paused is put aside once, and the claim looks on.
            update chat.lanes l
            set busy = false, lease_token = null, lease_until = null, running_job = null, next_at = 'infinity'
            from found f
            where f.paused and l.key = f.key
            returning l.key
        ), chosen as materialized (
            -- A pause that is just being ended leaves its lanes to the next claim. A pair that has no more credit rests.
            select f.key, f.place, f.urgency, f.sender, head.id, head.kind, head.payload
            from found f
            left join lateral (
                select j.id, j.kind, j.payload from chat.jobs j
                where j.lane = f.key and j.died_at is null
                order by j.id limit 1) head on true
            where not f.paused and f.too_bulky is not true
                and (f.sender is not null and f.rests_until > clock_timestamp()) is not true
            order by f.place
            limit slots
        ), rates as materialized (
            -- One look a number, however many of its lanes are taken; numbers in one order.
            select n.sender, t.granted, t.again_at, t.step
            from (select c.sender, count(*)::integer as wanted from chosen c
                where c.sender is not null and c.id is not null group by 1 order by 1) n
            cross join lateral chat.take_sends(n.sender, n.wanted, clock_timestamp()) t
        ), judged as materialized (
            select f.key, r.again_at + r.step * f.rank as again_at
            from (
                select c.key, c.sender, row_number() over (partition by c.sender order by c.place, c.urgency) - 1 as rank
                from chosen c where c.sender is not null and c.id is not null) f
            join rates r on r.sender = f.sender and f.rank >= r.granted
            union all
            select f.key, f.rests_until from found f
            where not f.paused and f.sender is not null and f.rests_until > clock_timestamp()
        ), slowed as (
            -- Behind a limit a lane waits where it will have its turn, so that claims do not find it again and again.
            update chat.lanes l
            set busy = false, lease_token = null, lease_until = null, running_job = null,
                next_at = j.again_at + least(interval '10 seconds', behind * interval '10 milliseconds')
            from judged j
            where l.key = j.key
            returning l.key
        ), leased as (
            update chat.lanes l
            set busy = true,
                lease_token = gen_random_uuid(),
                lease_until = clock_timestamp() + make_interval(secs => 30),
                attempts = l.attempts + 1,
                running_job = chosen.id,
                owed_until = case when chosen.sender is not null
                    then greatest(l.owed_until, clock_timestamp()) + chat.pair_step() end
            from chosen
            where l.key = chosen.key and chosen.id is not null and chosen.key not in (select j.key from judged j)
            returning l.key, l.lease_token, l.attempts, l.urgency, l.held_since, chosen.id, chosen.kind, chosen.payload
        )
        select coalesce(jsonb_agg(jsonb_build_object(
            'job_id', id, 'lane', key, 'lease_token', lease_token, 'lease_seconds', 30, 'kind', kind, 'payload', payload,
            'tries', attempts,
            'held_seconds', coalesce(extract(epoch from clock_timestamp() - held_since), 0)::integer)
            order by urgency, id), '[]'),
            (select count(*) from held) + (select count(*) from slowed),
            (select coalesce(array_agg(key), '{}') from chosen where chosen.id is null)
        into claimed, aside, empty
        from leased;
        -- Its job was deleted by hand: a lane that has nothing must not be found before all others for ever.
        perform chat.free_lane(e.key) from unnest(empty) e (key);
        behind := behind + aside;
        exit when (aside = 0 and empty = '{}') or claimed <> '[]';
    end loop;
    return claimed;
end
$$;
comment on function public.chat_claim_jobs(integer, integer) is
    'Leases up to so many jobs, one a lane, most urgent first, none of class bulk where bulk is 0 and else at most so many; lanes whose lease ran out first of all. Answers [{job_id, lane, lease_token, lease_seconds, kind, payload, tries, held_seconds}].';
