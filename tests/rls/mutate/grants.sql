-- What: each grant to somebody who is no owner (on schemas, tables, columns, views, sequences, functions), and the
--       statements that revoke it as the one who granted it.
-- Why: a right that nobody uses is one too many, and one that goes missing has to be noticed.
-- Leaves out: what Supabase itself grants on its schemas and on `public`.

with held as (
    select 'schema' as sort, n.oid::regnamespace::text as object, null as relation, null as col, null as function, a.*
    from pg_namespace n
    cross join lateral aclexplode(n.nspacl) a
    where n.nspname in ('chat', 'chat_rules') and a.grantee <> n.nspowner
    union all
    select case c.relkind when 'S' then 'sequence' else 'table' end, c.oid::regclass::text, c.oid::regclass::text, null, null, a.*
    from pg_class c
    cross join lateral aclexplode(c.relacl) a
    where c.relnamespace in ('public'::regnamespace, 'chat'::regnamespace) and a.grantee <> c.relowner
    union all
    select 'table', c.oid::regclass::text, c.oid::regclass::text, x.attname::text, null, a.*
    from pg_class c
    join pg_attribute x on x.attrelid = c.oid
    cross join lateral aclexplode(x.attacl) a
    where c.relnamespace in ('public'::regnamespace, 'chat'::regnamespace) and a.grantee <> c.relowner
    union all
    select 'function', p.oid::regprocedure::text, null, null,
        case when count(*) over (partition by p.pronamespace, p.proname, a.grantee) > 1 then p.oid::regprocedure::text
            else split_part(p.oid::regprocedure::text, '(', 1) end,
        a.*
    from pg_proc p
    cross join lateral aclexplode(p.proacl) a
    where p.pronamespace in ('public'::regnamespace, 'chat'::regnamespace, 'chat_rules'::regnamespace)
        and a.grantee <> p.proowner and a.grantee <> 'postgres'::regrole
), named as (
    select h.*, case h.grantee when 0 then 'public' else h.grantee::regrole::text end as who,
        lower(h.privilege_type) || coalesce(' (' || quote_ident(h.col) || ')', '') as right_to
    from held h
)
select
    format('%s on %s %s revoked from %s', n.right_to, n.sort, n.object, n.who),
    format('grant %s on %s %s to %s', n.right_to, n.sort, n.object, n.who),
    format('set local role %s; revoke %s on %s %s from %s; reset role',
        n.grantor::regrole, n.right_to, n.sort, n.object, n.who),
    n.relation, n.col, n.function
from named n
order by 1
