//! The decisions of the extension and their wrappers.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use pg_chat_tests::{TestDb, repository};

use crate::finds_nothing;

/// A function that Rust exports and no script creates would be dead; the other way round, `create function` itself
/// would have failed.
#[tokio::test]
async fn every_exported_function_is_created() -> Result<()> {
    let db = TestDb::new().await?;
    let created: BTreeSet<String> = sqlx::query_scalar(
        "select p.prosrc from pg_proc p join pg_language l on l.oid = p.prolang
        where p.pronamespace = 'chat_rules'::regnamespace and l.lanname = 'c'",
    )
    .fetch_all(db.owner())
    .await?
    .into_iter()
    .collect();
    let exported = exported()?;
    ensure!(!exported.is_empty(), "pg_chat_ext/src exports no function");
    ensure!(
        created == exported,
        "created but not exported: {:?}; exported but not created: {:?}",
        created.difference(&exported),
        exported.difference(&created)
    );
    Ok(())
}

/// The symbols of `#[pg_extern]` functions in the extension's sources.
fn exported() -> Result<BTreeSet<String>> {
    let mut symbols = BTreeSet::new();
    let mut open = vec![repository().join("pg_chat_ext/src")];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir)? {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
                continue;
            }
            let text = fs::read_to_string(&path)?;
            for after in text.split("#[pg_extern").skip(1) {
                let name = after.split_once("fn ").map_or("", |(_, name)| name);
                let end = name
                    .find(|c: char| !(c.is_alphanumeric() || c == '_'))
                    .unwrap_or_default();
                symbols.insert(format!("{}_wrapper", &name[..end]));
            }
        }
    }
    Ok(symbols)
}

#[tokio::test]
async fn every_native_rule_has_a_wrapper() -> Result<()> {
    let db = TestDb::new().await?;
    finds_nothing(
        &db,
        "functions of chat_rules without a wrapper of their name in chat",
        "select p.oid::regprocedure::text
        from pg_proc p
        where p.pronamespace = 'chat_rules'::regnamespace
            and not exists (
                select from pg_proc w
                where w.pronamespace = 'chat'::regnamespace and w.proname = p.proname)
        order by 1",
    )
    .await
}

#[tokio::test]
async fn only_wrappers_name_the_native_rules() -> Result<()> {
    let db = TestDb::new().await?;
    finds_nothing(
        &db,
        "functions that name chat_rules and are no wrapper of a rule",
        "select p.oid::regprocedure::text
        from pg_proc p
        where p.pronamespace in ('chat'::regnamespace, 'public'::regnamespace)
            and p.prosrc like '%chat\\_rules.%'
            and not exists (
                select from pg_proc n
                where n.pronamespace = 'chat_rules'::regnamespace and n.proname = p.proname)
        order by 1",
    )
    .await
}

/// What is stored must not depend on code that an upgrade replaces: `pg_dump` restores rows before anyone can say
/// whether the new code agrees with them.
#[tokio::test]
async fn nothing_stored_depends_on_a_rule() -> Result<()> {
    let db = TestDb::new().await?;
    finds_nothing(
        &db,
        "indexes, defaults, generated columns and checks that call a rule",
        "select pg_describe_object(d.classid, d.objid, d.objsubid)
        from pg_depend d
        join pg_proc p on d.refclassid = 'pg_proc'::regclass and p.oid = d.refobjid
        where d.classid in ('pg_class'::regclass, 'pg_attrdef'::regclass, 'pg_constraint'::regclass)
            and (p.pronamespace = 'chat_rules'::regnamespace
                or p.pronamespace = 'chat'::regnamespace and exists (
                    select from pg_proc n
                    where n.pronamespace = 'chat_rules'::regnamespace and n.proname = p.proname))
        order by 1",
    )
    .await
}
