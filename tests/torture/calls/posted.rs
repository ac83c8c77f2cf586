//! What Meta posts: bodies in its shapes, now and then bent.

use pg_chat_tests::Number;
use pg_chat_tests::webhook::{body_of, body_of_messages, body_of_statuses, image, status, text};
use serde_json::{Value, json};

use crate::player::Player;

/// Most messages that one delivery has.
const DELIVERY: usize = 5;

/// One delivery for a number: messages, statuses, or what it tells if it is in a phone as well.
pub fn body(p: &mut Player<'_>, number: &Number) -> Value {
    let many = 1 + if p.chance.one_in(3) {
        p.chance.below(DELIVERY)
    } else {
        0
    };
    if p.chance.one_in(3) {
        let said: Vec<_> = (0..many).filter_map(|_| a_status(p)).collect();
        if !said.is_empty() {
            return body_of_statuses(number, &said);
        }
    }
    if p.chance.one_in(6) {
        return of_the_phone(p, number, many);
    }
    let written: Vec<_> = (0..many).map(|_| a_message(p)).collect();
    let mut body = body_of_messages(number, &written);
    if p.chance.one_in(20) {
        body["entry"][0]["changes"][0]["value"]["contacts"] = p.chance.json_text();
    }
    if p.chance.one_in(40) {
        body["entry"][0]["changes"][0]["value"]["metadata"]["phone_number_id"] =
            p.chance.json_text();
    }
    if p.chance.one_in(60) {
        body["entry"][0]["changes"][0]["field"] = json!("message_template_status_update");
    }
    body
}

/// What a number tells that the business uses in its phone as well, and of groups.
fn of_the_phone(p: &mut Player<'_>, number: &Number, many: usize) -> Value {
    match p.chance.below(8) {
        0..4 => {
            let echoes: Vec<_> = (0..many).map(|_| an_echo(p)).collect();
            body_of(
                number,
                "smb_message_echoes",
                json!({"message_echoes": echoes}),
            )
        }
        4 | 5 => {
            let messages: Vec<_> = (0..many).map(|_| of_the_past(p)).collect();
            let part = json!({"metadata": {"progress": p.chance.below(101)},
                "threads": [{"id": p.phone(), "messages": messages}]});
            let mut value = json!({"history": [part]});
            if p.chance.one_in(3) {
                value["messages"] = json!([of_the_past(p)]);
            }
            body_of(number, "history", value)
        }
        6 => {
            let contact = json!({"full_name": p.chance.words(), "phone_number": p.phone()});
            let action = p.chance.one_of(&["add", "remove"]);
            let entry = json!({"type": "contact", "action": action, "contact": contact,
                "metadata": {"timestamp": p.chance.below(2_000_000_000)}});
            body_of(number, "smb_app_state_sync", json!({"state_sync": [entry]}))
        }
        _ => {
            let entry = json!({"group_id": p.chance.id(), "type": "group_create", "subject": p.chance.json_text()});
            body_of(number, "group_lifecycle_update", json!({"groups": [entry]}))
        }
    }
}

/// What the business wrote in its phone, or did there to a message.
fn an_echo(p: &mut Player<'_>) -> Value {
    let mut echo = a_message(p);
    echo["to"] = echo["from"].take();
    echo["from"] = json!("15550100001");
    let of = p.raw("wamids");
    match p.chance.below(8) {
        0 => {
            echo["type"] = json!("edit");
            echo["edit"] = json!({"original_message_id": of,
                "message": {"type": "text", "text": {"body": p.chance.json_text()}}});
        }
        1 => {
            echo["type"] = json!("revoke");
            echo["revoke"] = json!({"original_message_id": of});
        }
        2 => echo["id"] = json!(of),
        3 => {
            let left = p.raw("left");
            if let Some((callback, _)) = left.split_once('/') {
                echo["biz_opaque_callback_data"] = json!(callback);
                echo["id"] = json!(format!("wamid.{callback}"));
            }
        }
        _ => {}
    }
    echo
}

