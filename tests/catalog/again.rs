//! Applying the migration to a database that has it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Result, ensure};
use pg_chat_tests::{Regime, TestDb, repository};
use sqlx::{AssertSqlSafe, Connection};

/// Every object of ours as text, with everything about it that a migration can change.
const FINGERPRINT: &str = "
    with ours as (select oid from pg_namespace where nspname in ('chat', 'chat_rules', 'public')),
    relation as (select * from pg_class where relnamespace in (select oid from ours)),
    object as (
        select 'function ' || p.oid::regprocedure as name,
            case when p.prokind = 'a' then 'aggregate' else pg_get_functiondef(p.oid) end as definition,
            p.proacl::text as acl, p.proowner::regrole::text as owner, obj_description(p.oid, 'pg_proc') as said
        from pg_proc p where p.pronamespace in (select oid from ours)
        union all
        select 'relation ' || c.oid::regclass,
            format('%s %s %s %s %s', c.relkind, c.relrowsecurity, c.relforcerowsecurity, c.reloptions,
                case when c.relkind = 'v' then pg_get_viewdef(c.oid) end),
            c.relacl::text, c.relowner::regrole::text, obj_description(c.oid, 'pg_class')
        from relation c
        union all
        select format('column %s.%s', a.attrelid::regclass, a.attname),
            format('%s %s %s %s %s', a.atttypid::regtype, a.attnotnull, a.attidentity, a.attgenerated,
                pg_get_expr(d.adbin, d.adrelid)),
            a.attacl::text, null, col_description(a.attrelid, a.attnum)
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
        select 'schema ' || n.nspname, null, n.nspacl::text, n.nspowner::regrole::text, obj_description(n.oid, 'pg_namespace')
        from pg_namespace n where n.oid in (select oid from ours)
        union all
        select format('default privileges of %s for %s', d.defaclrole::regrole, d.defaclobjtype), null, d.defaclacl::text,
            null, null
        from pg_default_acl d where d.defaclnamespace in (select oid from ours)
        union all
        select format('role %s', m.roleid::regrole), format('%s', m.member::regrole), null, null, null
        from pg_auth_members m
        union all
        select 'permission ' || role || ' ' || permission, format('%s %s', site_id, allowed), null, null, null
        from chat.permissions
    )
    select name, array[definition, acl, owner, said] from object order by 1, 2";

#[tokio::test]
async fn the_migration_applied_twice_changes_nothing() -> Result<()> {
    for regime in Regime::ALL {
        let db = TestDb::clone_of(regime).await?;
        let before = fingerprint(&db).await?;
        apply_migrations(&db).await?;
        let after = fingerprint(&db).await?;
        let names: BTreeSet<_> = before.keys().chain(after.keys()).collect();
        let changed = names
            .into_iter()
            .filter(|name| before.get(*name) != after.get(*name));
        let changes: Vec<_> = changed
            .map(|name| change(name, before.get(name), after.get(name)))
            .collect();
        ensure!(
            changes.is_empty(),
            "{regime:?}: {} objects changed:\n  {}",
            changes.len(),
            changes.join("\n  ")
        );
    }
    Ok(())
}

/// What there is to say about an object: its definition, grants, owner and comment.
type Facts = Vec<Option<String>>;

async fn fingerprint(db: &TestDb) -> Result<BTreeMap<String, Vec<Facts>>> {
    let mut objects: BTreeMap<String, Vec<Facts>> = BTreeMap::new();
    for (name, facts) in sqlx::query_as::<_, (String, Facts)>(FINGERPRINT)
        .fetch_all(db.owner())
        .await?
    {
        objects.entry(name).or_default().push(facts);
    }
    Ok(objects)
}

/// A line for an object that is not what it was: the facts that differ.
fn change(name: &str, before: Option<&Vec<Facts>>, after: Option<&Vec<Facts>>) -> String {
    match (before, after) {
        (None, _) => format!("{name} is new"),
        (_, None) => format!("{name} is gone"),
        (Some(before), Some(after)) => {
            let pairs = before
                .iter()
                .flatten()
                .zip(after.iter().flatten())
                .filter(|(a, b)| a != b);
            let shown =
                |fact: &Option<String>| fact.clone().unwrap_or_else(|| "nothing".to_owned());
            let differences: Vec<_> = pairs
                .map(|(a, b)| format!("{} became {}", shown(a), shown(b)))
                .collect();
            format!("{name}: {}", differences.join("; "))
        }
    }
}

/// As Supabase applies them: as `postgres`, each in one transaction.
async fn apply_migrations(db: &TestDb) -> Result<()> {
    let mut files: Vec<_> = fs::read_dir(repository().join("supabase/migrations"))?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()?;
    files.sort();
    let mut connection = db.connect_as("postgres").await?;
    for file in files {
        let mut transaction = connection.begin().await?;
        sqlx::raw_sql(AssertSqlSafe(fs::read_to_string(&file)?))
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
    }
    connection.close().await?;
    Ok(())
}
