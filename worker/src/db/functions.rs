//! What the worker asks of the queue, of messages, of files and of templates.

use super::{
    AttemptOutcome, Begun, ClaimedJob, Db, DbError, DoomedFile, Facts, JobOutcome, MediaBegun,
    ReactionOutcome, Received, Rights, TemplatePass, Ticked, call::Call,
};
use crate::jobs::spool::Spooled;
use chat_rules::whatsapp::{Item, template::Row};
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::time::Duration;
use uuid::Uuid;

/// The functions called here, as `to_regprocedure` reads them; `worker check` looks each one up.
pub const FUNCTIONS: [&str; 31] = [
    "public.chat_receive_whatsapp(uuid, jsonb)",
    "public.chat_keep_dead_letter(uuid, text, jsonb)",
    "public.chat_claim_jobs(integer, integer)",
    "public.chat_renew_lease(bigint, uuid)",
    "public.chat_begin_attempt(bigint, uuid)",
    "public.chat_finish_attempt(bigint, uuid, uuid, integer, jsonb)",
    "public.chat_finish_reaction(bigint, uuid, jsonb)",
    "public.chat_finish_job(bigint, uuid, jsonb)",
    "public.chat_begin_media(bigint, uuid)",
    "public.chat_media_ready(uuid, text, bigint, text, text)",
    "public.chat_media_failed(uuid, text)",
    "public.chat_keep_media_id(uuid, text, text)",
    "public.chat_files_to_delete(bigint, uuid)",
    "public.chat_files_deleted(bigint[])",
    "public.chat_give_back_jobs(uuid[])",
    "public.chat_tick(integer)",
    "public.chat_register_whatsapp(text, uuid, text, text, text, text)",
    "public.chat_confirm_number(uuid, jsonb)",
    "public.chat_begin_template_sync(uuid, bigint)",
    "public.chat_store_templates(uuid, uuid, jsonb, text)",
    "public.chat_worker_facts()",
    "public.chat_worker_rights(text[])",
    "public.chat_next_job()",
    "public.chat_publish_worker_key(text, text, boolean)",
    "public.chat_whatsapp_secrets(text)",
    "public.chat_secrets_to_reseal(text, text, integer)",
    "public.chat_store_resealed(jsonb)",
    "public.chat_token_in_use(uuid, text)",
    "public.chat_note_number_test(uuid, jsonb, jsonb)",
    "public.chat_note_test_send(uuid, jsonb)",
    "public.chat_note_webhooks(jsonb)",
];

impl Db {
    /// Takes one run of items in one transaction, which has committed when this returns.
    pub async fn receive_whatsapp(&self, app: Uuid, items: &[Item]) -> Result<Received, DbError> {
        let call = Call::of("chat_receive_whatsapp").with("app", app);
        self.ask(call.with_json("items", items)?).await
    }

    /// Keeps an item that no row takes, with the reason.
    pub async fn keep_dead_letter(
        &self,
        app: Uuid,
        reason: &str,
        item: &Item,
    ) -> Result<(), DbError> {
        let call = Call::of("chat_keep_dead_letter")
            .with("app", app)
            .with("reason", reason);
        self.tell(call.with_json("item", item)?).await
    }

    /// Leases up to `slots` jobs, up to `bulk` of them bulk work.
    pub async fn claim_jobs(&self, slots: i32, bulk: i32) -> Result<Vec<ClaimedJob>, DbError> {
        let call = Call::of("chat_claim_jobs")
            .with("slots", slots)
            .with("bulk", bulk);
        self.ask(call).await
    }

    /// How long until the queue has something to do; none when nothing waits.
    pub async fn next_job(&self) -> Result<Option<Duration>, DbError> {
        let seconds: Option<f64> = self.ask(Call::of("chat_next_job")).await?;
        Ok(seconds.map(|seconds| Duration::try_from_secs_f64(seconds).unwrap_or_default()))
    }

    /// Records an attempt and says what to send, or that there is nothing to send.
    pub async fn begin_attempt(&self, job_id: i64, lease_token: Uuid) -> Result<Begun, DbError> {
        let answer: Value = self
            .ask(Call::of("chat_begin_attempt").under(job_id, lease_token))
            .await?;
        if answer["go"].as_bool() == Some(true) {
            return Ok(Begun::Go(Box::new(read(answer)?)));
        }
        let text = |name: &str| answer[name].as_str().map(str::to_owned);
        Ok(Begun::No {
            state: text("state").unwrap_or_else(|| "gone".to_owned()),
            why: text("why"),
        })
    }

    /// Stores how an attempt ended and ends or reschedules its job. Returns the message's state.
    pub async fn finish_attempt(
        &self,
        job_id: i64,
        lease_token: Uuid,
        message_id: Uuid,
        attempt: i32,
        outcome: &AttemptOutcome,
    ) -> Result<String, DbError> {
        let call = Call::of("chat_finish_attempt")
            .under(job_id, lease_token)
            .with("message_id", message_id)
            .with("attempt", attempt);
        self.ask_state(call.with_json("outcome", outcome)?).await
    }

