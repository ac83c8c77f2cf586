-- What: tables without row-level security.
-- Why: the tests of the catalog find none, and tests/rls/mutate switches it off table by table.
-- Leaves out: policies; a table that nobody may read has none.

select c.oid::regclass::text
from pg_class c
where c.relkind in ('r', 'p') and not c.relrowsecurity
    and c.relnamespace in ('chat'::regnamespace, 'public'::regnamespace)
order by 1
