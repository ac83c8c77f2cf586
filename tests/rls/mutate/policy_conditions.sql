-- What: the expressions of our policies, and the statement that gives a policy another one.
-- Why: a policy that limits somebody to a part of their site is two conditions, and each has to be missed.
-- Leaves out: policies of a host's own.

select
    format('policy %s on %s', p.polname, p.polrelid::regclass),
    p.polrelid::regclass::text,
    side.expression,
    format('alter policy %I on %s %s', p.polname, p.polrelid::regclass, side.word) || ' (%)'
from pg_policy p
cross join lateral (values
    ('using', pg_get_expr(p.polqual, p.polrelid)),
    ('with check', pg_get_expr(p.polwithcheck, p.polrelid))) side (word, expression)
where p.polname like 'chat\_%' and side.expression is not null
order by 1