    /// Stores how a reaction ended and ends or reschedules its job. Returns the state that it has now.
    pub async fn finish_reaction(
        &self,
        job_id: i64,
        lease_token: Uuid,
        outcome: &ReactionOutcome,
    ) -> Result<String, DbError> {
        let call = Call::of("chat_finish_reaction").under(job_id, lease_token);
        self.ask_state(call.with_json("outcome", outcome)?).await
    }

    /// Ends or reschedules a job. Returns the state that it has now.
    pub async fn finish_job(
        &self,
        job_id: i64,
        lease_token: Uuid,
        outcome: &JobOutcome,
    ) -> Result<String, DbError> {
        let call = Call::of("chat_finish_job").under(job_id, lease_token);
        self.ask_state(call.with_json("outcome", outcome)?).await
    }

    /// Holds a job for another lease's time. False when it is another's by now.
    pub async fn renew_lease(&self, job_id: i64, lease_token: Uuid) -> Result<bool, DbError> {
        self.ask(Call::of("chat_renew_lease").under(job_id, lease_token))
            .await
    }

    /// What file to bring for a received message, or that there is none to bring.
    pub async fn begin_media(&self, job_id: i64, lease_token: Uuid) -> Result<MediaBegun, DbError> {
        let answer: Value = self
            .ask(Call::of("chat_begin_media").under(job_id, lease_token))
            .await?;
        if answer["go"].as_bool() == Some(true) {
            return Ok(MediaBegun::Go(Box::new(read(answer)?)));
        }
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        Ok(MediaBegun::No {
            state: text("state"),
            why: text("why"),
        })
    }

    /// The file of a message is at its path in Storage. Returns the file's state.
    pub async fn media_ready(
        &self,
        message: Uuid,
        path: &str,
        file: &Spooled,
        mime: &str,
    ) -> Result<String, DbError> {
        let digest = file.digest_in_hex();
        let call = Call::of("chat_media_ready")
            .with("message", message)
            .with("path", path)
            .with("size_bytes", i64::try_from(file.size).unwrap_or(i64::MAX))
            .with("mime_type", mime)
            .with("sha256", digest.as_str());
        self.ask(call).await
    }

    /// The file of a message will not come; `why` is for people. Returns the file's state.
    pub async fn media_failed(&self, message: Uuid, why: &str) -> Result<String, DbError> {
        let call = Call::of("chat_media_failed")
            .with("message", message)
            .with("why", why);
        self.ask(call).await
    }

    /// Meta has the file of a message that a number sends, under this id.
    pub async fn keep_media_id(
        &self,
        message: Uuid,
        number: &str,
        media_id: &str,
    ) -> Result<bool, DbError> {
        let call = Call::of("chat_keep_media_id")
            .with("message", message)
            .with("phone_number_id", number)
            .with("media_id", media_id);
        self.ask(call).await
    }

    /// Files that are to leave Storage, some at a time.
    pub async fn files_to_delete(
        &self,
        job_id: i64,
        lease_token: Uuid,
    ) -> Result<Vec<DoomedFile>, DbError> {
        self.ask(Call::of("chat_files_to_delete").under(job_id, lease_token))
            .await
    }

    /// These files are gone from Storage. Returns how many were still awaited.
    pub async fn files_deleted(&self, ids: &[i64]) -> Result<i32, DbError> {
        self.ask(Call::of("chat_files_deleted").with("ids", ids))
            .await
    }

    /// Returns leases that were not used. Returns how many were still ours.
    pub async fn give_back_jobs(&self, lease_tokens: &[Uuid]) -> Result<i32, DbError> {
        self.ask(Call::of("chat_give_back_jobs").with("lease_tokens", lease_tokens))
            .await
    }

    /// Drives the database's timers, at most `batch` rows of each kind.
    pub async fn tick(&self, batch: i32) -> Result<Ticked, DbError> {
        self.ask(Call::of("chat_tick").with("batch", batch)).await
    }

    /// Begins a pass over an account's templates, or goes on with the one that this job began.
    pub async fn begin_template_sync(
        &self,
        account: Uuid,
        job_id: i64,
    ) -> Result<TemplatePass, DbError> {
        let call = Call::of("chat_begin_template_sync")
            .with("account", account)
            .with("job_id", job_id);
        self.ask(call).await
    }

    /// Hands in one page, and where the next begins; without that it was the last. Returns `stored` or `stale`.
    pub async fn store_templates(
        &self,
        account: Uuid,
        pass: Uuid,
        templates: &[Row],
        after: Option<&str>,
    ) -> Result<String, DbError> {
        let call = Call::of("chat_store_templates")
            .with("account", account)
            .with("pass", pass)
            .with_json("templates", templates)?;
        self.ask_state(call.with_some("after", after)).await
    }

    /// Queue figures, version and clock.
    pub async fn facts(&self) -> Result<Facts, DbError> {
        self.ask(Call::of("chat_worker_facts")).await
    }

    /// Which role we are, and what it lacks of [`FUNCTIONS`].
    pub async fn rights(&self) -> Result<Rights, DbError> {
        self.ask(Call::of("chat_worker_rights").with("functions", &FUNCTIONS[..]))
            .await
    }
}

/// Reads an answer. One that does not fit means that worker and migrations differ.
fn read<T: DeserializeOwned>(answer: Value) -> Result<T, DbError> {
    serde_json::from_value(answer).map_err(DbError::Answer)
}
