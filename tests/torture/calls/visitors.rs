//! Sessions, pages, proofs, and what agents do with people.

use serde_json::json;

use super::{Args, Kind, bends, function};
use crate::callers::{boss, customer, staff, visitor};
use crate::player::Player;
use crate::wording::quote;

pub const CALLS: &[Kind] = &[
    function("chat_open_session", 25, customer, |p| {
        let mut args = vec![("site", p.site())];
        if p.chance.one_in(3) {
            args.push(("key", p.session_key()));
        }
        if p.chance.one_in(2) {
            args.push(("page", page(p)));
        }
        args
    }),
    function("chat_end_session", 3, visitor, |_| vec![]),
    function("chat_set_page", 40, visitor, |p| vec![("page", page(p))]),
    function("chat_identify", 12, visitor, |p| {
        let user = format!("user {}", p.chance.below(40));
        let hash = p.proof_of(&user);
        let profile = json!({"name": p.chance.json_text(), "email": "zoe@example.com", "phone": p.chance.json_text()});
        let mut args = vec![("user_id", quote(&user)), ("user_hash", quote(&hash))];
        if p.chance.one_in(2) {
            args.push(("profile", p.chance.json(profile)));
        }
        args
    }),
    function("chat_rotate_identity_key", 1, boss, |p| {
        vec![("site", p.site())]
    }),
    function("chat_person", 6, staff, one_visitor),
    function("chat_visits", 6, staff, |p| {
        vec![
            ("visitor", p.one("visitors")),
            ("page_size", p.chance.number(1, 100)),
            ("before", p.chance.place(10_000)),
        ]
    }),
    function("chat_live_visitors", 5, staff, |p| {
        vec![
            ("site", p.site()),
            ("within_seconds", p.chance.number(1, 86_400)),
            ("page_size", p.chance.number(1, 500)),
            ("before", p.chance.time()),
        ]
    }),
    function("chat_tag_visitor", 8, staff, |p| {
        let tags = p
            .chance
            .one_of(&["{vip}", "{late,vip}", "{}", "{NULL,\"\"}"]);
        vec![
            ("visitor", p.one("visitors")),
            ("add", quote(tags)),
            ("remove", quote("{late}")),
        ]
    }),
    function("chat_set_custom_data", 8, staff, |p| {
        let changes = json!({"plan": p.chance.json_text(), "old": null});
        vec![
            ("visitor", p.one("visitors")),
            ("changes", p.chance.json(changes)),
        ]
    }),
    function("chat_merge_visitors", 10, staff, |p| {
        vec![
            ("visitor", p.one("visitors")),
            ("into_visitor", p.one("visitors")),
        ]
    }),
    function("chat_unmerge_visitor", 10, staff, |p| {
        vec![("visitor", p.one("merged"))]
    }),
    function("chat_block_visitor", 6, staff, |p| {
        let mut args = one_visitor(p);
        if p.chance.one_in(2) {
            args.push(("reason", p.chance.text()));
            args.push(("until", p.chance.time()));
        }
        args
    }),
    function("chat_block_address", 3, boss, |p| {
        let address = p.chance.word(&[
            "203.0.113.9",
            "203.0.113.0/28",
            "2001:db8::/32",
            "0.0.0.0/0",
            "999.1.1.1",
            "203.0.113.9/24",
        ]);
        vec![
            ("site", p.site()),
            ("address", address),
            ("reason", p.chance.text()),
            ("until", p.chance.time()),
        ]
    }),
    function("chat_unblock", 10, boss, |p| {
        vec![("block", p.one("blocks"))]
    }),
    function("chat_blocks", 3, staff, |p| vec![("site", p.site())]),
    bends(function("chat_erase_visitor", 5, boss, one_visitor)),
    function("chat_erasures", 2, boss, |p| vec![("site", p.site())]),
    function("chat_export_visitor", 2, boss, one_visitor),
    function("chat_contact", 4, staff, one_visitor),
    function("chat_crm", 2, boss, |p| vec![("site", p.site())]),
    function("chat_save_crm", 1, boss, |p| {
        vec![
            ("site", p.site()),
            (
                "is_on",
                p.chance
                    .one_of(&["true", "true", "false", "null"])
                    .to_owned(),
            ),
        ]
    }),
    function("chat_retry_crm", 1, boss, |p| vec![("site", p.site())]),
];

fn one_visitor(p: &mut Player<'_>) -> Args {
    vec![("visitor", p.one("visitors"))]
}

fn page(p: &mut Player<'_>) -> String {
    let url = match p.chance.below(12) {
        0 => "javascript:alert(1)".to_owned(),
        1 => format!("https://shop.example/{}", "x".repeat(3_000)),
        n => format!("https://shop.example/{n}"),
    };
    let page = json!({"url": url, "title": p.chance.json_text(), "referrer": "https://search.example/?q=chat", "language": p.chance.json_text()});
    p.chance.json(page)
}