/// A message of the past, by either side; some are known already, of some only the file is told.
fn of_the_past(p: &mut Player<'_>) -> Value {
    let mut message = a_message(p);
    if p.chance.one_in(2) {
        message["from"] = json!("15550100001");
    }
    if p.chance.one_in(5) {
        message["id"] = json!(p.raw("wamids"));
    }
    if p.chance.one_in(5) {
        message["type"] = json!("media_placeholder");
    }
    let word = p
        .chance
        .one_of(&["READ", "DELIVERED", "PENDING", "ERROR", "odd"]);
    message["history_context"] = json!({"status": word});
    message
}

fn a_message(p: &mut Player<'_>) -> Value {
    let from = p.phone();
    let wamid = format!("wamid.{}", p.chance.id());
    let mut message = match p.chance.below(16) {
        0 | 1 => image(&from, &wamid, &p.chance.words()),
        2 | 3 => {
            let emoji = p.chance.one_of(&["👍", "❤️", ""]);
            let of = p.raw("wamids");
            kind(
                &from,
                &wamid,
                "reaction",
                json!({"message_id": of, "emoji": emoji}),
            )
        }
        4 => kind(
            &from,
            &wamid,
            "location",
            json!({"latitude": 48.1, "longitude": 16.3, "name": p.chance.json_text()}),
        ),
        5 => kind(
            &from,
            &wamid,
            "contacts",
            json!([{"name": {"formatted_name": p.chance.json_text()}}]),
        ),
        6 => kind(&from, &wamid, "unsupported", json!({})),
        7 => kind(
            &from,
            &wamid,
            "audio",
            json!({"id": p.chance.id(), "mime_type": "audio/ogg", "voice": true}),
        ),
        8 => kind(
            &from,
            &wamid,
            "system",
            json!({"type": "user_changed_number", "wa_id": p.phone(), "body": "moved"}),
        ),
        9 => kind(
            &from,
            &wamid,
            p.chance
                .one_of(&["order", "button", "interactive", "sticker", "no such type"]),
            p.chance.json_text(),
        ),
        _ => {
            let mut message = text(&from, &wamid, "");
            message["text"]["body"] = p.chance.json_text();
            message
        }
    };
    if p.chance.one_in(10) {
        message["context"] = json!({"from": from, "id": p.raw("wamids")});
    }
    if p.chance.one_in(15) {
        let at = p
            .chance
            .one_of(&["0", "1", "99999999999", "9223372036854775807", "soon", "-1"]);
        message["timestamp"] = json!(at);
    }
    if p.chance.one_in(20) {
        message["from_user_id"] = json!(format!("US.{}", p.chance.below(50)));
    }
    if p.chance.one_in(40) {
        let field = p
            .chance
            .one_of(&["from", "id", "type", "timestamp", "text"]);
        message[field] = p.chance.json_text();
    }
    message
}

fn kind(from: &str, wamid: &str, kind: &str, content: Value) -> Value {
    let mut message = text(from, wamid, "");
    message["type"] = json!(kind);
    message[kind] = content;
    message
}

/// A status of a message that was handed over, by its wamid, or only by what we gave Meta to echo.
fn a_status(p: &mut Player<'_>) -> Option<Value> {
    let left = p.raw("left");
    let (callback, rest) = left.split_once('/')?;
    let (wamid, _) = rest.split_once('/')?;
    let wamid = if wamid.is_empty() {
        format!("wamid.{callback}")
    } else {
        wamid.to_owned()
    };
    let word = p
        .chance
        .one_of(&["sent", "delivered", "read", "played", "failed", "odd"]);
    let mut said = status(&p.phone(), &wamid, word, callback);
    if word == "failed" {
        let code = [131_026, 131_047, 130_472][p.chance.below(3)];
        said["errors"] =
            json!([{"code": code, "title": "failed", "error_data": {"details": "why"}}]);
    }
    Some(said)
}
