//! Permissions, limits of roles, the module's switch.

use super::{Kind, function};
use crate::callers::{boss, staff};

const PERMISSIONS: &[&str] = &[
    "live-chat.conversations.view",
    "live-chat.conversations.reply",
    "live-chat.conversations.assign",
    "live-chat.conversations.resolve",
    "live-chat.agents.manage",
    "live-chat.canned.manage",
    "live-chat.settings.manage",
];
const ROLES: &[&str] = &["agent", "supervisor", "admin"];

pub const CALLS: &[Kind] = &[
    function("chat_may", 3, staff, |p| {
        vec![
            ("site", p.site()),
            ("permission", p.chance.word(PERMISSIONS)),
        ]
    }),
    function("chat_permissions", 3, staff, |p| vec![("site", p.site())]),
    function("chat_save_permission", 6, boss, |p| {
        // Mostly back to the default, or soon nobody may do anything.
        let allowed = p
            .chance
            .one_of(&["null", "null", "null", "true", "false"])
            .to_owned();
        vec![
            ("site", p.site()),
            ("role", p.chance.word(ROLES)),
            ("permission", p.chance.word(PERMISSIONS)),
            ("allowed", allowed),
        ]
    }),
    function("chat_save_role_limit", 6, boss, |p| {
        let mut args = vec![
            ("site", p.site()),
            ("role", p.chance.word(ROLES)),
            (
                "sees",
                p.chance
                    .word(&["site", "site", "site", "own", "department", "number"]),
            ),
        ];
        if p.chance.one_in(2) {
            args.push(("phone_number_id", p.one("numbers")));
        }
        args
    }),
    function("chat_set_module", 4, boss, |p| {
        let enabled = p
            .chance
            .one_of(&[
                "true", "true", "true", "true", "true", "true", "true", "false", "null",
            ])
            .to_owned();
        vec![("site", p.site()), ("enabled", enabled)]
    }),
];
