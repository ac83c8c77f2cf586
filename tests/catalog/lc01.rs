//! LC-01's schema: dashboards that were written for it find every table, column, word and index under its name.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use pg_chat_tests::TestDb;
use serde::Deserialize;

/// A table of lc01.toml.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    /// `name type`
    columns: Vec<String>,
    /// What a check allows in a column.
    #[serde(default)]
    words: BTreeMap<String, BTreeSet<String>>,
    /// `column, column`
    #[serde(default)]
    indexes: Vec<String>,
    /// The same, over ended conversations only; open ones are found in inbox order (docs/decisions).
    #[serde(default)]
    indexes_of_ended: Vec<String>,
    /// `column, column`
    #[serde(default)]
    unique: Vec<String>,
}

fn tables() -> Result<BTreeMap<String, Table>> {
    Ok(toml::from_str(include_str!("lc01.toml"))?)
}

#[tokio::test]
async fn every_column_of_lc01_is_there_with_its_type() -> Result<()> {
    let db = TestDb::new().await?;
    let present: BTreeSet<String> = sqlx::query_scalar(
        "select format('%s.%s %s', c.relname, a.attname, 
            format_type(coalesce(nullif(t.typbasetype, 0), t.oid), a.atttypmod))
        from pg_attribute a
        join pg_type t on t.oid = a.atttypid
        join pg_class c on c.oid = a.attrelid
        where c.relnamespace = 'public'::regnamespace and a.attnum > 0 and not a.attisdropped",
    )
    .fetch_all(db.owner())
    .await?
    .into_iter()
    .collect();
    let tables = tables()?;
    let wanted = tables.iter().flat_map(|(name, table)| {
        table
            .columns
            .iter()
            .map(move |column| format!("{name}.{column}"))
    });
    let absent: Vec<_> = wanted.filter(|column| !present.contains(column)).collect();
    ensure!(
        absent.is_empty(),
        "columns of LC-01 that are missing:\n  {}",
        absent.join("\n  ")
    );
    Ok(())
}

#[tokio::test]
async fn the_words_of_lc01s_checks_are_the_words_of_ours() -> Result<()> {
    let db = TestDb::new().await?;
    for (name, table) in tables()? {
        for (column, words) in table.words {
            // The check stands at the column or at the column's domain.
            let checks: Vec<String> = sqlx::query_scalar(
                "select pg_get_constraintdef(k.oid)
                from pg_attribute a
                join pg_constraint k on k.contype = 'c'
                    and (k.conrelid = a.attrelid and k.conkey = array[a.attnum] or k.contypid = a.atttypid)
                where a.attrelid = to_regclass('public.' || $1) and a.attname = $2",
            )
            .bind(&name)
            .bind(&column)
            .fetch_all(db.owner())
            .await?;
            let allowed: BTreeSet<String> = checks.iter().flat_map(|check| quoted(check)).collect();
            ensure!(
                allowed == words,
                "{name}.{column} allows {allowed:?}, LC-01 {words:?}"
            );
        }
    }
    Ok(())
}

/// The words in the quotes of a check: `ARRAY['a'::text, 'b'::text]` or `'{a,b}'::text[]`.
fn quoted(check: &str) -> Vec<String> {
    let texts = check.split('\'').skip(1).step_by(2);
    texts
        .flat_map(|text| text.trim_matches(['{', '}']).split(','))
        .map(str::to_owned)
        .collect()
}

/// An index of ours that begins with the columns of LC-01's does its work.
#[tokio::test]
async fn every_index_and_unique_key_of_lc01_is_there() -> Result<()> {
    let db = TestDb::new().await?;
    let present: Vec<(String, bool, String, Option<String>)> = sqlx::query_as(
        "select i.indrelid::regclass::text, i.indisunique, string_agg(a.attname, ', ' order by key.place),
            pg_get_expr(i.indpred, i.indrelid)
        from pg_index i
        cross join lateral unnest(i.indkey::smallint[]) with ordinality as key (number, place)
        join pg_attribute a on a.attrelid = i.indrelid and a.attnum = key.number
        where i.indexprs is null
        group by i.indexrelid, i.indrelid, i.indisunique, i.indpred",
    )
    .fetch_all(db.owner())
    .await?;
    let mut absent = Vec::new();
    for (name, table) in tables()? {
        let begins = |columns: &str, wanted: &str| {
            columns == wanted || columns.starts_with(&format!("{wanted}, "))
        };
        let has = |wanted: &str, rows: Option<&str>| {
            present.iter().any(|(on, _, columns, only)| {
                *on == name && begins(columns, wanted) && only.as_deref() == rows
            })
        };
        let has_key = |wanted: &str| {
            present.iter().any(|(on, unique, columns, only)| {
                *on == name && *unique && columns == wanted && only.is_none()
            })
        };
        let ended = Some("(archived_at IS NOT NULL)");
        for index in table.indexes.iter().filter(|index| !has(index, None)) {
            absent.push(format!("index on {name} ({index})"));
        }
        for index in table
            .indexes_of_ended
            .iter()
            .filter(|index| !has(index, ended))
        {
            absent.push(format!(
                "index on {name} ({index}) where archived_at is not null"
            ));
        }
        for key in table.unique.iter().filter(|key| !has_key(key)) {
            absent.push(format!("unique key on {name} ({key})"));
        }
    }
    ensure!(
        absent.is_empty(),
        "of LC-01 there are missing:\n  {}",
        absent.join("\n  ")
    );
    Ok(())
}

/// A null agent stands for the whole site, and a site has one row a day.
#[tokio::test]
async fn a_day_of_a_site_has_one_row_for_the_site_itself() -> Result<()> {
    let db = TestDb::new().await?;
    let site = pg_chat_tests::Site::make(&db).await?;
    let insert = "insert into public.mod_chat_analytics (site_id, date) values ($1, '2026-01-01')";
    sqlx::query(insert)
        .bind(site.id)
        .execute(db.owner())
        .await?;
    let again = sqlx::query(insert).bind(site.id).execute(db.owner()).await;
    assert_eq!(pg_chat_tests::Refusal::expect(again).sqlstate, "23505");
    Ok(())
}
