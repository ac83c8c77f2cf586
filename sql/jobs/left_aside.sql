-- What: lanes that a resume passes by, because somebody had them just then.
-- Why: a resume waits for nobody who has a lane, and none of them may stand still for ever; so it notes them, and the tick
--      lets them go on.
-- Leaves out: pausing and resuming (pauses.sql).

-- Without a unique lane: whoever adds one waits for nobody who is just taking it away.
create table if not exists chat.left_aside (
    id bigint generated always as identity primary key,
    lane text not null
);
comment on table chat.left_aside is 'Lanes that somebody had while their pause ended. The tick lets them go on.';
alter table chat.left_aside enable row level security;

create or replace function chat.lift_left_aside(p_batch integer)
returns integer
language plpgsql
as $$
declare
    passed_by chat.left_aside;
    waits boolean;
    lifted integer := 0;
begin
    for passed_by in
        select x.* from chat.left_aside x order by x.id limit p_batch for update skip locked
    loop
        select l.ready and not l.busy and l.next_at = 'infinity' into waits
        from chat.lanes l where l.key = passed_by.lane for update skip locked;
        continue when not found and exists (select from chat.lanes l where l.key = passed_by.lane);
        if waits and not chat.is_paused(passed_by.lane) then
            update chat.lanes l set next_at = clock_timestamp() where l.key = passed_by.lane;
        end if;
        delete from chat.left_aside x where x.id = passed_by.id;
        lifted := lifted + 1;
    end loop;
    if lifted > 0 then
        notify chat_jobs;
    end if;
    return lifted;
end
$$;
comment on function chat.lift_left_aside(integer) is
    'Lets lanes go on that a resume passed by. Those that somebody has again are left to the next tick. Returns how many were looked after.';
