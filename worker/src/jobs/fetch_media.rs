//! `whatsapp.fetch_media`: the file of a received message, from Meta into Storage.
//!
//! It may be repeated at any point: the path is the message's own, an upload replaces what is there, and the row
//! becomes ready or failed once.

use super::{
    Context, Outcome,
    long::{self, Lost},
    persist, retry_or,
    spool::Spooled,
};
use crate::{
    accounts::NoToken,
    apis::{
        graph::{CallError, Caller, DownloadError, Media},
        storage::{Storage, StorageError},
    },
    db::{ClaimedJob, MediaBegun, MediaFacts},
    queue::lease::Lease,
    secret::Secret,
};
use chat_rules::{
    jobs::retry::{self, Decision},
    whatsapp::media::{self, MAX_BYTES},
};
use tracing::warn;

/// Tries of a file whose bytes are not what was said of them: a proxy may have cut it once.
const TRIES_OF_A_LIE: u32 = 3;

/// How a try ended that did not bring the file.
#[derive(Debug)]
enum Trouble {
    /// It may come later.
    Later {
        /// From now.
        after_s: u32,
        /// For the log and the job's row.
        why: String,
    },
    /// It will not: words for who reads the chat, and what happened.
    Never { words: &'static str, why: String },
}

/// Graph's code for a parameter that names nothing.
const NO_SUCH_THING: i64 = 100;

const GONE: &str = "WhatsApp does not have this file any more. Ask the person to send it again.";
const TOO_LARGE: &str = "The file is too large to be kept. Ask the person for a smaller one.";
const DAMAGED: &str =
    "The file arrived damaged: it is not the one that was sent. Ask the person to send it again.";
const DISGUISED: &str = "The file is not what it is called, so it was not kept. If you trust the person, ask them to send it as a document.";
const ELSEWHERE: &str =
    "The file does not lie at WhatsApp, so it was not fetched. Ask the person to send it again.";
const OVER: &str = "The file could not be fetched within the seven days that WhatsApp keeps it. Ask the person to send it again.";
const FOREIGN: &str = "The number's account belongs to another site, so the file was not fetched.";

/// Brings the file, or says in its message why it will not come.
pub async fn run(context: &Context, job: &ClaimedJob, lease: &mut Lease) -> Outcome {
    let facts = match context.db.begin_media(lease.job_id, lease.token).await {
        Ok(MediaBegun::Go(facts)) => facts,
        Ok(MediaBegun::No { state, why }) if state == "not_connected" => {
            return retry_or(job, 600, &why, |why| Outcome::Dead { why });
        }
        // Whoever made it ready before may not have ended the job.
        Ok(MediaBegun::No { .. }) => return Outcome::Done,
        Err(error) => {
            return Outcome::Lost {
                why: error.to_string(),
            };
        }
    };
    let begun = *lease;
    let work = async {
        match bring(context, job, &begun, &facts).await {
            Ok(()) => Outcome::Done,
            Err(Trouble::Never { words, why }) => {
                failed(context, &begun, &facts, words, &why).await
            }
            Err(Trouble::Later { after_s, why }) => {
                match retry_or(job, after_s, &why, |why| Outcome::Dead { why }) {
                    Outcome::Dead { why } => failed(context, &begun, &facts, OVER, &why).await,
                    later => later,
                }
            }
        }
    };
    long::held(context, lease, Lost::GoesOn, work)
        .await
        .unwrap_or(Outcome::Done)
}

/// The message tells that its file will not come; then the job has done what it could.
async fn failed(
    context: &Context,
    lease: &Lease,
    facts: &MediaFacts,
    words: &str,
    why: &str,
) -> Outcome {
    warn!(message = %facts.message_id, why, "the file of a message will not come");
    let told = persist(lease.until, || {
        context.db.media_failed(facts.message_id, words)
    });
    match told.await {
        Ok(_) => Outcome::Done,
        Err(error) => Outcome::Lost {
            why: error.to_string(),
        },
    }
}

async fn bring(
    context: &Context,
    job: &ClaimedJob,
    lease: &Lease,
    facts: &MediaFacts,
) -> Result<(), Trouble> {
    let later = |why: String| Trouble::Later {
        after_s: retry::patient_seconds(job.tries),
        why,
    };
    let storage = context.storage.as_ref().ok_or_else(|| {
        later("no Storage is configured: storage.url and storage.service_key".to_owned())
    })?;
    let token = context
        .accounts
        .token(facts.account_id, Some(facts.site_id))
        .map_err(|no| match no {
            NoToken::Missing | NoToken::Sealed(_) => {
                context.accounts.look();
                later(no.to_string())
            }
            NoToken::OtherSite => Trouble::Never {
                words: FOREIGN,
                why: no.to_string(),
            },
        })?;
    let (file, said) = download(context, job, facts, &token.secret).await?;
    let mime = believed(job, facts, &said, &file)?;
    let name = media::file_name(facts.name.as_deref(), &facts.kind, &mime);
    let path = format!("{}/{}_{name}", facts.folder, facts.message_id);
    upload(storage, job, &path, &mime, &file).await?;
    let ready = persist(lease.until, || {
        context
            .db
            .media_ready(facts.message_id, &path, &file, &mime)
    });
    ready
        .await
        .map(|_| ())
        .map_err(|error| later(error.to_string()))
}

/// The bytes, and what Graph says of them. An address that is over is asked for anew, once.
async fn download(
    context: &Context,
    job: &ClaimedJob,
    facts: &MediaFacts,
    token: &Secret,
) -> Result<(Spooled, Media), Trouble> {
    let graph = &context.graph;
    let caller = Caller {
        version: facts.graph_version.as_deref(),
        token,
        within: graph.timeout(),
    };
    let mut asked_again = false;
    loop {
        let said = graph
            .media(caller, &facts.media_id, &facts.phone_number_id)
            .await
            .map_err(|error| of_call(job, &error))?;
        if said.size.is_some_and(|size| size > MAX_BYTES) {
            return Err(Trouble::Never {
                words: TOO_LARGE,
                why: format!("Graph says {:?} bytes", said.size),
            });
        }
        match graph.download(caller, &said.url, MAX_BYTES).await {
            Ok(file) => return Ok((file, said)),
            Err(DownloadError::Gone) if !asked_again => asked_again = true,
            Err(error) => return Err(of_download(job, &error)),
        }
    }
}

fn of_call(job: &ClaimedJob, error: &CallError) -> Trouble {
    let why = error.to_string();
    let decision = match error {
        CallError::NotSent(_) | CallError::Unclear(_) => {
            let after_s = retry::patient_seconds(job.tries);
            return Trouble::Later { after_s, why };
        }
        // The only thing that was asked for is not there.
        CallError::Refused(refusal) if refusal.code == Some(NO_SUCH_THING) => {
            return Trouble::Never { words: GONE, why };
        }
        CallError::Refused(refusal) => retry::decide(
            super::effective_code(refusal),
            Some(refusal.http),
            job.tries,
            &job.kind,
        ),
    };
    match decision {
        Decision::Retry { after_s } | Decision::StopNumber { after_s } => {
            Trouble::Later { after_s, why }
        }
        Decision::Fail { .. } | Decision::Unknown => Trouble::Never { words: GONE, why },
    }
}

fn of_download(job: &ClaimedJob, error: &DownloadError) -> Trouble {
    let why = error.to_string();
    let words = match error {
        DownloadError::Elsewhere(_) => ELSEWHERE,
        DownloadError::TooLarge(_) => TOO_LARGE,
        DownloadError::Gone
        | DownloadError::Refused(_)
        | DownloadError::Broken(_)
        | DownloadError::Disk(_) => {
            let after_s = retry::patient_seconds(job.tries);
            return Trouble::Later { after_s, why };
        }
    };
    Trouble::Never { words, why }
}

/// The type to keep, once length, digest and type are what Meta said.
fn believed(
    job: &ClaimedJob,
    facts: &MediaFacts,
    said: &Media,
    file: &Spooled,
) -> Result<String, Trouble> {
    let lie = |why: String| {
        if job.tries < TRIES_OF_A_LIE {
            let after_s = retry::patient_seconds(job.tries);
            Trouble::Later { after_s, why }
        } else {
            let words = DAMAGED;
            Trouble::Never { words, why }
        }
    };
    if let Some(size) = said.size.filter(|size| *size != file.size) {
        return Err(lie(format!("{} bytes came, Graph says {size}", file.size)));
    }
    for digest in [&facts.sha256, &said.sha256].into_iter().flatten() {
        if !digest.is_empty() && !media::same_digest(digest, &file.digest) {
            return Err(lie(format!(
                "its SHA-256 is {}, not {digest}",
                file.digest_in_hex()
            )));
        }
    }
    let named = facts.mime.as_deref().or(said.mime.as_deref());
    media::kept_type(named, file.found_type()).map_err(|other| Trouble::Never {
        words: DISGUISED,
        why: other.to_string(),
    })
}

async fn upload(
    storage: &Storage,
    job: &ClaimedJob,
    path: &str,
    mime: &str,
    file: &Spooled,
) -> Result<(), Trouble> {
    storage
        .upload(path, mime, file)
        .await
        .map_err(|error| match error {
            StorageError::TooLarge(_) => Trouble::Never {
                words: TOO_LARGE,
                why: error.to_string(),
            },
            _ => Trouble::Later {
                after_s: retry::patient_seconds(job.tries),
                why: error.to_string(),
            },
        })
}
