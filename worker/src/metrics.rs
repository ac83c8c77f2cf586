//! What is counted, in Prometheus's text form. Labels are few fixed words; no ids but Meta's of our own numbers.

use crate::{
    db::{Facts, Ticked},
    queue::wake::Source,
};
use prometheus_client::{
    encoding::{EncodeLabelSet, text},
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};
use std::{collections::BTreeMap, sync::atomic::AtomicU64};

/// One word.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct OutcomeLabels {
    /// e.g. `stored`
    pub outcome: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct TickedLabels {
    outcome: String,
}

/// Why something was refused.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct ReasonLabels {
    /// e.g. `mismatch`
    pub reason: &'static str,
}

/// A kind of job and how it ended.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct JobLabels {
    /// e.g. `whatsapp.send_message`; `other` for a kind this worker does not know.
    pub kind: &'static str,
    /// e.g. `done`
    pub outcome: &'static str,
}

/// Who woke the queue.
#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
pub struct WakeLabels {
    source: &'static str,
}

impl WakeLabels {
    /// The label of a source.
    pub fn of(source: Source) -> Self {
        let source = match source {
            Source::Webhook => "webhook",
            Source::Database => "database",
            Source::Tick => "tick",
        };
        Self { source }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ClassLabels {
    class: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct NumberLabels {
    phone_number_id: String,
}

type Float = Gauge<f64, AtomicU64>;

/// All counters of one worker.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    /// Webhook requests by how they were answered.
    pub webhooks: Family<OutcomeLabels, Counter>,
    /// Webhooks whose signature was not accepted.
    pub signatures: Family<ReasonLabels, Counter>,
    /// From the first byte to the answer, seconds.
    pub webhook_seconds: Histogram,
    /// Items by what they became.
    pub items: Family<OutcomeLabels, Counter>,
    /// One database call of a run, seconds.
    pub run_seconds: Histogram,
    /// Jobs ended.
    pub jobs: Family<JobLabels, Counter>,
    /// Jobs running now.
    pub running: Gauge,
    /// Sends by what Graph answered.
    pub attempts: Family<OutcomeLabels, Counter>,
    /// Calls of the queue's bell.
    pub wakes: Family<WakeLabels, Counter>,
    ticked: Family<TickedLabels, Counter>,
    database_up: Gauge,
    waiting: Family<ClassLabels, Gauge>,
    oldest: Float,
    dead_jobs: Gauge,
    dead_letters: Gauge,
    unknown: Gauge,
    broadcast_failures: Gauge,
    confirmed: Family<NumberLabels, Gauge>,
}

/// From a millisecond to half a minute.
const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0, 30.0,
];

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::with_prefix("chat"),
            webhooks: Family::default(),
            signatures: Family::default(),
            webhook_seconds: Histogram::new(SECONDS),
            items: Family::default(),
            run_seconds: Histogram::new(SECONDS),
            jobs: Family::default(),
            running: Gauge::default(),
            attempts: Family::default(),
            wakes: Family::default(),
            ticked: Family::default(),
            database_up: Gauge::default(),
            waiting: Family::default(),
            oldest: Float::default(),
            dead_jobs: Gauge::default(),
            dead_letters: Gauge::default(),
            unknown: Gauge::default(),
            broadcast_failures: Gauge::default(),
            confirmed: Family::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    fn register(&mut self) {
        let to = &mut self.registry;
        to.register(
            "webhooks",
            "Webhook requests by answer",
            self.webhooks.clone(),
        );
        to.register(
            "webhook_signature_failures",
            "Webhooks refused by reason",
            self.signatures.clone(),
        );
        to.register(
            "webhook_seconds",
            "Time to answer a webhook",
            self.webhook_seconds.clone(),
        );
        to.register("items", "Webhook items by result", self.items.clone());
        to.register(
            "run_seconds",
            "Time of one database call of a run of items",
            self.run_seconds.clone(),
        );
        to.register("jobs", "Jobs ended by kind and outcome", self.jobs.clone());
        to.register("jobs_running", "Jobs running now", self.running.clone());
        to.register(
            "send_attempts",
            "Messages handed to Graph by answer",
            self.attempts.clone(),
        );
        to.register(
            "queue_wakes",
            "Calls of the queue by source",
            self.wakes.clone(),
        );
        to.register("ticked", "Rows that the tick moved", self.ticked.clone());
        to.register(
            "database_up",
            "1 when the database answered this scrape",
            self.database_up.clone(),
        );
        to.register(
            "jobs_waiting",
            "Jobs in the queue by class",
            self.waiting.clone(),
        );
        to.register(
            "oldest_job_seconds",
            "Age of the oldest waiting job",
            self.oldest.clone(),
        );
        to.register(
            "jobs_dead",
            "Jobs given up, kept with their reason",
            self.dead_jobs.clone(),
        );
        to.register(
            "dead_letters",
            "Webhook items that no row took",
            self.dead_letters.clone(),
        );
        to.register(
            "messages_unknown",
            "Sent messages whose outcome nobody knows",
            self.unknown.clone(),
        );
        to.register(
            "broadcast_failures",
            "Broadcasts that failed, a message never does",
            self.broadcast_failures.clone(),
        );
        to.register(
            "number_confirmed",
            "1 when Graph confirmed the number",
            self.confirmed.clone(),
        );
    }

