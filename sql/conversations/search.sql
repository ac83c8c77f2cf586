-- What: search over every message of a site: by words, and where no message has them, by words that are spelt alike.
-- Why: newest first, because people look for what was said lately; without a date limit, because they also look for what
--      was said years ago. What the tick has not indexed yet is read from the event rows, so a message is found as soon
--      as it is there.
-- Leaves out: the index (message_words.sql), and what a query means (find_conversations.sql).

create or replace function chat.search_hits(
    p_site uuid, p_query tsquery, p_conversation uuid, p_before timestamptz, p_before_id uuid, p_limit integer
)
returns table (message_id uuid, conversation_id uuid, sent_at timestamptz)
language plpgsql
stable
-- A common word is found by walking back in time, a rare one by the index: the planner has to see the word.
set plan_cache_mode = force_custom_plan
as $$
declare
    indexed constant bigint := (select p.event_id from chat.words_progress p);
    limited constant boolean := p_site = any (chat.my_limited_sites());
begin
    return query
        select h.message_id, h.conversation_id, h.sent_at from (
            (select w.message_id, w.conversation_id, w.sent_at from chat.message_words w
            where w.site_id = p_site and w.words @@ p_query
                and (p_conversation is null or w.conversation_id = p_conversation)
                and (p_before is null or (w.sent_at, w.message_id) < (p_before, p_before_id))
                and (not limited or chat.sees_conversation(w.conversation_id))
                and not exists (select from chat.words_due d where d.message_id = w.message_id)
            order by w.sent_at desc, w.message_id desc limit p_limit)
            union
            (select m.id, m.conversation_id, m.sent_at
            from (
                (select e.message_id from chat.events e
                where e.site_id = p_site and e.id > indexed and e.message_id is not null
                order by e.id desc limit 20000)
                union
                select d.message_id from chat.words_due d where d.site_id = p_site) e
            join public.mod_chat_messages m on m.id = e.message_id
            where (not limited or chat.sees_conversation(m.conversation_id))
                and (p_conversation is null or m.conversation_id = p_conversation)
                and (p_before is null or (m.sent_at, m.id) < (p_before, p_before_id))
                and to_tsvector('simple', left(concat_ws(' ', m.content, m.file_name), 20000)) @@ p_query)) h
        order by h.sent_at desc, h.message_id desc
        limit p_limit;
end
$$;
comment on function chat.search_hits(uuid, tsquery, uuid, timestamptz, uuid, integer) is
    'Messages of a site that match a query, newest first, indexed or not; those the caller''s role does not see are left out.';

create or replace function chat.query_alike(p_site uuid, p_words text)
returns tsquery
language plpgsql
stable
as $$
begin
    return (
        select string_agg('(' || (
                select string_agg(quote_literal(w.word) || case when w.word = l.lexeme then ':*' else '' end, ' | ')
                from unnest(l.lexeme || chat.words_alike(p_site, l.lexeme)) w (word)) || ')', ' & ')::tsquery
        from unnest(to_tsvector('simple', left(p_words, 500))) l);
end
$$;
comment on function chat.query_alike(uuid, text) is 'A query for words or those of the site that are spelt like them.';

create or replace function chat.excerpt(p_text text, p_query tsquery)
returns jsonb
language plpgsql
immutable
as $$
declare
    -- Two characters that no text keeps mark the words; they never reach the reader.
    clean constant text := translate(left(p_text, 20000), chr(2) || chr(3), '');
    marked constant text := ts_headline('simple', clean, p_query,
        format('StartSel=%s, StopSel=%s, MaxWords=30, MinWords=12, ShortWord=0, MaxFragments=2, FragmentDelimiter=" … "', chr(2), chr(3)));
begin
    return (
        select coalesce(jsonb_agg(jsonb_build_object('text', p.part, 'match', p.match) order by p.n, p.match desc), '[]')
        from regexp_split_to_table(marked, chr(2)) with ordinality as s (piece, n)
        cross join lateral (values
            (case when s.n > 1 then split_part(s.piece, chr(3), 1) end, true, s.n),
            (case when s.n > 1 then split_part(s.piece, chr(3), 2) else s.piece end, false, s.n)) as p (part, match, n)
        where p.part <> '');
end
$$;
comment on function chat.excerpt(text, tsquery) is
    'The part of a text around what a query found: [{text, match}], plain text to be joined. No markup, so nothing to escape.';

create or replace function public.chat_search(
    site uuid, query text, after jsonb default null, page_size integer default 25, conversation uuid default null
)
returns jsonb
language plpgsql
stable
security definer
set search_path = ''
as $$
declare
    asked tsquery := chat.search_query(chat_search.query);
    before_at timestamptz;
    before_id uuid;
    alike boolean := false;
    hits jsonb;
begin
    perform chat.require(chat_search.site, 'live-chat.conversations.view');
    perform chat.require_page_size(chat_search.page_size, 100);
    if asked is null or numnode(asked) = 0 then
        raise exception 'there is nothing to search for'
            using errcode = 'PT422', detail = 'chat/empty_query', hint = 'type at least one word';
    end if;
    if jsonb_typeof(chat_search.after) <> 'null' then
        select a.at, a.id into before_at, before_id
        from chat.inbox_after(jsonb_build_object('is_open', false, 'sort_at', chat_search.after -> 'sent_at',
            'id', chat_search.after -> 'message_id')) a;
        alike := chat_search.after -> 'alike' = 'true';
    end if;
    loop
        if alike then
            asked := chat.query_alike(chat_search.site, chat_search.query);
        end if;
        select jsonb_agg(jsonb_build_object(
            'message_id', m.id, 'conversation_id', m.conversation_id, 'seq', m.seq, 'sent_at', m.sent_at,
            'sender_type', m.sender_type, 'sender_name', m.sender_name, 'kind', m.kind,
            'is_internal_note', m.is_internal_note, 'alike', alike, 'visitor_name', v.name, 'status', c.status,
            'excerpt', chat.excerpt(concat_ws(' ', m.content, m.file_name), asked)) order by h.sent_at desc, h.message_id desc)
        into hits
        from chat.search_hits(chat_search.site, asked, chat_search.conversation, before_at, before_id, chat_search.page_size) h
        join public.mod_chat_messages m on m.id = h.message_id
        join public.mod_chat_conversations c on c.id = m.conversation_id
        join public.mod_chat_visitors v on v.id = c.visitor_id;
        exit when hits is not null or alike or before_at is not null;
        alike := true;
    end loop;
    return jsonb_build_object('hits', coalesce(hits, '[]'), 'alike', alike,
        'more', coalesce(jsonb_array_length(hits), 0) = chat_search.page_size);
end
$$;
comment on function public.chat_search(uuid, text, jsonb, integer, uuid) is
    'Messages of a site (or of one conversation) that say something, newest first: {hits, alike, more}. A hit has its excerpt as [{text, match}]; alike: no message has the words, these have some that are spelt like them. after: the last hit of the page before. PT403 chat/not_allowed, PT422 chat/empty_query, chat/page_size, chat/bad_after.';
