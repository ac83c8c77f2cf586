//! What goes wrong on demand, and what the phone has of it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use local_stack::graph::{Call, Fault, Instant, Misbehaviour};
use serde_json::json;

use crate::desk::{Desk, NUMBER, PHONE, text_to};

async fn desk_with(fault: Fault) -> Desk {
    let desk = Desk::open().await;
    desk.open_window();
    desk.simulator().add_fault(fault).unwrap();
    desk
}

fn shown(desk: &Desk) -> usize {
    desk.simulator().phone(PHONE).bubbles.len()
}

#[tokio::test]
async fn an_answer_that_never_comes_leaves_a_message_on_the_phone() {
    let desk = desk_with(Fault::next(Misbehaviour::NeverAnswer)).await;
    let sending = tokio::spawn(desk.sending(&text_to(PHONE, "hello")).send());
    desk.until(|| shown(&desk) > 0).await;
    desk.settled().await;
    assert_eq!(desk.worker.words(), ["sent", "delivered", "read"]);
    assert!(!sending.is_finished());
    // Stopping breaks the line, so nobody waits for ever.
    desk.close().await;
    assert!(sending.await.unwrap().is_err());
}

#[tokio::test]
async fn a_cut_line_shows_only_on_the_phone_whether_it_was_sent() {
    for (does, sent) in [(Misbehaviour::CutBefore, 0), (Misbehaviour::CutAfter, 1)] {
        let desk = desk_with(Fault::next(does)).await;
        let lost = desk.sending(&text_to(PHONE, "hello")).send().await;
        assert!(lost.unwrap_err().is_request());
        assert_eq!(shown(&desk), sent, "{does:?}");
        desk.send_text("again").await;
        assert_eq!(shown(&desk), sent + 1);
        desk.close().await;
    }
}

#[tokio::test]
async fn of_what_is_never_told_only_the_phone_knows() {
    let desk = desk_with(Fault::next(Misbehaviour::Untold)).await;
    let lost = desk.sending(&text_to(PHONE, "hello")).send().await;
    assert!(lost.unwrap_err().is_request());
    assert_eq!(shown(&desk), 1);
    desk.simulator().read(PHONE);
    desk.settled().await;
    assert!(desk.worker.words().is_empty());
    desk.close().await;
}

#[tokio::test]
async fn a_refusal_is_kept_by_the_mark_of_its_send() {
    let does = Misbehaviour::Refuse {
        code: 131_016,
        http: None,
    };
    let desk = desk_with(Fault::next(does)).await;
    let mut body = text_to(PHONE, "hello");
    body["biz_opaque_callback_data"] = json!("one:1");
    desk.send(&body).await;
    body["biz_opaque_callback_data"] = json!("one:2");
    desk.send(&body).await;
    let refused = desk.simulator().refusals();
    assert_eq!(json!(refused), json!({"one:1": 131_016}));
    desk.close().await;
}

#[tokio::test]
async fn a_broken_answer_is_no_json() {
    for sent in [false, true] {
        let desk = desk_with(Fault::next(Misbehaviour::BrokenAnswer { http: 502, sent })).await;
        let answer = desk.sending(&text_to(PHONE, "hello")).send().await.unwrap();
        assert_eq!(answer.status(), 502);
        assert!(answer.json::<serde_json::Value>().await.is_err());
        assert_eq!(shown(&desk), usize::from(sent));
        desk.close().await;
    }
}

#[tokio::test]
async fn a_refusal_lasts_as_often_as_it_was_asked_for() {
    let does = Misbehaviour::Refuse {
        code: 131_016,
        http: None,
    };
    let desk = desk_with(Fault::next(does).times(2).to(PHONE)).await;
    assert_eq!(desk.send(&text_to("16505550000", "other")).await.0, 200);
    for _ in 0..2 {
        let (status, answer) = desk.send(&text_to(PHONE, "hello")).await;
        assert_eq!((status, &answer["error"]["code"]), (500, &json!(131_016)));
    }
    desk.send_text("hello").await;
    assert_eq!(shown(&desk), 1);
    assert!(desk.simulator().faults().is_empty());
    desk.close().await;
}

#[tokio::test]
async fn a_failure_can_come_later_and_an_answer_late() {
    let desk = desk_with(Fault::next(Misbehaviour::FailLater { code: 131_053 })).await;
    desk.simulator()
        .add_fault(Fault::next(Misbehaviour::Slow { millis: 50 }))
        .unwrap();
    let failed = desk.send_text("fails").await;
    let slow = desk.send_text("slow").await;
    desk.settled().await;
    let statuses = desk.worker.statuses();
    assert_eq!(
        (&statuses[0]["id"], &statuses[0]["status"]),
        (&json!(failed), &json!("failed"))
    );
    assert_eq!(statuses[0]["errors"][0]["code"], 131_053);
    assert_eq!((&statuses[1]["id"], statuses.len()), (&json!(slow), 4));
    desk.close().await;
}

#[tokio::test]
async fn the_kill_hook_is_called_at_the_chosen_instant() {
    for (at, on_phone) in [(Instant::BeforeSending, 0), (Instant::BeforeAnswering, 1)] {
        let desk = Desk::open().await;
        desk.open_window();
        let kill = Fault::next(Misbehaviour::Kill { at });
        assert!(desk.simulator().add_fault(kill.clone()).is_err());
        let (seen, simulator) = (
            Arc::new(AtomicUsize::new(9)),
            Arc::clone(desk.graph.simulator()),
        );
        let hook = (Arc::clone(&seen), Arc::downgrade(&simulator));
        desk.simulator().on_kill(move || {
            let simulator = hook.1.upgrade().unwrap();
            hook.0
                .store(simulator.phone(PHONE).bubbles.len(), Ordering::SeqCst);
        });
        desk.simulator().add_fault(kill).unwrap();
        desk.send_text("hello").await;
        assert_eq!(seen.load(Ordering::SeqCst), on_phone, "{at:?}");
        desk.close().await;
    }
}

#[tokio::test]
async fn reads_and_read_marks_have_faults_of_their_own() {
    let does = Misbehaviour::Refuse {
        code: 190,
        http: None,
    };
    let desk = desk_with(Fault {
        on: Call::Read,
        ..Fault::next(does)
    })
    .await;
    desk.send_text("hello").await;
    let path = format!("/v26.0/{NUMBER}");
    assert_eq!(desk.get(&path).await.0, 401);
    assert_eq!(desk.get(&path).await.0, 200);
    desk.close().await;
}
