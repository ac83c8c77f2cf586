-- What: how long until the queue has something to do.
-- Why: a lane that waits (for its next try, for its number's limit) notifies nobody when its time comes; a worker that finds
--      nothing asks this once and looks again just then.
-- Leaves out: lanes that are put aside.

create or replace function public.chat_next_job()
returns double precision
language plpgsql
stable
security definer
set search_path = ''
set enable_seqscan = off
as $$
begin
    return (
        select extract(epoch from min(first.next_at) - clock_timestamp())
        from generate_series(1, 4) as class (urgency)
        cross join lateral (
            select l.next_at from chat.lanes l
            where l.ready and not l.busy and l.urgency = class.urgency
            order by l.next_at limit 1) first
        where first.next_at < 'infinity');
end
$$;
comment on function public.chat_next_job() is
    'For the worker: seconds until the first waiting lane is due, at most 0 when one is; null when none waits.';
