-- What: how fast a number and a pair of number and person may send, known to all workers.
-- Why: what Meta would refuse is better not sent. One moment holds a whole bucket: until when what was taken is owed. A
--      claim takes for all lanes of a number at once; a pair's bucket is a column of its lane, which a claim writes anyway.
--      When Graph says "too fast" all the same, the number goes at half its rate, which doubles again each minute.
-- Leaves out: messages that come in, which count at Meta, too; for them there is Graph's word.

create table if not exists chat.send_rates (
    phone_number_id text primary key,
    per_second integer not null default 80 check (per_second > 0),
    owed_until timestamptz not null default 'epoch',
    halved smallint not null default 0 check (halved between 0 and 6),
    halved_at timestamptz not null default 'epoch'
) with (fillfactor = 50);
comment on table chat.send_rates is 'What each number may send a second, and what it has used. Locked after lanes; a claim waits for none.';
comment on column chat.send_rates.owed_until is 'When all that was taken will have flowed off; up to chat.send_credit() may be owed.';
comment on column chat.send_rates.halved is 'How often the rate was halved because Graph said 130429; one less for each minute since.';
alter table chat.send_rates enable row level security;

create or replace function chat.pair_step()
returns interval language sql immutable
as $$ select interval '6 seconds' $$;
comment on function chat.pair_step() is 'What one message costs a pair of number and person.';

create or replace function chat.pair_credit()
returns interval language sql immutable
as $$ select interval '270 seconds' $$;
comment on function chat.pair_credit() is 'What a pair may owe: a burst of 45 messages.';

create or replace function chat.sends_per_second(p_details jsonb)
returns integer
language sql
immutable
as $$
    select case
        when p_details ->> 'is_on_biz_app' = 'true' then 20
        when p_details -> 'throughput' ->> 'level' = 'HIGH' then 1000
        else 80
    end
$$;
comment on function chat.sends_per_second(jsonb) is
    'What Meta lets a number send a second, by Graph''s details of it: 80, 1000 after the upgrade, 20 beside the Business app.';

create or replace function chat.follow_throughput(p_phone_number_id text, p_details jsonb)
returns void
language plpgsql
as $$
begin
    insert into chat.send_rates as r (phone_number_id, per_second)
    values (p_phone_number_id, chat.sends_per_second(p_details))
    on conflict (phone_number_id) do update set per_second = excluded.per_second
    where r.per_second <> excluded.per_second;
end
$$;
comment on function chat.follow_throughput(text, jsonb) is 'A number''s rate follows what Graph says of it.';

create or replace function chat.halvings(p_rate chat.send_rates, p_now timestamptz)
returns integer
language sql
immutable
as $$
    select greatest(0, coalesce(p_rate.halved, 0)
        - floor(extract(epoch from least(p_now - p_rate.halved_at, interval '1 hour')) / 60))::integer
$$;
comment on function chat.halvings(chat.send_rates, timestamptz) is 'How often a number''s rate is halved now: one less for each minute since.';

create or replace function chat.send_credit()
returns interval language sql immutable
as $$ select interval '50 milliseconds' $$;
comment on function chat.send_credit() is 'What a number may owe: a burst of a twentieth of a second''s sends, but one at least.';

create or replace function chat.send_step(p_rate chat.send_rates, p_now timestamptz)
returns interval
language sql
immutable
as $$
    -- Meta counts any second, whenever it begins: in one of them a burst and what flows after it both fall. Together they are
    -- a little less than the limit, for what is held up on its way and arrives with the next.
    select interval '1 second' * (2 ^ chat.halvings(p_rate, p_now) / (p_rate.per_second * 0.925))
$$;
comment on function chat.send_step(chat.send_rates, timestamptz) is 'How far apart the sends of a number are now.';

create or replace function chat.take_sends(p_phone_number_id text, p_wanted integer, p_now timestamptz,
    out granted integer, out again_at timestamptz, out step interval)
language plpgsql
as $$
declare
    rate chat.send_rates;
    credit interval;
    others boolean;
begin
    -- Whoever takes of this number just now is not waited for. A claim that found nothing looks on and keeps the rates that it
    -- looked at, in no order, so two of them would wait for each other. The number has its turn a step later.
    select r.* into rate from chat.send_rates r where r.phone_number_id = p_phone_number_id for no key update skip locked;
    others := not found;
    if others then
        select r.* into rate from chat.send_rates r where r.phone_number_id = p_phone_number_id;
    end if;
    granted := p_wanted;
    if rate.phone_number_id is null then
        return;
    end if;
    step := chat.send_step(rate, p_now);
    if others then
        granted := 0;
        again_at := p_now + step;
        return;
    end if;
    credit := greatest(chat.send_credit(), step);
    rate.owed_until := greatest(rate.owed_until, p_now);
    granted := least(p_wanted, greatest(0, floor(extract(epoch from p_now + credit - rate.owed_until)
        / extract(epoch from step))));
    if granted > 0 then
        update chat.send_rates r set owed_until = rate.owed_until + step * granted where r.phone_number_id = p_phone_number_id;
    end if;
    again_at := rate.owed_until + step - credit;
end
$$;
comment on function chat.take_sends(text, integer, timestamptz) is
    'Takes so many sends of a number, or as many as there are, and none while somebody else takes some. Answers how many, when the first of all that were wanted has its turn, and how far apart turns are.';

create or replace function chat.too_fast(p_lane text, p_phone_number_id text, p_code integer)
returns void
language plpgsql
as $$
begin
    if p_code = 131056 then
        -- Meta counts more than we do: the pair's credit is gone but for one try, whose time the retry says.
        update chat.lanes l
        set owed_until = clock_timestamp() + chat.pair_credit() - chat.pair_step()
        where l.key = p_lane;
    elsif p_code = 130429 then
        -- Those that were on their way with it are refused, too, and say nothing new.
        update chat.send_rates r
        set halved = least(6, chat.halvings(r, clock_timestamp()) + 1),
            halved_at = clock_timestamp(),
            owed_until = greatest(r.owed_until, clock_timestamp() + interval '1 second')
        where r.phone_number_id = p_phone_number_id and r.halved_at < clock_timestamp() - interval '2 seconds';
    end if;
end
$$;
comment on function chat.too_fast(text, text, integer) is
    'Graph said 131056: this person gets no more bursts for a while; or 130429: the number sends at half its rate.';
