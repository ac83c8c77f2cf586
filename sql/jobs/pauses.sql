-- What: kinds of jobs and numbers that are paused, by people with psql.
-- Why: when Meta or a model is down, or a number must not send, the queue keeps everything and the rest goes on. A paused
--      lane is put aside once (next_at = infinity), so no claim wades through what is paused.
-- Leaves out: who may; only the owner of the database has these. What a resume passes by (left_aside.sql).

create table if not exists chat.pauses (
    what text not null check (what in ('kind', 'number', 'token')),
    name text not null,
    reason text,
    paused_at timestamptz not null default clock_timestamp(),
    paused_by text not null default session_user,
    primary key (what, name)
);
comment on table chat.pauses is 'What of the queue stands still: kinds and numbers by chat.pause, and numbers whose access token Graph refused (token).';
comment on column chat.pauses.name is
    'A kind (whatsapp.send_message), the first word of kinds (whatsapp), or Meta''s phone_number_id.';
alter table chat.pauses enable row level security;

create or replace function chat.pauses_of(p_lane text)
returns setof chat.pauses
language sql
stable
as $$
    select p.* from chat.pauses p
    where p.what in ('number', 'token') and p.name = split_part(p_lane, ':', 2)
        or p.what = 'kind' and exists (
            select from (
                select j.kind from chat.jobs j where j.lane = p_lane and j.died_at is null order by j.id limit 1) head
            where head.kind = p.name or starts_with(head.kind, p.name || '.'))
$$;
comment on function chat.pauses_of(text) is 'The pauses that hold a lane: by the number in its key, or by the kind of its first job.';

create or replace function chat.is_paused(p_lane text)
returns boolean
language plpgsql
as $$
declare
    pause chat.pauses;
    ends boolean := false;
begin
    for pause in
        select p.* from chat.pauses_of(p_lane) p
    loop
        -- Locked, so that a resume waits for a claim that is putting the lane aside, and then sees it. A claim waits for no
        -- resume, which may be waiting for a lane that the claim holds.
        perform from chat.pauses p where (p.what, p.name) = (pause.what, pause.name) for key share skip locked;
        if found then
            return true;
        end if;
        ends := true;
    end loop;
    return nullif(ends, true);
end
$$;
comment on function chat.is_paused(text) is
    'Whether a pause holds a lane, for whoever claims it. Null where somebody is just ending it.';

create or replace function chat.pause(kind text default null, number text default null, reason text default null)
returns integer
language plpgsql
as $$
declare
    aside integer;
begin
    if (pause.kind is null) = (pause.number is null) then
        raise exception 'a pause is of a kind or of a number'
            using errcode = 'PT422', detail = 'chat/kind_or_number', hint = 'chat.pause(kind => ''whatsapp'') or chat.pause(number => ''<phone_number_id>'')';
    end if;
    -- One pause or resume at a time; claims go on.
    lock table chat.pauses in share row exclusive mode;
    insert into chat.pauses as p (what, name, reason)
    values (case when pause.kind is null then 'number' else 'kind' end, coalesce(pause.kind, pause.number), pause.reason)
    on conflict (what, name) do update set reason = coalesce(excluded.reason, p.reason);
    update chat.lanes l set next_at = 'infinity'
    from (
        select x.key from chat.lanes x
        where x.ready and not x.busy and x.next_at < 'infinity' and exists (select from chat.pauses_of(x.key))
        for update skip locked) idle
    where l.key = idle.key;
    get diagnostics aside = row_count;
    return aside;
end
$$;
comment on function chat.pause(text, text, text) is
    'Pauses a kind of job (or all whose kind begins with that word) or a number; jobs that run now end as they may. Returns how many lanes were put aside. PT422 chat/kind_or_number.';

create or replace function chat.lift_pauses(p_what text, p_names text[])
returns integer
language plpgsql
as $$
declare
    going_on integer;
begin
    -- One pause or resume at a time; claims go on.
    lock table chat.pauses in share row exclusive mode;
    delete from chat.pauses p where p.what = p_what and p.name = any (p_names);
    if not found then
        return null;
    end if;
    -- Nobody is waited for: whoever has a lane may be waiting for one that is taken here, as a message makes jobs in several.
    -- A claim that has one leases it, for it sees the pause no more; what else is passed by goes on with the next tick.
    update chat.lanes l set next_at = clock_timestamp()
    from (
        select x.key from chat.lanes x
        where x.ready and not x.busy and x.next_at = 'infinity' and not exists (select from chat.pauses_of(x.key))
        for update skip locked) aside
    where l.key = aside.key;
    get diagnostics going_on = row_count;
    with passed_by as (
        insert into chat.left_aside (lane)
        select x.key from chat.lanes x
        where x.ready and not x.busy and x.next_at = 'infinity' and not exists (select from chat.pauses_of(x.key))
        returning lane)
    select going_on + count(*) into going_on from passed_by;
    notify chat_jobs;
    return going_on;
end
$$;
comment on function chat.lift_pauses(text, text[]) is
    'Ends pauses of one sort. Returns how many lanes go on; those that another pause holds stay. Null when there was no such pause.';

create or replace function chat.resume(kind text default null, number text default null)
returns integer
language plpgsql
as $$
declare
    going_on constant integer := chat.lift_pauses(
        case when resume.kind is null then 'number' else 'kind' end, array[coalesce(resume.kind, resume.number)]);
begin
    if going_on is null then
        raise exception 'there is no such pause'
            using errcode = 'PT404', detail = 'chat/no_such_pause', hint = 'table chat.pauses shows what is paused';
    end if;
    return going_on;
end
$$;
comment on function chat.resume(text, text) is
    'Ends a pause. Returns how many lanes go on; those that another pause holds stay. PT404 chat/no_such_pause.';
