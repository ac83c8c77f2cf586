-- What: each view's security_barrier and security_invoker, and the statement that resets it.
-- Why: without the one a caller's own condition sees hidden rows, without the other the policies are the owner's.
-- Leaves out: conditions of views, which are edited as text.

select
    format('%s of %s reset', split_part(o.option, '=', 1), c.oid::regclass),
    o.option,
    format('alter view %s reset (%s)', c.oid::regclass, split_part(o.option, '=', 1)),
    c.oid::regclass::text, null, null
from pg_class c
cross join lateral unnest(c.reloptions) o (option)
where c.relkind = 'v' and c.relnamespace in ('public'::regnamespace, 'chat'::regnamespace)
order by 1
