//! That nothing public is left out.

use std::collections::BTreeSet;

use anyhow::{Result, ensure};
use pg_chat_tests::TestDb;

use crate::calls;

/// Names of all functions that people and programs call.
pub async fn public_functions(db: &TestDb) -> Result<BTreeSet<String>> {
    let names: Vec<String> = sqlx::query_scalar(
        "select distinct proname::text from pg_proc
        where pronamespace = 'public'::regnamespace and proname like 'chat\\_%'",
    )
    .fetch_all(db.owner())
    .await?;
    Ok(names.into_iter().collect())
}

/// A new public function that torture does not call fails here.
pub async fn every_public_function_is_called(db: &TestDb) -> Result<()> {
    let called: BTreeSet<_> = calls::all()
        .iter()
        .map(|kind| kind.name.to_owned())
        .collect();
    let left_out: Vec<_> = public_functions(db)
        .await?
        .difference(&called)
        .cloned()
        .collect();
    ensure!(
        left_out.is_empty(),
        "tests/torture/calls says nothing of {}",
        left_out.join(", ")
    );
    Ok(())
}
