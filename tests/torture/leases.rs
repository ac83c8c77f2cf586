//! What a worker holds: leased jobs, and what it does with them.

use serde_json::{Value, json};

use crate::calls::Args;
use crate::chance::Chance;
use crate::wording::quote;

/// A leased job.
pub struct Lease {
    job: i64,
    token: String,
    kind: String,
    /// The message and the number of its attempt, once begun.
    pub attempt: Option<(String, i64)>,
}

impl Lease {
    /// Whether it hands a message to Graph.
    pub fn sends(&self) -> bool {
        self.kind == "whatsapp.send_message"
    }

    /// Whether it hands a reaction to Graph.
    pub fn reacts(&self) -> bool {
        self.kind == "whatsapp.send_reaction"
    }
}

/// What one worker holds, and the one that its next call is about.
#[derive(Default)]
pub struct Leases {
    all: Vec<Lease>,
    up: Option<Lease>,
}

impl Leases {
    /// Takes up the longest held one of such; its call may find that the lease was lost long ago.
    pub fn take_up(&mut self, such: impl Fn(&Lease) -> bool) {
        self.up = self
            .all
            .iter()
            .position(such)
            .map(|place| self.all.remove(place));
    }

    /// Job and token; now and then those of nobody.
    pub fn args_of_lease(&mut self, chance: &mut Chance) -> Args {
        let (job, token) = match &self.up {
            Some(lease) if !chance.one_in(30) => (lease.job.to_string(), lease.token.clone()),
            Some(lease) if chance.one_in(2) => (lease.job.to_string(), chance.id()),
            _ => (chance.place(1_000), chance.id()),
        };
        vec![("job_id", job), ("lease_token", quote(&token))]
    }

    /// The token of the lease that was taken up.
    pub fn token(&self, chance: &mut Chance) -> String {
        self.up
            .as_ref()
            .map_or_else(|| chance.id(), |lease| lease.token.clone())
    }

    /// The message of the attempt that was taken up, and its number.
    pub fn attempt(&self, chance: &mut Chance) -> (String, i64) {
        self.up
            .as_ref()
            .and_then(|lease| lease.attempt.clone())
            .unwrap_or_else(|| (chance.id(), 1))
    }

    /// What Graph answered.
    pub fn outcome_of_attempt(&self, chance: &mut Chance) -> Value {
        let wamid = self
            .up
            .as_ref()
            .and_then(|lease| lease.attempt.as_ref())
            .map(|(message, number)| format!("wamid.{message}:{number}"));
        match chance.below(10) {
            0 | 1 => {
                json!({"is": "retry", "after_seconds": 5, "code": 131_000, "title": "again", "http": 500})
            }
            2 => {
                json!({"is": "failed", "code": 131_026, "title": "no", "details": "d", "advice": "a", "http": 400})
            }
            3 => {
                json!({"is": "failed", "code": 131_047, "title": "closed", "http": 400, "closes_window": true})
            }
            4 => json!({"is": "unknown", "details": "the connection broke"}),
            _ => {
                json!({"is": "accepted", "wamid": wamid.unwrap_or_else(|| chance.id()), "http": 200})
            }
        }
    }

    /// How a job ended that sends nothing.
    pub fn outcome_of_job(&self, chance: &mut Chance) -> Value {
        match chance.below(8) {
            0 => json!({"is": "retry", "after_seconds": 3, "why": "later"}),
            1 => json!({"is": "dead", "why": "it cannot be done"}),
            2 => json!({"is": "dead"}),
            _ => json!({"is": "done"}),
        }
    }

    /// Learns from the answer of a call; what was taken up and not put back is over, or lost.
    pub fn learn(&mut self, call: &str, answer: &Value) {
        let taken = self.up.take();
        match call {
            "chat_claim_jobs" => {
                for job in answer.as_array().into_iter().flatten() {
                    self.all.push(Lease {
                        job: job["job_id"].as_i64().unwrap_or_default(),
                        token: job["lease_token"].as_str().unwrap_or_default().to_owned(),
                        kind: job["kind"].as_str().unwrap_or_default().to_owned(),
                        attempt: None,
                    });
                }
            }
            "chat_begin_attempt" if answer["go"] == true => {
                if let (Some(mut lease), Some(message)) = (taken, answer["message_id"].as_str()) {
                    lease.attempt = Some((
                        message.to_owned(),
                        answer["attempt"].as_i64().unwrap_or_default(),
                    ));
                    self.all.push(lease);
                }
            }
            _ => {}
        }
    }

    /// The worker dies with all it holds.
    pub fn lose_all(&mut self) {
        *self = Self::default();
    }
}
