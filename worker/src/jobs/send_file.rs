//! The file of a message that is to be sent: from Storage to Meta, which gives it an id. Repeating it does no harm: nothing
//! was sent yet.

use super::{
    Context,
    long::{self, Lost},
};
use crate::{
    apis::{
        graph::{CallError, Caller},
        storage::{Storage, StorageError},
    },
    db::{Attempt, AttemptOutcome, ClaimedJob, StoredFile},
    queue::lease::Lease,
    secret::Secret,
};
use chat_rules::{
    jobs::retry,
    whatsapp::{
        media::{self, MAX_BYTES},
        outgoing::{self, Media},
    },
};
use tracing::warn;

/// Where Meta finds the message's file: what the row names itself, an address on the web, or what we upload now.
/// `None` where it has none. The lease is held for as long as the file takes.
pub(super) async fn media(
    context: &Context,
    job: &ClaimedJob,
    lease: &mut Lease,
    attempt: &Attempt,
    token: &Secret,
) -> Result<Option<Media>, AttemptOutcome> {
    // A file that is not sent stays where it is.
    let Some(kind) = outgoing::file_kind(&attempt.kind, &attempt.metadata) else {
        return Ok(None);
    };
    let path = attempt.file.as_ref().map(|file| file.path.as_str());
    if let Some(named) = Media::of(&attempt.metadata, path) {
        return Ok(Some(named));
    }
    let Some(file) = &attempt.file else {
        return Ok(None);
    };
    if let Some(id) = &file.media_id {
        return Ok(Some(Media::Id(id.clone())));
    }
    let work = upload(context, job, attempt, kind, file, token);
    match long::held(context, lease, Lost::Dropped, work).await {
        Some(uploaded) => uploaded.map(|id| Some(Media::Id(id))),
        None => Err(later(
            job,
            "the lease was lost while the file was on its way",
        )),
    }
}

async fn upload(
    context: &Context,
    job: &ClaimedJob,
    attempt: &Attempt,
    kind: &str,
    file: &StoredFile,
    token: &Secret,
) -> Result<String, AttemptOutcome> {
    // Whoever wrote the row, the service key opens no other site's file for it.
    if !file.path.starts_with(&format!("chat/{}/", attempt.site_id)) {
        return Err(failed(
            "the file is none of this site's".to_owned(),
            "Put the file into bucket chat-media first, then send it.".to_owned(),
        ));
    }
    let storage = context.storage.as_ref().ok_or_else(|| {
        later(
            job,
            "no Storage is configured: storage.url and storage.service_key",
        )
    })?;
    let bytes = download(storage, job, file).await?;
    let mime = media::sent_type(
        kind,
        file.mime.as_deref(),
        bytes.found_type(),
        bytes.size,
        bytes.is_animated(),
    )
    .map_err(|unfit| failed(unfit.what, unfit.advice))?;
    let name = media::file_name(file.name.as_deref(), kind, &mime);
    let caller = Caller {
        version: attempt.graph_version.as_deref(),
        token,
        within: context.graph.timeout(),
    };
    let id = context
        .graph
        .upload_media(caller, &attempt.phone_number_id, &bytes, &name, &mime)
        .await
        .map_err(|error| match error {
            // Meta may have it now; that nobody will ask for it is all that happens.
            CallError::Unclear(why) | CallError::NotSent(why) => later(job, &why),
            refused @ CallError::Refused(_) => super::send_message::judge(job, Err(refused)),
        })?;
    let kept = context
        .db
        .keep_media_id(attempt.message_id, &attempt.phone_number_id, &id)
        .await;
    if let Err(error) = kept {
        // Another try would upload it again, which does no harm.
        warn!(message = %attempt.message_id, %error, "the id of an uploaded file could not be kept");
    }
    Ok(id)
}

async fn download(
    storage: &Storage,
    job: &ClaimedJob,
    file: &StoredFile,
) -> Result<super::spool::Spooled, AttemptOutcome> {
    storage
        .download(&file.path, MAX_BYTES)
        .await
        .map_err(|error| match error {
            StorageError::Missing(_) => failed(
                "the file is not in Storage any more".to_owned(),
                "Put the file into bucket chat-media again and send it anew.".to_owned(),
            ),
            StorageError::TooLarge(_) => failed(
                error.to_string(),
                "WhatsApp takes documents of up to 100 MB; send a link to it.".to_owned(),
            ),
            _ => later(job, &error.to_string()),
        })
}

fn failed(what: String, advice: String) -> AttemptOutcome {
    AttemptOutcome::Failed {
        code: None,
        title: "The file cannot be sent to WhatsApp".to_owned(),
        details: Some(what),
        advice: Some(advice),
        http: None,
        closes_window: false,
    }
}

/// Another try, unless the message has waited for as long as one may.
fn later(job: &ClaimedJob, why: &str) -> AttemptOutcome {
    let after_seconds = u64::from(retry::backoff_seconds(job.tries));
    if job.held_seconds + after_seconds > u64::from(retry::hold_seconds(&job.kind)) {
        return failed(
            why.to_owned(),
            "Send it again when Storage and WhatsApp can be reached.".to_owned(),
        );
    }
    AttemptOutcome::Retry {
        after_seconds,
        code: None,
        title: "The file could not be handed to WhatsApp".to_owned(),
        details: Some(why.to_owned()),
        http: None,
        token: None,
        stops: None,
    }
}
