-- What: each policy of ours, and the statement that drops it.
-- Why: a table with row-level security and no policy shows nothing.
-- Leaves out: policies of a host's own.

select
    format('policy %s on %s dropped', p.polname, p.polrelid::regclass),
    concat_ws(' ', 'using (' || pg_get_expr(p.polqual, p.polrelid) || ')',
        'with check (' || pg_get_expr(p.polwithcheck, p.polrelid) || ')'),
    format('drop policy %I on %s', p.polname, p.polrelid::regclass),
    p.polrelid::regclass::text, null, null
from pg_policy p
where p.polname like 'chat\_%'
order by 1
