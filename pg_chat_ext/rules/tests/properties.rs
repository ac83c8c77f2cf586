//! What holds for every input, tried for all of them where they are few and for many where not.

use chat_rules::conversations::{Kind, Origin, SenderType, Status, message_effect, status_refusal};
use chat_rules::retry::{self, Decision};
use chat_rules::routing::{Candidate, Facts, choose_agent};
use chat_rules::whatsapp::{DeliveryState, delivery_next, errors, phone_variants};

/// A generator of numbers that is the same on every run (Knuth's MMIX constants).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }

    fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}

#[test]
fn delivery_ends_the_same_for_every_order_of_reports() {
    let words: Vec<_> = DeliveryState::ALL
        .iter()
        .map(|state| state.word())
        .collect();
    let next = |a, b| delivery_next(Some(a), Some(b)).expect("a state stays a state");
    for a in &words {
        assert_eq!(next(a, a), *a, "a report twice changes nothing");
        for b in words
            .iter()
            .filter(|b| **b != "received" && *a != "received")
        {
            assert_eq!(next(a, b), next(b, a), "{a} and {b} in both orders");
            let rank = |word| DeliveryState::of_word(word).expect("a state");
            assert!(rank(next(a, b)) >= rank(a), "{a} never moves back for {b}");
            for c in words.iter().filter(|c| **c != "received") {
                assert_eq!(next(next(a, b), c), next(next(a, c), b), "{a}, {b}, {c}");
            }
        }
    }
}

#[test]
fn a_delivered_message_never_fails() {
    for state in ["delivered", "read", "played"] {
        assert_eq!(delivery_next(Some(state), Some("failed")), Some(state));
        assert_eq!(delivery_next(Some("failed"), Some(state)), Some(state));
    }
}

#[test]
fn a_message_counts_for_one_side_at_most() {
    for &sender in SenderType::ALL {
        for &kind in Kind::ALL {
            for &origin in Origin::ALL {
                for by_assignee in [false, true] {
                    let effect = message_effect(sender, kind, origin, by_assignee);
                    assert!(!(effect.inbound && effect.outbound_public));
                    assert_eq!(effect.unread_agent, i32::from(effect.inbound));
                    assert_eq!(effect.unread_visitor, i32::from(effect.outbound_public));
                    assert_eq!(effect.preview, effect.inbound || effect.outbound_public);
                    assert!(!effect.clears_unread_agent || by_assignee);
                    assert_eq!(effect.is_public, kind != Kind::Note);
                    let imported = message_effect(sender, kind, Origin::History, by_assignee);
                    assert!(
                        !imported.preview && imported.unread_agent + imported.unread_visitor == 0
                    );
                }
            }
        }
    }
}

#[test]
fn every_conversation_can_come_back_and_end() {
    for old in Status::ALL.iter().map(|status| status.word()) {
        assert_eq!(status_refusal(Some(old), "pending", false), None);
        assert_eq!(status_refusal(Some(old), "active", true), None);
        assert_eq!(status_refusal(Some(old), "closed", false), None);
    }
}

#[test]
fn a_choice_is_never_over_capacity_and_ignores_the_order_of_candidates() {
    let mut numbers = Numbers(20_260_301);
    let statuses = ["online", "online", "online", "away", "busy", "offline"];
    for round in 0..3_000 {
        let candidates: Vec<_> = (0..numbers.below(7))
            .map(|n| Candidate {
                agent_id: format!("agent-{n}"),
                status: Some(statuses[numbers.below(6) as usize].to_owned()),
                is_active: numbers.below(8) > 0,
                department_id: Some(format!("d{}", numbers.below(2))),
                load: numbers.below(5) as i64,
                max: numbers.below(5) as i64,
                department_load: numbers.below(3) as i64,
                department_max: (numbers.below(2) == 0).then(|| numbers.below(4) as i64),
                last_assigned_at: (numbers.below(3) > 0).then(|| {
                    chat_rules::Timestamp::from_second(numbers.below(3) as i64).expect("a time")
                }),
            })
            .collect();
        let mut facts = Facts {
            department_id: (numbers.below(2) == 0).then(|| "d0".to_owned()),
            preferred_agent_id: (numbers.below(2) == 0).then(|| "agent-1".to_owned()),
            candidates,
        };
        let choice = choose_agent(&facts);
        let able = |c: &&Candidate| {
            c.is_active
                && c.status.as_deref() == Some("online")
                && c.load < c.max
                && (facts.department_id.is_none()
                    || c.department_id == facts.department_id
                        && c.department_max.is_none_or(|max| c.department_load < max))
        };
        let able: Vec<_> = facts.candidates.iter().filter(able).collect();
        assert_eq!(
            choice.agent_id.is_some(),
            !able.is_empty(),
            "round {round}: {facts:?}"
        );
        assert_eq!(choice.order.len(), able.len(), "round {round}");
        if let Some(winner) = &choice.agent_id {
            assert!(
                able.iter().any(|c| c.agent_id == *winner),
                "round {round}: {facts:?}"
            );
        }
        let named = choice.losers.len() + usize::from(choice.agent_id.is_some());
        assert_eq!(
            named,
            facts.candidates.len(),
            "round {round}: everybody is named once"
        );

        numbers.shuffle(&mut facts.candidates);
        assert_eq!(choose_agent(&facts), choice, "round {round}: another order");
    }
}

#[test]
fn a_variant_of_a_variant_is_the_number_itself() {
    let mut numbers = Numbers(11);
    for country in ["55", "54", "549", "52", "521", "225", "22507", "22501"] {
        for digits in 6..12 {
            for _ in 0..300 {
                let rest: String = (0..digits)
                    .map(|_| char::from(b'0' + numbers.below(10) as u8))
                    .collect();
                let phone = format!("{country}{rest}");
                for variant in phone_variants(&phone) {
                    assert_ne!(variant, phone);
                    assert_eq!(
                        phone_variants(&variant),
                        std::slice::from_ref(&phone),
                        "{phone} and {variant}"
                    );
                }
            }
        }
    }
}

#[test]
fn every_retry_of_a_send_ends() {
    for code in (0..300)
        .chain(130_000..140_000)
        .chain([368, 80_007, 2_494_100])
    {
        let stops =
            errors::known(code).is_some_and(|known| known.class == errors::ErrorClass::Stop);
        let last = retry::decide(Some(code), Some(400), 10_000, "whatsapp.send_text");
        match last {
            Decision::StopNumber { .. } => assert!(stops, "{code}"),
            last => assert!(
                matches!(last, Decision::Fail { .. }),
                "{code} ends in {last:?}"
            ),
        }
    }
}

#[test]
fn every_known_error_says_what_happened_and_what_to_do() {
    for code in (0..600)
        .chain(80_000..81_000)
        .chain(130_000..140_000)
        .chain([2_494_100])
    {
        let known = errors::explain(code);
        assert!(
            !known.title.is_empty() && !known.title.ends_with('.'),
            "{code}: {}",
            known.title
        );
        assert!(known.advice.ends_with('.'), "{code}: {}", known.advice);
    }
}
