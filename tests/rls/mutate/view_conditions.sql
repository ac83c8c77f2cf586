-- What: the views that clients read with their owner's rights, and the statement that gives a view another text.
-- Why: what such a view hides only its own conditions hide.
-- Leaves out: views that run with their caller's rights, and those that nobody is granted.

select
    c.oid::regclass::text,
    c.oid::regclass::text,
    pg_get_viewdef(c.oid),
    format('create or replace view %s with (%s) as ', c.oid::regclass, array_to_string(c.reloptions, ', ')) || '%'
from pg_class c
where c.relkind = 'v' and c.relnamespace in ('public'::regnamespace, 'chat'::regnamespace)
    and not coalesce(c.reloptions, '{}') @> '{security_invoker=true}'
    and (has_table_privilege('anon', c.oid, 'select') or has_table_privilege('authenticated', c.oid, 'select'))
order by 1
