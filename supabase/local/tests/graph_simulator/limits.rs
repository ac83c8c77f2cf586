//! Who may be written to and how often: windows, throttles, test numbers.

use local_stack::graph::{Limits, PairLimit, Say};
use serde_json::json;

use crate::desk::{Desk, PHONE, text_to};

#[tokio::test]
async fn outside_the_window_a_text_is_accepted_and_fails_later() {
    let desk = Desk::open().await;
    desk.simulator().say(PHONE, Say::text("hello")).unwrap();
    desk.send_text("in time").await;
    desk.simulator().advance(24 * 60 * 60);
    let late = desk.send_text("too late").await;
    desk.settled().await;
    let failed = desk.worker.statuses().pop().unwrap();
    assert_eq!(
        (&failed["status"], &failed["id"]),
        (&json!("failed"), &json!(late))
    );
    let error = &failed["errors"][0];
    assert_eq!(
        (&error["code"], &error["title"]),
        (&json!(131_047), &json!("Re-engagement message"))
    );
    assert!(error["error_data"]["details"].is_string() && error["href"].is_string());
    assert_eq!(failed["biz_opaque_callback_data"], "too late:1");

    desk.simulator().say(PHONE, Say::text("again")).unwrap();
    desk.send_text("in time again").await;
    desk.settled().await;
    assert_eq!(desk.worker.words().last().map(String::as_str), Some("read"));
    desk.close().await;
}

#[tokio::test]
async fn strangers_count_as_open_only_when_asked_for() {
    let desk = Desk::with(|config| config.assume_known = true).await;
    desk.send_text("hello").await;
    desk.settled().await;
    assert_eq!(desk.worker.words(), ["sent", "delivered", "read"]);
    desk.close().await;
}

#[tokio::test]
async fn throttles_refuse_and_recover() {
    let desk = Desk::open().await;
    desk.open_window();
    let limits = Limits {
        per_second: None,
        pair: Some(PairLimit {
            every_ms: 60_000,
            burst: 2,
        }),
    };
    desk.simulator().set_limits(limits);
    desk.send_text("one").await;
    desk.send_text("two").await;
    let (status, answer) = desk.send(&text_to(PHONE, "three")).await;
    assert_eq!((status, &answer["error"]["code"]), (400, &json!(131_056)));
    assert_eq!(desk.send(&text_to("16505550000", "other")).await.0, 200);
    desk.simulator().advance(120);
    desk.send_text("three").await;

    desk.simulator().set_limits(Limits {
        per_second: Some(0),
        pair: None,
    });
    let (_, answer) = desk.send(&text_to(PHONE, "four")).await;
    let error = &answer["error"];
    assert_eq!(
        (&error["code"], &error["error_subcode"]),
        (&json!(130_429), &json!(2_494_055))
    );
    desk.close().await;
}

#[tokio::test]
async fn a_test_number_writes_to_its_list_only() {
    let desk = Desk::with(|config| {
        config.numbers[0].allowed_recipients = Some(vec![PHONE.to_owned()]);
    })
    .await;
    assert_eq!(desk.send(&text_to(PHONE, "hello")).await.0, 200);
    let (_, answer) = desk.send(&text_to("16505550000", "hello")).await;
    assert_eq!(answer["error"]["code"], 131_030);
    desk.close().await;
}