    /// A webhook was answered.
    pub fn webhook(&self, outcome: &'static str) {
        self.webhooks
            .get_or_create(&OutcomeLabels { outcome })
            .inc();
    }

    /// So many items became this.
    pub fn item(&self, outcome: &'static str, count: u64) {
        self.items
            .get_or_create(&OutcomeLabels { outcome })
            .inc_by(count);
    }

    /// A tick moved this.
    pub fn ticked(&self, moved: &Ticked) {
        for (outcome, &count) in &moved.0 {
            let outcome = outcome.clone();
            self.ticked
                .get_or_create(&TickedLabels { outcome })
                .inc_by(count);
        }
    }

    /// The text for one scrape, with the database's figures when it answered.
    pub fn scrape(&self, facts: Option<&Facts>) -> Result<String, std::fmt::Error> {
        self.database_up.set(facts.is_some().into());
        self.waiting.clear();
        self.confirmed.clear();
        if let Some(facts) = facts {
            self.note(facts);
        }
        let mut page = String::new();
        text::encode(&mut page, &self.registry)?;
        Ok(page)
    }

    fn note(&self, facts: &Facts) {
        // A class without jobs is shown as 0, so that an alert on it has something to look at.
        let mut waiting: BTreeMap<&str, i64> = ["reply", "assistant", "notification", "bulk"]
            .into_iter()
            .map(|class| (class, 0))
            .collect();
        waiting.extend(
            facts
                .jobs
                .iter()
                .map(|(class, count)| (class.as_str(), *count)),
        );
        for (class, count) in waiting {
            self.waiting
                .get_or_create(&ClassLabels {
                    class: class.to_owned(),
                })
                .set(count);
        }
        self.oldest.set(facts.oldest_job_seconds.unwrap_or(0.0));
        self.dead_jobs.set(facts.dead_jobs);
        self.dead_letters.set(facts.dead_letters);
        self.unknown.set(facts.unknown_messages);
        self.broadcast_failures.set(facts.broadcast_failures);
        for number in &facts.numbers {
            let labels = NumberLabels {
                phone_number_id: number.phone_number_id.clone(),
            };
            self.confirmed
                .get_or_create(&labels)
                .set(number.confirmed.into());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn a_scrape_shows_what_was_counted_and_that_the_database_is_away() {
        let metrics = Metrics::default();
        metrics.webhook("stored");
        metrics.item("duplicate", 3);
        let page = metrics.scrape(None).unwrap();
        for line in [
            "chat_webhooks_total{outcome=\"stored\"} 1",
            "chat_items_total{outcome=\"duplicate\"} 3",
            "chat_database_up 0",
        ] {
            assert!(page.contains(line), "{line} in\n{page}");
        }
    }
}
