-- What: functions of ours that are written in SQL, with their source, and whether a client may call them.
-- Why: checks are taken out of their text.
-- Leaves out: rules of the extension, which know nobody.

select
    p.oid::regprocedure::text as signature,
    format('%s.%s', p.pronamespace::regnamespace, p.proname) as name,
    p.prosrc as body,
    pg_get_functiondef(p.oid) as definition,
    l.lanname = 'sql' as is_inlined,
    p.prorettype = 'trigger'::regtype or c.may_call as is_called,
    c.may_call or p.prorettype = 'trigger'::regtype or p.prosrc ~ 'auth\.uid\(|jwt\.claims|chat\.my_|\msession\M|p_session' as knows_caller
from pg_proc p
join pg_language l on l.oid = p.prolang
cross join lateral (
    select has_function_privilege('anon', p.oid, 'execute') or has_function_privilege('authenticated', p.oid, 'execute')) c (may_call)
where p.pronamespace in ('public'::regnamespace, 'chat'::regnamespace) and l.lanname in ('sql', 'plpgsql')
order by 1
