//! What holds of promises however a conversation goes, and whenever somebody looks.

use chat_rules::Timestamp;
use chat_rules::routing::sla::{Sla, SlaFacts, sla_clocks};
use jiff::SignedDuration;
use serde_json::{Value, json};

mod numbers;

use numbers::Numbers;

const SEED: u64 = 20_260_404;
const ZONES: [&str; 4] = [
    "Europe/Berlin",
    "Asia/Kolkata",
    "Pacific/Chatham",
    "America/New_York",
];

fn at(seconds: i64) -> Timestamp {
    let begins: Timestamp = "2026-03-27T21:00:00Z".parse().expect("a time");
    begins + SignedDuration::from_secs(seconds)
}

fn look(facts: &Value, now: Timestamp) -> Sla {
    let facts: SlaFacts = serde_json::from_value(facts.clone()).expect("facts in their form");
    sla_clocks(&facts, now).expect("hours that can be used")
}

impl Numbers {
    /// A conversation: who wrote when, and when it was over.
    fn steps(&mut self) -> Vec<Value> {
        let mut now = 0;
        let many = 1 + self.below(12);
        (1..=many)
            .map(|seq| {
                now += self.below(4_000);
                let what = match self.below(8) {
                    0..4 => "question",
                    4..7 => "answer",
                    _ => "end",
                };
                json!({"seq": seq, "at": at(now).to_string(), "what": what})
            })
            .collect()
    }

    /// Pauses in order and apart from each other.
    fn pauses(&mut self) -> Vec<Value> {
        let mut now = 0;
        (0..self.below(4))
            .map(|_| {
                let begins = now + 1 + self.below(40_000);
                now = begins + 1 + self.below(90_000);
                json!({"began_at": at(begins).to_string(), "ended_at": at(now).to_string()})
            })
            .collect()
    }
}

/// The tick may look after each message, or after a day of them.
#[test]
fn whoever_looks_often_sees_what_is_seen_at_once() {
    let mut numbers = Numbers(SEED);
    for round in 0..2_000 {
        let steps = numbers.steps();
        let facts = |steps: &[Value], so_far: &Sla| {
            json!({
                "policies": [{"id": "p", "first_response_seconds": 3_600, "next_response_seconds": 1_800}],
                "opened_at": at(0).to_string(), "steps": steps,
                "answered": so_far.answered, "asked": so_far.asked,
            })
        };
        let nothing = Sla {
            policy_id: None,
            answered: false,
            asked: None,
            clocks: Vec::new(),
        };
        let now = at(100_000);
        let at_once = look(&facts(&steps, &nothing), now);
        let (mut so_far, mut ended) = (nothing, Vec::new());
        let mut left = steps.as_slice();
        while !left.is_empty() {
            let many = 1 + numbers.below(left.len() as i64) as usize;
            let (next, later) = left.split_at(many);
            so_far = look(&facts(next, &so_far), now);
            ended.extend(
                so_far
                    .clocks
                    .iter()
                    .filter(|c| c.ended_at.is_some())
                    .cloned(),
            );
            left = later;
        }
        ended.extend(so_far.clocks.into_iter().filter(|c| c.ended_at.is_none()));
        assert_eq!(ended, at_once.clocks, "round {round}: {steps:?}");
        assert_eq!(so_far.asked, at_once.asked, "round {round}");
    }
}

#[test]
fn a_promise_is_due_when_all_of_its_time_has_run() {
    let mut numbers = Numbers(SEED);
    let spans = json!([{"start": "09:00", "end": "12:30"}, {"start": "22:00", "end": "04:00"}]);
    let week: serde_json::Map<_, _> = ["monday", "tuesday", "friday", "saturday", "sunday"]
        .iter()
        .map(|day| ((*day).to_owned(), spans.clone()))
        .collect();
    for round in 0..2_000 {
        let zone = ZONES[numbers.below(4) as usize];
        let seconds = 1 + numbers.below(200_000);
        let facts = json!({
            "policies": [{"id": "p", "resolution_seconds": seconds, "in_business_hours": numbers.below(2) == 0}],
            "opened_at": at(numbers.below(9_000)).to_string(), "pauses": numbers.pauses(),
            "hours": {"week": week}, "zone": zone,
        });
        let due = look(&facts, at(0)).clocks[0]
            .due_at
            .expect("it is due once");
        let clock = |now| look(&facts, now).clocks.remove(0);
        let then = clock(due);
        assert_eq!(
            (then.left_seconds, then.breached),
            (Some(0), true),
            "round {round}: {facts}"
        );
        let just_before = clock(due - SignedDuration::from_secs(1));
        assert_eq!(
            (just_before.left_seconds, just_before.breached),
            (Some(1), false),
            "round {round}: {facts}"
        );
    }
}
