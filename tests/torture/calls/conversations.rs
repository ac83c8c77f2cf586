//! Talking: reading, editing, snoozing, planning, sorting.

use serde_json::json;

use super::{Args, Kind, bends, function};
use crate::callers::{either, service, staff, visitor};
use crate::player::Player;

pub const CALLS: &[Kind] = &[
    function("chat_read", 50, either, |p| {
        let mut args = vec![("conversation", p.one("conversations"))];
        if p.chance.one_in(2) {
            args.push(("up_to", p.chance.place(30)));
        }
        if p.chance.one_in(4) {
            args.push(("only_delivered", p.chance.truth()));
        }
        args
    }),
    function("chat_edit_message", 15, either, |p| {
        vec![("message", p.one("messages")), ("content", p.chance.text())]
    }),
    function("chat_delete_message", 8, either, |p| {
        vec![("message", p.one("messages"))]
    }),
    function("chat_react", 15, either, |p| {
        let emoji = p.chance.word(&["👍", "❤️", "👩‍👩‍👧‍👦"]);
        vec![("message", p.one("messages")), ("emoji", emoji)]
    }),
    function("chat_send_text", 15, staff, |p| {
        let mut args = vec![
            ("conversation", p.one("conversations")),
            ("content", p.chance.text()),
            ("preview_url", p.chance.truth()),
        ];
        if p.chance.one_in(2) {
            args.push(("id", p.fresh_or("messages")));
            args.push(("reply_to", p.one("messages")));
        }
        args
    }),
    function("chat_send_media", 10, staff, |p| {
        let kinds = ["image", "video", "audio", "voice", "document", "sticker"];
        let urls = ["https://example.org/a.jpg", "chat/nobody/a.jpg", "a.jpg"];
        let mut args = vec![
            ("conversation", p.one("conversations")),
            ("kind", p.chance.word(&kinds)),
            ("file_url", p.chance.word(&urls)),
        ];
        if p.chance.one_in(2) {
            args.push(("content", p.chance.text()));
            args.push(("file_name", p.chance.text()));
            args.push(("file_size", p.chance.number(0, 1_000)));
            args.push(("id", p.fresh_or("messages")));
        }
        args
    }),
    function("chat_message_history", 5, staff, |p| {
        vec![("message", p.one("messages"))]
    }),
    bends(function("chat_snooze", 12, staff, |p| {
        vec![
            ("conversation", p.one("conversations")),
            ("until", p.chance.time()),
        ]
    })),
    bends(function("chat_bulk", 12, staff, bulk)),
    // One that is sent brings back its chat with its agent.
    bends(function("chat_schedule_message", 12, staff, |p| {
        let mut args = vec![
            ("conversation", p.one("conversations")),
            ("content", p.chance.text()),
            ("at", p.chance.time()),
            ("unless_answered", p.chance.truth()),
        ];
        if p.chance.one_in(2) {
            args.push(("id", p.fresh_or("planned")));
        }
        args
    })),
    function("chat_cancel_scheduled", 5, staff, |p| {
        vec![("id", p.one("planned"))]
    }),
    function("chat_scheduled", 5, staff, |p| {
        vec![("conversation", p.one("conversations"))]
    }),
    function("chat_end", 20, visitor, |p| {
        let mut args = vec![("conversation", p.one("conversations"))];
        if p.chance.one_in(2) {
            args.push(("rating", p.chance.number(1, 5)));
            args.push(("comment", p.chance.text()));
        }
        args
    }),
    function("chat_rate", 30, visitor, |p| {
        vec![
            ("conversation", p.one("conversations")),
            ("rating", p.chance.number(1, 5)),
            ("comment", p.chance.text()),
        ]
    }),
    function("chat_find_canned", 5, staff, |p| {
        vec![
            ("site", p.site()),
            ("query", p.chance.text()),
            ("page_size", p.chance.number(1, 50)),
        ]
    }),
    function("chat_use_canned", 8, staff, |p| {
        vec![
            ("response", p.one("canned")),
            ("conversation", p.one("conversations")),
        ]
    }),
    function("chat_receive_api", 40, service, |p| {
        let person = json!({"name": p.chance.json_text(), "email": p.chance.json_text(), "phone": p.chance.json_text()});
        let mut args = vec![
            ("site", p.site()),
            ("external_id", p.external_id()),
            ("content", p.chance.text()),
        ];
        if p.chance.one_in(2) {
            args.push(("id", p.fresh_or("messages")));
        }
        if p.chance.one_in(2) {
            args.push(("person", p.chance.json(person)));
            args.push(("metadata", p.chance.json(json!({"order": 7}))));
        }
        args
    }),
    bends(function("chat_start_conversation", 10, staff, |p| {
        let mut args = vec![("site", p.site()), ("external_id", p.external_id())];
        if p.chance.one_in(2) {
            args.push(("content", p.chance.text()));
            args.push(("subject", p.chance.text()));
            args.push(("id", p.fresh_or("messages")));
        }
        args
    })),
    function("chat_mentions", 5, staff, |p| {
        let mut args = vec![("site", p.site()), ("unseen_only", p.chance.truth())];
        if p.chance.one_in(2) {
            args.push(("before", p.chance.time()));
            args.push(("page_size", p.chance.number(1, 50)));
        }
        args
    }),
    function("chat_explain_assignment", 5, staff, |p| {
        vec![("conversation", p.one("conversations"))]
    }),
    bends(function("chat_claim", 15, staff, |p| {
        vec![
            ("conversation", p.one("conversations")),
            ("override", p.chance.truth()),
        ]
    })),
    bends(function("chat_assign", 10, staff, |p| {
        vec![
            ("conversation", p.one("conversations")),
            ("agent", p.one("agents")),
            ("override", p.chance.truth()),
        ]
    })),
    function("chat_unassign", 8, staff, |p| {
        vec![("conversation", p.one("conversations"))]
    }),
    bends(function("chat_transfer", 12, staff, |p| {
        let mut args = vec![("conversation", p.one("conversations"))];
        if p.chance.one_in(2) {
            args.push(("agent", p.one("agents")));
        } else {
            args.push(("department", p.one("departments")));
        }
        if p.chance.one_in(3) {
            args.push(("note", p.chance.text()));
        }
        if p.chance.one_in(4) {
            args.push(("override", p.chance.truth()));
        }
        args
    })),
];

fn bulk(p: &mut Player<'_>) -> Args {
    let agent = p.raw("agents");
    let department = p.raw("departments");
    let change = match p.chance.below(9) {
        0 => json!({"status": "resolved"}),
        1 => json!({"status": "active"}),
        2 => json!({"status": "pending"}),
        3 => json!({"status": "closed", "add_tags": ["done"], "remove_tags": ["late"]}),
        4 => json!({"priority": p.chance.one_of(&["low", "normal", "high", "urgent"])}),
        5 => json!({"assigned_agent_id": agent}),
        6 => json!({"assigned_agent_id": agent, "department_id": department}),
        7 => json!({"department_id": department, "subject": p.chance.json_text()}),
        _ => json!({"add_tags": [p.chance.json_text()], "status": p.chance.json_text()}),
    };
    vec![
        ("conversations", p.several("conversations")),
        ("change", p.chance.json(change)),
    ]
}
