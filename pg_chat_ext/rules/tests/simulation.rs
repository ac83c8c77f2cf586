//! What holds of every replay, whatever was recorded.

use chat_rules::routing::simulation::{Arrival, Queue, Recording, Span, Worker};
use chat_rules::routing::{Strategy, simulate};

mod numbers;

use numbers::Numbers;

const ENDS: i64 = 8 * 3_600_000;

fn department(n: &mut Numbers) -> Option<String> {
    let number = n.below(4);
    (number < 3).then(|| format!("d{number}"))
}

fn recording(n: &mut Numbers, strategy: Strategy) -> Recording {
    let maybe = |n: &mut Numbers, end: i64| (n.below(2) == 0).then(|| n.below(end));
    let skills = |n: &mut Numbers| match n.below(3) {
        0 => vec!["law".to_owned()],
        _ => Vec::new(),
    };
    let agents = (0..1 + n.below(6)).map(|number| {
        let from = n.below(ENDS);
        Worker {
            agent_id: format!("agent-{number}"),
            department_id: department(n),
            max: n.below(5),
            skills: skills(n),
            online: vec![Span {
                from,
                until: from + n.below(ENDS),
            }],
        }
    });
    let agents = agents.collect();
    let arrivals = (0..n.below(120)).map(|number| Arrival {
        conversation_id: format!("c{number}"),
        at: n.below(ENDS),
        department_id: department(n),
        priority: (n.below(4) == 0).then(|| "urgent".to_owned()),
        skills: skills(n),
        known_agent_id: None,
        talk: n.below(2_000_000),
        answer: n.below(200_000),
        patience: maybe(n, 2_000_000),
        held_by: None,
    });
    let arrivals = arrivals.collect();
    let queues = [None, Some("d0"), Some("d1"), Some("d2")].map(|id| Queue {
        department_id: id.map(str::to_owned),
        auto_assign: n.below(8) > 0,
        strategy: Some(strategy.word().to_owned()),
        max: maybe(n, 4),
        hourly_limit: maybe(n, 6).map(|limit| limit + 1),
        skills_wait_seconds: maybe(n, 3_000),
        fallback_seconds: maybe(n, 3_000),
        fallback_department_id: None,
    });
    Recording {
        ends: ENDS,
        missed_after: maybe(n, 3_000_000),
        answer_due: maybe(n, 600_000),
        agents,
        arrivals,
        queues: queues.into(),
    }
}

#[test]
fn everybody_who_came_is_somewhere_and_nobody_is_over_their_room() {
    let mut numbers = Numbers(7);
    let mut assigned = 0;
    for _ in 0..300 {
        for strategy in Strategy::ALL {
            let recording = recording(&mut numbers, *strategy);
            let outcome = simulate(&recording);
            assigned += outcome.assigned;
            assert_eq!(outcome.arrivals, recording.arrivals.len());
            assert_eq!(
                outcome.arrivals,
                outcome.assigned + outcome.gave_up + outcome.missed + outcome.waiting
            );
            let got: usize = outcome.agents.iter().map(|agent| agent.got).sum();
            assert_eq!(got, outcome.assigned);
            for (agent, worker) in outcome.agents.iter().zip(&recording.agents) {
                assert!(agent.peak_load <= worker.max);
                assert!(agent.online_seconds > 0.0 || agent.got == 0);
            }
            assert_eq!(outcome, simulate(&recording), "the same again");
        }
    }
    assert!(assigned > 0, "nobody was ever given a chat");
}

/// With somebody always there, with room for all, nobody waits.
#[test]
fn nobody_waits_where_there_is_room_for_all() {
    let mut numbers = Numbers(11);
    for strategy in Strategy::ALL {
        let mut recording = recording(&mut numbers, *strategy);
        recording.agents = vec![Worker {
            agent_id: "agent".to_owned(),
            max: 1_000,
            skills: vec!["law".to_owned()],
            online: vec![Span {
                from: 0,
                until: ENDS,
            }],
            department_id: None,
        }];
        recording.queues = vec![Queue {
            auto_assign: true,
            strategy: Some(strategy.word().to_owned()),
            ..Queue::default()
        }];
        for arrival in &mut recording.arrivals {
            arrival.department_id = None;
        }
        let outcome = simulate(&recording);
        assert_eq!(outcome.assigned, recording.arrivals.len());
        assert!(outcome.wait_seconds.is_none_or(|wait| wait.longest == 0.0));
    }
}
