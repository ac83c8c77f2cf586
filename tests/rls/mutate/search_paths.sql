-- What: each function with a search path of its own, and the statement that resets it.
-- Why: whoever could choose what a bare name means would run anything with the owner's rights.
-- Leaves out: functions that never had one.

select
    format('search path of %s reset', p.oid::regprocedure),
    'the search path is pinned',
    format('alter function %s reset search_path', p.oid::regprocedure),
    null, null, null
from pg_proc p
where p.pronamespace in ('public'::regnamespace, 'chat'::regnamespace) and p.proconfig::text like '%search_path%'
order by 1
