use super::{send_message::judge, *};
use crate::{
    apis::graph::{Accepted, Refusal},
    db::{AttemptOutcome, ReactionOutcome},
};
use serde_json::json;

fn job(kind: &str, tries: u32, held_seconds: u64) -> ClaimedJob {
    ClaimedJob {
        job_id: 1,
        lane: "send:1:a".into(),
        lease_token: Uuid::nil(),
        lease_seconds: 30.0,
        kind: kind.into(),
        payload: json!({}),
        tries,
        held_seconds,
    }
}

fn refused(code: i64, http: u16) -> CallError {
    CallError::Refused(Refusal {
        http,
        code: Some(code),
        title: format!("(#{code})"),
        ..Refusal::default()
    })
}

fn send(answer: Result<Accepted, CallError>) -> AttemptOutcome {
    judge(&job("whatsapp.send_message", 1, 0), answer)
}

#[test]
fn an_accepted_send_keeps_its_wamid() {
    let accepted = Accepted {
        wamid: "wamid.A".into(),
        wa_id: None,
        http: 200,
    };
    assert_eq!(
        send(Ok(accepted)),
        AttemptOutcome::Accepted {
            wamid: "wamid.A".into(),
            wa_id: None,
            http: 200
        }
    );
}

#[test]
fn a_send_that_may_have_left_is_unknown_and_never_repeated() {
    let timed_out = CallError::Unclear("the call timed out".into());
    for unclear in [timed_out, refused(2, 500)] {
        let outcome = send(Err(unclear.clone()));
        assert!(
            matches!(outcome, AttemptOutcome::Unknown { .. }),
            "{unclear:?} gave {outcome:?}"
        );
    }
}

#[test]
fn a_send_that_never_left_is_tried_again_and_fails_visibly_in_the_end() {
    let unreached = || Err(CallError::NotSent("Connection refused".into()));
    assert!(matches!(
        send(unreached()),
        AttemptOutcome::Retry {
            after_seconds: 2,
            ..
        }
    ));
    let last = judge(&job("whatsapp.send_message", 12, 880), unreached());
    assert!(
        matches!(
            last,
            AttemptOutcome::Failed {
                closes_window: false,
                ..
            }
        ),
        "{last:?}"
    );
}

#[test]
fn refusals_follow_graphs_code() {
    assert!(matches!(
        send(Err(refused(131_056, 400))),
        AttemptOutcome::Retry {
            after_seconds: 1,
            ..
        }
    ));
    assert!(matches!(
        send(Err(refused(190, 401))),
        AttemptOutcome::Retry {
            after_seconds: 300,
            ..
        }
    ));
    assert!(matches!(
        send(Err(refused(131_031, 403))),
        AttemptOutcome::Retry {
            after_seconds: 300,
            stops: Some(advice),
            ..
        } if advice.contains("appeal")
    ));
    assert!(matches!(
        send(Err(refused(131_056, 400))),
        AttemptOutcome::Retry { stops: None, .. }
    ));
    assert!(matches!(
        send(Err(refused(131_047, 400))),
        AttemptOutcome::Failed {
            closes_window: true,
            ..
        }
    ));
    let AttemptOutcome::Failed {
        code,
        title,
        advice,
        closes_window,
        ..
    } = send(Err(refused(131_026, 400)))
    else {
        panic!()
    };
    assert_eq!((code, closes_window), (Some(131_026), false));
    assert!(!title.is_empty() && advice.is_some());
}

#[test]
fn a_read_mark_is_repeated_after_a_time_out_and_given_up_in_time() {
    let unclear = CallError::Unclear("the call timed out".into());
    assert!(matches!(
        of_call_error(&job("whatsapp.mark_read", 1, 0), &unclear),
        Outcome::Retry { .. }
    ));
    let not_sent = CallError::NotSent("Connection refused".into());
    assert!(matches!(
        of_call_error(&job("whatsapp.mark_read", 6, 119), &not_sent),
        Outcome::Dead { .. }
    ));
    assert!(matches!(
        of_call_error(&job("whatsapp.mark_read", 1, 0), &refused(131_009, 400)),
        Outcome::Dead { .. }
    ));
}

#[test]
fn a_reaction_that_failed_says_why_in_our_words() {
    let refused = refused(131_026, 400);
    let ended = of_call_error(&job("whatsapp.send_reaction", 1, 0), &refused);
    let ReactionOutcome::Failed {
        code,
        title,
        advice,
        ..
    } = send_reaction::told(&ended, Some(&refused))
    else {
        panic!("{ended:?}")
    };
    assert_eq!(code, Some(131_026));
    assert_ne!(title, "(#131026)");
    assert!(advice.is_some());

    let unclear = CallError::Unclear("the call timed out".into());
    let again = of_call_error(&job("whatsapp.send_reaction", 1, 0), &unclear);
    assert!(matches!(
        send_reaction::told(&again, Some(&unclear)),
        ReactionOutcome::Retry { .. }
    ));
    let no_token = Outcome::Dead {
        why: "no token".into(),
    };
    assert!(matches!(
        send_reaction::told(&no_token, None),
        ReactionOutcome::Failed { details: Some(why), .. } if why == "no token"
    ));
}
