//! From a release to the one to come, with rows in the database: the same definitions as a fresh install has, the same
//! rows, and a site that goes on.
//!
//! The rows are those of `lives/<release>.sql`, a day under that release by the functions it had.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context, Result, ensure};
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{Fingerprint, Number, Regime, TestDb, repository, webhook};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

/// Ada, who answers.
const ADA: Uuid = Uuid::from_u128(0xc000_0000_0000_4000_8000_0000_0000_0002);

/// supabase/released.toml.
#[derive(Deserialize)]
struct Released {
    #[serde(default, rename = "release")]
    releases: Vec<Release>,
}

#[derive(Deserialize)]
struct Release {
    version: String,
    migration: String,
}

impl Release {
    /// A database that has this release, empty.
    async fn made(&self, regime: Regime) -> Result<TestDb> {
        let db = TestDb::bare(regime).await?;
        db.install_from(&self.migration).await?;
        Ok(db)
    }

    /// The same after a day of work.
    async fn lived(&self, regime: Regime) -> Result<TestDb> {
        let db = self.made(regime).await?;
        live(&db, &self.version).await?;
        Ok(db)
    }
}

/// All releases. None yet, and the test that asks says so and is not passed.
fn releases() -> Result<Vec<Release>> {
    let path = repository().join("supabase/released.toml");
    if !path.exists() {
        println!("SKIPPED: nothing is released yet");
        return Ok(Vec::new());
    }
    let released: Released = toml::from_str(&fs::read_to_string(path)?)?;
    ensure!(
        !released.releases.is_empty(),
        "supabase/released.toml names no release"
    );
    Ok(released.releases)
}

/// A day under a release.
async fn live(db: &TestDb, version: &str) -> Result<()> {
    let path = repository().join(format!("tests/upgrade/lives/{version}.sql"));
    let day = fs::read_to_string(&path)
        .with_context(|| format!("each release has its day: {}", path.display()))?;
    let mut connection = db.connect_as("supabase_admin").await?;
    connection
        .execute(AssertSqlSafe(day))
        .await
        .with_context(|| format!("the day of {version}"))?;
    Ok(())
}

/// The columns of each table of ours, and each row as text, in the order of its text.
type Rows = BTreeMap<String, (Vec<String>, Vec<Value>)>;

/// All rows of all tables, in the columns that `before` has where it knows the table.
async fn rows(db: &TestDb, before: Option<&Rows>) -> Result<Rows> {
    let tables: Vec<(String, Vec<String>)> = sqlx::query_as(
        "select c.oid::regclass::text, array_agg(a.attname::text order by a.attnum)
        from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
        where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'chat'::regnamespace)
        group by c.oid",
    )
    .fetch_all(db.owner())
    .await?;
    let mut all = Rows::new();
    for (table, columns) in tables {
        let columns = before
            .and_then(|before| before.get(&table))
            .map_or(columns, |(columns, _)| columns.clone());
        let quoted: Vec<_> = columns.iter().map(|name| format!("t.\"{name}\"")).collect();
        let select = format!(
            "select to_jsonb(x) from (select {} from {table} t) x order by x::text",
            quoted.join(", ")
        );
        let rows = sqlx::query_scalar(AssertSqlSafe(select))
            .fetch_all(db.owner())
            .await
            .with_context(|| format!("{table} has a column no more that it had"))?;
        all.insert(table, (columns, rows));
    }
    Ok(all)
}

/// A fresh install is the newest migration alone.
async fn fresh(regime: Regime) -> Result<Fingerprint> {
    let db = TestDb::bare(regime).await?;
    db.install().await?;
    Fingerprint::of(&db).await
}

fn ensure_same(what: &str, fresh: &Fingerprint, upgraded: &Fingerprint) -> Result<()> {
    let changes = fresh.changes_to(upgraded);
    ensure!(
        changes.is_empty(),
        "{what}, {} objects are not as in a fresh install; say in sql/changes/ what an upgrade has to do, as \
         docs/releases.md shows:\n  {}",
        changes.len(),
        changes.join("\n  ")
    );
    Ok(())
}

