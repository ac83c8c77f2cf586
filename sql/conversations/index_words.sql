-- What: fills the index that search reads, in batches.
-- Why: messages arrive at a rate at which nobody wants to wait for an index. Event ids are given before they commit, so a
--      cursor over them is moved only to an id below which nothing can appear any more: one that was newest when the
--      oldest transaction that is still running had not begun.
--      Nothing here waits for a lock, so it is the last thing a tick does.
-- Leaves out: reading the index (search.sql).

create or replace function chat.index_messages(p_messages uuid[])
returns integer
language plpgsql
as $$
declare
    stored integer;
begin
    with words as (
        select m.id, m.site_id, m.conversation_id, m.sent_at,
            to_tsvector('simple', left(concat_ws(' ', m.content, m.file_name), 20000)) as words
        from public.mod_chat_messages m
        -- Lines of the system, whoever wrote them, are not what people said.
        where m.id = any (p_messages) and m.sender_type <> 'system' and m.kind not in ('event', 'system')
            and (m.content <> '' or m.file_name <> '')
    ), stored as (
        insert into chat.message_words (message_id, site_id, conversation_id, sent_at, words)
        select w.id, w.site_id, w.conversation_id, w.sent_at, w.words from words w where w.words <> ''
        on conflict (message_id) do update set words = excluded.words
        returning site_id, words
    ), used as (
        insert into chat.words (site_id, word)
        select distinct s.site_id, l.lexeme from stored s cross join lateral unnest(s.words) l
        where l.lexeme ~ '^[[:alpha:]]{4,30}$'
        order by 1, 2
        on conflict do nothing
    ), stale as (
        delete from chat.message_words w where w.message_id = any (p_messages) and not exists (select from words x where x.id = w.message_id and x.words <> '')
    )
    select count(*) into stored from stored;
    return stored;
end
$$;
comment on function chat.index_messages(uuid[]) is 'Puts messages into the index of search, or renews what stands there.';

create or replace function chat.hold_messages(p_messages uuid[])
returns uuid[]
language plpgsql
as $$
begin
    -- A weaker lock suffers that somebody changes the row, but follows them to its newest version and waits there, though
    -- it said that it skips what is locked.
    return array(select m.id from public.mod_chat_messages m where m.id = any (p_messages) for share skip locked);
end
$$;
comment on function chat.hold_messages(uuid[]) is
    'Which of these messages are here to stay: nobody changes or deletes them until the transaction ends. Waits for nobody.';

create or replace function chat.index_due(p_batch integer)
returns integer
language plpgsql
as $$
declare
    next constant bigint[] := array(
        select d.id from chat.words_due d order by d.id limit p_batch for update skip locked);
    -- A message that is being deleted is left alone, and stays due: it may stay after all.
    known constant uuid[] := chat.hold_messages(array(
        select d.message_id from chat.words_due d where d.id = any (next) and d.message_id is not null));
begin
    with done as (
        delete from chat.words_due d
        where d.id = any (next)
            and (d.message_id is null or d.message_id = any (known)
                or not exists (select from public.mod_chat_messages m where m.id = d.message_id))
        returning d.site_id, d.forgotten
    )
    delete from chat.words w using done d cross join lateral unnest(d.forgotten) l
    where w.site_id = d.site_id and w.word = l.lexeme;
    return chat.index_messages(known);
end
$$;
comment on function chat.index_due(integer) is 'Does what stands in words_due; how many messages were indexed.';

create or replace function chat.index_words(p_batch integer)
returns integer
language plpgsql
as $$
declare
    progress chat.words_progress;
    reached bigint;
    due uuid[];
    left_alone uuid;
    held bigint;
    known uuid[];
begin
    -- One tick at a time; the others have better things to do. Of messages, too, those that somebody has are left alone: a
    -- cursor stops before the first of them.
    select * into progress from chat.words_progress for update skip locked;
    if not found then
        return 0;
    end if;
    if progress.adopted is not null then
        due := array(select m.id from public.mod_chat_messages m where m.id > progress.adopted order by m.id limit p_batch);
        known := chat.hold_messages(due);
        select m.id into left_alone
        from public.mod_chat_messages m where m.id = any (due) and m.id <> all (known)
        order by m.id limit 1;
        update chat.words_progress
        set adopted = case when due <> '{}' then coalesce(
            (select d from unnest(due) d where (d >= left_alone) is not true order by d desc limit 1), progress.adopted) end;
        return chat.index_messages(known);
    end if;

    if progress.event_id >= progress.up_to then
        select max(x.id) into reached from chat.events x;
        if reached > progress.up_to then
            progress.up_to_xid := chat.xid_from_now('chat.words_progress');
            update chat.words_progress set up_to = reached, up_to_xid = progress.up_to_xid;
        end if;
        return chat.index_due(p_batch);
    end if;
    if not chat.all_ended(progress.up_to_xid) then
        return chat.index_due(p_batch);
    end if;

    select array_agg(x.message_id), max(x.id) into due, reached
    from (
        select e.id, e.message_id from chat.events e
        where e.id > progress.event_id and e.id <= progress.up_to
        order by e.id limit p_batch) x;
    known := chat.hold_messages(due);
    select min(e.id) - 1 into held
    from chat.events e join public.mod_chat_messages m on m.id = e.message_id
    where e.id > progress.event_id and e.id <= reached and m.id <> all (known);
    update chat.words_progress set event_id = least(held, reached);
    return chat.index_messages(known) + chat.index_due(p_batch);
end
$$;
comment on function chat.index_words(integer) is 'Indexes the words of the next messages; how many. For the tick.';

create or replace function chat.words_are_due()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.words_due (site_id, message_id) values (new.site_id, new.id);
    return null;
end
$$;
comment on function chat.words_are_due() is 'After a message''s text or file changed: its words are indexed anew.';

create or replace function chat.forget_words()
returns trigger
language plpgsql
security definer
set search_path = ''
as $$
begin
    insert into chat.words_due (site_id, forgotten) select r.site_id, r.words from removed r;
    return null;
end
$$;
comment on function chat.forget_words() is 'After words of messages were removed: they are no suggestions any more.';

create or replace trigger _700_forget after delete on chat.message_words
    referencing old table as removed for each statement execute function chat.forget_words();
