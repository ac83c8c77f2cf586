//! What holds of the choice of an agent under every strategy, whoever is there and in whatever order chats arrive.

use std::collections::{BTreeMap, BTreeSet};

use chat_rules::Timestamp;
use chat_rules::routing::{
    Candidate, Facts, Place, Strategy, Taken, Unanswered, choose_agent, expected_wait,
    judge_by_hand, judge_unanswered, queue_news,
};

mod numbers;

use numbers::Numbers;

impl Numbers {
    fn maybe<T>(&mut self, value: impl FnOnce(&mut Self) -> T) -> Option<T> {
        (self.below(2) == 0).then(|| value(self))
    }

    fn skills(&mut self) -> Vec<String> {
        let all = ["german", "billing", "law"];
        all.iter()
            .filter(|_| self.below(2) == 0)
            .map(|skill| (*skill).to_owned())
            .collect()
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as i64 + 1) as usize;
            items.swap(last, other);
        }
    }

    fn candidate(&mut self, n: i64) -> Candidate {
        let statuses = ["online", "online", "online", "away", "offline"];
        Candidate {
            agent_id: format!("agent-{n}"),
            status: Some(statuses[self.below(5) as usize].to_owned()),
            is_active: self.below(8) > 0,
            department_id: self.maybe(|n| format!("d{}", n.below(3))),
            load: self.below(5),
            max: self.below(6),
            department_load: self.below(3),
            department_max: self.maybe(|n| n.below(4)),
            skills: self.skills(),
            got_this_hour: self.below(5),
            last_assigned_at: self.maybe(|n| Timestamp::from_second(n.below(4)).expect("a time")),
        }
    }

    fn facts(&mut self, strategy: Strategy) -> Facts {
        let agent = |n: &mut Self| format!("agent-{}", n.below(6));
        Facts {
            department_id: self.maybe(|n| format!("d{}", n.below(3))),
            preferred_agent_id: self.maybe(agent),
            returned_by: self.maybe(agent),
            strategy: Some(strategy.word().to_owned()),
            hourly_limit: self.maybe(|n| 1 + n.below(5)),
            waited_seconds: self.below(100),
            fallback_seconds: self.maybe(|n| n.below(100)),
            fallback_department_id: self.maybe(|n| format!("d{}", n.below(3))),
            known_agent_id: self.maybe(agent),
            skills: self.skills(),
            skills_wait_seconds: self.maybe(|n| n.below(100)),
            candidates: (0..self.below(7)).map(|n| self.candidate(n)).collect(),
        }
    }
}

/// Whether an agent may get it at all, said in another way than the rule does.
fn able(facts: &Facts, c: &Candidate) -> bool {
    let own = facts.department_id.is_none() || facts.department_id == c.department_id;
    let stands_in = facts
        .fallback_seconds
        .is_some_and(|s| s <= facts.waited_seconds)
        && (facts.fallback_department_id.is_none()
            || facts.fallback_department_id == c.department_id);
    let waited = facts
        .skills_wait_seconds
        .is_some_and(|s| s <= facts.waited_seconds);
    c.is_active
        && c.status.as_deref() == Some("online")
        && c.load < c.max
        && (own || stands_in)
        && (facts.department_id.is_none()
            || c.department_max.is_none_or(|max| c.department_load < max))
        && facts.returned_by.as_ref() != Some(&c.agent_id)
        && facts
            .hourly_limit
            .is_none_or(|limit| c.got_this_hour < limit)
        && (facts.strategy() != Strategy::Skills
            || waited
            || facts.skills.iter().all(|skill| c.skills.contains(skill)))
}

#[test]
fn a_choice_keeps_every_limit_names_everybody_and_ignores_the_order_of_candidates() {
    let mut numbers = Numbers(20_261_121);
    for round in 0..12_000 {
        let strategy = Strategy::ALL[round % Strategy::ALL.len()];
        let mut facts = numbers.facts(strategy);
        let choice = choose_agent(&facts);
        let losers = choice.losers.iter().flat_map(|l| &l.agent_ids);
        let told: Vec<_> = choice.agent_id.iter().chain(losers).cloned().collect();
        let (free, others): (Vec<_>, Vec<_>) =
            facts.candidates.iter().partition(|c| able(&facts, c));
        assert_eq!(
            told.len(),
            facts.candidates.len(),
            "round {round}: everybody"
        );
        // Whoever is able is told first.
        let (first, then) = told.split_at(free.len());
        for (told, are) in [(first, free), (then, others)] {
            let told: BTreeSet<_> = told.iter().collect();
            let are: BTreeSet<_> = are.iter().map(|c| &c.agent_id).collect();
            assert_eq!(told, are, "round {round}: {facts:?}");
        }
        numbers.shuffle(&mut facts.candidates);
        assert_eq!(choose_agent(&facts), choice, "round {round}: another order");
    }
}

