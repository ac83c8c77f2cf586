//! Lists, pages, counts, search, saved views.

use serde_json::{Value, json};

use super::{Kind, function};
use crate::callers::staff;
use crate::player::Player;
use crate::wording;

pub const CALLS: &[Kind] = &[
    function("chat_inbox", 20, staff, |p| {
        let mut args = vec![("filters", filters(p))];
        if p.chance.one_in(3) {
            args.push(("after", after(p)));
        }
        if p.chance.one_in(3) {
            args.push(("page_size", p.chance.number(1, 100)));
        }
        args
    }),
    function("chat_inbox_count", 10, staff, |p| {
        vec![("filters", filters(p)), ("most", p.chance.number(1, 2000))]
    }),
    function("chat_counts", 10, staff, |p| vec![("site", p.site())]),
    function("chat_queue", 8, staff, |p| {
        vec![("site", p.site()), ("page_size", p.chance.number(1, 600))]
    }),
    function("chat_messages", 20, staff, |p| {
        let mut args = vec![("conversation", p.one("conversations"))];
        match p.chance.below(4) {
            0 => args.push(("before", p.chance.place(50))),
            1 => args.push(("after", p.chance.place(50))),
            2 => args.push(("page_size", p.chance.number(1, 200))),
            _ => {}
        }
        args
    }),
    function("chat_changes", 20, staff, |p| {
        vec![
            ("conversation", p.one("conversations")),
            ("since", p.chance.place(80)),
            ("page_size", p.chance.number(1, 200)),
        ]
    }),
    function("chat_search", 10, staff, |p| {
        let mut args = vec![("site", p.site()), ("query", p.chance.text())];
        if p.chance.one_in(4) {
            args.push(("conversation", p.one("conversations")));
        }
        if p.chance.one_in(4) {
            args.push(("after", after(p)));
        }
        if p.chance.one_in(4) {
            args.push(("page_size", p.chance.number(1, 50)));
        }
        args
    }),
    function("chat_save_view", 6, staff, |p| {
        let mut args = vec![
            ("site", p.site()),
            ("name", p.chance.text()),
            ("filters", filters(p)),
        ];
        if p.chance.one_in(2) {
            args.push(("is_shared", p.chance.truth()));
            args.push(("view", p.one("views")));
            args.push(("sort_order", p.chance.number(0, 9)));
        }
        args
    }),
    function("chat_delete_view", 4, staff, |p| {
        vec![("view", p.one("views"))]
    }),
];

fn filters(p: &mut Player<'_>) -> String {
    let mut filters = json!({});
    for _ in 0..p.chance.below(4) {
        let (name, value): (&str, Value) = match p.chance.below(16) {
            0 => (
                "status",
                json!(p.chance.one_of(&[
                    "open", "archived", "snoozed", "pending", "active", "closed", "gone"
                ])),
            ),
            1 => (
                "assignedAgentId",
                json!(p.chance.one_of(&["me", "unassigned", "x"])),
            ),
            2 => ("assignedAgentId", json!(p.raw("agents"))),
            3 => ("departmentId", json!(p.raw("departments"))),
            4 => ("departmentId", json!("none")),
            5 => (
                "channel",
                json!(p.chance.one_of(&["widget", "whatsapp", "api"])),
            ),
            6 => ("priority", json!(p.chance.one_of(&["low", "urgent", "?"]))),
            7 => ("search", p.chance.json_text()),
            8 => (
                "dateFrom",
                json!(p.chance.one_of(&[
                    "2026-01-01",
                    "-infinity",
                    "yesterday",
                    "294276-12-31",
                    "2026-13-45"
                ])),
            ),
            9 => ("siteId", json!(p.place().site.id)),
            10 => ("tags", json!(["done", "late"])),
            11 => ("unread", json!(true)),
            12 => ("phoneNumberId", json!(p.raw("numbers"))),
            13 => (
                "sla",
                json!(p.chance.one_of(&["running", "warned", "breached", "late"])),
            ),
            14 => (
                "sort",
                json!(p.chance.one_of(&["sla", "last_message", "?"])),
            ),
            _ => ("visitorId", json!(p.raw("visitors"))),
        };
        filters[name] = value;
    }
    p.chance.json(filters)
}

fn after(p: &mut Player<'_>) -> String {
    let id = p.raw("conversations");
    let row = match p.chance.below(4) {
        0 => json!({"is_open": true, "sort_at": "infinity", "id": id}),
        1 => json!({"is_open": "x", "sort_at": "x", "id": "x"}),
        2 => json!({"sent_at": "2026-11-01T00:00:00Z", "id": id}),
        _ => {
            json!({"is_open": true, "sort_at": "2027-01-01T00:00:00Z", "id": id, "sent_at": "2027-01-01T00:00:00Z"})
        }
    };
    if p.chance.one_in(5) {
        return p.chance.json(row);
    }
    wording::json(&row)
}
