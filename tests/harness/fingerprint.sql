-- What: every object of ours as text, with everything about it that a migration can change.
-- Why: two databases that should be alike are compared by it. Rights that stand nowhere are what they are by default.
-- Leaves out: rows. The order of columns is in: a function that gives rows of a table gives them in that order.

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
        format('%s. %s %s %s %s %s', row_number() over (partition by a.attrelid order by a.attnum),
            format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)),
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
    select 'sequence ' || s.seqrelid::regclass,
        format('%s %s %s %s %s %s %s', s.seqtypid::regtype, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, s.seqcycle),
        null, null, null
    from pg_sequence s where s.seqrelid in (select oid from relation)
    union all
    select 'type ' || t.oid::regtype,
        format('%s %s %s %s', t.typtype, format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault),
        array(select x::text from unnest(coalesce(t.typacl, acldefault('T', t.typowner))) x order by 1)::text,
        t.typowner::regrole::text, obj_description(t.oid, 'pg_type')
    from pg_type t where t.typnamespace in (select oid from ours) and t.typtype in ('d', 'e', 'r')
    union all
    select 'extension ' || e.extname, format('%s in %s', e.extversion, e.extnamespace::regnamespace), null,
        e.extowner::regrole::text, null
    from pg_extension e
    union all
    select format('%s of extension %s', pg_describe_object(d.classid, d.objid, d.objsubid), e.extname), null, null, null, null
    from pg_depend d join pg_extension e on e.oid = d.refobjid and e.extname = 'pg_chat_ext'
    where d.refclassid = 'pg_extension'::regclass and d.deptype = 'e'
    union all
    select 'publication ' || p.pubname,
        format('%s %s %s %s %s %s', p.puballtables, p.pubinsert, p.pubupdate, p.pubdelete, p.pubtruncate, p.pubviaroot), null,
        p.pubowner::regrole::text, null
    from pg_publication p
    union all
    select format('%s in publication %s', r.prrelid::regclass, p.pubname), format('%s %s', r.prattrs, pg_get_expr(r.prqual, r.prrelid)),
        null, null, null
    from pg_publication_rel r join pg_publication p on p.oid = r.prpubid
    union all
    select 'statistics ' || s.stxname, pg_get_statisticsobjdef(s.oid), null, s.stxowner::regrole::text, null
    from pg_statistic_ext s where s.stxnamespace in (select oid from ours)
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
