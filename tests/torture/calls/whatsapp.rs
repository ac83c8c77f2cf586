//! What the worker hands on of what Meta posts, and what is done with numbers and sends.

use chat_rules::whatsapp::{cut_runs, parse};
use serde_json::{Value, json};

use super::posted::body;
use super::{Args, Kind, bends, function};
use crate::callers::{boss, staff, worker};
use crate::player::Player;
use crate::wording::{self, quote};

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
    function("chat_send_location", 15, staff, |p| {
        let mut args = vec![
            ("conversation", chat_on_whatsapp(p)),
            ("latitude", p.chance.number(-100, 100)),
            ("longitude", p.chance.number(-200, 200)),
        ];
        if p.chance.one_in(2) {
            args.push(("name", p.chance.text()));
            args.push(("id", p.fresh_or("messages")));
        }
        args
    }),
    function("chat_send_contacts", 15, staff, |p| {
        let card = json!([{"name": {"formatted_name": p.chance.words()}}]);
        vec![
            ("conversation", chat_on_whatsapp(p)),
            ("contacts", p.chance.json(card)),
            ("id", p.fresh_or("messages")),
        ]
    }),
    function("chat_send_interactive", 15, staff, |p| {
        let buttons = json!({"type": "button", "body": {"text": p.chance.words()},
            "action": {"buttons": [{"type": "reply", "reply": {"id": "a", "title": "A"}}]}});
        let mut args = vec![
            ("conversation", chat_on_whatsapp(p)),
            ("interactive", p.chance.json(buttons)),
        ];
        if p.chance.one_in(3) {
            args.push(("reply_to", p.one("messages")));
        }
        args
    }),
    function("chat_window", 4, staff, |p| {
        vec![("conversation", p.one("conversations"))]
    }),
    function("chat_whatsapp_costs", 4, staff, |p| {
        let since = if p.chance.one_in(2) {
            "clock_timestamp() - interval '1 day'".to_owned()
        } else {
            p.chance.time()
        };
        vec![("site", p.site()), ("since", since)]
    }),
    function("chat_waba_conversations", 4, staff, |p| {
        let number = match p.chance.below(2) {
            0 => p.one("numbers"),
            _ => "null".to_owned(),
        };
        vec![
            ("phone_number_id", number),
            ("\"limit\"", p.chance.number(0, 60)),
            ("\"offset\"", p.chance.number(-1, 3)),
        ]
    }),
    function("chat_waba_messages", 4, staff, |p| {
        vec![
            ("conversation_id", p.one("waba_ids")),
            ("\"offset\"", p.chance.number(-1, 3)),
        ]
    }),
    function("chat_waba_send_message", 6, staff, |p| {
        // All three of one row as the plan's dashboard has it; now and then of two.
        let row = p.raw("waba_rows");
        let mut words = row.split('/').map(quote);
        let id = words.next().filter(|_| row.contains('/'));
        let number = words.next().unwrap_or_else(|| "null".to_owned());
        let to = words.next().unwrap_or_else(|| quote("+15550100001"));
        let mut args = vec![
            (
                "conversation_id",
                match id {
                    Some(id) if !p.chance.one_in(5) => id,
                    _ => p.one("waba_ids"),
                },
            ),
            ("phone_number_id", number),
            ("\"to\"", to),
            ("message", p.chance.text()),
        ];
        if p.chance.one_in(2) {
            args.push(("id", p.fresh_or("messages")));
        }
        args
    }),
    function("chat_typing", 6, staff, |p| {
        vec![("conversation", p.one("conversations"))]
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
    // Often, because a number that somebody disconnected and another claims would be silent for the rest of the run.
    function("chat_confirm_number", 12, worker, |p| {
        // Only what Graph says of this number confirms it.
        let number = p.place().number.phone_number_id.clone();
        let details = json!({"id": number, "display_phone_number": "+1 555-010-0001", "verified_name": "Site"});
        vec![
            ("number", p.one("number_ids")),
            ("details", wording::json(&details)),
        ]
    }),
    function("chat_media_ready", 12, worker, |p| {
        let (message, site) = (p.raw("messages"), p.place().site.id);
        vec![
            ("path", quote(&format!("chat/{site}/{message}_image.jpg"))),
            ("message", quote(&message)),
            ("size_bytes", p.chance.below(5_000).to_string()),
            ("mime_type", quote("image/jpeg")),
            ("sha256", quote("ab")),
        ]
    }),
    function("chat_keep_media_id", 3, worker, |p| {
        vec![
            ("message", p.one("messages")),
            ("phone_number_id", quote(&p.raw("numbers"))),
            ("media_id", quote("1")),
        ]
    }),
    function("chat_media_failed", 4, worker, |p| {
        vec![
            ("message", p.one("messages")),
            ("why", quote("It is gone.")),
        ]
    }),
    function("chat_file_url", 8, staff, |p| {
        vec![("message", p.one("messages"))]
    }),
    // What is disconnected is mostly soon connected again.
    function("chat_save_whatsapp_number", 10, boss, |p| {
        let (token, secret) = (sealed(p), sealed(p));
        let number = if p.chance.one_in(4) {
            p.raw("numbers")
        } else {
            p.place().number.phone_number_id.clone()
        };
        let account = if p.chance.one_in(10) {
            p.raw("numbers")
        } else {
            number.clone()
        };
        vec![
            ("site", p.site()),
            ("phone_number_id", quote(&number)),
            ("waba_id", quote(&format!("9{account}"))),
            ("access_token", token),
            ("app_secret", secret),
        ]
    }),
    function("chat_disconnect_whatsapp_number", 1, boss, |p| {
        vec![("number", p.one("number_ids"))]
    }),
    function("chat_test_whatsapp_number", 2, boss, |p| {
        vec![("number", p.one("number_ids"))]
    }),
    function("chat_send_whatsapp_test", 1, boss, |p| {
        vec![
            ("number", p.one("number_ids")),
            ("\"to\"", quote("15550100002")),
        ]
    }),
    function("chat_whatsapp_numbers", 2, boss, |p| {
        vec![("site", p.site())]
    }),
    function("chat_whatsapp_health", 2, boss, |p| {
        vec![("number", p.one("number_ids"))]
    }),
    function("chat_set_read_policy", 2, boss, |p| {
        let policy = p.chance.word(&["arrival", "agent_reads", "never"]);
        vec![("number", p.one("number_ids")), ("read_policy", policy)]
    }),
    function("chat_whatsapp_told", 2, boss, |p| {
        vec![("site", p.site()), ("page_size", p.chance.number(1, 60))]
    }),
    function("chat_import_waba", 2, boss, |p| vec![("site", p.site())]),
    function("chat_worker_key", 1, boss, |_| vec![]),
    function("chat_publish_worker_key", 1, worker, |_| {
        vec![("public_key", quote(KEY))]
    }),
    function("chat_whatsapp_secrets", 2, worker, |_| vec![]),
    function("chat_secrets_to_reseal", 1, worker, |_| {
        vec![("key_id", quote("00112233aabbccdd"))]
    }),
    function("chat_store_resealed", 1, worker, |_| {
        vec![("secrets", wording::json(&json!([])))]
    }),
    function("chat_token_in_use", 2, worker, |p| {
        let account = quote(&p.place().number.account.to_string());
        let mark = ["a", "b"][p.chance.below(2)];
        vec![("account", account), ("mark", quote(mark))]
    }),
    function("chat_note_number_test", 1, worker, |p| {
        let result = json!({"ok": p.chance.one_in(2), "problems": []});
        vec![
            ("number", p.one("number_ids")),
            ("result", wording::json(&result)),
        ]
    }),
    function("chat_note_test_send", 2, worker, |p| {
        let state = ["sending", "sent", "failed", "unknown"][p.chance.below(4)];
        vec![
            ("number", p.one("number_ids")),
            ("result", wording::json(&json!({"state": state}))),
        ]
    }),
    function("chat_note_webhooks", 2, worker, |p| {
        let heard = json!([{"app": p.place().number.app, "webhook_at": "2026-11-20T10:00:00Z", "refused": 0}]);
        vec![("heard", wording::json(&heard))]
    }),
    function("chat_next_job", 2, worker, |_| vec![]),
    function("chat_resend_message", 10, staff, |p| {
        vec![("message", p.one("unsent"))]
    }),
    function("chat_begin_template_sync", 5, worker, |p| {
        let job = p.chance.number(1, 5);
        vec![("account", p.one("account_ids")), ("job_id", job)]
    }),
    function("chat_store_templates", 10, worker, |p| {
        let again = p.chance.one_in(3).then(|| quote("next"));
        let pages = json!([
            template("hello", "Hi {{1}}"),
            template("news", "News of {{day}}")
        ]);
        vec![
            ("account", p.one("account_ids")),
            ("pass", p.one("template_passes")),
            ("templates", wording::json(&pages)),
            ("after", again.unwrap_or_else(|| "null".to_owned())),
        ]
    }),
    function("chat_sync_whatsapp_templates", 1, staff, |p| {
        vec![("site", p.site())]
    }),
    function("chat_templates", 4, staff, |p| {
        let mut args = vec![("site", p.site())];
        if p.chance.one_in(2) {
            let filters = json!({"search": p.chance.words(), "sendable": true});
            args.push(("filters", p.chance.json(filters)));
        }
        args
    }),
    function("chat_preview_template", 10, staff, |p| {
        let name = p.chance.word(&["hello", "news"]);
        let parameters = p.chance.json(json!(["Zoe"]));
        vec![
            ("site", p.site()),
            ("name", name),
            ("parameters", parameters),
        ]
    }),
    function("chat_send_template", 30, staff, |p| {
        let name = p.chance.word(&["hello", "news"]);
        let parameters = p.chance.json(json!(["Zoe"]));
        let mut args = vec![
            ("conversation", chat_on_whatsapp(p)),
            ("name", name),
            ("parameters", parameters),
        ];
        if p.chance.one_in(2) {
            args.push(("id", p.fresh_or("messages")));
        }
        args
    }),
    bends(function("chat_start_whatsapp", 25, staff, |p| {
        let phone = 15_550_100_000 + p.chance.below(40);
        let mut args = vec![
            ("site", p.site()),
            ("\"to\"", quote(&format!("+{phone}"))),
            ("template", p.chance.word(&["hello", "news"])),
            ("parameters", p.chance.json(json!(["Zoe"]))),
        ];
        if p.chance.one_in(2) {
            args.push(("name", p.chance.text()));
        }
        args
    })),
];

/// 32 bytes 7: the key that is sealed for.
const KEY: &str = "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";

/// A secret in the shape of one that is sealed, for that key or for another; now and then none.
fn sealed(p: &mut Player<'_>) -> String {
    match p.chance.below(10) {
        0 => "null".to_owned(),
        1 => quote("open"),
        2 => "translate(encode(decode('0100112233aabbccdd' || repeat('05', 60), 'hex'), 'base64'), e'\\n', '')".to_owned(),
        _ => format!(
            "translate(encode('\\x01'::bytea || substr(sha256(decode('{KEY}', 'base64')), 1, 8) || decode(repeat('05', 60), 'hex'), 'base64'), e'\\n', '')"
        ),
    }
}

/// A chat that can mostly be written to by WhatsApp; the wrong ones are every other send's.
fn chat_on_whatsapp(p: &mut Player<'_>) -> String {
    if p.chance.one_in(4) {
        p.one("conversations")
    } else {
        p.one("whatsapp_conversations")
    }
}

fn receive(p: &mut Player<'_>) -> Args {
    let (app, body) = if p.chance.one_in(5) && !p.delivered.is_empty() {
        let again = p.chance.below(p.delivered.len());
        p.delivered[again].clone()
    } else {
        let number = p.number();
        let delivery = (number.app, body(p, &number));
        p.delivered.push(delivery.clone());
        if p.delivered.len() > REMEMBERED {
            p.delivered.remove(0);
        }
        delivery
    };
    let bytes = body.to_string().into_bytes();
    let items = match parse(&bytes) {
        Ok(items) => cut_runs(items).into_iter().next().unwrap_or_default(),
        Err(error) => unreachable!("the body was made of JSON: {error}"),
    };
    vec![
        ("app", quote(&app.to_string())),
        ("items", wording::json(&json!(items))),
    ]
}

/// A template as the worker hands it on.
fn template(name: &str, body: &str) -> Value {
    json!({"meta_id": "1", "name": name, "language": "en_US", "category": "MARKETING", "status": "APPROVED",
        "components": [{"type": "BODY", "text": body}]})
}
