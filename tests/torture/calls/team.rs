//! Agents come and go; somebody manages them.

use serde_json::json;

use super::{Kind, bends, function};
use crate::callers::{boss, staff};
use crate::player::Player;
use crate::wording;

/// One or two rules of a site, some of which nobody can mean.
fn rules(p: &mut Player<'_>) -> String {
    if p.chance.one_in(10) {
        return p.chance.json(json!([]));
    }
    let word = p.chance.words();
    let conditions = [
        json!({"channel": ["widget"]}),
        json!({"form": {"message": {"contains": [word]}}}),
        json!({"page": ["/*a*"], "language": ["de"]}),
        json!({"visitor": {"plan": {"given": true}}, "tag": [word]}),
        json!({"hours": [{"is": "open"}]}),
        json!({"visitor": {"seats": {"at_least": 5, "at_most": 4}}}),
    ];
    let condition = p
        .chance
        .some(&conditions)
        .map(wording::json)
        .unwrap_or_default();
    let (department, priority) = (
        p.one("departments"),
        p.chance.word(&["low", "high", "urgent"]),
    );
    let rest = p
        .chance
        .json(json!([{"name": "Rest", "then": {"tags": ["sorted"], "skills": ["french"]}}]));
    format!(
        "jsonb_build_array(jsonb_build_object('name', {}, 'if', {condition}::jsonb,
            'then', jsonb_build_object('department', {department}::text, 'priority', {priority}::text))) || {rest}::jsonb",
        wording::quote(&word)
    )
}

