//! What must hold of routing, whatever happened before.

use anyhow::{Result, ensure};

use crate::TestDb;

/// A number of rows that must be none, and what they are. `$at` is the moment by which waits count. Of what only grows
/// the newest are looked at: more than a round of any race makes.
const FAULTS: [(&str, &str); 5] = [
    (
        "times somebody got a chat beyond their room",
        "(select s.load, s.capacity, lag(s.load) over (partition by s.agent_id order by s.id) as before
            from (select * from chat.agent_states order by id desc limit 2000) s) x
            where x.load > x.capacity and x.load > x.before",
    ),
    (
        "chats wait whom the rule would give to somebody",
        "mod_chat_conversations c left join mod_chat_departments d on d.id = c.department_id
            where c.status = 'pending' and coalesce(d.auto_assign, true)
                and chat.choose_agent(chat.routing_facts(c, $at)) ->> 'agent_id' is not null",
    ),
    (
        "choices come out otherwise when they are made again",
        "(select * from chat.choices order by id desc limit 1000) k
            where k.by_user is null and k.agent_id is not null
            and chat.choose_agent(k.facts) is distinct from k.choice",
    ),
    (
        "choices are beyond the share of an hour that counted",
        "(select * from chat.choices order by id desc limit 1000) k
            where k.by_user is null and k.agent_id is not null and (k.facts ->> 'hourly_limit')::bigint < (
            select count(*) from chat.choices o
            where o.agent_id = k.agent_id and o.by_user is null and o.at > k.at - interval '1 hour' and o.id <= k.id)",
    ),
    (
        "chats are with somebody who has left",
        "mod_chat_conversations c join chat.choices k on k.id = c.choice_id
            join mod_chat_agents a on a.id = c.assigned_agent_id
            where c.status = 'active' and not a.is_active and k.at > a.updated_at",
    ),
];

/// Fails unless all that could be handed out is, nobody got a chat beyond their room (a limit may be lowered below what
/// somebody has) or their share of the hour, and every kept choice comes out the same when it is made again.
pub async fn assert_routed(db: &TestDb) -> Result<()> {
    assert_routed_by(db, "clock_timestamp()").await
}

/// The same after a tick, which takes what a refused change held while others were handed out, and whatever time has
/// made possible until it began.
pub async fn assert_routed_by_the_tick(db: &TestDb) -> Result<()> {
    let begins: String = sqlx::query_scalar("select clock_timestamp()::text")
        .fetch_one(db.owner())
        .await?;
    sqlx::query("select chat_tick()")
        .execute(db.as_worker())
        .await?;
    assert_routed_by(db, &format!("'{begins}'::timestamptz")).await
}

async fn assert_routed_by(db: &TestDb, at: &str) -> Result<()> {
    for (fault, from) in FAULTS {
        let found = db.count(&from.replace("$at", at)).await?;
        ensure!(found == 0, "{found} {fault}");
    }
    Ok(())
}
