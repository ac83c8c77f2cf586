//! What the catalog says of everything that people and programs outside can reach.

use anyhow::{Context, Result};
use pg_chat_tests::{TestDb, repository};
use serde::Deserialize;
use std::path::Path;

/// A function of `public`, or one inside that raises errors.
#[derive(Debug, Deserialize)]
pub struct Function {
    /// `public` or `chat`.
    pub schema: String,
    /// Its name.
    pub name: String,
    /// Arguments with types and defaults.
    pub arguments: String,
    /// What it returns.
    pub returns: String,
    /// Its comment.
    pub says: String,
    /// Its body.
    pub body: String,
    /// Which of the roles may call it.
    pub roles: Vec<String>,
}

/// A table or view of `public`.
#[derive(Debug, Deserialize)]
pub struct Relation {
    /// Its name.
    pub name: String,
    /// Whether it is a view.
    pub is_view: bool,
    /// Its comment.
    pub says: String,
    /// In order.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Deserialize)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type as SQL writes it.
    pub sql: String,
    /// The words it may hold, and the domain that says so, where there is one.
    pub domain: Option<String>,
    /// Of the domain or of a check of the table.
    pub words: Option<Vec<String>>,
    /// Whether it may be null. Columns of views may, as far as the catalog knows.
    pub nullable: bool,
    /// Its comment.
    pub says: Option<String>,
    /// select, insert and update, as far as signed-in people have the grant.
    pub verbs: Vec<String>,
}

/// Every function of `public.chat_*` and of `chat`, by name.
pub async fn functions(db: &TestDb) -> Result<Vec<Function>> {
    read(
        db,
        "select n.nspname as schema, p.proname as name, pg_get_function_arguments(p.oid) as arguments,
            pg_get_function_result(p.oid) as returns, coalesce(obj_description(p.oid, 'pg_proc'), '') as says,
            p.prosrc as body, array(
                select r.role from unnest(array['anon', 'authenticated', 'service_role', 'chat_worker'])
                    with ordinality as r (role, n)
                where has_function_privilege(r.role::name, p.oid, 'execute') order by r.n) as roles
        from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'chat' or n.nspname = 'public' and p.proname like 'chat\\_%'
        order by n.nspname, p.proname, 3",
    )
    .await
}

/// Every table and view of `public` that is ours, by name.
pub async fn relations(db: &TestDb) -> Result<Vec<Relation>> {
    read(
        db,
        r"select c.relname as name, c.relkind = 'v' as is_view, coalesce(obj_description(c.oid, 'pg_class'), '') as says,
            (select jsonb_agg(jsonb_build_object(
                'name', a.attname,
                'sql', format_type(coalesce(nullif(t.typbasetype, 0), a.atttypid), a.atttypmod),
                'domain', case when t.typtype = 'd' then t.typname end,
                'words', words.listed,
                'nullable', not a.attnotnull,
                'says', col_description(c.oid, a.attnum),
                'verbs', array(
                    select v.verb from unnest(array['select', 'insert', 'update']) with ordinality as v (verb, n)
                    where has_column_privilege('authenticated', c.oid, a.attnum, v.verb) order by v.n)) order by a.attnum)
            from pg_attribute a
            join pg_type t on t.oid = a.atttypid
            left join lateral (
                -- PostgreSQL writes a list of words as '{a,b}'::text[] or as ARRAY['a'::text, 'b'::text].
                select coalesce(
                    string_to_array(substring(k.said from '''\{([^{}]*)\}''::text\[\]'), ','),
                    array(select m[1] from regexp_matches(substring(k.said from 'ARRAY\[(.*)\]'), '''([^'']*)''', 'g')
                        with ordinality as w (m, n) order by n)) as listed
                from (select pg_get_constraintdef(x.oid) as said, x.contypid from pg_constraint x
                    where x.contype = 'c' and (x.contypid = t.oid and t.typtype = 'd'
                        or x.conrelid = c.oid and x.conkey = array[a.attnum])) k
                where k.said ~ '= ANY'
                order by k.contypid desc limit 1) words on true
            where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns
        from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'v')
            and c.relname like any (array['mod\_chat\_%', 'chat\_%'])
        order by c.relname",
    )
    .await
}

async fn read<T: for<'a> Deserialize<'a>>(db: &TestDb, select: &str) -> Result<Vec<T>> {
    let rows = db.rows(select).await?;
    rows.into_iter()
        .map(|row| serde_json::from_value(row).context("the catalog answers otherwise"))
        .collect()
}

/// Text files of the repository below a folder whose name ends so, with their paths from its root.
pub fn files(dir: &str, ending: &str) -> Result<Vec<(String, String)>> {
    let root = repository();
    let mut found = Vec::new();
    let mut open = vec![root.join(dir)];
    while let Some(dir) = open.pop() {
        for entry in
            std::fs::read_dir(&dir).with_context(|| format!("cannot list {}", dir.display()))?
        {
            let path = entry?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                let name = path
                    .strip_prefix(&root)?
                    .to_string_lossy()
                    .replace('\\', "/");
                found.push((name, read_text(&path)?));
            }
        }
    }
    found.sort();
    Ok(found)
}

/// A text file; the error names it.
pub fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))
}
