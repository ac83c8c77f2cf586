//! What Graph tells about numbers, accounts and tokens.

use local_stack::graph::{Number, Say, Template, Token};
use serde_json::json;

use crate::desk::{ACCOUNT, APP, Desk, NUMBER, PHONE, answer};

#[tokio::test]
async fn a_number_tells_its_details() {
    let desk = Desk::open().await;
    let (status, number) = desk.get(&format!("/v26.0/{NUMBER}")).await;
    assert_eq!(status, 200);
    assert_eq!(
        number,
        json!({"id": NUMBER, "display_phone_number": "+1 555-078-3881",
            "verified_name": "Jasper's Market", "quality_rating": "GREEN",
            "code_verification_status": "VERIFIED"})
    );
    let asked = format!("/v26.0/{NUMBER}?fields=name_status,throughput,webhook_configuration");
    let (_, number) = desk.get(&asked).await;
    assert_eq!(
        number,
        json!({"id": NUMBER, "name_status": "APPROVED", "throughput": {"level": "STANDARD"},
            "webhook_configuration": {"application": desk.worker.url}})
    );
    let (status, refused) = desk.get(&format!("/v26.0/{NUMBER}?fields=shoe_size")).await;
    assert_eq!((status, &refused["error"]["code"]), (400, &json!(100)));
    let (_, refused) = desk.get("/v26.0/999").await;
    assert_eq!(refused["error"]["error_subcode"], 33);
    desk.close().await;
}

#[tokio::test]
async fn an_account_lists_its_own_numbers() {
    let desk = Desk::with(|config| {
        config
            .numbers
            .push(Number::new("1", ACCOUNT, "+1 555-078-0001"));
        config
            .numbers
            .push(Number::new("2", "another", "+1 555-078-0002"));
    })
    .await;
    let (_, numbers) = desk.get(&format!("/v26.0/{ACCOUNT}/phone_numbers")).await;
    let ids: Vec<&str> = numbers["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids, [NUMBER, "1"]);
    assert!(numbers["paging"]["cursors"].is_object());
    assert_eq!(
        desk.get(&format!("/v26.0/{ACCOUNT}?fields=id")).await.1,
        json!({"id": ACCOUNT})
    );
    assert_eq!(desk.get("/v26.0/none/phone_numbers").await.0, 400);
    desk.close().await;
}

#[tokio::test]
async fn only_subscribed_apps_hear_of_an_account() {
    let desk = Desk::open().await;
    let path = format!("/v26.0/{ACCOUNT}/subscribed_apps");
    let (_, apps) = desk.get(&path).await;
    assert_eq!(apps["data"][0]["whatsapp_business_api_data"]["id"], APP);
    let wish = |method| answer(desk.request(method, &path).bearer_auth("test-token"));
    assert_eq!(
        wish(reqwest::Method::DELETE).await,
        (200, json!({"success": true}))
    );
    assert_eq!(desk.get(&path).await.1, json!({"data": []}));
    desk.simulator().say(PHONE, Say::text("unheard")).unwrap();
    assert_eq!(
        wish(reqwest::Method::POST).await,
        (200, json!({"success": true}))
    );
    desk.simulator().say(PHONE, Say::text("heard")).unwrap();
    desk.settled().await;
    let heard = desk.worker.values();
    assert_eq!(heard.len(), 1);
    assert_eq!(heard[0]["messages"][0]["text"]["body"], "heard");
    desk.close().await;
}

#[tokio::test]
async fn a_token_can_be_inspected() {
    let desk = Desk::with(|config| {
        let token = Token::new("narrow", APP);
        config.tokens.push(Token {
            waba_ids: vec![ACCOUNT.to_owned()],
            ..token
        });
    })
    .await;
    let (_, answer) = desk.get("/v26.0/debug_token?input_token=narrow").await;
    let token = &answer["data"];
    assert_eq!(
        (&token["is_valid"], &token["app_id"]),
        (&json!(true), &json!(APP))
    );
    assert_eq!(token["granular_scopes"][0]["target_ids"], json!([ACCOUNT]));
    let (_, answer) = desk.get("/v26.0/debug_token?input_token=nobody").await;
    assert_eq!(answer["data"]["is_valid"], false);
    desk.close().await;
}

#[tokio::test]
async fn templates_come_a_page_at_a_time_and_only_next_says_that_there_is_more() {
    let desk = Desk::with(|config| {
        let names = (0..30).map(|n| Template::new(&format!("t{n:02}"), "Hi {{1}}"));
        config.templates = names.collect();
    })
    .await;
    let listed = format!("/v26.0/{ACCOUNT}/message_templates");
    let (_, first) = desk.get(&listed).await;
    assert_eq!(first["data"].as_array().map(Vec::len), Some(25));
    assert_eq!(first["data"][0]["components"][0]["text"], "Hi {{1}}");
    assert!(first["paging"]["next"].is_string());
    let after = first["paging"]["cursors"]["after"].as_str().unwrap();
    let (_, last) = desk
        .get(&format!(
            "{listed}?after={after}&fields=id,name,quality_score"
        ))
        .await;
    let names: Vec<_> = last["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|t| t["name"].clone())
        .collect();
    assert_eq!(names, ["t25", "t26", "t27", "t28", "t29"]);
    assert_eq!(last["data"][0]["components"], json!(null));
    assert!(last["paging"]["next"].is_null());
    assert!(last["paging"]["cursors"]["after"].is_string());
    assert_eq!(desk.get(&format!("{listed}?after=!")).await.0, 400);
    assert_eq!(desk.get("/v26.0/none/message_templates").await.0, 400);
    desk.close().await;
}
