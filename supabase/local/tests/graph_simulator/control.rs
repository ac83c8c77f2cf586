//! Everything a test does directly, another process does over HTTP.

use serde_json::{Value, json};

use crate::desk::{APP, Desk, NUMBER, PHONE, answer, text_to};

async fn put(desk: &Desk, path: &str, body: Value) -> (u16, Value) {
    answer(desk.request(reqwest::Method::PUT, path).json(&body)).await
}

async fn post(desk: &Desk, path: &str, body: Value) -> (u16, Value) {
    answer(desk.request(reqwest::Method::POST, path).json(&body)).await
}

#[tokio::test]
async fn another_process_can_play_a_phone() {
    let desk = Desk::open().await;
    let phone = format!("/control/phones/{PHONE}");
    let (status, said) = post(&desk, &format!("{phone}/say"), json!({"text": "hi"})).await;
    assert_eq!(status, 200);
    let habits = json!({"name": "Jane", "habits": {"receives": false}});
    assert_eq!(put(&desk, &phone, habits).await.1["habits"]["reads"], true);
    desk.send_text("hello").await;
    post(&desk, &format!("{phone}/read"), json!({})).await;
    desk.settled().await;
    assert_eq!(desk.worker.words(), ["sent", "delivered", "read"]);
    let (_, shown) = desk.get(&phone).await;
    assert_eq!(
        (&shown["name"], &shown["bubbles"][0]["wamid"]),
        (&json!("Jane"), &said["wamid"])
    );
    assert_eq!(shown["bubbles"][1]["status"], "read");
    assert_eq!(desk.get("/control/phones").await.1, json!([shown]));
    let (status, refused) = post(&desk, &format!("{phone}/say"), json!({})).await;
    assert_eq!((status, refused["error"].is_string()), (400, true));
    desk.close().await;
}

#[tokio::test]
async fn another_process_can_script_what_happens() {
    let desk = Desk::open().await;
    let wrote = format!("/control/phones/{PHONE}/wrote");
    post(&desk, &wrote, json!({"phone_number_id": NUMBER})).await;
    let (status, delivery) = put(
        &desk,
        "/control/delivery",
        json!({"order": "reversed", "hold": true}),
    )
    .await;
    assert_eq!((status, &delivery["order"]), (200, &json!("reversed")));
    let rule = json!({"does": {"refuse": {"code": 131_016}}, "recipient": PHONE});
    assert_eq!(post(&desk, "/control/faults", rule).await.0, 200);
    assert_eq!(desk.send(&text_to(PHONE, "hello")).await.0, 500);
    assert_eq!(desk.get("/control/faults").await.1, json!([]));
    desk.send_text("hello").await;
    let released = post(&desk, "/control/deliveries/release", json!({}))
        .await
        .1;
    assert_eq!(released, json!({"released": 3}));
    desk.settled().await;
    assert_eq!(desk.worker.words(), ["read", "delivered", "sent"]);
    let (_, deliveries) = desk.get("/control/deliveries").await;
    assert_eq!(
        (&deliveries["open"], &deliveries["log"][2]["tries"]),
        (&json!(0), &json!(1))
    );

    let pair = json!({"pair": {"every_ms": 6000, "burst": 1}});
    assert_eq!(put(&desk, "/control/limits", pair).await.0, 200);
    desk.send_text("hello").await;
    assert_eq!(
        desk.send(&text_to(PHONE, "too soon")).await.1["error"]["code"],
        131_056
    );
    post(&desk, "/control/clock", json!({"advance_seconds": 6})).await;
    desk.send_text("hello").await;
    desk.close().await;
}

#[tokio::test]
async fn requests_that_make_no_sense_are_told_so() {
    let desk = Desk::open().await;
    for (path, body, status) in [
        ("/control/faults", json!({"does": "explode"}), 400),
        (
            "/control/faults",
            json!({"does": {"kill": {"at": "before_sending"}}}),
            400,
        ),
        (
            "/control/webhooks",
            json!({"app_id": "none", "body": {}}),
            404,
        ),
        (
            "/control/messages/wamid.none/report",
            json!({"status": "sent"}),
            404,
        ),
        (
            "/control/phones/1/wrote",
            json!({"phone_number_id": "none"}),
            404,
        ),
    ] {
        let (met, answer) = post(&desk, path, body).await;
        assert_eq!(
            (met, answer["error"].is_string()),
            (status, true),
            "{path}: {answer}"
        );
    }
    assert_eq!(
        put(&desk, "/control/delivery", json!({"batch": 0})).await.0,
        400
    );
    desk.close().await;
}

#[tokio::test]
async fn any_body_can_be_delivered_and_its_messages_are_known() {
    let desk = Desk::open().await;
    let message = json!({"from": PHONE, "id": "wamid.given", "timestamp": "4102444800",
        "type": "text", "text": {"body": "given"}});
    let value = json!({"messaging_product": "whatsapp", "messages": [message],
        "metadata": {"display_phone_number": "15550783881", "phone_number_id": NUMBER}});
    let body = json!({"object": "whatsapp_business_account", "entry": [
        {"id": crate::desk::ACCOUNT, "changes": [{"field": "messages", "value": value}]}]});
    let given = json!({"app_id": APP, "body": body, "copies": 2});
    assert_eq!(post(&desk, "/control/webhooks", given).await.0, 200);
    desk.settled().await;
    assert_eq!(desk.worker.values(), vec![value; 3]);
    assert_eq!(desk.simulator().phone(PHONE).bubbles.len(), 1);
    desk.send_text("the window is open").await;
    desk.settled().await;
    assert_eq!(desk.worker.words(), ["sent", "delivered", "read"]);
    desk.close().await;
}

#[tokio::test]
async fn people_see_the_phones_on_a_page_without_outside_resources() {
    let desk = Desk::open().await;
    let page = desk
        .request(reqwest::Method::GET, "/")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (page.status().as_u16(), page.url().path()),
        (200, "/phones")
    );
    assert!(
        page.headers()["content-type"]
            .to_str()
            .unwrap()
            .starts_with("text/html")
    );
    let html = page.text().await.unwrap();
    assert!(html.contains("/control/phones") && !html.contains("http"));
    desk.close().await;
}