#[test]
fn by_hand_nobody_gets_more_than_room_but_on_purpose() {
    let mut numbers = Numbers(5);
    for round in 0..6_000 {
        let facts = numbers.facts(Strategy::ALL[round % Strategy::ALL.len()]);
        for c in &facts.candidates {
            let judged = |overrides, claims| judge_by_hand(&facts, &c.agent_id, overrides, claims);
            let room = c.load < c.max
                && (facts.department_id.is_none()
                    || c.department_max.is_none_or(|max| c.department_load < max));
            assert!(room && c.is_active || judged(false, true).refusal.is_some());
            assert_eq!(judged(true, false).refusal.is_none(), c.is_active);
            // What routing would have done needs no purpose, and goes beyond nothing.
            if able(&facts, c) {
                let plain = judged(false, false);
                assert!(
                    plain.refusal.is_none() && plain.beyond.is_empty(),
                    "round {round}"
                );
            }
        }
    }
}

#[test]
fn what_nobody_answers_is_taken_back_only_for_somebody_and_never_for_ever() {
    let mut numbers = Numbers(11);
    for round in 0..6_000 {
        let mut facts = numbers.facts(Strategy::ALL[round % Strategy::ALL.len()]);
        facts.returned_by = facts.candidates.first().map(|c| c.agent_id.clone());
        let free = choose_agent(&facts).agent_id;
        for times in 0..4 {
            let unanswered = Unanswered {
                facts: facts.clone(),
                unanswered_seconds: 50,
                unanswered_limit: 3,
                times,
            };
            let judged = judge_unanswered(&unanswered);
            let may = facts.waited_seconds >= 50 && times < 3;
            assert!(may || !judged.takes_back, "round {round}: {judged:?}");
            assert!(
                !may || free.is_none() || judged.takes_back,
                "round {round}: somebody is free: {judged:?}"
            );
        }
    }
}

#[test]
fn a_wait_grows_with_the_place_and_ignores_the_order_of_what_it_is_made_from() {
    let mut numbers = Numbers(7);
    for round in 0..3_000 {
        let mut taken: Vec<_> = (0..numbers.below(12))
            .map(|_| Taken {
                at: Timestamp::from_second(numbers.below(3_000)).expect("a time"),
                waited_seconds: numbers.below(600),
            })
            .collect();
        let at = |position, taken: &[Taken]| {
            expected_wait(&Place {
                position,
                agents: 1,
                taken: taken.to_vec(),
            })
        };
        let (first, fifth) = (at(1, &taken), at(5, &taken));
        assert_eq!(first.from_chats, taken.len());
        assert_eq!(first.seconds.is_none(), taken.len() < 3, "round {round}");
        assert_eq!(first.seconds.is_none(), first.reason.is_some());
        if let (Some(one), Some(five)) = (first.seconds, fifth.seconds) {
            // A half is rounded once, not five times.
            assert!(
                one >= 0 && one * 5 - 3 <= five && five <= one * 5 + 3,
                "round {round}"
            );
        }
        numbers.shuffle(&mut taken);
        assert_eq!(at(5, &taken), fifth, "round {round}: another order");
    }
}

#[test]
fn the_same_is_no_news_and_what_moves_on_is_told_in_the_end() {
    let mut numbers = Numbers(3);
    for _ in 0..3_000 {
        let (place, seconds) = (1 + numbers.below(400), numbers.maybe(|n| n.below(9_000)));
        assert!(!queue_news(Some(place), seconds, place, seconds));
        assert!(queue_news(None, None, place, seconds));
        if place > 1 {
            assert!(queue_news(Some(place), seconds, 1, seconds));
        }
    }
}

