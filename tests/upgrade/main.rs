//! A migration over a database that was there before. One that ran LC-01's own migration is adopted, or nothing happens
//! and a list says why ([`stops`]); one of a release becomes that of the release to come ([`released`]).

mod refused;
mod released;
mod stops;

use anyhow::{Result, ensure};
use pg_chat_tests::recount::assert_counters_but;
use pg_chat_tests::{Fingerprint, Refusal, Regime, TestDb, webhook};
use serde_json::{Value, json};
use sqlx::Executor;
use uuid::Uuid;

const HOST: &str = include_str!("host.sql");
const LC01: &str = include_str!("lc01.sql");
const ROWS: &str = include_str!("rows.sql");

/// The owner of the host's agency.
const OWNER: Uuid = Uuid::from_u128(0xc000_0000_0000_4000_8000_0000_0000_0001);

/// A database with LC-01's schema; it has worked for a while.
async fn filled() -> Result<TestDb> {
    let db = TestDb::bare(Regime::Old).await?;
    for script in [HOST, LC01, ROWS] {
        db.owner().execute(script).await?;
    }
    Ok(db)
}

async fn adopted() -> Result<TestDb> {
    let db = filled().await?;
    db.install().await?;
    Ok(db)
}

/// What people wrote and chose, as LC-01 has it: no count, date or default.
const CONTENT: &str = "
    select string_agg(x, e'\\n' order by x) as all from (
        select format('department %s %s', id, name) as x from mod_chat_departments
        union all select format('agent %s %s %s %s %s', id, user_id, display_name, role, department_id) from mod_chat_agents
        union all select format('settings %s %s %s', site_id, company_name, whatsapp_phone_number_id) from mod_chat_widget_settings
        union all select format('visitor %s %s %s %s %s %s', id, name, email, channel, whatsapp_phone, loyalty) from mod_chat_visitors
        union all select format('conversation %s %s %s %s', id, visitor_id, channel, rating) from mod_chat_conversations
        union all select format('message %s %s %s %s %s', id, conversation_id, sender_type, sender_name, content) from mod_chat_messages
        union all select format('canned %s %s', id, content) from mod_chat_canned_responses
        union all select format('article %s %s', id, content) from mod_chat_knowledge_base
        union all select format('day %s %s %s', id, date, total_messages) from mod_chat_analytics
        union all select format('ticket %s %s', id, conversation_id) from tickets) t";

#[tokio::test]
async fn every_row_of_lc01_is_there_after_the_install() -> Result<()> {
    let db = filled().await?;
    let before = db.row(CONTENT).await?;
    db.install().await?;
    assert_eq!(db.row(CONTENT).await?, before);
    assert_eq!(db.count("mod_chat_messages").await?, 5);
    Ok(())
}

/// The same as on a host that never had LC-01.
#[tokio::test]
async fn an_adopted_schema_is_the_schema_of_a_fresh_install() -> Result<()> {
    for regime in Regime::ALL {
        let (fresh, old) = (TestDb::bare(regime).await?, TestDb::bare(regime).await?);
        fresh.owner().execute(HOST).await?;
        for script in [HOST, LC01] {
            old.owner().execute(script).await?;
        }
        for db in [&fresh, &old] {
            db.install().await?;
        }
        let changes = Fingerprint::of(&fresh)
            .await?
            .changes_to(&Fingerprint::of(&old).await?);
        ensure!(
            changes.is_empty(),
            "under {regime:?}: {}",
            changes.join("\n  ")
        );
    }
    Ok(())
}

#[tokio::test]
async fn an_adopted_database_is_not_adopted_again() -> Result<()> {
    let db = adopted().await?;
    let before = (Fingerprint::of(&db).await?, db.row(CONTENT).await?);
    db.install().await?;
    let changes = before.0.changes_to(&Fingerprint::of(&db).await?);
    assert_eq!(changes, Vec::<String>::new());
    assert_eq!(db.row(CONTENT).await?, before.1);
    Ok(())
}

/// LC-01 counted notes, and forgot what an app changed; a count of its own stays what people saw: unread, handled.
#[tokio::test]
async fn adopted_counters_equal_a_recount() -> Result<()> {
    let db = adopted().await?;
    // LC-01 kept an agent's figures without the answers behind them.
    assert_counters_but(&db, &["unread_", "total_chats_handled", "total_response"]).await?;
    let ada = db
        .row("select total_chats_handled as chats, avg_response_time_seconds as seconds, avg_rating::float8 as stars from mod_chat_agents")
        .await?;
    assert_eq!(ada, json!({"chats": 10, "seconds": 30, "stars": 4.5}));
    Ok(())
}

#[tokio::test]
async fn states_that_cannot_be_are_mended() -> Result<()> {
    let db = adopted().await?;
    let states: Vec<Value> = db
        .rows("select status, assigned_agent_id is not null as assigned from mod_chat_conversations order by session_number")
        .await?;
    assert_eq!(
        states,
        [
            json!({"status": "resolved", "assigned": false}),
            json!({"status": "active", "assigned": true}),
            json!({"status": "pending", "assigned": false}),
            json!({"status": "closed", "assigned": true}),
        ],
        "the older of two open chats of a person; assigned and pending; active and nobody's; closed"
    );
    Ok(())
}

