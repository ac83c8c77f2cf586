-- What: every object of ours as text, with everything about it that a migration can change.
-- Why: two databases that should be alike are compared by it. Rights that stand nowhere are what they are by default.
-- Leaves out: rows, and the order of columns.

with ours as (select oid from pg_namespace where nspname in ('chat', 'chat_rules', 'public')),
relation as (select * from pg_class where relnamespace in (select oid from ours)),
object as (
    select 'function ' || p.oid::regprocedure as name,
        case when p.prokind = 'a' then 'aggregate' else pg_get_functiondef(p.oid) end as definition,
        array(select x::text from unnest(coalesce(p.proacl, acldefault('f', p.proowner))) x order by 1)::text as acl,
        p.proowner::regrole::text as owner, obj_description(p.oid, 'pg_proc') as said
    from pg_proc p where p.pronamespace in (select oid from ours)
    union all
    select 'relation ' || c.oid::regclass,
        format('%s %s %s %s %s', c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
            case when c.relkind = 'v' then pg_get_viewdef(c.oid) end),
        array(select x::text
            from unnest(coalesce(c.relacl, acldefault(case c.relkind when 'S' then 's'::"char" else 'r' end, c.relowner))) x
            order by 1)::text,
        c.relowner::regrole::text, obj_description(c.oid, 'pg_class')
    from relation c
    union all
    select format('column %s.%s', a.attrelid::regclass, a.attname),
        format('%s %s %s %s %s', a.atttypid::regtype, a.attnotnull, a.attidentity, a.attgenerated,
            pg_get_expr(d.adbin, d.adrelid)),
        array(select x::text from unnest(a.attacl) x order by 1)::text, null, col_description(a.attrelid, a.attnum)
    from pg_attribute a
    join relation c on c.oid = a.attrelid and c.relkind in ('r', 'p', 'v')
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where a.attnum > 0 and not a.attisdropped
    union all
    select format('constraint %s on %s', k.conname, k.conrelid::regclass), pg_get_constraintdef(k.oid), null, null,
        obj_description(k.oid, 'pg_constraint')
    from pg_constraint k where k.connamespace in (select oid from ours)
    union all
    select 'index ' || i.indexrelid::regclass, pg_get_indexdef(i.indexrelid), null, null, null
    from pg_index i where i.indrelid in (select oid from relation)
    union all
    select format('trigger %s on %s', t.tgname, t.tgrelid::regclass),
        format('%s %s', t.tgenabled, pg_get_triggerdef(t.oid)), null, null, null
    from pg_trigger t where t.tgrelid in (select oid from relation) and not t.tgisinternal
    union all
    select format('policy %s on %s', p.polname, p.polrelid::regclass),
        format('%s %s %s %s %s', p.polcmd, p.polpermissive, p.polroles::regrole[],
            pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)), null, null, null
    from pg_policy p where p.polrelid in (select oid from relation)
    union all
    select 'schema ' || n.nspname, null,
        array(select x::text from unnest(coalesce(n.nspacl, acldefault('n', n.nspowner))) x order by 1)::text, n.nspowner::regrole::text, obj_description(n.oid, 'pg_namespace')
    from pg_namespace n where n.oid in (select oid from ours)
    union all
    select format('default privileges of %s for %s', d.defaclrole::regrole, d.defaclobjtype), null, d.defaclacl::text,
        null, null
    from pg_default_acl d where d.defaclnamespace in (select oid from ours)
    union all
    select format('role %s', m.roleid::regrole), format('%s', m.member::regrole), null, null, null
    from pg_auth_members m
)
select name, array[definition, acl, owner, said] from object order by 1, 2
