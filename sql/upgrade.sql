-- What: looks which release a database has, before anything is changed.
-- Why: an older migration would put old functions over newer tables, and half a migration is worse than none. The changes
--      between releases (sql/changes/) run by what is found here, `pg_chat.had`, until the end of the transaction.
-- Leaves out: the changes themselves.

do $$
declare
    had text;
begin
    if to_regprocedure('chat.version()') is not null then
        had := chat.version();
    end if;
    if string_to_array(had, '.')::integer[] > string_to_array('@version@', '.')::integer[] then
        raise exception 'this database has pg_chat %, and this is the migration of %', had, '@version@'
            using errcode = 'PT409', detail = 'chat/older_release',
                hint = 'nothing was changed. Apply the newest file of supabase/migrations; it is enough alone';
    end if;
    perform set_config('pg_chat.had', coalesce(had, 'nothing'), true);
end
$$;

-- What was set for the transaction is gone where each statement is one of its own.
do $$
begin
    if coalesce(current_setting('pg_chat.had', true), '') = '' then
        raise exception 'a migration is applied in one transaction'
            using errcode = 'PT409', detail = 'chat/no_transaction',
                hint = 'nothing was changed. With psql: psql -v ON_ERROR_STOP=1 -1 -f FILE';
    end if;
end
$$;
