//! `storage.delete`: files that nobody shall have any more. Deleting one that is gone does no harm.

use super::{
    Context, Outcome,
    long::{self, Lost},
    persist, retry_or,
};
use crate::{db::ClaimedJob, queue::lease::Lease};
use chat_rules::jobs::retry;

/// Deletes all that wait, a hundred at a time.
pub async fn run(context: &Context, job: &ClaimedJob, lease: &mut Lease) -> Outcome {
    let begun = *lease;
    let work = async {
        delete(context, job, &begun)
            .await
            .unwrap_or_else(|ended| ended)
    };
    long::held(context, lease, Lost::GoesOn, work)
        .await
        .unwrap_or(Outcome::Done)
}

async fn delete(context: &Context, job: &ClaimedJob, lease: &Lease) -> Result<Outcome, Outcome> {
    let later = |why: &str| {
        retry_or(job, retry::patient_seconds(job.tries), why, |why| {
            Outcome::Dead { why }
        })
    };
    let lost = |error: crate::db::DbError| Outcome::Lost {
        why: error.to_string(),
    };
    let storage = context
        .storage
        .as_ref()
        .ok_or_else(|| later("no Storage is configured: storage.url and storage.service_key"))?;
    loop {
        let files = context
            .db
            .files_to_delete(lease.job_id, lease.token)
            .await
            .map_err(lost)?;
        if files.is_empty() {
            return Ok(Outcome::Done);
        }
        let (ids, paths): (Vec<i64>, Vec<String>) =
            files.into_iter().map(|file| (file.id, file.path)).unzip();
        storage
            .delete(&paths)
            .await
            .map_err(|error| later(&error.to_string()))?;
        persist(lease.until, || context.db.files_deleted(&ids))
            .await
            .map_err(lost)?;
    }
}
