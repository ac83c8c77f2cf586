-- What: which conversations a few words may mean: for the search field of an inbox.
-- Why: people type a name, a number, a mail, CHAT-00000042 or something that was said, into one field.
-- Leaves out: the messages that matched (search.sql). At most a thousand conversations are found, the latest said ones.

create or replace function chat.search_query(p_words text)
returns tsquery
language plpgsql
immutable
as $$
declare
    short constant text := left(p_words, 500);
begin
    -- Whoever writes quotes, minus or OR means them; else a word may go on: deliv finds delivery.
    if short ~ '"' or short ~* '(^|\s)(-\S|or\s)' then
        return websearch_to_tsquery('simple', short);
    end if;
    return (
        select string_agg(quote_literal(l.lexeme) || case when length(l.lexeme) > 2 then ':*' else '' end, ' & ')::tsquery
        from unnest(to_tsvector('simple', short)) l);
end
$$;
comment on function chat.search_query(text) is
    'What somebody typed as a query: "phrases", -not and OR as on the web, else every word or its beginning. Null when it says nothing.';

create or replace function chat.find_conversations(p_sites uuid[], p_words text)
returns uuid[]
language plpgsql
stable
as $$
declare
    typed constant text := left(btrim(p_words), 200);
    part constant text := '%' || replace(replace(replace(typed, '\', '\\'), '%', '\%'), '_', '\_') || '%';
    query constant tsquery := chat.search_query(typed);
    site uuid;
    found uuid[] := '{}';
begin
    foreach site in array p_sites loop
        found := found || array(
            select c.id from public.mod_chat_visitors v join public.mod_chat_conversations c on c.visitor_id = v.id
            where length(typed) > 2 and v.site_id = site
                and chat.visitor_words(v.name, v.email, v.phone, v.whatsapp_phone) ilike part
            order by c.created_at desc limit 1000)
        || array(
            select c.id from public.mod_chat_conversations c
            where length(typed) > 2 and c.site_id = site and c.subject ilike part limit 1000)
        || array(
            select c.id from public.mod_chat_conversations c
            where c.site_id = site and c.session_number = upper(typed))
        || array(
            select h.conversation_id from chat.search_hits(site, query, null, null, null, 1000) h);
    end loop;
    return found;
end
$$;
comment on function chat.find_conversations(uuid[], text) is
    'Conversations of sites whose visitor, subject, number or messages match what was typed.';