/// A site where chats arrive and end in any order; who waits is handed out as `chat.drain` does it.
struct Desk {
    agents: Vec<Candidate>,
    clock: i64,
    /// Since when each waits, and in which department.
    queue: Vec<(i64, Option<String>)>,
    open: Vec<usize>,
    given: BTreeMap<String, usize>,
}

impl Desk {
    fn drain(&mut self, strategy: Strategy) {
        let mut waiting = std::mem::take(&mut self.queue);
        waiting.sort();
        for (since, department) in waiting {
            self.clock += 1;
            let facts = Facts {
                department_id: department.clone(),
                strategy: Some(strategy.word().to_owned()),
                waited_seconds: self.clock - since,
                candidates: self.agents.clone(),
                ..Facts::default()
            };
            match choose_agent(&facts).agent_id {
                None => self.queue.push((since, department)),
                Some(id) => {
                    let place = self.agents.iter().position(|a| a.agent_id == id);
                    let place = place.expect("one of them");
                    let agent = &mut self.agents[place];
                    agent.load += 1;
                    agent.last_assigned_at =
                        Some(Timestamp::from_second(self.clock).expect("a time"));
                    assert!(agent.load <= agent.max, "over capacity");
                    self.open.push(place);
                    *self.given.entry(id).or_default() += 1;
                }
            }
        }
    }
}

#[test]
fn nobody_starves_whatever_the_order_of_arrivals() {
    for strategy in Strategy::ALL {
        for seed in 1..=20 {
            let mut numbers = Numbers(seed);
            let mut desk = Desk {
                agents: (0..5)
                    .map(|n| Candidate {
                        agent_id: format!("agent-{n}"),
                        status: Some("online".to_owned()),
                        is_active: true,
                        department_id: Some(format!("d{}", n % 2)),
                        max: 1 + n,
                        ..Candidate::default()
                    })
                    .collect(),
                clock: 0,
                queue: Vec::new(),
                open: Vec::new(),
                given: BTreeMap::new(),
            };
            for _ in 0..400 {
                desk.clock += 1;
                if numbers.below(2) == 0 || desk.open.is_empty() {
                    let department = numbers.maybe(|n| format!("d{}", n.below(2)));
                    desk.queue.push((desk.clock, department));
                } else {
                    let ended = numbers.below(desk.open.len() as i64) as usize;
                    let agent = desk.open.swap_remove(ended);
                    desk.agents[agent].load -= 1;
                }
                desk.drain(*strategy);
                for (_, department) in &desk.queue {
                    let room = desk.agents.iter().any(|a| {
                        a.load < a.max && (department.is_none() || a.department_id == *department)
                    });
                    assert!(!room, "{strategy}, seed {seed}: a chat waits beside room");
                }
            }
            // Chats end and nobody new comes: everybody who waits is served.
            while !desk.queue.is_empty() {
                let agent = desk.open.pop().expect("whoever is full has chats that end");
                desk.agents[agent].load -= 1;
                desk.drain(*strategy);
            }
            for agent in &desk.agents {
                assert!(
                    desk.given.contains_key(&agent.agent_id),
                    "{strategy}, seed {seed}: {} never got one",
                    agent.agent_id
                );
            }
        }
    }
}

#[test]
fn in_turn_nobody_gets_a_second_before_everybody_got_one() {
    let mut agents: Vec<_> = (0..7)
        .map(|n| Candidate {
            agent_id: format!("agent-{n}"),
            status: Some("online".to_owned()),
            is_active: true,
            max: 100,
            load: n,
            ..Candidate::default()
        })
        .collect();
    for turn in 1..=70 {
        let facts = Facts {
            strategy: Some("round_robin".to_owned()),
            candidates: agents.clone(),
            ..Facts::default()
        };
        let id = choose_agent(&facts).agent_id.expect("somebody");
        let winner = agents.iter_mut().find(|a| a.agent_id == id).expect("one");
        winner.got_this_hour += 1;
        winner.last_assigned_at = Some(Timestamp::from_second(turn).expect("a time"));
        let got = agents.iter().map(|a| a.got_this_hour);
        let (least, most) = (got.clone().min(), got.max());
        assert!(most <= least.map(|n| n + 1), "turn {turn}: {agents:?}");
    }
}
