-- What: numbers that Graph refuses for another reason than the token: locked, not registered, not paid for.
-- Why: their messages wait and are looked at every five minutes, which nobody would notice; so the site's owner gets an
--      event, once, and the number's health says why and since when.
-- Leaves out: tokens (auth_state.sql), which hold the whole account; which answers these are (chat_rules::whatsapp::errors).

create table if not exists chat.number_stops (
    number_id uuid primary key references chat.whatsapp_numbers (id) on delete cascade,
    since timestamptz not null default clock_timestamp(),
    last_at timestamptz not null default clock_timestamp(),
    error jsonb not null
);
comment on table chat.number_stops is 'Numbers whose messages wait until somebody mends something at Meta. Locked after lanes, by number.';
comment on column chat.number_stops.last_at is 'When Graph last said so; a quarter of an hour later nothing waits for it any more.';
comment on column chat.number_stops.error is '{code, title, details, advice}';
alter table chat.number_stops enable row level security;

create or replace function chat.number_of(p_conversation uuid)
returns chat.whatsapp_numbers
language sql
stable
as $$
    select n.* from public.mod_chat_conversations c
    join chat.whatsapp_numbers n on n.site_id = c.site_id and n.phone_number_id = c.phone_number_id
    where c.id = p_conversation
$$;
comment on function chat.number_of(uuid) is 'The number that a conversation is on.';

create or replace function chat.number_stopped(p_conversation uuid, p_outcome jsonb)
returns void
language plpgsql
as $$
declare
    number constant chat.whatsapp_numbers := chat.number_of(p_conversation);
    said constant jsonb := jsonb_build_object('code', p_outcome -> 'code', 'title', p_outcome -> 'title',
        'details', p_outcome -> 'details', 'advice', p_outcome -> 'stops');
begin
    if number.id is null then
        return;
    end if;
    update chat.number_stops s set last_at = clock_timestamp(), error = said where s.number_id = number.id;
    if found then
        return;
    end if;
    insert into chat.number_stops (number_id, error) values (number.id, said) on conflict do nothing;
    if found then
        insert into chat.events (site_id, name) values (number.site_id, 'chat.whatsapp.stopped');
    end if;
end
$$;
comment on function chat.number_stopped(uuid, jsonb) is
    'Graph refuses a conversation''s number: its health says so, and the site''s owner gets the event chat.whatsapp.stopped, once.';

create or replace function chat.number_goes_on(p_conversation uuid)
returns void
language plpgsql
as $$
declare
    number constant chat.whatsapp_numbers := chat.number_of(p_conversation);
begin
    delete from chat.number_stops s where s.number_id = number.id;
    if found then
        insert into chat.events (site_id, name) values (number.site_id, 'chat.whatsapp.resumed');
    end if;
end
$$;
comment on function chat.number_goes_on(uuid) is
    'A message that had been refused for its number has left: the number is well, with the event chat.whatsapp.resumed.';

create or replace function chat.forget_stops(p_batch integer)
returns integer
language plpgsql
as $$
declare
    forgotten integer;
begin
    -- Whatever waits is tried every five minutes: what Graph has not said for three times as long holds nothing.
    delete from chat.number_stops s
    using (
        select x.number_id from chat.number_stops x
        where x.last_at < clock_timestamp() - interval '15 minutes'
        limit p_batch
        for update skip locked) old
    where s.number_id = old.number_id;
    get diagnostics forgotten = row_count;
    return forgotten;
end
$$;
comment on function chat.forget_stops(integer) is 'Numbers for which nothing waits any more, because what waited was taken back or the number disconnected.';
