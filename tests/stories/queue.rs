//! What a worker does with the queue, step by step, so that a story can stop between two of them.

use anyhow::{Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use sqlx::types::Json;
use uuid::Uuid;

use crate::scene::Scene;

/// A leased job.
#[derive(Debug, Clone, Deserialize)]
pub struct Job {
    pub job_id: i64,
    pub lane: String,
    pub lease_token: Uuid,
    pub kind: String,
    pub payload: Value,
    pub tries: i32,
}

/// A send that may go out: its job and what `chat_begin_attempt` said.
#[derive(Debug)]
pub struct Attempt {
    pub job: Job,
    pub said: Value,
}

impl Attempt {
    pub fn number(&self) -> i64 {
        self.said["attempt"]
            .as_i64()
            .expect("an attempt has a number")
    }

    pub fn callback(&self) -> &str {
        self.said["callback"]
            .as_str()
            .expect("an attempt has callback data")
    }
}

/// Graph took a message and named it.
pub fn accepted(wamid: &str) -> Value {
    json!({"is": "accepted", "wamid": wamid, "wa_id": null, "http": 200})
}

/// Graph said no for a passing reason.
pub fn again_in(seconds: i64) -> Value {
    json!({"is": "retry", "after_seconds": seconds, "code": 131_056, "title": "Too fast", "details": null, "http": 400})
}

/// Nobody knows what Graph did.
pub fn unknown() -> Value {
    json!({"is": "unknown", "details": "the line was cut"})
}

impl Scene {
    /// Leases up to so many jobs.
    pub async fn claim(&self, slots: i32) -> Result<Vec<Job>> {
        let Json(jobs) = sqlx::query_scalar("select public.chat_claim_jobs($1)")
            .bind(slots)
            .fetch_one(self.db.as_worker())
            .await?;
        Ok(jobs)
    }

    /// Leases one job, which must be a send: those come before everything else.
    pub async fn claim_send(&self) -> Result<Job> {
        let job = self.claim(1).await?.pop();
        let Some(job) = job.filter(|job| job.kind == "whatsapp.send_message") else {
            anyhow::bail!("there is no send to be had");
        };
        Ok(job)
    }

    /// Asks whether a job's message may go out now.
    pub async fn begin(&self, job: &Job) -> Result<Value> {
        Ok(
            sqlx::query_scalar("select public.chat_begin_attempt($1, $2)")
                .bind(job.job_id)
                .bind(job.lease_token)
                .fetch_one(self.db.as_worker())
                .await?,
        )
    }

    /// Leases a send and begins it.
    pub async fn begin_send(&self) -> Result<Attempt> {
        let job = self.claim_send().await?;
        let said = self.begin(&job).await?;
        ensure!(said["go"] == true, "it should have been let go: {said}");
        Ok(Attempt { job, said })
    }

    /// Tells how a send ended; what state the database made of it.
    pub async fn end_send(&self, attempt: &Attempt, outcome: Value) -> Result<String> {
        let answer: Value = sqlx::query_scalar(
            "select public.chat_finish_attempt($1, $2, ($3 ->> 'message_id')::uuid, ($3 ->> 'attempt')::integer, $4)",
        )
        .bind(attempt.job.job_id)
        .bind(attempt.job.lease_token)
        .bind(&attempt.said)
        .bind(outcome)
        .fetch_one(self.db.as_worker())
        .await?;
        state(answer)
    }

    /// A send as it goes on a good day; its attempt.
    pub async fn send(&self, wamid: &str) -> Result<Attempt> {
        let attempt = self.begin_send().await?;
        ensure!(
            self.end_send(&attempt, accepted(wamid)).await? == "accepted",
            "it was not accepted"
        );
        Ok(attempt)
    }

    /// Tells how any other job ended.
    pub async fn end(&self, job: &Job, outcome: Value) -> Result<String> {
        let answer: Value = sqlx::query_scalar("select public.chat_finish_job($1, $2, $3)")
            .bind(job.job_id)
            .bind(job.lease_token)
            .bind(outcome)
            .fetch_one(self.db.as_worker())
            .await?;
        state(answer)
    }

    /// The timed work of one second; what was done.
    pub async fn tick(&self) -> Result<Value> {
        Ok(sqlx::query_scalar("select public.chat_tick(100)")
            .fetch_one(self.db.as_worker())
            .await?)
    }

    /// The time of every lease is over.
    pub async fn leases_run_out(&self) -> Result<()> {
        self.as_owner("update chat.lanes set lease_until = clock_timestamp() - interval '1 second' where busy").await?;
        Ok(())
    }

    /// Every pause of a lane is over.
    pub async fn pauses_end(&self) -> Result<()> {
        self.as_owner("update chat.lanes set next_at = clock_timestamp() where not busy")
            .await?;
        Ok(())
    }

    /// The same, and no pair was too fast.
    pub async fn pairs_rested(&self) -> Result<()> {
        self.as_owner("update chat.lanes set owed_until = null where not busy")
            .await?;
        self.pauses_end().await
    }

    /// Everything that was unknown has been so for eleven minutes.
    pub async fn unknown_for_long(&self) -> Result<()> {
        self.as_owner(
            "update mod_chat_messages set updated_at = clock_timestamp() - interval '11 minutes'
            where delivery_state = 'unknown'",
        )
        .await?;
        Ok(())
    }
}

fn state(answer: Value) -> Result<String> {
    Ok(serde_json::from_value(answer["state"].clone())?)
}
