-- What: each expression of a policy of ours, and the statement that lets every row through.
-- Why: it is what somebody does who wants an error to go away.
-- Leaves out: policies of a host's own.

select
    format('policy %s on %s open for %s', p.polname, p.polrelid::regclass, side.word),
    side.expression,
    format('alter policy %I on %s %s (true)', p.polname, p.polrelid::regclass, side.word),
    p.polrelid::regclass::text, null, null
from pg_policy p
cross join lateral (values
    ('using', pg_get_expr(p.polqual, p.polrelid)),
    ('with check', pg_get_expr(p.polwithcheck, p.polrelid))) side (word, expression)
where p.polname like 'chat\_%' and side.expression is not null
order by 1
