//! Is there a place for files, and does it take ours?

use super::{Mark, Report};
use crate::{
    apis::storage::{Storage, StorageError},
    config,
};

/// Asks Storage for the bucket.
pub(super) async fn check(config: &config::Storage, report: &mut Report) {
    const WHAT: &str = "Storage";
    let storage = match Storage::new(config) {
        Ok(Some(storage)) => storage,
        // Said of the settings.
        Ok(None) => return,
        Err(error) => return report.add(Mark::Wrong, WHAT, error.to_string()),
    };
    match storage.bucket().await {
        Ok(bucket) if bucket["public"] == false => {
            report.add(Mark::Ok, WHAT, "bucket chat-media is there and private");
        }
        Ok(_) => report.add(
            Mark::Wrong,
            WHAT,
            "bucket chat-media is public, so anybody with an address reads files; make it private",
        ),
        Err(StorageError::Missing(_)) => report.add(
            Mark::Wrong,
            WHAT,
            "there is no bucket chat-media; apply the migration, which makes it",
        ),
        Err(error @ StorageError::Refused { .. }) => report.add(
            Mark::Wrong,
            WHAT,
            format!("{error}; check storage.service_key (SUPABASE_SERVICE_ROLE_KEY)"),
        ),
        Err(error) => report.add(
            Mark::Unknown,
            WHAT,
            format!("{error}; check storage.url (SUPABASE_URL) and that this machine may reach it"),
        ),
    }
}