pub const CALLS: &[Kind] = &[
    function("chat_set_status", 20, staff, |p| {
        let status = p
            .chance
            .word(&["online", "online", "online", "away", "busy", "offline"]);
        vec![("site", p.site()), ("status", status)]
    }),
    function("chat_heartbeat", 15, staff, |p| vec![("site", p.site())]),
    function("chat_save_presence", 3, boss, |p| {
        let seconds = p
            .chance
            .one_of(&["0", "15", "120", "3600", "86400", "86401", "null", "-1"])
            .to_owned();
        vec![
            ("site", p.site()),
            ("silent_seconds", seconds),
            ("offline_chats", p.chance.word(&["stay", "return"])),
        ]
    }),
    bends(function("chat_save_agent", 8, boss, |p| {
        let user = if p.chance.one_in(30) {
            p.dead_id()
        } else {
            p.one("users")
        };
        let mut args = vec![
            ("site", p.site()),
            ("user_id", user),
            ("display_name", p.chance.text()),
            (
                "role",
                p.chance.word(&["agent", "agent", "supervisor", "admin"]),
            ),
        ];
        if p.chance.one_in(2) {
            args.push(("department_id", p.one("departments")));
        }
        if p.chance.one_in(2) {
            args.push(("max_concurrent_chats", p.chance.number(0, 8)));
        }
        if p.chance.one_in(5) {
            args.push(("is_active", p.chance.truth()));
            args.push(("email", p.chance.text()));
            args.push(("avatar_url", p.chance.text()));
        }
        args
    })),
    bends(function("chat_save_department", 6, boss, |p| {
        let mut args = vec![("site", p.site()), ("name", p.chance.text())];
        if !p.chance.one_in(10) {
            args.push(("id", p.one("departments")));
        }
        if p.chance.one_in(2) {
            args.push(("max_concurrent_chats", p.chance.number(0, 6)));
            args.push(("auto_assign", p.chance.truth()));
            args.push(("is_default", p.chance.truth()));
        }
        if p.chance.one_in(4) {
            args.push(("is_active", p.chance.truth()));
            args.push(("description", p.chance.text()));
            args.push(("sort_order", p.chance.number(0, 9)));
        }
        args
    })),
    function("chat_save_skills", 4, boss, |p| {
        let skills = p
            .chance
            .one_of(&[
                "'{}'",
                "'{french}'",
                "'{french,billing}'",
                "'{\"\"}'",
                "null",
            ])
            .to_owned();
        vec![
            ("site", p.site()),
            ("agent", p.one("agents")),
            ("skills", skills),
        ]
    }),
    function("chat_routing", 3, staff, |p| vec![("site", p.site())]),
    function("chat_routing_rules", 3, staff, |p| vec![("site", p.site())]),
    function("chat_save_routing_rules", 5, boss, |p| {
        let mut args = vec![("site", p.site()), ("rules", rules(p))];
        if p.chance.one_in(5) {
            args.push(("version", p.chance.number(0, 20)));
        }
        args
    }),
    function("chat_try_routing_rules", 1, boss, |p| {
        vec![
            ("site", p.site()),
            ("rules", rules(p)),
            ("days", p.chance.number(1, 90)),
        ]
    }),
    function("chat_save_routing", 5, boss, |p| {
        let strategy = p
            .chance
            .word(&["least_busy", "round_robin", "sticky", "skills", "by_luck"]);
        let mut args = vec![("site", p.site()), ("strategy", strategy)];
        if p.chance.one_in(2) {
            args.push(("department", p.one("departments")));
        }
        if p.chance.one_in(3) {
            args.push(("hourly_limit", p.chance.number(0, 50)));
        }
        if p.chance.one_in(3) {
            args.push(("skills_wait_seconds", p.chance.number(0, 600)));
            args.push(("fallback_seconds", p.chance.number(0, 60)));
        }
        if p.chance.one_in(4) {
            args.push(("fallback_department", p.one("departments")));
        }
        if p.chance.one_in(2) {
            args.push(("unanswered_seconds", p.chance.number(5, 600)));
            args.push(("unanswered_limit", p.chance.number(0, 5)));
        }
        args
    }),
    function("chat_agent_load", 3, staff, |p| {
        let since = if p.chance.one_in(2) {
            "clock_timestamp() - interval '1 day'".to_owned()
        } else {
            p.chance.time()
        };
        vec![
            ("site", p.site()),
            ("since", since),
            ("until", p.chance.time()),
        ]
    }),
    function("chat_simulate_routing", 1, staff, |p| {
        let changes = match p.chance.below(4) {
            0 => "'{\"strategy\": \"sticky\"}'".to_owned(),
            1 => p.chance.json(serde_json::json!({"hourly_limit": 3})),
            2 => format!(
                "jsonb_build_object('add_agents', jsonb_build_array(jsonb_build_object('like', {}, 'count', 1)))",
                p.one("agents")
            ),
            _ => "'{}'".to_owned(),
        };
        vec![
            ("site", p.site()),
            // What came in a few seconds of this is as much as in a usual day.
            (
                "since",
                "clock_timestamp() - interval '5 seconds'".to_owned(),
            ),
            ("until", "null".to_owned()),
            ("changes", changes),
        ]
    }),
    function("chat_sla", 3, staff, |p| vec![("site", p.site())]),
    function("chat_sla_of", 10, staff, |p| {
        vec![("conversation", p.one("conversations"))]
    }),
    // Each has all open conversations of its site looked at, which is the work of hundreds of other calls.
    function("chat_save_sla", 2, boss, |p| {
        let mut args = vec![("site", p.site())];
        match p.chance.below(5) {
            0 => args.push(("department", p.one("departments"))),
            1 => args.push(("priority", p.chance.word(&["low", "urgent"]))),
            2 => args.push(("tag", p.chance.word(&["done", "late", "vip"]))),
            _ => {}
        }
        for target in [
            "first_response_seconds",
            "next_response_seconds",
            "resolution_seconds",
        ] {
            if !p.chance.one_in(4) {
                args.push((target, p.chance.number(1, 7200)));
            }
        }
        args.push(("in_business_hours", p.chance.truth()));
        args.push(("warn_percent", p.chance.number(1, 99)));
        args
    }),
    function("chat_delete_sla", 1, boss, |p| {
        vec![("site", p.site()), ("policy", p.one("policies"))]
    }),
];
