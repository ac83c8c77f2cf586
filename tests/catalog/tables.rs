//! Tables: chat.*, public.mod_chat_* and the three of a standalone install.

use anyhow::{Result, ensure};
use pg_chat_tests::TestDb;

use crate::finds_nothing;

#[tokio::test]
async fn every_table_has_row_level_security() -> Result<()> {
    let db = TestDb::new().await?;
    finds_nothing(
        &db,
        "tables without row level security",
        include_str!("without_rls.sql"),
    )
    .await
}

#[tokio::test]
async fn every_table_says_what_it_is() -> Result<()> {
    let db = TestDb::new().await?;
    finds_nothing(
        &db,
        "tables without a comment",
        "select c.oid::regclass::text
        from pg_class c
        where c.relkind in ('r', 'p') and obj_description(c.oid, 'pg_class') is null
            and c.relnamespace in ('chat'::regnamespace, 'public'::regnamespace)
        order by 1",
    )
    .await
}

/// A key over `id` alone would let a row of one site name a row of another.
#[tokio::test]
async fn keys_between_our_tables_hold_the_site() -> Result<()> {
    let db = TestDb::new().await?;
    finds_nothing(
        &db,
        "foreign keys to a table of a site that do not hold site_id",
        "select format('%s on %s', k.conname, k.conrelid::regclass)
        from pg_constraint k
        where k.contype = 'f'
            and k.connamespace in ('chat'::regnamespace, 'public'::regnamespace)
            and exists (select from pg_attribute a where a.attrelid = k.conrelid and a.attname = 'site_id')
            and exists (select from pg_attribute a where a.attrelid = k.confrelid and a.attname = 'site_id')
            -- One app may sign for accounts of several sites of one person.
            and k.confrelid not in ('public.sites'::regclass, 'chat.whatsapp_apps'::regclass)
            and not exists (
                select from pg_attribute a
                where a.attrelid = k.conrelid and a.attname = 'site_id' and a.attnum = any (k.conkey))
        order by 1",
    )
    .await
}

/// Two keys between the same two tables over the same column make PostgREST's embeds ambiguous.
#[tokio::test]
async fn a_column_is_in_one_relation_only() -> Result<()> {
    let db = TestDb::new().await?;
    finds_nothing(
        &db,
        "columns with more than one foreign key",
        "select format('%s.%s', k.conrelid::regclass, a.attname)
        from pg_constraint k
        cross join lateral unnest(k.conkey) as column_of (number)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = column_of.number and a.attname <> 'site_id'
        where k.contype = 'f' and k.connamespace = 'public'::regnamespace
        group by k.conrelid, a.attname
        having count(*) > 1
        order by 1",
    )
    .await
}

/// An index on a column that every message changes ends heap-only updates.
#[tokio::test]
async fn only_the_inbox_order_over_open_conversations_names_last_message_at() -> Result<()> {
    let db = TestDb::new().await?;
    finds_nothing(
        &db,
        "indexes on last_message_at over more than the open conversations",
        "select i.indexrelid::regclass::text
        from pg_index i
        where i.indrelid = 'public.mod_chat_conversations'::regclass
            and pg_get_indexdef(i.indexrelid) like '%last_message_at%'
            and coalesce(pg_get_expr(i.indpred, i.indrelid), '') <> '(archived_at IS NULL)'
        order by 1",
    )
    .await
}

/// The index spells out what `chat.urgency` says; where the two differ, every drain sorts all that wait.
#[tokio::test]
async fn a_line_is_read_in_the_order_of_its_index() -> Result<()> {
    let db = TestDb::new().await?;
    let mut at_once = db.owner().begin().await?;
    for setting in ["enable_seqscan", "enable_bitmapscan"] {
        sqlx::query("select set_config($1, 'off', true)")
            .bind(setting)
            .execute(&mut *at_once)
            .await?;
    }
    let plan: Vec<String> = sqlx::query_scalar(
        "explain (costs off)
        select c.id from mod_chat_conversations c
        where coalesce(c.department_id, c.site_id) = '0a000000-0000-4000-8000-000000000001'
            and c.status = 'pending' and c.assigned_agent_id is null
        order by chat.urgency(c.priority), c.pending_since, c.id
        limit 1",
    )
    .fetch_all(&mut *at_once)
    .await?;
    let plan = plan.join("\n");
    ensure!(
        plan.contains("mod_chat_conversations_queue_idx") && !plan.contains("Sort"),
        "the line is sorted each time:\n{plan}"
    );
    Ok(())
}
