-- What: what a statement over a relation runs besides itself: its policies, triggers, view, defaults, constraints.
-- Why: a check in a function that none of these reaches cannot be seen by asking for rows.
-- Leaves out: relations that nobody is granted.

select c.oid::regclass::text, concat_ws(' ',
    case when c.relkind = 'v' then pg_get_viewdef(c.oid) end,
    (select string_agg(concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)), ' ')
        from pg_policy p where p.polrelid = c.oid),
    (select string_agg(pg_get_triggerdef(t.oid), ' ') from pg_trigger t where t.tgrelid = c.oid and not t.tgisinternal),
    (select string_agg(pg_get_expr(d.adbin, d.adrelid), ' ') from pg_attrdef d where d.adrelid = c.oid),
    (select string_agg(pg_get_constraintdef(k.oid), ' ') from pg_constraint k where k.conrelid = c.oid))
from pg_class c
where c.relkind in ('r', 'p', 'v') and c.relnamespace in ('public'::regnamespace, 'chat'::regnamespace)
    and (c.relacl is not null or exists (select from pg_attribute a where a.attrelid = c.oid and a.attacl is not null))
order by 1
