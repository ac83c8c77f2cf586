//! The decisions of the extension and their wrappers.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, ensure};
use pg_chat_tests::{TestDb, repository};

use crate::finds_nothing;

/// A function that Rust exports and no script creates would be dead; the other way round, `create function` itself
/// would have failed. What a later script drops is still named by an earlier one, through which every install goes.
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
    let (exported, named) = (exported()?, named()?);
    ensure!(!exported.is_empty(), "pg_chat_ext/src exports no function");
    ensure!(
        named == exported && created.is_subset(&named),
        "named by a script but not exported: {:?}; exported but named by none: {:?}; created by none: {:?}",
        named.difference(&exported),
        exported.difference(&named),
        created.difference(&named)
    );
    Ok(())
}

/// A second full script would be a second way to the same version, and could lead elsewhere.
#[tokio::test]
async fn the_extension_is_installed_by_its_first_script_and_updated_by_the_others() -> Result<()> {
    let full = scripts()?
        .into_iter()
        .filter(|(name, _)| name.matches("--").count() == 1)
        .map(|(name, _)| name);
    assert_eq!(Vec::from_iter(full), ["pg_chat_ext--0.1.0.sql"]);
    Ok(())
}

/// The symbols that the extension's scripts name.
fn named() -> Result<BTreeSet<String>> {
    let after = |text: &str| -> Vec<String> {
        let symbols = text.split("'MODULE_PATHNAME', '").skip(1);
        symbols
            .filter_map(|rest| Some(rest.split_once('\'')?.0.to_owned()))
            .collect()
    };
    Ok(scripts()?
        .iter()
        .flat_map(|(_, text)| after(text))
        .collect())
}

/// Name and text of each script of the extension.
fn scripts() -> Result<Vec<(String, String)>> {
    let mut scripts = Vec::new();
    for entry in fs::read_dir(repository().join("pg_chat_ext/sql"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        scripts.push((name, fs::read_to_string(entry.path())?));
    }
    scripts.sort();
    Ok(scripts)
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
