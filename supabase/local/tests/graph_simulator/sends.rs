//! What is accepted and what is refused at once.

use local_stack::graph::{Author, Habits, Say, Status, Template, TemplateStatus, Token};
use serde_json::{Value, json};

use crate::desk::{APP, Desk, PHONE, text_to};

const PATH: &str = "/v26.0/106540352242922/messages";

#[tokio::test]
async fn a_text_is_accepted_and_shown_by_the_phone() {
    let desk = Desk::open().await;
    desk.open_window();
    let (status, answer) = desk.send(&text_to("+1 (650) 555-1234", "hello")).await;
    assert_eq!(status, 200);
    assert_eq!(answer["messaging_product"], "whatsapp");
    assert_eq!(
        answer["contacts"],
        json!([{"input": "+1 (650) 555-1234", "wa_id": PHONE}])
    );
    let wamid = answer["messages"][0]["id"].as_str().unwrap();
    assert!(wamid.starts_with("wamid.HBgL"), "{wamid}");

    let shown = desk.simulator().phone(PHONE).bubbles;
    assert_eq!(shown.len(), 1);
    assert_eq!(
        (shown[0].by, shown[0].text.as_str()),
        (Author::Business, "hello")
    );
    assert_eq!(
        (shown[0].wamid.as_str(), shown[0].status),
        (wamid, Some(Status::Read))
    );
    assert_eq!(shown[0].callback.as_deref(), Some("hello:1"));
    desk.close().await;
}

#[tokio::test]
async fn a_user_id_is_answered_without_a_phone_number() {
    let desk = Desk::open().await;
    let user_id = "US.13491208655302741918";
    desk.simulator().set_user_id(PHONE, user_id);
    let habits = Habits {
        hides_phone: true,
        ..Habits::default()
    };
    desk.simulator().set_habits(PHONE, habits);
    desk.open_window();
    let mut body = text_to(PHONE, "hi");
    body["recipient"] = json!(user_id);
    body.as_object_mut().unwrap().remove("to");
    let (status, answer) = desk.send(&body).await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(
        answer["contacts"],
        json!([{"input": user_id, "user_id": user_id}])
    );
    assert_eq!(desk.simulator().phone(PHONE).bubbles.len(), 1);
    desk.settled().await;
    for status in desk.worker.statuses() {
        assert_eq!(status["recipient_user_id"], user_id);
        assert_eq!(status.get("recipient_id"), None);
    }
    desk.close().await;
}

#[tokio::test]
async fn tokens_and_ids_are_checked_first() {
    let desk = Desk::with(|config| {
        let stranger = Token::new("stranger", APP);
        let waba_ids = vec!["1".to_owned()];
        config.tokens.push(Token {
            waba_ids,
            ..stranger.clone()
        });
        config.tokens.push(Token {
            expired: true,
            token: "old".into(),
            ..stranger
        });
    })
    .await;
    let body = text_to(PHONE, "hello");
    let bare = desk.request(reqwest::Method::POST, PATH).json(&body);
    let (status, answer) = crate::desk::answer(bare).await;
    assert_eq!((status, &answer["error"]["code"]), (401, &json!(104)));
    for (token, path, expected) in [
        ("wrong", PATH, (401, 190, Value::Null)),
        ("old", PATH, (401, 190, json!(463))),
        ("stranger", PATH, (400, 100, json!(33))),
        ("test-token", "/v26.0/999/messages", (400, 100, json!(33))),
        (
            "test-token",
            "/26/106540352242922/messages",
            (400, 100, Value::Null),
        ),
    ] {
        let (status, answer) = desk.post(path, token, &body).await;
        let error = &answer["error"];
        let met = (
            status,
            error["code"].as_i64().unwrap(),
            error["error_subcode"].clone(),
        );
        assert_eq!(met, expected, "{token} {path}: {answer}");
        assert!(error["fbtrace_id"].is_string() && error["type"].is_string());
    }
    assert!(desk.simulator().phones().is_empty());
    desk.close().await;
}

