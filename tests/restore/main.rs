//! A dump holds everything: rows, policies, grants, and what people added to our tables.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use pg_chat_tests::recount::assert_counters_equal_recount;
use pg_chat_tests::{AgentIs, Fingerprint, Number, Regime, Site, TestDb, webhook};
use serde_json::Value;
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

/// What a DBA may do to our tables.
const THEIRS: &str = "
    alter table mod_chat_visitors add column loyalty integer not null default 3 check (loyalty < 100);
    alter table mod_chat_visitors add column shouted text generated always as (upper(name)) stored;
    update mod_chat_visitors set loyalty = 7;
    create index visitors_by_loyalty on mod_chat_visitors (loyalty desc);
    create policy the_loyal on mod_chat_visitors for select to authenticated using (loyalty > 50);
    create table tickets (id integer primary key, conversation_id uuid references mod_chat_conversations (id));
    insert into tickets select 1, id from mod_chat_conversations limit 1;
    create function note_ticket() returns trigger language plpgsql as $$ begin return new; end $$;
    create trigger theirs after insert on mod_chat_conversations for each row execute function note_ticket();
    create view loyal_visitors as select id, name from mod_chat_visitors where loyalty > 5;";

/// A site that has worked, and what its people added.
struct Life {
    db: TestDb,
    site: Site,
    number: Number,
}

impl Life {
    async fn lived(regime: Regime) -> Result<Self> {
        let db = TestDb::clone_of(regime).await?;
        let site = Site::make(&db).await?;
        let number = site.number(&db, "106540352242922").await?;
        let ada = site.agent("Ada", AgentIs::default()).await?;
        site.department("Sales", 5).await?;
        for phone in ["15550100002", "15550100003", "15550100004"] {
            let wamid = format!("wamid.{phone}");
            webhook::receive(&db, &number, &[webhook::text(phone, &wamid, "Hello")]).await?;
        }
        let chats: Vec<Uuid> =
            sqlx::query_scalar("select id from mod_chat_conversations order by id")
                .fetch_all(db.owner())
                .await?;
        db.desk(ada)
            .answer(chats[0], "Hello \"Zoe\" \u{1f600}")
            .await?;
        db.desk(ada).patch(chats[1], "status = 'resolved'").await?;
        db.owner().execute(THEIRS).await?;
        Ok(Self { db, site, number })
    }
}

/// Each table's rows, as one text.
async fn rows(db: &TestDb) -> Result<BTreeMap<String, String>> {
    let tables: Vec<String> = sqlx::query_scalar(
        "select c.oid::regclass::text from pg_class c
        where c.relkind = 'r' and c.relnamespace in ('public'::regnamespace, 'chat'::regnamespace)",
    )
    .fetch_all(db.owner())
    .await?;
    let mut all = BTreeMap::new();
    for table in tables {
        let select = format!(
            "select coalesce(string_agg(x, e'\\n'), '') from (select t::text as x from {table} t order by 1) t"
        );
        let text = sqlx::query_scalar(AssertSqlSafe(select))
            .fetch_one(db.owner())
            .await?;
        all.insert(table, text);
    }
    Ok(all)
}

fn ensure_same(before: &Fingerprint, after: &Fingerprint) -> Result<()> {
    let changes = before.changes_to(after);
    ensure!(
        changes.is_empty(),
        "{} objects changed:\n  {}",
        changes.len(),
        changes.join("\n  ")
    );
    Ok(())
}

#[tokio::test]
async fn a_restored_dump_has_every_row_policy_grant_and_what_people_added() -> Result<()> {
    let Life { db, .. } = Life::lived(Regime::New).await?;
    let restored = TestDb::bare(Regime::New).await?;
    restored.restore(&db.dump()?).await?;
    ensure_same(
        &Fingerprint::of(&db).await?,
        &Fingerprint::of(&restored).await?,
    )?;
    let before = rows(&db).await?;
    assert_eq!(rows(&restored).await?, before);
    ensure!(
        before["mod_chat_messages"].contains("\u{1f600}") && before["tickets"].contains("1,"),
        "there is something to restore"
    );
    Ok(())
}

/// An older project grants everything on what is made in `public`, so a dump's own grants are not all there is. The
/// migration closes what must be closed.
#[tokio::test]
async fn a_dump_restored_into_an_older_project_is_closed_by_the_migration() -> Result<()> {
    let Life { db, .. } = Life::lived(Regime::Old).await?;
    let restored = TestDb::bare(Regime::Old).await?;
    restored.restore(&db.dump()?).await?;
    restored.install().await?;
    let ours = |changes: Vec<String>| -> Vec<String> {
        let theirs = ["tickets", "note_ticket", "loyal_visitors"];
        changes
            .into_iter()
            .filter(|change| !theirs.iter().any(|name| change.contains(name)))
            .collect()
    };
    let changes = ours(
        Fingerprint::of(&db)
            .await?
            .changes_to(&Fingerprint::of(&restored).await?),
    );
    assert_eq!(changes, Vec::<String>::new());
    assert_eq!(rows(&restored).await?, rows(&db).await?);
    Ok(())
}

/// Numbers, sessions and ids go on where they were.
#[tokio::test]
async fn a_restored_site_goes_on_working() -> Result<()> {
    let Life { db, number, site } = Life::lived(Regime::New).await?;
    let restored = TestDb::bare(Regime::New).await?;
    restored.restore(&db.dump()?).await?;
    let again = webhook::text("15550100002", "wamid.15550100002", "Hello");
    let more = [
        again,
        webhook::text("15550100002", "wamid.more", "Are you there?"),
        webhook::text("15550100009", "wamid.new", "I am new"),
    ];
    let said = webhook::receive(&restored, &number, &more).await?;
    assert_eq!(
        (&said[0]["stored"], &said[0]["duplicate"]),
        (&Value::from(2), &Value::from(1))
    );
    let newest = restored
        .row("select session_number from mod_chat_conversations order by created_at desc limit 1")
        .await?;
    assert_eq!(newest["session_number"], "CHAT-00000004");
    let mut owner = restored.as_user(site.owner).await?;
    assert_eq!(
        owner
            .rows("select id from mod_chat_conversations")
            .await?
            .len(),
        4
    );
    assert_counters_equal_recount(&restored).await
}
