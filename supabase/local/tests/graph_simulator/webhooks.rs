//! What the worker hears: signed, in the order that was asked for, until it says 200.

use local_stack::graph::{Delivery, Habits, Order, Say, Status};
use serde_json::{Value, json};

use crate::desk::{APP, Desk, NUMBER, PHONE};

#[tokio::test]
async fn statuses_come_signed_in_order_and_complete() {
    let desk = Desk::open().await;
    desk.open_window();
    let wamid = desk.send_text("hello").await;
    desk.settled().await;
    assert_eq!(desk.worker.words(), ["sent", "delivered", "read"]);
    for value in desk.worker.values() {
        assert_eq!(value["messaging_product"], "whatsapp");
        let metadata = json!({"display_phone_number": "15550783881", "phone_number_id": NUMBER});
        assert_eq!(value["metadata"], metadata);
        assert_eq!(value["contacts"][0]["wa_id"], PHONE);
        let status = &value["statuses"][0];
        assert_eq!(
            (&status["id"], &status["recipient_id"]),
            (&json!(wamid), &json!(PHONE))
        );
        assert_eq!(status["biz_opaque_callback_data"], "hello:1");
        assert!(status["timestamp"].as_str().unwrap().parse::<i64>().is_ok());
        assert_eq!(status.get("conversation"), None);
        assert_eq!(
            status.get("pricing").is_some(),
            status["status"] == "delivered"
        );
    }
    desk.close().await;
}

#[tokio::test]
async fn the_order_is_what_the_script_says() {
    for (order, expected) in [
        (Order::Reversed, vec!["read", "delivered", "sent"]),
        (
            Order::Scripted(vec![Status::Delivered, Status::Sent, Status::Delivered]),
            vec!["delivered", "sent", "delivered"],
        ),
    ] {
        let delivery = Delivery {
            order,
            ..Delivery::default()
        };
        let desk = Desk::with(|config| config.delivery = delivery).await;
        desk.open_window();
        desk.send_text("hello").await;
        desk.settled().await;
        assert_eq!(desk.worker.words(), expected);
        desk.close().await;
    }
}

/// What arrives after ten messages whose statuses were shuffled together.
async fn shuffled(seed: u64) -> Vec<(Value, Value)> {
    let order = Order::Shuffled;
    let desk = Desk::with(|config| {
        config.delivery = Delivery {
            order,
            hold: true,
            ..Delivery::default()
        };
        config.seed = Some(seed);
    })
    .await;
    desk.open_window();
    for n in 0..10 {
        desk.send_text(&format!("message {n}")).await;
    }
    assert!(desk.worker.bodies().is_empty());
    assert_eq!(desk.simulator().deliveries().held, 30);
    assert_eq!(desk.simulator().release(), 30);
    desk.settled().await;
    let arrived: Vec<(Value, Value)> = desk
        .worker
        .statuses()
        .iter()
        .map(|status| {
            (
                status["biz_opaque_callback_data"].clone(),
                status["status"].clone(),
            )
        })
        .collect();
    desk.close().await;
    arrived
}

#[tokio::test]
async fn shuffled_statuses_follow_from_the_seed_and_none_is_lost() {
    let first = shuffled(1).await;
    assert_eq!(first, shuffled(1).await);
    let second = shuffled(2).await;
    assert_ne!(first, second);
    let words: Vec<&Value> = first.iter().map(|(_, word)| word).collect();
    assert_ne!(words, ["sent", "delivered", "read"].repeat(10));
    let sorted = |arrived: Vec<(Value, Value)>| {
        let mut arrived: Vec<String> = arrived.iter().map(|pair| format!("{pair:?}")).collect();
        arrived.sort_unstable();
        arrived.dedup();
        arrived
    };
    let (first, second) = (sorted(first), sorted(second));
    assert_eq!((first.len(), &first), (30, &second));
}

#[tokio::test]
async fn copies_and_batches_carry_the_same_statuses() {
    let delivery = Delivery {
        copies: 1,
        batch: 3,
        concurrency: 4,
        ..Delivery::default()
    };
    let desk = Desk::with(|config| config.delivery = delivery).await;
    desk.open_window();
    desk.send_text("hello").await;
    desk.settled().await;
    let bodies = desk.worker.bodies();
    assert_eq!((bodies.len(), &bodies[0]), (2, &bodies[1]));
    assert_eq!(desk.worker.words().len(), 6);
    desk.close().await;
}

#[tokio::test]
async fn what_is_not_answered_with_200_comes_again() {
    let desk = Desk::open().await;
    desk.worker.refuse(&[503, 500, 204, 404]);
    desk.simulator().say(PHONE, Say::text("hello")).unwrap();
    desk.settled().await;
    assert_eq!(desk.worker.bodies().len(), 1);
    let log = desk.simulator().deliveries().log;
    assert_eq!((log.len(), log[0].tries, log[0].done), (1, 5, true));
    assert_eq!(log[0].answer.as_deref(), Some("200"));
    desk.close().await;
}

