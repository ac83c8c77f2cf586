-- What: each table with row-level security, and the statement that switches it off.
-- Why: policies say nothing then.
-- Leaves out: tables of Supabase's own.

select
    format('row-level security of %s off', c.oid::regclass),
    format('alter table %s enable row level security', c.oid::regclass),
    format('alter table %s disable row level security', c.oid::regclass),
    c.oid::regclass::text, null, null
from pg_class c
where c.relkind in ('r', 'p') and c.relrowsecurity
    and c.relnamespace in ('public'::regnamespace, 'chat'::regnamespace)
order by 1
