//! What dashboards write into tables by themselves, as PostgREST says it.

use super::{Kind, bends, statement};
use crate::callers::{boss, service, staff};
use crate::player::Player;
use crate::wording::quote;

pub const CALLS: &[Kind] = &[
    statement("insert mod_chat_messages", 120, staff, |p| {
        let chat = p.one("conversations");
        let content = p.chance.text();
        match p.chance.below(8) {
            0 => format!(
                "insert into mod_chat_messages (conversation_id, content, kind, mentions) values ({chat}, {content}, 'note', {}) returning id, conversation_id",
                p.several("agents")
            ),
            1 => format!(
                "insert into mod_chat_messages (id, conversation_id, content) values ({}, {chat}, {content}) returning id, conversation_id",
                p.fresh_or("messages")
            ),
            2 => format!(
                "insert into mod_chat_messages (conversation_id, content, reply_to_id) values ({chat}, {content}, {}) returning id, conversation_id",
                p.one("messages")
            ),
            3 => format!(
                "insert into mod_chat_messages (conversation_id, content, sender_type, kind, content_type, status) values ({chat}, {content}, {}, {}, {}, {}) returning *",
                p.chance.word(&["visitor", "agent", "system", "ai"]),
                p.chance
                    .word(&["text", "note", "event", "template", "image", "history"]),
                p.chance.word(&["text", "note", "system"]),
                p.chance.word(&["sent", "read"]),
            ),
            _ => format!(
                "insert into mod_chat_messages (conversation_id, content) values ({chat}, {content}) returning id, conversation_id"
            ),
        }
    }),
    statement("insert mod_chat_messages by a program", 8, service, |p| {
        format!(
            "insert into mod_chat_messages (conversation_id, content, sender_type, sender_id, is_ai_generated) values ({}, {}, {}, {}, {}) returning id, conversation_id",
            p.one("conversations"),
            p.chance.text(),
            p.chance
                .one_of(&["'ai'", "'system'", "'agent'", "'visitor'"]),
            p.one("agents"),
            p.chance.truth()
        )
    }),
    bends(statement("update mod_chat_conversations", 60, staff, |p| {
        let set = match p.chance.below(9) {
            0 => format!("assigned_agent_id = {}", p.one("agents")),
            1 => format!("status = 'active', assigned_agent_id = {}", p.one("agents")),
            2 => format!("department_id = {}", p.one("departments")),
            3 => format!(
                "priority = {}",
                p.chance.word(&["low", "normal", "high", "urgent"])
            ),
            4 => format!(
                "tags = {}, subject = {}",
                quote("{late, \" \", vip, vip}"),
                p.chance.text()
            ),
            5 => format!("internal_notes = {}", p.chance.text()),
            6 => "assigned_agent_id = null".to_owned(),
            _ => format!(
                "status = {}",
                p.chance.word(&[
                    "pending", "active", "waiting", "resolved", "closed", "missed"
                ])
            ),
        };
        changed(p, &set)
    })),
    // What changes nobody's room, and so is done at the strict site too.
    statement("end or sort a conversation", 60, staff, |p| {
        let set = match p.chance.below(5) {
            0 => format!("department_id = {}", p.one("departments")),
            1 => format!(
                "priority = {}",
                p.chance.word(&["low", "normal", "high", "urgent"])
            ),
            _ => format!("status = {}", p.chance.word(&["resolved", "closed"])),
        };
        changed(p, &set)
    }),
    statement("insert mod_chat_canned_responses", 4, staff, |p| {
        format!(
            "insert into mod_chat_canned_responses (site_id, title, content, shortcut, is_shared) values ({}, {}, {}, {}, {}) returning id",
            p.site(),
            p.chance.text(),
            p.chance.text(),
            p.chance.text(),
            p.chance.truth()
        )
    }),
    statement("update mod_chat_canned_responses", 3, staff, |p| {
        format!(
            "update mod_chat_canned_responses set title = {}, content = {} where id = {} returning id",
            p.chance.text(),
            p.chance.text(),
            p.one("canned")
        )
    }),
    statement("delete mod_chat_canned_responses", 3, staff, |p| {
        format!(
            "delete from mod_chat_canned_responses where id = {} returning id",
            p.one("canned")
        )
    }),
    statement("insert mod_chat_knowledge_base", 2, boss, |p| {
        format!(
            "insert into mod_chat_knowledge_base (site_id, title, content) values ({}, {}, {}) returning id",
            p.site(),
            p.chance.text(),
            p.chance.text()
        )
    }),
    statement("delete mod_chat_knowledge_base", 2, boss, |p| {
        format!(
            "delete from mod_chat_knowledge_base where id = {} returning id",
            p.one("articles")
        )
    }),
    statement("update mod_chat_visitors", 8, staff, |p| {
        let set = match p.chance.below(4) {
            0 => format!("name = {}", p.chance.text()),
            1 => format!("email = {}, phone = {}", p.chance.text(), p.chance.text()),
            2 => format!("tags = {}", quote("{vip,late}")),
            _ => format!(
                "custom_data = {}",
                p.chance.json(serde_json::json!({"plan": "gold"}))
            ),
        };
        format!(
            "update mod_chat_visitors set {set} where id = {} returning id",
            p.one("visitors")
        )
    }),
    statement("update mod_chat_agents", 4, boss, |p| {
        format!(
            "update mod_chat_agents set display_name = {} where id = {} returning id",
            p.chance.text(),
            p.one("agents")
        )
    }),
    statement("insert mod_chat_departments", 1, boss, |p| {
        format!(
            "insert into mod_chat_departments (site_id, name, is_default) values ({}, {}, {}) returning id",
            p.site(),
            p.chance.text(),
            p.chance.truth()
        )
    }),
    statement("update mod_chat_departments", 2, boss, |p| {
        format!(
            "update mod_chat_departments set name = {}, is_default = {} where id = {} returning id",
            p.chance.text(),
            p.chance.truth(),
            p.one("departments")
        )
    }),
    statement("delete mod_chat_departments", 2, boss, |p| {
        format!(
            "delete from mod_chat_departments where id = {} returning id",
            p.one("departments")
        )
    }),
    statement("update mod_chat_widget_settings", 8, boss, |p| {
        let set = match p.chance.below(8) {
            0 => format!("auto_resolve_hours = {}", p.chance.number(0, 48)),
            1 => format!("missed_after_minutes = {}", p.chance.number(0, 90)),
            2 => format!("reopen_hours = {}", p.chance.number(0, 48)),
            3 => "pre_chat_enabled = true, pre_chat_name_required = true".to_owned(),
            4 => format!(
                "privacy_required = {}, privacy_text = {}",
                p.chance.truth(),
                p.chance.text()
            ),
            5 => format!(
                "edit_minutes = {}, allowed_domains = '{{}}', blocked_ips = {}",
                p.chance.number(0, 60),
                quote(p.chance.one_of(&["{}", "{203.0.113.77}", "{nonsense}"]))
            ),
            6 => format!("whatsapp_phone_number_id = {}", p.one("numbers")),
            // Back to what lets everybody write.
            _ => {
                "pre_chat_enabled = false, privacy_required = false, blocked_ips = '{}'".to_owned()
            }
        };
        format!(
            "update mod_chat_widget_settings set {set} where site_id = {} returning id",
            p.site()
        )
    }),
    statement("select mod_chat_messages", 15, staff, |p| {
        format!(
            "select * from mod_chat_messages where conversation_id = {} order by sent_at desc, seq desc limit 50",
            p.one("conversations")
        )
    }),
    statement("select chat_conversation_list", 10, staff, |p| {
        format!(
            "select * from chat_conversation_list where site_id = {} and is_open order by sort_at desc, id desc limit 25",
            p.site()
        )
    }),
    statement("select mod_chat_agents", 5, staff, |p| {
        format!(
            "select *, (select count(*) from mod_chat_departments) from mod_chat_agents where site_id = {}",
            p.site()
        )
    }),
];

fn changed(p: &mut Player<'_>, set: &str) -> String {
    format!(
        "update mod_chat_conversations set {set} where id = {} returning id, status, assigned_agent_id",
        p.one("conversations")
    )
}
