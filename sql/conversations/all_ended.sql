-- What: an id above those of all transactions so far, and whether all that were before one have ended.
-- Why: event ids are given before they commit, so whoever follows events has to know when no lower one can appear any more.
-- Leaves out: following them (index_words.sql, routing/follow_sla.sql).

create or replace function chat.xid_from_now(p_progress regclass)
returns xid8
language plpgsql
as $$
declare
    own constant bigint := pg_current_xact_id()::text::bigint;
    given bigint;
begin
    -- A snapshot knows no id of those that run and are younger than all that ended. This block is a transaction within the
    -- transaction, which gets its id when it first writes: now.
    begin
        execute format('update %s set only_row = true returning xmin::text::bigint', p_progress) into given;
    exception when others then
        raise;
    end;
    given := ((own >> 32) << 32) | given;
    return (case when given < own then given + (1::bigint << 32) else given end)::text::xid8;
end
$$;
comment on function chat.xid_from_now(regclass) is
    'A transaction id that is greater than any that was given so far. Writes the one row of a table of progress, which the caller holds.';

create or replace function chat.all_ended(p_xid xid8)
returns boolean
language plpgsql
stable
as $$
declare
    running constant pg_snapshot := pg_current_snapshot();
begin
    -- One that is yet to come is of another cluster, where a dump was made.
    return pg_snapshot_xmin(running) >= p_xid or pg_snapshot_xmax(running) < p_xid;
end
$$;
comment on function chat.all_ended(xid8) is 'Whether every transaction has ended that got its id before this one was given.';