#[tokio::test]
async fn a_whatsapp_person_goes_on_in_their_conversation() -> Result<()> {
    let db = adopted().await?;
    let known: Value = sqlx::query_scalar(
        "select chat_register_whatsapp('environment', 'b0000000-0000-4000-8000-000000000001', '9106540352242922',
            '106540352242922', 'v26.0', '1001')",
    )
    .fetch_one(db.as_worker())
    .await?;
    sqlx::query("select chat_confirm_number(($1 ->> 'number')::uuid, '{}')")
        .bind(&known)
        .execute(db.as_worker())
        .await?;
    let number = pg_chat_tests::Number {
        phone_number_id: "106540352242922".to_owned(),
        waba_id: "9106540352242922".to_owned(),
        app: serde_json::from_value(known["app"].clone())?,
        account: serde_json::from_value(known["account"].clone())?,
    };
    let said = webhook::receive(
        &db,
        &number,
        &[
            webhook::text("15550100002", "wamid.1", "Where is my parcel?"),
            webhook::text("15550100002", "wamid.9", "It came, thanks"),
        ],
    )
    .await?;
    assert_eq!(
        (&said[0]["stored"], &said[0]["duplicate"]),
        (&json!(1), &json!(1))
    );
    let home = db
        .row("select conversation_id, seq, public_seq from mod_chat_messages where whatsapp_message_id = 'wamid.9'")
        .await?;
    assert_eq!(
        home,
        json!({"conversation_id": "10000000-0000-4000-8000-000000000002", "seq": 5, "public_seq": 4})
    );
    Ok(())
}

/// They have no events, from which other messages are indexed.
#[tokio::test]
async fn adopted_messages_are_found_by_their_words() -> Result<()> {
    let db = adopted().await?;
    for _ in 0..2 {
        sqlx::query("select chat_tick()")
            .execute(db.as_worker())
            .await?;
    }
    let found = db
        .as_user(OWNER)
        .await?
        .rows("select chat_search('b0000000-0000-4000-8000-000000000001', 'driver') as said")
        .await?;
    assert_eq!(
        found[0]["said"]["hits"][0]["conversation_id"],
        "10000000-0000-4000-8000-000000000002"
    );
    Ok(())
}

#[tokio::test]
async fn what_the_host_added_to_the_tables_is_kept() -> Result<()> {
    let db = adopted().await?;
    let zoe = db
        .row("select loyalty, shouted, number, crm_contact_id from mod_chat_visitors where name = 'Zoe'")
        .await?;
    assert_eq!(
        zoe,
        json!({"loyalty": 9, "shouted": "ZOE", "number": 1, "crm_contact_id": "90000000-0000-4000-8000-000000000001"})
    );
    let made = db
        .row("select loyalty from mod_chat_visitors where id = 'f0000000-0000-4000-8000-000000000003'")
        .await?;
    assert_eq!(made["loyalty"], 2);
    db.as_owner("insert into mod_chat_visitors (site_id, name) values ('b0000000-0000-4000-8000-000000000001', 'New')")
        .await?;
    let new = db
        .row("select loyalty, number from mod_chat_visitors where name = 'New'")
        .await?;
    assert_eq!(
        new,
        json!({"loyalty": 3, "number": 4}),
        "defaults and numbers go on"
    );
    let too_loyal = sqlx::query("update mod_chat_visitors set loyalty = 100")
        .execute(db.owner())
        .await;
    assert_eq!(Refusal::expect(too_loyal).sqlstate, "23514");
    assert_eq!(
        db.count("pg_indexes where indexname = 'visitors_by_loyalty'")
            .await?,
        1
    );
    assert_eq!(
        db.count(
            "pg_publication_tables where pubname = 'dashboards' and tablename = 'mod_chat_messages'"
        )
        .await?,
        1
    );
    db.as_owner(
        "delete from mod_chat_conversations where id = '10000000-0000-4000-8000-000000000002'",
    )
    .await?;
    assert_eq!(
        db.count("tickets").await?,
        0,
        "the host's key points at ours"
    );
    Ok(())
}

#[tokio::test]
async fn nobody_reads_or_writes_through_lc01s_open_policies_any_more() -> Result<()> {
    let db = adopted().await?;
    let open = db
        .rows("select policyname from pg_policies where 'true' in (qual, with_check) or 'public' = any (roles)")
        .await?;
    assert_eq!(open, Vec::<Value>::new());
    let mut anon = db.as_anon().await?;
    for statement in [
        "select * from mod_chat_widget_settings",
        "insert into mod_chat_messages (conversation_id, sender_type, content)
            values ('10000000-0000-4000-8000-000000000002', 'agent', 'I am Ada') returning id",
    ] {
        let refusal = Refusal::expect(anon.rows(statement).await);
        assert_eq!(refusal.sqlstate, "42501", "{statement}");
    }
    let mut owner = db.as_user(OWNER).await?;
    assert_eq!(
        owner.rows("select id from mod_chat_messages").await?.len(),
        5
    );
    Ok(())
}