#[tokio::test]
async fn bodies_are_refused_with_the_code_meta_documents() {
    let desk = Desk::open().await;
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut body = text_to(PHONE, "hello");
        change(&mut body);
        body
    };
    let kind = |kind: &'static str, content: Value| {
        changed(&|body| {
            body["type"] = json!(kind);
            body[kind] = content.clone();
        })
    };
    let button = |n: usize| json!({"type": "reply", "reply": {"id": n.to_string(), "title": "b"}});
    let buttons = |count: usize| {
        let buttons: Vec<Value> = (0..count).map(button).collect();
        json!({"type": "button", "body": {"text": "pick"}, "action": {"buttons": buttons}})
    };
    for (code, body) in [
        (100, json!("no object")),
        (
            100,
            changed(&|body| body["messaging_product"] = json!("sms")),
        ),
        (
            100,
            changed(&|body| drop(body.as_object_mut().unwrap().remove("to"))),
        ),
        (100, changed(&|body| body["text"] = json!("hello"))),
        (
            100,
            changed(&|body| body["text"]["body"] = json!("x".repeat(4097))),
        ),
        (
            100,
            changed(&|body| body["recipient_type"] = json!("everyone")),
        ),
        (
            131_008,
            changed(&|body| drop(body.as_object_mut().unwrap().remove("text"))),
        ),
        (
            131_008,
            changed(&|body| body["text"] = json!({"preview_url": true})),
        ),
        (131_009, changed(&|body| body["text"]["body"] = json!("  "))),
        (131_009, changed(&|body| body["text"]["body"] = json!(7))),
        (
            131_009,
            changed(&|body| body["to"] = json!("US.1349120865530274191")),
        ),
        (131_021, changed(&|body| body["to"] = json!("+15550783881"))),
        (131_051, kind("hologram", json!({}))),
        (131_008, kind("image", json!({"caption": "no file"}))),
        (
            100,
            kind("audio", json!({"id": "1", "caption": "no caption here"})),
        ),
        (131_008, kind("location", json!({"latitude": 1.5}))),
        (131_008, kind("contacts", json!([]))),
        (131_008, kind("reaction", json!({"message_id": "wamid.X"}))),
        (131_008, kind("template", json!({"name": "hello_world"}))),
        (131_009, kind("interactive", buttons(4))),
    ] {
        let (status, answer) = desk.send(&body).await;
        assert_eq!(
            (status, &answer["error"]["code"]),
            (400, &json!(code)),
            "{body}: {answer}"
        );
    }
    assert!(desk.simulator().phones().is_empty());
    desk.open_window();
    let mut longest = text_to(PHONE, "hello");
    longest["text"]["body"] = json!("ä".repeat(4096));
    assert_eq!(desk.send(&longest).await.0, 200);
    desk.close().await;
}

#[tokio::test]
async fn a_phone_has_one_id_whatever_way_it_is_written() {
    let desk = Desk::open().await;
    let profile = json!({"aliases": ["551187654321"]});
    let known = "/control/phones/5511987654321";
    let request = desk.request(reqwest::Method::PUT, known).json(&profile);
    assert_eq!(crate::desk::answer(request).await.0, 200);
    let (_, answer) = desk.send(&text_to("551187654321", "oi")).await;
    assert_eq!(answer["contacts"][0]["wa_id"], "5511987654321");
    desk.close().await;
}

#[tokio::test]
async fn templates_must_exist_and_fit() {
    let desk = Desk::with(|config| {
        let template = |name: &str, status, named| Template {
            status,
            named,
            ..Template::new(name, if named { "Hi {{name}}" } else { "Hi {{1}}" })
        };
        config.templates = vec![
            template("plain", TemplateStatus::Approved, false),
            template("named", TemplateStatus::Approved, true),
            template("held", TemplateStatus::HeldForQualityAssessment, false),
            template("paused", TemplateStatus::Paused, false),
        ];
    })
    .await;
    let body = |name: &str, parameters: Value| {
        json!({"messaging_product": "whatsapp", "to": PHONE, "type": "template", "template": {
            "name": name, "language": {"code": "en_US"},
            "components": [{"type": "body", "parameters": parameters}]}})
    };
    let one = || json!([{"type": "text", "text": "Jane"}]);
    for (code, name, parameters) in [
        (132_001, "other", one()),
        (132_000, "plain", json!([])),
        (132_015, "paused", one()),
        (100, "named", one()),
    ] {
        let (_, answer) = desk.send(&body(name, parameters)).await;
        assert_eq!(answer["error"]["code"], code, "{name}: {answer}");
    }
    // No window is needed.
    let (status, answer) = desk.send(&body("plain", one())).await;
    assert_eq!(
        (status, &answer["messages"][0]["message_status"]),
        (200, &json!("accepted"))
    );
    let (_, answer) = desk.send(&body("held", one())).await;
    assert_eq!(
        answer["messages"][0]["message_status"],
        "held_for_quality_assessment"
    );
    desk.settled().await;
    assert!(!desk.worker.words().contains(&"failed".to_owned()));
    desk.close().await;
}

#[tokio::test]
async fn a_read_mark_reaches_the_phone_with_everything_before_it() {
    let desk = Desk::open().await;
    let mark = |wamid: &str| {
        json!({"messaging_product": "whatsapp", "status": "read",
        "message_id": wamid, "typing_indicator": {"type": "text"}})
    };
    let (_, refused) = desk.send(&mark("wamid.unknown")).await;
    assert_eq!(refused["error"]["code"], 131_009);
    let mut wamids = Vec::new();
    for text in ["one", "two", "three"] {
        wamids.push(desk.simulator().say(PHONE, Say::text(text)).unwrap().wamid);
    }
    assert_eq!(
        desk.send(&mark(&wamids[1])).await,
        (200, json!({"success": true}))
    );
    let phone = desk.simulator().phone(PHONE);
    let marked: Vec<bool> = phone
        .bubbles
        .iter()
        .map(|bubble| bubble.marked_read)
        .collect();
    assert_eq!((marked, phone.typing), (vec![true, true, false], true));
    desk.send_text("answer").await;
    assert!(!desk.simulator().phone(PHONE).typing);
    desk.close().await;
}
