//! `worker rotate-key`: every secret of the database is sealed for the worker's key, whatever key it was sealed for.
//!
//! Each is replaced where it still is what was opened. So it may be cut off anywhere and run again, and a secret that
//! somebody saves meanwhile stays.

use crate::{
    config::Config,
    db::{Db, DbError},
    sealed::SealError,
};

/// Why it did not run to its end. Nothing is lost; it goes on where it was.
#[derive(Debug, thiserror::Error)]
pub enum RotateError {
    /// `secrets.private_key` is not set.
    #[error(
        "set secrets.private_key (CHAT_SECRETS_PRIVATE_KEY) to the new key and secrets.old_private_key to the one before"
    )]
    NoKey,
    /// A key cannot be read.
    #[error(transparent)]
    Key(#[from] SealError),
    /// The database said no, or is away.
    #[error("{0}; run it again, it goes on where it was")]
    Database(#[from] DbError),
}

/// How it ended.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rotated {
    /// Secrets sealed anew.
    pub resealed: i64,
    /// Those that changed meanwhile; run again to see that they are right.
    pub changed: i64,
    /// Those that could not be opened, and why.
    pub closed: Vec<String>,
}

/// Seals everything for the configuration's key, which clients seal for from now on.
pub async fn run(config: &Config) -> Result<Rotated, RotateError> {
    let keys = config.keys()?;
    let own = keys.own().ok_or(RotateError::NoKey)?.public().clone();
    let db = Db::new(config)?;
    // First, so that whatever people save from now on is right already.
    db.publish_worker_key(&own.to_base64(), &config.webhooks.public_url, true)
        .await?;
    let mut rotated = Rotated::default();
    let mut after = String::new();
    loop {
        let mut batch = db.secrets_to_reseal(&own.id(), &after).await?;
        let Some(last) = batch.last() else {
            break;
        };
        after = format!("{}:{}", last.what, last.id);
        for secret in &mut batch {
            match keys.open(&secret.sealed).and_then(|open| own.seal(&open)) {
                Ok(resealed) => secret.resealed = resealed,
                Err(why) => rotated
                    .closed
                    .push(format!("{} {}: {why}", secret.what, secret.id)),
            }
        }
        batch.retain(|secret| !secret.resealed.is_empty());
        let stored = i64::from(db.store_resealed(&batch).await?);
        rotated.resealed += stored;
        rotated.changed += i64::try_from(batch.len()).unwrap_or(i64::MAX) - stored;
    }
    db.close().await;
    Ok(rotated)
}
