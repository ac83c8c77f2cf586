//! A migration that would do harm: it says so and has changed nothing.

use std::fs;

use anyhow::{Context, Result};
use local_stack::migrate::Sources;
use pg_chat_tests::{Fingerprint, Refusal, TestDb, repository};
use sqlx::{AssertSqlSafe, Executor};

/// Fails unless the newest migration is refused with this code, and changes nothing.
async fn refuses(db: &TestDb, code: &str) -> Result<()> {
    let before = Fingerprint::of(db).await?;
    let Err(error) = db.install().await else {
        anyhow::bail!("the migration should have been refused: {code}");
    };
    let said = error.to_string();
    assert!(said.contains(code), "{said}");
    let changes = before.changes_to(&Fingerprint::of(db).await?);
    assert_eq!(changes, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_migration_older_than_the_database() -> Result<()> {
    let db = TestDb::new().await?;
    db.as_owner(
        "create or replace function chat.version() returns text language sql immutable parallel safe as $$ select '99.0.0' $$",
    )
    .await?;
    refuses(&db, "chat/older_release").await
}

/// A library that was not installed with the migration would be asked what it does not know.
#[tokio::test]
async fn a_library_older_than_the_migration() -> Result<()> {
    let db = TestDb::new().await?;
    db.superuser()
        .execute(
            "create or replace function chat_rules.library_version() returns text
            language sql stable parallel safe as $$ select '0.0.9' $$",
        )
        .await?;
    refuses(&db, "chat/older_library").await
}

/// The first two statements of a migration, each of its own.
#[tokio::test]
async fn a_migration_without_a_transaction() -> Result<()> {
    let db = TestDb::bare(pg_chat_tests::Regime::New).await?;
    let text = fs::read_to_string(Sources::of(&repository()).migration()?)?;
    let (first, rest) = text
        .split_once("\n$$;\n")
        .context("the migration begins with a block")?;
    let (second, _) = rest.split_once("\n$$;\n").context("and a second one")?;
    let mut connection = db.connect_as("postgres").await?;
    connection
        .execute(AssertSqlSafe(format!("{first}\n$$")))
        .await?;
    let refusal = Refusal::expect(
        connection
            .execute(AssertSqlSafe(format!("{second}\n$$")))
            .await,
    );
    assert_eq!(
        (&*refusal.sqlstate, refusal.detail.as_deref()),
        ("PT409", Some("chat/no_transaction"))
    );
    Ok(())
}

/// As if this release had new functions of the extension, and the server only the files of the one before.
#[tokio::test]
async fn a_server_without_the_extensions_new_files() -> Result<()> {
    let db = TestDb::new().await?;
    let text = fs::read_to_string(Sources::of(&repository()).migration()?)?;
    let (before, rest) = text
        .split_once("\n-- file: sql/chat.sql\n")
        .context("a migration makes the schema")?;
    let (part, _) = rest
        .split_once("\n-- file: ")
        .context("and goes on after it")?;
    let has = db
        .row("select extversion from pg_extension where extname = 'pg_chat_ext'")
        .await?;
    let version = format!("'{}'", has["extversion"].as_str().unwrap_or_default());
    assert!(part.contains(&version));
    let newer = part.replace(&version, "'99.0.0'");
    let mut connection = db.connect_as("postgres").await?;
    let refusal = Refusal::expect(
        connection
            .execute(AssertSqlSafe(format!("{before}\n{newer}")))
            .await,
    );
    assert_eq!(
        (&*refusal.sqlstate, refusal.detail.as_deref()),
        ("PT409", Some("chat/older_library"))
    );
    Ok(())
}
