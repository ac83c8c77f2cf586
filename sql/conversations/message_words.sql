-- What: the index that search reads: the words of every message, and of each site the words that were ever used.
-- Why: an index over the messages themselves would be paid by every incoming one; this is filled by the tick, seconds
--      later, and search reads what is not in it yet from the event rows. A misspelt word is looked up among a site's
--      words, which are few, and not among its messages.
-- Leaves out: filling (index_words.sql) and searching (search.sql).

create table if not exists chat.message_words (
    message_id uuid primary key,
    site_id uuid not null,
    conversation_id uuid not null,
    sent_at timestamptz not null,
    words tsvector not null,
    constraint message_words_message_id_fkey foreign key (site_id, message_id)
        references public.mod_chat_messages (site_id, id) on delete cascade
);
comment on table chat.message_words is 'Words of each message that says any, for search. A row goes with its message.';
create index if not exists message_words_words_idx on chat.message_words using gin (site_id, words);
create index if not exists message_words_sent_at_idx on chat.message_words (site_id, sent_at desc, message_id desc);
create index if not exists message_words_conversation_idx on chat.message_words (conversation_id, sent_at desc);
alter table chat.message_words enable row level security;

create table if not exists chat.words (
    site_id uuid not null references public.sites (id) on delete cascade,
    word text not null,
    primary key (site_id, word)
);
comment on table chat.words is
    'Words of letters alone that a site''s messages used; what a misspelt one may have meant. A word of a removed message goes too, until somebody uses it again.';
alter table chat.words enable row level security;

create table if not exists chat.words_due (
    id bigint generated always as identity primary key,
    site_id uuid not null,
    message_id uuid,
    forgotten tsvector
);
comment on table chat.words_due is
    'What the index has to do beyond new messages: a message without an event or with a changed text, or words of a removed one. Only the tick writes the index, so nobody waits for anybody.';
create index if not exists words_due_message_id_idx on chat.words_due (message_id) where message_id is not null;
alter table chat.words_due enable row level security;

create table if not exists chat.words_progress (
    only_row boolean primary key default true check (only_row),
    event_id bigint not null default 0,
    up_to bigint not null default 0,
    up_to_xid xid8 not null default '0',
    adopted uuid default '00000000-0000-0000-0000-000000000000'
);
comment on table chat.words_progress is 'How far the tick has indexed words. One row.';
comment on column chat.words_progress.event_id is 'Messages of events up to this one are indexed.';
comment on column chat.words_progress.up_to is 'An event id that was the newest once; when all transactions of that time have ended, none at or below it can still appear.';
comment on column chat.words_progress.up_to_xid is 'A transaction id that was given after that.';
comment on column chat.words_progress.adopted is
    'Messages that were there before pg_chat was have no events: they are indexed by id up to here; null when done.';
insert into chat.words_progress default values on conflict do nothing;
alter table chat.words_progress enable row level security;

-- pg_trgm may live in any schema of the host's choice; only here it is named.
create extension if not exists pg_trgm with schema extensions;
do $$
declare
    trgm constant text := (
        select n.nspname from pg_catalog.pg_extension e join pg_catalog.pg_namespace n on n.oid = e.extnamespace
        where e.extname = 'pg_trgm');
begin
    execute format('create index if not exists words_alike_idx on chat.words using gin (site_id, word %I.gin_trgm_ops)', trgm);
    execute format('create index if not exists mod_chat_visitors_words_idx on public.mod_chat_visitors
        using gin (site_id, (chat.visitor_words(name, email, phone, whatsapp_phone)) %I.gin_trgm_ops)', trgm);
    execute format('create index if not exists mod_chat_conversations_subject_idx on public.mod_chat_conversations
        using gin (site_id, subject %I.gin_trgm_ops) where subject is not null', trgm);
    execute format($f$
        create or replace function chat.words_alike(p_site uuid, p_word text)
        returns text[]
        language sql
        stable
        as $b$
            select coalesce(array_agg(x.word), '{}') from (
                select w.word from chat.words w
                where w.site_id = p_site and w.word operator(%1$I.%%) p_word and %1$I.similarity(w.word, p_word) >= 0.4
                order by %1$I.similarity(w.word, p_word) desc, w.word limit 8) x
        $b$ $f$, trgm);
end
$$;
comment on function chat.words_alike(uuid, text) is 'Up to eight words of a site that are spelt like one.';
