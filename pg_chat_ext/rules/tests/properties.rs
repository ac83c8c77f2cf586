//! What holds for every input, tried for all of them where they are few and for many where not.

use chat_rules::conversations::{Kind, Origin, SenderType, Status, message_effect, status_refusal};
use chat_rules::retry::{self, Decision};
use chat_rules::whatsapp::{DeliveryState, delivery_next, errors, phone_variants};

mod numbers;

use numbers::Numbers;

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
        let stops = errors::known(code).is_some_and(|known| {
            matches!(
                known.class,
                errors::ErrorClass::Stop | errors::ErrorClass::Token
            )
        });
        let last = retry::decide(Some(code), Some(400), 10_000, "whatsapp.send_message");
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