#[tokio::test]
async fn a_worker_that_is_away_gets_it_when_it_is_back() {
    let desk = Desk::open().await;
    desk.simulator()
        .set_webhook(APP, "http://127.0.0.1:1/")
        .unwrap();
    desk.simulator().say(PHONE, Say::text("hello")).unwrap();
    desk.until(|| desk.simulator().deliveries().log[0].tries > 0)
        .await;
    desk.simulator()
        .set_webhook(APP, desk.worker.url.clone())
        .unwrap();
    desk.settled().await;
    assert_eq!(desk.worker.bodies().len(), 1);
    desk.close().await;
}

#[tokio::test]
async fn webhooks_overtake_each_other_and_none_is_lost() {
    let delivery = Delivery {
        overtake_ms: 50,
        concurrency: 4,
        ..Delivery::default()
    };
    let desk = Desk::with(|config| config.delivery = delivery).await;
    let words: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    for word in &words {
        desk.simulator().say(PHONE, Say::text(word)).unwrap();
    }
    desk.settled().await;
    let mut heard: Vec<String> = desk
        .worker
        .values()
        .iter()
        .map(|value| {
            value["messages"][0]["text"]["body"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_ne!(heard, words);
    heard.sort_by_key(|word| word.parse::<u32>().unwrap());
    assert_eq!(heard, words);
    desk.close().await;
}

#[tokio::test]
async fn of_several_workers_each_gets_some() {
    let desk = Desk::open().await;
    let (first, away) = (desk.worker.url.clone(), "http://127.0.0.1:1/".to_owned());
    desk.simulator()
        .set_webhooks(APP, vec![first, away])
        .unwrap();
    for n in 0..20 {
        desk.simulator()
            .say(PHONE, Say::text(n.to_string()))
            .unwrap();
    }
    desk.settled().await;
    let posts = desk.simulator().posts();
    assert_eq!((posts.bodies, posts.open), (20, 0));
    assert!(posts.attempts > 20, "nobody was away");
    assert_eq!(desk.worker.bodies().len(), 20);
    desk.close().await;
}

#[tokio::test]
async fn statuses_can_arrive_before_the_answer() {
    let delivery = Delivery {
        before_answer: true,
        ..Delivery::default()
    };
    let desk = Desk::with(|config| config.delivery = delivery).await;
    desk.open_window();
    desk.send_text("hello").await;
    assert_eq!(desk.worker.words(), ["sent", "delivered", "read"]);
    desk.close().await;
}

#[tokio::test]
async fn a_phone_delivers_and_reads_when_it_likes() {
    let desk = Desk::open().await;
    desk.open_window();
    let off = Habits {
        receives: false,
        ..Habits::default()
    };
    desk.simulator().set_habits(PHONE, off);
    let wamid = desk.send_text("hello").await;
    desk.settled().await;
    assert_eq!(desk.worker.words(), ["sent"]);
    desk.simulator().receive(PHONE);
    desk.settled().await;
    assert_eq!(desk.worker.words(), ["sent", "delivered"]);
    desk.simulator().read(PHONE);
    desk.simulator().read(PHONE);
    desk.simulator().report_again(&wamid, Status::Sent).unwrap();
    desk.settled().await;
    assert_eq!(desk.worker.words(), ["sent", "delivered", "read", "sent"]);
    assert_eq!(
        desk.simulator().phone(PHONE).bubbles[0].status,
        Some(Status::Read)
    );
    desk.simulator().set_habits(
        PHONE,
        Habits {
            fails_with: Some(131_026),
            ..Habits::default()
        },
    );
    desk.send_text("nobody there").await;
    desk.settled().await;
    let failed = desk.worker.statuses().pop().unwrap();
    assert_eq!(failed["errors"][0]["code"], 131_026);
    assert_eq!(desk.worker.values().pop().unwrap().get("contacts"), None);
    desk.close().await;
}

#[tokio::test]
async fn what_people_write_has_metas_shape_and_spelling() {
    let desk = Desk::open().await;
    let said = Say::text("Grüße 🎉 http://a.b/c").named("José");
    let text = desk.simulator().say(PHONE, said).unwrap();
    desk.simulator()
        .say(
            PHONE,
            Say {
                copies: 1,
                ..Say::image("look")
            },
        )
        .unwrap();
    desk.settled().await;
    let spelled = String::from_utf8(desk.worker.bodies()[0].to_vec()).unwrap();
    assert!(spelled.contains(r#""body":"Gr\u00fc\u00dfe \ud83c\udf89 http:\/\/a.b\/c""#));
    let values = desk.worker.values();
    assert_eq!(
        values[0]["messages"],
        json!([{"from": PHONE, "id": text.wamid, "timestamp": text.at.to_string(),
            "type": "text", "text": {"body": "Grüße 🎉 http://a.b/c"}}])
    );
    assert_eq!(
        values[0]["contacts"],
        json!([{"profile": {"name": "José"}, "wa_id": PHONE}])
    );
    let image = &values[1]["messages"][0];
    assert_eq!(
        (&image["type"], &image["image"]["caption"]),
        (&json!("image"), &json!("look"))
    );
    assert_eq!(image["image"]["mime_type"], "image/jpeg");
    assert!(image["image"]["id"].is_string() && image["image"]["sha256"].is_string());
    assert_eq!((values.len(), &values[1]), (3, &values[2]));
    desk.close().await;
}
