-- What: definer, trigger and public functions that let their caller choose what a bare name means.
-- Why: the tests of the catalog find none, and tests/rls/mutate resets the search path function by function.
-- Leaves out: helpers that run with their caller's rights and take the path of whoever calls them.

select p.oid::regprocedure::text
from pg_proc p
where (p.pronamespace = 'chat'::regnamespace
        or p.pronamespace = 'public'::regnamespace and p.proname like 'chat\_%')
    and (p.prosecdef or p.prorettype = 'trigger'::regtype or p.pronamespace = 'public'::regnamespace)
    and not coalesce(p.proconfig, '{}') @> array['search_path=""']
order by 1
