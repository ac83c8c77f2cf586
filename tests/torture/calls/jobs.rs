//! The worker's side of the queue, and what people with psql do to it.

use super::{Kind, function, statement};
use crate::callers::{Caller, boss, owner, worker};
use crate::player::Player;
use crate::wording::{self, quote};

/// Claims, attempts and ends are as many as the calls that queue something: with fewer the lanes only fill up, and little
/// is ever sent beside anything else.
pub const CALLS: &[Kind] = &[
    function("chat_claim_jobs", 60, worker, |p| {
        vec![("slots", (1 + p.chance.below(6)).to_string())]
    }),
    function("chat_begin_attempt", 100, worker, |p| {
        p.leases
            .take_up(|lease| lease.sends() && lease.attempt.is_none());
        p.leases.args_of_lease(&mut p.chance)
    }),
    function("chat_finish_attempt", 100, worker, |p| {
        p.leases.take_up(|lease| lease.attempt.is_some());
        let outcome = p.leases.outcome_of_attempt(&mut p.chance);
        let mut args = p.leases.args_of_lease(&mut p.chance);
        let (message, attempt) = p.leases.attempt(&mut p.chance);
        args.push(("message_id", quote(&message)));
        args.push(("attempt", attempt.to_string()));
        args.push(("outcome", wording::json(&outcome)));
        args
    }),
    function("chat_renew_lease", 6, worker, |p| {
        p.leases.args_of_lease(&mut p.chance)
    }),
    function("chat_begin_media", 6, worker, |p| {
        p.leases.args_of_lease(&mut p.chance)
    }),
    function("chat_files_to_delete", 6, worker, |p| {
        p.leases.args_of_lease(&mut p.chance)
    }),
    function("chat_files_deleted", 3, worker, |p| {
        let id = p.chance.below(200);
        vec![("ids", format!("'{{{id}}}'"))]
    }),
    function("chat_finish_reaction", 8, worker, |p| {
        p.leases.take_up(|lease| lease.reacts());
        let mut outcome = p.leases.outcome_of_job(&mut p.chance);
        if outcome["is"] == "dead" {
            outcome["is"] = "failed".into();
        }
        let mut args = p.leases.args_of_lease(&mut p.chance);
        args.push(("outcome", wording::json(&outcome)));
        args
    }),
    function("chat_finish_job", 60, worker, |p| {
        p.leases.take_up(|lease| !lease.sends());
        let outcome = p.leases.outcome_of_job(&mut p.chance);
        let mut args = p.leases.args_of_lease(&mut p.chance);
        args.push(("outcome", wording::json(&outcome)));
        args
    }),
    function("chat_give_back_jobs", 4, worker, |p| {
        p.leases.take_up(|lease| lease.attempt.is_none());
        let token = p.leases.token(&mut p.chance);
        vec![("lease_tokens", wording::array(&[token]))]
    }),
    function("chat_worker_facts", 2, worker, |_| vec![]),
    function("chat_worker_rights", 1, worker, |_| {
        let known = wording::array(&["public.chat_tick(integer)".to_owned()]);
        vec![("functions", known)]
    }),
    function("chat_retry_job", 6, retries, |p| {
        vec![("job_id", p.one("dead_jobs"))]
    }),
    function("chat_tick", 25, worker, |p| {
        if p.chance.one_in(3) {
            return vec![];
        }
        vec![("batch", (1 + p.chance.below(40)).to_string())]
    }),
    statement("pause", 3, owner, |p| {
        let number = p.raw("numbers");
        match p.chance.below(3) {
            0 => format!("select chat.pause(number => {})", quote(&number)),
            1 => "select chat.pause(kind => 'whatsapp')".to_owned(),
            _ => "select chat.pause(kind => 'whatsapp.mark_read', reason => 'slow')".to_owned(),
        }
    }),
    statement("resume", 8, owner, |p| {
        let number = p.raw("numbers");
        match p.chance.below(3) {
            0 => format!("select chat.resume(number => {})", quote(&number)),
            1 => "select chat.resume(kind => 'whatsapp')".to_owned(),
            _ => "select chat.resume(kind => 'whatsapp.mark_read')".to_owned(),
        }
    }),
    statement("look", 2, owner, |p| {
        format!(
            "select * from {}",
            p.chance
                .one_of(&["chat.queue_now", "chat.lag", "chat.waiting_now"])
        )
    }),
];

fn retries(p: &mut Player<'_>) -> Caller {
    if p.chance.one_in(2) {
        Caller::Owner
    } else {
        boss(p)
    }
}
