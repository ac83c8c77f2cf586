-- What: takes one piece of an allowance per minute, or says how long to wait; and removes what has flowed off.
-- Why: a bucket as large as a minute's allowance, which empties steadily: a burst is fine, a stream is not. One
--      statement, so many at once take no more than there is.
-- Leaves out: what is answered to the one who has to wait (answer_refusal.sql).

create or replace function chat.take_rate(p_site uuid, p_kind text, p_subject text, p_per_minute integer, p_now timestamptz)
returns integer
language plpgsql
as $$
declare
    step constant interval := interval '1 minute' / nullif(p_per_minute, 0);
    full_from constant timestamptz := p_now + interval '1 minute';
    taken timestamptz;
begin
    if step is null then
        return 60;
    end if;
    insert into chat.rates as r (site_id, kind, subject, empty_at)
    values (p_site, p_kind, p_subject, p_now + step)
    on conflict (site_id, kind, subject) do update
        set empty_at = greatest(r.empty_at, p_now) + step
        where greatest(r.empty_at, p_now) + step <= full_from
    returning r.empty_at into taken;
    if taken is not null then
        return null;
    end if;
    return (
        select greatest(1, ceil(extract(epoch from r.empty_at + step - full_from)))::integer
        from chat.rates r
        where r.site_id = p_site and r.kind = p_kind and r.subject = p_subject);
end
$$;
comment on function chat.take_rate(uuid, text, text, integer, timestamptz) is
    'Takes one of so many a minute. Null when it was taken; else the seconds after which there is one again.';

create or replace function chat.sweep_rates(p_batch integer, p_now timestamptz default clock_timestamp())
returns integer
language plpgsql
as $$
declare
    swept integer;
begin
    delete from chat.rates r
    using (
        select x.site_id, x.kind, x.subject from chat.rates x
        where x.empty_at < p_now
        order by x.empty_at
        limit p_batch
        for update skip locked) old
    where (r.site_id, r.kind, r.subject) = (old.site_id, old.kind, old.subject);
    get diagnostics swept = row_count;
    return swept;
end
$$;
comment on function chat.sweep_rates(integer, timestamptz) is 'Removes allowances that nobody has used up any more.';