#[tokio::test]
async fn an_upgraded_database_is_defined_as_a_fresh_one() -> Result<()> {
    for release in releases()? {
        for regime in Regime::ALL {
            let db = release.lived(regime).await?;
            db.install().await?;
            let what = format!("from {} under {regime:?}", release.version);
            ensure_same(&what, &fresh(regime).await?, &Fingerprint::of(&db).await?)?;
        }
    }
    Ok(())
}

/// As Supabase applies a folder of migrations, in the order of their names.
#[tokio::test]
async fn migrations_in_a_row_make_what_the_newest_makes_alone() -> Result<()> {
    let releases = releases()?;
    let Some((first, later)) = releases.split_first() else {
        return Ok(());
    };
    for regime in Regime::ALL {
        let db = first.made(regime).await?;
        for release in later {
            db.install_from(&release.migration).await?;
        }
        db.install().await?;
        ensure_same(
            "one after the other",
            &fresh(regime).await?,
            &Fingerprint::of(&db).await?,
        )?;
    }
    Ok(())
}

#[tokio::test]
async fn every_row_is_there_after_an_upgrade() -> Result<()> {
    for release in releases()? {
        let db = release.lived(Regime::New).await?;
        let before = rows(&db, None).await?;
        let empty: Vec<_> = before
            .iter()
            .filter(|(_, (_, rows))| rows.is_empty())
            .map(|(table, _)| table.as_str())
            .collect();
        ensure!(
            empty.is_empty(),
            "in the day of {} these get no row: {empty:?}",
            release.version
        );
        assert_counters_equal_recount(&db).await?;
        db.install().await?;
        let after = rows(&db, Some(&before)).await?;
        for (table, rows) in &before {
            assert_eq!(after.get(table), Some(rows), "{table}");
        }
        assert_counters_equal_recount(&db).await?;
        let version = db.row("select chat.version() as version").await?;
        assert_eq!(version["version"], env!("CARGO_PKG_VERSION"));
    }
    Ok(())
}

/// Numbers, identities and routing go on where they were.
#[tokio::test]
async fn a_site_goes_on_after_an_upgrade() -> Result<()> {
    for release in releases()? {
        let db = release.lived(Regime::Old).await?;
        db.install().await?;
        let (app, account): (Uuid, Uuid) =
            sqlx::query_as("select app_id, id from chat.whatsapp_accounts")
                .fetch_one(db.owner())
                .await?;
        let number = Number {
            phone_number_id: "106540352242922".to_owned(),
            waba_id: "9106540352242922".to_owned(),
            app,
            account,
        };
        let said = webhook::receive(
            &db,
            &number,
            &[
                webhook::text("15550100003", "wamid.15550100003", "Hello"),
                webhook::text("15550100003", "wamid.more", "Is anybody there?"),
                webhook::text("15550100009", "wamid.new", "I am new"),
            ],
        )
        .await?;
        assert_eq!(
            (&said[0]["stored"], &said[0]["duplicate"]),
            (&json!(2), &json!(1)),
            "{said:?}"
        );
        let max = db
            .row(
                "select count(*) as messages, max(m.seq) as seq, count(distinct m.conversation_id) as chats
                from mod_chat_messages m join mod_chat_conversations c on c.id = m.conversation_id
                join mod_chat_visitors v on v.id = c.visitor_id where v.name = 'Max'",
            )
            .await?;
        assert_eq!(max, json!({"messages": 3, "seq": 3, "chats": 1}));
        let new = db
            .row(
                "select a.user_id, c.status from mod_chat_conversations c join mod_chat_visitors v on v.id = c.visitor_id
                left join mod_chat_agents a on a.id = c.assigned_agent_id where v.whatsapp_phone = '15550100009'",
            )
            .await?;
        assert_eq!(new, json!({"user_id": ADA, "status": "active"}));
        sqlx::query("select chat_tick()")
            .execute(db.as_worker())
            .await?;
        assert_counters_equal_recount(&db).await?;
    }
    Ok(())
}
