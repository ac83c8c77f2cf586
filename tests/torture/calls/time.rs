//! Time passes, faster than it does: the timers with a clock handed in, and rows turned back by somebody with psql.

use super::{Kind, bends, statement};
use crate::callers::owner;
use crate::player::Player;

pub const CALLS: &[Kind] = &[
    // As many as come meanwhile, or all that waits would grow, and with it whatever looks at all that waits.
    bends(statement("tick later", 6, owner, |p| {
        let later = p.chance.one_of(&["1 hour", "4 days", "1 minute"]);
        format!(
            "select chat.tend_sites(100, chat.return_chats(100)
                || chat.return_unanswered(100, clock_timestamp() + interval '{later}') || chat.send_scheduled(100, clock_timestamp() + interval '{later}')
                || chat.wake_snoozed(100, clock_timestamp() + interval '{later}')
                || chat.resolve_idle(100, clock_timestamp() + interval '{later}')
                || chat.miss_unanswered(100, clock_timestamp() + interval '{later}'))"
        )
    })),
    statement("promises get late", 6, owner, |p| {
        let later = p.chance.one_of(&["1 minute", "20 minutes", "3 hours"]);
        format!("select chat.follow_sla(50, clock_timestamp() + interval '{later}')")
    }),
    statement("fall silent", 5, owner, |p| {
        turned_back(
            p,
            "chat.heartbeats",
            "agent_id",
            "seen_at",
            "1 hour",
            "agents",
        )
    }),
    statement("leave for a while", 6, owner, |p| {
        turned_back(
            p,
            "chat.visits",
            "visitor_id",
            "last_at",
            "2 hours",
            "visitors",
        )
    }),
    statement("wait for an unknown send", 4, owner, |p| {
        turned_back(
            p,
            "public.mod_chat_messages",
            "id",
            "updated_at",
            "1 hour",
            "unsent",
        )
    }),
    statement("come back long after", 6, owner, |p| {
        turned_back(
            p,
            "public.mod_chat_conversations",
            "id",
            "archived_at",
            "3 days",
            "conversations",
        )
    }),
    statement("lose a lease", 10, owner, |_| {
        "update chat.lanes set lease_until = lease_until - interval '1 minute' where key = (
            select key from chat.lanes where busy limit 1 for update skip locked)"
            .to_owned()
    }),
    statement("wait for a retry", 10, owner, |_| {
        "update chat.lanes set next_at = clock_timestamp() where key = (
            select key from chat.lanes where not busy and ready and next_at > clock_timestamp() and next_at < 'infinity'
            limit 1 for update skip locked)"
            .to_owned()
    }),
    statement("an idle day", 2, owner, |_| {
        "update chat.lanes set idle_since = idle_since - interval '2 days' where key = (
            select key from chat.lanes where not ready limit 1 for update skip locked)"
            .to_owned()
    }),
    statement("a session ends by time", 2, owner, |_| {
        "update chat.sessions set expires_at = clock_timestamp() where id = (
            select id from chat.sessions where id > gen_random_uuid() order by id limit 1 for no key update skip locked)"
            .to_owned()
    }),
    statement("old page views", 1, owner, |_| {
        "select chat.forget_page_views(50, clock_timestamp() + interval '89 days')".to_owned()
    }),
    // Some of these are older than the others, by the milliseconds between them.
    statement("old facts", 1, owner, |_| {
        "select chat.forget_facts(5, clock_timestamp() + interval '90 days')".to_owned()
    }),
];

/// One row of a table, its time moved back; passed by while somebody else holds it.
fn turned_back(
    p: &mut Player<'_>,
    table: &str,
    key: &str,
    time: &str,
    by: &str,
    kind: &str,
) -> String {
    let id = p.one(kind);
    format!(
        "update {table} set {time} = {time} - interval '{by}' where ctid = any (array(
            select ctid from {table} where {key} = {id} and {time} is not null limit 1 for no key update skip locked))"
    )
}
