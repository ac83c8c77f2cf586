//! What the catalog holds that somebody could reach: nothing is listed by hand, so nothing new is left out.

use anyhow::{Result, bail};
use pg_chat_tests::TestDb;

/// A table, view or sequence.
#[derive(Debug, Clone)]
pub struct Relation {
    /// As written in SQL with `public` in the search path: `sites`, `chat.jobs`.
    pub name: String,
    /// Which of the three.
    pub kind: Kind,
    /// Its columns; none of a sequence.
    pub columns: Vec<Column>,
}

/// Kinds of relations that are tried in their own ways.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Takes every verb.
    Table,
    /// Takes a select, and a write where it can be written through.
    View {
        /// It can be.
        writable: bool,
    },
    /// Only `nextval` is tried.
    Sequence,
}

/// A column and what is needed to write it.
#[derive(Debug, Clone)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Its type without length; of a domain the type beneath.
    type_name: String,
    /// Its default as an expression.
    default: Option<String>,
    /// The database alone gives it a value.
    generated: bool,
}

/// A function.
#[derive(Debug, Clone)]
pub struct Function {
    /// As `expected.toml` names it: `chat_tick`, `chat.may`; with its arguments when another bears that name.
    pub label: String,
    /// Its bare name, as it stands in an error message.
    pub name: String,
    /// Its schema.
    pub schema: String,
    /// A call of it with nulls. They come out of a subquery, because the planner answers a strict function of constant
    /// nulls itself and asks nobody's rights.
    pub call: String,
}

impl Column {
    /// Another value than a fresh row holds.
    pub fn another_value(&self) -> Result<String> {
        if self.generated {
            return Ok("default".to_owned());
        }
        Ok(match self.type_name.as_str() {
            "uuid" => "gen_random_uuid()",
            "boolean" if self.default.as_deref() == Some("true") => "false",
            "boolean" => "true",
            "smallint" | "integer" | "bigint" | "numeric" => "7",
            "timestamp with time zone" => "now()",
            "date" => "'2026-01-03'",
            "json" | "jsonb" => "'{\"another\": true}'",
            "inet" => "'192.0.2.1'",
            "cidr" => "'192.0.2.0/24'",
            "bytea" => "'\\x01'",
            "tsvector" => "'another'",
            "xid8" => "'7'",
            "text" => "'another'",
            "uuid[]" => "'{00000000-0000-4000-8000-000000000001}'",
            array if array.ends_with("[]") => "'{another}'",
            other => bail!(
                "tests/rls/objects.rs knows no value of type {other}, which column {} has",
                self.name
            ),
        }
        .to_owned())
    }
}

/// Relations of `public` and `chat`, whoever made them.
pub async fn relations(db: &TestDb) -> Result<Vec<Relation>> {
    let found: Vec<(String, String, bool)> = sqlx::query_as(
        "select c.oid::regclass::text, c.relkind::text, pg_relation_is_updatable(c.oid, true) > 0
        from pg_class c
        where c.relnamespace in ('public'::regnamespace, 'chat'::regnamespace)
            and c.relkind in ('r', 'p', 'f', 'v', 'm', 'S')
        order by 1",
    )
    .fetch_all(db.owner())
    .await?;
    let mut relations = Vec::new();
    for (name, kind, writable) in found {
        let kind = match kind.as_str() {
            "S" => Kind::Sequence,
            "v" | "m" => Kind::View { writable },
            _ => Kind::Table,
        };
        let columns = if kind == Kind::Sequence {
            Vec::new()
        } else {
            columns(db, &name).await?
        };
        relations.push(Relation {
            name,
            kind,
            columns,
        });
    }
    Ok(relations)
}

async fn columns(db: &TestDb, relation: &str) -> Result<Vec<Column>> {
    let found: Vec<(String, String, Option<String>, bool)> = sqlx::query_as(
        "select a.attname::text, format_type(coalesce(nullif(t.typbasetype, 0), t.oid), null),
            pg_get_expr(d.adbin, d.adrelid), a.attgenerated <> '' or a.attidentity = 'a'
        from pg_attribute a
        join pg_type t on t.oid = a.atttypid
        left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
        where a.attrelid = $1::regclass and a.attnum > 0 and not a.attisdropped
        order by a.attnum",
    )
    .bind(relation)
    .fetch_all(db.owner())
    .await?;
    Ok(found
        .into_iter()
        .map(|(name, type_name, default, generated)| Column {
            name,
            type_name,
            default,
            generated,
        })
        .collect())
}

/// Functions of `public`, `chat` and `chat_rules`.
pub async fn functions(db: &TestDb) -> Result<Vec<Function>> {
    let found: Vec<(String, String, String, bool, Vec<String>)> = sqlx::query_as(
        "select p.oid::regprocedure::text, p.proname::text, n.nspname::text,
            count(*) over (partition by n.nspname, p.proname) > 1,
            array(select format_type(t, null) from unnest(p.proargtypes) with ordinality a (t, place) order by place)
        from pg_proc p
        join pg_namespace n on n.oid = p.pronamespace
        where n.nspname in ('public', 'chat', 'chat_rules')
        order by 1",
    )
    .fetch_all(db.owner())
    .await?;
    Ok(found
        .into_iter()
        .map(|(signature, name, schema, overloaded, types)| {
            let arguments: Vec<String> =
                (0..types.len()).map(|place| format!("a{place}")).collect();
            let nulls: Vec<String> = types
                .iter()
                .enumerate()
                .map(|(place, name)| format!("null::{name} as a{place}"))
                .collect();
            let call = format!(
                "select {schema}.{name}({}) from (select {} offset 0) nulls",
                arguments.join(", "),
                nulls.join(", ")
            );
            let label = match signature.split_once('(') {
                Some((short, _)) if !overloaded => short.to_owned(),
                _ => signature,
            };
            Function {
                label,
                name,
                schema,
                call,
            }
        })
        .collect())
}
