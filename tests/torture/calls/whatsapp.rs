//! What Meta posts, as the worker hands it on, and what is done with numbers and sends.

use chat_rules::whatsapp::{cut_runs, parse};
use pg_chat_tests::webhook::{body_of_messages, body_of_statuses, image, status, text};
use serde_json::{Value, json};

use super::{Args, Kind, function};
use crate::callers::{staff, worker};
use crate::player::Player;
use crate::wording::{self, quote};

/// Most messages that one delivery has.
const DELIVERY: usize = 5;
/// Of the last deliveries any may come again.
const REMEMBERED: usize = 30;

pub const CALLS: &[Kind] = &[
    function("chat_receive_whatsapp", 120, worker, receive),
    function("chat_keep_dead_letter", 1, worker, |p| {
        let app = quote(&p.place().number.app.to_string());
        let item = json!({"phone_number_id": p.raw("numbers"), "what": "message"});
        vec![
            ("app", app),
            ("reason", quote("no_row")),
            ("item", wording::json(&item)),
        ]
    }),
    function("chat_register_whatsapp", 2, worker, |p| {
        let number = if p.chance.one_in(10) {
            format!("{}", 200 + p.chance.below(5))
        } else {
            p.place().number.phone_number_id.clone()
        };
        vec![
            ("app_name", quote("environment")),
            ("site_id", p.site()),
            ("waba_id", quote(&format!("9{number}"))),
            ("phone_number_id", quote(&number)),
            ("graph_version", quote("v26.0")),
            ("app_id", quote("1001")),
        ]
    }),
    function("chat_confirm_number", 2, worker, |p| {
        // Only what Graph says of this number confirms it.
        let number = p.place().number.phone_number_id.clone();
        let details = json!({"id": number, "display_phone_number": "+1 555-010-0001", "verified_name": "Site"});
        vec![
            ("number", p.one("number_ids")),
            ("details", wording::json(&details)),
        ]
    }),
    function("chat_resend_message", 10, staff, |p| {
        vec![("message", p.one("unsent"))]
    }),
];

fn receive(p: &mut Player<'_>) -> Args {
    let body = if p.chance.one_in(5) && !p.delivered.is_empty() {
        let again = p.chance.below(p.delivered.len());
        p.delivered[again].clone()
    } else {
        let body = body(p);
        p.delivered.push(body.clone());
        if p.delivered.len() > REMEMBERED {
            p.delivered.remove(0);
        }
        body
    };
    let bytes = body.to_string().into_bytes();
    let items = match parse(&bytes) {
        Ok(items) => cut_runs(items).into_iter().next().unwrap_or_default(),
        Err(error) => unreachable!("the body was made of JSON: {error}"),
    };
    let app = quote(&p.place().number.app.to_string());
    vec![("app", app), ("items", wording::json(&json!(items)))]
}

fn body(p: &mut Player<'_>) -> Value {
    let many = 1 + if p.chance.one_in(3) {
        p.chance.below(DELIVERY)
    } else {
        0
    };
    let number = p.place().number.clone();
    if p.chance.one_in(3) {
        let said: Vec<_> = (0..many).filter_map(|_| a_status(p)).collect();
        if !said.is_empty() {
            return body_of_statuses(&number, &said);
        }
    }
    let written: Vec<_> = (0..many).map(|_| a_message(p)).collect();
    let mut body = body_of_messages(&number, &written);
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
