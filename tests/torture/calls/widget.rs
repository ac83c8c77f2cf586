//! What visitors do in the widget.

use serde_json::json;

use super::{Kind, function, statement};
use crate::callers::{customer, visitor};

pub const CALLS: &[Kind] = &[
    function("chat_widget_config", 5, customer, |p| {
        vec![("site", p.site())]
    }),
    function("chat_hours", 5, customer, |p| {
        let mut args = vec![("site", p.site())];
        if p.chance.one_in(2) {
            args.push(("department", p.one("departments")));
        }
        if p.chance.one_in(3) {
            args.push(("at", p.chance.time()));
        }
        args
    }),
    function("chat_queue_position", 10, visitor, |p| {
        vec![("conversation", p.one("conversations"))]
    }),
    function("chat_post_message", 70, visitor, |p| {
        let mut args = vec![("content", p.chance.text())];
        if p.chance.one_in(3) {
            args.push(("id", p.fresh_or("messages")));
        }
        if p.chance.one_in(6) {
            args.push(("conversation", p.one("conversations")));
        }
        if p.chance.one_in(8) {
            args.push(("reply_to", p.one("messages")));
        }
        if p.chance.one_in(8) {
            args.push(("upload", p.one("uploads")));
        }
        args
    }),
    function("chat_submit_form", 15, visitor, |p| {
        let mut given = json!({
            "name": p.chance.json_text(), "email": p.chance.one_of(&["zoe@example.com", "no address"]),
            "phone": "+1 555-010-0001", "message": p.chance.json_text(),
        });
        if p.chance.one_in(4) {
            given["department_id"] = json!(p.raw("public_departments"));
        }
        if p.chance.one_in(4) {
            given["privacy_version"] = json!(p.chance.below(4));
        }
        let mut args = vec![
            ("form", p.chance.word(&["pre_chat", "offline"])),
            ("given", p.chance.json(given)),
        ];
        if p.chance.one_in(3) {
            args.push(("message_id", p.fresh_or("messages")));
        }
        args
    }),
    function("chat_request_upload", 8, visitor, |p| {
        vec![
            ("name", p.chance.text()),
            ("size_bytes", p.chance.number(1, 12_000_000)),
            (
                "mime_type",
                p.chance
                    .word(&["image/png", "application/pdf", "image/jpeg", "text/html"]),
            ),
        ]
    }),
    function("chat_consent", 4, visitor, |p| {
        vec![("version", p.chance.number(0, 4))]
    }),
    statement("select chat_my_messages", 8, visitor, |p| {
        format!(
            "select * from chat_my_messages where change > {} order by change limit 50",
            p.chance.below(50)
        )
    }),
    statement("select chat_my_conversations", 5, visitor, |_| {
        "select * from chat_my_conversations order by created_at desc limit 20".to_owned()
    }),
];
