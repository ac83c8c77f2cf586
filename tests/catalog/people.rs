//! What is kept of people: a table made tomorrow must not be forgotten when somebody is erased or asks for their data.

use anyhow::Result;
use pg_chat_tests::TestDb;

use crate::finds_nothing;

/// Tables whose rows are a person's: they name a visitor, or something that does. Not a tree of names but of keys.
const OF_A_PERSON: &str = "
    with recursive of_a_person (oid) as (
        select 'public.mod_chat_visitors'::regclass
        union
        select k.conrelid::regclass
        from of_a_person p
        join pg_constraint k on k.contype = 'f' and k.confrelid = p.oid and k.confdeltype = 'c'
    )";

/// Whatever names a person, their sessions, conversations or messages hangs on them by a key that cascades.
#[tokio::test]
async fn a_row_of_a_person_goes_with_the_person() -> Result<()> {
    let db = TestDb::new().await?;
    let query = format!(
        "{OF_A_PERSON}
        select format('%s.%s', a.attrelid::regclass, a.attname)
        from pg_attribute a
        join pg_class c on c.oid = a.attrelid and c.relkind in ('r', 'p')
            and c.relnamespace in ('public'::regnamespace, 'chat'::regnamespace)
        where a.attname in ('visitor_id', 'identity_id', 'session_id', 'conversation_id', 'message_id')
            and not a.attisdropped
            and a.attrelid not in (select p.oid from of_a_person p)
            -- Event rows hold nothing but ids, and figures count them; what is due to be indexed or looked at goes when it
            -- was; the place that somebody was told goes within seconds after they wait no more.
            and a.attrelid not in ('chat.events'::regclass, 'chat.words_due'::regclass, 'chat.queue_told'::regclass,
                'chat.sla_changes'::regclass)
        order by 1"
    );
    finds_nothing(
        &db,
        "columns that name a person's rows and outlive them (erasing somebody leaves these behind)",
        query.leak(),
    )
    .await
}

/// The document names each of those tables, unless the table is about something else.
#[tokio::test]
async fn an_export_reads_every_table_of_a_person() -> Result<()> {
    let db = TestDb::new().await?;
    let query = format!(
        "{OF_A_PERSON}
        select p.oid::regclass::text
        from of_a_person p
        where position(split_part(p.oid::regclass::text, '.', -1) in
                (select f.prosrc from pg_proc f where f.oid = 'chat.export_person(uuid)'::regprocedure)) = 0
            -- Which agent was chosen and why, how often a message was handed to Meta, how soon we answered, what a CRM is
            -- still to be told, by which number a dashboard calls a conversation: about us, not about them. Words are those of
            -- the messages again.
            and p.oid not in ('chat.choices'::regclass, 'chat.attempts'::regclass, 'chat.message_words'::regclass,
                'chat.sla_cases'::regclass, 'chat.sla_clocks'::regclass, 'chat.sla_pauses'::regclass,
                'chat.crm_due'::regclass, 'chat.waba_ids'::regclass)
        order by 1"
    );
    finds_nothing(
        &db,
        "tables of a person that chat.export_person leaves out",
        query.leak(),
    )
    .await
}
