-- What: tries a statement, undoes it, and says how it went: SQLSTATE and message of an error, else the rows touched.
-- Why: a block with an exception handler is a savepoint; so ten thousand cells of the matrix take seconds.
-- Leaves out: whose role it is. It runs as whoever calls it.

create function pg_temp.attempt(statement text, out code text, out message text, out touched bigint)
language plpgsql
as $$
begin
    begin
        execute statement;
        get diagnostics touched = row_count;
        -- What would be refused at commit is refused here.
        set constraints all immediate;
        raise exception using errcode = 'UNDO0';
    exception when others then
        if sqlstate <> 'UNDO0' then
            code := sqlstate;
            message := sqlerrm;
            touched := 0;
        end if;
    end;
end
$$;
