//! Functions: chat.* and public.chat_*.

use anyhow::Result;
use pg_chat_tests::TestDb;

use crate::finds_nothing;

/// A definer function runs with its owner's rights: whoever could choose what a bare name means
/// would run anything with them.
#[tokio::test]
async fn definer_trigger_and_public_functions_pin_an_empty_search_path() -> Result<()> {
    let db = TestDb::new().await?;
    finds_nothing(
        &db,
        "functions without `set search_path = ''`",
        include_str!("unpinned.sql"),
    )
    .await
}

#[tokio::test]
async fn every_function_and_view_says_what_it_is() -> Result<()> {
    let db = TestDb::new().await?;
    finds_nothing(
        &db,
        "without a comment",
        "select p.oid::regprocedure::text
        from pg_proc p
        where (p.pronamespace = 'chat'::regnamespace
                or p.pronamespace = 'public'::regnamespace and p.proname like 'chat\\_%')
            and obj_description(p.oid, 'pg_proc') is null
        union all
        select c.oid::regclass::text
        from pg_class c
        where c.relkind in ('v', 'm')
            and (c.relnamespace = 'chat'::regnamespace
                or c.relnamespace = 'public'::regnamespace and c.relname like 'chat\\_%')
            and obj_description(c.oid, 'pg_class') is null
        order by 1",
    )
    .await
}

/// PostgREST's double silently ignores filters on functions that return `table (…)`; and only a table or view can
/// be embedded.
#[tokio::test]
async fn functions_for_people_return_rows_of_a_table_or_json() -> Result<()> {
    let db = TestDb::new().await?;
    finds_nothing(
        &db,
        "functions of public that return neither rows of a table or view nor jsonb nor a single value",
        "select p.oid::regprocedure::text
        from pg_proc p
        where p.pronamespace = 'public'::regnamespace and p.proname like 'chat\\_%' and p.prokind = 'f'
            and p.proargmodes && '{t,o,b}'::\"char\"[]
        order by 1",
    )
    .await
}
