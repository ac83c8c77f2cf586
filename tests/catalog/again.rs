//! Applying the migration to a database that has it.

use anyhow::{Result, ensure};
use pg_chat_tests::{Fingerprint, Regime, TestDb};

#[tokio::test]
async fn the_migration_applied_twice_changes_nothing() -> Result<()> {
    for regime in Regime::ALL {
        let db = TestDb::clone_of(regime).await?;
        let before = Fingerprint::of(&db).await?;
        db.install().await?;
        let changes = before.changes_to(&Fingerprint::of(&db).await?);
        ensure!(
            changes.is_empty(),
            "{regime:?}: {} objects changed:\n  {}",
            changes.len(),
            changes.join("\n  ")
        );
    }
    Ok(())
}
