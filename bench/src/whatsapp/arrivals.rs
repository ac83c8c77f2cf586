//! From a webhook to its commit: how long at a pace, and how many a second at most.

use std::time::Duration;

use anyhow::Result;

use super::post::{Webhook, flood, pace};
use super::{SUITE, Stage};
use crate::Size;
use crate::figures::{self, Goal, Measure, percentile};

/// Connections that post as fast as they can; Meta uses many.
const CLIENTS: usize = 32;

/// What is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Try {
    /// Single messages at so many a second.
    Pace(u32),
    /// As fast as they are taken, so many messages in one webhook.
    Flood(usize),
}

impl Try {
    const ALL: [Self; 4] = [
        Self::Pace(200),
        Self::Pace(1000),
        Self::Flood(1),
        Self::Flood(20),
    ];

    fn case(self) -> String {
        match self {
            Self::Pace(per_second) => format!("{per_second} messages/s"),
            Self::Flood(1) => "as fast as it goes, single messages".to_owned(),
            Self::Flood(each) => format!("as fast as it goes, {each} messages a webhook"),
        }
    }
}

/// What one receiver came to in one try: a sample a round.
#[derive(Default)]
struct Outcome {
    p50: Vec<f64>,
    p99: Vec<f64>,
    rate: Vec<f64>,
    own_cpu: Vec<f64>,
    server_cpu: Vec<f64>,
    waiting: Vec<f64>,
}

/// Rounds in which every receiver takes every try in turn; a table.
pub async fn run(stage: &mut Stage, size: Size) -> Result<Vec<Measure>> {
    let (rounds, seconds) = if size == Size::Large { (7, 8) } else { (3, 4) };
    let names: Vec<&'static str> = stage.receivers().map(|receiver| receiver.name).collect();
    println!("{rounds} rounds of {seconds} s for each try ...");
    let mut outcomes: Vec<_> = (0..names.len() * Try::ALL.len())
        .map(|_| Outcome::default())
        .collect();
    for round in 0..=rounds {
        for (place, what) in Try::ALL.into_iter().enumerate() {
            for receiver in 0..names.len() {
                // A rate that it cannot take says nothing: only the backlog would be measured.
                if what == Try::Pace(1000) && receiver > 0 {
                    continue;
                }
                let outcome = &mut outcomes[place * names.len() + receiver];
                // The first round fills caches and plans.
                let lasts = if round == 0 { 1 } else { seconds };
                let mut warm_up = Outcome::default();
                let kept = if round == 0 { &mut warm_up } else { outcome };
                attempt(stage, what, receiver, lasts, kept).await?;
            }
        }
    }
    Ok(report(&names, &outcomes))
}

async fn attempt(
    stage: &mut Stage,
    what: Try,
    receiver: usize,
    seconds: u32,
    outcome: &mut Outcome,
) -> Result<()> {
    let webhooks = match what {
        Try::Pace(per_second) => webhooks(stage, per_second * seconds, 1)?,
        Try::Flood(1) => webhooks(stage, 5_000 * seconds, 1)?,
        Try::Flood(each) => webhooks(stage, 500 * seconds, each)?,
    };
    let client = stage.client.clone();
    let (before, took, after) = {
        let taker = stage
            .receivers()
            .nth(receiver)
            .expect("a receiver of the list");
        let cpu = || anyhow::Ok((taker.cpu()?, stage.server_cpu()?));
        let before = cpu()?;
        let took = match what {
            Try::Pace(per_second) => {
                let times = pace(&client, &taker.url, webhooks, per_second).await?;
                outcome.p50.push(percentile(&times, 50));
                outcome.p99.push(percentile(&times, 99));
                None
            }
            Try::Flood(_) => {
                let lasts = Duration::from_secs(seconds.into());
                Some(flood(&client, &taker.url, webhooks, CLIENTS, lasts).await?)
            }
        };
        (before, took, cpu()?)
    };
    let waiting = stage.forget_queue().await?;
    if let Some((messages, time)) = took {
        #[expect(clippy::cast_precision_loss, reason = "thousands of messages")]
        let messages = messages as f64;
        let each = |time: Duration| time.as_secs_f64() * 1e6 / messages;
        outcome.rate.push(messages / time.as_secs_f64());
        outcome.own_cpu.push(each(after.0 - before.0));
        outcome.server_cpu.push(each(after.1 - before.1));
        outcome.waiting.push(waiting);
    }
    Ok(())
}

/// Webhooks with so many messages each, of different people.
fn webhooks(stage: &mut Stage, count: u32, each: usize) -> Result<Vec<Webhook>> {
    (0..count)
        .map(|_| {
            let messages: Vec<_> = (0..each).map(|_| stage.site.write_anywhere()).collect();
            Webhook::of(&messages, &[])
        })
        .collect()
}

fn report(names: &[&str], outcomes: &[Outcome]) -> Vec<Measure> {
    let mut all = Vec::new();
    for (place, what) in Try::ALL.into_iter().enumerate() {
        let of = &outcomes[place * names.len()..][..names.len()];
        type Samples = fn(&Outcome) -> &Vec<f64>;
        let quantities: [(&str, &str, Samples); 6] = [
            ("webhook to commit, p50", "ms", |o| &o.p50),
            ("webhook to commit, p99", "ms", |o| &o.p99),
            ("messages a second", "1/s", |o| &o.rate),
            ("CPU a message, receiver", "µs", |o| &o.own_cpu),
            ("CPU a message, server", "µs", |o| &o.server_cpu),
            ("read marks that wait at its end", "", |o| &o.waiting),
        ];
        for (metric, unit, samples) in quantities {
            for (name, outcome) in names.iter().zip(of) {
                let samples_of = samples(outcome);
                // Only ours has a queue.
                if samples_of.is_empty() || unit.is_empty() && *name != names[0] {
                    continue;
                }
                let measure = Measure {
                    suite: SUITE,
                    case: format!("{name}, {}", what.case()),
                    metric,
                    unit,
                    samples: samples_of.clone(),
                    against: None,
                    goal: None,
                };
                if *name == names[0] {
                    all.extend(by_itself(what, metric, &measure));
                }
                let peer = of.get(1).map(samples).filter(|peer| !peer.is_empty());
                let against = peer
                    .filter(|_| *name == names[0] && !unit.is_empty())
                    .map(|peer| (names[1].to_owned(), peer.clone()));
                let is_rate = against.is_some() && metric == "messages a second";
                all.push(Measure {
                    goal: is_rate.then_some(Goal::AtLeast(5.0)),
                    against,
                    ..measure
                });
            }
        }
    }
    figures::print(
        &format!(
            "from a webhook to its commit; {CLIENTS} connections where it goes as fast as it can"
        ),
        &all,
    );
    all
}

/// The goals that ours is held to without the other.
fn by_itself(what: Try, metric: &str, measure: &Measure) -> Option<Measure> {
    let (metric, goal) = match (what, metric) {
        (Try::Pace(200), "webhook to commit, p99") => {
            ("webhook to commit, p99, by itself", Goal::AtMost(100.0))
        }
        (Try::Flood(1), "messages a second") => {
            ("messages a second, by itself", Goal::AtLeast(1000.0))
        }
        _ => return None,
    };
    Some(Measure {
        metric,
        goal: Some(goal),
        ..measure.clone()
    })
}
